"""A clock is off by a day, ours, the server's or the file system's: what counts does not go by what time it is.

The times are given as a clock that is off would have given them.
"""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ml_ci.records import Metric, Run
from ml_ci.sources.mlflow_runs import after
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.tracking import Tracking
from tests.conftest import RunJob
from tests.repository import Repository

DAY = 86_400
COMMIT = "1f0e2d3c4b5a69788796a5b4c3d2e1f001234567"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

WRITES = """
import json, os, pathlib, time
text = pathlib.Path("params.yaml").read_text()
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": float(text.split()[1])}))
moment = time.time() + int(os.environ["OFF"])
os.utime("metrics.json", (moment, moment))
"""
CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"


def identity(attempt: str = "") -> Identity:
    unique = uuid.uuid4().hex
    return Identity(key=f"k{unique}", commit=COMMIT, attempt=attempt or unique, fingerprint=f"f{unique}", exact=True)


def logged(server: str, who: Identity, off: int) -> str:
    """A finished run of a training whose clock is off by so many seconds."""
    client, begin = MlflowClient(server), int((time.time() + off) * 1000)
    run_id = str(client.create_run("0", start_time=begin, tags=who.tags()).info.run_id)
    client.log_metric(run_id, "accuracy", 0.9, timestamp=begin)
    client.set_terminated(run_id, "FINISHED", end_time=begin + 1000)
    return run_id


@pytest.mark.parametrize("off", [-DAY, DAY])
@pytest.mark.parametrize("shared", [True, False])
def test_a_training_on_a_machine_whose_clock_is_off_is_found_by_its_tags(
    off: int, shared: bool, mlflow_server: str
) -> None:
    who = identity()
    run_id = logged(mlflow_server, who, off)

    left = Tracking(mlflow_server, {}, shared=shared).left_by(who, int(time.time() * 1000))

    assert left.run is not None
    assert (left.run.run_id, left.run.metrics["accuracy"].value) == (run_id, 0.9)


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_run_of_a_machine_whose_clock_is_off_is_a_baseline_like_any_other(off: int, mlflow_server: str) -> None:
    who, tracking = identity(), Tracking(mlflow_server, {}, shared=True)
    run_id = logged(mlflow_server, who, off)
    run = Run(commit=COMMIT, key=who.key, run_id=run_id, fingerprint=who.fingerprint, metrics={"a": Metric(value=1.0)})

    tracking.complete(run, who, {})

    assert tracking.by_commit(who.key, COMMIT) == run
    assert tracking.by_fingerprint(who.key, who.fingerprint) == run


def test_the_last_record_is_the_last_also_after_one_by_a_clock_that_was_ahead(mlflow_server: str) -> None:
    who, tracking = identity(), Tracking(mlflow_server, {}, shared=True)
    runs = []
    for number in range(3):
        run_id = logged(mlflow_server, who, 0)
        run = Run(commit=f"{number}" * 40, key=who.key, run_id=run_id, metrics={"a": Metric(value=number)})
        tracking.complete(run, who, {})
        runs.append(run)
    tracking.recorded(runs[0])
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    MlflowClient(mlflow_server).set_tag(runs[0].run_id or "", "ml_ci.recorded", tomorrow)

    tracking.recorded(runs[1])
    assert tracking.latest(who.key) == runs[1]

    tracking.recorded(runs[2])
    assert tracking.latest(who.key) == runs[2]
    assert len(tracking.history(who.key, 10)) == 3


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("", "2026-03-01T12:00:00.000000+00:00"),
        ("2026-02-28T12:00:00+00:00", "2026-03-01T12:00:00.000000+00:00"),
        ("2026-03-02T12:00:00.000000+00:00", "2026-03-02T12:00:00.001000+00:00"),
        ("9999-12-31T23:59:59.999999+00:00", "2026-03-01T12:00:00.000000+00:00"),
        ("2026-03-02", "2026-03-01T12:00:00.000000+00:00"),
        ("yesterday", "2026-03-01T12:00:00.000000+00:00"),
    ],
)
def test_when_a_run_was_recorded_is_after_the_one_before_it(before: str, told: str) -> None:
    assert after(before, NOW) == told


@pytest.mark.parametrize("off", [-DAY, DAY, -20_000 * DAY])
def test_metrics_count_where_this_training_wrote_them_whatever_time_their_file_tells(
    off: int, tmp_path: Path, run_job: RunJob
) -> None:
    files = {"train.py": WRITES, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.95\n"})

    result = run_job(repository, variables={"OFF": str(off)})

    assert result.verdict == "pass", result.failure
    assert result.head is not None
    assert result.head.metrics["accuracy"].value == 0.95


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_file_that_was_left_over_counts_for_nothing_though_it_is_of_tomorrow(
    off: int, tmp_path: Path, run_job: RunJob
) -> None:
    files = {"train.py": "", ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files)
    repository.write({"metrics.json": '{"accuracy": 0.99}'})
    moment = time.time() + off
    os.utime(repository.path / "metrics.json", (moment, moment))

    result = run_job(repository)

    assert result.failure is not None
    assert result.failure.exit_code == 3
    assert "metrics.json is there, but this training did not write it" in result.failure.message
