"""Predictions in Parquet to the same ones written anew: what `handed_parquet` has done in a confined process.

The request is the file. The answer is the number of rows in eight bytes, the digest of the test set in 64, and the file.
"""

from __future__ import annotations

import os

from ml_ci.sources.broken_predictions import BrokenPredictionsError
from ml_ci.sources.confined import RefusedError, allow, serve

ROWS, DIGEST = 8, 64
_MEMORY = 4_000_000_000
_SECONDS = 60
_NAME = "it"


def main() -> None:
    """Answer standard input."""
    # the others reserve more addresses than they use, and addresses are what is counted
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    serve(_rewritten, memory=_MEMORY)


def _rewritten(content: bytes) -> bytes:
    from ml_ci.sources.kept_predictions import from_parquet, to_parquet

    allow(_SECONDS)
    try:
        found = from_parquet(content, _NAME)
    except BrokenPredictionsError as error:
        raise RefusedError(str(error)) from error
    return len(found).to_bytes(ROWS, "big") + found.test_set.encode("ascii") + to_parquet(found)
