"""The tables of the comment: rows that are decided already, as Markdown in which nothing foreign acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ml_ci.compare.comparison import Change
from ml_ci.report import escape
from ml_ci.report.certainty import Certainty, SliceRow, Slices
from ml_ci.report.escape import Markdown
from ml_ci.report.view import ChangeGroup, MetricRow, View

Spark = Callable[[str], str]
"""From a metric's name to its curve in block letters; empty where it has none, or where none are wanted."""


_LINED_UP = 500
"""Rows."""


def no_spark(_: str) -> str:
    """No curve for any metric."""
    return ""


def gate_table(shown: View, trend: Spark = no_spark) -> Markdown:
    """The gated metrics; the interval's column is there where a rule was judged with one, base's where there is a base,
    the trend's where any metric has one.
    """
    columns = {"Metric": "left", "Base": "right", "Head": "right", "Δ": "left", "Interval of Δ": "left"}
    columns |= {"Limit": "left", "Outcome": "left", "Trend": "left"}
    trends = [trend(row.name) for row in shown.gated]
    rows = [
        [
            escape.code(row.name, 80),
            *(escape.prose(text, 80) for text in (row.base, row.head, row.delta, row.interval or "—", row.limit)),
            Markdown(row.outcome if row.outcome.startswith("✅") else f"**{row.outcome}**"),
            Markdown(line or "—"),
        ]
        for row, line in zip(shown.gated, trends, strict=True)
    ]
    absent = set() if shown.has_intervals else {"Interval of Δ"}
    if not shown.compared:
        absent |= {"Base", "Δ"}
    if not any(trends):
        absent.add("Trend")
    return _table(rows, columns, absent)


def grounds_table(certainty: Certainty) -> Markdown:
    """What each rule's outcome stands on; a column that holds nothing is not worth its place."""
    columns = {"Metric": "left", "Evidence": "left", "Method": "left", "One-sided bounds of Δ": "left"}
    columns |= {"Allowed": "right", "Detectable": "right", "Needed": "right"}
    rows = [
        [row.name, row.evidence, row.method, row.bounds, row.margin, row.detectable, row.needed]
        for row in certainty.grounds
    ]
    absent = {name for index, name in enumerate(columns) if all(row[index] == "—" for row in rows)}
    cells = [[escape.code(name, 80), *(escape.prose(text, 120) for text in rest)] for name, *rest in rows]
    return _table(cells, columns, absent)


def slices_table(slices: Slices | None, most: int) -> Markdown:
    """The first slices, which are those that count."""
    if slices is None:
        return Markdown("")
    columns = {"Metric": "left", "Slice": "left", "Examples": "right", "Base": "right", "Head": "right", "Δ": "left"}
    columns |= {"Interval of Δ": "left", "Allowed": "right", "Outcome": "left"}
    cells = [
        [
            escape.code(row.metric, 80),
            place(row),
            *(escape.prose(text) for text in (row.size, row.base, row.head, row.delta, row.interval, row.margin)),
            Markdown(f"**{row.outcome}**" if row.bad else row.outcome),
        ]
        for row in slices.rows[:most]
    ]
    absent = {"Allowed"} if all(row.margin == "—" for row in slices.rows) else set()
    if not slices.of_many:
        absent.add("Metric")
    return _table(cells, columns, absent)


def place(row: SliceRow) -> Markdown:
    """Which slice: `region` = `north`."""
    return Markdown(f"{escape.code(row.column, 60)} = {escape.code(row.value, 80)}")


def metric_table(rows: Sequence[MetricRow], *, compared: bool, curve: Spark = no_spark) -> Markdown:
    """Metrics without a rule, on both sides if `compared`, with head's curve where any of them has one."""
    curves = [curve(row.name) for row in rows]
    sides = {"Base": "right", "Head": "right", "Δ": "left"} if compared else {"Value": "right"}
    cells = [
        [
            escape.code(row.name, 80),
            *map(escape.prose, (row.base, row.head, row.delta) if compared else (row.head,)),
            Markdown(line or "—"),
        ]
        for row, line in zip(rows, curves, strict=True)
    ]
    absent = set() if any(curves) else {"By step"}
    return _table(cells, {"Metric": "left", **sides, "By step": "left"}, absent)


def changes_table(group: ChangeGroup) -> Markdown:
    """Everything of one kind that differs."""
    cells = [[escape.code(change.name), *_both(change, 300)] for change in group.changes]
    return _table(cells, {"Name": "left", "Base": "left", "Head": "left"})


def _both(change: Change, limit: int) -> tuple[Markdown, Markdown]:
    base, head = escape.clip_pair(change.base or "", change.head or "", limit)
    return (
        Markdown("—") if change.base is None else escape.code(base, limit),
        Markdown("—") if change.head is None else escape.code(head, limit),
    )


def _table(
    rows: Sequence[Sequence[Markdown]], columns: dict[str, str], absent: set[str] | frozenset[str] = frozenset()
) -> Markdown:
    """A table of cells that are escaped already; empty without rows.

    A long one is not lined up: nobody reads its source, and the blanks would be half of it.
    """
    from tabulate import tabulate

    if not rows:
        return Markdown("")
    kept = [(index, name, side) for index, (name, side) in enumerate(columns.items()) if name not in absent]
    headers = [name for _, name, _ in kept]
    cells = [[escape.cell(row[index]) for index, _, _ in kept] for row in rows]
    if len(rows) > _LINED_UP:
        rule = ["---:" if side == "right" else ":---" for _, _, side in kept]
        lines: list[Sequence[str]] = [headers, rule, *cells]
        return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
    sides = [side for _, _, side in kept]
    return Markdown(tabulate(cells, headers=headers, tablefmt="pipe", disable_numparse=True, colalign=sides))
