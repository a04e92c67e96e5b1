"""How many verdicts a test set carries before those who see them have learned it by heart: the estimator, inverted."""

from __future__ import annotations

import math
from collections.abc import Callable

from ml_ci.compare.sample_size import bennett, hoeffding, log_doubt

_FINEST = 1e-9
"""A margin below this would take more examples than there are anywhere."""


def supported(examples: int, margin: float, confidence: float, discordance: float | None = None) -> int:
    """The number of verdicts that a test set of so many examples carries, each of whose authors knows the earlier ones.

    That is the largest H for which the estimator of ease.ml/ci with full adaptivity asks for no more than `examples` to
    measure n − o to within `margin` in H verdicts, all of them right with probability `confidence`. 0 is an answer: not
    even one verdict has that guarantee. It is there for an average over examples of values in [0, 1], such as accuracy,
    with `margin` in its unit; a margin of 0 is never measured, so it carries none.

    `discordance` is the share of these examples on which the two models differ, in [0, 1], None where it is not known.
    It makes for more verdicts, of changes that differ as little as this one. It is itself an estimate, so what counts
    is its upper bound, which may be wrong with half of what may go wrong in all.

    A verdict counts as one bit. A report that shows numbers, too, tells more than that, so this is an upper limit.

    Raises ValueError for a confidence or discordance that is none.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    if discordance is not None and not 0 <= discordance <= 1:
        raise ValueError(f"a discordance of {discordance} is not between 0 and 1")
    if examples <= 0 or not margin >= _FINEST:
        return 0
    # two shares never differ by more than 1, so that a wider margin asks nothing
    margin = min(margin, 1.0)

    def carries(verdicts: int) -> bool:
        doubt = log_doubt(1 - confidence, "full", verdicts)
        if hoeffding(2 / margin, doubt + math.log(2)) <= examples:
            return True
        if discordance is None:
            return False
        # half of what may fail is for this bound; the other half is for both sides of n − o
        variance = _upper_bound(discordance, examples, doubt + math.log(2))
        return bennett(margin, variance, doubt + math.log(4)) <= examples

    return _largest(carries)


def _upper_bound(share: float, examples: int, doubt: float) -> float:
    """The largest true share that goes with a measured one, by Chernoff's bound of the lower tail.

    P(measured ≤ true − t) ≤ exp(−N·t²/(2·true)), solved for the true share.
    """
    spread = 2 * doubt / examples
    return min(1.0, ((math.sqrt(spread) + math.sqrt(spread + 4 * share)) / 2) ** 2)


def _largest(holds: Callable[[int], bool]) -> int:
    """The largest number from 1 on for which it holds, 0 if there is none; it holds for all numbers below that."""
    if not holds(1):
        return 0
    low, high = 1, 2
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
