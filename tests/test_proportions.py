"""McNemar's tests and Tango's score test, against published numbers and a likelihood that is maximized by brute force."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, norm

from ml_ci.statistics.confidence import Confidence, Difference
from ml_ci.statistics.proportions import chi2, exact_p, few_discordant, mid_p, paired_proportions

TABLES = [(0, 0), (1, 0), (0, 1), (3, 3), (11, 1), (1, 7), (5, 12), (40, 20), (0, 20), (30, 0)]
SHIFTS = [-1.0, -0.7, -0.2, -0.05, -1e-3, 0.0, 1e-3, 0.05, 0.2, 0.7, 1.0]
LEVELS = [0.001, 0.025, 0.05, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999]


def table(base_only: int, head_only: int, size: int = 60) -> Confidence:
    return paired_proportions(size - base_only - head_only, base_only, head_only, 0)


# -- McNemar


def test_mcnemar_of_the_published_table() -> None:
    """[[101, 121], [59, 33]]: approval of a prime minister, in many textbooks and in R's `mcnemar.test`."""
    assert exact_p(121, 59) == pytest.approx(4.434449e-6, rel=1e-6)
    assert chi2(121, 59, corrected=False) == pytest.approx(21.355556, abs=5e-7)
    assert chi2(121, 59, corrected=True) == pytest.approx(20.672222, abs=5e-7)


def test_mcnemar_of_few_discordant_pairs() -> None:
    assert exact_p(11, 1) == pytest.approx(0.00634766, abs=5e-9)
    assert mid_p(11, 1) == pytest.approx(0.00341797, abs=5e-9)


@pytest.mark.parametrize(("base_only", "head_only"), TABLES[1:])
def test_the_exact_test_is_the_binomial_test_of_a_fair_coin(base_only: int, head_only: int) -> None:
    expected = binomtest(head_only, base_only + head_only, 0.5)

    assert exact_p(base_only, head_only) == pytest.approx(expected.pvalue, rel=1e-12)
    assert exact_p(head_only, base_only) == exact_p(base_only, head_only)
    assert mid_p(head_only, base_only) == mid_p(base_only, head_only)


def test_where_the_counts_are_equal_there_is_nothing_to_see() -> None:
    assert exact_p(0, 0) == mid_p(0, 0) == 1
    assert exact_p(3, 3) == 1
    assert mid_p(3, 3) == pytest.approx(1 - binom.pmf(3, 6, 0.5) / 2)
    assert chi2(0, 0, corrected=True) == chi2(3, 3, corrected=True) == chi2(3, 3, corrected=False) == 0


# -- Tango


@pytest.mark.parametrize(
    ("counts", "low"),
    [
        ((59, 16, 6, 80), -0.1240),  # Cavo et al. 2012, in the tests of the R package contingencytables
        ((1, 7, 1, 12), -0.5172),  # Bentur et al. 2009, in Fagerland, Lydersen & Laake 2014: -0.517
    ],
)
def test_the_interval_is_tangos_but_for_an_end_at_0_that_mcnemars_exact_test_does_not_grant(
    counts: tuple[int, int, int, int], low: float
) -> None:
    """Tango's upper ends are -0.0054 and -0.026, though the exact one-sided p-values are 0.026 and 0.035."""
    confidence = paired_proportions(*counts)

    assert confidence.quantile(0.025) == pytest.approx(low, abs=5e-5)
    assert confidence.quantile(0.975) == 0
    assert math.copysign(1, confidence.quantile(0.975)) == 1, "a reader is not to be shown -0"


def test_the_test_of_a_margin_is_that_of_tangos_own_example() -> None:
    """Contact lenses, 43, 0, 1, 0 and a margin of 0.1: Z = 1.709 (Tango 1998)."""
    p = paired_proportions(43, 1, 0, 0).below(-0.1)

    assert norm.isf(p) == pytest.approx(1.709, abs=5e-4)


def brute_force_z(base_only: int, head_only: int, size: int, shift: float) -> float:
    """The score statistic with the likelihood maximized numerically among the tables with this difference."""
    concordant = size - base_only - head_only

    def cost(base_p: float) -> float:
        cells = ((base_only, base_p), (head_only, base_p + shift), (concordant, 1 - 2 * base_p - shift))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    best = minimize_scalar(
        cost, bounds=(max(0.0, -shift), (1 - shift) / 2), method="bounded", options={"xatol": 1e-13}
    ).x
    return (head_only - base_only - size * shift) / math.sqrt(size * (2 * best + shift - shift**2))


