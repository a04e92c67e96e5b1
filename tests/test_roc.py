"""AUC against scikit-learn's, DeLong's variance against the double sum of 1988, and what is said where there is no variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from ml_ci.statistics.bounded import BoundedMean
from ml_ci.statistics.confidence import Certain, Student
from ml_ci.statistics.roc import auc, delong

Floats = NDArray[np.float64]
Sample = tuple[NDArray[np.int64], Floats, Floats]


def scored(positives: int, negatives: int, seed: int, digits: int = 15) -> Sample:
    """Equal models with correlated scores; fewer digits make more ties."""
    rng = np.random.default_rng(seed)
    target = np.repeat([1, 0], [positives, negatives])
    rng.shuffle(target)
    common = target + rng.standard_normal(len(target))
    base, head = (np.round(common + 0.7 * rng.standard_normal(len(target)), digits) for _ in range(2))
    return target, base, head


SAMPLES: dict[str, Sample] = {
    "random": scored(40, 60, 1),
    "ties": scored(40, 60, 2, digits=0),
    "two values": (scored(30, 30, 3)[0], np.sign(scored(30, 30, 3)[1]), np.sign(scored(30, 30, 3)[2])),
    "rare positives": scored(5, 200, 4),
    "rare negatives": scored(150, 3, 5, digits=1),
    "constant base": (scored(20, 30, 6)[0], np.zeros(50), scored(20, 30, 6)[2]),
    "two of each": (np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.5, 0.4, 0.1, 0.8])),
}


def by_definition(target: NDArray[np.int64], *scores: Floats) -> tuple[list[float], Floats, list[Floats]]:
    """The areas, their covariance matrix and the components V10 and V01: DeLong et al. 1988, by comparing every pair."""
    tens, ones = [], []
    for score in scores:
        x, y = score[target == 1][:, None], score[target == 0][None, :]
        psi = (x > y) + 0.5 * (x == y)
        tens.append(psi.mean(axis=1))
        ones.append(psi.mean(axis=0))
    v10, v01 = np.array(tens), np.array(ones)
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    return [float(area) for area in v10.mean(axis=1)], covariance, [v10, v01]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_area_is_scikit_learns(name: str) -> None:
    target, base, head = SAMPLES[name]
    difference = delong(target, base, head)

    assert auc(target, base) == difference.base == pytest.approx(roc_auc_score(target, base), abs=1e-10)
    assert auc(target, head) == difference.head == pytest.approx(roc_auc_score(target, head), abs=1e-10)
    assert difference.size == len(target)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_standard_error_is_that_of_the_definition(name: str) -> None:
    target, base, head = SAMPLES[name]
    areas, covariance, _ = by_definition(target, base, head)
    student = delong(target, base, head).confidence

    assert isinstance(student, Student)
    assert student.estimate == pytest.approx(areas[1] - areas[0], abs=1e-10)
    contrast = np.array([-1, 1])
    assert student.error == pytest.approx(float(np.sqrt(contrast @ covariance @ contrast)), abs=1e-10)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_freedom_is_satterthwaites_with_the_spread_of_the_variance_itself(name: str) -> None:
    target, base, head = SAMPLES[name]
    components = [part[1] - part[0] for part in by_definition(target, base, head)[2]]
    student = delong(target, base, head).confidence

    variance = sum(np.var(part, ddof=1) / len(part) for part in components)
    centred = [(part - part.mean()) ** 2 for part in components]
    variance_of_it = sum(np.var(part) / len(part) ** 3 for part in centred)
    most = min(len(part) for part in components) - 1
    expected = most if variance_of_it == 0 else max(1.0, min(most, 2 * variance**2 / variance_of_it))
    assert isinstance(student, Student)
    assert student.freedom == pytest.approx(expected, rel=1e-8)


def test_a_million_rows_agree_with_scikit_learn() -> None:
    target, base, head = scored(300_000, 700_000, 7, digits=3)
    difference = delong(target, base, head)

    assert difference.base == pytest.approx(roc_auc_score(target, base), abs=1e-10)
    assert difference.head == pytest.approx(roc_auc_score(target, head), abs=1e-10)
    assert difference.warnings == ()


@pytest.mark.parametrize("name", SAMPLES)
def test_swapping_the_sides_mirrors_everything(name: str) -> None:
    target, base, head = SAMPLES[name]
    forth, back = delong(target, base, head), delong(target, head, base)

    assert (forth.base, forth.head, forth.warnings) == (back.head, back.base, back.warnings)
    for shift in (-0.3, -0.01, 0.0, 0.02, 0.5):
        assert forth.confidence.below(shift) == back.confidence.above(-shift)
    assert forth.interval(0.95) == pytest.approx([-bound for bound in reversed(back.interval(0.95))], abs=1e-12)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_order_of_the_rows_does_not_matter(name: str) -> None:
    target, base, head = SAMPLES[name]
    order = np.random.default_rng(8).permutation(len(target))
    one, other = delong(target, base, head), delong(target[order], base[order], head[order])

    assert (one.base, one.head, one.warnings) == (other.base, other.head, other.warnings)
    assert one.interval(0.95) == pytest.approx(other.interval(0.95), abs=1e-12)


def test_any_increasing_change_of_the_scores_changes_nothing() -> None:
    target, base, head = SAMPLES["random"]
    plain, changed = delong(target, base, head), delong(target, np.exp(base), 3 * head + 2)

    assert changed.confidence == plain.confidence


# -- no variance


@pytest.mark.parametrize("change", [lambda s: s, np.exp, lambda s: s + 1], ids=["same", "exp", "shifted"])
@pytest.mark.parametrize("scores", [[0.1, 0.4, 0.35, 0.8], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
def test_scores_that_rank_alike_differ_by_0_for_certain(
    scores: Sequence[float], change: Callable[[Floats], Floats]
) -> None:
    difference = delong([0, 1, 0, 1], scores, change(np.array(scores)))

    assert difference.confidence == Certain(0.0)
    assert difference.warnings == ()


def test_two_perfect_models_are_not_certain_to_be_equal() -> None:
    """50 independent pairs without a difference: the bound is Clopper and Pearson's for no event in 50."""
    target = np.repeat([0, 1], 50)
    rng = np.random.default_rng(9)
    difference = delong(target, target + 0.5 * rng.random(100), target + 0.5 * rng.random(100))

    assert (difference.base, difference.head) == (1.0, 1.0)
    expected = binomtest(0, 50, alternative="less").proportion_ci(0.95, method="exact").high
    assert difference.bounds(0.95) == pytest.approx((-expected, expected), rel=1e-9)
    assert difference.warnings[0].startswith("no spread:")


