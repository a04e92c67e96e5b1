"""Several trainings per side: what another seed could have given."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from ml_ci.statistics.confidence import Certain, Confidence, Difference, Student

FEWEST_FOR_IMPROVEMENT = 5

_NO_SPREAD = (
    "no spread: every repeat of a side gave the same value, so training does not depend on ML_CI_SEED, and the repeats say "
    "nothing of chance"
)
_TWO_AGAINST_MORE = (
    "two against more: one side has 2 repeats and the other more, so the stated confidence may be too high by several points; "
    "as many repeats on both sides mend that"
)


def welch(base: Sequence[float], head: Sequence[float]) -> Difference:
    """The difference of the mean over head's repeats and the mean over base's, with Welch's t (1947, Biometrika 34, 28-35).

    Where no repeat differs from the others of its side, training does not depend on the seed: the difference is what it
    is, and a warning says so. Raises ValueError for fewer than two values on a side, and for one that is not finite.
    """
    for side, values in (("base", base), ("head", head)):
        if len(values) < 2:
            raise ValueError(f"{side} has {len(values)} repeats: Welch's interval needs at least 2")
        _check_finite(side, values)
    # not `fmean`: these two are exact, so repeats that are equal have themselves as their mean, and no variance
    before, after = float(statistics.mean(base)), float(statistics.mean(head))
    parts = [statistics.variance(values) / len(values) for values in (base, head)]
    error = math.sqrt(sum(parts))
    confidence: Confidence
    warnings: tuple[str, ...] = ()
    if error:
        shares = [part / sum(parts) for part in parts]
        freedom = 1 / sum(share**2 / (len(values) - 1) for share, values in zip(shares, (base, head), strict=True))
        confidence = Student(after - before, error, freedom)
        # seen with normal values: 89 to 94 % for two against three to ten, where 95 % is said; two against two is 97 to 98 %
        if len(base) != len(head) and min(len(base), len(head)) == 2:
            warnings = (_TWO_AGAINST_MORE,)
    else:
        confidence, warnings = Certain(after - before), (_NO_SPREAD,)
    return Difference(
        base=before,
        head=after,
        confidence=confidence,
        method="Welch's t",
        size=min(len(base), len(head)),
        unit="repeats",
        warnings=warnings,
    )


def probability_of_improvement(
    base: Sequence[float], head: Sequence[float], direction: Literal["higher", "lower"], confidence: float
) -> tuple[float, float, float]:
    """P(head is better than base) for one training each, with its two-sided interval: (estimate, low, high).

    Bouthillier et al. (2021), "Accounting for variance in machine learning benchmarks", MLSys 3, 747-769: the share of
    pairs (trainings of both sides with the same seed, in the same order) that head wins, ties counting half, and its
    percentile bootstrap over pairs. The bootstrap is not drawn but computed: a resample's wins, ties and losses are
    multinomial. As any bootstrap it sees no more than the pairs: where head wins all of them, both bounds are 1.

    Raises ValueError for fewer than 5 pairs, sides of different length, a value that is not finite, and a confidence
    outside of (0, 1).
    """
    if len(base) != len(head):
        raise ValueError(f"base has {len(base)} repeats and head {len(head)}: pairs need as many on both sides")
    if len(base) < FEWEST_FOR_IMPROVEMENT:
        raise ValueError(f"there are {len(base)} pairs of repeats: P(improvement) needs {FEWEST_FOR_IMPROVEMENT}")
    _check_finite("base", base)
    _check_finite("head", head)
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence is {confidence}: it lies between 0 and 1")
    sign = 1 if direction == "higher" else -1
    ahead = [sign * (after - before) for before, after in zip(base, head, strict=True)]
    wins, losses = sum(lead > 0 for lead in ahead), sum(lead < 0 for lead in ahead)
    count = len(ahead)
    ties = count - wins - losses
    tail = (1 - confidence) / 2
    low = _bootstrap_quantile(losses, ties, wins, tail)
    high = 2 * count - _bootstrap_quantile(wins, ties, losses, tail)
    return (2 * wins + ties) / (2 * count), low / (2 * count), high / (2 * count)


def repeats_needed(gamma: float, alpha: float, beta: float) -> int:
    """How many trainings per side show P(head better) > 1/2 at level `alpha` with power 1 − `beta`, where it is `gamma`.

    Noether (1987), Journal of the American Statistical Association 82, 645-647, for equal sides. Raises ValueError for a
    gamma outside of (0.5, 1], or an alpha or beta outside of (0, 0.5).
    """
    if not (0.5 < gamma <= 1 and 0 < alpha < 0.5 and 0 < beta < 0.5):
        raise ValueError(
            f"gamma {gamma} lies in (0.5, 1], alpha {alpha} and beta {beta} in (0, 0.5); one of them does not"
        )
    normal = statistics.NormalDist()
    quantiles = normal.inv_cdf(1 - alpha) - normal.inv_cdf(beta)
    return math.ceil((quantiles / (math.sqrt(6) * (0.5 - gamma))) ** 2)


def _bootstrap_quantile(losses: int, ties: int, wins: int, tail: float) -> int:
    """The smallest 2 × wins + ties of a resample that is not exceeded downwards with more than `tail`; exact, in integers."""
    count = losses + ties + wins
    ways = [1]
    for _ in range(count):
        padded = [0, 0, *ways, 0, 0]
        ways = [wins * padded[at] + ties * padded[at + 1] + losses * padded[at + 2] for at in range(len(ways) + 2)]
    return next(points for points, upto in enumerate(accumulate(ways)) if upto >= tail * count**count)


def _check_finite(side: str, values: Sequence[float]) -> None:
    wrong = [value for value in values if not math.isfinite(value)]
    if wrong:
        raise ValueError(f"a repeat of {side} is {wrong[0]}")
