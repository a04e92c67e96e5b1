"""Bootstraps on totals: against SciPy's, against exact distributions, and in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm, skew

from ml_ci.statistics.cells import Kappa, Matthews, Ratio
from ml_ci.statistics.linear import Curve, Negated, Units, line, lines
from ml_ci.statistics.means import Determination, Mean, RootMean
from ml_ci.statistics.resampling import AT_MOST, Accelerated, Sampled, bca, draws, in_blocks, percentile_t


def of_values(base: np.ndarray, head: np.ndarray) -> Units:
    ones = np.ones(len(base))
    return Units(base=np.stack([base, ones], axis=1), head=np.stack([head, ones], axis=1))


def skewed(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(number)
    return np.exp(0.4 * shared), np.exp(0.8 * shared + 0.3 * rng.standard_normal(number))


CELLS = Units(
    base=np.array([[1, 1, 1], [1, 1, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=float),
    head=np.array([[1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]], dtype=float),
    counts=np.array([40, 12, 7, 15, 9, 130]),
    other_way=np.array([0, 2, 1, 3, 5, 4]),
)
F1 = Ratio(2, 0, 1, 1, average="binary")


@pytest.mark.parametrize(
    "curve",
    [
        *(Mean(), RootMean(), Negated(RootMean())),
        *(
            Ratio(*of, average=how)
            for of in ((2, 0, 1, 1), (1, -1, 1, 1))
            for how in ("macro", "micro", "weighted", "balanced")
        ),
        *(Kappa(), Matthews(), Determination()),
    ],
    ids=str,
)
def test_the_gradient_is_that_of_the_value_and_doubling_all_totals_changes_nothing(curve: Curve) -> None:
    totals = np.array([30.0, 20, 25, 40, 31, 39, 45, 33, 37])
    if isinstance(curve, (Mean, RootMean, Negated)):
        totals = totals[:2]
    if isinstance(curve, Determination):
        totals = np.array([30.0, 200, 25, 100])
    steps = 1e-5 * np.eye(len(totals))
    numeric = [(curve.value(totals + step) - curve.value(totals - step)) / 2e-5 for step in steps]

    assert curve.gradient(totals) == pytest.approx(np.array(numeric), abs=1e-8)
    assert curve.value(2 * totals) == pytest.approx(curve.value(totals))
    stacked = np.stack([totals, 2 * totals])
    assert curve.gradient(stacked) == pytest.approx(np.stack([curve.gradient(totals), curve.gradient(2 * totals)]))


def test_the_tangent_of_a_mean_is_the_paired_t_test() -> None:
    base, head = skewed(40, 1)
    straight = line(of_values(base, head), Mean())
    differences = head - base

    assert straight.delta == pytest.approx(differences.mean())
    assert straight.error == pytest.approx(differences.std(ddof=1) / np.sqrt(40))
    assert straight.skewness == pytest.approx(skew(differences))


def test_the_tangents_of_parts_are_those_of_each_part_alone() -> None:
    base, head = skewed(300, 2)
    part = np.arange(300) % 7
    together = lines(of_values(base, head), RootMean(), part, 7)

    for at, found in enumerate(together):
        alone = line(of_values(base[part == at], head[part == at]), RootMean())
        assert (found.number, found.differing) == (alone.number, alone.differing)
        for name in ("base", "head", "error", "skewness", "kurtosis"):
            assert getattr(found, name) == pytest.approx(getattr(alone, name))


def test_bca_is_scipys() -> None:
    """Both have a Monte-Carlo error of about 2 % of the width at each end."""
    base, head = skewed(60, 3)
    ours = bca(of_values(base, head), Mean())
    theirs = bootstrap(
        (base, head),
        lambda b, h, axis=-1: (h - b).mean(axis=axis),
        paired=True,
        method="BCa",
        n_resamples=20_000,
        rng=1,
    ).confidence_interval
    width = theirs.high - theirs.low

    assert ours.quantile(0.025) == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.quantile(0.975) == pytest.approx(theirs.high, abs=0.06 * width)


def test_percentile_t_is_as_by_its_definition() -> None:
    """Hall's, drawn one by one with another generator; Monte-Carlo error of about 3 % of the width at each end."""
    base, head = skewed(40, 4)
    differences, rng = head - base, np.random.default_rng(99)
    drawn = differences[rng.integers(0, 40, size=(20_000, 40))]
    roots = (drawn.mean(axis=1) - differences.mean()) / (drawn.std(axis=1, ddof=1) / np.sqrt(40))
    error = differences.std(ddof=1) / np.sqrt(40)
    low, high = (differences.mean() - error * np.quantile(roots, level) for level in (0.975, 0.025))

    ours = percentile_t(of_values(base, head), Mean())

    assert ours.quantile(0.025) == pytest.approx(low, abs=0.08 * (high - low))
    assert ours.quantile(0.975) == pytest.approx(high, abs=0.08 * (high - low))


