"""What this evidence could have seen, and how much of it would settle the question."""

from __future__ import annotations

import math
import statistics

from ml_ci.statistics.confidence import Certain, Confidence, Student

MOST = 10**9


def detectable(evidence: Confidence | float, alpha: float, power: float = 0.8) -> float:
    """The smallest true effect that a one-sided test at level `alpha` finds with this probability, in the metric's unit.

    `evidence` is a confidence distribution or, for normal ones, its standard error. The effect is the distance of the
    bound at `alpha` from the middle and the distance of the one at `power`: (z(1 − alpha) + z(power)) standard errors, and
    for a distribution with heavier tails more. It may be infinite. Raises ValueError for an alpha or power outside of (0, 1).
    """
    z = _quantile(1 - alpha) + _quantile(power)
    if isinstance(evidence, int | float):
        return z * evidence
    return _half(evidence, 1 - alpha) + _half(evidence, power)


def standard_error(confidence: Confidence) -> float:
    """Student's standard error, and for any other distribution half the width of its central 68.3 %. It may be infinite."""
    if isinstance(confidence, Student):
        return confidence.error
    return 0.0 if isinstance(confidence, Certain) else _half(confidence, statistics.NormalDist().cdf(1))


def needed(size: int, delta: float, margin: float, error: float, alpha: float, power: float = 0.8) -> int | None:
    """How many examples (or whatever `size` counts) would settle on which side of −margin the difference lies.

    It takes for granted that the difference is `delta`, signed so that higher is better, and that its standard error
    `error` falls with the root of the size: size · ((z(1 − alpha) + z(power)) · error / (delta + margin))². It does not
    hold for a history, whose records do not lessen head's own noise. None where delta is −margin, and above 10⁹.

    Raises ValueError for a size below 1, a NaN, a negative error, and an alpha or power outside of (0, 1).
    """
    if size < 1 or math.isnan(delta + margin) or not error >= 0:
        raise ValueError(
            f"size {size}, delta {delta}, margin {margin} and error {error} are not all numbers that can be"
        )
    z = _quantile(1 - alpha) + _quantile(power)
    distance = abs(delta + margin)
    if distance == 0 or math.isinf(error):
        return None
    ratio = z * error / distance
    # compared before it is squared, which could overflow
    return None if ratio > math.sqrt(MOST / size) else max(1, math.ceil(size * ratio**2))


def _half(confidence: Confidence, level: float) -> float:
    return (confidence.quantile(level) - confidence.quantile(1 - level)) / 2


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"the level is {level}: it lies between 0 and 1")
    return statistics.NormalDist().inv_cdf(level)
