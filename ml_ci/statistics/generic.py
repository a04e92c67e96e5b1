"""Any other metric of scikit-learn's: it is computed again and again, on resamples or on parts of the examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ml_ci.errors import ConfigError
from ml_ci.predictions import Numbers, Predictions
from ml_ci.statistics.columns import factorize, grouped, labels, numbers, refusal, scores
from ml_ci.statistics.conditions import FEW_EXAMPLES, NO_SPREAD, few_units
from ml_ci.statistics.confidence import Certain, Confidence, Difference, Student, Unit, Unknown
from ml_ci.statistics.metrics import Metric, evaluate
from ml_ci.statistics.resampling import SEED, Accelerated, Sampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Sides = tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.generic]]

LARGE = 10_000
"""From so many examples on, the examples are parted instead of resampled."""
SECTIONS = 20
ROWS = 4_000_000
"""Examples that all resamples may have together."""
MOST, LEAST = 1_000, 200
"""Resamples."""
JACKKNIFE = 100
"""Parts that are left out in turn, for the acceleration."""
UNDEFINED = 0.05
"""The share of resamples on which the metric may be undefined before nothing is said about it."""
ROUGH = ("max_error",)
"""Metrics that hang on single examples, for which no resampling is right (Bickel & Freedman, 1981)."""


def difference(metric: Metric, base: Predictions, head: Predictions) -> Difference:
    """The metric on both sides, and the confidence of its difference.

    Up to LARGE examples BCa with at most MOST resamples, fewer where they are dear, of the examples or of the groups. Beyond,
    sectioning: the metric on SECTIONS random parts of equal size, whose scatter gives Student's t with SECTIONS − 1 degrees
    of freedom (Asmussen & Glynn, 2007, Stochastic Simulation, III.5); for few groups the jackknife over them. Raises ConfigError as `metrics.value` does.
    """
    sides = _sides(metric, base, head)

    def on(rows: Rows | None) -> tuple[float, float]:
        target, of_base, of_head = (side if rows is None else side[rows] for side in sides)
        return evaluate(metric, base, target, of_base), evaluate(metric, head, target, of_head)

    values = on(None)
    groups = grouped(metric.name, base, head)
    units = _units(len(base), groups)
    unit: Unit = "groups" if groups else "examples"
    method = "jackknife over blocks"
    warnings: tuple[str, ...] = ()
    confidence: Confidence | None
    if len(base) > LARGE and len(units) < 10 * SECTIONS:
        confidence = _jackknifed(on, values, units)
    elif len(base) > LARGE:
        confidence, method, warnings = _sectioned(on, values, _sections(units, sides[0], metric, groups is not None))
    else:
        confidence, method, warnings = _resampled(on, values, units, max(1, len(base)))
    if confidence is None:
        raise refusal(
            metric.name, head, "it is undefined on so many resamples of them that nothing can be said about it"
        )
    warnings += few_units(len(units), groups=groups is not None)
    if metric.function in ROUGH:
        warnings += (f"single {unit} decide: {metric.name} hangs on the worst one, and no interval for it is reliable",)
    return Difference(
        base=values[0],
        head=values[1],
        confidence=confidence,
        method=method + (" over groups" if groups else ""),
        size=len(units),
        unit=unit,
        warnings=warnings,
    )


def blocks(metric: Metric, base: Predictions, head: Predictions) -> Callable[[Rows], Difference | None]:
    """A function from places of rows to the difference among these, None where the metric is not defined there.

    The confidence is Student's t by the jackknife over SECTIONS blocks of the examples, or of the groups (Shao & Tu, 1995,
    The Jackknife and Bootstrap, section 2.3).
    """
    sides = _sides(metric, base, head)
    groups = grouped(metric.name, base, head)

    def on(rows: Rows) -> tuple[float, float]:
        target, of_base, of_head = (side[rows] for side in sides)
        return evaluate(metric, base, target, of_base), evaluate(metric, head, target, of_head)

    def difference_on(rows: Rows) -> Difference | None:
        if metric.of_two_classes and (sides[0][rows] == sides[0][rows[0]]).all():
            return None  # where scikit-learn counts the ratio of nothing as 0
        try:
            values = on(rows)
        except ConfigError:
            return None
        within = None if groups is None else factorize(groups[0][rows])
        units = _units(len(rows), None if within is None else (within[1], len(within[0])))
        certain = bool((sides[1][rows] == sides[2][rows]).all())
        confidence = Certain(0.0) if certain else _jackknifed(lambda kept: on(rows[kept]), values, units)
        if confidence is None:
            return None
        return Difference(
            base=values[0],
            head=values[1],
            confidence=confidence,
            method="jackknife over blocks" + (" of groups" if groups else ""),
            size=len(units),
            unit="groups" if groups else "examples",
            warnings=() if certain else few_units(len(units), groups=groups is not None),
        )

    return difference_on


def _jackknifed(
    on: Callable[[Rows], tuple[float, float]], values: tuple[float, float], units: Rows | list[Rows]
) -> Confidence | None:
    left = left_out(on, units, SECTIONS)
    delta = values[1] - values[0]
    if len(left) < 2:
        return None
    error = math.sqrt(float(((left - left.mean()) ** 2).sum()) * (len(left) - 1) / len(left))
    return Student(delta, error, len(left) - 1) if error > 0 else _without_spread(delta, len(units))


def _sides(metric: Metric, base: Predictions, head: Predictions) -> Sides:
    """Target, base's and head's column, as scikit-learn gets them."""
    if metric.needs == "labels":
        coded = labels(metric.name, (base, head), of_two=metric.of_two_classes)
        return coded.target, coded.sides[0], coded.sides[1]
    if metric.needs == "numbers":
        target, of_base = numbers(metric.name, base)
        return target, of_base, numbers(metric.name, head)[1]
    probabilities = metric.needs == "probabilities"
    classes, of_base = scores(metric.name, base, probabilities=probabilities)
    return classes, of_base, scores(metric.name, head, probabilities=probabilities)[1]


def _units(number: int, groups: tuple[NDArray[np.int64], int] | None) -> Rows | list[Rows]:
    """The rows of each unit: one, or those of a group."""
    import numpy as np

    if groups is None:
        return np.arange(number)
    code, count = groups
    order = np.argsort(code, kind="stable")
    return np.split(order, np.cumsum(np.bincount(code, minlength=count))[:-1])


def _rows_of(units: Rows | list[Rows], which: Rows) -> Rows:
    import numpy as np

    return np.concatenate([units[at] for at in which]) if isinstance(units, list) else units[which]


def _sections(units: Rows | list[Rows], target: NDArray[np.generic], metric: Metric, groups: bool) -> list[Rows]:
    """Random parts of equal size; of classes, each part gets its share."""
    import numpy as np

    order = np.random.default_rng(SEED).permutation(len(units))
    if not groups and metric.needs != "numbers":
        order = order[np.argsort(target[order], kind="stable")]
    if not groups:
        return [order[at::SECTIONS] for at in range(SECTIONS)]
    return [_rows_of(units, order[at::SECTIONS]) for at in range(SECTIONS)]


Answer = tuple[Confidence | None, str, tuple[str, ...]]


def _sectioned(on: Callable[[Rows], tuple[float, float]], values: tuple[float, float], sections: list[Rows]) -> Answer:
    import numpy as np

    method = f"{SECTIONS} sections and Student's t"
    try:
        parts = np.array([on(rows) for rows in sections])
    except ConfigError:
        return None, method, ()
    delta, differences = values[1] - values[0], parts[:, 1] - parts[:, 0]
    error = math.sqrt(float(np.mean((differences - differences.mean()) ** 2)) / (SECTIONS - 1))
    if not error > 0:
        return _without_spread(delta, SECTIONS), method, (NO_SPREAD,)
    return Student(delta, error, SECTIONS - 1), method, ()


def _resampled(
    on: Callable[[Rows], tuple[float, float]], values: tuple[float, float], units: Rows | list[Rows], number: int
) -> Answer:
    import numpy as np
    from scipy.special import ndtri

    resamples = max(LEAST, min(MOST, ROWS // number))
    chance = np.random.default_rng(SEED)
    differences = []
    for _ in range(resamples):
        drawn = chance.integers(0, len(units), size=len(units))
        differences.append(_difference(on, _rows_of(units, drawn)))
    defined = np.sort(np.array([each for each in differences if each is not None]))
    method = f"BCa bootstrap, {resamples:,} resamples"
    if len(defined) < (1 - UNDEFINED) * resamples:
        return None, method, ()
    delta = values[1] - values[0]
    if defined[0] == defined[-1]:
        return _without_spread(delta, len(units)), method, (NO_SPREAD,)
    share = (np.sum(defined < delta) + np.sum(defined == delta) / 2) / len(defined)
    shift = float(ndtri(np.clip(share, 1e-3, 1 - 1e-3)))
    return Accelerated(Sampled(defined), shift, _acceleration(on, units)), method, ()


def _acceleration(on: Callable[[Rows], tuple[float, float]], units: Rows | list[Rows]) -> float:
    """From leaving out units, or blocks of them, in turn (Efron, 1987, equation 7.3 and section 10)."""
    values = left_out(on, units, JACKKNIFE)
    if len(values) < 2:
        return 0.0
    around: Numbers = values.mean() - values
    squares = float((around**2).sum())
    return float((around**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def left_out(on: Callable[[Rows], tuple[float, float]], units: Rows | list[Rows], most: int) -> Numbers:
    """The differences without each of at most `most` random blocks of the units, where they are defined."""
    import numpy as np

    number = min(most, len(units))
    block = np.random.default_rng(SEED).permutation(len(units)) % number
    places = range(number if number > 1 else 0)
    found = [_difference(on, _rows_of(units, np.flatnonzero(block != at))) for at in places]
    return np.array([each for each in found if each is not None])


def _difference(on: Callable[[Rows], tuple[float, float]], rows: Rows) -> float | None:
    try:
        of_base, of_head = on(rows)
    except ConfigError:  # a resample of one class, say
        return None
    return of_head - of_base


def _without_spread(delta: float, number: int) -> Confidence:
    """A single unit measures no chance, and that a few of them change nothing may be chance."""
    if number < 2 or (not delta and number < FEW_EXAMPLES):
        return Unknown(delta)
    return Student(delta, abs(delta) / number, 1.0) if delta else Certain(0.0)
