"""The difference of a metric between two sides: mirrored, unmoved by order, certain where it is, and told where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap, permutation_test, ttest_rel
from sklearn.metrics import f1_score, root_mean_squared_error

from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.statistics.confidence import Certain
from ml_ci.statistics.metrics import value
from ml_ci.statistics.paired import paired
from ml_ci.statistics.proportions import exact_p, paired_proportions
from tests.examples import Pair, classified, in_groups, regressed, rows

LABELS = ("accuracy", "zero_one_loss", "f1", "precision", "recall", "jaccard", "balanced_accuracy", "mcc", "kappa")
SCORES = ("auc", "log_loss", "brier", "neg_log_loss")
COLUMNS = ("gain",)
NUMBERS = ("mae", "rmse", "r2", "mape", "neg_root_mean_squared_error")
SLOW = ("median_absolute_error",)


def drawn(name: str, number: int, seed: int) -> Pair:
    if name in NUMBERS + SLOW:
        return regressed(number, seed)
    return classified(number, seed, classes=3 if "_" in name and name.startswith("f1") else 2)


ALL = (*LABELS, *SCORES, *COLUMNS, *NUMBERS, *SLOW, "f1_macro", "f1_weighted")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("groups", [0, 25])
def test_exchanging_the_sides_mirrors_the_result(name: str, groups: int) -> None:
    for seed in (1, 2):
        base, head = drawn(name, 120, seed)
        if groups:
            base, head = in_groups((base, head), groups)
        there, back = paired(name, base, head), paired(name, head, base)

        assert (there.base, there.head, there.method) == (back.head, back.base, back.method)
        for level in (0.01, 0.05, 0.3, 0.9, 0.975):
            assert there.confidence.quantile(level) == pytest.approx(-back.confidence.quantile(1 - level), abs=1e-12)
        for limit in (-0.05, 0.0, 0.02):
            assert there.confidence.below(limit) == pytest.approx(back.confidence.above(-limit), abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_the_same_predictions_are_certain_not_to_differ(name: str) -> None:
    base, head = drawn(name, 60, 3)
    difference = paired(name, head, replace(head, source="other.csv"))

    assert difference.confidence == Certain(0.0)
    assert difference.delta == 0
    assert difference.interval(0.95) == (0, 0)
    assert difference.warnings == ()
    assert paired(name, base, head).confidence != Certain(0.0)


@pytest.mark.parametrize("name", ALL)
def test_p_values_and_bounds_agree(name: str) -> None:
    base, head = drawn(name, 150, 4)
    difference = paired(name, base, head)
    lower, upper = difference.bounds(0.95)
    step = 1e-6 * (upper - lower)

    assert lower <= difference.delta <= upper
    assert difference.confidence.below(lower - step) <= 0.0501
    assert difference.confidence.below(lower + step) >= 0.0499
    assert difference.confidence.above(upper + step) <= 0.0501
    assert difference.confidence.above(upper - step) >= 0.0499


@pytest.mark.parametrize("name", ["accuracy", "auc", "log_loss", "f1", "gain", "rmse", "f1_macro"])
def test_more_examples_do_not_widen_the_interval_in_expectation(name: str) -> None:
    """20 test sets of 100 examples, and each with 100 and 300 more; the mean of the widths falls by about √2 each time."""

    def mean_width(number: int) -> float:
        widths = []
        for seed in range(20):
            base, head = drawn(name, 400, seed)
            first = np.arange(number)
            low, high = paired(name, rows(base, first), rows(head, first)).interval(0.95)
            widths.append(high - low)
        return float(np.mean(widths))

    hundred, two, four = mean_width(100), mean_width(200), mean_width(400)

    assert hundred > two > four
    assert hundred / four == pytest.approx(2, rel=0.3)


def test_accuracy_that_few_examples_decide_is_warned_of() -> None:
    base, head = classified(400, 5)
    assert paired("accuracy", base, head).warnings == ()
    assert head.prediction is not None
    assert base.prediction is not None
    few = replace(head, prediction=np.concatenate([head.prediction[:40], base.prediction[40:]]))
    (warning,) = paired("accuracy", base, few).warnings
    assert "few discordant examples" in warning


def test_accuracy_is_tangos_interval_and_mcnemars_p_value_on_the_four_counts() -> None:
    """The table of the issue: [[101, 121], [59, 33]], whose exact p is 4.434449e-6."""
    right_base = np.repeat([True, True, False, False], [101, 121, 59, 33])
    right_head = np.repeat([True, False, True, False], [101, 121, 59, 33])
    number = len(right_base)
    target = np.repeat("yes", number)
    base, head = (
        Predictions(
            source="p.csv", test_set="t", id=np.arange(number), target=target, prediction=np.where(right, "yes", "no")
        )
        for right in (right_base, right_head)
    )

    difference, loss = paired("accuracy", base, head), paired("zero_one_loss", base, head)

    assert difference.confidence == paired_proportions(101, 121, 59, 33)
    assert 2 * difference.confidence.above(0) == pytest.approx(4.434449e-6, rel=1e-6) == exact_p(121, 59)
    assert loss.delta == pytest.approx(-difference.delta)
    assert loss.bounds(0.9)[0] == pytest.approx(-difference.bounds(0.9)[1])


@pytest.mark.parametrize("name", ["mae", "mse"])
def test_a_mean_agrees_with_scipys_t_test_bootstrap_and_permutation_test(name: str) -> None:
    """Where the differences are symmetric all are the same; SciPy's p-values have a Monte-Carlo error of 0.005 (10,000 draws),
    its bootstrap's ends one of 2 % of the width, and between BCa and Student's t lie 3 % more at n = 300.
    """
    base, head = regressed(300, 5, noise=(0.6, 0.7))
    power = 2 if name == "mse" else 1
    losses = [
        np.abs(np.asarray(side.prediction) - np.asarray(side.target, dtype=float)) ** power for side in (base, head)
    ]
    difference = paired(name, base, head)
    low, high = difference.interval(0.95)

    def statistic(of_base: np.ndarray, of_head: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray((of_head - of_base).mean(axis=axis))

    resampled = bootstrap(losses, statistic, paired=True, n_resamples=10_000, method="BCa", rng=1).confidence_interval
    permuted = permutation_test(losses, statistic, permutation_type="samples", n_resamples=10_000, rng=1)

    assert low == pytest.approx(resampled.low, abs=0.12 * (high - low))
    assert high == pytest.approx(resampled.high, abs=0.12 * (high - low))
    smaller = min(difference.confidence.below(0), difference.confidence.above(0))
    assert 2 * smaller == pytest.approx(ttest_rel(*losses).pvalue, abs=0.03)
    assert 2 * smaller == pytest.approx(permuted.pvalue, abs=0.03)


@pytest.mark.parametrize("name", ["rmse", "f1"])
def test_a_function_of_totals_agrees_with_scipys_bootstrap(name: str) -> None:
    """SciPy's ends have a Monte-Carlo error of 2 % of the width; the wider of two intervals may be 10 % wider."""
    base, head = regressed(300, 6) if name == "rmse" else classified(400, 6)
    metric = root_mean_squared_error if name == "rmse" else f1_score
    difference = paired(name, base, head)
    low, high = difference.interval(0.95)

    def statistic(target: np.ndarray, of_base: np.ndarray, of_head: np.ndarray) -> float:
        return float(metric(target, of_head) - metric(target, of_base))

    resampled = bootstrap(
        (base.target, base.prediction, head.prediction),
        statistic,
        paired=True,
        vectorized=False,
        n_resamples=2_000,
        method="BCa",
        rng=1,
    ).confidence_interval

    assert low == pytest.approx(resampled.low, abs=0.12 * (high - low))
    assert high == pytest.approx(resampled.high, abs=0.12 * (high - low))