def test_many_totals_are_studentized_as_few_are() -> None:
    base, head = skewed(60, 5)
    few = of_values(base, head)
    none = np.zeros((60, 8))
    many = Units(base=np.hstack([few.base, none]), head=np.hstack([few.head, none]))

    class Padded(Mean):
        def gradient(self, totals: np.ndarray) -> np.ndarray:
            return np.concatenate([super().gradient(totals), np.zeros((*totals.shape[:-1], 8))], axis=-1)

    assert percentile_t(many, Padded(), 2_000).values == pytest.approx(
        percentile_t(few, Mean(), 2_000).values, abs=1e-9
    )


def test_cells_are_drawn_as_a_multinomial() -> None:
    drawn = np.concatenate(list(draws(CELLS, 10_000)))
    counts = np.asarray(CELLS.counts)
    number = counts.sum()

    assert drawn.shape == (10_000, 6)
    assert (drawn.sum(axis=1) == number).all()
    spread = np.sqrt(counts * (1 - counts / number))
    assert np.abs(drawn.mean(axis=0) - counts).max() < 5 * spread.max() / 100
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.05)


def test_a_bootstrap_of_cells_is_one_of_examples() -> None:
    """The same examples, listed one by one; Monte-Carlo error of about 2 % of the width at each end."""
    counts = np.asarray(CELLS.counts)
    one_by_one = Units(base=np.repeat(CELLS.base, counts, axis=0), head=np.repeat(CELLS.head, counts, axis=0))
    cells, examples = bca(CELLS, F1), bca(one_by_one, F1)
    width = cells.quantile(0.975) - cells.quantile(0.025)

    for level in (0.025, 0.05, 0.95, 0.975):
        assert cells.quantile(level) == pytest.approx(examples.quantile(level), abs=0.06 * width)


def test_more_units_than_are_resampled_are_put_into_blocks_of_equal_totals() -> None:
    base, head = skewed(5_000, 6)
    units = of_values(base, head)
    blocks = in_blocks(units)

    assert len(blocks.base) == AT_MOST
    assert blocks.head.sum(axis=0) == pytest.approx(units.head.sum(axis=0))
    whole, parted = line(units, Mean()), line(blocks, Mean())
    assert parted.delta == pytest.approx(whole.delta)
    # a standard error from so many blocks is itself uncertain by 1 / sqrt(2 * AT_MOST) = 3 %
    assert parted.error == pytest.approx(whole.error, rel=0.12)


def test_the_bootstrap_is_the_same_every_time() -> None:
    units = of_values(*skewed(50, 7))

    assert (percentile_t(units, Mean()).values == percentile_t(units, Mean()).values).all()
    assert bca(CELLS, F1).quantile(0.1) == bca(CELLS, F1).quantile(0.1)


@pytest.mark.parametrize("level", [0.001, 0.025, 0.05, 0.2])
def test_bounds_of_a_sample_are_where_its_p_values_cross(level: float) -> None:
    values = np.sort(np.random.default_rng(8).normal(size=10_000))
    sample = Sampled(values)

    lower, upper = sample.quantile(level), sample.quantile(1 - level)

    assert sample.below(np.nextafter(lower, -np.inf)) <= level < sample.below(lower)
    assert sample.above(np.nextafter(upper, np.inf)) <= level < sample.above(upper)
    assert lower == pytest.approx(norm.ppf(level), abs=0.3 if level < 0.01 else 0.05)
    assert Sampled(np.sort(-values)).quantile(1 - level) == -lower


def test_ties_count_against_certainty_on_both_sides() -> None:
    sample = Sampled(np.array([0.0] * 60 + [1.0] * 39))

    assert sample.below(0.0) == pytest.approx(0.61)
    assert sample.above(0.0) == 1.0


def test_bca_without_bias_or_acceleration_is_the_percentile_interval() -> None:
    sample = Sampled(np.sort(np.random.default_rng(9).normal(size=999)))
    plain = Accelerated(sample, 0.0, 0.0)

    for level in (0.025, 0.3, 0.9):
        assert plain.quantile(level) == sample.quantile(level)
    assert plain.below(-1.0) == pytest.approx(sample.below(-1.0))


def test_bca_is_efrons_formula() -> None:
    sample, shift, acceleration = Sampled(np.arange(1.0, 10_000)), 0.1, 0.05
    z = shift + norm.ppf(0.05)
    level = norm.cdf(shift + z / (1 - acceleration * z))

    assert Accelerated(sample, shift, acceleration).quantile(0.05) == pytest.approx(level * 10_000, abs=1)
    assert Accelerated(sample, shift, acceleration).below(level * 10_000) == pytest.approx(0.05, abs=2e-4)
