"""ROC and precision-recall curves, base and head in one figure, where there are scores of a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ml_ci import numbers
from ml_ci.report.escape import visible
from ml_ci.report.plots.frame import LINES, REFERENCE, Side, heading, panel
from ml_ci.report.plots.predicted import Sides, from_to, sides
from ml_ci.report.plots.ranking_curves import Ranking, ranking, two_classes
from ml_ci.report.plots.style import SOFT, dark_of, figure, short
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Corner = Literal["upper right", "lower right", "lower left"]

_WIDTH, _HEIGHT = 3.32, 3.0
_LEFT, _TOP, _BETWEEN, _BELOW = 0.5, 0.3, 0.72, 0.45
"""Inches: of a panel, left of the first and above both, between them, and below."""


def draw_ranking(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there."""
    found = sides(result)
    rankings = rank(found) if found else {}
    if found is None or not rankings:
        return ()
    path = folder / "ranking.png"
    areas = {side: (one.auc(), one.average_precision()) for side, one in rankings.items()}
    _draw(rankings, areas, path)
    plot = Plot(
        name="ranking",
        path=path,
        dark=dark_of(path),
        title=_shown(found, rankings).titled("ROC and precision–recall"),
        alt=_alt(_shown(found, rankings), rankings, areas),
        width=FULL_WIDTH,
    )
    return (plot,)


def rank(found: Sides) -> Mapping[Side, Ranking]:
    """The scores of each side by class; empty unless head has scores of two classes. Base is there if it has the same positive one."""
    head = two_classes(found.head)
    if head is None:
        return {}
    of_head = ranking(found.head, *head)
    if of_head is None:
        return {}
    of_base = None
    if found.base is not None and found.base.score is not None:
        # the same examples have the same targets
        base = two_classes(found.base) if found.on_other_examples else head
        if base is not None and base[0] == head[0]:
            of_base = ranking(found.base, *base)
    return {"base": of_base, "head": of_head} if of_base else {"head": of_head}


def _shown(found: Sides, rankings: Mapping[Side, Ranking]) -> Sides:
    """The sides that are drawn."""
    return found if "base" in rankings else found.head_only()


def _draw(rankings: Mapping[Side, Ranking], areas: Mapping[Side, tuple[float, float]], path: Path) -> None:
    head = rankings["head"]
    with figure(_TOP + _HEIGHT + _BELOW, path) as drawn:
        roc = panel(drawn, _LEFT, _TOP, _WIDTH, _HEIGHT)
        heading(roc, "ROC", f"positive class: {short(visible(head.positive), 24)}")
        roc.plot([0, 1], [0, 1], **REFERENCE)
        precision = panel(drawn, _LEFT + _WIDTH + _BETWEEN, _TOP, _WIDTH, _HEIGHT)
        heading(precision, "Precision–recall", f"dotted: share of positives, {numbers.number(head.prevalence, 3)}")
        precision.axhline(head.prevalence, **REFERENCE)
        for side, one in rankings.items():
            texts = _areas(areas, side)
            roc.plot(*one.roc(), label=f"{side}  AUC {texts[0]}", **LINES[side])
            recall, of_recall = one.precision_recall()
            precision.plot(recall, of_recall, drawstyle="steps-post", label=f"{side}  AP {texts[1]}", **LINES[side])
        _finish(roc, "false positive rate", "true positive rate", "lower right")
        # of a rare class the curves are low, and the room is above them
        low = max(average for _, average in areas.values()) < 0.5
        corner: Corner = "upper right" if low else "lower left"
        _finish(precision, "recall", "precision", corner)


def _areas(areas: Mapping[Side, tuple[float, float]], side: Side) -> tuple[str, str]:
    """AUC and average precision of a side, with as many digits as it takes to tell the sides apart."""
    if "base" not in areas:
        return numbers.number(areas["head"][0]), numbers.number(areas["head"][1])
    at = 0 if side == "base" else 1
    auc, average = (numbers.pair(areas["base"][i], areas["head"][i])[at] for i in range(2))
    return auc, average


def _finish(axes: Axes, x: str, y: str, legend: Corner) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.set_xlabel(x, fontsize=8, color=SOFT, labelpad=3)
    axes.set_ylabel(y, fontsize=8, color=SOFT, labelpad=3)
    axes.set_axisbelow(True)
    axes.legend(loc=legend, fontsize=8, facecolor="white", edgecolor="none", framealpha=0.85)


def _alt(shown: Sides, rankings: Mapping[Side, Ranking], areas: Mapping[Side, tuple[float, float]]) -> str:
    base, head = areas.get("base"), areas["head"]
    positive = short(visible(rankings["head"].positive), 40)
    lines = ", base grey and dashed, head blue and solid" if base else ""
    return (
        f"ROC and precision–recall curves of the class {positive}{lines}. {shown.counted()} "
        f"AUC {from_to(base[0] if base else None, head[0])}, average precision {from_to(base[1] if base else None, head[1])}."
    )
