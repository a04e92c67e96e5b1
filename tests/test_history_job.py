"""What is kept with a run for the verdicts to come: history, predictions, how often a test set was used."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci.errors import OutsideError
from ml_ci.records import KeptPredictions, Metric, Past, Run
from ml_ci.result import Result
from ml_ci.sources.history import past_of
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.record_store import PREDICTIONS_BYTES, Folder, Records
from ml_ci.sources.tracking import Tracking
from tests.command import ml_ci
from tests.conftest import RunJob
from tests.predicting import CONFIG, PREDICTIONS, predicting

PARQUET = b"PAR1 and so on"


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(Folder(tmp_path), "the records")


def run(commit: str, second: int = 0, *, test_set: str = "t", **metrics: float) -> Run:
    """A run with a test set."""
    return Run(
        commit=commit,
        started=f"2026-01-01T00:00:{second:02}+00:00",
        metrics={name: Metric(value=value) for name, value in metrics.items()},
        test_set=test_set,
    )


# -- history


def test_the_history_is_what_was_recorded_newest_first(records: Records) -> None:
    for second, commit in enumerate("abc"):
        records.add(run(commit, second, accuracy=second / 10), {}, recorded=True)
    records.add(run("of a pull request", 9, accuracy=0.9), {})
    past = Past(commit="c", started="2026-01-01T00:00:02+00:00", test_set="t", metrics={"accuracy": 0.2})
    assert records.history("default", 30)[0] == past
    assert [line.commit for line in records.history("default", 30)] == ["c", "b", "a"]
    assert [line.commit for line in records.history("default", 2)] == ["c", "b"]
    assert records.history("another", 30) == ()


def test_a_commit_and_a_training_are_in_the_history_once(records: Records) -> None:
    records.add(run("a", 0, accuracy=0.9), {}, recorded=True)
    records.add(run("b", 1, accuracy=0.8), {}, recorded=True)
    records.add(run("a", 2, accuracy=0.7), {}, recorded=True)
    again = run("only its README differs", 2, accuracy=0.7)
    records.add(again, {}, recorded=True)
    assert [line.commit for line in records.history("default", 30)] == [again.commit, "b"]


def test_the_history_holds_a_hundred_runs_and_what_no_json_can(records: Records) -> None:
    for number in range(101):
        records.add(run(f"{number}", number % 60, loss=float("inf"), number=number), {}, recorded=True)
    found = records.history("default", 1000)
    assert (len(found), found[-1].commit, found[0].metrics["loss"]) == (100, "1", float("inf"))


def test_of_thousands_of_metrics_a_line_of_the_history_holds_the_judged_ones_and_some_others() -> None:
    metrics = {f"layer{number}": Metric(value=number) for number in range(5000)} | {"accuracy": Metric(value=0.9)}
    many = replace(run("a"), metrics=metrics)

    past = past_of(many, judged=["accuracy"])

    assert (past.metrics["accuracy"], len(past.metrics)) == (0.9, 100)


def test_a_damaged_history_is_a_sentence_that_names_it(records: Records, tmp_path: Path) -> None:
    (tmp_path / "records" / "default").mkdir(parents=True)
    (tmp_path / "records" / "default" / "history.json").write_text("[{}]")
    with pytest.raises(OutsideError, match=r"records/default/history\.json"):
        records.history("default", 30)


def test_mlflow_tells_the_same_history(mlflow_server: str) -> None:
    """Also the metrics whose value is not the one that was logged: a mean over repeats, a name that MLflow refuses."""
    store, key = Tracking(mlflow_server, {}, shared=True), f"k{uuid.uuid4().hex}"
    for number in range(3):
        attempt = uuid.uuid4().hex
        who = Identity(key=key, commit=str(number), attempt=attempt, fingerprint=attempt, exact=True)
        started = f"2026-01-01T00:00:0{number}+00:00"
        values = {"accuracy": Metric(value=0.5), "f1 (macro)": Metric(value=0.25, source="metrics.json")}
        logged = store.complete(replace(run(str(number), number), key=key, metrics=values), who, {})
        assert logged.started == started
        mean = {**logged.metrics, "accuracy": Metric(value=number / 10, repeats=(0.5, number / 5 - 0.5))}
        store.recorded(store.complete(replace(logged, metrics=mean), who, {}))
    metrics = {"accuracy": 0.2, "f1 (macro)": 0.25}
    newest, before = store.history(key, 2)
    assert (newest.commit, newest.started, newest.test_set) == ("2", "2026-01-01T00:00:02+00:00", "t")
    assert {name: newest.metrics[name] for name in metrics} == metrics
    assert before.metrics["accuracy"] == 0.1
    assert store.history("another", 2) == ()


# -- predictions


def with_predictions() -> Run:
    return replace(run("a", accuracy=0.9), predictions=KeptPredictions(sha256="5" * 64, rows=3))


def test_predictions_are_kept_beside_the_record(records: Records) -> None:
    kept = records.add(with_predictions(), {}, PARQUET)
    assert records.by_commit("default", "a") == kept == with_predictions()
    assert records.predictions(kept) == PARQUET


def test_predictions_that_are_too_large_are_left_out_and_a_warning_says_what_follows(records: Records) -> None:
    kept = records.add(with_predictions(), {}, b"1" * (PREDICTIONS_BYTES + 1))
    assert kept.predictions is None
    assert records.predictions(kept) is None
    assert "5.0 MB" in kept.warnings[0]
    assert "weaker evidence" in kept.warnings[0]
    assert records.by_commit("default", "a") == kept


def test_mlflow_keeps_predictions_as_an_artifact(mlflow_server: str) -> None:
    store, key = Tracking(mlflow_server, {}, shared=True), f"k{uuid.uuid4().hex}"
    who = Identity(key=key, commit="a", attempt=key, fingerprint=key, exact=True)
    kept = store.complete(replace(with_predictions(), key=key), who, {}, PARQUET)
    assert store.predictions(kept) == PARQUET
    assert store.predictions(run("b")) is None


# -- the use of a test set


def test_a_verdict_on_a_test_set_is_counted_once_for_each_commit(records: Records) -> None:
    for commit in ("a", "b", "a"):
        records.count_verdict(run(commit))
    records.count_verdict(run("c", test_set="another"))
    records.count_verdict(run("d", test_set=""))
    assert records.verdict_counts("default").verdicts == {"t": 2, "another": 1}


def test_each_change_of_a_working_tree_is_a_verdict_of_its_own(records: Records) -> None:
    for fingerprint in ("1", "2", "2"):
        records.count_verdict(replace(run("a"), dirty=True, fingerprint=fingerprint))
    assert records.verdict_counts("default").verdicts == {"t": 2}


def test_a_damaged_count_is_a_sentence_that_names_it(records: Records, tmp_path: Path) -> None:
    (tmp_path / "records" / "default").mkdir(parents=True)
    (tmp_path / "records" / "default" / "test-sets.json").write_text('{"verdicts": 3}')
    with pytest.raises(OutsideError, match=r"records/default/test-sets\.json"):
        records.verdict_counts("default")


# -- the job


def test_a_job_says_which_verdict_on_its_test_set_it_is(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 41")
    first = run_job(repository).test_set
    again = run_job(repository).test_set
    repository.commit({"params.yaml": "count: 400\nwrong: 39"})
    second = run_job(repository).test_set
    assert first
    assert again
    assert second
    assert (first.verdicts, again.verdicts, second.verdicts) == (1, 1, 2)
    assert first.examples == 400
    assert first.digest == second.digest


def test_a_branch_with_five_records_is_evidence_where_there_are_no_predictions(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 100, wrong: 10", None, CONFIG)
    repository.dvc("init", "--quiet")
    repository.write({"test.csv": "1,2\n"})
    repository.dvc("add", "--quiet", "test.csv")
    repository.commit()
    repository.branch("change").commit({"params.yaml": "count: 100\nwrong: 11"})
    first = run_job(repository)
    assert judged_by(first) == "two numbers"
    assert first.base.run
    # the base itself is the sixth
    store = Records(Folder(repository.path / ".ml-ci"), "the records")
    for second, accuracy in enumerate((0.92, 0.88, 0.89, 0.91, 0.90)):
        store.add(run(str(second), second, test_set=first.base.run.test_set, accuracy=accuracy), {}, recorded=True)
    assert "6 records" in judged_by(run_job(repository))
    store.add(run("on other examples", 9, test_set="another", accuracy=0.1), {}, recorded=True)
    assert "6 records" in judged_by(run_job(repository))


def judged_by(result: Result) -> str:
    """The evidence of the one rule."""
    assert result.decision, result.failure
    return result.decision.judgements[0].evidence or ""


def test_a_recorded_base_has_its_predictions(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 41")
    assert run_job(repository).base.origin == "trained"
    result = run_job(repository)
    assert result.base.origin == "found"
    assert result.decision
    assert "400 examples" in (result.decision.judgements[0].evidence or "")


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "not there any more"),
        (lambda path: path.write_bytes(PARQUET), "SHA-256"),
    ],
)
def test_predictions_that_are_not_what_the_record_names_are_as_good_as_none(
    tmp_path: Path, run_job: RunJob, damage: Damage, said: str
) -> None:
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 41")
    run_job(repository)
    base = repository.git("rev-parse", "main")
    damage(repository.path / ".ml-ci" / "records" / "default" / f"{base}.parquet")
    result = run_job(repository)
    assert result.decision
    (judgement,) = result.decision.judgements
    assert judgement.evidence == "two numbers"
    assert any(said in note for note in judgement.notes)


def test_the_test_set_without_predictions_is_all_that_dvc_tracks(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 100, wrong: 10", None, CONFIG)
    repository.dvc("init", "--quiet")
    repository.write({"test.csv": "1,2\n"})
    repository.dvc("add", "--quiet", "test.csv")
    repository.commit()
    repository.branch("change").commit({"params.yaml": "count: 100\nwrong: 11"})
    same = run_job(repository)
    repository.write({"test.csv": "3,4\n"})
    repository.dvc("add", "--quiet", "test.csv")
    repository.commit()
    other = run_job(repository)
    assert same.head
    assert same.base.run
    assert other.head
    assert same.head.test_set == same.base.run.test_set != ""
    assert other.head.test_set != same.head.test_set


def test_compare_finds_the_predictions_that_were_kept_with_two_records(tmp_path: Path) -> None:
    config = CONFIG + PREDICTIONS
    repository = predicting(tmp_path / "repo", "count: 400, wrong: 40", "count: 400, wrong: 41", config)
    assert ml_ci("run", "--quiet", folder=repository.path).returncode == 0
    answer = ml_ci("compare", "--json", ".ml-ci/base.json", ".ml-ci/head.json", folder=repository.path)
    (accuracy,) = (metric for metric in json.loads(answer.stdout)["metrics"] if metric["name"] == "accuracy")
    assert "400 examples" in accuracy["evidence"]
