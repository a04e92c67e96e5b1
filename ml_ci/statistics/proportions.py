"""Two proportions on the same examples: McNemar's tests, and Tango's confidence distribution of their difference.

Everything rests on the discordant examples: `base_only` are right on base and wrong on head, `head_only` the reverse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ml_ci.statistics.confidence import Confidence


def exact_p(base_only: int, head_only: int) -> float:
    """The two-sided p-value of McNemar's exact test: a fair coin over the discordant examples.

    Raises ValueError for a negative count.
    """
    _check(base_only, head_only)
    return min(1.0, 2 * _coin(max(base_only, head_only), base_only + head_only))


def mid_p(base_only: int, head_only: int) -> float:
    """The two-sided mid-p-value: the exact one less the probability of what was seen.

    Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13:91, who take half of that probability where
    the counts are equal; 1 where there is no discordant example. Raises ValueError for a negative count.
    """
    _check(base_only, head_only)
    discordant, most = base_only + head_only, max(base_only, head_only)
    if not discordant:
        return 1.0
    seen = _coin(most, discordant) - _coin(most + 1, discordant)
    return 1 - seen / 2 if base_only == head_only else exact_p(base_only, head_only) - seen


def chi2(base_only: int, head_only: int, *, corrected: bool) -> float:
    """McNemar's statistic, χ² with one degree of freedom where both models are equal, with or without Edwards' correction.

    0 where there is no discordant example. Raises ValueError for a negative count.
    """
    _check(base_only, head_only)
    if base_only == head_only:
        return 0.0
    return float((abs(head_only - base_only) - corrected) ** 2 / (base_only + head_only))


def paired_proportions(both: int, base_only: int, head_only: int, neither: int) -> Confidence:
    """The confidence distribution of (proportion right on head) − (proportion right on base), from four counts of examples.

    Without discordant examples it is the one for `both + neither` examples on which the sides happened to agree: it is not
    certain. Raises ValueError for a negative count, and where all are 0.
    """
    _check(both, base_only, head_only, neither)
    size = both + base_only + head_only + neither
    if not size:
        raise ValueError("there is not one example")
    return PairedProportions(base_only, head_only, size)


FEW_DISCORDANT = 20
"""Below it the 95 % interval covers more than 97 % where both models are equal: computed for 50, 200 and 1,000 examples."""


def few_discordant(base_only: int, head_only: int) -> tuple[str, ...]:
    """The warning that belongs to `paired_proportions` with so few discordant examples, or nothing."""
    _check(base_only, head_only)
    discordant = base_only + head_only
    warning = (
        f"few discordant examples: the sides differ in being right on {discordant} example{'s' * (discordant != 1)}, and "
        f"with fewer than {FEW_DISCORDANT} the interval is wider than need be where the models are equal"
    )
    return (warning,) if discordant < FEW_DISCORDANT else ()


@dataclass(frozen=True)
class PairedProportions:
    """Tango's score test of every shift (1998, Statistics in Medicine 17, 891-908), and at no shift McNemar's exact test.

    Tango's test is an approximation that is too liberal at no shift for few discordant examples, and to reject d <= x for
    some x >= 0 is to reject d <= 0 too. So the p-value of d <= x is, for x > 0, at least the exact one of d <= 0, and for
    x < 0 at most that; likewise in the other direction. The p-values are monotone in x, and jump at 0.
    """

    base_only: int
    head_only: int
    size: int

    def quantile(self, level: float) -> float:
        """The bound, in [−1, 1]: the outermost difference whose one-sided test has a p-value above the tail's level.

        Raises ValueError for a level outside of (0, 1).
        """
        if not 0 < level < 1:
            raise ValueError(f"the level is {level}: it lies between 0 and 1")
        if level > 0.5:
            return 0.0 - self._mirrored().quantile(1 - level)  # not −x, which makes a −0.0
        if level == 0.5:
            return (self.head_only - self.base_only) / self.size
        tango = self._lower_score_bound(level)
        return max(tango, 0.0) if self.below(0) <= level else min(tango, 0.0)

    def below(self, value: float) -> float:
        """The p-value of d <= `value` against d > `value`."""
        exact = _coin(self.head_only, self.base_only + self.head_only)
        if value == 0:
            return exact
        return max(self._score_p(value), exact) if value > 0 else min(self._score_p(value), exact)

    def above(self, value: float) -> float:
        """The p-value of d >= `value` against d < `value`."""
        return self._mirrored().below(-value)

    def _mirrored(self) -> PairedProportions:
        return PairedProportions(self.head_only, self.base_only, self.size)

    def _score_p(self, value: float) -> float:
        if value >= 1:
            return 1.0
        if value < -1:
            return 0.0
        return 0.5 * math.erfc(_score(self.base_only, self.head_only, self.size, value) / math.sqrt(2))

    def _lower_score_bound(self, level: float) -> float:
        from scipy.optimize import brentq

        estimate = (self.head_only - self.base_only) / self.size

        def excess(value: float) -> float:
            return self._score_p(value) - level

        if estimate == -1 or excess(estimate) <= 0:
            return estimate
        return float(brentq(excess, -1.0, estimate, xtol=1e-14))


def _score(base_only: int, head_only: int, size: int, shift: float) -> float:
    """Tango's statistic for d = `shift` in [−1, 1], positive where d looks larger; antisymmetric in the sides, to the last bit.

    `other` is his q21, the probability of `base_only` under that restriction where it is most likely: the root of a
    quadratic, taken in the form that does not cancel.
    """
    if shift < 0:
        return -_score(head_only, base_only, size, -shift)
    distance = head_only - base_only - size * shift
    if distance == 0:
        return 0.0
    linear = (2 * size - head_only + base_only) * shift - (head_only + base_only)
    constant = base_only * shift * (1 - shift)
    root = math.sqrt(linear * linear + 8 * size * constant)
    other = 2 * constant / (root + linear) if linear > 0 else (root - linear) / (4 * size)
    variance = size * (2 * other + shift * (1 - shift))
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def _coin(heads: int, throws: int) -> float:
    """The probability of at least so many heads of a fair coin."""
    from scipy.special import bdtr

    return float(bdtr(throws - heads, throws, 0.5)) if 0 < heads <= throws else float(heads <= 0)


def _check(*counts: int) -> None:
    if min(counts) < 0:
        raise ValueError(f"a count of examples is negative: {counts}")
