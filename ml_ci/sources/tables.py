"""Metrics in rows: CSV and TSV files, and lists of records in documents."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ml_ci.records import Metric
from ml_ci.sources.file_text import BrokenFileError, number
from ml_ci.thinning import thinned

STEPS = ("step", "global_step", "iteration", "iter", "epoch")
"""Columns that say when, in the order in which they are asked; none of them is a metric."""

_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,20})?")
"""What nearly every cell is, of millions of them: known without asking what else it could be."""
_BLANK = {"", "-"}
_NO_VALUE = {"na", "n/a", "#n/a", "null", "none", "<na>"}
_NAMES = {"metric", "metrics", "name", "key"}
_VALUES = {"value", "score"}

Cell = float | str | None
"""A number, another text, or None where the row has nothing."""


def read_table(text: str, delimiter: str | None = None) -> Iterable[tuple[str, Metric]]:
    """The metrics of a table with a header line: of each column of numbers the last row, with all rows as history.

    A table of two columns `metric,value` gives one metric per row. Raises BrokenFileError.
    """
    lines = text.removeprefix("#").split("\n")
    delimiter = delimiter or _delimiter(lines)
    rows = _rows(lines, delimiter)
    header, comma = next(rows), delimiter != ","
    if len(header) == 2 and header[0].lower() in _NAMES and header[1].lower() in _VALUES:
        named = [(row[0], _cell(row[1], decimal_comma=comma)) for row in rows]
        return [(name, Metric(value=value)) for name, value in named if isinstance(value, float)]
    # row by row, since all texts take twice as much memory as all numbers
    cells = [[_cell(text, decimal_comma=comma) for text in row] for row in rows]
    columns = {name: [row[index] for row in cells] for index, name in enumerate(header) if name}
    return curves(columns)


def curves(columns: Mapping[str, Sequence[Cell]]) -> list[tuple[str, Metric]]:
    """One metric for each column of numbers: its last row as value, its rows as history.

    Columns with other texts in them are left out. In a log some rows have these columns and other rows those (no row
    has them all); then a column's value is the last that there is. In any other table an empty last cell is a NaN,
    as pandas writes it. Where the steps begin anew, a file has been appended to: the history is that of the last part.
    A long history is thinned.
    """
    named = {name: cells for name, cells in columns.items() if not any(isinstance(cell, str) for cell in cells)}
    steps = _steps(named)
    metrics = {
        name: [cell for cell in cells if not isinstance(cell, str)]
        for name, cells in named.items()
        if name.lower() not in STEPS
    }
    filled = [cells for cells in metrics.values() if any(cell is not None for cell in cells)]
    is_log = not any(all(cell is not None for cell in row) for row in zip(*filled, strict=True))
    found = []
    for name, cells in metrics.items():
        if not cells:
            continue
        there = [(step, cell) for step, cell in zip(steps or range(len(cells)), cells, strict=True) if cell is not None]
        last = there[-1][1] if there and (is_log or cells[-1] is not None) else math.nan
        found.append((name, Metric(value=last, history=thinned(_last_part(there)))))
    return found


def _last_part(pairs: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    part: dict[int, float] = {}
    previous = None
    for step, value in pairs:
        if previous is not None and step < previous:
            part.clear()
        part[step] = value
        previous = step
    return tuple(part.items())


def _steps(columns: Mapping[str, Sequence[Cell]]) -> list[int] | None:
    by_name = {name.lower(): cells for name, cells in columns.items()}
    for name in STEPS:
        steps = [int(cell) for cell in by_name.get(name, ()) if isinstance(cell, float) and cell.is_integer()]
        if steps and len(steps) == len(by_name[name]):
            return steps
    return None


def _delimiter(lines: Sequence[str]) -> str:
    sample = [line for line in lines if line.strip()][:20]

    def fits(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
        except csv.Error:
            return False, 0
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max(",;\t|", key=fits)


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """The header, and then each row, with as many cells."""
    reader = csv.reader(lines, delimiter=delimiter)
    header: list[str] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if not header:
                if all(number(name) is not None for name in cells if name):
                    raise BrokenFileError("it has no header line that names the columns", 1)
                header = cells
                yield header
                continue
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            if len(cells) > len(header):
                raise BrokenFileError(f"it has {len(cells)} cells where the header has {len(header)}", reader.line_num)
            yield cells + [""] * (len(header) - len(cells))
    except csv.Error as error:
        raise BrokenFileError(str(error), reader.line_num) from error
    if not header:
        raise BrokenFileError("it is empty")


def _cell(text: str, *, decimal_comma: bool) -> Cell:
    if _PLAIN.fullmatch(text):
        return float(text)
    if text in _BLANK:
        return None
    if text.lower() in _NO_VALUE:
        return math.nan
    value = number(text)
    if value is None and decimal_comma and text.count(",") == 1:
        value = number(text.replace(",", "."))
    return text if value is None else value
