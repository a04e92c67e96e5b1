"""Metrics that are smooth functions of totals, and the tangent: how sure their difference is in closed form.

A test set is a list of independent *units*: examples, or groups of them. Each unit adds something to the totals of each
side, and a metric is a function of the totals that does not change when all of them are doubled (an error per
example, a ratio of counts). Units that are alike are kept once, with their number, so that for counts of cells the cost
does not depend on the number of examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ml_ci.statistics.confidence import Certain, Student, Unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_ci.predictions import Numbers

ROUNDING = 1e-13
"""A standard error of less than this part of the metric's value is what rounding leaves of none."""


class Curve(Protocol):
    """A metric as a function of totals; the last axis of `totals` are the kinds of totals."""

    def value(self, totals: Numbers) -> Numbers:
        """The metric, one for each row of totals."""

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivative by each total, of the shape of `totals`."""


@dataclass(frozen=True)
class Negated:
    """A loss with its sign turned, as in scikit-learn's scorers `neg_…`."""

    curve: Curve

    def value(self, totals: Numbers) -> Numbers:
        """Minus the loss."""
        return -self.curve.value(totals)

    def gradient(self, totals: Numbers) -> Numbers:
        """Minus its derivative."""
        return -self.curve.gradient(totals)


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """What each unit adds to the totals of base and of head: arrays of shape (units, totals).

    `counts` says how many units are like each, None where each is one. `other_way` is the order in which the units
    would be listed if base and head changed places, None where it is the same. `differing` says which units hold an
    example that is not the same on both sides, None where that is to be told by what they add: what the examples of a
    group add up to may be the same by chance.
    """

    base: Numbers
    head: Numbers
    counts: NDArray[np.int64] | None = None
    other_way: NDArray[np.intp] | None = None
    differing: NDArray[np.bool_] | None = None

    @property
    def number(self) -> int:
        """How many units there are."""
        return len(self.base) if self.counts is None else int(self.counts.sum())


@dataclass(frozen=True, kw_only=True)
class Line:
    """The difference of a metric, replaced by its tangent at the estimate: a sum of what each unit contributes.

    `base` and `head` are the metric's values, `error` is the standard error of head − base (the delta method), `skewness`
    and `kurtosis` are those of the units' contributions. `number` counts the units, `differing` those that are not the
    same on both sides. `identical` says that no example in any of them differs: what the examples of a group add up to
    may be the same by chance. `reach` is the most that one unit can contribute, infinite where that is not known.
    """

    base: float
    head: float
    error: float
    skewness: float
    kurtosis: float
    number: int
    differing: int
    identical: bool
    reach: float = math.inf

    @property
    def delta(self) -> float:
        """Head − base."""
        return self.head - self.base

    @property
    def spread(self) -> bool:
        """Whether the units differ in what they contribute; else they give no measure of chance."""
        return self.error > ROUNDING * max(abs(self.base), abs(self.head))

    @property
    def in_effect(self) -> float:
        """How many units the error rests on: k where k units contribute alike, and all others nothing."""
        return self.number / self.kurtosis if self.kurtosis > 0 else 0.0

    @property
    def student(self) -> Student | Certain | Unknown:
        """Student's t by the tangent.

        Its degrees of freedom are those of the estimated variance (Satterthwaite, 1946): 2 n / (kurtosis − 1), and n − 1
        at most. Where few units differ that is about twice their number, however many agree. Without any spread, one
        more unit is imagined: one that does not differ where there is a difference, and one that differs as much as
        can be where there is none, since units that differ and change nothing by chance are not the same. A single unit
        measures nothing.
        """
        if self.identical:
            return Certain(0.0)
        if not self.spread:
            seen = abs(self.delta) > ROUNDING * max(abs(self.base), abs(self.head))
            error = abs(self.delta) / self.number if seen else self.reach
            measured = self.number > 1 and 0 < error < math.inf
            return Student(self.delta, error, 1.0) if measured else Unknown(self.delta)
        freedom = 2 * self.number / max(self.kurtosis - 1, 1e-9)
        return Student(self.delta, self.error, max(1.0, min(self.number - 1.0, freedom)))


