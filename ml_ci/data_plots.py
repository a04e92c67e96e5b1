"""A plot as data: what DVC's plots hold, read beside the run, so that base's can be drawn beside head's later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Template = Literal[
    "linear",
    "simple",
    "smooth",
    "scatter",
    "confusion",
    "confusion_normalized",
    "bar_horizontal",
    "bar_horizontal_sorted",
]
"""DVC's templates, by what is drawn for them."""

MOST_PLOTS = 50
"""Plots of a run."""

MOST_POINTS = 1_000
"""Points of a series."""

MOST_CLASSES = 200
"""Classes of a confusion matrix, and bars that are read; `MOST_BARS` of them are drawn."""

MOST_BARS = 30


class _Document:
    """What pydantic is to do with these dataclasses, as in `ml_ci.records`."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "ser_json_inf_nan": "strings"}


@dataclass(frozen=True, kw_only=True)
class Series(_Document):
    """One line, cloud of points, or row of bars: `x` and `y` are of the same length, and NaN is a gap.

    Where an axis has names instead of numbers (bars, classes), `x_names` or `y_names` holds them, and the numbers say
    which one a point has, counted from 0.
    """

    name: str
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    x_names: tuple[str, ...] = ()
    y_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataPlot(_Document):
    """One plot of one run: `name` is the same on both sides, so that they meet.

    Of a confusion matrix, one series holds the pairs of classes that there are, and `weights` how often; which axis is the
    truth is up to who made it, and the labels say.
    """

    name: str
    template: Template
    title: str
    x_label: str = ""
    y_label: str = ""
    series: tuple[Series, ...] = ()
    weights: tuple[int, ...] = ()
