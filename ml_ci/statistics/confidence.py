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
