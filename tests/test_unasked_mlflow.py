"""The embedded server is not asked where its store shows that nothing was logged, so that nobody waits for it."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ml_ci import context, job
from ml_ci.config_reader import load
from ml_ci.job import Tools
from ml_ci.result import Result
from ml_ci.sources.git import Git
from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.tracking import Tracking
from ml_ci.workshop import workshop
from tests.conftest import Silent, cache_folder
from tests.repository import LOGS_ACCURACY, WRITES_ACCURACY, Repository, clean_variables


@dataclass
class Brake:
    """Guards the server as the reaper does, and can hold it, so that a training is over first however busy the machine is."""

    reaper: Reaper
    server: int = 0

    def group(self, group: int) -> None:
        self.server = group
        self.reaper.group(group)

    def group_done(self, group: int) -> None:
        self.reaper.group_done(group)

    def hold(self) -> None:
        os.killpg(self.server, signal.SIGSTOP)

    def release(self) -> None:
        os.killpg(self.server, signal.SIGCONT)


@pytest.mark.parametrize(("train", "known_at_once"), [(WRITES_ACCURACY, False), (LOGS_ACCURACY, True)])
def test_a_run_that_only_files_tell_of_is_in_mlflow_once_the_report_is_out(
    tmp_path: Path, train: str, known_at_once: bool
) -> None:
    config = "environment: none\nbaseline: none\n"
    files = {"train.py": train, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": config, ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
    variables = clean_variables() | {"ML_CI_CACHE": str(cache_folder())}
    git = Git.discover(repository.path, variables)
    reported: list[Result] = []
    with workshop(git, git.top / ".ml-ci", variables, Silent()) as (shop, temporary):
        brake = Brake(shop.reaper)
        with MlflowServer(tmp_path / "mlflow", variables, brake) as server:

            def report_is_out(result: Result) -> None:
                reported.append(result)
                brake.release()

            if not known_at_once:
                brake.hold()
            tracking = Tracking(server.uri, variables, shared=False, state=server.state)
            tools = Tools(
                git=git.marked(shop.reaper.marker),
                shop=shop,
                tracking=nullcontext(tracking),
                stores=(),
                keep=None,
                temporary=temporary,
            )
            result = job.run(context.in_clone(git, "main"), load(None, git.top), tools, report_is_out)
            assert result.head is not None, result.failure
            logged = MlflowClient(server.uri).get_run(result.head.run_id or "")
    (report,) = reported
    assert report.head is not None
    assert (report.head.run_id is not None) == known_at_once
    assert report.head.metrics["accuracy"].value == 0.8
    assert (logged.data.metrics["accuracy"], logged.info.status) == (0.8, "FINISHED")
    assert logged.data.tags["ml_ci.commit"] == repository.git("rev-parse", "HEAD")


def test_reading_leaves_the_store_as_it_looks_and_logging_does_not(tmp_path: Path) -> None:
    with Reaper() as reaper, MlflowServer(tmp_path, clean_variables(), reaper) as server:
        client = MlflowClient(server.uri)
        client.search_experiments()
        empty = server.state()
        client.search_runs(["0"])
        assert server.state() == empty
        run = client.create_run("0")
        begun = server.state()
        assert begun != empty
        client.log_metric(run.info.run_id, "accuracy", 0.9)
        assert server.state() != begun
