"""A run in MLflow beside a `Run` of ml-ci: read from it, and completed in it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ml_ci.records import Metric, Past, Run, read_record, write_record
from ml_ci.sources.mlflow_client import artifact, log_bytes
from ml_ci.sources.mlflow_curves import read_curves, unclamped
from ml_ci.sources.mlflow_variables import Identity

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as LoggedRun

RECORD = "ml-ci/record.json"
IMAGES = "ml-ci/images"
PREDICTIONS = "ml-ci/predictions.parquet"
TAG_LENGTH = 5000
"""The longest tag that every version of MLflow takes."""


def recorded_run(client: MlflowClient, found: LoggedRun) -> Run:
    """The record that was kept with the run; what MLflow alone knows of it where there is none."""
    text = artifact(client, found.info.run_id, RECORD)
    if text is None:
        return read_run(client, found)
    return replace(read_record(text, f"{RECORD} of the MLflow run {found.info.run_id}"), run_id=found.info.run_id)


def read_run(client: MlflowClient, found: LoggedRun, gated: Collection[str] = ()) -> Run:
    """What MLflow itself knows of a run: metrics, parameters, our tags; and curves, those of the metrics in `gated` first."""
    info, data = found.info, found.data
    curves, warnings = read_curves(client, found, gated)
    metrics = {
        name: Metric(value=unclamped(value), history=curves.get(name, ())) for name, value in data.metrics.items()
    }
    tags = data.tags
    return Run(
        commit=tags.get("ml_ci.commit") or tags.get("mlflow.source.git.commit") or "",
        key=tags.get("ml_ci.key", "default"),
        run_id=info.run_id,
        fingerprint=tags.get("ml_ci.fingerprint", ""),
        status=info.status,
        train_seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
        metrics=metrics,
        params=dict(data.params),
        warnings=warnings,
    )


def after(before: str, now: datetime) -> str:
    """When a run was recorded, as the tag's text: now, or just after `before`, which another machine's clock said.

    A machine whose clock is a day ahead would else have recorded the last run for a day.
    """
    try:
        return max(now, datetime.fromisoformat(before) + timedelta(milliseconds=1)).isoformat(timespec="microseconds")
    except (ValueError, TypeError, OverflowError):  # nobody's time
        return now.isoformat(timespec="microseconds")


def past_run(found: LoggedRun) -> Past:
    """A recorded run as a line of its branch's history, from what a search tells of it."""
    tags, info = found.data.tags, found.info
    logged = {name: unclamped(value) for name, value in found.data.metrics.items()}
    return Past(
        commit=tags.get("ml_ci.commit", ""),
        started=datetime.fromtimestamp(info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        test_set=tags.get("ml_ci.test_set", ""),
        metrics=logged | {name: float(value) for name, value in json.loads(tags.get("ml_ci.metrics", "{}")).items()},
    )


def complete_run(
    client: MlflowClient,
    run_id: str,
    run: Run,
    identity: Identity,
    images: Mapping[str, bytes],
    predictions: bytes | None,
    *,
    baseline: bool,
) -> None:
    """Add to a run in MLflow what it lacks of `run`, and end it. The tag `ml_ci.record` comes last: with it, it is whole.

    Without `baseline` it never gets that tag, so it is nobody's baseline.
    """
    from mlflow.entities import Metric as Point
    from mlflow.entities import Param

    present = client.get_run(run_id)
    points = [
        Point(_legal(name), metric.value, present.info.end_time or present.info.start_time, 0)
        for name, metric in run.metrics.items()
        if metric.source != "mlflow" and _legal(name) not in present.data.metrics
    ]
    # of two names that MLflow cannot tell apart the last one counts: it refuses a second value of a parameter
    named = {_legal(name): value[:6000] for name, value in run.params.items()}
    params = [Param(name, value) for name, value in named.items() if name not in present.data.params]
    for start in range(0, max(len(points), len(params)), 100):
        client.log_batch(run_id, metrics=points[start : start + 100], params=params[start : start + 100])
    known = present.data.metrics | {point.key: point.value for point in points}
    for name, value in {**identity.tags(), **_past_tags(run, known)}.items():
        if present.data.tags.get(name) != value:
            client.set_tag(run_id, name, value)
    for name, content in images.items():
        log_bytes(client, run_id, content, f"{IMAGES}/{name}.png")
    if predictions is not None:
        log_bytes(client, run_id, predictions, PREDICTIONS)
    client.log_text(run_id, write_record(run), RECORD)
    if present.info.status == "RUNNING":
        client.set_terminated(run_id, "FINISHED")
    if baseline:
        client.set_tag(run_id, "ml_ci.record", "exact" if identity.exact else "other")


def _past_tags(run: Run, known: Mapping[str, float]) -> dict[str, str]:
    """What `past_run` needs besides MLflow's own metrics: the test set, and the values that count where MLflow's do not.

    Those are of other names than MLflow takes, computed from predictions, or means over repeats. Where there are more
    of them than a tag holds, the test set is left out, and the run is evidence for nothing.
    """
    own = {name: metric.value for name, metric in run.metrics.items() if known.get(name) != metric.value}
    text = json.dumps(own)
    if not run.test_set or len(text) > TAG_LENGTH:
        return {}
    return {"ml_ci.test_set": run.test_set} | ({"ml_ci.metrics": text} if own else {})


def _legal(name: str) -> str:
    """A name that MLflow takes: of its characters, and no other path than it looks."""
    parts = re.sub(r"[^\w\-. :/]", "_", name)[:250].split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)
