"""Calibration: how often what was said to be likely was so, base beside head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.predictions import Predictions
from ml_ci.report.escape import visible
from ml_ci.report.plots.frame import COLOURS, LINES, REFERENCE, Side, heading, panel
from ml_ci.report.plots.predicted import Sides, from_to, sides
from ml_ci.report.plots.ranking_curves import two_classes
from ml_ci.report.plots.style import SOFT, dark_of, figure, short
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ml_ci.predictions import Numbers

    Codes = NDArray[np.int64]

MOST_BINS = 10
_IN_A_BIN = 20
"""Examples that a bin has at least; with fewer its share is chance."""

_BARS = 25
_TWO_SIDED = 1.959964
"""The normal quantile of a two-sided interval of 95 %."""

_WIDTH, _HEIGHT = 3.32, 3.0
_LEFT, _TOP, _BETWEEN, _BELOW = 0.5, 0.3, 0.72, 0.45


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """One side: in bins of equal counts by score, its mean, the share of positives, and how many examples there are.

    All have the shape (bins,). `bars` is the share of the examples in each of 25 bins of equal width from 0 to 1.
    """

    said: Numbers
    seen: Numbers
    counts: Codes
    bars: Numbers

    @property
    def gap(self) -> float:
        """How far what was seen is from what was said, on average over the examples: the expected calibration error, to four decimals."""
        import numpy as np

        return round(float(np.average(np.abs(self.seen - self.said), weights=self.counts)), 4)

    def errors(self) -> Numbers:
        """How far Wilson's 95 % interval for each share reaches down and up, of shape (2, bins).

        Wilson (1927), Journal of the American Statistical Association 22, 209-212.
        """
        import numpy as np

        square = _TWO_SIDED**2
        middle = (self.counts * self.seen + square / 2) / (self.counts + square)
        spread = np.sqrt(self.seen * (1 - self.seen) / self.counts + square / (4 * self.counts**2.0))
        half = _TWO_SIDED * spread * self.counts / (self.counts + square)
        return np.maximum(np.stack([self.seen - middle + half, middle + half - self.seen]), 0.0)


def draw_calibration(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there."""
    found = sides(result)
    shown = found.where(_says_probabilities) if found else None
    head = two_classes(shown.head) if shown else None
    if shown is None or head is None:
        return ()
    positive = head[0]
    curves = _reliabilities(shown, *head)
    path = folder / "calibration.png"
    _draw(positive, curves, path)
    drawn = shown if "base" in curves else shown.head_only()
    base = curves["base"].gap if "base" in curves else None
    plot = Plot(
        name="calibration",
        path=path,
        dark=dark_of(path),
        title=drawn.titled("Calibration"),
        alt=f"Calibration of the scores of the class {short(visible(positive), 40)}: the share of positives against the mean "
        f"score, in bins of equal counts. {drawn.counted()} Average gap {from_to(base, curves['head'].gap)}; 0 is perfect.",
        width=FULL_WIDTH,
    )
    return (plot,)


def reliability(positive: Codes, score: Numbers, bins: int) -> Reliability:
    """The bins of one side, as scikit-learn's `calibration_curve` has them with `strategy="quantile"`."""
    import numpy as np

    edges = np.percentile(score, np.linspace(0, 100, bins + 1))
    place = np.searchsorted(edges[1:-1], score)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    said = np.bincount(place, weights=score, minlength=bins)[filled] / counts[filled]
    seen = np.bincount(place, weights=positive, minlength=bins)[filled] / counts[filled]
    bars, _ = np.histogram(score, bins=_BARS, range=(0.0, 1.0))
    return Reliability(said=said, seen=seen, counts=counts[filled], bars=bars / len(score))


def _says_probabilities(side: Predictions) -> bool:
    if side.score is None:
        return False
    least, most = float(side.score.min()), float(side.score.max())
    # of NaN both are false
    return least >= 0.0 and most <= 1.0


def _reliabilities(shown: Sides, positive: str, codes: Codes) -> Mapping[Side, Reliability]:
    """Both sides, given head's target as codes; base is there if it has two classes with the same positive one."""
    scores = {side: one.score for side, one in shown.present().items() if one.score is not None}
    targets: dict[Side, Codes] = {"head": codes}
    if shown.base is not None:
        # the same examples have the same targets
        base = two_classes(shown.base) if shown.on_other_examples else (positive, codes)
        if base is not None and base[0] == positive:
            targets = {"base": base[1], "head": codes}
    bins = max(1, min(MOST_BINS, *(len(target) // _IN_A_BIN for target in targets.values())))
    return {side: reliability(target, scores[side], bins) for side, target in targets.items()}


def _draw(positive: str, curves: Mapping[Side, Reliability], path: Path) -> None:
    with figure(_TOP + _HEIGHT + _BELOW, path) as drawn:
        left = panel(drawn, _LEFT, _TOP, _WIDTH, _HEIGHT)
        heading(left, "Calibration", "bars: 95 % intervals")
        right = panel(drawn, _LEFT + _WIDTH + _BETWEEN, _TOP, _WIDTH, _HEIGHT)
        heading(right, "Scores", f"positive class: {short(visible(positive), 24)}")
        left.plot([0, 1], [0, 1], **REFERENCE)
        gaps = _gaps(curves)
        for side, curve in curves.items():
            left.errorbar(
                curve.said, curve.seen, yerr=curve.errors(), label=f"{side}  average gap {gaps[side]}",
                elinewidth=0.7, marker="o", markersize=3.5, **LINES[side],
            )  # fmt: skip
            right.stairs(curve.bars, _edges(), label=side, **LINES[side])
            if side == "head":
                right.stairs(curve.bars, _edges(), fill=True, color=COLOURS[side], alpha=0.15, zorder=1)
        most = _limit(curves)
        left.set(xlim=(-0.01 * most, most * 1.01), ylim=(-0.01 * most, most * 1.02))
        right.set(xlim=(-0.01, 1.01), ylim=(0, None))
        _finish(left, "mean score", "share of positives")
        _finish(right, "score", "share of examples")


def _gaps(curves: Mapping[Side, Reliability]) -> dict[Side, str]:
    if "base" not in curves:
        return {"head": numbers.number(curves["head"].gap, 3)}
    before, after = numbers.pair(curves["base"].gap, curves["head"].gap)
    return {"base": before, "head": after}


def _limit(curves: Mapping[Side, Reliability]) -> float:
    """The end of both axes: that of a rare class's small scores is near them, or nothing could be seen."""
    most = max(float(max((curve.seen + curve.errors()[1]).max(), curve.said.max())) for curve in curves.values())
    return 1.0 if most > 0.5 else 1.1 * most


def _edges() -> Numbers:
    import numpy as np

    return np.linspace(0.0, 1.0, _BARS + 1)


def _finish(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=8, color=SOFT, labelpad=3)
    axes.set_ylabel(y, fontsize=8, color=SOFT, labelpad=3)
    axes.set_axisbelow(True)
    axes.legend(loc="best" if y == "share of examples" else "upper left", fontsize=8, edgecolor="none", framealpha=0.85)
