"""The story on real git, real MLflow and small trainings: which side is trained, and what the verdict is."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import RunJob
from tests.repository import LOGS_ACCURACY, WRITES_ACCURACY, Repository

GATE = """
environment: none
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""


def change(path: Path, base: str, head: str, train: str = WRITES_ACCURACY, config: str = GATE) -> Repository:
    """A repository whose branch changes params.yaml from `base` to `head`."""
    files = {"train.py": train, "params.yaml": base, ".ml-ci.yml": config, ".gitignore": "metrics.json\n"}
    repository = Repository.create(path, files)
    repository.branch("change").commit({"params.yaml": head})
    return repository


def test_a_regression_beyond_the_tolerance_fails(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.85\n", LOGS_ACCURACY))
    assert (result.verdict, result.exit_code) == ("fail", 1), result.failure
    assert result.base.origin == result.head_origin == "trained"
    assert [(row.base, row.head) for row in result.comparison.metrics] == [(0.90, 0.85)] if result.comparison else False


def test_of_a_head_that_cannot_be_trained_it_is_said_that_base_was_not_trained_either(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.85\n")
    repository.commit({"train.py": "raise SystemExit(1)\n"})
    result = run_job(repository)
    assert result.exit_code == 3
    assert (result.base.origin, result.base.why) == ("none", "it would have been trained after head")


def test_one_within_the_tolerance_passes(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.89\n"))
    assert (result.verdict, result.exit_code) == ("pass", 0)


def test_the_second_run_finds_the_base_of_the_first(tmp_path: Path, run_job: RunJob) -> None:
    repository = change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.91\n")
    assert run_job(repository).base.origin == "trained"
    assert run_job(repository).base.origin == "found"


def test_a_change_of_what_training_does_not_read_trains_nothing(tmp_path: Path, run_job: RunJob) -> None:
    config = GATE + "inputs: ['*.py', params.yaml]\n"
    repository = change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.90\n", config=config)
    repository.commit({"README.md": "words\n"})
    result = run_job(repository)
    assert (result.head_origin, result.verdict) == ("same-inputs", "pass")


def test_nothing_of_the_user_is_touched(tmp_path: Path, run_job: RunJob) -> None:
    repository = change(tmp_path / "repo", "accuracy: 0.90\n", "accuracy: 0.91\n")
    index = (repository.path / ".git" / "index").read_bytes()
    run_job(repository)
    assert repository.status() == ""
    assert repository.git("worktree", "list").count("\n") == 0
    assert (repository.path / ".git" / "index").read_bytes() == index


def test_what_training_wrote_is_no_change_of_the_working_tree(tmp_path: Path, run_job: RunJob) -> None:
    files = {"train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": GATE}
    repository = Repository.create(tmp_path / "repo", files)
    repository.commit({"params.yaml": "accuracy: 0.5\n"})
    first = run_job(repository)
    assert repository.status() == "?? metrics.json"
    second = run_job(repository)
    assert first.verdict == second.verdict == "fail"
    assert first.base.commit == second.base.commit
    assert second.code == first.code


def test_a_tracked_file_that_only_looks_like_metrics_is_still_data(tmp_path: Path, run_job: RunJob) -> None:
    """Nobody declared metrics.csv, so a change of it is a change of what training may read."""
    config = GATE + "inputs: ['*.csv', '*.py', params.yaml]\n"
    files = {
        "train.py": WRITES_ACCURACY,
        "params.yaml": "accuracy: 0.9\n",
        ".ml-ci.yml": config,
        "metrics.csv": "a\n1\n",
    }
    repository = Repository.create(tmp_path / "repo", files | {".gitignore": "metrics.json\n"})
    repository.write({"metrics.csv": "a\n2\n"})
    result = run_job(repository)
    assert result.head_origin == "trained"
    assert [change.name for change in result.code] == ["metrics.csv"]


def test_inputs_are_relative_to_the_working_directory(tmp_path: Path, run_job: RunJob) -> None:
    config = "working-directory: churn\ninputs: ['src/**', '*.py']\n" + GATE
    files = {"churn/train.py": WRITES_ACCURACY, "churn/params.yaml": "accuracy: 0.9\n", "churn/src/a.txt": "1"}
    ignored = {".ml-ci.yml": config, ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files | ignored)
    repository.branch("change").commit({"src/a.txt": "not this model's"})
    assert run_job(repository).head_origin == "same-inputs"
    repository.commit({"churn/src/a.txt": "2"})
    assert run_job(repository).head_origin == "trained"


def test_a_repository_that_does_not_say_how_it_is_trained_is_a_wrong_configuration(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = Repository.create(tmp_path / "repo", {"fit.py": "", ".ml-ci.yml": GATE})
    repository.branch("change").commit({"fit.py": "1"})
    result = run_job(repository)
    assert result.exit_code == 2
    assert result.failure
    assert "`train`" in result.failure.message


MANY_CURVES = """
import mlflow
with mlflow.start_run():
    for step in range(3):
        mlflow.log_metrics({f"m{number:02}": float(step) for number in range(60)} | {"zz": 0.5 + step / 10}, step=step)
"""


def test_of_more_curves_than_are_kept_those_with_a_rule_are_kept_first(tmp_path: Path, run_job: RunJob) -> None:
    config = "environment: none\nbaseline: none\ngate:\n  zz: {direction: higher, min: 0.1}\n"
    repository = Repository.create(tmp_path / "repo", {"train.py": MANY_CURVES, ".ml-ci.yml": config})

    head = run_job(repository).head

    assert head
    assert head.metrics["zz"].history == ((0, 0.5), (1, 0.6), (2, 0.7))
    assert sum(len(metric.history) > 1 for metric in head.metrics.values()) == 50
