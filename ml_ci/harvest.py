"""What one training left: its run, plots, predictions, report. Only what this training wrote counts, or DVC vouches for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ml_ci.errors import TrainingError
from ml_ci.predictions import Predictions
from ml_ci.records import DataVersion, Environment, Image, KeptPredictions, Metric, Run
from ml_ci.scores import Scores, read_scores, scored
from ml_ci.secrets import MASK, Secrets
from ml_ci.shown import Fresh, read_shown
from ml_ci.side import Side, Training, data_of, dvc_plots, expand, watched
from ml_ci.sources import data, metric_files, pipeline
from ml_ci.sources.data import Dvc
from ml_ci.sources.dvc_plot_definitions import Definitions
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.outputs import metric_patterns
from ml_ci.sources.own_report import FoundReport
from ml_ci.sources.tracking import Left, Tracking
from ml_ci.sources.training import log_tail


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """A side's run, the contents of its images by SHA-256, and what the run is tagged with.

    `predictions` are there as they were read, and as the Parquet file that is kept (`parquet`); both are None where the
    run has none, and `without_predictions` says why, where the configuration asks for them. `report` is the repository's
    own Markdown.
    """

    run: Run
    images: Mapping[str, bytes]
    identity: Identity
    predictions: Predictions | None = None
    parquet: bytes | None = None
    without_predictions: str = ""
    report: FoundReport | None = None


def collect(
    side: Side, training: Training, tracking: Tracking, *, ask: bool, secrets: Secrets | None = None
) -> Finished:
    """Read what training left: MLflow's run, metrics files, parameters, predictions, and what is only shown.

    Of `secrets` nothing is in what this returns: it is kept, shown, and published.

    Without `ask` it is known that training logged nothing, and its run is not in MLflow before it is kept. Of repeated
    trainings only the first one's run is ever made in MLflow. Raises TrainingError if it left no metrics.
    """
    identity, since = training.identity, int(training.started.timestamp() * 1000)
    left = tracking.left_by(identity, since, side.config.gated) if ask else Left(run=None)
    known = dvc_plots(side)
    fresh, stale = _fresh(side, training.before, known)
    files = Fresh(files=fresh, plots=known)
    shown = read_shown(side, training, files, tracking.uri, left.run.run_id if left.run else None)
    from_files, file_warnings = _read_metrics(side, fresh)
    logged = dict(left.run.metrics) if left.run else {}
    secrets = secrets or Secrets()
    scores = read_scores(side, fresh, secrets)
    metrics, disagreements = scored(from_files | logged, scores.metrics)
    if not metrics:
        raise TrainingError(_nothing_left(side, stale, scores), log_tail(training.cost.log))
    run_id = left.run.run_id if left.run else None
    if run_id is None and ask and training.seed == 0:
        run_id = tracking.create(identity, since)
    images, importance = shown.images, shown.importance.found()
    versions = data_of(side.git, side.files)
    finished = Run(
        commit=side.commit,
        key=side.config.key,
        run_id=run_id,
        dirty=side.dirty,
        fingerprint=side.fingerprint,
        command=side.command,
        started=training.started.isoformat(timespec="seconds"),
        train_seconds=training.cost.seconds,
        peak_memory=training.cost.peak_memory,
        metrics=metrics,
        params=_read_params(side) | (dict(left.run.params) if left.run else {}),
        data=versions,
        environment=Environment(
            python=side.environment.python,
            platform=side.environment.platform,
            packages=dict(side.environment.packages),
        ),
        images=tuple(Image(path=path, sha256=sha256) for path, (sha256, _) in images.items()),
        test_set=scores.predictions.test_set if scores.predictions else _data_digest(versions),
        predictions=_kept(scores),
        importance=importance,
        plots=shown.plots,
        warnings=(
            *side.warnings,
            *left.warnings,
            *(f"{path} was not written by this training, so it does not count." for path in stale),
            *file_warnings,
            *_disagreements(from_files, logged),
            *scores.warnings,
            *disagreements,
            *shown.warnings,
        ),
    )
    return Finished(
        run=_without(secrets, finished),
        images=dict(images.values()),
        identity=identity,
        predictions=scores.predictions,
        parquet=scores.parquet,
        without_predictions=secrets.hide(scores.why_none),
        report=secrets.hidden(shown.report),
    )


def _without(secrets: Secrets, run: Run) -> Run:
    """The run without secrets, and warnings that say so: a metric of another name is none that a rule could mean."""
    clean = secrets.hidden(run)
    if clean is run:
        return run
    given = "a secret that this job was given (a token, key or password)"
    told = [f"What training left holds {given}, which is shown as {MASK}: let training not log its environment."]
    renamed = [new for old, new in zip(run.metrics, clean.metrics, strict=True) if new != old]
    if renamed:
        told.append(
            f"The names of metrics hold secrets, so here they are {', '.join(renamed[:5])}: a rule for one of them finds "
            "no such metric, which fails."
        )
    return replace(clean, warnings=(*clean.warnings, *told))


def _kept(scores: Scores) -> KeptPredictions | None:
    if scores.predictions is None or scores.parquet is None:
        return None
    return KeptPredictions(sha256=hashlib.sha256(scores.parquet).hexdigest(), rows=len(scores.predictions))


def _data_digest(versions: Sequence[DataVersion]) -> str:
    """The digest of all data under DVC, the test set among it; empty where there is none."""
    lines = sorted(f"{version.path}\0{version.hash}\n" for version in versions)
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def _fresh(
    side: Side, before: Mapping[Path, metric_files.Signature | None], known: Definitions
) -> tuple[set[Path], list[str]]:
    """The watched files that this training wrote, or that DVC vouches for; and the metrics files that it did not."""
    files = watched(side, known)
    fresh = {path for path in files if metric_files.written(before.get(path), metric_files.signature(path))}
    fresh |= _vouched(side, [path for path in files if path not in fresh])
    return fresh, [str(path.relative_to(side.git.top)) for path in _metric_files(side) if path not in fresh]


def _metric_files(side: Side) -> list[Path]:
    """The metrics files; a glob may name the predictions as well, which are none."""
    predictions = expand(side, [side.config.predictions.path]) if side.config.predictions else []
    found = expand(side, metric_patterns(side.config, side.directory))
    return [path for path in found if path not in predictions]


def _vouched(side: Side, paths: Sequence[Path]) -> set[Path]:
    """Of files that were not written, those that a stage made, where DVC says that no stage would have to run again for them."""
    root = data.find_dvc(side.directory, side.git.top)
    if root is None:
        return set()
    makers = {path: stage for path in paths if (stage := pipeline.maker(side.directory / "dvc.yaml", path))}
    current = Dvc(root, side.git.variables).up_to_date(makers.values(), side.directory)
    return {path for path, stage in makers.items() if stage in current}


def _read_metrics(side: Side, fresh: set[Path]) -> tuple[dict[str, Metric], list[str]]:
    metrics: dict[str, Metric] = {}
    warnings: list[str] = []
    for path in _metric_files(side):
        if path in fresh:
            found, said = metric_files.read_metrics(path, str(path.relative_to(side.git.top)))
            warnings += said
            warnings += [
                f"{name} is in {metrics[name].source} and in {metric.source}; the latter counts."
                for name, metric in found.items()
                if name in metrics and not _equal(metrics[name].value, metric.value)
            ]
            metrics |= found
    if side.config.metrics:
        present = expand(side, side.config.metrics)
        warnings += [] if present else [f"`metrics` names {', '.join(side.config.metrics)}, but there is no such file."]
    return metrics, warnings


def _disagreements(files: Mapping[str, Metric], logged: Mapping[str, Metric]) -> list[str]:
    return [
        f"{name} is {logged[name].value:.6g} in MLflow but {metric.value:.6g} in {metric.source}; MLflow's counts."
        for name, metric in files.items()
        if name in logged and not _equal(logged[name].value, metric.value)
    ]


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _read_params(side: Side) -> dict[str, str]:
    params: dict[str, str] = {}
    for path in metric_files.expand(side.directory, side.config.params):
        params |= metric_files.read_params(path, str(path.relative_to(side.git.top)))
    return params


def _nothing_left(side: Side, stale: Sequence[str], scores: Scores) -> str:
    text = (
        f"training (`{side.command}`) exited with 0 but left no metrics: log them to MLflow at MLFLOW_TRACKING_URI, "
        "or write a file that `metrics` names. A script that sets a tracking URI of its own logs elsewhere."
    )
    if stale:
        text += f" {', '.join(stale[:5])} is there, but this training did not write it."
    return " ".join([text, *([scores.why_none] if scores.why_none else scores.warnings)])
