"""Predictions that were handed over, read and written anew."""

from __future__ import annotations

from dataclasses import dataclass

from ml_ci.sources.archive import not_ours
from ml_ci.sources.broken_predictions import BrokenPredictionsError


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """Predictions as `kept_predictions.to_parquet` writes them: the bytes, the rows, and the digest of the test set."""

    content: bytes
    rows: int
    test_set: str


def rewritten(content: bytes, name: str) -> Rewritten:
    """The predictions of these bytes, written anew. Raises HandoverError for what ml-ci does not write."""
    from ml_ci.sources.kept_predictions import from_parquet, to_parquet

    try:
        found = from_parquet(content, name)
    except BrokenPredictionsError as error:
        raise not_ours(str(error).partition(", which ml-ci")[0].partition(";")[0]) from error
    return Rewritten(content=to_parquet(found), rows=len(found), test_set=found.test_set)
