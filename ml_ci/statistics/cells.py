"""Metrics of labels: functions of the counts of the cells target × base's prediction × head's prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ml_ci.predictions import Numbers, Predictions
from ml_ci.statistics.columns import Coded, grouped, labels
from ml_ci.statistics.conditions import of_line, small_class
from ml_ci.statistics.confidence import Confidence, Widest
from ml_ci.statistics.linear import Curve, Line, Negated, Units, line, totals_by
from ml_ci.statistics.metrics import Metric
from ml_ci.statistics.resampling import RESAMPLES, bca

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CELLS = 2_000
"""With more cells than these there are many examples, and the closed form is taken alone."""
MOST_TOTALS = 40_000_000
"""Numbers that the totals of all cells of a side may be (320 MB)."""

Average = Literal["binary", "macro", "micro", "weighted", "balanced"]


@dataclass(frozen=True)
class Ratio:
    """A ratio for each class, put together: right / (right · r + predicted · p + target · t), times `times`.

    The totals are those of K classes: first the examples that are right, then those that are predicted to be of the class,
    then those that are. `binary` has the positive class only. A ratio of nothing is 0, as in scikit-learn.
    """

    times: float
    right: float
    predicted: float
    target: float
    average: Average

    def value(self, totals: Numbers) -> Numbers:
        """The average."""
        import numpy as np

        weights, ratios, _ = self._parts(totals)
        return np.asarray((weights * ratios).sum(axis=-1))

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        weights, ratios, below = self._parts(totals)
        per = weights / below
        right = per * (self.times - self.right * ratios)
        predicted, target = -per * self.predicted * ratios, -per * self.target * ratios
        if self.average == "micro":
            size = totals.shape[-1] // 3
            right, predicted, target = (np.repeat(part, size, axis=-1) for part in (right, predicted, target))
        if self.average == "weighted":
            whole = (weights * ratios).sum(axis=-1, keepdims=True)
            target = target + (ratios - whole) / totals[..., 2 * ratios.shape[-1] :].sum(axis=-1, keepdims=True)
        return np.concatenate([right, predicted, target], axis=-1)

    def _parts(self, totals: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """For each class its weight, its ratio, and what that is divided by."""
        import numpy as np

        right, predicted, target = np.split(totals, 3, axis=-1)
        if self.average == "micro":
            right, predicted, target = (part.sum(axis=-1, keepdims=True) for part in (right, predicted, target))
        below = self.right * right + self.predicted * predicted + self.target * target
        below = np.where(below > 0, below, 1.0)
        if self.average == "weighted":
            weights = target
        else:
            weights = (target + (0 if self.average == "balanced" else predicted) > 0).astype(np.float64)
        weights = weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1)
        return weights, self.times * right / below, below


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa: (n · right − chance) / (n² − chance), where chance is Σ predicted · target."""

    def value(self, totals: Numbers) -> Numbers:
        """Kappa; 0 where all is of one class."""
        above, below, *_ = self._parts(totals)
        kappa: Numbers = above / below
        return kappa

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        above, below, right, predicted, target, number = self._parts(totals)
        kappa, below = (above / below)[..., None], below[..., None]
        of_target = (right - predicted) / below - kappa * (2 * number - predicted) / below
        of_right = np.broadcast_to(number / below, target.shape)
        return np.concatenate([of_right, -target * (1 - kappa) / below, of_target], axis=-1)

    @staticmethod
    def _parts(totals: Numbers) -> tuple[Numbers, ...]:
        import numpy as np

        each, predicted, target = np.split(totals, 3, axis=-1)
        right, number = each.sum(axis=-1, keepdims=True), target.sum(axis=-1, keepdims=True)
        chance = (predicted * target).sum(axis=-1)
        below = number[..., 0] ** 2 - chance
        above = number[..., 0] * right[..., 0] - chance
        return above, np.where(below > 0, below, 1.0), right, predicted, target, number


@dataclass(frozen=True)
class Matthews:
    """Matthews' correlation: (n · right − Σ predicted · target) / √((n² − Σ predicted²) (n² − Σ target²))."""

    def value(self, totals: Numbers) -> Numbers:
        """The correlation; 0 where all is of one class."""
        return self._parts(totals)[0]

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        value, below, spread_predicted, spread_target, right, predicted, target, number = self._parts(totals)
        value, below = value[..., None], below[..., None]
        of_predicted = -target / below + value * predicted / spread_predicted
        of_target = (right - predicted) / below - value * (
            number / spread_predicted + (number - target) / spread_target
        )
        return np.concatenate([np.broadcast_to(number / below, target.shape), of_predicted, of_target], axis=-1)

    @staticmethod
    def _parts(totals: Numbers) -> tuple[Numbers, ...]:
        import numpy as np

        each, predicted, target = np.split(totals, 3, axis=-1)
        right, number = each.sum(axis=-1, keepdims=True), target.sum(axis=-1, keepdims=True)
        above = (number * right)[..., 0] - (predicted * target).sum(axis=-1)
        spreads = [number[..., 0] ** 2 - (part * part).sum(axis=-1) for part in (predicted, target)]
        of_predicted, of_target = (np.where(spread > 0, spread, 1.0) for spread in spreads)
        below = np.sqrt(of_predicted) * np.sqrt(of_target)
        value = np.where((spreads[0] > 0) & (spreads[1] > 0), above / below, 0.0)
        return value, below, of_predicted[..., None], of_target[..., None], right, predicted, target, number


RATIOS: Mapping[str, tuple[float, float, float, float]] = {
    "f1_score": (2, 0, 1, 1),
    "precision_score": (1, 0, 1, 0),
    "recall_score": (1, 0, 0, 1),
    "jaccard_score": (1, -1, 1, 1),
}


