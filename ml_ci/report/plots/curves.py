"""Metric curves: small multiples in one figure, base dashed and grey behind head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.records import Run
from ml_ci.report.escape import visible
from ml_ci.report.plots.style import BLUE, GREY, SOFT, dark_of, figure, short
from ml_ci.report.presentation import FULL_WIDTH, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12
"""Panels in the figure."""

_ROW = 2.15
_HEAD, _BASE = BLUE, GREY

_LARGEST = 1e300
"""MLflow stores an infinity as 1.797e308."""

Curve = tuple[Sequence[float], Sequence[float]]


def draw_curves(base: Run | None, head: Run, gated: Sequence[str], folder: Path) -> Plot | None:
    """Draw up to 12 metrics by step, gated ones first, into `folder`; None where no metric has a curve."""
    names = _names(base, head, gated)
    if not names:
        return None
    shown = names[:MOST]
    path = folder / "curves.png"
    _draw(shown, base, head, path)
    left_out = f" {len(names) - MOST} more have curves that are not drawn." if len(names) > MOST else ""
    sides = "base grey and dashed, head blue and solid" if base else "head only"
    values = "; ".join(f"{name} {_values(name, base, head)}" for name in shown)
    return Plot(
        name="curves",
        path=path,
        dark=dark_of(path),
        title="Metrics by step",
        alt=f"Metrics by step, {sides}. Final values: {values}.{left_out}",
        width=FULL_WIDTH,
    )


def _names(base: Run | None, head: Run, gated: Sequence[str]) -> list[str]:
    found = sorted(
        name
        for name in head.metrics.keys() | (base.metrics.keys() if base else set())
        if any(_curve(run, name) for run in (base, head))
    )
    return [name for name in gated if name in found] + [name for name in found if name not in gated]


def _curve(run: Run | None, name: str) -> Curve | None:
    """Steps and values with gaps where they are not finite; None for less than two points.

    Where every value was logged for the same step, their order stands in for it.
    """
    metric = run.metrics.get(name) if run else None
    if metric is None or len(metric.history) < 2:
        return None
    steps = [step for step, _ in metric.history]
    if len(set(steps)) < 2:
        steps = list(range(len(steps)))
    return steps, [value if abs(value) < _LARGEST else math.nan for _, value in metric.history]


def _values(name: str, base: Run | None, head: Run) -> str:
    """The metric's value on both sides, as the tables have it."""
    before = base.metrics[name].value if base and name in base.metrics else None
    after = head.metrics[name].value if name in head.metrics else None
    texts = numbers.pair(before, after)
    return f"{texts[0]} → {texts[1]}" if base else texts[1]


def _draw(names: Sequence[str], base: Run | None, head: Run, path: Path) -> None:
    columns = min(len(names), 3) if len(names) != 4 else 2
    rows = math.ceil(len(names) / columns)
    with figure((2.7 if rows == 1 else _ROW * rows) + 0.3, path) as drawn:
        grid = drawn.subplots(rows, columns, squeeze=False).flatten()
        for axes, name in zip(grid, names, strict=False):
            _panel(axes, name, _curve(base, name), _curve(head, name))
            axes.text(0, 1.025, _values(name, base, head), transform=axes.transAxes, fontsize=7.5, color=SOFT)
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        _legend_above(drawn, with_base=base is not None)


def _panel(axes: Axes, name: str, base: Curve | None, head: Curve | None) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes.set_title(short(visible(name)), loc="left", fontsize=9, fontweight="bold", pad=15)
    drawn = [curve for curve in (base, head) if curve]
    few = max(len(curve[0]) for curve in drawn) <= 30
    marker = 2.2 if few else 0
    if base:
        axes.plot(*base, color=_BASE, linestyle=(0, (4, 2)), linewidth=1.4, marker="o", markersize=marker, zorder=2)
    if head:
        axes.plot(*head, color=_HEAD, linewidth=1.7, marker="o", markersize=marker, zorder=3)
    values = [value for curve in drawn for value in curve[1] if math.isfinite(value)]
    if values and min(values) > 0 and max(values) / min(values) > 1000:
        axes.set_yscale("log")
        # matplotlib writes a logarithm's ticks in TeX, which names forbid here
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if not values:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=SOFT)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.tick_params(length=0, labelsize=7)


def _legend_above(drawn: Figure, *, with_base: bool) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=_HEAD, linewidth=1.7, label="head")]
    if with_base:
        lines.insert(0, Line2D([], [], color=_BASE, linestyle=(0, (4, 2)), linewidth=1.4, label="base"))
    drawn.legend(handles=lines, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    drawn.supxlabel("step", fontsize=8, color=SOFT)