def test_groups_that_are_copies_count_once() -> None:
    """Ten copies of each example, in one group, tell no more than one does."""
    pair = classified(200, 7)
    tenfold = [replace(rows(side, np.repeat(np.arange(200), 10)), id=np.arange(2_000)) for side in pair]
    group = np.repeat(np.arange(200), 10)
    copies = [replace(side, group=group) for side in tenfold]

    for name in ("gain", "log_loss", "auc"):
        once, grouped, fooled = paired(name, *pair), paired(name, *copies), paired(name, *tenfold)
        width = {key: np.diff(each.interval(0.95))[0] for key, each in (("1", once), ("g", grouped), ("f", fooled))}

        assert (grouped.size, grouped.unit) == (200, "groups")
        assert width["g"] == pytest.approx(width["1"], rel=0.06)
        assert width["f"] < width["1"] / 2.5


def test_groups_of_one_example_are_examples() -> None:
    pair = classified(300, 8)
    alone = [replace(side, group=np.arange(300)) for side in pair]

    for name in ("gain", "auc", "f1", "rmse"):
        ends, expected = paired(name, *alone).interval(0.95), paired(name, *pair).interval(0.95)
        assert ends == pytest.approx(expected, abs=0.1 * (expected[1] - expected[0]))


def test_a_mean_of_many_examples_is_students_t() -> None:
    base, head = classified(20_000, 9)
    difference = paired("log_loss", base, head)
    target = np.asarray(base.target) == 1
    losses = [-np.log(np.where(target, np.asarray(side.score), 1 - np.asarray(side.score))) for side in (base, head)]
    expected = ttest_rel(losses[1], losses[0]).confidence_interval(0.95)

    assert difference.method == "paired Student's t"
    assert difference.interval(0.95) == pytest.approx((expected.low, expected.high), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "pair", "condition"),
    [
        ("f1", classified(1_000, 10, positive=0.02), "small class: the positive class has 2"),
        ("recall", classified(500, 10, positive=0.04), "small class: the positive class has"),
        ("f1_macro", classified(300, 10, classes=3, positive=0.9), "small class: the smallest class has"),
        ("auc", classified(1_000, 10, positive=0.01), "small class"),
        ("rmse", in_groups(regressed(300, 10), 10), "few groups: there are 10"),
        ("f1", in_groups(classified(300, 10), 12), "few groups: there are 12"),
        ("auc", in_groups(classified(300, 10), 12), "few groups: there are 12"),
        ("median_absolute_error", in_groups(regressed(100, 10), 12), "few groups: there are 12"),
        ("rmse", regressed(20, 10), "few examples: there are 20"),
        ("max_error", regressed(40, 10), "single examples decide"),
    ],
)
def test_a_condition_under_which_the_confidence_does_not_hold_is_named(name: str, pair: Pair, condition: str) -> None:
    warnings = paired(name, *pair).warnings

    assert any(warning.startswith(condition) for warning in warnings), warnings


