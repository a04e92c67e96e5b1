"""The data files of DVC's plots, as DVC reads them: tables row by row, documents by the lists of records in them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ml_ci.sources import documents
from ml_ci.sources.dvc_plot_columns import Column
from ml_ci.sources.file_text import BrokenFileError, read_text

LARGEST: Mapping[str, int] = {
    ".csv": 50_000_000,
    ".tsv": 50_000_000,
    ".json": 10_000_000,
    ".yaml": 250_000,
    ".yml": 250_000,
    ".toml": 1_000_000,
}
"""Bytes. A table is read row by row; a document is held whole, and YAML takes a second or two for each 100 kB."""

MOST_ROWS = 2_000_000

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_KINDS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}
_MOST_VALUES = 5_000_000
_BATCH = 10_000

Batch = Callable[[str], Sequence[object]]
"""Gives the values of a field, one for each row of the batch."""


@dataclass(frozen=True)
class Wanted:
    """A field to be read, as numbers or as names. Without a name of its own it is the last one of the file."""

    field: str | None
    named: bool


@dataclass(frozen=True)
class Table:
    """The fields of a file in their order, and those columns that were asked for and are there, by field and kind."""

    fields: tuple[str, ...]
    columns: Mapping[tuple[str, bool], Column]

    def field(self, wanted: Wanted) -> str:
        """The field's name; where none was given that of the last one, as DVC takes it."""
        return self.fields[-1] if wanted.field is None else wanted.field


def read_fields(path: Path, wanted: Collection[Wanted], *, header: bool) -> Table:
    """Some fields of a file; without `header` those of a table are called `0`, `1` and so on.

    Raises BrokenFileError for a file that is too large or broken, has no rows, or is of a kind that DVC cannot draw.
    """
    ending = path.suffix.lower()
    if ending not in LARGEST:
        raise BrokenFileError("DVC draws JSON, YAML, TOML, CSV and TSV files only")
    try:
        if path.stat().st_size > LARGEST[ending]:
            raise BrokenFileError(f"it has more than {LARGEST[ending] / 1e6:g} MB")
        if ending in _SEPARATORS:
            fields, batches = _table(path, _SEPARATORS[ending], header=header)
        else:
            fields, batches = _records(documents.parse(read_text(path), _KINDS[ending]))
        return _collected(fields, batches, wanted)
    except OSError as error:
        raise BrokenFileError(f"it cannot be read ({error.strerror})") from error


def _collected(fields: tuple[str, ...], batches: Iterable[Batch], wanted: Collection[Wanted]) -> Table:
    columns: dict[tuple[str, bool], Column] = {}
    table = Table(fields, columns)
    for each in wanted:
        if table.field(each) in fields:
            columns[table.field(each), each.named] = Column(named=each.named)
    empty = True
    for batch in batches:
        empty = False
        for (field, _), column in columns.items():
            column.extend(batch(field))
    if empty:
        raise BrokenFileError("it has no rows")
    return table


# -- tables


def _table(path: Path, separator: str, *, header: bool) -> tuple[tuple[str, ...], Iterator[Batch]]:
    rows = _rows(path, separator)
    first = next(rows, None)
    if first is None:
        raise BrokenFileError("it is empty")
    fields = tuple(first) if header else tuple(str(index) for index in range(len(first)))
    # of two columns with the same name DVC shows the last one
    places = {name: index for index, name in enumerate(fields)}

    def taken(rows: list[list[str]]) -> Batch:
        return lambda name: [row[place] if (place := places[name]) < len(row) else None for row in rows]

    def batches() -> Iterator[Batch]:
        if not header:
            yield taken([first])
        count = 0
        while batch := list(islice(rows, _BATCH)):
            count += len(batch)
            if count > MOST_ROWS:
                raise BrokenFileError(f"it has more than {MOST_ROWS:,} rows")
            yield taken(batch)

    return fields, batches()


def _rows(path: Path, separator: str) -> Iterator[list[str]]:
    """The rows that are not blank, read as they are asked for."""
    with path.open(newline="", encoding=_encoding(path)) as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            yield from filter(None, reader)
        except csv.Error as error:
            raise BrokenFileError(str(error), reader.line_num) from error
        except UnicodeError as error:
            raise BrokenFileError("it is not UTF-8 text") from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
    return "utf-16" if mark in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"


# -- documents

Record = dict[str, documents.Value]


def _records(document: documents.Value) -> tuple[tuple[str, ...], Iterator[Batch]]:
    """The records of a document: of all lists of records in it those of the same place are one record, as DVC joins them.

    A list counts if its first record has every field that another has. The last field is that of the first list.
    """
    lists = [records for each in _lists(document) if (records := _of_records(each))]
    joined = _joined([records for records in lists if set(records[0]) == set().union(*records)])
    if not joined:
        raise BrokenFileError("it has no list of records with the same fields")
    fields = [str(name) for name in joined[0]]
    last = str(next(reversed(lists[0][0]), ""))
    if last in fields:
        fields.append(fields.pop(fields.index(last)))
    return tuple(fields), iter([lambda name: [record.get(name) for record in joined]])


def _of_records(values: list[documents.Value]) -> list[Record]:
    records = [value for value in values if isinstance(value, dict)]
    return records if len(records) == len(values) else []


def _joined(lists: list[list[Record]]) -> list[Record]:
    if len(lists) < 2:
        return lists[0] if lists else []
    if sum(len(records) for records in lists) > MOST_ROWS:
        raise BrokenFileError(f"it has more than {MOST_ROWS:,} rows")
    joined: list[Record] = [{} for _ in range(max(map(len, lists)))]
    for records in lists:
        for target, record in zip(joined, records, strict=False):
            target.update(record)
    return joined


def _lists(document: documents.Value) -> Iterator[list[documents.Value]]:
    """Every list that is not in another, in the order of the document."""
    waiting = [document]
    seen = 0
    while waiting:
        value = waiting.pop()
        seen += len(value) if isinstance(value, dict | list) else 1
        if seen > _MOST_VALUES:
            raise BrokenFileError(f"it has more than {_MOST_VALUES:,} values")
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict):
            waiting += reversed([each for each in value.values() if isinstance(each, dict | list)])
