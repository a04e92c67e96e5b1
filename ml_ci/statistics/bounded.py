"""What can be said of a mean when the data show no spread: only that its values are bounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BoundedMean:
    """The mean of a quantity in [−1, 1] of which `count` independent draws all gave `value`.

    Exact at every size, whatever the distribution, and for that reason wide: if the mean is at most x, the product of
    (1 + draw) / (1 + x) is on average at most 1, so by Markov's inequality it reaches ((1 + value) / (1 + x)) ** count with
    at most the inverse of that probability. For `value` 0 the bound is 1 − level ** (1 / count), the rule of three. With a
    count of 1 it holds for the mean of any number of draws, dependent or not.
    """

    value: float
    count: int

    def quantile(self, level: float) -> float:
        """The bound, in [−1, 1]; the value itself at level 0.5."""
        if level > 0.5:
            return -BoundedMean(-self.value, self.count).quantile(1 - level)
        if level == 0.5:
            return self.value
        return float((1 + self.value) * level ** (1 / self.count) - 1)

    def below(self, value: float) -> float:
        """The p-value of a mean of at most `value`."""
        if value >= self.value:
            return 1.0
        return float(((1 + max(value, -1.0)) / (1 + self.value)) ** self.count)

    def above(self, value: float) -> float:
        """The p-value of a mean of at least `value`."""
        return BoundedMean(-self.value, self.count).below(-value)
