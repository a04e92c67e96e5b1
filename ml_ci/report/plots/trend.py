"""The trend of each gated metric over the base branch's last records, with this pull request at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_ci import numbers
from ml_ci.compare.judgement import Judgement
from ml_ci.records import Past, Run
from ml_ci.report.escape import visible
from ml_ci.report.plots.multiples import (
    LARGEST,
    MOST,
    drawable,
    figure_height,
    heading,
    mark_places,
    panels,
    value_axis,
)
from ml_ci.report.plots.style import BLUE, GREY, INK, RED, dark_of, figure, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ml_ci.report.plots.multiples import Values

RECORDS = 30
"""So many records are shown."""
FEWEST = 2
"""With less than two there is no trend."""

Looks = Mapping[str, Any]
_BASE: Looks = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 1}
_ALLOWED: Looks = {"color": INK, "linewidth": 1.0, "linestyle": (0, (1, 1.5)), "zorder": 1}
_ELSEWHERE: Looks = {
    "color": GREY, "linestyle": "", "marker": "o", "markersize": 3.6, "markerfacecolor": "white",
    "markeredgewidth": 0.9, "zorder": 3,
}  # fmt: skip
_HEAD: Looks = {"linestyle": "", "marker": "D", "markersize": 6.5, "markeredgecolor": "white", "zorder": 5}


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record's value, when it was made (`2025-01-31`), and whether it was measured on head's test set."""

    value: float
    day: str
    same_test: bool


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One metric: the base branch's records, the oldest first, and what this pull request is held against.

    `allowed` is the worst value that the rule allows, None where it names none; `failed` that the rule said so.
    """

    metric: str
    past: tuple[Record, ...]
    head: float
    base: float | None
    allowed: float | None
    at_least: bool
    failed: bool

    @property
    def elsewhere(self) -> int:
        """How many records were measured on another test set than head's."""
        return sum(1 for record in self.past if not record.same_test)


