"""Metric curves: small multiples in one figure, base dashed and grey behind head; of several trainings a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_ci import numbers
from ml_ci.records import Metric, Run
from ml_ci.report.escape import visible
from ml_ci.report.plots.frame import LINES
from ml_ci.report.plots.multiples import (
    MOST,
    drawable,
    figure_height,
    heading,
    panels,
    step_axis,
    value_axis,
)
from ml_ci.report.plots.style import BLUE, dark_of, figure, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.thinning import Curve, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ml_ci.report.plots.multiples import Values

_POINTS = 800
"""Of a line: a panel is less wide than that."""
_LARGEST_STEP = 10**300

_SHADE = 0.2
"""How strong a band is; where two of them overlap both are seen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One side's curve: `values` by `steps`, each array of the shape (n,), NaN where there is a gap.

    Of several trainings (`trainings`) these are the means of those that have a value there, and `low` and `high` the
    lowest and the highest of them; else all three are the same array.
    """

    steps: Values
    values: Values
    low: Values
    high: Values
    trainings: int = 1


def draw_curves(base: Run | None, head: Run, gated: Sequence[str], folder: Path) -> Plot | None:
    """Draw up to 12 metrics by step, gated ones first, into `folder`; None where no metric has a curve."""
    names = _names(base, head, gated)
    if not names:
        return None
    shown = names[:MOST]
    path = folder / "curves.png"
    lines = {name: (_line(base, name), _line(head, name)) for name in shown}
    trainings = max(line.trainings for pair in lines.values() for line in pair if line)
    with figure(figure_height(len(shown)), path) as drawn:
        for axes, name in zip(panels(drawn, len(shown), "step"), shown, strict=True):
            _panel(axes, *lines[name])
            heading(axes, name, _values(name, base, head))
        _legend_above(drawn, with_base=base is not None, trainings=trainings)
    return Plot(
        name="curves",
        path=path,
        dark=dark_of(path),
        title="Metrics by step",
        alt=_alt(shown, len(names) - len(shown), base, head, trainings),
        width=FULL_WIDTH,
    )


def _names(base: Run | None, head: Run, gated: Sequence[str]) -> list[str]:
    """What has a curve on a side; what MLflow logs of the machine comes last."""
    metrics = [*(base.metrics.items() if base else ()), *head.metrics.items()]
    found = sorted(
        {name for name, metric in metrics if _curves_of(metric)}, key=lambda name: (name.startswith("system/"), name)
    )
    return [name for name in gated if name in found] + [name for name in found if name not in gated]


def _curves_of(metric: Metric) -> list[Curve]:
    """The curves of all trainings that have one, or of the only one. A single point is none."""
    found = [curve for curve in metric.curves if len(curve) > 1]
    return found or [metric.history] * (len(metric.history) > 1)


def _line(run: Run | None, name: str) -> Line | None:
    import numpy as np

    curves = _curves_of(run.metrics[name]) if run and name in run.metrics else []
    points = [_points(curve) for curve in curves]
    if len(points) < 2:
        return Line(steps=points[0][0], values=points[0][1], low=points[0][1], high=points[0][1]) if points else None
    steps = np.unique(np.concatenate([each for each, _ in points]))
    if len(steps) > _POINTS:
        steps = steps[np.linspace(0, len(steps) - 1, _POINTS).round().astype(int)]
    # outside of what a training has it is not there: one that stopped early is no constant
    rows = np.array([np.interp(steps, *each, left=np.nan, right=np.nan) for each in points])
    count = np.isfinite(rows).sum(axis=0)
    there = np.where(count > 0, 1.0, np.nan)
    return Line(
        steps=steps,
        values=np.nansum(rows, axis=0) / np.maximum(count, 1) * there,
        low=np.min(rows, axis=0, where=np.isfinite(rows), initial=np.inf) * there,
        high=np.max(rows, axis=0, where=np.isfinite(rows), initial=-np.inf) * there,
        trainings=len(points),
    )


def _points(curve: Curve) -> tuple[Values, Values]:
    """Steps, and values with gaps; by the order of logging where every value was logged for the same step."""
    import numpy as np

    points = thinned(curve, _POINTS)
    if points[0][0] == points[-1][0]:
        points = tuple((number, value) for number, (_, value) in enumerate(points))
    steps = [float(max(min(step, _LARGEST_STEP), -_LARGEST_STEP)) for step, _ in points]
    return np.array(steps, dtype=np.float64), drawable([value for _, value in points])


def _values(name: str, base: Run | None, head: Run) -> str:
    """The metric's value on both sides, as the tables have it."""
    before = base.metrics[name].value if base and name in base.metrics else None
    after = head.metrics[name].value if name in head.metrics else None
    texts = numbers.pair(before, after)
    return f"{texts[0]} → {texts[1]}" if base else texts[1]


def _alt(names: Sequence[str], more: int, base: Run | None, head: Run, trainings: int) -> str:
    sides = "base grey and dashed, head blue and solid" if base else "head only"
    if trainings > 1:
        sides += f", lines the mean of {trainings} trainings, bands from the lowest to the highest"
    values = [f"{short(visible(name), 60)} {_values(name, base, head)}" for name in names]
    left_out = f" {more} more have curves that are not drawn." if more else ""
    return listed(f"Metrics by step, {sides}. Final values: ", values, left_out)


def _panel(axes: Axes, base: Line | None, head: Line | None) -> None:
    import numpy as np

    lines = {"base": base, "head": head}
    drawn = {side: line for side, line in lines.items() if line}
    scaled = value_axis(axes, np.concatenate([each for line in drawn.values() for each in (line.low, line.high)]))
    step_axis(axes, np.concatenate([line.steps for line in drawn.values()]))
    few = max(len(line.steps) for line in drawn.values()) <= 30
    for side, line in drawn.items():
        looks = LINES[side]
        # a point between two gaps would not be seen
        marked: dict[str, Any] = {"marker": "o", "markersize": 2.2} if few else {}
        if line.trainings > 1:
            axes.fill_between(
                line.steps,
                scaled(line.low),
                scaled(line.high),
                color=looks["color"],
                alpha=_SHADE,
                linewidth=0,
                zorder=2,
            )
        axes.plot(line.steps, scaled(line.values), **looks, **marked)


def _legend_above(drawn: Figure, *, with_base: bool, trainings: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    sides = ("base", "head") if with_base else ("head",)
    many = "mean of " if trainings > 1 else ""
    entries: list[Line2D | Patch] = [Line2D([], [], **LINES[side], label=many + side) for side in sides]
    if trainings > 1:
        entries.append(
            Patch(color=BLUE, alpha=_SHADE, linewidth=0, label=f"lowest to highest of {trainings} trainings")
        )
    drawn.legend(
        handles=entries, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=3, frameon=False, fontsize=8,
        borderaxespad=0.4,
    )  # fmt: skip
