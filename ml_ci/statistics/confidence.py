"""How sure a difference is: one object from which bounds, intervals and p-values all follow, so that they agree.

A *confidence distribution* (Xie & Singh, 2013, International Statistical Review 81(1), 3-39) is a function C on the
possible values of the true difference d, such that C(x) is the p-value of the one-sided test of d <= x against d > x.
Its quantiles are confidence bounds: the quantile at 0.05 is the lower one-sided bound at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Unit = Literal["examples", "groups", "repeats", "records"]


class Confidence(Protocol):
    """A confidence distribution of a true difference."""

    def quantile(self, level: float) -> float:
        """The value that the difference lies below with confidence `level`, in (0, 1)."""

    def below(self, value: float) -> float:
        """The confidence, in [0, 1], that the difference is below `value`: C(value).

        It is the p-value of the test whether the difference is more than `value`. Where the difference is certain to be
        `value`, it is 0.
        """

    def above(self, value: float) -> float:
        """The confidence, in [0, 1], that the difference is above `value`: the p-value of whether it is less.

        It is 1 − `below`, but for discrete evidence, where both may be too large together, never too small.
        """


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric on both sides by one method.

    `base` and `head` are its values there, `confidence` is that of head − base, in the metric's own unit. `method` is the
    method's name, for people. `size` counts what it rests on, in `unit`. Each of `warnings` is one sentence that says
    under which condition the stated confidence does not hold here.
    """

    base: float
    head: float
    confidence: Confidence
    method: str
    size: int
    unit: Unit = "examples"
    warnings: tuple[str, ...] = ()

    @property
    def delta(self) -> float:
        """Head − base."""
        return self.head - self.base

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided interval of head − base at this confidence, for example 0.95."""
        tail = (1 - confidence) / 2
        return self.confidence.quantile(tail), self.confidence.quantile(1 - tail)

    def bounds(self, confidence: float) -> tuple[float, float]:
        """The lower and the upper one-sided bound of head − base, each at this confidence."""
        return self.confidence.quantile(1 - confidence), self.confidence.quantile(confidence)


@dataclass(frozen=True)
class Certain:
    """A difference that is known: both sides are the same, or there is nothing left to chance."""

    value: float

    def quantile(self, level: float) -> float:
        """The value, whatever the level."""
        del level
        return self.value

    def below(self, value: float) -> float:
        """1 where it is below, else 0."""
        return float(self.value < value)

    def above(self, value: float) -> float:
        """1 where it is above, else 0."""
        return float(self.value > value)


@dataclass(frozen=True)
class Unknown:
    """A difference of which there is an estimate and no measure of chance at all: every bound is infinite."""

    estimate: float

    def quantile(self, level: float) -> float:
        """Infinite, but for the estimate itself at level 0.5."""
        return self.estimate if level == 0.5 else math.copysign(math.inf, level - 0.5)

    def below(self, value: float) -> float:
        """1: nothing can be shown."""
        del value
        return 1.0

    def above(self, value: float) -> float:
        """1: nothing can be shown."""
        del value
        return 1.0


@dataclass(frozen=True)
class Student:
    """A difference that is Student's t around an estimate: `error` is its standard error, positive; `freedom` may be infinite."""

    estimate: float
    error: float
    freedom: float

    def quantile(self, level: float) -> float:
        """The estimate and so many standard errors."""
        from scipy.special import ndtri, stdtrit

        t = ndtri(level) if self.freedom == float("inf") else stdtrit(self.freedom, level)
        return self.estimate + self.error * float(t)

    def below(self, value: float) -> float:
        """Student's distribution function."""
        from scipy.special import ndtr, stdtr

        t = (value - self.estimate) / self.error
        return float(ndtr(t) if self.freedom == float("inf") else stdtr(self.freedom, t))

    def above(self, value: float) -> float:
        """The other tail, without the loss of digits that 1 − `below` would have."""
        return Student(-self.estimate, self.error, self.freedom).below(-value)


@dataclass(frozen=True)
class Widest:
    """Of several distributions, at every level the one that is less sure: what all of them vouch for."""

    parts: Sequence[Confidence]

    def quantile(self, level: float) -> float:
        """The outermost quantile."""
        outermost = min if level < 0.5 else max
        return outermost(part.quantile(level) for part in self.parts)

    def below(self, value: float) -> float:
        """The largest p-value."""
        return max(part.below(value) for part in self.parts)

    def above(self, value: float) -> float:
        """The largest p-value."""
        return max(part.above(value) for part in self.parts)


@dataclass(frozen=True)
class Summed:
    """A difference around `estimate` whose chance has several sources that know nothing of each other.

    Each part is one source's confidence distribution, wherever it is centred. Their distances from the median add as
    variances do, on each side by itself: MOVER, the method of variance estimates recovery (Zou & Donner 2008, Statistics
    in Medicine 27, 1693-1702), so skewed parts stay skewed. A part that is certain adds nothing.
    """

    estimate: float
    parts: Sequence[Confidence]

    def quantile(self, level: float) -> float:
        """The estimate, and the root of the sum of the squared distances."""
        distance = math.hypot(*(part.quantile(level) - part.quantile(0.5) for part in self.parts))
        return self.estimate + math.copysign(distance, level - 0.5) if distance else self.estimate

    def below(self, value: float) -> float:
        """The level whose quantile the value is, found by bisection."""
        if value == self.estimate:
            return 0.5 if self._varies() else 0.0
        if value > self.estimate:
            return 1.0 - Summed(-self.estimate, [_Mirrored(part) for part in self.parts]).below(-value)
        low, high = -_FURTHEST, math.log(0.5)
        if self.quantile(math.exp(low)) > value:
            return math.exp(low) if self._varies() else 0.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self.quantile(math.exp(middle)) <= value else (low, middle)
        return math.exp(high)

    def above(self, value: float) -> float:
        """The same from the other side, so that a small p-value keeps its digits."""
        return Summed(-self.estimate, [_Mirrored(part) for part in self.parts]).below(-value)

    def _varies(self) -> bool:
        return any(part.quantile(0.25) != part.quantile(0.75) for part in self.parts)


_FURTHEST = 36.0
"""Logarithm of the smallest p-value that is looked for, 2e-16: smaller ones are chance in the arithmetic."""


@dataclass(frozen=True)
class _Mirrored:
    """The distribution of the negative of a difference."""

    part: Confidence

    def quantile(self, level: float) -> float:
        return -self.part.quantile(1 - level)

    def below(self, value: float) -> float:
        return self.part.above(-value)

    def above(self, value: float) -> float:
        return self.part.below(-value)
