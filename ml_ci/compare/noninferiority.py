"""The question that a rule asks of a difference: is head worse by more than is allowed?

With d = head − base, signed so that higher is better, and the margin m >= 0 this is a pair of one-sided tests: one can
show that d < −m (fail), the other that d >= −m (pass); where neither does, the evidence is inconclusive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ml_ci.config import Direction, Tolerance
from ml_ci.statistics.confidence import Difference

_ROUNDING = 8 * math.ulp(1.0)
"""What a few steps of floating point can add to a difference, as a share of the values."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the evidence says on one difference and one margin, all in the metric's own unit.

    `passing` is the p-value of the test that can show that head is not worse by more than the margin, `failing` that of
    the test that can show that it is. `worst` and `best` are the one-sided bounds of d signed so that higher is better.
    Where the method came to something that is not a number, `sound` is False, both p-values are 1, and `interval`
    and `bounds` are None.
    """

    difference: Difference
    direction: Direction
    margin: float
    passing: float
    failing: float
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None

    @property
    def sound(self) -> bool:
        """Whether the method came to numbers."""
        return self.bounds is not None

    @property
    def worst(self) -> float:
        """The bound of d on the bad side; NaN where there is none."""
        return self._gain(0) if self.direction == "higher" else self._gain(1)

    @property
    def best(self) -> float:
        """The bound of d on the good side; NaN where there is none."""
        return self._gain(1) if self.direction == "higher" else self._gain(0)

    def outcome(self, failing: float, confidence: float) -> Literal["pass", "fail", "inconclusive"]:
        """What follows at this confidence. `failing` is the p-value of that name after its adjustment for other tests.

        What passes needs no adjustment: see `ml_ci.compare.gate.decide`.
        """
        alpha = level(confidence)
        # both tests can only show something where the confidence that is asked for is below one half
        if failing <= alpha and self.failing < self.passing:
            return "fail"
        return "pass" if self.passing <= alpha else "inconclusive"

    def _gain(self, bound: int) -> float:
        if self.bounds is None:
            return math.nan
        return self.bounds[bound] if self.direction == "higher" else 0.0 - self.bounds[bound]


def level(confidence: float) -> float:
    """One minus the confidence, in decimals: in binary 1 − 0.95 is 0.050000000000000044."""
    return float(1 - Decimal(repr(confidence)))


def margin(tolerance: Tolerance, base: float) -> float:
    """How much worse head may be, in the metric's unit: a percentage is one of the size of base."""
    allowed = Decimal(repr(tolerance.value))
    if tolerance.relative:
        allowed *= abs(Decimal(repr(base)))
    return min(float(allowed), math.nextafter(math.inf, 0))


def ask(difference: Difference, direction: Direction, allowed: float, confidence: float) -> Answer:
    """Put the question, with the margin `allowed` and bounds at `confidence`."""
    interval, bounds = difference.interval(confidence), difference.bounds(confidence)
    passing, failing = _p_values(difference, direction, allowed + _slack(difference, bounds))
    sound = not any(math.isnan(number) for number in (*interval, *bounds, passing, failing))
    return Answer(
        difference=difference,
        direction=direction,
        margin=allowed,
        passing=passing if sound else 1.0,
        failing=failing if sound else 1.0,
        interval=interval if sound else None,
        bounds=bounds if sound else None,
    )


def p_of_worse(difference: Difference, direction: Direction) -> float:
    """The p-value of the test that can show that head is worse at all; 1 where the method came to no number."""
    _, failing = _p_values(difference, direction, 0.0)
    return 1.0 if math.isnan(failing) else failing


def _p_values(difference: Difference, direction: Direction, allowed: float) -> tuple[float, float]:
    confidence = difference.confidence
    if direction == "higher":
        passing, failing = confidence.below(-allowed), confidence.above(-allowed)
    else:
        passing, failing = confidence.above(allowed), confidence.below(allowed)
    # what lies exactly on the margin is allowed: where a difference is certain both p-values are 0 there
    return min(passing, 1.0), failing if math.isnan(failing) else min(max(failing, 1 - passing), 1.0)


def _slack(difference: Difference, bounds: tuple[float, float]) -> float:
    """Where nothing is left to chance, a fall from 0.95 to 0.945 is one of 0.005, though in binary it is a little more."""
    if bounds[0] != bounds[1]:
        return 0.0
    return _ROUNDING * max(abs(difference.base), abs(difference.head))
