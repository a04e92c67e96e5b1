"""The base branch's past: what one more training of it could have given."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ml_ci.statistics.confidence import Confidence, Difference, Student

FEWEST = 5


def against_history(values: Sequence[float], head: float) -> Difference:
    """Head against the mean of past values of base: Student's t with the error of a prediction, s · √(1 + 1/n).

    Head lies within the t prediction interval of one more value exactly where the interval of the difference contains 0.
    Where all past values are equal there is no s; then only head's rank among them is used (see `OneAmongEquals`), and a
    warning says so. Raises ValueError for fewer than 5 values, and for one that is not finite.
    """
    count = len(values)
    if count < FEWEST:
        raise ValueError(f"there are {count} past values: a prediction interval needs at least {FEWEST}")
    wrong = [value for value in (*values, head) if not math.isfinite(value)]
    if wrong:
        raise ValueError(f"a value is {wrong[0]}")
    # not `fmean`: these two are exact, so values that are equal have themselves as their mean, and no spread
    mean = float(statistics.mean(values))
    error = _error(count, statistics.stdev(values))
    confidence: Confidence = Student(head - mean, error, count - 1) if error else OneAmongEquals(head - mean, count)
    return Difference(
        base=mean,
        head=head,
        confidence=confidence,
        method="t prediction interval",
        size=count,
        unit="records",
        warnings=() if error else (_no_spread(count),),
    )


def prediction_interval(n: int, mean: float, sd: float, level: float) -> tuple[float, float]:
    """Where the next value lies after `n` values of this mean and standard deviation: each bound holds at `level`, one-sided.

    Together they hold at 2 × `level` − 1. Raises ValueError for n < 2, an sd that is not positive, and a level outside of
    (0.5, 1).
    """
    if not (n >= 2 and 0 < sd < math.inf and 0.5 < level < 1):
        raise ValueError(f"n {n} is at least 2, sd {sd} positive, level {level} in (0.5, 1); one of them is not")
    upper = Student(mean, _error(n, sd), n - 1).quantile(level)
    return mean - (upper - mean), upper


@dataclass(frozen=True)
class OneAmongEquals:
    """How sure the difference of one value to `count` equal ones is, whatever the distribution.

    If nothing changed, all count + 1 values are exchangeable, and the chance that the last is the lowest (or the highest)
    is at most 1 / (count + 1): that is the smallest p-value that there is. A bound at a higher confidence is infinite.
    """

    delta: float
    count: int

    def quantile(self, level: float) -> float:
        """The difference itself, or infinity where so few values cannot be so sure."""
        sure = 1 / (self.count + 1)
        if level < sure:
            return -math.inf
        return math.inf if 1 - level < sure else self.delta

    def below(self, value: float) -> float:
        """1, or 1 / (count + 1) where `value` is smaller than the difference."""
        return 1 / (self.count + 1) if value < self.delta else 1.0

    def above(self, value: float) -> float:
        """1, or 1 / (count + 1) where `value` is larger than the difference."""
        return 1 / (self.count + 1) if value > self.delta else 1.0


def _no_spread(count: int) -> str:
    return (
        f"no spread: the last {count} records have the same value, so only head's rank among them is used, and they "
        f"cannot be more than {count / (count + 1):.1%} sure of anything"
    )


def _error(count: int, deviation: float) -> float:
    return deviation * math.sqrt(1 + 1 / count)
