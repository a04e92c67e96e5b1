"""Metrics at a terminal: as a table where it fits, else a few lines for each, so that no number and no outcome is cut."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ml_ci.report import escape
from ml_ci.report.letters import letters
from ml_ci.report.view import MetricRow

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_PERCENTAGE = re.compile(r" \([^)]*%\)")
_WIDE = 100
"""Columns from which on a table of the gate has room for all that it knows."""

_LEAST = {"name": 10, "limit": 8}
"""What these columns can be folded to, and still be read."""
_GAP, _EDGES = 3, 2
_LONGEST_NAME = 120


def metrics(rows: Sequence[MetricRow], columns: Mapping[str, str], console: Console) -> list[RenderableType]:
    """The rows, with the field of each that `columns` names for a title."""
    table = _Metrics(console)
    if console.width < _WIDE:  # then the interval stands below its change
        columns = {title: field for title, field in columns.items() if field != "interval"}
    cells = [{field: table.cell(row, field) for field in columns.values()} for row in rows]
    if _least_width(columns, cells) <= console.width:
        return [table.table(columns, cells)]
    return [table.title(columns), *(table.card(row, columns) for row in rows), ""]


def _least_width(columns: Mapping[str, str], cells: Sequence[Mapping[str, Text]]) -> int:
    """How wide a table is at least whose numbers and outcomes are whole."""
    from rich.cells import cell_len

    def width(title: str, field: str) -> int:
        widest = max(cell_len(line) for row in cells for line in [title, *row[field].plain.split("\n")])
        return min(widest, _LEAST.get(field, widest))

    return _EDGES + _GAP * (len(columns) - 1) + sum(width(title, field) for title, field in columns.items())


class _Metrics:
    def __init__(self, console: Console) -> None:
        self._encoding = console.encoding
        self._width = console.width
        self._narrow = console.width < _WIDE

    def cell(self, row: MetricRow, field: str) -> Text:
        """What stands in a cell; below a change its interval, where that has no column."""
        text: str = getattr(row, field)
        if field == "name":
            text = escape.clip(text, _LONGEST_NAME)
        if field != "delta" or not self._narrow:
            return self._text(text, _style(row, field))
        cell = self._text(_PERCENTAGE.sub("", text), _style(row, field))
        return cell.append("\n" + letters(row.interval, self._encoding), "default") if row.interval else cell

    def table(self, columns: Mapping[str, str], cells: Sequence[Mapping[str, Text]]) -> Table:
        """All rows under one head."""
        from rich import box
        from rich.table import Table

        table: Table = Table(box=box.SIMPLE, pad_edge=False, safe_box=True)
        for title, field in columns.items():
            table.add_column(
                self._text(title),
                justify="right" if field in ("base", "head") else "left",
                overflow="fold",
                # a verdict and a number are not to be parted; names and limits can be
                no_wrap=field not in _LEAST,
            )
        for row in cells:
            table.add_row(*(row[field] for field in columns.values()))
        return table

    def title(self, columns: Mapping[str, str]) -> RenderableType:
        """What the cards are, where they are not the first thing that there is."""
        name = next(title for title, field in columns.items() if field == "name")
        return self._text(name if name != "Metric" else "", "bold")

    def card(self, row: MetricRow, columns: Mapping[str, str]) -> RenderableType:
        """One row as a few lines: its name and outcome, its numbers, the change, and what it is held to."""
        from rich.padding import Padding
        from rich.text import Text

        shown = set(columns.values())
        name = self.cell(row, "name")
        name.stylize("bold")
        outcome = self._text(row.outcome, _style(row, "outcome"))
        numbers = self._text(f"{row.base} → {row.head}" if "base" in shown else row.head)
        change = self._text(row.delta if "delta" in shown else "", _style(row, "delta"))
        limits = self._text(row.interval), self._text(row.limit if "limit" in shown else "")
        lines = [*self._joined(name, outcome), *(Text("  ") + line for line in self._joined(numbers, change, *limits))]
        return Padding(Text("\n", overflow="fold").join(lines), (0, 0, 0, 1), expand=False)

    def _joined(self, *parts: Text) -> list[Text]:
        """As few lines as they fit on."""
        lines: list[Text] = []
        for part in filter(None, parts):
            if lines and lines[-1].cell_len + part.cell_len + 6 <= self._width:
                lines[-1] = lines[-1] + "  " + part
            else:
                lines.append(part)
        return lines

    def _text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(letters(text, self._encoding), style)


def _style(row: MetricRow, field: str) -> str:
    if field == "outcome":
        return {"✅": "green", "❌": "red"}.get(row.outcome[:1], "yellow")
    if field == "delta" and row.delta.endswith(("better", "worse")):
        return "green" if row.delta.endswith("better") else "red"
    return ""
