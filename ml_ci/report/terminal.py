"""The same verdict and tables for a person at a terminal; plain text where the output is not one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.compare.comparison import Change
from ml_ci.report import escape
from ml_ci.report.certainty import Certainty
from ml_ci.report.headline import Headline, no_baseline
from ml_ci.report.view import MetricRow, View, view
from ml_ci.result import Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {"good": "bold green", "bad": "bold red", "unsure": "bold yellow", "warning": "bold yellow"}
_ASCII = str.maketrans(
    {
        "→": "->",
        "−": "-",
        "▲": "^",
        "▼": "v",
        "Δ": "delta",
        "≥": ">=",
        "≤": "<=",
        "—": "-",
        "…": "...",
        "·": "-",
        "\u00a0": " ",
    }
    | {"✅": "[ok]", "❌": "[x]", "❔": "[?]", "⚠": "[!]", "\ufe0f": "", "×": "x", "⏎": " "}
)
_PERCENTAGE = re.compile(r" \([^)]*%\)")
_MOST_ROWS = 20
_MOST_NAMES = 8
_WIDE = 100
"""Columns from which on a table of the gate has room for all that it knows."""


def print_result(result: Result, console: Console) -> None:
    """Print the verdict, the gate, what changed, the other metrics that moved, warnings, and where the base came from."""
    shown = view(result)
    page = Page(console)
    page.headline(shown.headline)
    if missing := no_baseline(result):
        page.line(f"⚠️ Nothing was compared. Base: {missing}", "yellow")
    if shown.log:
        page.block(escape.lines_of(shown.log))
    page.table(shown.gated, _gate_columns(shown))
    for text, style in _certainty(shown.certainty):
        page.line(text, style)
    for warning in shown.warnings:
        page.line(f"⚠️ {warning}", "yellow")
    for group in shown.changes:
        page.line(f"{group.title}: " + ", ".join(_change(change) for change in group.changes[:_MOST_ROWS]))
    if shown.same:
        page.line(f"Unchanged: {', '.join(shown.same).lower()}")
    if shown.changed:
        page.table(shown.changed[:_MOST_ROWS], {"Other metrics": "name", "Base": "base", "Head": "head", "Δ": "delta"})
    if len(shown.changed) > _MOST_ROWS:
        page.line(f"… and {len(shown.changed) - _MOST_ROWS} more that changed: see the report.")
    if not shown.compared or not (shown.gated or shown.changed):
        page.table(shown.unchanged[:_MOST_ROWS], {"Other metrics": "name", "Head": "head"})
    for side in shown.sides:
        dirty = " with uncommitted changes" if side.dirty else ""
        page.line(f"{side.name} {side.commit[:9] or '(no commit)'}{dirty}: {side.origin}.", "dim")


class Page:
    """Writes foreign text to a console: never as rich's own markup, and in letters that the console has."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._plain = not console.encoding.lower().startswith("utf")

    def headline(self, headline: Headline) -> None:
        """The verdict and what decided it."""
        title = f"{headline.title} · " if headline.title else ""
        text = self._text(f"{headline.icon} {title}")
        text.append(self._letters(headline.word), _STYLES[headline.tone])
        text.append(self._letters(f": {headline.why}"))
        self._console.print(text)
        for reason in headline.more:
            self.line(f"  - {reason}")
        if headline.gate:
            self.line(headline.gate)

    def line(self, text: str, style: str = "") -> None:
        """A sentence, in one of rich's styles."""
        self._console.print(self._text(text, style))

    def block(self, lines: str) -> None:
        """Lines of a log."""
        for line in lines.split("\n"):
            self.line(f"  {line}", "dim")

    def table(self, rows: Sequence[MetricRow], columns: dict[str, str]) -> None:
        """The rows, with the field of each that `columns` names for a title; nothing without rows."""
        if not rows:
            return
        from rich import box
        from rich.table import Table

        narrow = self._console.width < _WIDE
        if narrow:  # then the interval stands below its change
            columns = {title: field for title, field in columns.items() if field != "interval"}
        table: Table = Table(box=box.SIMPLE, pad_edge=False, safe_box=True)
        for title in columns:
            table.add_column(
                self._text(title),
                justify="right" if title in {"Base", "Head"} else "left",
                overflow="fold",
                # a verdict and a number are not to be parted; names and limits can be
                no_wrap=title in {"Base", "Head", "Δ", "Outcome"},
            )
        for row in rows:
            table.add_row(*(self._cell(row, field, narrow=narrow) for field in columns.values()))
        self._console.print(table)

    def _cell(self, row: MetricRow, field: str, *, narrow: bool) -> Text:
        text: str = getattr(row, field)
        if field != "delta" or not narrow:
            return self._text(text, _style(row, field))
        cell = self._text(_PERCENTAGE.sub("", text), _style(row, field))
        return cell.append("\n" + self._letters(row.interval), "default") if row.interval else cell

    def _text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(self._letters(text), style)

    def _letters(self, text: str) -> str:
        shown = escape.visible(text)
        if not self._plain:
            return shown
        return shown.translate(_ASCII).encode(self._console.encoding, "backslashreplace").decode(self._console.encoding)


