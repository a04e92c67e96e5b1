"""Whether a plot that was handed over as data is one that ml-ci writes, and so one that it can draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ml_ci.data_plots import MOST_CLASSES, MOST_POINTS, DataPlot, Series

_MOST_SERIES = 1_000
_MOST_NAMES = 20_000
_CONFUSION = ("confusion", "confusion_normalized")
_BARS = ("bar_horizontal", "bar_horizontal_sorted")
_MOST_COUNT = 2**53
"""Above it not every whole number is a float."""


def is_drawable(plot: DataPlot) -> bool:
    """Whether lengths and places fit together, and nothing is more than is kept of a plot."""
    if len(plot.series) > _MOST_SERIES or not all(_fits(each, plot.template) for each in plot.series):
        return False
    if plot.template not in _CONFUSION:
        return not plot.weights
    counted = len(plot.series) == 1 and len(plot.weights) == len(plot.series[0].x)
    return counted and all(0 <= weight <= _MOST_COUNT for weight in plot.weights)


def _fits(series: Series, template: str) -> bool:
    most = MOST_CLASSES**2 if template in _CONFUSION else MOST_POINTS
    if not len(series.x) == len(series.y) <= most:
        return False
    named = (template in _CONFUSION and series.x_names and series.y_names) or (template in _BARS and series.y_names)
    if template in (*_CONFUSION, *_BARS) and not named:
        return False
    return _are_places(series.x, series.x_names) and _are_places(series.y, series.y_names)


def _are_places(values: Sequence[float], names: Sequence[str]) -> bool:
    """Where there are names, each value is the place of one, or a gap."""
    if not names:
        return True
    return len(names) <= _MOST_NAMES and all(
        math.isnan(value) or (value.is_integer() and 0 <= value < len(names)) for value in values
    )
