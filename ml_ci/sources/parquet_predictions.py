"""Predictions in Parquet: what columns there are, and reading some of them, within limits."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.config_yaml import printable, quoted
from ml_ci.sources.broken_predictions import LARGEST_FILE, MOST_ROWS, BrokenPredictionsError, too_large

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet


def open_parquet(source: Path | io.BytesIO, where: str) -> ParquetPredictions:
    """The Parquet file, when it has no more than the limits allow. Raises BrokenPredictionsError."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            schema, metadata = file.schema_arrow, file.metadata
            leaves = tuple(file.schema.column(index).path for index in range(len(file.schema)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _not_parquet(where, error) from error
    if metadata.num_rows > MOST_ROWS:
        raise too_large(where, f"{metadata.num_rows:,} rows")
    return ParquetPredictions(source, where, schema, metadata, leaves)


@dataclass(frozen=True)
class ParquetPredictions:
    """Predictions in Parquet. `leaves` are the paths of its columns, with those that are parts of others."""

    source: Path | io.BytesIO
    where: str
    schema: pa.Schema
    metadata: parquet.FileMetaData
    leaves: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of the file."""
        return tuple(self.schema.names)

    def rows(self) -> int:
        """What the metadata says."""
        return int(self.metadata.num_rows)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns. Text is read as a dictionary, since a few bytes of it may stand for gigabytes."""
        import pyarrow as pa
        from pyarrow import parquet

        for name in columns:
            if pa.types.is_nested(self.schema.field(name).type):
                raise BrokenPredictionsError(
                    f"{self.where}: the column {quoted(name)} holds nested values in its {self.rows():,} rows; "
                    "write one number or text for each example."
                )
        groups = (self.metadata.row_group(index) for index in range(self.metadata.num_row_groups))
        if sum(group.total_byte_size for group in groups) > LARGEST_FILE:
            needed = sum(chunk.total_uncompressed_size for chunk in self.chunks(columns))
            if needed > LARGEST_FILE:
                raise too_large(self.where, f"{needed:,} bytes in the columns that are needed")
        try:
            with parquet.ParquetFile(self.source, read_dictionary=list(columns)) as file:
                return file.read(columns=list(columns), use_pandas_metadata=False)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _not_parquet(self.where, error) from error

    def chunks(self, columns: Sequence[str]) -> Iterator[parquet.ColumnChunkMetaData]:
        """What the metadata says of each chunk of these columns. Raises BrokenPredictionsError.

        The first value of each is read before: where the metadata is damaged this raises, and asking for it would end
        the process (Arrow 25).
        """
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.source) as file:
                for group in range(self.metadata.num_row_groups):
                    for name in columns:
                        next(file.iter_batches(1, row_groups=[group], columns=[name], use_threads=False), None)
                        yield self.metadata.row_group(group).column(self.leaves.index(name))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _not_parquet(self.where, error) from error


def _not_parquet(where: str, error: Exception) -> BrokenPredictionsError:
    said = printable(str(error).splitlines()[0].rstrip(".")) if str(error) else type(error).__name__
    return BrokenPredictionsError(
        f"{where} is not a whole Parquet file ({said}); let training write it to the end, and close it."
    )
