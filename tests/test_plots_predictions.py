"""The plots that are made from predictions: their numbers are scikit-learn's, and any data is drawn or rightly left out."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    mean_absolute_error,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
    root_mean_squared_error,
)

from ml_ci.compare.found import Material
from ml_ci.predictions import Predictions
from ml_ci.records import Metric
from ml_ci.report.plots.calibration import draw_calibration, reliability
from ml_ci.report.plots.confusion import draw_confusion
from ml_ci.report.plots.confusion_counts import count, shown
from ml_ci.report.plots.confusion_panels import told_apart
from ml_ci.report.plots.predicted import sides
from ml_ci.report.plots.ranking import draw_ranking, rank
from ml_ci.report.plots.residual_axes import scale_of
from ml_ci.report.plots.residuals import draw_residuals, errors_of
from ml_ci.report.presentation import Plot
from ml_ci.result import Result
from tests.runs import BASE, HEAD, result, rule, run

Array = NDArray[Any]
Draw = Callable[[Result, Path], tuple[Plot, ...]]

DRAW: tuple[Draw, ...] = (draw_confusion, draw_ranking, draw_calibration, draw_residuals)
HOSTILE = ["$x$", "\\frac{a}{b}", "a\nb", "\u202eevil", "שלום", "数据", "a" * 300 + "1", "a" * 300 + "2", ""]


@pytest.fixture(autouse=True)
def _no_warning_escapes() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def predicted(
    target: ArrayLike, prediction: ArrayLike | None = None, score: ArrayLike | None = None, *, test_set: str = "same"
) -> Predictions:
    """Predictions of these columns, which may be lists."""
    labels = np.asarray(target)
    return Predictions(
        source="predictions.csv",
        test_set=test_set,
        id=np.arange(len(labels)),
        target=labels,
        prediction=None if prediction is None else np.asarray(prediction),
        score=None if score is None else np.asarray(score, dtype=float),
    )


def found(base: Predictions | None, head: Predictions | None, *metrics: str) -> Result:
    """A result with these predictions, whose gate asks for these metrics."""
    compared = result(run(BASE, f1=0.5) if base else None, run(f1=0.5), *(rule(name, min=0.1) for name in metrics))
    return replace(compared, material=Material(base=base, head=head))


def classes(number: int, size: int = 1000, wrong: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    """A target and a prediction that is wrong now and then."""
    random = np.random.default_rng(seed)
    target = random.integers(0, number, size)
    return target, np.where(random.random(size) < wrong, random.integers(0, number, size), target)


def ranked(size: int = 1000, seed: int = 0, *, decimals: int = 16) -> tuple[Array, Array]:
    """A target of two classes and scores that are somewhat right; with few decimals there are ties."""
    random = np.random.default_rng(seed)
    target = (random.random(size) < 0.3).astype(int)
    return target, (1 / (1 + np.exp(-random.normal(target - 0.5)))).round(decimals)


def all_of(plots: tuple[Plot, ...]) -> list[str]:
    """The names of the plots, each of which has a picture for light and for dark pages that is not empty."""
    for plot in plots:
        assert len(plot.alt) <= 600
        for path in plot.files:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L"))
            assert pixels.shape[1] == 1200
            assert (pixels != pixels[0, 0]).mean() > 0.005
        assert plot.dark
    return [plot.name for plot in plots]


# which plots there are


@pytest.mark.parametrize("draw", DRAW)
def test_without_heads_predictions_there_is_nothing_to_draw(draw: Draw, tmp_path: Path) -> None:
    target, prediction = classes(2)
    assert draw(found(None, None, "accuracy"), tmp_path) == ()
    assert draw(found(predicted(target, prediction, prediction), None, "accuracy", "rmse"), tmp_path) == ()


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (("accuracy",), ["confusion"]),
        (("f1_macro", "mae"), ["confusion", "residuals"]),
        (("rmse",), ["residuals"]),
        ((), ["confusion"]),
        (("loss",), ["confusion"]),
    ],
)
def test_the_metrics_that_are_asked_for_say_whether_whole_numbers_are_classes(
    metrics: tuple[str, ...], names: list[str], tmp_path: Path
) -> None:
    data = found(None, predicted(*classes(5)), *metrics)
    assert [name for draw in DRAW for name in all_of(draw(data, tmp_path))] == names


@pytest.mark.parametrize("metric", ["accuracy", "rmse", "loss"])
def test_numbers_with_fractions_are_never_classes(metric: str, tmp_path: Path) -> None:
    target = np.linspace(0.05, 1, 50)
    data = found(None, predicted(target, target + 0.1), metric)
    assert draw_confusion(data, tmp_path) == ()
    assert all_of(draw_residuals(data, tmp_path)) == ([] if metric == "accuracy" else ["residuals"])


def test_without_a_metric_many_whole_numbers_are_numbers(tmp_path: Path) -> None:
    prices = np.random.default_rng(0).integers(100_000, 900_000, 500)
    data = found(None, predicted(prices, prices + 1000))
    assert draw_confusion(data, tmp_path) == ()
    assert all_of(draw_residuals(data, tmp_path)) == ["residuals"]


def test_text_is_never_a_number(tmp_path: Path) -> None:
    data = found(None, predicted(["a", "b"], ["b", "b"]), "rmse")
    assert [draw(data, tmp_path) for draw in DRAW] == [(), (), (), ()]


def test_one_column_of_scores_says_nothing_of_three_classes(tmp_path: Path) -> None:
    target, prediction = classes(3)
    data = found(None, predicted(target, prediction, np.linspace(0, 1, 1000)), "accuracy")
    assert draw_ranking(data, tmp_path) == draw_calibration(data, tmp_path) == ()


@pytest.mark.parametrize("scores", [[-0.1, 0.5], [0.5, 1.01], [0.1, np.nan], [0.1, np.inf]])
def test_scores_that_are_no_probabilities_have_no_calibration(scores: list[float], tmp_path: Path) -> None:
    data = found(None, predicted([0, 1] * 30, None, scores * 30), "roc_auc")
    assert draw_calibration(data, tmp_path) == ()


def test_a_base_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    target, score = ranked()
    odd = predicted(target * 1.5, target * 1.5, score * 2, test_set="other")
    head = predicted(target, target, score)
    for draw in DRAW[:3]:
        (plot,) = draw(found(odd, head, "roc_auc"), tmp_path)
        assert "Head only, 1,000 examples." in plot.alt
        assert "different" not in plot.title


@pytest.mark.parametrize("draw", DRAW)
def test_sides_on_other_examples_are_drawn_and_it_is_said(draw: Draw, tmp_path: Path) -> None:
    target, score = ranked(300)
    other, others_score = ranked(200, seed=1)
    base = predicted(other, other, others_score, test_set="other")
    (plot,) = draw(found(base, predicted(target, 1 - target, score), "accuracy", "mae"), tmp_path)
    assert plot.title.endswith("(base and head on different examples)")
    assert "Base and head were measured on different examples (200 of base, 300 of head)." in plot.alt


def test_of_repeated_trainings_it_is_said_that_the_first_is_shown_as_the_tables_have_the_mean(tmp_path: Path) -> None:
    target, score = ranked(300)
    same = predicted(target, target, score)
    once = found(same, same, "accuracy")
    base, head = (
        replace(run(name), metrics={"f1": Metric(value=0.5, repeats=(0.4, 0.5, 0.6))}) for name in (BASE, HEAD)
    )
    thrice = replace(result(base, head, rule("accuracy", min=0.1)), material=Material(base=same, head=same))
    assert "training" not in draw_confusion(once, tmp_path)[0].title
    assert draw_confusion(thrice, tmp_path)[0].title.endswith("(first of 3 trainings)")


# what they show


@pytest.mark.parametrize("number", [2, 3, 10, 40])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("same", [False, True])
def test_the_pairs_are_those_of_scikit_learn(number: int, text: bool, same: bool) -> None:
    (target, before), (other, after) = classes(number, seed=1), classes(number, seed=2)
    other = target if same else other
    columns = [column.astype(str) if text else column for column in (target, before, other, after)]
    base = predicted(*columns[:2], test_set="same" if same else "other")
    both = sides(found(base, predicted(*columns[2:]), "accuracy"))
    assert both is not None
    matrices = shown(count(both), most=100)
    labels = np.array(matrices.names) if text else np.arange(number)
    assert matrices.names == tuple(str(name) for name in range(number))
    assert (matrices.base == confusion_matrix(*columns[:2], labels=labels)).all()
    assert (matrices.head == confusion_matrix(*columns[2:], labels=labels)).all()


def test_classes_are_the_same_however_a_side_writes_them() -> None:
    base = predicted(["0", "1", "1", "x"], ["0", "x", "1", "x"], test_set="a")
    both = sides(found(base, predicted([False, True, True], [0.0, 0.0, 1.0]), "accuracy"))
    assert both is not None
    matrices = shown(count(both), most=12)
    assert matrices.names == ("0", "1", "x")
    assert matrices.base is not None
    assert matrices.base.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert matrices.head.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_of_many_classes_those_that_changed_or_are_mistaken_are_shown_and_the_others_summed() -> None:
    target = np.repeat(np.arange(200), 10)
    before, after = target.copy(), target.copy()
    before[70:79] = after[70:79] = 8  # 7 is always taken for 8
    after[1500:1504] = 151  # 150 is now taken for 151
    both = sides(found(predicted(target, before), predicted(target, after), "accuracy"))
    assert both is not None
    matrices = shown(count(both), most=4)
    assert matrices.names == ("7", "8", "150", "151", "196 others")
    assert matrices.base is not None
    assert matrices.base.sum() == matrices.head.sum() == 2000
    assert matrices.head[2].tolist() == [0, 0, 6, 4, 0]


def test_the_words_name_the_largest_changes_and_what_they_mean(tmp_path: Path) -> None:
    target = ["cat"] * 50 + ["dog"] * 50
    base = predicted(target, ["cat"] * 40 + ["dog"] * 60)
    head = predicted(target, ["cat"] * 45 + ["dog"] * 52 + ["cat"] * 3)
    (plot,) = draw_confusion(found(base, head, "accuracy"), tmp_path)
    assert "Base and head on the same 100 examples. Share predicted right: 0.90 → 0.92." in plot.alt
    assert "cat predicted as dog: 10 → 5 (better); dog predicted as cat: 0 → 3 (worse)." in plot.alt


def test_what_is_better_is_blue_and_what_is_worse_is_red(tmp_path: Path) -> None:
    """In the difference: fewer cats taken for dogs, more dogs taken for cats."""
    target = [0] * 50 + [1] * 50
    base, head = predicted(target, [0] * 30 + [1] * 70), predicted(target, [0] * 60 + [1] * 30 + [0] * 10)
    (plot,) = draw_confusion(found(base, head, "accuracy"), tmp_path)
    with Image.open(plot.path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    right = pixels[:, 820:1180]  # the third panel
    blue, red = (right @ sign > 80 for sign in ([-1, 0, 1], [1, 0, -1]))
    upper, lower = np.array_split(np.flatnonzero((blue | red).sum(axis=1) > 100), 2)
    assert blue[upper].sum() > 20 * red[upper].sum()
    assert red[lower].sum() > 20 * blue[lower].sum()


def test_long_names_keep_what_tells_them_apart() -> None:
    assert told_apart(["cat", "dog"], 14) == ["cat", "dog"]
    long = [f"category/{number:03}/subject" for number in (7, 17)]
    assert told_apart(long, 14) == ["…007/subject", "…017/subject"]
    alike = ["a" * 20 + letter + "a" * 300 for letter in "bc"]
    assert len(set(told_apart(alike, 14))) == 2
    assert max(map(len, told_apart([*alike, *HOSTILE], 14))) <= 14


@pytest.mark.parametrize("size", [2, 5, 60, 1000, 20_000])
@pytest.mark.parametrize("decimals", [1, 16])
@pytest.mark.parametrize("infinite", [False, True])
def test_curves_and_areas_are_those_of_scikit_learn(size: int, decimals: int, infinite: bool) -> None:
    target, score = ranked(size, decimals=decimals)
    target[0], target[1] = 0, 1
    finite = score.copy()
    if infinite:  # scikit-learn has none; they rank above, or below, all others
        score[0], finite[0], score[-1], finite[-1] = np.inf, 2.0, -np.inf, -1.0
    both = sides(found(None, predicted(target, None, score), "roc_auc"))
    assert both is not None
    head = rank(both)["head"]
    assert head.auc() == pytest.approx(roc_auc_score(target, finite), abs=1e-12)
    assert head.average_precision() == pytest.approx(average_precision_score(target, finite), abs=1e-12)
    false, true, _ = roc_curve(target, finite, drop_intermediate=False)
    assert (
        np.abs(np.interp(np.linspace(0, 1, 97), *head.roc()) - np.interp(np.linspace(0, 1, 97), false, true)).max()
        < 0.01
    )
    assert {*zip(*head.roc(), strict=True)} <= {*zip(false, true, strict=True)}
    precision, recall, _ = precision_recall_curve(target, finite)
    assert {*zip(*head.precision_recall(), strict=True)} <= {*zip(recall, precision, strict=True)}
    if size <= 300:
        assert len(head.precision_recall()[0]) == len(recall)


def test_the_words_of_a_ranking_have_both_areas_and_the_positive_class(tmp_path: Path) -> None:
    target, score = ranked()
    _, better = ranked(seed=0)
    better = better + 0.2 * target
    names = np.array(["no", "yes"])[target]
    (plot,) = draw_ranking(found(predicted(names, None, score), predicted(names, None, better), "roc_auc"), tmp_path)
    areas = [roc_auc_score(target, one) for one in (score, better)]
    averages = [average_precision_score(target, one) for one in (score, better)]
    assert "curves of the class yes, base grey" in plot.alt
    assert f"AUC {areas[0]:.4f} → {areas[1]:.4f}, average precision {averages[0]:.4f} → {averages[1]:.4f}." in plot.alt


@pytest.mark.parametrize("decimals", [0, 1, 2, 16])
def test_the_bins_of_the_calibration_are_those_of_scikit_learn(decimals: int) -> None:
    target, score = ranked(5000, decimals=decimals)
    ours = reliability(target, score, 10)
    seen, said = calibration_curve(target, score, n_bins=10, strategy="quantile")
    assert ours.seen == pytest.approx(seen)
    assert ours.said == pytest.approx(said)
    assert ours.counts.sum() == 5000
    assert ours.bars.sum() == pytest.approx(1.0)


def test_a_share_has_wilsons_interval() -> None:
    from scipy.stats import binomtest

    ours = reliability(np.array([1] * 3 + [0] * 17), np.full(20, 0.2), 1)
    expected = binomtest(3, 20).proportion_ci(method="wilson")
    assert (ours.seen[0] - ours.errors()[0, 0], ours.seen[0] + ours.errors()[1, 0]) == pytest.approx(
        (expected.low, expected.high), abs=1e-6
    )


def test_the_words_of_a_calibration_say_how_far_it_is_off(tmp_path: Path) -> None:
    """Half of the examples are positive, where base says 0.9 and head says 0.6 of all of them."""
    target = [0, 1] * 100
    base, head = (predicted(target, None, [score] * 200) for score in (0.9, 0.6))
    (plot,) = draw_calibration(found(base, head, "brier"), tmp_path)
    assert "Average gap 0.4 → 0.1; 0 is perfect." in plot.alt


def test_errors_are_those_of_scikit_learn(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    true = random.normal(100, 20, 500)
    before, after = true + random.normal(2, 5, 500), true + random.normal(0, 4, 500)
    ours = errors_of(true, after)
    assert ours.root_square == pytest.approx(root_mean_squared_error(true, after))
    assert ours.absolute == pytest.approx(mean_absolute_error(true, after))
    assert ours.mean == pytest.approx((after - true).mean())
    (plot,) = draw_residuals(found(predicted(true, before), predicted(true, after), "rmse"), tmp_path)
    errors = [root_mean_squared_error(true, one) for one in (before, after)]
    assert f"RMSE {errors[0]:.3f} → {errors[1]:.3f}" in plot.alt


def test_one_prediction_that_is_far_out_does_not_hide_the_others(tmp_path: Path) -> None:
    true = np.random.default_rng(0).normal(100, 20, 500)
    off = true.copy()
    off[7] = 1e9
    (plot,) = draw_residuals(found(None, predicted(true, off), "rmse"), tmp_path)
    assert "Beyond the axes, and drawn on their ends: 1 example." in plot.alt
    assert scale_of([true, off]).high < 300


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.linspace(-5, 5, 99), "plain"),
        (np.logspace(-6, 6, 99), "log"),
        (np.concatenate([np.logspace(-6, 6, 99), -np.logspace(-6, 6, 99)]), "both logs"),
        (np.zeros(3), "plain"),
        (np.array([1e-320, 2e-320]), "plain"),
        (np.array([-1.7e308, 1.7e308]), "plain"),
        (np.array([5e-324, 1.0, 1.7e308]), "log"),
    ],
)
def test_an_axis_fits_its_numbers_and_its_ticks_are_on_it(values: Array, kind: str) -> None:
    scale = scale_of([values])
    places, texts = scale.ticks()
    bent = scale.bent(values)
    assert scale.kind == kind
    assert (np.diff(scale.bent(np.sort(values))) >= 0).all()
    assert bent.min() >= 0
    assert bent.max() <= 1
    assert 1 <= len(texts) == len(places) <= 8
    assert ((places >= 0) & (places <= 1)).all()


def test_ticks_are_short() -> None:
    assert scale_of([np.array([-3e7, 5e7])]).ticks()[1] == ["−2.5e7", "0", "2.5e7", "5e7"]
    assert scale_of([np.array([1e-6, 1e6])]).ticks()[1] == ["1e−6", "0.001", "1", "1000", "1e6"]


# any data is drawn


def few(target: ArrayLike, prediction: ArrayLike, score: ArrayLike | None) -> Result:
    """Data of all kinds at once, on both sides, of which each plot takes what it can."""
    side = predicted(target, prediction, score)
    return found(side, side, "accuracy", "roc_auc", "mae")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (few([1], [1], [0.5]), ["confusion", "residuals"]),
        (few([1] * 9, [1] * 9, [0.5] * 9), ["confusion", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, [0.5] * 18), ["confusion", "ranking", "calibration", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, [np.nan] * 18), ["confusion", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, [np.nan, 0.1] * 9), ["confusion", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, [np.nan, *[0.3] * 17]), ["confusion", "ranking", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, [-np.inf, np.inf] * 9), ["confusion", "ranking", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, np.linspace(-9, 9, 18)), ["confusion", "ranking", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, np.logspace(-6, 6, 18)), ["confusion", "ranking", "residuals"]),
        (few([0, 1] * 9, [1, 1] * 9, np.logspace(-12, 0, 18)), ["confusion", "ranking", "calibration", "residuals"]),
        (few([-5, 3] * 9, [3, 3] * 9, [0.0, 1.0] * 9), ["confusion", "ranking", "calibration", "residuals"]),
        (few([np.nan, 1.0], [1.0, 1.0], None), ["residuals"]),
        (few([np.nan, 1.0], [1.0, np.inf], None), []),
        (few([0.5, np.inf], [0.25, 1.0], None), ["residuals"]),
        (few([-1.7e308, 1.7e308], [1.7e308, -1.7e308], None), ["confusion", "residuals"]),
        (few([1e-320, 2e-320], [1e-320, 1e-320], None), ["residuals"]),
        (few(np.logspace(-6, 6, 99), -np.logspace(6, -6, 99), None), ["residuals"]),
        (few(np.logspace(-6, 6, 99), np.zeros(99), None), ["residuals"]),
        (few([], [], []), []),
    ],
)
def test_degenerate_data_is_drawn_or_left_out(data: Result, names: list[str], tmp_path: Path) -> None:
    assert [name for draw in DRAW for name in all_of(draw(data, tmp_path))] == names
    alone = replace(data, material=replace(data.material, base=None))
    assert [name for draw in DRAW for name in all_of(draw(alone, tmp_path))] == names


@pytest.mark.parametrize("number", [2, 3, 5, 6, 12, 13, 50, 200])
def test_any_number_of_classes_is_drawn(number: int, tmp_path: Path) -> None:
    target, before = classes(number, 3000)
    _, after = classes(number, 3000, wrong=0.1)
    both = found(predicted(target, before), predicted(target, after), "accuracy")
    (plot,) = draw_confusion(both, tmp_path)
    assert all_of((plot,)) == ["confusion"]
    assert ("the 12 that are mistaken most are shown" in plot.alt) == (number > 12)
    with Image.open(plot.path) as image:
        assert image.height < 1500


@pytest.mark.parametrize("size", [2, 4, 9])
def test_any_name_of_a_class_is_drawn_as_it_is(size: int, tmp_path: Path) -> None:
    for start in range(0, len(HOSTILE), size):
        names = np.array((HOSTILE[start:] + HOSTILE)[:size])
        target, prediction = classes(size, 300)
        score = np.linspace(0, 1, 300)
        side = predicted(names[target], names[prediction], score)
        data = found(side, side, "accuracy")
        drawn = [name for draw in DRAW for name in all_of(draw(data, tmp_path))]
        assert drawn == (["confusion", "ranking", "calibration"] if size == 2 else ["confusion"])


def test_two_hundred_classes_with_names_of_300_characters(tmp_path: Path) -> None:
    names = np.array([f"{'x' * 150}{number:03}{'y' * 147}" for number in range(200)])
    target, prediction = classes(200, 3000)
    side, other = predicted(names[target], names[prediction]), predicted(names[target], names[target])
    assert all_of(draw_confusion(found(side, other, "accuracy"), tmp_path)) == ["confusion"]


def test_more_classes_than_a_matrix_could_hold(tmp_path: Path) -> None:
    target = np.arange(30_000)
    side = predicted(target, target[::-1].copy())
    assert all_of(draw_confusion(found(side, predicted(target, target), "accuracy"), tmp_path)) == ["confusion"]


# fast enough


def measured(draw: Draw, data: Result, folder: Path) -> tuple[float, float]:
    """Seconds of this process, so that other tests on the machine do not count, and the most megabytes at once."""
    draw(few([0, 1], [0, 1], [0.1, 0.9]), folder)  # imports
    tracemalloc.start()
    begin = time.process_time()
    assert len(draw(data, folder)) == 1
    seconds = time.process_time() - begin
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds, peak


def ten_million(draw: Draw) -> Result:
    """Both sides with ten million examples each."""
    random, size = np.random.default_rng(0), 10_000_000
    if draw is draw_confusion:
        target = random.integers(0, 10, size)
        before, after = (np.where(random.random(size) < 0.1, 9 - target, target) for _ in range(2))
        return found(predicted(target, before), predicted(target, after), "accuracy")
    one, other = random.random(size), random.random(size)
    if draw is draw_residuals:
        return found(predicted(one, other), predicted(one, one + 0.1 * other), "rmse")
    target = (random.random(size) < 0.3).astype(int)
    return found(predicted(target, None, one), predicted(target, None, other), "roc_auc")


@pytest.mark.parametrize("draw", DRAW)
def test_ten_million_rows_take_three_seconds(draw: Draw, tmp_path: Path) -> None:
    seconds, peak = measured(draw, ten_million(draw), tmp_path)
    assert seconds < 3.5
    assert peak < 500


@pytest.mark.parametrize("draw", DRAW)
def test_ten_thousand_rows_take_a_quarter_of_a_second(draw: Draw, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target, before = classes(12 if draw is draw_confusion else 2, 10_000)
    _, after = classes(12 if draw is draw_confusion else 2, 10_000, wrong=0.1)
    score = random.random(10_000)
    data = found(predicted(target, before, score), predicted(target, after, score**2), "accuracy", "mae")
    times = []
    for _ in range(4):
        begin = time.process_time()
        assert len(draw(data, tmp_path)) == 1
        times.append(time.process_time() - begin)
    # twice what it takes on a quiet machine
    assert min(times) < 0.4
