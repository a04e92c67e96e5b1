"""Metrics that ml-ci computes by itself, from the predictions that a training wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from ml_ci.config import Config
from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.records import Metric
from ml_ci.secrets import Secrets
from ml_ci.side import Side, cached, expand

PACKAGES = ("numpy", "pyarrow.parquet", "scipy.stats", "sklearn.metrics")
"""What reading and judging predictions imports, and takes seconds for."""
CLOSE = 1e-6
"""Relative: what is left where training computed in single precision, or summed in another order."""
FEWEST_DIGITS = 3
"""Who writes a metric with fewer digits is told what ml-ci computed instead."""

_OF_BASE = "So examples are not compared, and the verdict rests on weaker evidence."
# true of a run that is only recorded, too
_OF_HEAD = "Compared with a base, a metric that is to be computed from it counts as missing, which fails."


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The predictions of one training, the Parquet file that is kept of them, and the metrics computed from them.

    Where there are none, `why_none` says why, if the configuration asks for them.
    """

    predictions: Predictions | None = None
    parquet: bytes | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    why_none: str = ""
    warnings: tuple[str, ...] = ()


def read_scores(side: Side, fresh: set[Path], secrets: Secrets) -> Scores:
    """Read the predictions, if the configuration names them and this training wrote them (they are among `fresh`).

    Slices that are called like one of the `secrets` are called otherwise.
    What is wrong with them is never an error here: the run then has no predictions, and a warning says what follows.
    """
    spec, consequence = side.config.predictions, _OF_HEAD if side.name == "head" else _OF_BASE
    if spec is None:
        return Scores()
    found = expand(side, [spec.path])
    if not found:
        return _without(f"`predictions` names {spec.path}, but training left no such file.", consequence)
    where = str(found[0].relative_to(side.git.top))
    if found[0] not in fresh:
        return _without(f"{where} was not written by this training, so its predictions do not count.", consequence)
    from ml_ci.sources.kept_predictions import to_parquet
    from ml_ci.sources.predictions import BrokenPredictionsError, read
    from ml_ci.sources.secret_predictions import without_secrets

    try:
        predictions = without_secrets(read(found[0], where, spec, (side.git.top, *cached(side))), secrets)
    except BrokenPredictionsError as error:
        return _without(str(error), consequence)
    metrics, warnings = compute(predictions, where, side.config)
    return Scores(predictions=predictions, parquet=to_parquet(predictions), metrics=metrics, warnings=warnings)


def compute(predictions: Predictions, source: str, config: Config) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """The metrics that the configuration asks for, and a warning for each that these predictions cannot give."""
    from ml_ci.statistics.metrics import value

    metrics: dict[str, Metric] = {}
    warnings: list[str] = []
    for name in asked_for(config):
        try:
            column = predictions.columns.get(name)
            number = value(name, predictions) if column is None else float(column.mean())
        except ConfigError as error:
            warnings.append(str(error))
        else:
            metrics[name] = Metric(value=number, source=source)
    return metrics, tuple(warnings)


def asked_for(config: Config) -> tuple[str, ...]:
    """The metrics that are computed from predictions: those that are named, else those with a rule; and the columns."""
    from ml_ci.statistics.metrics import known

    spec = config.predictions
    if spec is None:
        return ()
    ruled = [*config.gated, *(rule.metric for rule in config.slices)]
    named = [name for name in ruled if known(name)] if spec.metrics is None else spec.metrics
    return tuple(dict.fromkeys([*named, *spec.columns]))


def scored(reported: Mapping[str, Metric], computed: Mapping[str, Metric]) -> tuple[dict[str, Metric], list[str]]:
    """All metrics, and a warning for each that training reported with another value than its predictions give.

    The computed value counts, since it is what evidence rests on. A curve that was logged stays what it is.
    """
    metrics = dict(reported)
    warnings = []
    for name, metric in computed.items():
        other = reported.get(name)
        metrics[name] = replace(metric, history=other.history) if other else metric
        if other and not _agree(other.value, metric.value):
            place = "MLflow" if other.source == "mlflow" else other.source
            warnings.append(
                f"{name} is {other.value:.6g} in {place} but {metric.value:.6g} by {metric.source}; the latter counts."
            )
    return metrics, warnings


def _agree(reported: float, computed: float) -> bool:
    """Whether they are the same but for rounding: that of floats, or to the digits that were written."""
    if not math.isfinite(reported):
        return False
    digits = len(Decimal(repr(reported)).normalize().as_tuple().digits)
    rounded = float(f"{computed:.{max(digits, FEWEST_DIGITS)}g}")
    return math.isclose(reported, computed, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE) or rounded == reported


def _without(why: str, consequence: str) -> Scores:
    return Scores(why_none=why, warnings=(f"{why} {consequence}",))