def _certainty(certainty: Certainty) -> Iterator[tuple[str, str]]:
    """The lines below the table, with their style: what the evidence says, and what it is worth."""
    if certainty.stands_on:
        yield certainty.stands_on, ""
    for finding in certainty.findings[:_MOST_ROWS]:
        yield f"{finding.name} {finding.text}", ""
    if certainty.plain:
        names = ", ".join(certainty.plain[:_MOST_ROWS])
        yield f"⚠️ Plain tolerance on two numbers: it does not know chance ({names}).", "yellow"
    slices = certainty.slices
    if slices:
        yield f"{slices.title}.", "dim"
    if slices and (worst := slices.worst):
        where = f"Worst slice: {worst.column} = {worst.value or '(empty)'} ({worst.size} examples)"
        said = "" if worst.outcome == numbers.NOTHING else f": {worst.outcome}"
        numbers_of_it = f"{worst.metric} {worst.base} → {worst.head}, {worst.delta}, interval {worst.interval}"
        yield f"{where}: {numbers_of_it}{said}", "red" if worst.bad else ""
    if slices and slices.small:
        yield f"Too small to judge: {_few(slices.small)}.", "dim"
    for text in (*certainty.not_judged, *(slices.notes if slices else ())):
        yield text, "dim"
    for note in certainty.notes[:_MOST_ROWS]:
        yield f"{_few(note.names)}: {note.text}", "dim"
    if certainty.wear:
        yield certainty.wear, "dim"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _gate_columns(shown: View) -> dict[str, str]:
    columns = {"Metric": "name", "Base": "base", "Head": "head", "Δ": "delta", "Interval of Δ": "interval"}
    columns |= {"Limit": "limit", "Outcome": "outcome"}
    if not shown.has_intervals:
        del columns["Interval of Δ"]
    if not shown.compared:
        del columns["Base"], columns["Δ"]
    return columns


def _style(row: MetricRow, field: str) -> str:
    if field == "outcome":
        return {"✅": "green", "❌": "red"}.get(row.outcome[:1], "yellow")
    if field == "delta" and row.delta.endswith(("better", "worse")):
        return "green" if row.delta.endswith("better") else "red"
    return ""


def _change(change: Change) -> str:
    if change.base is None:
        return f"{change.name} added" + (f" ({change.head})" if change.head else "")
    if change.head is None:
        return f"{change.name} removed" + (f" ({change.base})" if change.base else "")
    if not (change.base or change.head):
        return change.name
    base, head = escape.clip_pair(change.base, change.head, 60)
    return f"{change.name} {base} → {head}"