def test_a_model_that_gives_one_score_to_all_is_clearly_worse_than_a_perfect_one() -> None:
    target = np.repeat([0, 1], 50)
    difference = delong(target, target * 1.0, np.full(100, 0.5))

    assert difference.delta == -0.5
    assert difference.confidence.above(0.0) < 1e-8
    assert difference.confidence.below(-0.5) == 1
    assert difference.warnings[0].startswith("no spread:")


@pytest.mark.parametrize(
    ("target", "base", "head", "delta"),
    [
        ([1, 0], [1, 0], [0, 1], -1),
        ([1, 0], [0, 0], [1, 0], 0.5),
        ([1, 0, 0, 0], [1, 2, 3, 0], [4, 2, 3, 0], 2 / 3),
    ],
)
def test_one_example_of_a_class_decides_nothing(
    target: list[int], base: list[float], head: list[float], delta: float
) -> None:
    difference = delong(target, base, head)

    assert difference.delta == pytest.approx(delta)
    assert min(difference.confidence.below(0.0), difference.confidence.above(0.0)) >= 0.5
    assert difference.bounds(0.95)[0] < 0 < difference.bounds(0.95)[1]
    assert "the smaller class has 1 example, and" in difference.warnings[0]


def test_a_bounded_mean_holds_its_level_where_it_is_hardest() -> None:
    """Draws of 0 but for a rare −1: none is seen in 20 with the probability of the bound itself."""
    for mean in (-0.05, -0.1, -0.2, -0.4):
        chance_of_no_draw = (1 + mean) ** 20
        assert BoundedMean(0.0, 20).below(mean) == pytest.approx(chance_of_no_draw)
    bounded = BoundedMean(0.3, 5)
    for level in (0.01, 0.05, 0.3):
        assert bounded.below(bounded.quantile(level)) == pytest.approx(level)
        assert bounded.above(bounded.quantile(1 - level)) == pytest.approx(level)
    assert bounded.quantile(0.5) == 0.3


# -- when the stated confidence is right


@pytest.mark.parametrize(("positives", "negatives"), [(10, 990), (40, 160), (100, 100)])
def test_equal_models_fail_in_one_of_twenty_and_the_interval_covers_what_it_says(
    positives: int, negatives: int
) -> None:
    pairs = 1_000
    differences = [delong(*scored(positives, negatives, seed)) for seed in range(100, 100 + pairs)]

    falsely = sum(difference.confidence.above(0.0) <= 0.05 for difference in differences) / pairs
    covered = sum(low <= 0 <= high for low, high in (one.interval(0.95) for one in differences)) / pairs
    three_errors = 3 * (0.05 * 0.95 / pairs) ** 0.5
    assert falsely <= 0.05 + three_errors
    assert 0.93 <= covered <= 0.97
    warned = sum(bool(difference.warnings) for difference in differences) / pairs
    assert warned == 1 if positives < 30 else warned < 0.05


def test_a_small_class_is_warned_of() -> None:
    assert not any(warning.startswith("small class") for warning in delong(*scored(30, 300, 1)).warnings)
    (warning,) = delong(*scored(29, 300, 1)).warnings
    assert warning.startswith("small class: the smaller class has 29 examples")


def test_a_difference_that_rests_on_few_examples_is_warned_of() -> None:
    target, base, _ = scored(200, 200, 1)
    head = base.copy()
    head[np.flatnonzero(target)[:3]] -= 10

    (warning,) = delong(target, base, head).warnings
    assert warning.startswith("few examples decide: the difference in AUC rests on 3 examples in effect")


# -- what cannot be computed


@pytest.mark.parametrize(
    ("target", "score", "says"),
    [
        ([1, 1], [0.1, 0.2], "one class"),
        ([0, 0], [0.1, 0.2], "one class"),
        ([], [], "one class"),
        ([0, 2], [0.1, 0.2], "besides 0 and 1"),
        ([0, 1], [0.1], "for 2 targets"),
        ([0, 1], [0.1, float("nan")], "NaN"),
        ([[0, 1]], [[0.1, 0.2]], "shape"),
    ],
)
def test_what_has_no_area_is_refused(target: list[int], score: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        auc(target, score)
    with pytest.raises(ValueError, match=says):
        delong(target, score, score)
