"""DVC's plots of bars: a row for each name, base's bar above head's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_ci import numbers
from ml_ci.data_plots import MOST_BARS, Series
from ml_ci.report.escape import visible
from ml_ci.report.plots.dvc_sides import Sides, label
from ml_ci.report.plots.importance import draw_bars
from ml_ci.report.plots.multiples import LARGEST
from ml_ci.report.plots.style import dark_of, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot

_MOST_SAID = 8

Bars = Mapping[str, float]


def draw_bar_plot(plot: Sides, name: str, path: Path) -> Plot | None:
    """Draw to `path` the 30 longest bars of either side, in the order of the definition: by name, or by head's length.

    None where there is no bar that can be drawn.
    """
    base, head = _bars(plot, 1), _bars(plot, 2)
    names = list({**head, **base})
    if not names:
        return None
    longest = sorted(names, key=lambda each: -max(abs(base.get(each, 0.0)), abs(head.get(each, 0.0))))[:MOST_BARS]
    kept = _ordered(longest, base, head, by_length=plot.shown.template == "bar_horizontal_sorted")
    about = short(visible(plot.shown.x_label), 60)
    if len(names) > len(kept):
        about += f" (the {len(kept)} longest of {len(names)} bars)"
    draw_bars(kept, base, head, path, about)
    return Plot(
        name=name,
        path=path,
        dark=dark_of(path),
        title=plot.title,
        alt=_alt(plot, kept, base, head, len(names)),
        width=FULL_WIDTH,
    )


def _bars(plot: Sides, side: int) -> Bars:
    """One side's bars by name; of several series each name begins with that of its series."""
    series = plot.series()
    found: dict[str, float] = {}
    for row in series:
        each = row[side]
        if isinstance(each, Series):
            prefix = f"{row[0]}: " if len(series) > 1 else ""
            pairs = zip(each.y, each.x, strict=True)
            found |= {prefix + each.y_names[int(place)]: value for place, value in pairs if abs(value) < LARGEST}
    return found


def _ordered(names: Sequence[str], base: Bars, head: Bars, *, by_length: bool) -> list[str]:
    if by_length:
        return sorted(names, key=lambda each: -head.get(each, base.get(each, 0.0)))
    order = {name: place for place, name in enumerate({**head, **base})}
    if not base or not head:
        return sorted(names, key=order.__getitem__)
    return sorted(names)


def _alt(plot: Sides, kept: Sequence[str], base: Bars, head: Bars, count: int) -> str:
    said = []
    for name in sorted(kept, key=lambda each: -abs(head.get(each, base.get(each, 0.0))))[:_MOST_SAID]:
        before, after = numbers.pair(base.get(name), head.get(name))
        value = f"{before} → {after}" if plot.base and plot.head else after if plot.head else before
        said.append(f"{label(name)} {value}")
    of = f" of {count}" if count > len(said) else ""
    return listed(f"{plot.said('bars, base grey above head blue')} The longest{of}: ", said)
