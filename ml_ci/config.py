"""`.ml-ci.yml`: what it may say. `ml_ci.config_reader` reads it; `docs/configuration.md` explains each key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

Direction = Literal["higher", "lower"]
Permission = Literal["pass", "fail"]
BaselinePolicy = Literal["auto", "found", "train", "none"]
RulesOf = Literal["base", "head"]
SchemaRule = Literal["frozen", "additive"]

DIRECTIONS: tuple[Direction, ...] = ("higher", "lower")
PERMISSIONS: tuple[Permission, ...] = ("pass", "fail")
RULES_OF: tuple[RulesOf, ...] = ("base", "head")
SCHEMA_RULES: tuple[SchemaRule, ...] = ("frozen", "additive")
BASELINES: tuple[BaselinePolicy, ...] = ("auto", "found", "train", "none")
USUAL_PLOTS = tuple(f"plots/*.{ending}" for ending in ("png", "jpg", "jpeg", "svg"))
"""Where training's images are looked for when the configuration does not say."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How much worse head may be: `value` in the metric's unit, or as a fraction of |base| where `relative` (2% is 0.02)."""

    value: float
    relative: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the gate: a metric, the direction in which it is better, and what it must not do."""

    metric: str
    direction: Direction
    min: float | None = None
    max: float | None = None
    max_regression: Tolerance | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the verdict is where the evidence does not decide. `confidence` is that of every interval, in (0, 1).

    `rules` says whose rules a pull request is judged by: those of its base, or, where base itself allows that, its own.
    """

    confidence: float = 0.95
    inconclusive: Permission = "pass"
    no_baseline: Permission = "pass"
    rules: RulesOf = "base"


@dataclass(frozen=True, kw_only=True)
class PredictionsSpec:
    """`predictions`: the file with one row per evaluated example, and what its columns are.

    `id`, `target`, `prediction` and `score` have usual names; one that the file does not have is just not there, unless
    the configuration names it itself (`named`). `metrics` are computed by scikit-learn; None means those with a rule
    that scikit-learn knows. `columns` are per-example values that are averaged. `slices` are columns whose values part
    the examples, `group` says which rows are not independent. `features` are what a model is given to predict a row.
    `metric_places` says in which line (`FILE:LINE`) each of
    `metrics` stands, for messages; it is no part of what the configuration says.
    """

    path: str
    id: str = "id"
    target: str = "y_true"
    prediction: str = "y_pred"
    score: str = "y_score"
    group: str | None = None
    slices: tuple[str, ...] = ()
    metrics: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    metric_places: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, kw_only=True)
class SliceRule:
    """One line of `slices`: what a metric must not do in any slice of at least `min_size` examples.

    Without `max_regression` the slices are shown and not judged.
    """

    metric: str
    direction: Direction
    max_regression: Tolerance | None = None
    min_size: int = 50


@dataclass(frozen=True, kw_only=True)
class DataGate:
    """`data` of the gate: what tables of data must not do. None where a limit is not set.

    `schema`: `frozen` allows no other columns or types, `additive` allows more columns. `max_missing` is the largest share
    of missing values that a column may have, `max_drift` the largest effect (Kolmogorov-Smirnov's D, Cramér's V) by which
    added rows may differ from base's; both in [0, 1].
    """

    schema: SchemaRule | None = None
    max_missing: float | None = None
    max_drift: float | None = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """Where training runs. `auto`: built from the repository's lock or requirements; `none`: the caller's own;
    `requirements`: built from that file; `command`: a shell command that makes it and leaves it in `.venv`.
    """

    kind: Literal["auto", "none", "requirements", "command"] = "auto"
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """`.ml-ci.yml`, validated. Paths are relative to `working_directory`, which is relative to the repository's top.

    `train` is None where the file does not say: then `dvc repro` or `python train.py`. `timeout` is in seconds.
    `metrics` is None where the file does not say: then the usual names and those that dvc.yaml declares.
    `pull` is True, False, or the DVC targets to pull; None means: if the repository uses DVC. `data_key` are the columns
    that identify a row of a table. `evaluate` is the command that scores the model at ML_CI_MODEL_URI on this data.
    `attribute` splits a difference into what code, data, parameters and environment did to it, by at most
    `max_trainings` further trainings.
    `pass_env` are the environment variables that training sees besides those that it always does (`*` stands for any
    letters); None means all but those that it never sees. `source` is the file that it was read from, None where there was none. `models` are whole configurations, one for each
    model, with a key each; where there are any, only `key` of this one counts. `name` is what `models` calls this one;
    empty where the file is about one model.
    """

    source: Path | None = None
    train: str | None = None
    working_directory: str = "."
    environment: EnvironmentSpec = field(default_factory=EnvironmentSpec)
    timeout: float = 7200.0
    pull: bool | tuple[str, ...] | None = None
    data_key: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("**",)
    metrics: tuple[str, ...] | None = None
    params: tuple[str, ...] = ("params.yaml",)
    plots: tuple[str, ...] = USUAL_PLOTS
    report: str | None = None
    predictions: PredictionsSpec | None = None
    repeats: int = 1
    evaluate: str | None = None
    attribute: bool = False
    max_trainings: int = 16
    gate: tuple[Rule, ...] = ()
    data_gate: DataGate | None = None
    slices: tuple[SliceRule, ...] = ()
    policy: Policy = field(default_factory=Policy)
    baseline: BaselinePolicy = "auto"
    pass_env: tuple[str, ...] | None = None
    key: str = "default"
    models: tuple[Config, ...] = ()
    name: str = ""
    overridden: frozenset[str] = frozenset()
    """Keys whose value was given outside of the file, by the action's inputs: it holds for base as well."""
    unused: Mapping[str, int] = field(default_factory=dict)
    """Keys of the contract that this version reads but does not act on yet, with their line: each is a warning."""

    @property
    def gated(self) -> tuple[str, ...]:
        """The metrics that have a rule, in the file's order."""
        return tuple(rule.metric for rule in self.gate)


def training_digest(config: Config) -> str:
    """SHA-256 of what the file says about training, as hexadecimal digits.

    A change of the gate, the policy, the baseline, the time limit or the key is no change of training. It is taken of
    JSON with sorted keys, so it is the same under every version of Python.
    """
    said = {
        "train": config.train,
        "working-directory": config.working_directory,
        "environment": [config.environment.kind, config.environment.value],
        "data": config.pull,
        "metrics": config.metrics,
        "params": config.params,
        # the default as it was when the first records were made: to look for more is no change of training
        "plots": ("plots/*.png",) if config.plots == USUAL_PLOTS else config.plots,
        "predictions": _kept(config.predictions) if config.predictions else None,
        "repeats": config.repeats,
    }
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _kept(spec: PredictionsSpec) -> list[object]:
    """What of `predictions` decides what is kept with a run; which metrics are computed from it does not."""
    return [spec.path, spec.id, spec.target, spec.prediction, spec.score, spec.group, spec.slices, spec.columns]


def unused_warnings(config: Config) -> tuple[str, ...]:
    """A sentence for each key that the file holds and this version does not act on."""
    name = config.source.name if config.source else "The configuration"
    return tuple(
        f'{name}, line {line}: "{key}" is read but has no effect in this version of ml-ci.'
        for key, line in config.unused.items()
    )
