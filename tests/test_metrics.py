"""Metrics by name: scikit-learn's own values, and a sentence for what cannot be computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import get_scorer_names

from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.statistics.metrics import known, value
from ml_ci.statistics.paired import paired
from tests.examples import classified, regressed

TWO, OTHER = classified(400, 1)
THREE, OTHER_THREE = classified(400, 2, classes=3)
NUMBERS, OTHER_NUMBERS = regressed(300, 3)

OF_LABELS: dict[str, Callable[..., float]] = {
    name: getattr(sklearn_metrics, name)
    for name in ("accuracy_score", "zero_one_loss", "hamming_loss", "balanced_accuracy_score", "matthews_corrcoef")
} | {"cohen_kappa": sklearn_metrics.cohen_kappa_score}
RATIOS = ("f1", "precision", "recall", "jaccard")
OF_SCORES = ("roc_auc", "log_loss", "brier_score_loss", "average_precision", "d2_log_loss_score", "d2_brier_score")
OF_NUMBERS = (
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_percentage_error",
    "mean_squared_log_error",
    "root_mean_squared_log_error",
    "median_absolute_error",
    "mean_poisson_deviance",
    "mean_pinball_loss",
    "max_error",
    "explained_variance",
    "r2",
)


def scikit_learns(name: str) -> Callable[..., float]:
    found: Callable[..., float] = getattr(sklearn_metrics, name, None) or getattr(sklearn_metrics, f"{name}_score")
    return found


def test_all_of_scikit_learns_scorers_are_known_but_those_of_clusters_and_of_many_labels() -> None:
    clusters = {
        *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score"),
        *("homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score"),
    }

    assert {name for name in get_scorer_names() if not known(name)} == clusters | {
        name for name in get_scorer_names() if name.endswith("_samples") or name == "top_k_accuracy"
    }


@pytest.mark.parametrize(
    "name",
    [
        "confusion_matrix",
        "roc_curve",
        "ndcg",
        "ndcg_score",
        "top_k_accuracy",
        "top_k_accuracy_score",
        "get_scorer",
        "fbeta_score",
        "classification_report",
        "gain",
        "",
    ],
)
def test_what_gives_no_number_for_one_column_is_not_known(name: str) -> None:
    assert not known(name)


@pytest.mark.parametrize(
    ("short", "name"),
    [
        *(
            ("auc", "roc_auc_score"),
            ("AUC", "roc_auc_score"),
            ("rmse", "root_mean_squared_error"),
            ("acc", "accuracy_score"),
        ),
        *(("logloss", "log_loss"), ("log-loss", "log_loss"), ("brier", "brier_score_loss"), ("f1", "f1_score")),
        *(("mse", "mean_squared_error"), ("mae", "mean_absolute_error"), ("mape", "mean_absolute_percentage_error")),
        *(("roc_auc_ovr", "roc_auc_score"), ("mcc", "matthews_corrcoef"), ("kappa", "cohen_kappa_score")),
    ],
)
def test_a_short_form_is_the_metric(short: str, name: str) -> None:
    predictions = NUMBERS if "error" in name else TWO

    assert value(short, predictions) == value(name, predictions)


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("side", [TWO, THREE])
def test_a_metric_of_labels_is_scikit_learns(name: str, side: Predictions) -> None:
    assert value(name, side) == pytest.approx(OF_LABELS[name](side.target, side.prediction), abs=1e-12)


@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_an_averaged_metric_is_scikit_learns(name: str, average: str) -> None:
    expected = scikit_learns(f"{name}_score")(THREE.target, THREE.prediction, average=average)

    assert value(f"{name}_{average}", THREE) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", OF_SCORES)
def test_a_metric_of_scores_is_scikit_learns(name: str) -> None:
    assert value(name, TWO) == pytest.approx(scikit_learns(name)(TWO.target, TWO.score), abs=1e-12)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_metric_of_numbers_is_scikit_learns(name: str) -> None:
    assert value(name, NUMBERS) == pytest.approx(scikit_learns(name)(NUMBERS.target, NUMBERS.prediction), abs=1e-12)


def test_a_scorer_keeps_its_sign() -> None:
    assert value("neg_log_loss", TWO) == -sklearn_metrics.log_loss(TWO.target, TWO.score)
    assert paired("neg_log_loss", TWO, OTHER).delta == -paired("log_loss", TWO, OTHER).delta


@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [3, 7], [0.0, 1.0], ["ham", "spam"]])
def test_the_positive_class_is_the_larger_label(name: str, labels: list[str | bool | int | float]) -> None:
    named = np.array(labels)
    side = replace(TWO, target=named[TWO.target], prediction=named[TWO.prediction])
    expected = scikit_learns(f"{name}_score")(side.target, side.prediction, pos_label=labels[1])

    assert value(name, side) == pytest.approx(expected, abs=1e-12)


PAIRS = {
    **dict.fromkeys((*OF_LABELS, *RATIOS, *OF_SCORES), (TWO, OTHER)),
    **{f"{name}_{average}": (THREE, OTHER_THREE) for name in RATIOS for average in ("macro", "micro", "weighted")},
    **dict.fromkeys(OF_NUMBERS, (NUMBERS, OTHER_NUMBERS)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_values_of_a_difference_are_scikit_learns_too(name: str) -> None:
    base, head = PAIRS[name]
    difference = paired(name, base, head)

    assert difference.base == pytest.approx(value(name, base), abs=1e-12)
    assert difference.head == pytest.approx(value(name, head), abs=1e-12)


ONE_CLASS = replace(TWO, target=np.ones(len(TWO), dtype=np.int64))


@pytest.mark.parametrize(
    ("name", "side", "words"),
    [
        ("accuracy", replace(TWO, prediction=None), 'no column "prediction"'),
        ("auc", replace(TWO, score=None), 'no column "score"'),
        ("rmse", replace(NUMBERS, target=None), 'no column "target"'),
        ("auc", ONE_CLASS, 'the column "target" has one class only, "1"'),
        ("f1", ONE_CLASS, "one class only"),
        ("log_loss", ONE_CLASS, "one class only"),
        ("auc", THREE, 'has 3 classes, and one column "score" is enough for two only'),
        ("log_loss", THREE, "has 3 classes"),
        ("f1", THREE, "f1_macro"),
        ("log_loss", replace(TWO, score=np.linspace(0.0, 2.0, len(TWO))), "outside of [0, 1]"),
        ("brier", replace(TWO, score=np.full(len(TWO), -0.25)), "400 values outside of [0, 1], such as -0.25"),
        ("rmse", replace(TWO, target=np.where(TWO.target == 1, "yes", "no")), '"target" is text'),
        ("accuracy", replace(TWO, target=np.where(TWO.target == 1, "1", "0")), '"target" is text and'),
        ("accuracy", replace(TWO, prediction=np.asarray(TWO.target) + 5), 'labels that "target" has not, such as "5"'),
        ("f1", replace(TWO, prediction=OTHER_THREE.prediction), 'labels that "target" has not, such as "2"'),
        ("accuracy", replace(TWO, prediction=TWO.score), "it needs classes"),
        ("accuracy", NUMBERS, "it needs classes"),
        (
            "msle",
            replace(NUMBERS, prediction=np.asarray(NUMBERS.prediction, dtype=np.float64) - 100),
            "scikit-learn says",
        ),
        ("ndcg", TWO, "scikit-learn has no metric of this name"),
    ],
)
def test_what_cannot_be_computed_is_a_sentence_with_file_and_rows(name: str, side: Predictions, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        value(name, side)

    sentence = str(caught.value)
    assert words in sentence
    assert sentence.startswith(f"{side.source}: {name} cannot be computed from its {len(side):,} rows: ")
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((1.5, 0.5), 'from its 2 rows: the column "score" has 1 value outside of [0, 1], such as 1.5'),
        ((0.5,), 'from its 1 row: the column "target" has one class only, "0"'),
    ],
)
def test_what_there_is_one_of_is_told_as_one(scores: tuple[float, ...], words: str) -> None:
    few = np.arange(len(scores))
    with pytest.raises(ConfigError, match=re.escape(words)):
        value("log_loss", Predictions(source="p.csv", test_set="", id=few, target=few, score=np.array(scores)))


def test_no_rows_are_a_sentence() -> None:
    empty = np.array([], dtype=np.int64)
    nothing = Predictions(
        source="empty.csv", test_set="", id=empty, target=empty, prediction=empty, score=empty.astype(np.float64)
    )

    for name in ("accuracy", "auc", "rmse", "f1_macro"):
        with pytest.raises(ConfigError, match=r"empty.csv: .* 0 rows: there is not one example\."):
            value(name, nothing)


def test_a_label_that_only_head_predicts_is_one_more_class_as_in_scikit_learn() -> None:
    side = replace(TWO, prediction=OTHER_THREE.prediction)
    expected = sklearn_metrics.f1_score(side.target, side.prediction, average="macro")

    assert value("f1_macro", side) == pytest.approx(expected, abs=1e-12)
    assert paired("f1_macro", TWO, side).head == pytest.approx(expected, abs=1e-12)
