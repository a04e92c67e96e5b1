"""DVC's plots of lines: a panel for each series, base dashed and grey behind head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, splitext
from typing import TYPE_CHECKING, Any

from ml_ci import numbers
from ml_ci.data_plots import Series
from ml_ci.report.escape import visible
from ml_ci.report.plots.dvc_axes import legend_above, name_below, placed, united
from ml_ci.report.plots.dvc_sides import Sides, label
from ml_ci.report.plots.frame import LINES
from ml_ci.report.plots.loess import smoothed
from ml_ci.report.plots.multiples import (
    MOST,
    drawable,
    figure_height,
    heading,
    panels,
    step_axis,
    value_axis,
)
from ml_ci.report.plots.style import dark_of, figure, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ml_ci.report.plots.multiples import Values

_STEPS = frozenset({"step", "steps", "epoch", "epochs", "iteration", "iter", "batch", "global_step", "round"})
"""What is on x where the last value is what training ended with."""

_LIVE = "/plots/metrics/"
"""Where dvclive keeps its metrics."""

_FEW = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One side's points from left to right, arrays of the shape (n,); `y` is NaN where there is a gap."""

    x: Values
    y: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One series of one plot, by side. `names` are those of the places on x, where it has names."""

    title: str
    plot: Sides
    lines: dict[str, Line]
    names: tuple[str, ...] = ()

    def beside(self) -> str:
        """What is said under the title: where training ended, or what is on y."""
        shown = self.plot.shown
        if shown.x_label.lower() in _STEPS:
            return self.last()
        return short(visible(shown.y_label), 60) if shown.y_label != self.title else ""

    def last(self) -> str:
        """The last value on both sides."""
        ends = {side: float(line.y[-1]) for side, line in self.lines.items()}
        before, after = numbers.pair(ends.get("base"), ends.get("head"))
        return f"{before} → {after}" if self.plot.compared else after

    def ends(self) -> str:
        """The same in words, or between what values it lies, where x is no step."""
        if self.plot.shown.x_label.lower() in _STEPS:
            return f"{label(self.title)} {self.last()}"
        return f"{label(self.title)} " + ", ".join(f"{side} {_range(line)}" for side, line in self.lines.items())


def sheets(plots: Sequence[Sides]) -> list[list[Sides]]:
    """The plots by the figure that they are in.

    Plots of one line, without a title of their own, whose files are in the same folder and have the same on x, share one.
    """
    groups: dict[tuple[str, str], list[Sides]] = {}
    found: list[list[Sides]] = []
    for plot in plots:
        key = (_folder(plot), plot.shown.x_label)
        if len(plot.series()) > 1 or plot.title != visible(plot.name) or not key[0]:
            found.append([plot])
            continue
        if len(groups.get(key, ())) in {0, MOST}:
            groups[key] = []
            found.append(groups[key])
        groups[key].append(plot)
    return found


def draw_lines(plots: Sequence[Sides], name: str, path: Path) -> Plot:
    """Draw one plot, or several of one line each, to `path`."""
    found = [panel for plot in plots for panel in _panels(plot, alone=len(plots) == 1)]
    shown = found[:MOST]
    with figure(figure_height(len(shown)), path) as drawn:
        below = short(visible(plots[0].shown.x_label), 100)
        for axes, panel in zip(panels(drawn, len(shown), below), shown, strict=True):
            _draw(axes, panel, _pool(panel, shown))
            heading(axes, panel.title, panel.beside())
        legend_above(drawn, (side for panel in shown for side in panel.lines))
    folder = visible(_folder(plots[0]))
    return Plot(
        name=name,
        path=path,
        dark=dark_of(path),
        title=f"DVC's plots of {folder}" if len(plots) > 1 else plots[0].title,
        alt=_alt(plots, shown, len(found) - len(shown)),
        width=FULL_WIDTH,
    )


def _folder(plot: Sides) -> str:
    """The folder of a plot's file; of dvclive's metrics, which have folders in folders, the topmost."""
    top, live, _ = plot.name.partition(_LIVE)
    return top + live.rstrip("/") if live else dirname(plot.name)


def _panels(plot: Sides, *, alone: bool) -> list[Panel]:
    series = plot.series()
    found = []
    for name, base, head in series:
        title = name if len(series) > 1 else plot.title
        if not alone:
            title = splitext(plot.name.removeprefix(f"{_folder(plot)}/"))[0]
        sides = {side: each for side, each in (("base", base), ("head", head)) if each}
        names = united(each.x_names for each in (head, base) if each)
        # numbers have no place among names
        lines = {side: _line(each, names) for side, each in sides.items() if bool(each.x_names) == bool(names)}
        lines = {side: line for side, line in lines.items() if len(line.x)}
        found.append(Panel(title=title, plot=plot, lines=lines, names=names))
    return found


def _line(series: Series, names: tuple[str, ...]) -> Line:
    import numpy as np

    x, y = placed(series.x, series.x_names, names), drawable(series.y)
    order = np.argsort(x, kind="stable") if names else np.arange(len(x))
    order = order[np.isfinite(x[order])]
    return Line(x=x[order], y=y[order])


def _pool(panel: Panel, shown: Sequence[Panel]) -> Values:
    """The values that a panel's vertical axis has to hold: all of its plot's, where they are of the same field."""
    import numpy as np

    same = [other for other in shown if other.plot is panel.plot] if panel.plot.shown.y_label != "y" else [panel]
    return np.concatenate([np.empty(0), *(line.y for other in same for line in other.lines.values())])


def _draw(axes: Axes, panel: Panel, pool: Values) -> None:
    import numpy as np

    scaled = value_axis(axes, pool)
    if not panel.lines:
        return
    places = np.concatenate([line.x for line in panel.lines.values()])
    if panel.names:
        name_below(axes, panel.names)
    else:
        step_axis(axes, places, whole=bool((places == np.round(places)).all()))
    few = max(len(line.x) for line in panel.lines.values()) <= _FEW
    for side, line in panel.lines.items():
        marked: dict[str, Any] = {"marker": "o", "markersize": 2.2} if few else {}
        y = scaled(line.y)
        if panel.plot.shown.template == "smooth" and not few:
            axes.plot(line.x, y, color=LINES[side]["color"], alpha=0.3, linewidth=0.8, zorder=2)
            y = smoothed(line.x, y)
        axes.plot(line.x, y, **LINES[side], **marked)


def _range(line: Line) -> str:
    import numpy as np

    finite = line.y[np.isfinite(line.y)]
    if not len(finite):
        return "no value"
    return f"{numbers.number(float(finite.min()))} to {numbers.number(float(finite.max()))}"


def _alt(plots: Sequence[Sides], shown: Sequence[Panel], more: int) -> str:
    looks = "base grey and dashed, head blue and solid"
    left_out = f" {more} more are not drawn." if more else ""
    if len(plots) == 1:
        return listed(f"{plots[0].said(looks)} ", [panel.ends() for panel in shown], left_out)
    values = [panel.ends() + (f" ({panel.plot.alone})" if panel.plot.alone else "") for panel in shown]
    return listed(f"DVC's plots of {label(_folder(plots[0]))} by {label(plots[0].shown.x_label)}, {looks}. ", values)
