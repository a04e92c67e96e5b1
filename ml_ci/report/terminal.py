"""The same verdict and tables for a person at a terminal; plain text where the output is not one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.compare.comparison import Change
from ml_ci.report import escape
from ml_ci.report.certainty import Certainty
from ml_ci.report.headline import Headline, no_baseline
from ml_ci.report.letters import letters
from ml_ci.report.terminal_table import metrics
from ml_ci.report.view import MetricRow, View, view
from ml_ci.result import Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {"good": "bold green", "bad": "bold red", "unsure": "bold yellow", "warning": "bold yellow"}
_MOST_ROWS = 20
_MOST_NAMES = 8
_LONGEST_NAME = 120
_LONGEST_LINE = 1000


def _rules(shown: View) -> Iterator[str]:
    if shown.rules:
        yield f"⚠️ This change is one of the rules, too. {shown.whose_rules}"
    yield from (f"  {text}" for text in shown.rules)


def print_result(result: Result, console: Console) -> None:
    """Print the verdict, the gate, what changed, the other metrics that moved, warnings, and where the base came from."""
    shown = view(result)
    page = Page(console)
    page.headline(shown.headline)
    for text in _rules(shown):
        page.line(text, "yellow")
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
    others = "Other metrics" if shown.gated else "Metric"
    if shown.changed:
        page.table(shown.changed[:_MOST_ROWS], {others: "name", "Base": "base", "Head": "head", "Δ": "delta"})
    if len(shown.changed) > _MOST_ROWS:
        page.line(f"… and {len(shown.changed) - _MOST_ROWS} more that changed: see the report.")
    if not shown.compared or not (shown.gated or shown.changed):
        page.table(shown.unchanged[:_MOST_ROWS], {others: "name", "Head": "head"})
    for side in shown.sides:
        dirty = " with uncommitted changes" if side.dirty else ""
        page.line(f"{side.name} {side.commit[:9] or '(no commit)'}{dirty}: {side.origin}.", "dim")


class Page:
    """Writes foreign text to a console: never as rich's own markup, and in letters that the console has."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def headline(self, headline: Headline) -> None:
        """The verdict and what decided it."""
        title = f"{escape.clip(headline.title, _LONGEST_NAME)} · " if headline.title else ""
        text = self._text(f"{headline.icon} {title}")
        text.append_text(self._text(headline.said, _STYLES[headline.tone]))
        text.append_text(self._text(f": {headline.why}"))
        self._console.print(text)
        for reason in headline.more:
            self._indented(f"- {reason}", "")
        if headline.gate:
            self.line(headline.gate)

    def line(self, text: str, style: str = "") -> None:
        """A sentence, in one of rich's styles."""
        self._console.print(self._text(text, style))

    def block(self, lines: str) -> None:
        """Lines of a log."""
        for line in lines.split("\n"):
            self._indented(line, "dim")

    def table(self, rows: Sequence[MetricRow], columns: dict[str, str]) -> None:
        """The rows, with the field of each that `columns` names for a title; nothing without rows."""
        if rows:
            for part in metrics(rows, columns, self._console):
                self._console.print(part)

    def _indented(self, text: str, style: str) -> None:
        from rich.padding import Padding

        self._console.print(Padding(self._text(text, style), (0, 0, 0, 2), expand=False))

    def _text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(letters(escape.clip(text, _LONGEST_LINE), self._console.encoding), style, overflow="fold")


def _certainty(certainty: Certainty) -> Iterator[tuple[str, str]]:
    """The lines below the table, with their style: what the evidence says, and what it is worth."""
    if certainty.stands_on:
        yield certainty.stands_on, ""
    for finding in certainty.findings[:_MOST_ROWS]:
        yield f"{finding.name} {finding.text}", ""
    if certainty.plain:
        yield f"⚠️ Plain tolerance on two numbers: it does not know chance ({_few(certainty.plain)}).", "yellow"
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
    if certainty.wear_detail:
        yield certainty.wear_detail, "dim"
        yield f"How many examples it takes: {certainty.plan}", "dim"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(escape.clip(name, _LONGEST_NAME) for name in names[:_MOST_NAMES]) + more


def _gate_columns(shown: View) -> dict[str, str]:
    columns = {"Metric": "name", "Base": "base", "Head": "head", "Δ": "delta", "Interval of Δ": "interval"}
    columns |= {"Limit": "limit", "Outcome": "outcome"}
    if not shown.has_intervals:
        del columns["Interval of Δ"]
    if not shown.compared:
        del columns["Base"], columns["Δ"]
    return columns


def _change(change: Change) -> str:
    name = escape.clip(change.name, _LONGEST_NAME)
    if change.base is None:
        return f"{name} added" + (f" ({escape.clip(change.head, 60)})" if change.head else "")
    if change.head is None:
        return f"{name} removed" + (f" ({escape.clip(change.base, 60)})" if change.base else "")
    if not (change.base or change.head):
        return name
    base, head = escape.clip_pair(change.base, change.head, 60)
    return f"{name} {base} → {head}"
