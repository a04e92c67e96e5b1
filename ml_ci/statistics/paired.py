"""The difference of one metric between two sides that were scored on the same examples, by the best method there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_ci.predictions import Predictions
from ml_ci.statistics import cells, generic, means, ranked
from ml_ci.statistics.columns import grouped, prediction_of, refusal, same_examples, score_of, scores
from ml_ci.statistics.conditions import of_line
from ml_ci.statistics.confidence import Certain, Confidence, Difference
from ml_ci.statistics.linear import Curve, Line, Units
from ml_ci.statistics.metrics import Metric, find, value_of
from ml_ci.statistics.proportions import few_discordant, paired_proportions
from ml_ci.statistics.roc import delong

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ACCURACY = "exact McNemar and Tango's score interval"


def paired(name: str, base: Predictions, head: Predictions) -> Difference:
    """The metric or column `name` on base and on head, and the confidence distribution of head − base.

    Both sides have the same test set, so their rows align. Nothing depends on the order of the file, and exchanging the sides
    mirrors the result. By what it is computed:

    - the same predictions on both sides: the difference is certainly 0;
    - accuracy under all its names: exact McNemar and Tango's score interval, which hold for any number of examples;
    - ROC AUC: DeLong, in closed form, O(n log n); over groups Obuchowski's version of it;
    - functions of means (`means.sure`) and of counts of cells (`cells.sure`): a bootstrap on totals, and the tangent;
    - any other metric: `generic.difference`.

    Rows with a `group` are resampled by group. Raises ConfigError, naming file, column and number of rows, for what cannot
    be computed: see `metrics.value`.
    """
    same_examples(name, base, head)
    if name in base.columns or name in head.columns:
        return _of_column(name, base, head)
    metric = find(name)
    if metric is None:
        raise refusal(name, head, "scikit-learn has no metric of this name, and they have no such column")
    if _identical(metric, base, head):
        value = value_of(metric, head)
        return _certain(value, base, head, name)
    return _by_kind(metric, base, head)


def _by_kind(metric: Metric, base: Predictions, head: Predictions) -> Difference:
    if metric.function == "roc_auc_score":
        return _of_ranks(metric, base, head)
    if means.is_mean(metric):
        return _of_means(metric.name, *means.units_of(metric, base, head), base, head)
    if cells.is_share_right(metric):
        return _of_right(metric, base, head)
    curve = cells.curve_of(metric)
    if curve is not None:
        return _of_cells(metric, curve, base, head)
    return generic.difference(metric, base, head)


def _identical(metric: Metric, base: Predictions, head: Predictions) -> bool:
    of = prediction_of if metric.needs in ("labels", "numbers") else score_of
    base_column, head_column = of(metric.name, base), of(metric.name, head)
    if (base_column.dtype.kind == "U") != (head_column.dtype.kind == "U"):
        return False
    return bool((base_column == head_column).all())


def _certain(value: float, base: Predictions, head: Predictions, name: str) -> Difference:
    groups = grouped(name, base, head)
    return Difference(
        base=value,
        head=value,
        confidence=Certain(0.0),
        method="the predictions are the same",
        size=groups[1] if groups else len(base),
        unit="groups" if groups else "examples",
    )


def _of_ranks(metric: Metric, base: Predictions, head: Predictions) -> Difference:
    target, base_score = scores(metric.name, base, probabilities=False)
    _, head_score = scores(metric.name, head, probabilities=False)
    groups = grouped(metric.name, base, head)
    if groups is None:
        return delong(target, base_score, head_score)
    return ranked.by_group(target, base_score, head_score, groups[0])


def _of_column(name: str, base: Predictions, head: Predictions) -> Difference:
    units, curve = means.units_of_column(name, base, head)
    if (units.base == units.head).all():
        return _certain(float(curve.value(units.head.sum(axis=0))), base, head, name)
    return _of_means(name, units, curve, base, head)


def _of_means(name: str, units: Units, curve: Curve, base: Predictions, head: Predictions) -> Difference:
    units, groups = means.by_group(name, units, base, head)
    sure = means.sure(units, curve, groups=groups)
    return _of_line(*sure, of_line(sure[0], groups=groups), groups=groups)


def _of_line(
    straight: Line, confidence: Confidence, method: str, warnings: tuple[str, ...], *, groups: bool
) -> Difference:
    return Difference(
        base=straight.base,
        head=straight.head,
        confidence=confidence,
        method=method,
        size=straight.number,
        unit="groups" if groups else "examples",
        warnings=warnings,
    )


def _of_right(metric: Metric, base: Predictions, head: Predictions) -> Difference:
    """The share of examples that are right, or that are wrong."""
    import numpy as np

    coded = cells.coded_of(metric, base, head)
    right = [side == coded.target for side in coded.sides]
    if cells.is_loss(metric):
        right = [~side for side in right]
    if grouped(metric.name, base, head) is not None:
        ones = np.ones(len(base))
        rows = [np.stack([side.astype(np.float64), ones], axis=1) for side in right]
        units = Units(base=rows[0], head=rows[1], differing=coded.sides[0] != coded.sides[1])
        return _of_means(metric.name, units, means.Mean(), base, head)
    both, base_only, head_only, neither = counts_of(right[0], right[1])
    return Difference(
        base=float(right[0].mean()),
        head=float(right[1].mean()),
        confidence=paired_proportions(both, base_only, head_only, neither),
        method=ACCURACY,
        size=len(base),
        warnings=few_discordant(base_only, head_only),
    )


def counts_of(base: NDArray[np.bool_], head: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """How many are right on both sides, on base only, on head only, on neither."""
    import numpy as np

    both, of_base, of_head = (int(np.count_nonzero(which)) for which in (base & head, base, head))
    return both, of_base - both, of_head - both, len(base) - of_base - of_head + both


def _of_cells(metric: Metric, curve: Curve, base: Predictions, head: Predictions) -> Difference:
    import numpy as np

    coded = cells.coded_of(metric, base, head)
    sizes = np.bincount(coded.target, minlength=coded.classes)
    if np.count_nonzero(sizes) < 2:
        # scikit-learn knows whether it is defined for one class, and raises where it is not
        for side in (base, head):
            value_of(metric, side)
    found = grouped(metric.name, base, head)
    if not cells.fits(metric, coded, found[1] if found else 1):
        return generic.difference(metric, base, head)
    units, groups = cells.by_group(metric.name, metric, coded, base, head)
    sure = cells.sure(units, curve, groups=groups)
    return _of_line(*sure, cells.warnings_of(metric, sizes, sure[0], groups=groups), groups=groups)
