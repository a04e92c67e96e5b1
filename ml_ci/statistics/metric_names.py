"""What `metrics` of `predictions` names wrongly or leaves out, said before anything is trained."""

from __future__ import annotations

from difflib import get_close_matches

from ml_ci.config import Config, PredictionsSpec
from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError
from ml_ci.statistics.metrics import SHORT, known

USUAL = frozenset(
    {
        *SHORT,
        *SHORT.values(),
        *("accuracy", "average_precision", "balanced_accuracy", "f1", "f1_macro", "f1_micro", "f1_weighted"),
        *("precision", "precision_macro", "precision_weighted", "r2", "recall", "recall_macro", "recall_weighted"),
        *("cohen_kappa", "jaccard", "max_error", "median_absolute_error", "roc_auc"),
    }
)
"""Names that are known without asking: to import scikit-learn takes a second or two, and training would wait for it."""


def check_names(spec: PredictionsSpec | None) -> None:
    """Raises ConfigError, with the line where there is one, for the first of `metrics` that nothing can compute."""
    named = () if spec is None or spec.metrics is None else spec.metrics
    places = () if spec is None else spec.metric_places
    for index, name in enumerate(named):
        if name not in USUAL and not known(name):
            where = places[index] if index < len(places) else "predictions.metrics"
            raise ConfigError(
                f"{where}: scikit-learn has no metric {quoted(name)} for one column of predictions{_remedy(name)}"
            )


def left_out(config: Config) -> tuple[str, ...]:
    """A warning for each metric that the gate compares and predictions could give, if `metrics` did not leave it out.

    Only usual names are noticed, since for others scikit-learn would have to be asked.
    """
    spec = config.predictions
    if spec is None or spec.metrics is None:
        return ()
    return tuple(
        f'The gate compares {rule.metric}, which "metrics" under "predictions" leaves out, so that it rests on weaker '
        "evidence: add it there."
        for rule in config.gate
        if rule.max_regression is not None
        and rule.metric in USUAL
        and rule.metric not in (*spec.metrics, *spec.columns)
    )


def _remedy(name: str) -> str:
    import sklearn.metrics

    names = (*USUAL, *sklearn.metrics.get_scorer_names(), *sklearn.metrics.__all__)
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    near = next((found for found in get_close_matches(plain, sorted(set(names)), n=10) if known(found)), None)
    if near:
        return f"; did you mean {quoted(near)}?"
    return (
        '; a column with a number for each example belongs in "columns", and what training reports needs no name here.'
    )
