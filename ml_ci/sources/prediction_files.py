"""The files that predictions are in: which may be read, and how each kind is."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ml_ci.sources.broken_predictions import LARGEST_FILE, BrokenPredictionsError, too_large
from ml_ci.sources.csv_predictions import CsvPredictions
from ml_ci.sources.parquet_predictions import open_parquet
from ml_ci.sources.true_place import is_own

if TYPE_CHECKING:
    import pyarrow as pa


class PredictionsFile(Protocol):
    """A table in a file. Both raise BrokenPredictionsError."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of the file; one name may stand there twice."""

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns, which are among the names, with all rows."""

    def rows(self) -> int:
        """How many rows there are."""


def open_predictions(path: Path, where: str, inside: Sequence[Path]) -> PredictionsFile:
    """The file, told by its ending, with its header or its metadata read; `where` is what messages call it.

    Its true place (links resolved) has to be below the first of the folders `inside`, or in one of the others, which are
    DVC's caches. Raises BrokenPredictionsError.
    """
    try:
        status = path.stat()
    except OSError as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise BrokenPredictionsError(f"{where} {why}; let training write it.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise BrokenPredictionsError(f"{where} is {kind}; let training write one file with a row for each example.")
    if not is_own(path, inside[0], inside[1:]):
        raise BrokenPredictionsError(
            f"{where} is a link that leads out of the repository; let training write the file itself there."
        )
    if status.st_size > LARGEST_FILE:
        raise too_large(where, f"{status.st_size:,} bytes")
    if not status.st_size:
        raise BrokenPredictionsError(f"{where} is empty; let training write a header line and a row for each example.")
    if path.name.lower().endswith(".parquet"):
        return open_parquet(path, where)
    return CsvPredictions(path, where)