@pytest.mark.parametrize(("base_only", "head_only"), [(1, 7), (5, 12), (40, 20), (2, 1), (11, 1)])
@pytest.mark.parametrize("shift", [-0.6, -0.2, -0.03, 0.01, 0.1, 0.4])
def test_the_p_value_of_a_shift_is_that_of_the_most_likely_table_with_it(
    base_only: int, head_only: int, shift: float
) -> None:
    confidence = table(base_only, head_only)
    discordant = base_only + head_only
    score = brute_force_z(base_only, head_only, 60, shift)
    exact_below, exact_above = binom.sf(head_only - 1, discordant, 0.5), binom.cdf(head_only, discordant, 0.5)
    stricter = max if shift > 0 else min

    assert confidence.below(shift) == pytest.approx(stricter(norm.sf(score), exact_below), rel=1e-5, abs=1e-12)
    stricter = max if shift < 0 else min
    assert confidence.above(shift) == pytest.approx(stricter(norm.cdf(score), exact_above), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(("base_only", "head_only"), TABLES[1:])
def test_at_no_shift_the_p_values_are_the_one_sided_exact_ones(base_only: int, head_only: int) -> None:
    confidence, discordant = table(base_only, head_only), base_only + head_only

    better = binomtest(head_only, discordant, 0.5, alternative="greater").pvalue
    worse = binomtest(head_only, discordant, 0.5, alternative="less").pvalue
    assert confidence.below(0.0) == pytest.approx(better, rel=1e-12)
    assert confidence.above(0.0) == pytest.approx(worse, rel=1e-12)


@pytest.mark.parametrize("discordant", range(1, 41))
def test_equal_models_fail_at_no_margin_in_at_most_one_of_twenty(discordant: int) -> None:
    falsely = sum(
        binom.pmf(head_only, discordant, 0.5)
        for head_only in range(discordant + 1)
        if table(discordant - head_only, head_only).above(0.0) <= 0.05
    )
    assert falsely <= 0.05


@pytest.mark.parametrize("worse_on", [0.5, 0.7, 0.9])
def test_the_interval_covers_what_it_says_with_twenty_discordant_examples_or_more(worse_on: float) -> None:
    """Summed over all tables of 100 examples, of which 40 are discordant on average."""
    size, base_p, head_p = 100, 0.4 * worse_on, 0.4 * (1 - worse_on)
    covered = total = 0.0
    for base_only in range(size + 1):
        for head_only in range(size + 1 - base_only):
            weight = binom.pmf(base_only, size, base_p) * binom.pmf(head_only, size - base_only, head_p / (1 - base_p))
            if weight > 1e-6:
                confidence = table(base_only, head_only, size)
                total += weight
                covered += weight * (confidence.quantile(0.025) <= head_p - base_p <= confidence.quantile(0.975))
    assert 0.93 <= covered / total <= 0.97


# -- what any confidence distribution owes


@pytest.mark.parametrize(("base_only", "head_only"), TABLES)
def test_swapping_the_sides_mirrors_everything(base_only: int, head_only: int) -> None:
    one, other = table(base_only, head_only), table(head_only, base_only)

    for shift in SHIFTS:
        assert one.below(shift) == other.above(-shift)
    for level in LEVELS:
        assert one.quantile(level) == pytest.approx(-other.quantile(1 - level), abs=1e-12)
    forth, back = (Difference(base=0, head=0, confidence=c, method="", size=60) for c in (one, other))
    assert forth.bounds(0.95) == tuple(-bound for bound in reversed(back.bounds(0.95)))
    assert forth.interval(0.95) == tuple(-bound for bound in reversed(back.interval(0.95)))


@pytest.mark.parametrize(("base_only", "head_only"), [*TABLES, (60, 0), (0, 60), (30, 30)])
def test_p_values_and_bounds_are_monotone(base_only: int, head_only: int) -> None:
    confidence = table(base_only, head_only)
    shifts = [*np.linspace(-1.1, 1.1, 221).tolist(), 0.0, 1e-9, -1e-9]

    below = [confidence.below(shift) for shift in sorted(shifts)]
    above = [confidence.above(shift) for shift in sorted(shifts)]
    bounds = [confidence.quantile(level) for level in LEVELS]
    assert all(0 <= one <= other <= 1 for one, other in pairwise(below))
    assert all(1 >= one >= other >= 0 for one, other in pairwise(above))
    assert all(-1 <= one <= other <= 1 for one, other in pairwise(bounds))


@pytest.mark.parametrize(("base_only", "head_only"), TABLES)
@pytest.mark.parametrize("level", [0.025, 0.05, 0.2])
def test_a_bound_is_where_the_p_value_crosses_the_level(base_only: int, head_only: int, level: float) -> None:
    confidence = table(base_only, head_only)
    lower, upper = confidence.quantile(level), confidence.quantile(1 - level)

    assert confidence.below(lower - 1e-9) <= level <= confidence.below(lower + 1e-9)
    assert confidence.above(upper + 1e-9) <= level <= confidence.above(upper - 1e-9)


def test_agreement_on_all_examples_is_not_certainty() -> None:
    """Where nothing is discordant the score bound is z² / (n + z²), as Wilson's (1927) for no event in n."""
    confidence = table(0, 0, 100)
    expected = binomtest(0, 100).proportion_ci(0.9, method="wilson").high

    assert confidence.quantile(0.95) == pytest.approx(expected, rel=1e-9)
    assert confidence.quantile(0.05) == pytest.approx(-expected, rel=1e-9)
    assert confidence.below(0.0) == confidence.above(0.0) == 1


def test_more_examples_of_the_same_kind_narrow_the_interval() -> None:
    widths = [
        Difference(base=0, head=0, confidence=table(4 * k, 6 * k, 60 * k), method="", size=60 * k).interval(0.95)
        for k in (1, 10, 100, 10_000, 1_000_000)
    ]
    assert all(high - low > after - before for (low, high), (before, after) in pairwise(widths))


def test_few_discordant_examples_are_warned_of() -> None:
    assert few_discordant(10, 10) == ()
    assert few_discordant(9, 10)[0].startswith(
        "few discordant examples: the sides differ in being right on 19 examples"
    )


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        exact_p(-1, 3)
    with pytest.raises(ValueError, match="negative"):
        paired_proportions(5, 0, -1, 0)
    with pytest.raises(ValueError, match="not one example"):
        paired_proportions(0, 0, 0, 0)
    with pytest.raises(ValueError, match="level"):
        table(1, 2).quantile(1.0)
