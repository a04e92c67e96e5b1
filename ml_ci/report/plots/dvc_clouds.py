"""DVC's scatter plots: base's points beside head's, on the same axes; of several series each has a panel for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.data_plots import Series
from ml_ci.report.escape import visible
from ml_ci.report.plots.dvc_axes import legend_above, name_below, name_beside, placed, united
from ml_ci.report.plots.dvc_sides import Sides, label
from ml_ci.report.plots.frame import COLOURS
from ml_ci.report.plots.multiples import MOST, figure_height, heading, panels, step_axis, value_axis
from ml_ci.report.plots.style import dark_of, figure, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ml_ci.report.plots.multiples import Values

_JITTER = 0.25
"""How far points of the same name are spread, so that they do not hide each other."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """One series, by side: x and y, arrays of the shape (n,) without gaps."""

    title: str
    points: Mapping[str, tuple[Values, Values]]


@dataclass(frozen=True, kw_only=True)
class _Names:
    x: tuple[str, ...]
    y: tuple[str, ...]


def draw_cloud(plot: Sides, name: str, path: Path) -> Plot:
    """Draw to `path`: of one series base on the left and head on the right, of several a panel each."""
    every = [each for _, *both in plot.series() for each in both if each]
    names = _Names(x=united(each.x_names for each in every), y=united(each.y_names for each in every))
    clouds = [
        Cloud(title=title, points=_points({"base": base, "head": head}, names)) for title, base, head in plot.series()
    ]
    shown = clouds[:MOST]
    if len(clouds) == 1:
        shown = [Cloud(title=side, points={side: found}) for side, found in clouds[0].points.items()]
    with figure(figure_height(len(shown)), path) as drawn:
        below = short(visible(plot.shown.x_label), 100)
        for axes, cloud in zip(panels(drawn, len(shown), below), shown, strict=True):
            heading(axes, cloud.title, short(visible(plot.shown.y_label), 60))
            _draw(axes, cloud, shown, names)
        if len(clouds) > 1:
            legend_above(drawn, (side for cloud in shown for side in cloud.points), points=True)
    return Plot(
        name=name,
        path=path,
        dark=dark_of(path),
        title=plot.title,
        alt=_alt(plot, clouds),
        width=FULL_WIDTH,
    )


def _points(sides: Mapping[str, Series | None], names: _Names) -> dict[str, tuple[Values, Values]]:
    """Each side's points. Where one side has names on an axis and the other numbers, only the former has a place."""
    import numpy as np

    found = {}
    for side, series in sides.items():
        if series and bool(series.x_names) == bool(names.x) and bool(series.y_names) == bool(names.y):
            x, y = placed(series.x, series.x_names, names.x), placed(series.y, series.y_names, names.y)
            there = np.isfinite(x) & np.isfinite(y)
            found[side] = (x[there], y[there])
    return found


def _draw(axes: Axes, cloud: Cloud, shown: Sequence[Cloud], names: _Names) -> None:
    import numpy as np

    every = [points for each in shown for points in each.points.values()]
    x, y = (np.concatenate([np.empty(0), *(points[axis] for points in every)]) for axis in range(2))
    scaled = value_axis(axes, y) if not names.y else lambda each: each
    if names.y:
        name_beside(axes, names.y)
    if names.x:
        name_below(axes, names.x)
    elif len(x):
        step_axis(axes, x, whole=bool((x == np.round(x)).all()))
    for side, points in cloud.points.items():
        count = len(points[0])
        # the same places at every drawing, so that a picture that did not change has the same hash
        aside = np.random.default_rng(0).uniform(-_JITTER, _JITTER, (2, count))
        axes.plot(
            points[0] + aside[0] * bool(names.x), scaled(points[1] + aside[1] * bool(names.y)),
            linestyle="", marker="o", markersize=3.2, markeredgewidth=0, color=COLOURS[side],
            alpha=0.9 if count < 50 else 0.5, zorder=3 if side == "base" else 4, clip_on=False,
        )  # fmt: skip


def _alt(plot: Sides, clouds: Sequence[Cloud]) -> str:
    looks = "points, base grey beside head blue" if len(clouds) == 1 else "points, base grey, head blue"
    counts = [
        f"{label(cloud.title)} " + ", ".join(f"{side} {len(points[0]):,}" for side, points in cloud.points.items())
        for cloud in clouds[:MOST]
    ]
    left_out = f" {len(clouds) - MOST} more are not drawn." if len(clouds) > MOST else ""
    return listed(f"{plot.said(looks)} Number of points: ", counts, left_out)
