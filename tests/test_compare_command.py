"""`ml-ci compare BASE HEAD`: any two of a record, a metrics file and an MLflow run id; and what else somebody may write."""

from __future__ import annotations

import json
import math
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from mlflow import MlflowClient

from ml_ci.records import Metric, Run, write_record
from tests.command import ml_ci, strict

GATE = """
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder outside of any repository, with the rule that accuracy may fall by 0.01."""
    (tmp_path / ".ml-ci.yml").write_text(GATE)
    return tmp_path


def record(path: Path, accuracy: float) -> str:
    run = Run(commit="a" * 40, metrics={"accuracy": Metric(value=accuracy)}, params={"depth": "3"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_record(run))
    return str(path)


def metrics_file(path: Path, accuracy: float) -> str:
    path.write_text(f"accuracy = {accuracy}\n" if path.suffix == ".txt" else json.dumps({"accuracy": accuracy}))
    return str(path)


def logged(server: str, accuracy: float, *, end: str | None = "FINISHED") -> str:
    """The id of a run on the server, as somebody else's training left it."""
    client = MlflowClient(tracking_uri=server)
    run_id = str(client.create_run("0", tags={"mlflow.source.git.commit": "b" * 40}).info.run_id)
    client.log_metric(run_id, "accuracy", accuracy)
    client.log_param(run_id, "depth", "5")
    if end:
        client.set_terminated(run_id, end)
    return run_id


def compared(answer: CompletedProcess[str]) -> dict[str, object]:
    """The row of accuracy, and the verdict, in what `--json` printed."""
    result = strict(answer.stdout)
    rows = result["metrics"]
    assert isinstance(rows, list)
    row = next(row for row in rows if row["name"] == "accuracy")
    return {"base": row["base"], "head": row["head"], "outcome": row["outcome"], "verdict": result["verdict"]}


@pytest.mark.parametrize("base", ["record", "metrics.json", "metrics.txt", "run"])
@pytest.mark.parametrize("head", ["record", "run"])
def test_any_two(folder: Path, mlflow_server: str, base: str, head: str) -> None:
    def operand(kind: str, name: str, accuracy: float) -> str:
        if kind == "run":
            return logged(mlflow_server, accuracy)
        if kind == "record":
            return record(folder / name / ".ml-ci" / "base.json", accuracy)
        (folder / name).mkdir()
        return metrics_file(folder / name / kind, accuracy)

    before, after = operand(base, "before", 0.90), operand(head, "after", 0.85)
    answer = ml_ci("compare", "--json", before, after, folder=folder, mlflow=mlflow_server)
    assert answer.returncode == 1, answer.stderr
    assert compared(answer) == {"base": 0.90, "head": 0.85, "outcome": "fail", "verdict": "fail"}
    assert answer.stdout == (folder / ".ml-ci" / "result.json").read_text()


def test_for_people_with_a_report_in_the_folder_that_they_name(folder: Path) -> None:
    base, head = metrics_file(folder / "a.json", 0.90), metrics_file(folder / "b.json", 0.91)
    answer = ml_ci("compare", base, head, "--out", "report", folder=folder)
    assert answer.returncode == 0, answer.stderr
    assert "0.90" in answer.stdout
    assert "0.91" in answer.stdout
    written = {path.name for path in (folder / "report").iterdir()}
    assert {"result.json", "report.md", "report.html", "base.json", "head.json"} <= written
    assert not (folder / ".ml-ci").exists()


def test_the_records_that_it_writes_can_be_compared_again(folder: Path) -> None:
    base, head = metrics_file(folder / "a.json", 0.90), metrics_file(folder / "b.json", 0.91)
    ml_ci("compare", base, head, folder=folder)
    answer = ml_ci("compare", ".ml-ci/head.json", ".ml-ci/base.json", "--out", "back", "--json", folder=folder)
    assert compared(answer) == {"base": 0.91, "head": 0.90, "outcome": "pass", "verdict": "pass"}


def test_a_record_may_be_one_that_the_comparison_itself_writes_anew(folder: Path) -> None:
    base, head = metrics_file(folder / "a.json", 0.90), metrics_file(folder / "b.json", 0.91)
    ml_ci("compare", base, head, folder=folder)
    answer = ml_ci("compare", ".ml-ci/head.json", ".ml-ci/base.json", "--json", folder=folder)
    assert compared(answer) == {"base": 0.91, "head": 0.90, "outcome": "pass", "verdict": "pass"}


def test_the_configuration_of_a_repositorys_top_counts_in_its_folders_too(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "sub").mkdir()
    base, head = metrics_file(folder / "a.json", 0.90), metrics_file(folder / "b.json", 0.5)
    assert ml_ci("compare", base, head, folder=folder / "sub").returncode == 1
    assert (folder / ".ml-ci" / "result.json").exists()


def test_another_configuration(folder: Path) -> None:
    (folder / "lenient.yml").write_text("gate:\n  accuracy: {direction: higher, min: 0.1}\n")
    base, head = metrics_file(folder / "a.json", 0.90), metrics_file(folder / "b.json", 0.5)
    assert ml_ci("compare", base, head, folder=folder).returncode == 1
    assert ml_ci("compare", base, head, "--config", "lenient.yml", folder=folder).returncode == 0


@pytest.mark.parametrize(("value", "word"), [(math.nan, "NaN"), (math.inf, "infinite"), (-math.inf, "infinite")])
def test_a_head_that_is_not_finite_fails_and_is_named(folder: Path, value: float, word: str) -> None:
    base, head = record(folder / "a.json", 0.90), record(folder / "b.json", value)
    answer = ml_ci("compare", "--json", base, head, folder=folder)
    assert answer.returncode == 1
    assert compared(answer) == {"base": 0.90, "head": None, "outcome": "fail", "verdict": "fail"}
    warnings = strict(answer.stdout)["warnings"]
    assert isinstance(warnings, list)
    assert any("accuracy" in warning for warning in warnings), (word, warnings)


def test_a_base_that_is_not_a_number_is_no_baseline(folder: Path) -> None:
    base, head = record(folder / "a.json", math.nan), record(folder / "b.json", 0.90)
    answer = ml_ci("compare", "--json", base, head, folder=folder)
    assert answer.returncode == 0
    assert compared(answer) == {"base": None, "head": 0.90, "outcome": "no-baseline", "verdict": "pass"}


def test_a_metric_that_only_the_rule_knows_fails(folder: Path) -> None:
    base = metrics_file(folder / "a.json", 0.90)
    (folder / "b.json").write_text('{"f1": 0.9}')
    answer = ml_ci("compare", "--json", base, "b.json", folder=folder)
    assert answer.returncode == 1
    assert compared(answer) == {"base": 0.90, "head": None, "outcome": "missing", "verdict": "fail"}


OTHER_SCHEMA = json.dumps({"schema": 99, "commit": "a" * 40, "metrics": {"accuracy": {"value": 1.0}}})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nowhere.json", None, "nowhere.json"),
        ("folder", "", "folder"),
        ("empty.json", "", "empty.json"),
        ("words.json", '{"model": "a forest"}', "holds no metric"),
        ("broken.json", '{"accuracy": 0.9,', "broken.json"),
        ("record.json", '{"schema": 1, "metrics": {"accuracy": "high"}}', "not a record"),
        ("newer.json", OTHER_SCHEMA, "update ml-ci"),
        ("binary.json", "\0\1\2", "binary.json"),
    ],
)
def test_what_is_no_operand_is_exit_2_and_named(folder: Path, name: str, content: str | None, words: str) -> None:
    good = metrics_file(folder / "good.json", 0.9)
    if name == "folder":
        (folder / name).mkdir()
    elif content is not None:
        (folder / name).write_text(content)
    for operands in ((name, good), (good, name)):
        answer = ml_ci("compare", "--json", *operands, folder=folder)
        assert answer.returncode == 2, answer.stderr
        assert answer.stdout == ""
        assert len(answer.stderr.strip().splitlines()) == 1
        assert words in answer.stderr
        assert not (folder / ".ml-ci" / "result.json").exists()


def test_a_run_id_that_the_server_does_not_know_and_one_without_a_server(folder: Path, mlflow_server: str) -> None:
    good = metrics_file(folder / "good.json", 0.9)
    answer = ml_ci("compare", good, "0" * 32, folder=folder, mlflow=mlflow_server)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "0" * 32 in answer.stderr
    answer = ml_ci("compare", good, "0" * 32, folder=folder)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "MLFLOW_TRACKING_URI" in answer.stderr


@pytest.mark.parametrize("state", ["FAILED", "KILLED", None])
def test_a_run_that_has_not_finished_is_never_compared(folder: Path, mlflow_server: str, state: str | None) -> None:
    run_id = logged(mlflow_server, 0.99, end=state)
    answer = ml_ci("compare", metrics_file(folder / "a.json", 0.9), run_id, folder=folder, mlflow=mlflow_server)
    assert (answer.returncode, answer.stdout) == (3, "")
    assert f"is {state or 'RUNNING'}" in answer.stderr
    assert "Traceback" not in answer.stderr
