"""The demo's repository is real: real git, real DVC, and a training that runs without ml-ci."""

from __future__ import annotations

import csv
import os
import sqlite3
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from ml_ci.config_reader import parse
from ml_ci.demo import DemoRepository, build
from ml_ci.errors import ConfigError

# one worker builds the repository, once
pytestmark = pytest.mark.xdist_group("demo")

MAIN, PULL_REQUEST = "main", "pull-request"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training left behind, on disk and in MLflow."""

    metrics: dict[str, float]
    steps: dict[str, int]
    params: dict[str, str]
    predictions: list[dict[str, str]]
    plot: bytes


def run(demo: DemoRepository, *command: str, **environment: str) -> str:
    return subprocess.run(
        command,
        cwd=demo.path,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def dvc(demo: DemoRepository, *arguments: str) -> str:
    return run(demo, sys.executable, "-m", "dvc", *arguments, DVC_NO_ANALYTICS="1")


def git(demo: DemoRepository, *arguments: str) -> str:
    return run(demo, "git", *arguments)


def read(demo: DemoRepository, name: str) -> list[dict[str, str]]:
    with (demo.path / "data" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def train(demo: DemoRepository, branch: str, store: Path) -> Trained:
    """Check out the branch, pull its data, train, and read what came of it, MLflow's part with SQL."""
    git(demo, "checkout", "--quiet", branch)
    dvc(demo, "pull")
    run(demo, sys.executable, "train.py", MLFLOW_TRACKING_URI=f"sqlite:///{store}", ML_CI_SEED="7")
    with sqlite3.connect(store) as database:
        (run_id,) = database.execute("SELECT run_uuid FROM runs ORDER BY start_time DESC LIMIT 1").fetchone()
        own = (run_id,)
        metrics = dict(database.execute("SELECT key, value FROM latest_metrics WHERE run_uuid = ?", own))
        steps = dict(database.execute("SELECT key, MAX(step) FROM metrics WHERE run_uuid = ? GROUP BY key", own))
        params = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", own))
    with (demo.path / "predictions.csv").open(newline="") as file:
        predictions = list(csv.DictReader(file))
    plot = (demo.path / "plots" / "confusion_matrix.png").read_bytes()
    return Trained(metrics=metrics, steps=steps, params=params, predictions=predictions, plot=plot)


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """What git says, and which data there is, before anything ran in the repository."""

    repository: DemoRepository
    status: str
    data: list[str]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    made = build(tmp_path_factory.mktemp("a folder für") / "démo one")
    data = sorted(path.name for path in (made.path / "data").iterdir())
    return Fresh(repository=made, status=git(made, "status", "--porcelain"), data=data)


@pytest.fixture(scope="module")
def demo(fresh: Fresh) -> DemoRepository:
    return fresh.repository


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"


@pytest.fixture(scope="module")
def on_main(demo: DemoRepository, store: Path) -> Trained:
    return train(demo, MAIN, store)


@pytest.fixture(scope="module")
def on_pull_request(demo: DemoRepository, store: Path) -> Trained:
    return train(demo, PULL_REQUEST, store)


def test_it_is_left_as_a_fresh_clone_would_be(fresh: Fresh) -> None:
    assert fresh.status == ""
    assert fresh.data == [".gitignore", "test.csv.dvc", "train.csv.dvc", "validation.csv.dvc"]
    assert git(fresh.repository, "branch", "--format=%(refname:short)").split() == [MAIN, PULL_REQUEST]


def test_the_pull_request_changes_data_and_one_parameter(demo: DemoRepository) -> None:
    assert git(demo, "diff", "--name-only", MAIN, PULL_REQUEST).split() == ["data/train.csv.dvc", "params.yaml"]
    changed = git(demo, "diff", "--numstat", MAIN, PULL_REQUEST, "--", "params.yaml")
    assert changed.split()[:2] == ["1", "1"]


def test_the_history_is_main_and_two_commits_on_top(demo: DemoRepository) -> None:
    assert git(demo, "rev-list", "--count", MAIN).strip() == "1"
    assert git(demo, "rev-list", "--count", f"{MAIN}..{PULL_REQUEST}").strip() == "2"
    assert git(demo, "merge-base", MAIN, PULL_REQUEST) == git(demo, "rev-parse", MAIN)