@pytest.mark.parametrize("name", ["f1", "auc", "rmse", "accuracy", "log_loss"])
def test_there_is_no_warning_where_there_is_enough_of_everything(name: str) -> None:
    assert paired(name, *drawn(name, 400, 11)).warnings == ()


def test_one_example_that_differs_decides_nothing() -> None:
    base, _ = regressed(1_000, 12)
    prediction = np.array(base.prediction, dtype=np.float64)
    prediction[17] += 50
    difference = paired("mae", base, replace(base, prediction=prediction))
    low, high = difference.interval(0.95)

    assert low < 0 < high
    assert difference.warnings[0].startswith("few examples differ: 1 of 1,000")


def test_a_constant_shift_of_all_errors_is_not_certain() -> None:
    base, _ = regressed(10, 13)
    worse = np.asarray(base.target) + 1
    difference = paired("mae", replace(base, prediction=worse), replace(base, prediction=worse + 1))

    assert difference.delta == pytest.approx(1)
    assert difference.confidence.below(0) > 0
    assert any("no spread" in warning for warning in difference.warnings)


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc", "mae", "gain", "max_error"])
def test_one_group_alone_measures_no_chance_so_nothing_is_shown(name: str) -> None:
    base, head = drawn(name, 200, 15) if name != "max_error" else regressed(200, 15)
    base, head = (replace(side, group=np.zeros(200, dtype=np.int64)) for side in (base, head))
    difference = paired(name, base, head)

    assert difference.delta != 0
    assert difference.bounds(0.95) == (-np.inf, np.inf)
    assert difference.confidence.below(-1e6) > 0.05
    assert difference.confidence.above(1e6) > 0.05


