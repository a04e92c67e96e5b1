"""The forest plot: every gated metric and the worst slices, each with its interval and what it may lose at most.

Metrics have different units, so each row is measured in what its own rule allows: no change and the allowed limit are at
the same place in all rows, worse is to the left, and the numbers in their own units stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.compare.judgement import Decision, Judgement, SliceJudgement
from ml_ci.config import Direction
from ml_ci.report.certainty import ordered
from ml_ci.report.escape import visible
from ml_ci.report.plots.forest_axes import Kind, Mark, draw_rows
from ml_ci.report.plots.style import dark_of, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_SLICES = 10
MOST_METRICS = 30

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the plot. `change`, `interval` and `bounds` are signed such that more is better; `margin` is positive,
    0 where nothing is allowed, None where nothing is asked.
    """

    metric: str
    label: str
    kind: Kind
    change: float
    interval: Range | None
    bounds: Range | None
    margin: float | None
    text: str
    allowed: str

    @property
    def half_width(self) -> float:
        """Half of the interval's width; 0 without one."""
        return (self.interval[1] - self.interval[0]) / 2 if self.interval else 0.0


def draw_forest(decision: Decision, folder: Path) -> Plot | None:
    """Draw the gated metrics and up to 10 slices into `folder`; None where no rule was judged with an interval."""
    metrics = [row for judgement in decision.judgements if (row := _metric_row(judgement))]
    slices = [row for judgement in ordered(decision.slices) if (row := _slice_row(judgement))]
    if not any(row.interval for row in (*metrics, *slices)):
        return None
    hidden = len(metrics[MOST_METRICS:]), len(slices[MOST_SLICES:])
    metrics, slices = metrics[:MOST_METRICS], slices[:MOST_SLICES]
    path = folder / "forest.png"
    draw_rows(_sections(metrics, slices), _below(*hidden), path)
    return Plot(
        name="forest",
        path=path,
        dark=dark_of(path),
        title="Head − base with its interval",
        alt=_alt(metrics, slices, hidden),
        width=FULL_WIDTH,
    )


def _metric_row(judgement: Judgement) -> Row | None:
    difference = judgement.difference
    if difference.base is None or difference.head is None or not judgement.method or judgement.margin is None:
        return None
    kind: Kind = "pass"
    if judgement.outcome in ("fail", "inconclusive"):
        kind = judgement.outcome
    return _row(
        metric=judgement.rule.metric,
        label=judgement.rule.metric,
        kind=kind,
        direction=judgement.rule.direction,
        sides=(difference.base, difference.head),
        ranges=(judgement.interval, judgement.bounds),
        margin=judgement.margin,
    )


def _slice_row(judgement: SliceJudgement) -> Row | None:
    if judgement.base is None or judgement.head is None or judgement.outcome == "too small":
        return None
    kind: Kind = "worse" if judgement.outcome == "shown" and judgement.worse else judgement.outcome
    return _row(
        metric=judgement.metric,
        label=f"{judgement.column} = {judgement.value or '(empty)'} ({judgement.size:,})",
        kind=kind,
        direction=judgement.direction,
        sides=(judgement.base, judgement.head),
        ranges=(judgement.interval, judgement.bounds),
        margin=judgement.margin,
    )


def _row(
    *,
    metric: str,
    label: str,
    kind: Kind,
    direction: Direction,
    sides: Range,
    ranges: tuple[Range | None, Range | None],
    margin: float | None,
) -> Row | None:
    if not all(map(math.isfinite, sides)):
        return None
    delta = numbers.difference(*sides)
    interval, bounds = ranges
    sign = 1 if direction == "higher" else -1
    allowed = numbers.number(margin) if margin else ("none" if margin == 0 else "")
    return Row(
        metric=metric,
        label=label,
        kind=kind,
        change=sign * delta,
        interval=_signed(interval, direction),
        bounds=_signed(bounds, direction),
        margin=margin,
        text=numbers.delta(*sides, interval) + (f"  {numbers.interval(interval)}" if interval else ""),
        allowed=allowed,
    )


def _signed(found: Range | None, direction: Direction) -> Range | None:
    return found if found is None or direction == "higher" else (-found[1], -found[0])


def _sections(metrics: Sequence[Row], slices: Sequence[Row]) -> list[tuple[str, list[Mark]]]:
    """The rows under their headings, each on the scale of its own margin."""
    rows = [*metrics, *slices]
    sections = [("", [_mark(row, rows) for row in metrics])] if metrics else []
    for metric in dict.fromkeys(row.metric for row in slices):
        marks = [_mark(row, rows) for row in slices if row.metric == metric]
        sections.append((f"{visible(metric)} by slice, worst first", marks))
    return sections


def _mark(row: Row, rows: Iterable[Row]) -> Mark:
    unit = _unit(row, rows)
    return Mark(
        label=visible(row.label),
        kind=row.kind,
        change=row.change / unit,
        interval=_divided(row.interval, unit),
        bounds=_divided(row.bounds, unit),
        limit=None if row.margin is None else -row.margin / unit,
        text=row.text,
        allowed=row.allowed,
    )


def _unit(row: Row, rows: Iterable[Row]) -> float:
    """What is 1 in this row: its margin. Without one that of another row of the metric, or else half of the interval's
    typical width, so that rows of one metric can be held against each other.
    """
    if row.margin:
        return row.margin
    same = [other for other in rows if other.metric == row.metric]
    margins = [other.margin for other in same if other.margin]
    widths = [other.half_width for other in same if 0 < other.half_width < math.inf]
    return margins[0] if margins else median(widths) if widths else abs(row.change) or 1.0


def _divided(found: Range | None, unit: float) -> Range | None:
    return None if found is None else (found[0] / unit, found[1] / unit)


def _below(metrics: int, slices: int) -> str:
    more = [f"{count} more {word}" for count, word in ((metrics, "metrics"), (slices, "slices")) if count]
    return f"{' and '.join(more)} not drawn" if more else ""


def _alt(metrics: Sequence[Row], slices: Sequence[Row], hidden: tuple[int, int]) -> str:
    """The same in words: what is drawn, then each row's numbers and outcome."""
    words = {"worse": "clearly worse", "shown": "not judged"}

    def said(row: Row) -> str:
        allowed = f", allowed {row.allowed}" if row.allowed else ""
        return (
            f"{short(visible(row.label), 60)} {row.text.replace('  ', ' ')}{allowed}: {words.get(row.kind, row.kind)}"
        )

    drawn = f"{len(metrics)} gated metric{'s' if len(metrics) != 1 else ''}"
    if slices:
        drawn += f" and {len(slices)} slice{'s' if len(slices) != 1 else ''}"
    rest = _below(*hidden)
    text = f"Forest plot of head − base with intervals and what is allowed, for {drawn}, worse to the left. "
    return listed(text, [said(row) for row in (*metrics, *slices)], f" {rest.capitalize()}." if rest else "")