@pytest.mark.slow
@pytest.mark.parametrize("branch", [MAIN, PULL_REQUEST])
def test_the_remote_holds_the_data_of_both_branches(demo: DemoRepository, branch: str, tmp_path: Path) -> None:
    # a clone has nothing but git's files, so that all it gets comes from the remote
    clone = DemoRepository(path=tmp_path / "clone", remote=demo.remote)
    git(demo, "clone", "--quiet", "--branch", branch, str(demo.path), str(clone.path))
    dvc(clone, "pull")
    assert "in sync" in dvc(clone, "status", "--cloud")
    assert "up to date" in dvc(clone, "status")
    rows = [row for name in ("train", "validation", "test") for row in read(clone, name)]
    known = load_digits()
    for row in rows:
        number = int(row["id"])
        assert float(row["pixel_3_4"]) == known.images[number][3][4]
        assert int(row["digit"]) == known.target[number]
        assert int(row["odd"]) == known.target[number] % 2


@pytest.mark.slow
def test_no_example_is_in_two_sets(on_main: Trained, on_pull_request: Trained, demo: DemoRepository) -> None:
    git(demo, "checkout", "--quiet", PULL_REQUEST)
    dvc(demo, "pull")
    tested_on = [row["id"] for row in on_pull_request.predictions]
    everything = [row["id"] for name in ("train", "validation", "test") for row in read(demo, name)]
    assert len(set(everything)) == len(everything)
    assert tested_on == [row["id"] for row in read(demo, "test")]
    # both sides are judged on the same examples, or the comparison would mean nothing
    assert tested_on == [row["id"] for row in on_main.predictions]


@pytest.mark.slow
@pytest.mark.parametrize("side", ["on_main", "on_pull_request"])
def test_the_logged_metrics_are_those_of_the_predictions(side: str, request: pytest.FixtureRequest) -> None:
    trained: Trained = request.getfixturevalue(side)
    truth = [int(row["y_true"]) for row in trained.predictions]
    predicted = [int(row["y_pred"]) for row in trained.predictions]
    score = [float(row["y_score"]) for row in trained.predictions]
    assert trained.metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted), abs=1e-12)
    assert trained.metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert trained.metrics["log_loss"] == pytest.approx(log_loss(truth, score), abs=1e-12)


@pytest.mark.slow
def test_the_curves_have_a_step_for_every_round(on_pull_request: Trained) -> None:
    rounds = int(on_pull_request.params["rounds"])
    curves = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    assert {name: on_pull_request.steps[name] for name in curves} == dict.fromkeys(curves, rounds)


@pytest.mark.slow
def test_the_plot_is_a_png_of_some_size(on_main: Trained) -> None:
    # PNG specification, 5.2 and 11.2.2: the signature, then IHDR with width and height
    assert on_main.plot.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", on_main.plot[16:24])
    assert min(width, height) > 300


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(demo: DemoRepository, on_pull_request: Trained, store: Path) -> None:
    again = train(demo, PULL_REQUEST, store)
    assert on_pull_request.params["seed"] == "7"
    assert again.predictions == on_pull_request.predictions
    assert again.metrics == on_pull_request.metrics


@pytest.mark.slow
@pytest.mark.usefixtures("on_pull_request")
def test_training_leaves_nothing_that_git_would_track(demo: DemoRepository) -> None:
    assert git(demo, "status", "--porcelain") == ""


@pytest.mark.slow
def test_the_pull_request_shows_a_trade_off(on_main: Trained, on_pull_request: Trained) -> None:
    assert on_pull_request.metrics["accuracy"] > on_main.metrics["accuracy"]
    assert on_pull_request.metrics["log_loss"] > on_main.metrics["log_loss"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="is not empty: remove it, or name a new folder"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_remote_of_an_earlier_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo-dvc-remote").mkdir()
    (tmp_path / "demo-dvc-remote" / "files").touch()
    with pytest.raises(ConfigError, match="demo-dvc-remote is not empty"):
        build(tmp_path / "demo")


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(ConfigError, match=r"cannot be built in .*: File exists; name another folder"):
        build(tmp_path / "demo")


def test_the_workflow_to_paste_is_the_quickstarts() -> None:
    top = Path(__file__).parents[1]
    workflow = (top / "examples" / "quickstart" / ".github" / "workflows" / "ml-ci.yml").read_text()
    assert f"```yaml\n{workflow}```" in (top / "README.md").read_text()


def test_the_quickstarts_configuration_is_read_without_a_warning() -> None:
    source = Path(__file__).parents[1] / "examples" / "quickstart" / ".ml-ci.yml"
    assert parse(source.read_bytes(), source.name).unused == {}
