"""What an inconclusive answer could have seen, and how much more of its evidence would settle it."""

from __future__ import annotations

import math

from ml_ci.compare.noninferiority import Answer, level
from ml_ci.compare.wording import Power


def power_of(answer: Answer, confidence: float) -> Power:
    """The smallest distance from the limit that shows in 80 % of cases, and how many of the evidence's units would settle the answer.

    A history has no such number: more records do not lessen head's own noise.
    """
    from ml_ci.statistics.power import detectable, needed, standard_error

    difference, alpha = answer.difference, level(confidence)
    gain = difference.delta if answer.direction == "higher" else -difference.delta
    smallest, error = detectable(difference.confidence, alpha), standard_error(difference.confidence)
    count, asked = None, difference.unit != "records" and math.isfinite(gain) and error >= 0
    if asked:
        count = needed(difference.size, gain, answer.margin, error, alpha)
    return Power(
        detectable=smallest if math.isfinite(smallest) and smallest > 0 else None,
        # evidence that is not normal can be inconclusive though there is enough of it by this reckoning
        needed=count if count is not None and count > difference.size else None,
        at_limit=asked and math.isclose(gain, -answer.margin, rel_tol=1e-9, abs_tol=1e-6 * error),
    )
