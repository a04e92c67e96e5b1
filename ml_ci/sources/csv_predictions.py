"""Predictions in CSV: what columns there are, and reading some of them as text, within limits."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.config_yaml import printable, quoted
from ml_ci.sources.broken_predictions import LARGEST_FILE, MOST_ROWS, BrokenPredictionsError, counted, too_large

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

_LONGEST_HEADER = 1_000_000
_BLOCK = 16 * 1024 * 1024


class CsvPredictions:
    """Predictions in CSV, compressed or not: commas, a header line, UTF-8."""

    def __init__(self, path: Path, where: str) -> None:
        self._path = path
        self._where = where
        self._raw_names = self._header()
        self.names = tuple(name.strip() for name in self._raw_names)

    def rows(self) -> int:
        """The rows under the header."""
        return int(self.read(self.names[:1]).num_rows)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns, as text; empty text where there is no value."""
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        raw = [self._raw_names[self.names.index(name)] for name in columns]
        ragged: list[arrow_csv.InvalidRow] = []

        def keep(row: arrow_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        try:
            with closing(_Bounded(self._path, self._where)) as stream:
                table = arrow_csv.read_csv(
                    stream,
                    read_options=arrow_csv.ReadOptions(block_size=_BLOCK),
                    parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
                    # as text, so that what a value is does not hang on which others are in the same block
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(raw, pa.string()), include_columns=raw, strings_can_be_null=False
                    ),
                )
        except (pa.ArrowException, pa.ArrowInvalid) as error:
            raise self._broken(error, ragged) from error
        if stream.quotes % 2:
            # Arrow takes the rest of the file for the value, and its rows would be lost without a word
            raise self._unclosed()
        return table.rename_columns(list(columns))

    def _header(self) -> tuple[str, ...]:
        with closing(_Bounded(self._path, self._where)) as stream:
            start = stream.read(_LONGEST_HEADER)
        try:
            text = codecs.getincrementaldecoder("utf-8-sig")().decode(start, final=len(start) < _LONGEST_HEADER)
        except UnicodeDecodeError as error:
            raise self._not_utf8(start.count(b"\n", 0, error.start) + 1) from error
        lines = io.StringIO(text, newline="")
        try:
            header = next((row for row in csv.reader(lines) if row), None)
        except csv.Error as error:
            raise BrokenPredictionsError(f"{self._where} has a header line that is no CSV: {error}.") from error
        if header is None:
            raise BrokenPredictionsError(
                f"{self._where} has only empty lines; let training write a header line and a row for each example."
            )
        return tuple(header)

    def _broken(self, error: Exception, ragged: Sequence[arrow_csv.InvalidRow]) -> BrokenPredictionsError:
        said = str(error).splitlines()[0].rstrip(".")
        if ragged:
            row = min(ragged, key=lambda row: row.number or 0)
            return BrokenPredictionsError(
                f"{self._where} has a line with {counted(row.actual_columns, 'value')} where the header has "
                f"{row.expected_columns}: {quoted(row.text)}; write every row with all columns."
            )
        if "UTF8" in said:
            return self._not_utf8(_first_line_not_utf8(self._path, self._where))
        if "straddl" in said or "out of sync" in said:
            return self._unclosed()
        return BrokenPredictionsError(f"{self._where} cannot be read as CSV: {printable(said)}; write it anew.")

    def _unclosed(self) -> BrokenPredictionsError:
        return BrokenPredictionsError(
            f"{self._where} is no CSV: a quote is not closed, or a row has more than {_BLOCK // 2**20} MiB; "
            "let training write it with a CSV writer, to the end."
        )

    def _not_utf8(self, line: int) -> BrokenPredictionsError:
        return BrokenPredictionsError(f"{self._where}, line {line}, is not UTF-8 text; let training write it as UTF-8.")


class _Bounded(io.RawIOBase):
    """The bytes of a CSV file, uncompressed, until there are more of them, or more lines, than the limits allow."""

    def __init__(self, path: Path, where: str) -> None:
        super().__init__()
        self._where = where
        packed = path.name.lower().endswith(".gz")
        try:
            self._stream = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115 — `close` closes it
        except OSError as error:
            raise BrokenPredictionsError(
                f"{where} cannot be read ({error.strerror}); let training write it so that it can."
            ) from error
        self._bytes = self._lines = 0
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            part = self._stream.read(size if size >= 0 else LARGEST_FILE + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BrokenPredictionsError(
                f"{self._where} is not a whole gzip file; let training write it to the end."
            ) from error
        self._bytes += len(part)
        self._lines += part.count(b"\n")
        self.quotes += part.count(b'"')
        if self._bytes > LARGEST_FILE:
            raise too_large(self._where, f"more than {LARGEST_FILE:,} bytes when it is unpacked")
        if self._lines > MOST_ROWS + 1:
            raise too_large(self._where, f"more than {MOST_ROWS:,} rows")
        return part

    def close(self) -> None:
        self._stream.close()
        super().close()


def _first_line_not_utf8(path: Path, where: str) -> int:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with closing(_Bounded(path, where)) as stream:
        while part := stream.read(_BLOCK):
            pending = decoder.getstate()[0]
            try:
                decoder.decode(part)
            except UnicodeDecodeError as error:
                return line + (pending + part).count(b"\n", 0, error.start)
            line += part.count(b"\n")
    return line
