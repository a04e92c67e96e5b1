"""`ml-ci record`, and the run that finds what it kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import ml_ci, own_key, strict
from tests.repository import WRITES_ACCURACY, Repository

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
COUNTS = WRITES_ACCURACY + "with open('../trained', 'a') as log:\n    log.write('.')\n"
"""Each training, wherever it runs for the head, leaves a dot beside the repository."""


class Trained:
    """A repository on `main` with accuracy 0.90, and how often its head was trained."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository.create(
            folder / "repo",
            {
                "train.py": COUNTS,
                "params.yaml": "accuracy: 0.90\n",
                ".ml-ci.yml": own_key(folder) + CONFIG + "inputs: ['*.py', params.yaml]\n",
                ".gitignore": "metrics.json\n",
            },
        )

    @property
    def times(self) -> int:
        trained = self.repository.path.parent / "trained"
        return len(trained.read_text()) if trained.exists() else 0

    def side(self, text: str, name: str) -> dict[str, object]:
        """One side of a result."""
        found = strict(text)[name]
        assert isinstance(found, dict)
        return found


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    return Trained(tmp_path)


def test_a_recorded_base_is_found_and_not_trained(trained: Trained, mlflow_server: str) -> None:
    repository = trained.repository
    recorded = ml_ci("record", folder=repository.path, mlflow=mlflow_server)
    assert recorded.returncode == 0, recorded.stderr
    assert recorded.stdout == f"Recorded the run of {repository.git('rev-parse', '--short=12', 'HEAD')}: 1 metrics.\n"
    assert repository.status() == ""
    repository.branch("change").commit({"params.yaml": "accuracy: 0.5\n"})
    answer = ml_ci("run", "--json", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 1, answer.stderr
    assert (trained.side(answer.stdout, "base")["origin"], trained.side(answer.stdout, "head")["origin"]) == (
        "found",
        "trained",
    )
    assert not (repository.path / ".ml-ci" / "train-base.log").exists()
    assert trained.times == 2


def test_without_an_mlflow_of_the_users_records_are_files_that_do_the_same(trained: Trained) -> None:
    repository = trained.repository
    assert ml_ci("record", "--quiet", folder=repository.path).returncode == 0
    sha = repository.git("rev-parse", "HEAD")
    records = list((repository.path / ".ml-ci" / "records").rglob(f"{sha}.json"))
    assert [json.loads(path.read_text())["metrics"]["accuracy"]["value"] for path in records] == [0.9]
    (history,) = (repository.path / ".ml-ci" / "records").rglob("history.json")
    assert [line["commit"] for line in json.loads(history.read_text())] == [sha]
    again = ml_ci("record", "--quiet", folder=repository.path)
    assert again.returncode == 0, again.stderr
    assert trained.times == 1
    repository.branch("change").commit({"params.yaml": "accuracy: 0.91\n"})
    answer = ml_ci("run", "--json", "--quiet", folder=repository.path)
    assert answer.returncode == 0, answer.stderr
    assert trained.side(answer.stdout, "base")["origin"] == "found"
    assert trained.times == 2


@pytest.mark.parametrize("change", [{"params.yaml": "accuracy: 0.99\n"}, {"new.py": ""}])
def test_a_working_tree_with_changes_is_refused_before_anything_is_trained(
    trained: Trained, mlflow_server: str, change: dict[str, str]
) -> None:
    trained.repository.write(change)
    answer = ml_ci("record", folder=trained.repository.path, mlflow=mlflow_server)
    assert answer.returncode == 4
    assert "commit or stash" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert trained.times == 0


def test_recording_twice_trains_once(trained: Trained, mlflow_server: str) -> None:
    for _ in range(2):
        answer = ml_ci("record", "--quiet", folder=trained.repository.path, mlflow=mlflow_server)
        assert answer.returncode == 0, answer.stderr
    assert trained.times == 1


def test_a_commit_with_the_same_inputs_as_a_recorded_one_needs_no_training(
    trained: Trained, mlflow_server: str
) -> None:
    repository = trained.repository
    assert ml_ci("record", folder=repository.path, mlflow=mlflow_server).returncode == 0
    recorded = repository.git("rev-parse", "HEAD")
    base = repository.commit({"README.md": "words"})
    repository.branch("change").commit({"params.yaml": "accuracy: 0.5\n"})
    answer = ml_ci("run", "--json", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 1, answer.stderr
    side = trained.side(answer.stdout, "base")
    assert (side["origin"], side["commit"]) == ("same-inputs", base)
    assert trained.times == 2
    report = (repository.path / ".ml-ci" / "report.md").read_text()
    assert recorded[:7] in report


def test_recording_a_commit_with_equal_inputs_trains_nothing(trained: Trained, mlflow_server: str) -> None:
    repository = trained.repository
    assert ml_ci("record", folder=repository.path, mlflow=mlflow_server).returncode == 0
    repository.commit({"README.md": "words"})
    assert ml_ci("record", folder=repository.path, mlflow=mlflow_server).returncode == 0
    assert trained.times == 1


def test_another_key_has_records_of_its_own(trained: Trained, mlflow_server: str) -> None:
    repository = trained.repository
    assert ml_ci("record", folder=repository.path, mlflow=mlflow_server).returncode == 0
    repository.write({"../other.yml": own_key(repository.path) + CONFIG})
    repository.branch("change").commit({"params.yaml": "accuracy: 0.91\n"})
    answer = ml_ci("run", "--json", "--config", "../other.yml", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 0, answer.stderr
    assert trained.side(answer.stdout, "base")["origin"] == "trained"


def test_a_training_that_fails_is_not_recorded(trained: Trained, mlflow_server: str) -> None:
    repository = trained.repository
    repository.commit({"train.py": "raise SystemExit('no data')"})
    answer = ml_ci("record", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 3
    assert len(answer.stderr.strip().splitlines()) == 1
    base = repository.commit({"train.py": COUNTS})
    repository.branch("change").commit({"params.yaml": "accuracy: 0.91\n"})
    answer = ml_ci("run", "--json", "--base", f"{base}~1", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert trained.side(answer.stdout, "base")["origin"] == "none"
