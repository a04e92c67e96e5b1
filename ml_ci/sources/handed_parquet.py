"""Predictions that were handed over, read and written anew where that can hurt nobody."""

from __future__ import annotations

from dataclasses import dataclass

from ml_ci.sources.archive import LARGEST_PARQUET, not_ours
from ml_ci.sources.confined import Confined, DiedError, RefusedError
from ml_ci.sources.parquet_worker import DIGEST, ROWS

_CLOCK = 90.0
"""Seconds; the limit of the processor's time, which is less, does not count waiting for it."""
_SIGNATURE = b"PAR1"


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """Predictions as `kept_predictions.to_parquet` writes them: the bytes, the rows, and the digest of the test set."""

    content: bytes
    rows: int
    test_set: str


def rewritten(content: bytes, name: str) -> Rewritten:
    """The predictions of these bytes, written anew. Raises HandoverError for what ml-ci does not write."""
    with Confined("ml_ci.sources.parquet_worker", clock=_CLOCK, largest=2 * LARGEST_PARQUET) as worker:
        try:
            answer = worker.ask(content)
        except RefusedError as error:
            raise not_ours(f"{name} holds no predictions as ml-ci keeps them ({_first_part(error)})") from error
        except DiedError as error:
            raise not_ours(f"{name} cannot be read within its limits of time and memory") from error
    anew = answer[ROWS + DIGEST :]
    if not (anew.startswith(_SIGNATURE) and anew.endswith(_SIGNATURE)):
        raise not_ours(f"what was made of {name} is no Parquet")
    test_set = answer[ROWS : ROWS + DIGEST].decode("ascii", errors="replace")
    return Rewritten(content=anew, rows=int.from_bytes(answer[:ROWS], "big"), test_set=test_set)


def _first_part(error: Exception) -> str:
    """What is wrong, without what a training that wrote it should do."""
    return str(error).partition(", which ml-ci")[0].partition("; ")[0].partition(": ")[0].rstrip(".")
