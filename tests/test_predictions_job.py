"""`predictions`: read after training, computed from, and what the verdict rests on where both sides have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_ci.compare.judgement import Judgement
from ml_ci.result import Result
from tests.command import ml_ci
from tests.conftest import RunJob
from tests.predicting import CONFIG, PREDICTIONS, predicting

WRONG_40, WRONG_41 = "count: 400, wrong: 40", "count: 400, wrong: 41"


def judged(result: Result) -> Judgement:
    """The judgement of the one rule."""
    assert result.decision, result.failure
    (judgement,) = result.decision.judgements
    return judgement


def test_two_trained_sides_are_compared_example_by_example(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(predicting(tmp_path / "repo", WRONG_40, WRONG_41))
    judgement = judged(result)
    assert "400 examples" in (judgement.evidence or "")
    assert judgement.outcome == "pass", judgement.why
    assert result.head
    assert result.base.run
    assert result.head.test_set == result.base.run.test_set != ""
    assert result.head.predictions
    assert result.head.predictions.rows == 400
    assert not result.warnings


def test_the_metrics_with_a_rule_are_computed_by_scikit_learns_name(tmp_path: Path, run_job: RunJob) -> None:
    """40 of 400 are wrong; `metrics.json` says another number, which does not count."""
    result = run_job(predicting(tmp_path / "repo", WRONG_41, WRONG_40 + ", said: 0.95"))
    assert result.head
    accuracy = result.head.metrics["accuracy"]
    assert (accuracy.value, accuracy.source) == (0.9, "predictions.csv")
    assert "accuracy is 0.95 in metrics.json but 0.9 by predictions.csv; the latter counts." in result.warnings


@pytest.mark.parametrize(("said", "heard"), [("0.6667", 0), ("0.66666669", 0), ("0.67", 1), ("0.6676", 1)])
def test_a_metric_that_was_written_with_fewer_digits_is_no_contradiction(
    tmp_path: Path, run_job: RunJob, said: str, heard: int
) -> None:
    """2 of 3 are right."""
    repository = predicting(tmp_path / "repo", "count: 3, wrong: 0", f"count: 3, wrong: 1, said: {said}")
    warnings = [warning for warning in run_job(repository).warnings if "the latter counts" in warning]
    assert len(warnings) == heard


def test_what_the_configuration_names_is_computed_and_what_cannot_be_is_said(tmp_path: Path, run_job: RunJob) -> None:
    spec = "predictions: {path: predictions.csv, metrics: [f1, roc_auc]}\n"
    result = run_job(predicting(tmp_path / "repo", WRONG_40, WRONG_41, CONFIG + spec))
    assert result.head
    assert result.head.metrics["f1"].source == "predictions.csv"
    assert "roc_auc" not in result.head.metrics
    assert any("roc_auc" in warning and "predictions.csv" in warning for warning in result.warnings)


def test_where_targets_changed_nothing_is_paired_and_it_is_said(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(predicting(tmp_path / "repo", WRONG_40, WRONG_41 + ", flipped: 3"))
    judgement = judged(result)
    assert judgement.evidence == "two numbers"
    assert any("3 targets differ" in note for note in judgement.notes), judgement.notes
    assert result.head
    assert result.base.run
    assert result.head.test_set != result.base.run.test_set


def test_predictions_that_an_earlier_training_left_do_not_count(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", WRONG_40, WRONG_41 + ", predictions: no")
    repository.write({"predictions.csv": "id,y_true,y_pred\n0,1,1\n"})
    result = run_job(repository)
    stale = "predictions.csv was not written by this training, so its predictions do not count."
    assert any(stale in warning for warning in result.warnings)
    judgement = judged(result)
    assert (judgement.outcome, result.verdict) == ("missing", "fail"), (
        "training's word is none for what base's examples say"
    )
    assert stale.removesuffix(".") in judgement.why


def test_a_metric_that_only_predictions_could_give_is_missing_without_them(tmp_path: Path, run_job: RunJob) -> None:
    config = CONFIG.replace("accuracy", "f1") + PREDICTIONS
    result = run_job(predicting(tmp_path / "repo", WRONG_40, WRONG_41 + ", predictions: no", config))
    assert (judged(result).outcome, result.verdict) == ("missing", "fail")
    assert any("training left no such file" in warning for warning in result.warnings)


def test_a_broken_file_is_no_evidence_and_says_why(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", WRONG_40)
    train = (repository.path / "train.py").read_text()
    repository.branch("change").commit({"train.py": train.replace('"id,y_true,y_pred"', '"id,y_true"')})
    result = run_job(repository)
    assert judged(result).outcome == "missing"
    assert result.head
    assert result.head.predictions is None
    assert any("predictions.csv" in warning and "missing, which fails" in warning for warning in result.warnings)


@pytest.mark.parametrize("asked", ["run", "record"])
def test_a_wrong_path_spoils_nothing_once_it_is_corrected(tmp_path: Path, run_job: RunJob, asked: str) -> None:
    """The correction changes no input of training, so what was kept before it would be found ever after."""
    repository = predicting(tmp_path / "repo", WRONG_40, None, CONFIG + "predictions: {path: elsewhere.csv}\n")
    if asked == "record":
        said = ml_ci("record", folder=repository.path)
        assert said.returncode == 0, said.stderr
        assert "recorded without predictions" in said.stderr
    repository.branch("change").commit({"params.yaml": WRONG_41.replace(", ", "\n")})
    wrong = run_job(repository)
    assert (wrong.base.origin, judged(wrong).outcome) == ("trained" if asked == "run" else "found", "missing")
    corrected = {".ml-ci.yml": CONFIG + PREDICTIONS}
    if asked == "record":
        repository.git("checkout", "--quiet", "main")
        repository.commit(corrected)
        assert ml_ci("record", folder=repository.path).returncode == 0
        repository.branch("another").commit({"params.yaml": WRONG_41.replace(", ", "\n")})
    else:
        repository.commit(corrected)
    right = run_job(repository)
    assert "400 examples" in (judged(right).evidence or ""), judged(right).notes
    assert right.base.origin == ("trained" if asked == "run" else "found")


def test_a_configuration_that_no_longer_asks_for_predictions_is_warned_of(tmp_path: Path, run_job: RunJob) -> None:
    own_rules = "policy: {rules: head}\n"
    repository = predicting(tmp_path / "repo", WRONG_40, WRONG_41, CONFIG + PREDICTIONS + own_rules)
    run_job(repository)
    repository.commit({".ml-ci.yml": CONFIG + own_rules})
    result = run_job(repository)
    assert result.base.origin == "found"
    assert any("head's configuration has no `predictions`" in warning for warning in result.warnings)
    assert any("examples are not compared" in note for note in judged(result).notes)


def test_a_base_that_was_recorded_before_predictions_were_asked_for_says_when_there_will_be(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = predicting(tmp_path / "repo", WRONG_40, WRONG_41, CONFIG)
    run_job(repository)
    repository.commit({".ml-ci.yml": CONFIG + PREDICTIONS})
    judgement = judged(run_job(repository))
    assert judgement.outcome == "pass"
    assert any("from the next record of the base branch on, examples are compared" in note for note in judgement.notes)


def test_a_head_with_the_base_s_inputs_is_the_base(tmp_path: Path, run_job: RunJob) -> None:
    config = CONFIG + PREDICTIONS + "inputs: ['*.py', params.yaml]\n"
    repository = predicting(tmp_path / "repo", WRONG_40, None, config)
    repository.branch("change").commit({"README.md": "words"})
    result = run_job(repository)
    assert (result.head_origin, judged(result).outcome) == ("same-inputs", "pass")
    assert result.test_set is None, "nothing was measured again"


def test_predictions_that_nobody_ignores_are_no_change_of_the_working_tree(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", WRONG_40, WRONG_41)
    repository.commit({".gitignore": "metrics.json\n"})
    run_job(repository)
    assert repository.status() == "?? predictions.csv"
    again = run_job(repository)
    assert again.head
    assert not again.head.dirty


def test_predictions_and_repeats_together(tmp_path: Path, run_job: RunJob) -> None:
    """The predictions of seed 0 are those that count; the metric is the mean over the seeds."""
    config = CONFIG + PREDICTIONS + "repeats: 2\n"
    result = run_job(predicting(tmp_path / "repo", WRONG_40 + ", spread: 1", WRONG_41 + ", spread: 1", config))
    assert result.head
    accuracy = result.head.metrics["accuracy"]
    assert accuracy.repeats == (359 / 400, 358 / 400)
    judgement = judged(result)
    assert "400 examples" in (judgement.evidence or "")
    assert "2" in (judgement.evidence or "")