def is_share_right(metric: Metric) -> bool:
    """Whether the metric is accuracy, or one less accuracy, under one of its names."""
    alike = metric.function in ("f1_score", "precision_score", "recall_score") and metric.average == "micro"
    weighted_recall = metric.function == "recall_score" and metric.average == "weighted"
    named = metric.function in ("accuracy_score", "zero_one_loss", "hamming_loss")
    return metric.sign > 0 and (alike or weighted_recall or named)


def is_loss(metric: Metric) -> bool:
    """Whether it is the share of examples that are wrong."""
    return metric.function in ("zero_one_loss", "hamming_loss")


def curve_of(metric: Metric) -> Curve | None:
    """The metric as a function of the totals of classes; None where it is none that is known here."""
    curve: Curve | None = None
    if metric.function in RATIOS and metric.average in ("binary", "macro", "micro", "weighted"):
        curve = Ratio(*RATIOS[metric.function], average=metric.average)  # type: ignore[arg-type] # one of the four, as the line above says
    elif metric.function == "balanced_accuracy_score":
        curve = Ratio(*RATIOS["recall_score"], average="balanced")
    elif metric.function == "matthews_corrcoef":
        curve = Matthews()
    elif metric.function == "cohen_kappa_score":
        curve = Kappa()
    return Negated(curve) if curve is not None and metric.sign < 0 else curve


def coded_of(metric: Metric, base: Predictions, head: Predictions) -> Coded:
    """The labels of both sides as codes. Raises ConfigError as `metrics.value` does."""
    return labels(metric.name, (base, head), of_two=metric.of_two_classes)


def units_of(metric: Metric, coded: Coded, unit: NDArray[np.int64] | None = None) -> tuple[Units, NDArray[np.int64]]:
    """The non-empty cells with their counts, and the unit of each; `unit` is that of each example, where there are any."""
    import numpy as np

    size = coded.classes
    inner = (coded.target * size + coded.sides[0]) * size + coded.sides[1]
    code = inner if unit is None else inner + unit * size**3
    most = size**3 if unit is None else (int(unit.max()) + 1) * size**3
    if most <= 4 * len(code) + 1000:
        all_counts = np.bincount(code, minlength=most)
        found = np.flatnonzero(all_counts)
        counts = all_counts[found]
    else:
        found, counts = np.unique(code, return_counts=True)
    target, base, head = found // size**2 % size, found // size % size, found % size
    rows = [_rows(target, side, 1 if metric.average == "binary" else size) for side in (base, head)]
    other_way = np.lexsort((base, head, target))
    units = Units(base=rows[0], head=rows[1], counts=counts.astype(np.int64), other_way=other_way)
    return units, found // size**3


def _rows(target: NDArray[np.int64], prediction: NDArray[np.int64], size: int) -> Numbers:
    """What an example of each cell adds to the totals; with one class it is the last, the positive one."""
    import numpy as np

    classes = np.arange(size) if size > 1 else np.array([1])
    of_target, predicted = target[:, None] == classes, prediction[:, None] == classes
    return np.concatenate([of_target & predicted, predicted, of_target], axis=1).astype(np.float64)


def fits(metric: Metric, coded: Coded, units: int = 1) -> bool:
    """Whether the totals of the cells of so many units fit into memory: of many classes they may not."""
    totals = 3 if metric.average == "binary" else 3 * coded.classes
    return min(len(coded.target), units * coded.classes**3) * totals <= MOST_TOTALS


def by_group(name: str, metric: Metric, coded: Coded, base: Predictions, head: Predictions) -> tuple[Units, bool]:
    """The units: cells with their counts, or, where there are groups, the totals of each group."""
    import numpy as np

    groups = grouped(name, base, head)
    if groups is None:
        return units_of(metric, coded)[0], False
    code, number = groups
    cells, unit = units_of(metric, coded, code)
    counts = None if cells.counts is None else cells.counts.astype(np.float64)
    totals = [totals_by(unit, rows, number, counts) for rows in (cells.base, cells.head)]
    return Units(base=totals[0], head=totals[1], differing=differing_by(unit, cells, number)), True


def differing_by(part: NDArray[np.int64], cells: Units, number: int) -> NDArray[np.bool_]:
    """Which of so many groups hold a cell where the sides predict differently."""
    import numpy as np

    return np.bincount(part, (cells.base != cells.head).any(axis=1), number) > 0


def sure(units: Units, curve: Curve, *, groups: bool) -> tuple[Line, Confidence, str]:
    """The values, the confidence distribution, and the method's name.

    It is the wider of Student's t (the delta method) and of BCa. In simulations of F1 (50 to 3,000 examples, 1 to 50 %
    positive) BCa alone covered 90 to 94 %, percentile-t 86 to 95 %, with infinite bounds where few examples differ, and
    Student's t 95 to 98 %; BCa widens it where the metric is close to the end of its range.
    """
    straight, of = line(units, curve), " over groups" if groups else ""
    if (not groups and len(units.base) > MOST_CELLS) or not straight.spread:
        return straight, straight.student, f"delta method{of}"
    method = f"BCa bootstrap{of}, {RESAMPLES:,} resamples, and delta method"
    return straight, Widest((bca(units, curve), straight.student)), method


def warnings_of(metric: Metric, sizes: NDArray[np.int64], straight: Line, *, groups: bool) -> tuple[str, ...]:
    """Where the stated confidence does not hold; `sizes` are the numbers of examples of each class."""
    if straight.identical:
        return ()
    found = of_line(straight, groups=groups)
    if metric.average in ("micro", "weighted"):
        return found
    binary = metric.average == "binary"
    smallest = int(sizes[1] if binary else sizes[sizes > 0].min())
    return small_class(metric.name, smallest, "positive" if binary else "smallest") + found