def line(units: Units, curve: Curve) -> Line:
    """The tangent for all units."""
    import numpy as np

    return lines(units, curve, np.zeros(len(units.base), dtype=np.int64), 1)[0]


def lines(units: Units, curve: Curve, part: NDArray[np.int64], parts: int) -> list[Line]:
    """The tangent for the units of each part; `part` is the code of each unit's part, from 0 to `parts` − 1."""
    import numpy as np

    counts = None if units.counts is None else units.counts.astype(np.float64)
    values, influence, most = [], 0.0, []
    for sign, rows in ((-1, units.base), (1, units.head)):
        totals = totals_by(part, rows, parts, counts)
        values.append(curve.value(totals))
        gradient = curve.gradient(totals)
        influence = influence + sign * np.einsum("ij,ij->i", rows, gradient[part] if parts > 1 else gradient[:1])
        most.append((rows, np.abs(gradient)))
    differing = np.zeros(len(units.base), dtype=bool)
    for of_base, of_head in zip(units.base.T, units.head.T, strict=True):
        differing |= of_base != of_head
    found = tangents((values[0], values[1]), np.asarray(influence), part, counts, differing, units.differing)
    return [
        straight if straight.spread or straight.identical else replace(straight, reach=_reach(most, part, at))
        for at, straight in enumerate(found)
    ]


def _reach(sides: Sequence[tuple[Numbers, Numbers]], part: NDArray[np.int64], at: int) -> float:
    """The most that a unit of this part could contribute, if none of its totals counted against another."""
    return max(float((abs(rows[part == at]) @ slope[at]).max()) for rows, slope in sides)


def tangents(
    values: tuple[Numbers, Numbers],
    influence: Numbers,
    part: NDArray[np.int64],
    counts: Numbers | None,
    differing: NDArray[np.bool_],
    within: NDArray[np.bool_] | None = None,
) -> list[Line]:
    """The lines with these values on base and on head, one for each part, and these contributions of the units.

    `differing` says which units differ, `within` which of them hold an example that does, where that is not the same.
    """
    import numpy as np

    parts = len(values[0])

    def summed(numbers: Numbers) -> Numbers:
        return np.bincount(part, numbers if counts is None else numbers * counts, parts).astype(np.float64, copy=False)

    number = summed(np.ones(len(influence)))
    squares = influence * influence
    second = summed(squares)
    safe = np.where(second > 0, second, 1.0)
    skewness = np.sqrt(number) * summed(squares * influence) / safe**1.5
    kurtosis = number * summed(squares * squares) / safe**2
    error = np.sqrt(second * number / np.maximum(number - 1, 1)) * (number > 1)
    different = summed(differing.astype(np.float64))
    touched = different if within is None else different + summed(within.astype(np.float64))
    return [
        Line(
            base=float(values[0][at]),
            head=float(values[1][at]),
            error=float(error[at]),
            skewness=float(skewness[at]),
            kurtosis=float(kurtosis[at]),
            number=int(number[at]),
            differing=int(different[at]),
            identical=not touched[at],
        )
        for at in range(parts)
    ]


def totals_by(part: NDArray[np.int64], rows: Numbers, parts: int, counts: Numbers | None = None) -> Numbers:
    """The rows of each part added up: an array of shape (parts, totals)."""
    import numpy as np

    columns = [np.bincount(part, column if counts is None else column * counts, parts) for column in rows.T]
    return np.stack(columns, axis=1)


def skew_term(straight: Line) -> float:
    """By how much a one-sided bound at 95 % is off for want of symmetry: the first term of Edgeworth's expansion.

    For Student's t it is |skewness| / (6 √n) (2 z² + 1) φ(z), with z = 1.645 (Hall, 1992, The Bootstrap and Edgeworth
    Expansion, section 2.6).
    """
    return 0.110 * abs(straight.skewness) / math.sqrt(straight.number)
