"""Repeats over seeds: Welch's interval against SciPy, P(improvement) against a bootstrap, and Noether's sample sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_ind

from ml_ci.statistics.confidence import Certain
from ml_ci.statistics.repeats import probability_of_improvement, repeats_needed, welch

BASE = (0.912, 0.905, 0.921, 0.899, 0.915)
HEAD = (0.931, 0.902, 0.925, 0.918, 0.940, 0.911, 0.933)


@pytest.mark.filterwarnings("ignore:Precision loss occurred")  # SciPy's, of a side that is constant
@pytest.mark.parametrize(
    ("base", "head"),
    [
        (BASE, HEAD),
        (BASE[:2], HEAD[:2]),
        (BASE, (0.93, 0.93, 0.93)),
        ((3.0, 3.0), (1.0, 2.0)),
        ((1e-9, 2e-9), (5.0, 9.0)),
    ],
)
def test_the_interval_is_scipys(base: Sequence[float], head: Sequence[float]) -> None:
    difference = welch(base, head)
    expected = ttest_ind(head, base, equal_var=False)

    interval = expected.confidence_interval(0.9)
    assert difference.interval(0.9) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert difference.confidence.below(0.0) == pytest.approx(
        ttest_ind(head, base, equal_var=False, alternative="greater").pvalue, rel=1e-9
    )
    assert (difference.base, difference.head) == pytest.approx((np.mean(base), np.mean(head)))
    assert (difference.unit, difference.size) == ("repeats", min(len(base), len(head)))
    assert difference.warnings == ()


def test_swapping_the_sides_mirrors_everything() -> None:
    forth, back = welch(BASE, HEAD), welch(HEAD, BASE)

    for shift in (-0.02, 0.0, 0.005, 0.03):
        assert forth.confidence.below(shift) == back.confidence.above(-shift)
    assert forth.interval(0.95) == pytest.approx([-bound for bound in reversed(back.interval(0.95))], rel=1e-12)


@pytest.mark.parametrize(("base", "head"), [((0.1,) * 3, (0.1,) * 2), ((0.1,) * 3, (0.3,) * 3)])
def test_training_that_ignores_the_seed_is_certain_of_its_values_and_says_so(
    base: Sequence[float], head: Sequence[float]
) -> None:
    """The sum of three 0.1 is 0.30000000000000004, so a rounded mean would not be 0.1, and there would be a variance."""
    difference = welch(base, head)

    assert difference.confidence == Certain(head[0] - base[0])
    assert difference.warnings[0].startswith("no spread: every repeat of a side gave the same value")


def covers_no_difference(base_count: int, head_count: int) -> float:
    """How often the 95 % interval holds 0 where both sides draw from the same normal distribution."""
    rng = np.random.default_rng(base_count)
    draws = ([rng.normal(size=count).tolist() for count in (base_count, head_count)] for _ in range(2_000))
    intervals = [welch(base, head).interval(0.95) for base, head in draws]
    return sum(low <= 0 <= high for low, high in intervals) / len(intervals)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_as_many_repeats_on_both_sides_cover_what_they_say(count: int) -> None:
    assert 0.935 <= covers_no_difference(count, count) <= 0.98
    assert welch(list(range(count)), list(range(count))).warnings == ()


def test_two_repeats_against_more_are_warned_of() -> None:
    assert covers_no_difference(2, 10) < 0.93
    assert welch(BASE[:2], HEAD).warnings[0].startswith("two against more:")
    assert welch(BASE, HEAD[:2]).warnings == welch(BASE[:2], HEAD).warnings


@pytest.mark.parametrize(
    ("base", "head", "says"),
    [
        ((0.9,), (0.9, 0.8), "base has 1 repeats"),
        ((0.9, 0.8), (), "head has 0 repeats"),
        ((0.9, float("nan")), (0.9, 0.8), "a repeat of base is nan"),
        ((0.9, 0.8), (0.9, float("inf")), "a repeat of head is inf"),
    ],
)
def test_repeats_that_have_no_spread_to_estimate_are_refused(
    base: Sequence[float], head: Sequence[float], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        welch(base, head)


# -- the probability of improvement


def wins(base: Sequence[float], head: Sequence[float]) -> list[float]:
    return [0.5 + 0.5 * np.sign(after - before) for before, after in zip(base, head, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_is_the_percentile_bootstrap_over_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, head = (np.round(rng.normal(mean, 1, 30), 1).tolist() for mean in (0, 0.4))
    estimate, low, high = probability_of_improvement(base, head, "higher", 0.9)

    expected = bootstrap(
        (wins(base, head),), np.mean, confidence_level=0.9, method="percentile", n_resamples=20_000, rng=rng
    ).confidence_interval
    assert estimate == pytest.approx(np.mean(wins(base, head)))
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1 / 60 + 1e-9)


def test_five_pairs_by_hand() -> None:
    """4 of 5 wins: a resample wins k times with the probability of k of 5 at 0.8; P(<= 1) = 0.0067, P(<= 2) = 0.058."""
    base, head = [1, 2, 3, 4, 5], [2, 3, 4, 5, 1]

    assert probability_of_improvement(base, head, "higher", 0.95) == (0.8, 0.4, 1.0)
    assert probability_of_improvement(base, head, "higher", 0.8) == (0.8, 0.6, 1.0)


def test_ties_count_half() -> None:
    assert probability_of_improvement([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], "higher", 0.9) == (0.5, 0.5, 0.5)
    assert probability_of_improvement([1, 1, 1, 1, 1], [2, 2, 0, 1, 1], "higher", 0.9)[0] == 0.6


@pytest.mark.parametrize("seed", range(5))
def test_improvement_mirrors_when_sides_or_direction_are_swapped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, head = (rng.integers(0, 4, 8).tolist() for _ in range(2))
    estimate, low, high = probability_of_improvement(base, head, "higher", 0.95)

    mirrored = pytest.approx((1 - estimate, 1 - high, 1 - low), abs=1e-15)
    assert probability_of_improvement(head, base, "higher", 0.95) == mirrored
    assert probability_of_improvement(base, head, "lower", 0.95) == mirrored
    assert probability_of_improvement(head, base, "lower", 0.95) == (estimate, low, high)


@pytest.mark.parametrize(
    ("base", "head", "confidence", "says"),
    [
        ([1.0] * 4, [1.0] * 4, 0.95, "needs 5"),
        ([1.0] * 5, [1.0] * 6, 0.95, "as many on both sides"),
        ([1.0] * 5, [float("nan")] * 5, 0.95, "is nan"),
        ([1.0] * 5, [1.0] * 5, 95, "between 0 and 1"),
    ],
)
def test_pairs_that_tell_nothing_are_refused(
    base: list[float], head: list[float], confidence: float, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        probability_of_improvement(base, head, "higher", confidence)


# -- sample size


@pytest.mark.parametrize(("gamma", "size"), [(0.6, 181), (0.7, 46), (0.75, 29), (0.8, 21), (0.9, 12)])
def test_the_repeats_needed_are_the_published_ones(gamma: float, size: int) -> None:
    """Bouthillier et al. 2021, appendix, for α = β = 0.05."""
    assert repeats_needed(gamma, 0.05, 0.05) == size


@pytest.mark.parametrize(("gamma", "alpha"), [(0.5, 0.05), (1.1, 0.05), (float("nan"), 0.05), (0.7, 0.0), (0.7, 0.6)])
def test_no_number_of_repeats_is_given_where_none_would_do(gamma: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="one of them does not"):
        repeats_needed(gamma, alpha, 0.05)
