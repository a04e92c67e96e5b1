"""One of DVC's plots on both sides, and what is said of it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml_ci.data_plots import DataPlot, Series, Template
from ml_ci.report.escape import visible
from ml_ci.report.plots.style import short
from ml_ci.result import Result

Kind = Literal["lines", "cloud", "bars", "matrix"]

_KINDS: Mapping[Template, Kind] = {
    "linear": "lines",
    "simple": "lines",
    "smooth": "lines",
    "scatter": "cloud",
    "bar_horizontal": "bars",
    "bar_horizontal_sorted": "bars",
    "confusion": "matrix",
    "confusion_normalized": "matrix",
}

_ANY_LENGTH = 60


@dataclass(frozen=True, kw_only=True)
class Sides:
    """A plot of base's and of head's, one of which may be missing: then `alone` says why. `compared` says whether there
    are two runs.
    """

    base: DataPlot | None
    head: DataPlot | None
    alone: str = ""
    compared: bool = True

    @property
    def shown(self) -> DataPlot:
        """The one whose template, title and labels hold for both: head's, if it has it."""
        found = self.head or self.base
        if found is None:
            raise ValueError("a plot is on one side at least")
        return found

    @property
    def name(self) -> str:
        """What both sides call it."""
        return self.shown.name

    @property
    def kind(self) -> Kind:
        """What is drawn for its template."""
        return _KINDS[self.shown.template]

    @property
    def title(self) -> str:
        """The title, on one line."""
        return visible(self.shown.title) or visible(self.name)

    def series(self) -> list[tuple[str, Series | None, Series | None]]:
        """Each series by its name, on base and on head. A plot's only series meets the other side's, whatever its name."""
        base, head = (plot.series if plot else () for plot in (self.base, self.head))
        if len(base) == len(head) == 1:
            return [(head[0].name, base[0], head[0])]
        of_base, of_head = ({each.name: each for each in side} for side in (base, head))
        return [(name, of_base.get(name), of_head.get(name)) for name in {**of_head, **of_base}]

    def said(self, looks: str) -> str:
        """The beginning of the words for it: what it is, and how both sides look, or that there is only one."""
        what = f"DVC's plot {label(self.title)}: {label(self.shown.y_label)} by {label(self.shown.x_label)}"
        return f"{what}, {looks if self.base and self.head else self.alone}."


def sides(result: Result) -> list[Sides]:
    """The plots of head and base, those of head first."""
    of_head = {plot.name: plot for plot in result.head.plots} if result.head else {}
    of_base = {plot.name: plot for plot in result.base.run.plots} if result.base.run else {}
    found = []
    compared = result.base.run is not None
    for name in {**of_head, **of_base}:
        base, head = of_base.get(name), of_head.get(name)
        if base and head and _KINDS[base.template] != _KINDS[head.template]:
            found.append(Sides(base=None, head=head, alone="head only, since base has another kind of plot"))
        elif base and head:
            found.append(Sides(base=base, head=head))
        elif head:
            alone = "head only" + ", base has none" * compared
            found.append(Sides(base=None, head=head, alone=alone, compared=compared))
        else:
            found.append(Sides(base=base, head=None, alone="base only, head has none"))
    return found


def label(text: str) -> str:
    """A foreign text for a sentence."""
    return short(visible(text), _ANY_LENGTH)
