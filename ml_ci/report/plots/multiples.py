"""Small multiples: panels of one size in rows, each with a metric's name, its numbers, and axes that are quick to draw.

Places, ranges and axes are made here: a layout that measures every text, and matplotlib's own axes, take half of a second
for twelve panels, and its ranges give up on numbers near the ends of what a float can hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ml_ci.report.escape import visible
from ml_ci.report.plots.style import INK, SOFT, WIDTH, short

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MOST = 12
"""Panels in a figure."""
LARGEST = 1e300
"""What is beyond is not drawn: MLflow stores an infinity as 1.797e308."""

_TOP, _BOTTOM, _HEADING = 0.28, 0.46, 0.42
_LEFT, _RIGHT = 0.58, 0.14
_TALL, _LOW = 2.0, 1.3
"""Inches; panels that are alone in their row are taller."""

GRID = "#eaeef2"

Range = tuple[float, float]
Mark = tuple[float, str]
"""A place on an axis, and what is written there."""


def figure_height(count: int) -> float:
    """Inches, of a figure of so many panels."""
    rows, _, panel = _grid(count)
    return _TOP + rows * (_HEADING + panel) + (rows - 1) * 0.24 + _BOTTOM


def panels(drawn: Figure, count: int, below: str) -> list[Axes]:
    """The axes, row by row; `below` is what all their horizontal axes show."""
    _, columns, panel = _grid(count)
    height, cell = figure_height(count), WIDTH / columns
    drawn.set_layout_engine("none")
    drawn.text(0.5, 0.07 / height, below, fontsize=8, color=SOFT, ha="center", va="bottom")
    made = []
    for number in range(count):
        row, column = divmod(number, columns)
        top = _TOP + _HEADING + row * (_HEADING + panel + 0.24)
        left, width = column * cell + _LEFT, cell - _LEFT - _RIGHT
        axes = drawn.add_axes((left / WIDTH, 1 - (top + panel) / height, width / WIDTH, panel / height))
        axes.set_axis_off()
        made.append(axes)
    return made


def heading(axes: Axes, name: str, numbers: str) -> None:
    """Above a panel the metric's name, and its numbers under it. What is too wide ends where the panel does."""
    from matplotlib.transforms import Bbox, TransformedBbox

    root = axes.get_figure(root=True)
    place = axes.get_position()
    letters = int(place.width * WIDTH * 11)
    # letters may be of any width, and the panel beside has a name as well
    room = TransformedBbox(Bbox([[place.x0 - 0.01, 0], [place.x1 + _RIGHT / WIDTH, 1]]), root.transFigure)  # type: ignore[union-attr] # these axes have a figure
    for text, above, size, colour, weight in (
        (short(visible(name), letters), 16, 9.0, INK, "bold"),
        (numbers, 5, 7.5, SOFT, "normal"),
    ):
        written = axes.annotate(
            text,
            (0, 1),
            (0, above),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=size,
            color=colour,
            fontweight=weight,
            annotation_clip=False,
        )
        written.set_clip_on(True)
        written.set_clip_box(room)


def drawable(values: Sequence[float]) -> Values:
    """The values with gaps (NaN) where there is none that can be drawn."""
    import numpy as np

    numbers = np.array(values, dtype=np.float64)
    numbers[~(np.abs(numbers) < LARGEST)] = np.nan
    return numbers


def value_axis(axes: Axes, values: Values) -> Callable[[Values], Values]:
    """Set the vertical axis for all of these values; returns what each of them is to be put through before it is drawn.

    Positive values over more than three decades stand at their logarithms.
    """
    import numpy as np

    finite = values[np.isfinite(values)]
    if not finite.size:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=SOFT)
        return lambda each: each
    low, high = float(finite.min()), float(finite.max())
    logarithmic = low > 0 and math.log10(high) - math.log10(low) > 3
    ends = _padded(math.log10(low), math.log10(high)) if logarithmic else _padded(low, high)
    axes.set_ylim(*ends)
    _mark_values(axes, _decades(ends) if logarithmic else _even(ends, most=5))
    return np.log10 if logarithmic else lambda each: each


def step_axis(axes: Axes, steps: Values, *, whole: bool = True) -> None:
    """Set the horizontal axis for these steps, which are whole numbers, or for others without `whole`."""
    ends = _padded(float(steps.min()), float(steps.max()), share=0.03)
    axes.set_xlim(*ends)
    mark_places(axes, _even(ends, most=4, whole=whole))


def mark_places(axes: Axes, marks: Iterable[Mark]) -> None:
    """Write under the horizontal axis what is where."""
    below = axes.get_xaxis_transform()
    shown = list(marks)
    if max((len(text) for _, text in shown), default=0) > 7:
        shown = shown[1:-1:2] or shown  # so that long ones do not run into each other
    for place, text in shown:
        axes.text(place, -0.04, text, transform=below, fontsize=7.5, color=SOFT, ha="center", va="top")


def _mark_values(axes: Axes, marks: Sequence[Mark]) -> None:
    from matplotlib.collections import LineCollection

    beside = axes.get_yaxis_transform()
    lines = [((0.0, place), (1.0, place)) for place, _ in marks]
    axes.add_collection(LineCollection(lines, colors=GRID, linewidths=0.7, transform=beside, zorder=0), autolim=False)
    # a long one has room in smaller type
    size = 7.5 * min(1.0, 8 / max((len(text) for _, text in marks), default=1))
    for place, text in marks:
        axes.text(-0.025, place, text, transform=beside, fontsize=size, color=SOFT, ha="right", va="center_baseline")


def _grid(count: int) -> tuple[int, int, float]:
    columns = 2 if count == 4 else min(count, 3)
    rows = math.ceil(count / columns)
    return rows, columns, _TALL if rows == 1 else _LOW


def _padded(low: float, high: float, share: float = 0.06) -> Range:
    """The range with some room; one of no width gets some."""
    largest = max(abs(low), abs(high))
    if high - low <= 1e-12 * largest or largest < 1e-290:
        room = 0.05 * largest if largest > 1e-290 else 0.5
        return low - room, high + room
    room = share * (high - low)
    return low - room, high + room


def _even(ends: Range, *, most: int, whole: bool = False) -> list[Mark]:
    """Round numbers between the ends, with as many digits as tell them apart."""
    from matplotlib.ticker import MaxNLocator

    low, high = ends
    size = math.log10(max(abs(low), abs(high))) - math.log10(high - low)
    digits = min(max(math.ceil(size) + 2, 6 if whole else 3), 9)
    places = MaxNLocator(nbins=most, integer=whole and high - low > 1).tick_values(low, high)
    zero = (high - low) * 1e-9
    return [
        (place, _short_number(0.0 if abs(place) < zero else place, digits))
        for place in map(float, places)
        if low <= place <= high
    ]


def _decades(ends: Range) -> list[Mark]:
    """Powers of ten between the ends, at most six, by their logarithm."""
    first, last = math.ceil(ends[0]), math.floor(ends[1])
    powers = range(first, last + 1, math.ceil((last - first + 1) / 6))
    return [
        (float(power), f"{10.0**power:g}" if -5 < power < 5 else f"1e{power}".replace("-", "−")) for power in powers
    ]


def _short_number(value: float, digits: int) -> str:
    """As a tick has room for it: `0.25`, `−3`, `1e6`, `1e−7`."""
    text = f"{value:.{digits}g}"
    mantissa, _, power = text.partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", "−")
