"""The differences of one metric in every slice of the examples, all at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.predictions import Predictions
from ml_ci.statistics import cells, generic, means, ranked
from ml_ci.statistics.columns import Coded, grouped, refusal, same_examples, scores, sliced
from ml_ci.statistics.conditions import of_line
from ml_ci.statistics.confidence import Certain, Difference
from ml_ci.statistics.linear import Curve, Line, Units, lines, totals_by
from ml_ci.statistics.metrics import Metric, find
from ml_ci.statistics.paired import ACCURACY
from ml_ci.statistics.proportions import paired_proportions
from ml_ci.statistics.roc import delong

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SliceDifference:
    """The difference among the examples with the value `value` in the slice column, `size` of them.

    `difference` is None where the metric is not defined there: of one class only, say.
    """

    value: str
    size: int
    difference: Difference | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parts:
    """The slice of each example as a code, the number of examples in each, and the group of each example."""

    code: Codes
    sizes: Codes
    groups: tuple[Codes, int] | None

    def units(self) -> tuple[Codes, Codes]:
        """The unit of each example (a group within a slice; without groups the slice), and the slice of each unit."""
        import numpy as np

        if self.groups is None:
            return self.code, np.arange(len(self.sizes))
        group, number = self.groups
        found, unit = np.unique(self.code * number + group, return_inverse=True)
        return unit.astype(np.int64), found // number


def by_slice(name: str, base: Predictions, head: Predictions, column: str) -> tuple[SliceDifference, ...]:
    """The metric or column `name` in every slice by `column`, in sorted order of the slices' values.

    As in `paired.paired`, but by closed forms only: McNemar and Tango, DeLong, and Student's t by the tangent with its degrees
    of freedom from the fourth moment; a jackknife over blocks for other metrics. Raises ConfigError as `paired` does.
    """
    import numpy as np

    same_examples(name, base, head)
    values, code = sliced(name, base, head, column)
    parts = _Parts(code=code, sizes=np.bincount(code, minlength=len(values)), groups=grouped(name, base, head))
    differences = _differences(name, base, head, parts)
    return tuple(
        SliceDifference(value=value, size=int(size), difference=difference)
        for value, size, difference in zip(values, parts.sizes, differences, strict=True)
    )


def _differences(name: str, base: Predictions, head: Predictions, parts: _Parts) -> list[Difference | None]:
    if name in base.columns or name in head.columns:
        return _of_means(*means.units_of_column(name, base, head), parts)
    metric = find(name)
    if metric is None:
        raise refusal(name, head, "scikit-learn has no metric of this name, and they have no such column")
    if metric.function == "roc_auc_score":
        return _of_ranks(metric, base, head, parts)
    if means.is_mean(metric):
        return _of_means(*means.units_of(metric, base, head), parts)
    if cells.is_share_right(metric):
        return _of_right(metric, base, head, parts)
    curve = cells.curve_of(metric)
    if curve is not None:
        coded, (_, part) = cells.coded_of(metric, base, head), parts.units()
        if cells.fits(metric, coded, len(part)):
            return _of_cells(metric, curve, coded, parts)
    return _one_by_one(parts, generic.blocks(metric, base, head))


def _of_means(units: Units, curve: Curve, parts: _Parts) -> list[Difference | None]:
    import numpy as np

    part = parts.code
    if parts.groups is not None:
        unit, part = parts.units()
        units = means.units_by_group(units, unit, len(part))
    with np.errstate(invalid="ignore"):
        found = lines(units, curve, part, len(parts.sizes))
    groups = parts.groups is not None
    return [
        _of_line(
            straight, groups, "paired Student's t", of_line(straight, groups=groups) if not straight.identical else ()
        )
        for straight in found
    ]


def _of_line(straight: Line, groups: bool, method: str, warnings: tuple[str, ...]) -> Difference | None:
    if not math.isfinite(straight.base) or not math.isfinite(straight.head):
        return None
    return Difference(
        base=straight.base,
        head=straight.head,
        confidence=straight.student,
        method=method + (" over groups" if groups else ""),
        size=straight.number,
        unit="groups" if groups else "examples",
        warnings=warnings,
    )


def _of_right(metric: Metric, base: Predictions, head: Predictions, parts: _Parts) -> list[Difference | None]:
    import numpy as np

    coded = cells.coded_of(metric, base, head)
    wrong = cells.is_loss(metric)
    right = [(side == coded.target) != wrong for side in coded.sides]
    if parts.groups is not None:
        ones = np.ones(len(base))
        rows = [np.stack([side.astype(np.float64), ones], axis=1) for side in right]
        units = Units(base=rows[0], head=rows[1], differing=coded.sides[0] != coded.sides[1])
        return _of_means(units, means.Mean(), parts)

    number = len(parts.sizes)
    both, of_base, of_head, differ = (
        np.bincount(parts.code[which], minlength=number)
        for which in (right[0] & right[1], right[0], right[1], coded.sides[0] != coded.sides[1])
    )

    def difference(at: int) -> Difference:
        size, shared = int(parts.sizes[at]), int(both[at])
        only = int(of_base[at]) - shared, int(of_head[at]) - shared
        return Difference(
            base=float(of_base[at]) / size,
            head=float(of_head[at]) / size,
            confidence=paired_proportions(shared, *only, size - shared - sum(only)) if differ[at] else Certain(0.0),
            method=ACCURACY,
            size=size,
        )

    return [difference(at) for at in range(number)]


def _of_cells(metric: Metric, curve: Curve, coded: Coded, parts: _Parts) -> list[Difference | None]:
    import numpy as np

    number = len(parts.sizes)
    groups = parts.groups is not None
    unit, part = parts.units()
    units, cell_unit = cells.units_of(metric, coded, unit)
    if groups:
        counts = None if units.counts is None else units.counts.astype(np.float64)
        rows = [totals_by(cell_unit, side, len(part), counts) for side in (units.base, units.head)]
        differing = cells.differing_by(cell_unit, units, len(part))
        units, cell_part = Units(base=rows[0], head=rows[1], differing=differing), part
    else:
        cell_part = cell_unit
    sizes = np.bincount(parts.code * coded.classes + coded.target, minlength=number * coded.classes)
    sizes = sizes.reshape(number, coded.classes)
    needs_two = metric.of_two_classes or metric.function == "cohen_kappa_score"
    found: list[Difference | None] = []
    for at, straight in enumerate(lines(units, curve, cell_part, number)):
        if needs_two and np.count_nonzero(sizes[at]) < 2:
            found.append(None)
        else:
            warnings = cells.warnings_of(metric, sizes[at], straight, groups=groups)
            found.append(_of_line(straight, groups, "delta method", warnings))
    return found


def _of_ranks(metric: Metric, base: Predictions, head: Predictions, parts: _Parts) -> list[Difference | None]:
    target, base_score = scores(metric.name, base, probabilities=False)
    _, head_score = scores(metric.name, head, probabilities=False)

    def difference(rows: Codes) -> Difference | None:
        import numpy as np

        classes = target[rows]
        if not 0 < classes.sum() < len(rows):
            return None
        if parts.groups is None:
            return delong(classes, base_score[rows], head_score[rows])
        group = np.unique(parts.groups[0][rows], return_inverse=True)[1].astype(np.int64)
        return ranked.by_group(classes, base_score[rows], head_score[rows], group)

    return _one_by_one(parts, difference)


def _one_by_one(parts: _Parts, difference: Callable[[Codes], Difference | None]) -> list[Difference | None]:
    """Each slice by itself, from the places of its rows."""
    import numpy as np

    order = np.argsort(parts.code, kind="stable")
    return [difference(rows) for rows in np.split(order, np.cumsum(parts.sizes)[:-1])]
