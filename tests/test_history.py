"""Head against base's past: Student's prediction interval, and what is said where the past has no spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_ind

from ml_ci.statistics.history import against_history, prediction_interval

VALUES = (0.912, 0.905, 0.921, 0.899, 0.915, 0.908)


def test_the_prediction_interval_is_the_published_one() -> None:
    """n = 25, mean 100, sd 10, each bound at 0.977."""
    assert prediction_interval(25, 100, 10, 0.977) == pytest.approx((78.54, 121.46), abs=5e-3)


def test_the_bounds_are_students_around_the_difference() -> None:
    difference = against_history(VALUES, 0.95)
    error = np.std(VALUES, ddof=1) * math.sqrt(1 + 1 / 6)

    expected = t(df=5, loc=0.95 - np.mean(VALUES), scale=error)
    assert difference.interval(0.95) == pytest.approx(expected.interval(0.95))
    assert difference.confidence.below(0.01) == pytest.approx(expected.cdf(0.01))
    assert (difference.base, difference.head) == pytest.approx((np.mean(VALUES), 0.95))
    assert (difference.unit, difference.size, difference.warnings) == ("records", 6, ())


def test_it_is_the_t_test_of_one_value_against_many() -> None:
    """A second sample of one adds nothing to the pooled variance."""
    expected = ttest_ind([0.88], VALUES, alternative="less")

    assert against_history(VALUES, 0.88).confidence.above(0.0) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("head", [0.85, 0.88, 0.895, 0.91, 0.93, 0.94, 0.97])
def test_head_lies_in_the_prediction_interval_exactly_where_no_difference_is_in_the_other(head: float) -> None:
    low, high = prediction_interval(6, float(np.mean(VALUES)), float(np.std(VALUES, ddof=1)), 0.975)
    smallest, largest = against_history(VALUES, head).interval(0.95)

    assert (low <= head <= high) == (smallest <= 0 <= largest)


def test_turning_the_metric_around_mirrors_everything() -> None:
    forth, back = against_history(VALUES, 0.93), against_history([-value for value in VALUES], -0.93)

    for shift in (-0.02, 0.0, 0.01, 0.05):
        assert forth.confidence.below(shift) == back.confidence.above(-shift)


@pytest.mark.parametrize("value", [0.1, 0.9, 3.0])
def test_a_past_without_spread_is_as_sure_as_a_rank_can_be(value: float) -> None:
    """Of 6 exchangeable values the last is the lowest with a chance of 1 in 6, of 20 with 1 in 20."""
    few, many = against_history([value] * 5, value - 0.5), against_history([value] * 19, value - 0.5)

    assert few.confidence.above(0.0) == pytest.approx(1 / 6)
    assert many.confidence.above(0.0) == pytest.approx(1 / 20)
    assert few.confidence.below(0.0) == few.confidence.below(-0.5) == 1
    assert against_history([value] * 7, value).delta == 0
    assert few.bounds(0.95) == (-math.inf, math.inf)
    assert few.bounds(0.8) == pytest.approx((-0.5, -0.5))
    assert many.bounds(0.94) == pytest.approx((-0.5, -0.5))
    assert few.warnings[0].startswith("no spread: the last 5 records have the same value")


def test_a_past_without_spread_mirrors_too() -> None:
    worse, better = against_history([0.5] * 6, 0.25).confidence, against_history([0.5] * 6, 0.75).confidence

    for shift in (-0.5, -0.25, -0.1, 0.0, 0.25, 0.3):
        assert worse.below(shift) == better.above(-shift)
    for level in (0.05, 0.2, 0.5, 0.8, 0.95):
        assert worse.quantile(level) == -better.quantile(1 - level)


@pytest.mark.parametrize(
    ("values", "head", "says"),
    [
        (VALUES[:4], 0.9, "there are 4 past values"),
        ((), 0.9, "there are 0 past values"),
        ((*VALUES, float("nan")), 0.9, "a value is nan"),
        (VALUES, float("inf"), "a value is inf"),
    ],
)
def test_too_little_of_a_past_is_refused(values: tuple[float, ...], head: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        against_history(values, head)


@pytest.mark.parametrize(("n", "sd", "level"), [(1, 10, 0.9), (25, 0, 0.9), (25, 10, 0.5), (25, float("nan"), 0.9)])
def test_an_interval_that_makes_no_sense_is_refused(n: int, sd: float, level: float) -> None:
    with pytest.raises(ValueError, match="one of them is not"):
        prediction_interval(n, 100, sd, level)
