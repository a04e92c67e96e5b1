"""A verdict on a test set is counted on the data branch, in the same commit as the pictures of its comment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ml_ci.result import Result
from tests.action_job import Job
from tests.conftest import RunJob
from tests.predicting import CONFIG, PREDICTIONS, PREDICTS, predicting
from tests.test_action import job

__all__ = ["job"]

FILES = {"train.py": PREDICTS, ".ml-ci.yml": CONFIG + PREDICTIONS, "params.yaml": "count: 400\nwrong: 40\n"}
HEAD = {"params.yaml": "count: 400\nwrong: 41\n"}
COUNTS = "records/default/test-sets.json"


@pytest.mark.parametrize("plots", ["auto", "none"])
def test_it_is_one_commit_on_the_data_branch(job: Job, plots: str) -> None:
    job.github.git.commit_files("main", {**FILES, ".gitignore": "metrics.json\npredictions.csv\n"})
    done = job.on_pull_request(HEAD, plots=plots)
    assert done.code == 0, done.log
    (counted,) = json.loads(job.github.git.text("show", f"ml-ci-data:{COUNTS}"))["verdicts"].values()
    assert counted == 1
    assert len(job.github.git.log("ml-ci-data")) == 1
    files = job.github.git.tree("refs/heads/ml-ci-data", recursive=True)
    assert any(file.path.startswith("images/") for file in files) == (plots == "auto")


def test_where_nothing_can_be_written_it_is_not_counted_and_nothing_is_said_of_it(job: Job) -> None:
    job.github.git.commit_files("main", {**FILES, ".gitignore": "metrics.json\npredictions.csv\n"})
    job.github.withhold("contents")
    done = job.on_pull_request(HEAD)
    assert done.code == 0, done.log
    assert "test-sets" not in done.log


def test_a_head_that_predicts_exactly_as_base_does_is_not_counted(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 40, other: 1")
    same = run_job(repository)
    assert (same.head_origin, same.verdict, same.test_set) == ("trained", "pass", None)
    repository.commit({"params.yaml": "count: 400\nwrong: 41"})
    other = run_job(repository).test_set
    assert other
    assert other.verdicts == 1


def supported(result: Result) -> int | None:
    assert result.test_set, result.failure
    return result.test_set.supported


def test_a_test_set_supports_more_verdicts_where_more_may_be_lost(tmp_path: Path, run_job: RunJob) -> None:
    """400 examples are too few to be sure of 0.02 even once, and carry some verdicts on 0.5."""
    config = CONFIG + PREDICTIONS + "policy: {rules: head}\n"
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 80", config)
    assert supported(run_job(repository)) == 0
    repository.commit({".ml-ci.yml": config.replace("0.02", "0.5")})
    assert (supported(run_job(repository)) or 0) > 1
    repository.commit({".ml-ci.yml": config.replace("accuracy", "mcc")})
    assert supported(run_job(repository)) is None
