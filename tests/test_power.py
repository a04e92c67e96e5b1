"""The smallest effect that evidence could have seen, and how much of it would settle the question."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import nct, norm, t

from ml_ci.statistics.confidence import Certain, Student, Widest
from ml_ci.statistics.history import OneAmongEquals
from ml_ci.statistics.power import detectable, needed, standard_error
from ml_ci.statistics.proportions import paired_proportions

INFINITY = math.inf


@pytest.mark.parametrize(("size", "effect"), [(1_000, 0.0249), (10_000, 0.0079)])
def test_the_smallest_effect_at_a_discordance_of_a_tenth(size: int, effect: float) -> None:
    assert detectable(math.sqrt(0.1 / size), 0.05) == pytest.approx(effect, abs=5e-5)


@pytest.mark.parametrize(("size", "effect"), [(1_000, 0.0249), (10_000, 0.0079)])
def test_equal_models_with_that_discordance_could_have_seen_about_that_effect(size: int, effect: float) -> None:
    discordant = size // 20
    confidence = paired_proportions(size - 2 * discordant, discordant, discordant, 0)

    assert detectable(confidence, 0.05) == pytest.approx(effect, rel=0.05)


def test_the_effect_is_seen_with_the_stated_power() -> None:
    effect = detectable(0.3, 0.01, power=0.9)

    assert norm.sf(norm.isf(0.01) - effect / 0.3) == pytest.approx(0.9)
    assert detectable(Student(5.0, 0.3, INFINITY), 0.01, power=0.9) == pytest.approx(effect)


@pytest.mark.parametrize("freedom", [4, 10, 30])
def test_with_few_repeats_the_power_is_that_of_the_t_test(freedom: int) -> None:
    """The distance in the noncentral t distribution, which two quantiles of t approach from above."""
    effect = detectable(Student(0.0, 1.0, freedom), 0.05)

    assert 0.79 <= nct.sf(t.isf(0.05, freedom), freedom, effect) <= 0.83


def test_what_is_certain_would_have_shown_any_effect_and_what_is_unbounded_none() -> None:
    assert detectable(Certain(0.3), 0.05) == 0
    assert detectable(OneAmongEquals(0.1, 5), 0.05) == INFINITY


@pytest.mark.parametrize("freedom", [3, 20, INFINITY])
def test_the_standard_error_of_students_distribution_is_its_own(freedom: float) -> None:
    assert standard_error(Student(1.0, 0.25, freedom)) == 0.25


def test_the_standard_error_of_any_other_is_read_from_its_quantiles() -> None:
    parts = [Student(1.0, 0.25, INFINITY), Student(1.0, 0.5, INFINITY)]
    discordant = paired_proportions(8_900, 600, 500, 0)

    assert standard_error(Widest(parts)) == pytest.approx(0.5)
    expected = np.std(np.repeat([-1, 0, 1], [600, 8_900, 500])) / 100
    assert standard_error(discordant) == pytest.approx(expected, rel=0.01)
    assert standard_error(Certain(0.1)) == 0
    assert standard_error(OneAmongEquals(0.1, 5)) == INFINITY


@pytest.mark.parametrize("margin", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("delta", [-0.01, -0.001, 0.004])
def test_so_many_examples_settle_it_with_the_stated_power(delta: float, margin: float) -> None:
    size = needed(1_000, delta, margin, 0.01, 0.05)
    assert size is not None

    error = 0.01 * math.sqrt(1_000 / size)
    assert norm.sf(norm.isf(0.05) - abs(delta + margin) / error) == pytest.approx(0.8, abs=1e-3)


def test_a_difference_on_the_margin_itself_is_never_settled() -> None:
    assert needed(1_000, -0.5, 0.5, 0.01, 0.05) is None
    assert needed(1_000, -0.5, 0.5 + 1e-9, 0.01, 0.05) is None
    assert needed(1_000, 1e-300, 0.0, 1e300, 0.05) is None
    assert needed(1_000, 0.1, 0.0, INFINITY, 0.05) is None


def test_what_is_inconclusive_needs_more_than_there_is() -> None:
    error = 0.01
    undecided = norm.isf(0.05) * error * 0.999

    size = needed(500, -undecided, 0.0, error, 0.05)
    assert size is not None
    assert size > 500


def test_mirroring_the_question_needs_as_many() -> None:
    assert needed(1_000, 0.004, 0.002, 0.01, 0.05) == needed(1_000, -0.004, -0.002, 0.01, 0.05)


def test_numbers_that_make_no_sense_are_refused() -> None:
    for size, delta, error in ((0, 0.1, 0.1), (10, math.nan, 0.1), (10, 0.1, math.nan), (10, 0.1, -1.0)):
        with pytest.raises(ValueError, match="not all numbers that can be"):
            needed(size, delta, 0.0, error, 0.05)
    with pytest.raises(ValueError, match="between 0 and 1"):
        detectable(0.1, 0.0)
