"""The ways in which real repositories train, each with code that knows nothing of ml-ci."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from ml_ci.result import Result
from tests.conftest import RunJob
from tests.repository import LOGS_ACCURACY, WRITES_ACCURACY, Repository

ALONE = "environment: none\nbaseline: none\n"
PARAMS = "accuracy: 0.9\n"


def repository_with(path: Path, files: dict[str, str], config: str = ALONE) -> Repository:
    return Repository.create(path / "repo", {".ml-ci.yml": config, **files})


def values(result: Result) -> dict[str, float]:
    """Head's metrics."""
    assert result.head is not None, result.failure
    return {name: metric.value for name, metric in result.head.metrics.items()}


def test_python_train_py_is_the_default(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(repository_with(tmp_path, {"train.py": LOGS_ACCURACY, "params.yaml": PARAMS}))
    assert values(result) == {"accuracy": 0.9}
    assert result.head is not None
    assert (result.head.command, result.head.metrics["accuracy"].source) == ("python train.py", "mlflow")


def test_python_m(tmp_path: Path, run_job: RunJob) -> None:
    files = {
        "churn/__init__.py": "NAME = 'churn'\n",
        "churn/train.py": "from churn import NAME\n" + LOGS_ACCURACY,
        "params.yaml": PARAMS,
    }
    assert values(run_job(repository_with(tmp_path, files, ALONE + "train: python -m churn.train\n"))) == {
        "accuracy": 0.9
    }


def test_make_train(tmp_path: Path, run_job: RunJob) -> None:
    files = {
        "Makefile": "PYTHON ?= python\n\n.PHONY: train\ntrain: out\n\t$(PYTHON) src/train.py\n\nout:\n\tmkdir -p $@\n",
        "src/train.py": LOGS_ACCURACY,
        "params.yaml": PARAMS,
    }
    assert values(run_job(repository_with(tmp_path, files, ALONE + "train: make train\n"))) == {"accuracy": 0.9}


def test_mlflow_run_with_a_projects_parameters(tmp_path: Path, run_job: RunJob) -> None:
    project = """name: churn
entry_points:
  main:
    parameters:
      depth: {type: int, default: 3}
    command: "python train.py --depth {depth}"
"""
    train = """
import sys, mlflow
mlflow.log_metric("depth_seen", int(sys.argv[2]))
with mlflow.start_run(nested=True):
    mlflow.log_metric("accuracy", 0.1)
"""
    config = ALONE + "train: mlflow run . --env-manager local -P depth=5\n"
    result = run_job(repository_with(tmp_path, {"MLproject": project, "train.py": train}, config))
    assert values(result) == {"depth_seen": 5}
    assert result.head is not None
    assert result.head.params == {"depth": "5"}


# -- dvc repro

PIPELINE = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [features.csv]
  train:
    cmd: python train.py
    deps: [train.py, features.csv]
    params: [accuracy]
    metrics:
      - scores.json: {cache: false}
"""
STAGES = {
    "dvc.yaml": PIPELINE,
    "prepare.py": "open('features.csv', 'w').write('1,2\\n')\n",
    "train.py": "open('ran', 'a').write('x')\n" + WRITES_ACCURACY.replace("metrics.json", "scores.json"),
    "params.yaml": PARAMS,
    ".gitignore": "ran\nfeatures.csv\n",
}


def pipeline(path: Path, config: str = ALONE, **files: str) -> Repository:
    repository = repository_with(path, STAGES | files, config)
    repository.dvc("init", "--quiet")
    repository.commit()
    return repository


def times_trained(repository: Repository) -> int:
    ran = repository.path / "ran"
    return len(ran.read_text()) if ran.exists() else 0


def test_dvc_repro_is_the_default_where_there_is_a_pipeline(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(pipeline(tmp_path))
    assert result.head is not None, result.failure
    assert result.head.command == "dvc repro"
    assert values(result) == {"accuracy": 0.9}
    assert result.head.metrics["accuracy"].source == "scores.json"


def test_dvc_repro_that_finds_everything_up_to_date_writes_nothing_and_counts(tmp_path: Path, run_job: RunJob) -> None:
    repository = pipeline(tmp_path)
    repository.dvc("repro", "--quiet")
    repository.commit()
    assert values(run_job(repository)) == {"accuracy": 0.9}
    assert times_trained(repository) == 1
    assert repository.status() == ""


@pytest.mark.parametrize("links", ["copy", "symlink"])
def test_dvc_repro_that_takes_its_outputs_from_the_cache_counts_on_both_sides(
    tmp_path: Path, run_job: RunJob, links: str
) -> None:
    cached = PIPELINE.replace(": {cache: false}", "")
    ignored = STAGES[".gitignore"] + "scores.json\n"
    repository = pipeline(tmp_path, "environment: none\n", **{"dvc.yaml": cached, ".gitignore": ignored})
    repository.dvc("config", "cache.type", links)
    repository.dvc("repro", "--quiet")
    repository.commit()
    repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
    repository.dvc("repro", "--quiet")
    repository.commit()
    for output in ("scores.json", "features.csv"):
        (repository.path / output).unlink()
    result = run_job(repository)
    assert result.comparison is not None, result.failure
    assert [(row.name, row.base, row.head) for row in result.comparison.metrics] == [("accuracy", 0.9, 0.8)]
    assert times_trained(repository) == 2
    assert repository.status() == ""


def test_metrics_of_a_stage_whose_inputs_have_changed_since_are_not_vouched_for(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = pipeline(tmp_path, ALONE + "train: echo nothing to do\n")
    repository.dvc("repro", "--quiet")
    repository.commit({"params.yaml": "accuracy: 0.99\n"})
    result = run_job(repository)
    assert result.exit_code == 3
    assert result.failure is not None
    assert "scores.json" in result.failure.message


def test_metrics_are_not_vouched_for_where_a_stage_before_theirs_would_have_to_run(
    tmp_path: Path, run_job: RunJob
) -> None:
    """The last stage is up to date with features.txt, which is not what raw.txt says now."""
    stages = """
stages:
  prepare:
    cmd: cp raw.txt features.txt
    deps: [raw.txt]
    outs: [features.txt]
  train:
    cmd: python -c "print('{\\"accuracy\\":', open('features.txt').read(), '}', file=open('scores.json', 'w'))"
    deps: [features.txt]
    metrics: [scores.json: {cache: false}]
"""
    repository = repository_with(
        tmp_path, {"dvc.yaml": stages, "raw.txt": "0.9", ".ml-ci.yml": ALONE + "train: echo nothing to do\n"}
    )
    repository.dvc("init", "--quiet")
    repository.dvc("repro", "--quiet")
    repository.commit({"raw.txt": "0.1"})
    result = run_job(repository)
    assert result.exit_code == 3, result.comparison
    assert result.failure is not None
    assert "scores.json" in result.failure.message


def test_a_pipelines_metrics_are_known_by_their_stages_folders_loops_and_variables(
    tmp_path: Path, run_job: RunJob
) -> None:
    stages = """
vars:
  - place: out
stages:
  evaluate:
    wdir: model
    cmd: python evaluate.py
    deps: [evaluate.py]
    metrics:
      - numbers.json: {cache: false}
  each:
    foreach: [north, south]
    do:
      cmd: python each.py ${place}/${item}.json
      deps: [each.py]
      metrics:
        - ${place}/${item}.json: {cache: false}
"""
    files = {
        "dvc.yaml": stages,
        "model/evaluate.py": "open('numbers.json', 'w').write('{\"f1\": 0.7}')\n",
        "each.py": "import os, sys\nos.makedirs('out', exist_ok=True)\n"
        "open(sys.argv[1], 'w').write('{\"recall_%s\": 0.5}' % sys.argv[1][4:9])\n",
    }
    repository = repository_with(tmp_path, files)
    repository.dvc("init", "--quiet")
    repository.commit()
    expected = {"f1": 0.7, "recall_north": 0.5, "recall_south": 0.5}
    assert values(run_job(repository)) == expected
    repository.commit()
    assert values(run_job(repository)) == expected, "when all of it is up to date"


# -- a notebook

NOTEBOOK_NEEDS = f"mlflow=={version('mlflow')}\nipykernel\nnbconvert\n"


@pytest.mark.xdist_group("newest-mlflow")
def test_jupyter_nbconvert_in_an_environment_of_its_own(tmp_path: Path, run_job: RunJob) -> None:
    cells = ["import mlflow\n", 'with mlflow.start_run():\n    mlflow.log_metric("accuracy", 0.9)\n']
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    config = "baseline: none\ntrain: jupyter nbconvert --to notebook --execute --stdout train.ipynb > /dev/null\n"
    files = {"train.ipynb": json.dumps(notebook), "requirements.txt": NOTEBOOK_NEEDS}
    result = run_job(repository_with(tmp_path, files, config))
    assert values(result) == {"accuracy": 0.9}
    assert result.head is not None
    assert result.head.environment.packages["mlflow"] == version("mlflow")


# -- without MLflow, or past it


def test_a_script_that_writes_a_line_of_text(tmp_path: Path, run_job: RunJob) -> None:
    train = "open('metrics.txt', 'w').write('Accuracy = 0.95, F1 Score = 0.86')\n"
    assert values(run_job(repository_with(tmp_path, {"train.py": train}))) == {"Accuracy": 0.95, "F1 Score": 0.86}


def test_of_a_script_that_logs_to_a_store_of_its_own_the_metrics_files_are_read(
    tmp_path: Path, run_job: RunJob
) -> None:
    train = """
import json, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run():
    mlflow.log_metric("accuracy", 0.9)
json.dump({"accuracy": 0.9, "confusion": [[5, 1], [2, 4]]}, open("metrics.json", "w"))
"""
    result = run_job(repository_with(tmp_path, {"train.py": train}))
    assert values(result) == {"accuracy": 0.9}
    assert result.head is not None
    assert result.head.metrics["accuracy"].source == "metrics.json"


# -- several runs


def test_the_parent_of_nested_runs_counts(tmp_path: Path, run_job: RunJob) -> None:
    train = """
import mlflow
mlflow.set_experiment("search")
with mlflow.start_run(run_name="search"):
    for depth in (1, 2):
        with mlflow.start_run(run_name=f"depth {depth}", nested=True):
            mlflow.log_metric("accuracy", depth / 10)
    mlflow.log_metric("accuracy", 0.9)
"""
    result = run_job(repository_with(tmp_path, {"train.py": train}))
    assert values(result) == {"accuracy": 0.9}
    assert result.warnings == ()


def test_of_several_runs_the_last_to_finish_counts_and_a_warning_names_the_others(
    tmp_path: Path, run_job: RunJob
) -> None:
    train = """
import mlflow
for name, accuracy in (("logistic regression", 0.7), ("forest", 0.9)):
    with mlflow.start_run(run_name=name):
        mlflow.log_metric("accuracy", accuracy)
"""
    result = run_job(repository_with(tmp_path, {"train.py": train}))
    assert values(result) == {"accuracy": 0.9}
    (warning,) = result.warnings
    assert "forest finished last and counts" in warning
    assert "logistic regression" in warning


BY_CLIENT = """
from mlflow import MlflowClient
client = MlflowClient()
run = client.create_run(client.create_experiment(NAME)).info.run_id
client.log_metric(run, "accuracy", 0.9)
"""


def test_a_run_made_without_the_fluent_api_counts_and_is_tagged_afterwards(
    tmp_path: Path, run_job: RunJob, mlflow_server: str
) -> None:
    from mlflow import MlflowClient

    train = f"NAME = {str(tmp_path)!r}\n{BY_CLIENT}client.set_terminated(run)\n"
    result = run_job(repository_with(tmp_path, {"train.py": train}))
    assert values(result) == {"accuracy": 0.9}
    assert result.head is not None
    tags = MlflowClient(mlflow_server).get_run(result.head.run_id or "").data.tags
    assert (tags["ml_ci.commit"], tags["ml_ci.fingerprint"]) == (result.head.commit, result.head.fingerprint)


def test_a_run_made_by_the_client_and_never_ended_is_not_compared(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(repository_with(tmp_path, {"train.py": f"NAME = {str(tmp_path)!r}\n{BY_CLIENT}"}))
    assert result.exit_code == 3
    assert result.failure is not None
    assert "RUNNING" in result.failure.message
    assert "end them" in result.failure.message