def test_groups_that_add_up_to_the_same_by_chance_are_not_the_same() -> None:
    target = np.zeros(200, dtype=np.int64)
    wrong_first = np.arange(200) % 100 < 10
    wrong_last = np.arange(200) % 100 >= 90
    base = replace(classified(200, 16)[0], target=target, prediction=wrong_first.astype(np.int64))
    base = replace(base, group=np.arange(200) // 100)
    difference = paired("accuracy", base, replace(base, prediction=wrong_last.astype(np.int64)))

    assert difference.delta == 0
    assert difference.confidence.below(-0.05) > 0.05


@pytest.mark.parametrize(("positives", "shown"), [(5, False), (1_000, True)])
def test_a_recall_that_no_positive_example_changed_is_as_sure_as_there_are_positives(
    positives: int, shown: bool
) -> None:
    # none of n: the rule of three gives 3 / n at 95 %, so 5 cannot show a margin of 5 points and 1,000 can
    target = np.array([1] * positives + [0] * 1_000)
    base = Predictions(source="p.csv", test_set="t", id=np.arange(len(target)), target=target, prediction=target)
    more_alarms = np.where(np.arange(len(target)) % 3 == 0, 1, target)
    difference = paired("recall", base, replace(base, prediction=more_alarms))

    assert difference.delta == 0
    assert difference.confidence.below(0) > 0.05
    assert (difference.confidence.below(-0.05) <= 0.05) == shown


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "kappa"])
def test_a_label_that_is_no_number_on_one_side_costs_no_evidence(name: str) -> None:
    base, head = classified(300, 17)
    target, odd = np.asarray(head.target).astype(np.str_), np.asarray(head.prediction).astype(np.dtype("U5"))
    odd[3] = "other"
    named = replace(head, target=target, prediction=odd)
    both_named = replace(base, target=target, prediction=np.asarray(base.prediction).astype(np.str_))

    for sides, expected in (((base, named), (both_named, named)), ((named, base), (named, both_named))):
        mixed, plain = paired(name, *sides), paired(name, *expected)
        assert (mixed.base, mixed.head) == (plain.base, plain.head)
        assert mixed.interval(0.95) == plain.interval(0.95)


def test_a_column_goes_before_a_metric_of_its_name() -> None:
    base, head = classified(100, 14)
    base, head = (replace(side, columns={"accuracy": side.columns["gain"]}) for side in (base, head))

    assert paired("accuracy", base, head).base == pytest.approx(base.columns["accuracy"].mean())


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("gain", {"columns": {}}, 'head.parquet: gain cannot be computed from its 80 rows: they have no column "gain"'),
        ("accuracy", {"prediction": None}, 'head.parquet: .* no column "prediction"'),
        ("ndcg", {}, "scikit-learn has no metric of this name, and they have no such column"),
        ("accuracy", {"test_set": "others"}, "base has other examples, 80 rows in base.parquet"),
        (
            "gain",
            {"group": np.zeros(80, dtype=np.int64)},
            'the column "group" differs from that of base in base.parquet',
        ),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(name: str, change: dict[str, object], words: str) -> None:
    base, head = in_groups(classified(80, 15), 20)

    with pytest.raises(ConfigError, match=words):
        paired(name, base, replace(head, **change))  # type: ignore[arg-type]


def test_labels_may_be_of_many_classes() -> None:
    """1,000 classes, where the totals of all cells would be 60 million numbers for a side."""
    base, head = classified(20_000, 16, classes=1_000, positive=0.001)
    difference = paired("mcc", base, head)

    assert difference.method == "20 sections and Student's t"
    low, high = difference.interval(0.95)
    assert low < difference.delta < high
    assert difference.head == pytest.approx(value("mcc", head), abs=1e-12)


def test_a_metric_without_a_closed_form_is_parted_where_there_are_many_examples() -> None:
    base, head = regressed(20_000, 17)
    many, few = (
        paired("median_absolute_error", base, head),
        paired("median_absolute_error", *in_groups((base, head), 50)),
    )

    assert many.method == "20 sections and Student's t"
    assert (few.method, few.size, few.unit) == ("jackknife over blocks over groups", 50, "groups")
    widths = [np.diff(each.interval(0.95))[0] for each in (many, few)]
    assert widths[0] == pytest.approx(widths[1], rel=0.6)  # each from 19 degrees of freedom


def test_a_gentle_calibration_of_intervals() -> None:
    """300 pairs of equal models per metric: 95 % intervals cover 95 % but for three Monte-Carlo errors (1.3 points each)."""
    for name in ("accuracy", "auc", "mae", "f1"):
        covered = sum(
            low <= 0 <= high for low, high in (paired(name, *drawn(name, 100, s)).interval(0.95) for s in range(300))
        )

        assert 0.91 <= covered / 300 <= 0.99, name
