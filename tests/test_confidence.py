"""Confidence distributions: bounds, intervals and p-values follow from one object, so they agree."""

from __future__ import annotations

from math import hypot

import numpy as np
import pytest
from scipy import stats

from ml_ci.statistics.confidence import Certain, Confidence, Student, Summed, Unknown

LEVELS = (0.001, 0.05, 0.3, 0.7, 0.975)


def test_normal_parts_add_as_variances_do() -> None:
    found = Summed(0.2, (Student(0.1, 0.03, np.inf), Student(0.2, 0.04, np.inf)))
    true = stats.norm(0.2, 0.05)
    for level in LEVELS:
        assert found.quantile(level) == pytest.approx(true.ppf(level))
    for value in (0.0, 0.15, 0.2, 0.27, 0.4):
        assert found.below(value) == pytest.approx(true.cdf(value), rel=1e-6)
        assert found.above(value) == pytest.approx(true.sf(value), rel=1e-6)


def test_the_distances_of_skewed_parts_add_on_each_side() -> None:
    parts = (Student(1.0, 0.2, 3.0), Student(-5.0, 0.1, 9.0))
    found = Summed(2.0, parts)
    distances = [stats.t(freedom).ppf(0.95) * error for error, freedom in ((0.2, 3), (0.1, 9))]
    assert found.quantile(0.95) == pytest.approx(2.0 + hypot(*distances))
    assert found.above(found.quantile(0.95)) == pytest.approx(0.05)
    assert found.below(found.quantile(0.05)) == pytest.approx(0.05)


@pytest.mark.parametrize("other", [Student(0.3, 0.1, 4.0), Certain(0.0), Unknown(0.1)])
def test_exchanging_the_sides_mirrors_the_sum(other: Confidence) -> None:
    there, back = Summed(0.3, (Student(0.3, 0.1, 2.0), other)), Summed(-0.3, (Student(-0.3, 0.1, 2.0), other))
    if isinstance(other, Student):
        back = Summed(-0.3, (Student(-0.3, 0.1, 2.0), Student(-0.3, 0.1, 4.0)))
    for level in LEVELS:
        assert there.quantile(level) == pytest.approx(-back.quantile(1 - level))
    for value in (-0.1, 0.0, 0.3, 0.5):
        assert there.below(value) == pytest.approx(back.above(-value), rel=1e-9)


def test_what_is_certain_adds_nothing_and_what_is_unknown_everything() -> None:
    known = Student(0.1, 0.02, 5.0)
    assert Summed(0.1, (known, Certain(0.0))).quantile(0.05) == pytest.approx(known.quantile(0.05))
    assert Summed(0.1, (known, Unknown(0.0))).quantile(0.05) == -np.inf
    assert Summed(0.1, (known, Unknown(0.0))).below(-1e9) > 0.4
    certain = Summed(0.1, (Certain(0.1), Certain(0.0)))
    assert (certain.quantile(0.05), certain.below(0.1), certain.above(0.1)) == (0.1, 0.0, 0.0)
    assert (certain.below(0.2), certain.below(0.0), certain.above(0.2)) == (1.0, 0.0, 0.0)


def test_a_test_by_the_sum_errs_as_often_as_it_says() -> None:
    """Seeds of which each has its own noise, measured on a sample of examples: truth on the margin, 5 % may fail."""
    random, pairs, repeats = np.random.default_rng(3), 4000, 5
    examples, seeds = 1.0, 0.5 * np.sqrt(repeats / 2)
    shift = random.normal(0, examples, pairs)
    head, base = random.normal(0, seeds, (2, pairs, repeats))
    failed = 0
    for at in range(pairs):
        variances = [side[at].var(ddof=1) / repeats for side in (head, base)]
        freedom = sum(variances) ** 2 / sum(variance**2 / (repeats - 1) for variance in variances)
        delta = shift[at] + head[at].mean() - base[at].mean()
        welch = Student(delta, float(np.sqrt(sum(variances))), freedom)
        failed += Summed(delta, (Student(0.0, examples, np.inf), welch)).quantile(0.95) < 0
    assert 0.035 < failed / pairs < 0.06
