"""Which metrics there are, by name, and their value. They are scikit-learn's, and so are the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Literal

from ml_ci.predictions import Predictions
from ml_ci.statistics.columns import labels, numbers, refusal, scores

Needs = Literal["labels", "scores", "probabilities", "numbers"]
Function = Callable[..., object]

SHORT: Mapping[str, str] = {
    "acc": "accuracy_score",
    "auc": "roc_auc_score",
    "auroc": "roc_auc_score",
    "brier": "brier_score_loss",
    "brier_score": "brier_score_loss",
    "kappa": "cohen_kappa_score",
    "logloss": "log_loss",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "mse": "mean_squared_error",
    "msle": "mean_squared_log_error",
    "rmse": "root_mean_squared_error",
    "rmsle": "root_mean_squared_log_error",
}
"""Usual short forms; every other name is looked up in scikit-learn."""

SAYS_NOTHING = ("top_k_accuracy_score",)
"""Of two classes the best two are always right: it would be 1 for any model."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of scikit-learn's under the name that it was asked for by.

    `function` is the name of scikit-learn's function, `needs` what it compares the target with, `sign` is −1 for the
    scorers `neg_…`. `average` is how the classes are put together, empty where there is no choice.
    """

    name: str
    function: str
    needs: Needs
    sign: int = 1
    average: str = ""
    call: Function = field(repr=False, compare=False)

    @property
    def of_two_classes(self) -> bool:
        """Whether it is about one class, the positive one, of two."""
        return self.average == "binary" or self.needs in ("scores", "probabilities")


def known(name: str) -> bool:
    """Whether scikit-learn has a metric of this name that gives one number for one column of predictions.

    Names are those of its functions (`f1_score`, also without `_score`), of its scorers (`neg_log_loss`, with its sign;
    `f1_macro`), and the short forms of `SHORT`; case, and `-` or a space for `_`, make no difference.
    """
    return find(name) is not None


def value(name: str, predictions: Predictions) -> float:
    """The metric's value, by scikit-learn's function.

    Labels may be text, whole numbers or booleans. Of two classes the positive one is the larger in sorted order, as in
    scikit-learn's `classes_[1]`. Raises ConfigError, naming file, column and number of rows, for what cannot be computed.
    """
    metric = find(name)
    if metric is None:
        raise refusal(name, predictions, "scikit-learn has no metric of this name for one column of predictions")
    return value_of(metric, predictions)


def value_of(metric: Metric, predictions: Predictions) -> float:
    """The metric's value; errors as in `value`."""
    if metric.needs == "numbers":
        return evaluate(metric, predictions, *numbers(metric.name, predictions))
    if metric.needs == "labels":
        coded = labels(metric.name, (predictions,), of_two=metric.of_two_classes)
        return evaluate(metric, predictions, coded.target, coded.sides[0])
    probabilities = metric.needs == "probabilities"
    return evaluate(metric, predictions, *scores(metric.name, predictions, probabilities=probabilities))


def evaluate(metric: Metric, predictions: Predictions, target: object, other: object) -> float:
    """Scikit-learn's value for these arrays; its refusal becomes a ConfigError about these predictions."""
    import math
    import warnings

    with warnings.catch_warnings():
        # that a ratio of nothing is counted as 0 is scikit-learn's definition, and the same on both sides
        warnings.simplefilter("ignore")
        try:
            answer = metric.sign * float(metric.call(target, other))  # type: ignore[arg-type] # arrays of whatever kind the metric takes
        except ValueError as error:
            raise refusal(metric.name, predictions, f"scikit-learn says: {error}") from error
    if not math.isfinite(answer):
        raise refusal(metric.name, predictions, "it is not defined for them")
    return answer


@cache
def find(name: str) -> Metric | None:
    """The metric of this name, None where there is none."""
    import sklearn.metrics

    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in SHORT:
        return _usable(name, _function(sklearn.metrics, SHORT[plain]), 1, {})
    if plain in sklearn.metrics.get_scorer_names():
        function, sign, arguments = _scorer(plain)
        return _usable(name, function, sign, arguments)
    for candidate in (plain, f"{plain}_score"):
        if candidate in sklearn.metrics.__all__:
            return _usable(name, _function(sklearn.metrics, candidate), 1, {})
    return None


def _function(module: ModuleType, name: str) -> Function:
    found: Function = getattr(module, name)
    return found


def _scorer(name: str) -> tuple[Function, int, dict[str, object]]:
    """A scorer's function, sign and arguments; scikit-learn shows them in its text form only."""
    from sklearn.metrics import get_scorer

    inside = vars(get_scorer(name))
    return inside["_score_func"], inside["_sign"], dict(inside["_kwargs"])


def _usable(name: str, function: Function, sign: int, arguments: dict[str, object]) -> Metric | None:
    """The metric of a function, if that gives one number for one column of predictions."""
    from functools import partial
    from inspect import isfunction, signature

    module = getattr(function, "__module__", "").rpartition(".")[2]
    if (
        not isfunction(function)
        or function.__name__ in SAYS_NOTHING
        or module not in ("_classification", "_ranking", "_regression", "_scorer")
    ):
        return None
    parameters = signature(function).parameters
    if len(parameters) < 2 or not all(parameter.startswith(("y", "pred")) for parameter in list(parameters)[:2]):
        return None
    average = arguments.get("average", parameters["average"].default if "average" in parameters else "")
    if function.__name__ == "roc_auc_score":
        # with two classes every way to put them together gives the same
        arguments, average = {}, ""
    needs: Needs = "numbers" if module == "_regression" else _needs(function.__name__, list(parameters))
    metric = Metric(
        name=name,
        function=function.__name__,
        needs=needs,
        sign=sign,
        average=average if isinstance(average, str) and needs == "labels" else "",
        call=partial(function, **arguments),
    )
    return metric if _gives_a_number(metric) else None


def _needs(function: str, parameters: list[str]) -> Needs:
    """What a function of classes compares the target with: as its scorers say, else as its second argument is called."""
    of_probabilities, of_scores = _asked_of_a_classifier()
    if function in of_scores or function == "roc_auc_score":
        return "scores"
    if function in of_probabilities or parameters[1] in ("y_prob", "y_proba"):
        return "probabilities"
    return "scores" if parameters[1] in ("y_score", "pred_decision") else "labels"


@cache
def _asked_of_a_classifier() -> tuple[frozenset[str], frozenset[str]]:
    """The functions whose scorers ask for probabilities, and those that are content with decision values."""
    from sklearn.metrics import get_scorer, get_scorer_names

    probabilities, decisions = set(), set()
    for name in get_scorer_names():
        inside = vars(get_scorer(name))
        if inside["_response_method"] == "predict_proba":
            probabilities.add(inside["_score_func"].__name__)
        elif "decision_function" in inside["_response_method"]:
            decisions.add(inside["_score_func"].__name__)
    return frozenset(probabilities), frozenset(decisions)


def _gives_a_number(metric: Metric) -> bool:
    """Tried on six examples, since neither names nor signatures tell."""
    import warnings

    import numpy as np

    target = np.array([0, 1, 0, 1, 1, 0]) + (metric.needs == "numbers")
    other = np.array([0, 1, 1, 1, 0, 0]) + (metric.needs == "numbers")
    if metric.needs in ("scores", "probabilities"):
        other = np.array([0.2, 0.9, 0.6, 0.7, 0.4, 0.1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = metric.call(target, other)
        except (TypeError, ValueError):
            return False
    return isinstance(answer, (int, float, np.number))