def draw_trend(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw the gated metrics of which there are two records or more, at most 12, into `folder`."""
    head = result.head
    if result.decision is None or head is None:
        return ()
    found = [trend for judgement in result.decision.judgements if (trend := _trend(judgement, result, head))]
    if not found:
        return ()
    shown = found[:MOST]
    path = folder / "trend.png"
    with figure(figure_height(len(shown)), path) as drawn:
        below = "records of the base branch, the oldest first"
        for axes, trend in zip(panels(drawn, len(shown), below), shown, strict=True):
            _panel(axes, trend)
            heading(axes, trend.metric, _numbers(trend))
        _legend_above(drawn, shown)
    plot = Plot(
        name="trend",
        path=path,
        dark=dark_of(path),
        title="Trend on the base branch",
        alt=_alt(shown, len(found) - len(shown), head),
        width=FULL_WIDTH,
    )
    return (plot,)


def _trend(judgement: Judgement, result: Result, head: Run) -> Trend | None:
    name, difference = judgement.rule.metric, judgement.difference
    past = _records(name, result.material.history, head)
    if len(past) < FEWEST or difference.head is None:
        return None
    return Trend(
        metric=name,
        past=past,
        head=difference.head,
        base=difference.base,
        allowed=_allowed(judgement),
        at_least=judgement.rule.direction == "higher",
        failed=judgement.outcome == "fail",
    )


def _records(name: str, history: Sequence[Past], head: Run) -> tuple[Record, ...]:
    """The last records that have a number for it, the oldest first, each commit once. One of head's own is not the past."""
    newest = {past.commit: past for past in reversed(history[:RECORDS]) if past.commit != head.commit}
    return tuple(
        Record(value=past.metrics[name], day=past.started[:10], same_test=past.test_set == head.test_set)
        for past in newest.values()
        if abs(past.metrics.get(name, math.nan)) < LARGEST
    )


def _allowed(judgement: Judgement) -> float | None:
    """The worst value of head's that keeps the rule: its own limit, or what may be lost from base, whichever is stricter."""
    rule, base = judgement.rule, judgement.difference.base
    higher = rule.direction == "higher"
    limits = [limit for limit in ((rule.min if higher else rule.max),) if limit is not None]
    if judgement.margin is not None and base is not None and math.isfinite(base):
        limits.append(base - judgement.margin if higher else base + judgement.margin)
    return (max if higher else min)(limits, default=None)


def _numbers(trend: Trend) -> str:
    base, head = numbers.pair(trend.base, trend.head)
    moved = f"{base} → {head}" if trend.base is not None else head
    return f"{moved}   {_limit(trend)}".rstrip()


def _limit(trend: Trend) -> str:
    if trend.allowed is None:
        return ""
    return f"allowed {'≥' if trend.at_least else '≤'} {numbers.apart(trend.allowed, trend.head)}"


def _panel(axes: Axes, trend: Trend) -> None:
    import numpy as np

    past = drawable([record.value for record in trend.past])
    own = drawable([trend.head, *([trend.base] if trend.base is not None else [])])
    lines = _lines(trend, np.concatenate([past, own]))
    scaled = value_axis(axes, np.concatenate([past, own, [value for value, _ in lines]]))
    places, same = np.arange(len(past)), np.array([record.same_test for record in trend.past])
    for value, looks in lines:
        axes.axhline(float(scaled(np.array(value))), **looks)
    levels = scaled(past)
    # no line leads from one test set to another: what lies between is no change of the model
    axes.plot(places, np.where(same, levels, np.nan), color=GREY, linewidth=1.2, marker="o", markersize=3.2, zorder=3)
    axes.plot(places[~same], levels[~same], **_ELSEWHERE)
    end = len(past) + 0.5
    axes.plot([end], scaled(own[:1]), **_HEAD, color=RED if trend.failed else BLUE)
    axes.set_xlim(-0.04 * end - 0.3, end * 1.04 + 0.3)
    mark_places(axes, [(0.0, visible(trend.past[0].day)), (end, "head")])


def _lines(trend: Trend, values: Values) -> list[tuple[float, Looks]]:
    """Base's value, and the limit; one that is far from all that is drawn would flatten it, and its number is written."""
    lines = [(trend.base, _BASE)] if trend.base is not None and abs(trend.base) < LARGEST else []
    if trend.allowed is not None and abs(trend.allowed) < LARGEST and (trend.failed or _is_near(trend.allowed, values)):
        lines.append((trend.allowed, _ALLOWED))
    return lines


def _is_near(limit: float, values: Values) -> bool:
    import numpy as np

    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    return low == high or max(low - limit, limit - high) <= 1.5 * (high - low)


def _legend_above(drawn: Figure, trends: Sequence[Trend]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=GREY, linewidth=1.2, marker="o", markersize=3.2, label="base branch")]
    if any(trend.elsewhere for trend in trends):
        entries.append(Line2D([], [], **_ELSEWHERE, label="on other examples"))
    for failed, colour, words in ((False, BLUE, "head"), (True, RED, "head, failed")):
        if any(trend.failed is failed for trend in trends):
            entries.append(Line2D([], [], **_HEAD, color=colour, label=words))
    if any(trend.base is not None for trend in trends):
        entries.append(Line2D([], [], **_BASE, label="base"))
    if any(trend.allowed is not None for trend in trends):
        entries.append(Line2D([], [], **_ALLOWED, label="allowed"))
    drawn.legend(
        handles=entries, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=len(entries), frameon=False, fontsize=8,
        borderaxespad=0.4,
    )  # fmt: skip


def _alt(trends: Sequence[Trend], more: int, head: Run) -> str:
    counted = f"{len(trends)} gated metric{'s' if len(trends) > 1 else ''}"
    text = f"Trend of {counted} over the base branch's last records, the oldest first, and head at the end. "
    unknown = "" if head.test_set else " On which examples they were measured is not known."
    return listed(text, [_said(trend) for trend in trends], unknown + (f" {more} more are not drawn." if more else ""))


def _said(trend: Trend) -> str:
    values = [record.value for record in trend.past]
    low, high = numbers.pair(min(values), max(values))
    found = f"{short(visible(trend.metric), 60)}: {len(values)} records from {low} to {high}"
    if trend.elsewhere:
        found += f" ({trend.elsewhere} on other examples than head)"
    found += f", the last {numbers.number(values[-1])}"
    if trend.base is not None:
        found += f", base {numbers.number(trend.base)}"
    limit = f" ({_limit(trend)})" if trend.allowed is not None else ""
    return f"{found}, head {numbers.number(trend.head)}{limit}{', which fails' if trend.failed else ''}"
