"""The paired bootstrap of smooth functions of totals: percentile-t and BCa.

All that is needed of a resample is how often each unit was drawn. Base and head are drawn together, and the units' order
has nothing to do with which side is which, so that exchanging the sides mirrors every result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.statistics.linear import Curve, Units, line, totals_by

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_ci.predictions import Numbers

RESAMPLES = 10_000
SEED = 20_240_229
AT_MOST = 500
"""Units beyond this number are put together at random into so many blocks before they are resampled."""
AT_ONCE = 2_000_000
"""Numbers that a step of the resampling holds at once."""
WORK = 2e9
"""Multiplications that a bootstrap may cost: it has fewer resamples where each is dear."""
FEW_TOTALS = 8
"""Up to so many totals of both sides, sums of their products are cheaper than the units' contributions."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A confidence distribution as sorted equally likely values. Ties and the finite number count against certainty."""

    values: Numbers

    def quantile(self, level: float) -> float:
        """The outer one of the two values that the quantile lies between; at 0.5 their mean."""
        number = len(self.values)
        if level == 0.5:
            return float(self.values[(number - 1) // 2] + self.values[number // 2]) / 2
        tail = min(level, 1 - level)
        rank = max(0, math.floor(tail * (number + 1) + 1e-9) - 1)
        return float(self.values[rank if level < 0.5 else number - 1 - rank])

    def below(self, value: float) -> float:
        """The share of values that are not above, counting one more."""
        import numpy as np

        return (int(np.searchsorted(self.values, value, side="right")) + 1) / (len(self.values) + 1)

    def above(self, value: float) -> float:
        """The share of values that are not below, counting one more."""
        import numpy as np

        number = len(self.values)
        return (number - int(np.searchsorted(self.values, value, side="left")) + 1) / (number + 1)


@dataclass(frozen=True, eq=False)
class Accelerated:
    """BCa: the resampled differences with their bias `shift` (z0) and `acceleration` (a) corrected.

    Efron (1987), Better bootstrap confidence intervals, JASA 82, 171-185, equations 2.3 and 4.4.
    """

    replicates: Sampled
    shift: float
    acceleration: float

    def quantile(self, level: float) -> float:
        """The quantile of the replicates at the corrected level."""
        from scipy.special import ndtr, ndtri

        z = self.shift + float(ndtri(level))
        scale = 1 - self.acceleration * z
        if scale <= 0:
            return self.replicates.quantile(0.0 if z < 0 else 1.0)
        return self.replicates.quantile(float(ndtr(self.shift + z / scale)))

    def below(self, value: float) -> float:
        """The level at which the quantile is this value."""
        return self._level(self.replicates.below(value), self.shift, self.acceleration)

    def above(self, value: float) -> float:
        """The same from the other side, where head and base have changed places."""
        return self._level(self.replicates.above(value), -self.shift, -self.acceleration)

    @staticmethod
    def _level(share: float, shift: float, acceleration: float) -> float:
        from scipy.special import ndtr, ndtri

        if share >= 1:
            return 1.0
        z = float(ndtri(share)) - shift
        scale = 1 + acceleration * z
        if scale <= 0:
            return 0.0 if z < 0 else 1.0
        return float(ndtr(z / scale - shift))


def percentile_t(units: Units, curve: Curve, resamples: int = RESAMPLES) -> Sampled:
    """The percentile-t (studentized) bootstrap: each resample is measured in its own standard errors, by its tangent.

    It stands skewed values better than any other: Hall (1988), Theoretical comparison of bootstrap confidence intervals, Annals of Statistics 16, 927-953: its
    one-sided bounds are wrong by order 1/n, where those of Student's t and of percentiles are by 1/√n.
    """
    import numpy as np

    units = in_blocks(units)
    straight = line(units, curve)
    roots = [_roots(units, curve, drawn, straight.delta) for drawn in draws(units, resamples)]
    return Sampled(np.sort(straight.delta - straight.error * np.concatenate(roots)))


def bca(units: Units, curve: Curve, resamples: int = RESAMPLES) -> Accelerated:
    """The bias-corrected and accelerated bootstrap; the acceleration is that of the influences.

    It needs no standard error of a resample, so it stands small counts, where percentile-t's bounds may be infinite, and it
    never leaves the metric's range.
    """
    import numpy as np
    from scipy.special import ndtri

    units = in_blocks(units)
    straight = line(units, curve)
    differences = np.concatenate(
        [curve.value(drawn @ units.head) - curve.value(drawn @ units.base) for drawn in draws(units, resamples)]
    )
    near = 1e-12 * max(abs(straight.base), abs(straight.head), abs(straight.delta))
    lower, equal = np.sum(differences < straight.delta - near), np.sum(np.abs(differences - straight.delta) <= near)
    share = float(np.clip((lower + equal / 2) / len(differences), 1e-6, 1 - 1e-6))
    acceleration = straight.skewness / (6 * math.sqrt(straight.number))
    return Accelerated(Sampled(np.sort(differences)), float(ndtri(share)), acceleration)


def _roots(units: Units, curve: Curve, drawn: Numbers, delta: float) -> Numbers:
    """The studentized differences of these resamples."""
    import numpy as np

    base_totals, head_totals = drawn @ units.base, drawn @ units.head
    change = (curve.value(head_totals) - curve.value(base_totals)) - delta
    base_slope, head_slope = curve.gradient(base_totals), curve.gradient(head_totals)
    # in these coordinates nothing cancels where both sides are nearly the same
    rows = np.concatenate([units.head - units.base, (units.head + units.base) / 2], axis=1)
    slope = np.concatenate([(head_slope + base_slope) / 2, head_slope - base_slope], axis=1)
    number = units.number
    squares = np.maximum(_squares(rows, slope, drawn), 0) * number / max(number - 1, 1)
    error = np.sqrt(squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = change / error
    # a resample without any scatter says that the difference could be anywhere on that side
    return np.where(error > 0, roots, np.where(change == 0, 0.0, np.copysign(np.inf, change)))


def _squares(rows: Numbers, slope: Numbers, drawn: Numbers) -> Numbers:
    """For each resample the sum over the drawn units of (row · slope)²."""
    import numpy as np

    kinds = rows.shape[1]
    if kinds > FEW_TOTALS:
        return np.asarray(np.einsum("ij,ij->i", drawn, (slope @ rows.T) ** 2))
    first, second = np.triu_indices(kinds)
    twice = np.where(first == second, 1.0, 2.0)
    products = drawn @ (rows[:, first] * rows[:, second])
    return np.asarray((products * (slope[:, first] * slope[:, second] * twice)).sum(axis=1))


def draws(units: Units, resamples: int) -> Iterator[Numbers]:
    """How often each unit is in each resample: arrays of shape (resamples, units), some at a time.

    Where the units' order depends on which side is which (`other_way`), half of the resamples are drawn in each order,
    with the same seed.
    """
    import numpy as np

    kinds = len(units.base)
    counts = np.ones(kinds, dtype=np.int64) if units.counts is None else units.counts
    orders = [np.arange(kinds)] if units.other_way is None else [np.arange(kinds), units.other_way]
    dear = kinds * (4 + 2 * units.base.shape[1])
    resamples = int(max(1_000, min(resamples, WORK / dear)))
    for order in orders:
        chance = np.random.default_rng(SEED)
        left = resamples // len(orders)
        while left:
            some = max(1, min(left, AT_ONCE // max(kinds, min(units.number, 20 * kinds))))
            drawn = np.empty((some, kinds))
            drawn[:, order] = _draw(chance, counts[order], some)
            yield drawn
            left -= some


def _draw(chance: np.random.Generator, counts: NDArray[np.int64], some: int) -> NDArray[np.int64]:
    """So many resamples of units of which there are `counts` alike."""
    import numpy as np

    kinds, number = len(counts), int(counts.sum())
    if number > 20 * kinds:
        return chance.multinomial(number, counts / number, size=some)
    members = chance.integers(0, number, size=(some, number), dtype=np.int32)
    if kinds < number:
        members = np.repeat(np.arange(kinds, dtype=np.int32), counts)[members]
    members += (np.arange(some, dtype=np.int32) * kinds)[:, None]
    return np.bincount(members.ravel(), minlength=some * kinds).reshape(some, kinds)


def in_blocks(units: Units) -> Units:
    """The units put together at random into AT_MOST blocks, where they are more.

    Blocks of independent units are independent, and their mean is as skewed as that of the units: only the standard
    error is estimated from fewer numbers.
    """
    import numpy as np

    if units.counts is not None or len(units.base) <= AT_MOST:
        return units
    block = np.random.default_rng(SEED).permutation(len(units.base)) % AT_MOST
    return Units(base=totals_by(block, units.base, AT_MOST), head=totals_by(block, units.head, AT_MOST))
