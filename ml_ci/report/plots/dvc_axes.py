"""Axes of DVC's plots that have names instead of numbers, and what is above all panels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ml_ci.report.escape import visible
from ml_ci.report.plots.frame import LINES
from ml_ci.report.plots.multiples import drawable
from ml_ci.report.plots.style import SOFT, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ml_ci.report.plots.multiples import Values

_MOST_BELOW, _MOST_BESIDE = 6, 12
_LETTERS_BELOW, _LETTERS_BESIDE = 14, 9
"""Names that have room on an axis, and the letters of each."""


def placed(values: Sequence[float], own: Sequence[str], names: Sequence[str]) -> Values:
    """Where the values stand on an axis. With `own` names they say which of these; `names` are those of the axis."""
    import numpy as np

    numbers = drawable(values)
    if own:
        places = {name: place for place, name in enumerate(names)}
        there = np.isfinite(numbers)
        numbers[there] = [places[own[int(code)]] for code in numbers[there]]
    return numbers


def united(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All the names, each once, in their order."""
    return tuple(dict.fromkeys(name for each in names for name in each))


def name_below(axes: Axes, names: Sequence[str]) -> None:
    """Set the horizontal axis for these names."""
    axes.set_xlim(-0.5, len(names) - 0.5)
    for place in _spread(len(names), _MOST_BELOW):
        axes.text(
            place, -0.04, short(visible(names[place]), _LETTERS_BELOW), transform=axes.get_xaxis_transform(),
            fontsize=7.5, color=SOFT, ha="center", va="top",
        )  # fmt: skip


def name_beside(axes: Axes, names: Sequence[str]) -> None:
    """Set the vertical axis for these names, the first one at the bottom as the smallest number would be."""
    axes.set_ylim(-0.5, len(names) - 0.5)
    for place in _spread(len(names), _MOST_BESIDE):
        axes.text(
            -0.02, place, short(visible(names[place]), _LETTERS_BESIDE), transform=axes.get_yaxis_transform(),
            fontsize=7.5, color=SOFT, ha="right", va="center_baseline",
        )  # fmt: skip


def legend_above(drawn: Figure, there: Iterable[str], *, points: bool = False) -> None:
    """Say which line is whose, or which `points`, for the sides that are there."""
    from matplotlib.lines import Line2D

    sides = set(there)
    marked: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 5, "markeredgewidth": 0} if points else {}
    entries = [Line2D([], [], **{**looks, **marked}, label=side) for side, looks in LINES.items() if side in sides]
    drawn.legend(
        handles=entries, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=2, frameon=False, fontsize=8,
        borderaxespad=0.4,
    )  # fmt: skip


def _spread(count: int, most: int) -> range:
    return range(0, count, -(-count // most))
