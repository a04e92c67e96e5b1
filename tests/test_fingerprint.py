"""The fingerprint on real repositories: whatever training reads and has changed, head is trained again."""

from __future__ import annotations

from pathlib import Path

from ml_ci.result import Result
from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
READS_DATA = """
import json, pathlib
accuracy = float(pathlib.Path("data/accuracy.txt").read_text())
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": accuracy}))
"""
OUTPUTS = "metrics.json\n__pycache__/\n"


def under_dvc(path: Path, config: str) -> Repository:
    """Data under DVC that makes accuracy fall from 0.9 to 0.5."""
    repository = Repository.create(path, {"train.py": READS_DATA, ".ml-ci.yml": config, ".gitignore": OUTPUTS})
    repository.dvc("init", "--quiet")
    for accuracy in ("0.9", "0.5"):
        repository.write({"data/accuracy.txt": accuracy})
        repository.dvc("add", "--quiet", "data/accuracy.txt")
        repository.commit()
        if accuracy == "0.9":
            repository.branch("change")
    return repository


def assert_head_is_trained_and_fails(result: Result) -> None:
    """Nothing of base's was taken for head's."""
    assert (result.head_origin, result.verdict) == ("trained", "fail"), (result.failure, result.decision)


def test_data_under_dvc_counts_where_inputs_lists_the_code_only(tmp_path: Path, run_job: RunJob) -> None:
    assert_head_is_trained_and_fails(run_job(under_dvc(tmp_path / "repo", CONFIG + "inputs: ['*.py']\n")))


def test_data_that_inputs_takes_out_by_name_does_not_count(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(under_dvc(tmp_path / "repo", CONFIG + "inputs: ['*.py', '!data/*.dvc']\n"))
    assert result.head_origin == "same-inputs"


def test_parameters_count_where_inputs_lists_the_code_only(tmp_path: Path, run_job: RunJob) -> None:
    config = CONFIG + "inputs: [train.py]\n"
    files = {"train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": config, ".gitignore": OUTPUTS}
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.5\n"})
    assert_head_is_trained_and_fails(run_job(repository))


def test_a_changed_file_that_a_wide_glob_for_metrics_catches_is_no_output(tmp_path: Path, run_job: RunJob) -> None:
    """A laptop's uncommitted change of config.json, beside `metrics: ["*.json"]`."""
    files = {
        "train.py": READS_DATA.replace("data/accuracy.txt", "config.json"),
        "config.json": "0.9",
        ".ml-ci.yml": CONFIG + "metrics: ['*.json']\n",
        ".gitignore": OUTPUTS,
    }
    repository = Repository.create(tmp_path / "repo", files)
    repository.write({"config.json": "0.5"})
    result = run_job(repository)
    assert result.head is not None, result.failure
    assert result.head.dirty
    assert_head_is_trained_and_fails(result)


def test_that_a_script_is_no_longer_executable_counts(tmp_path: Path, run_job: RunJob) -> None:
    script = "#!/bin/sh\necho '{\"accuracy\": 0.9}' >metrics.json\n"
    files = {"train.sh": script, ".ml-ci.yml": CONFIG + "train: ./train.sh\n", ".gitignore": OUTPUTS}
    repository = Repository.create(tmp_path / "repo", files)
    (repository.path / "train.sh").chmod(0o755)
    repository.commit()
    (repository.path / "train.sh").chmod(0o644)
    assert run_job(repository).exit_code == 3
    repository.commit()
    assert run_job(repository).exit_code == 3
