"""`repeats`: each side is trained with the seeds 0, 1, 2, …, and its metrics are the means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci.records import Metric, Run
from ml_ci.repeats import joined
from tests.conftest import RunJob
from tests.predicting import CONFIG, predicting, seeds

REPEATED = CONFIG + "repeats: 3\n"


def test_each_side_is_trained_with_each_seed_and_the_values_are_kept(tmp_path: Path, run_job: RunJob) -> None:
    """10, 12 and 14 of 100 examples are wrong on head; 10 on the base, 11 and 12."""
    repository = predicting(
        tmp_path / "repo", "count: 100, wrong: 10, spread: 1", "count: 100, wrong: 10, spread: 2", REPEATED
    )
    result = run_job(repository)
    assert result.head, result.failure
    assert seeds(repository) == {
        "base": "0",
        "base-1": "1",
        "base-2": "2",
        "head": "0",
        "head-1": "1",
        "head-2": "2",
    }
    accuracy = result.head.metrics["accuracy"]
    assert accuracy.repeats == (0.90, 0.88, 0.86)
    assert accuracy.value == pytest.approx(0.88, abs=1e-15)
    assert result.base.run
    assert result.base.run.metrics["accuracy"].repeats == (0.90, 0.89, 0.88)
    assert result.base.run.metrics["loss"].value == 11


def test_the_base_that_was_kept_has_its_repeats(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(
        tmp_path / "repo", "count: 100, wrong: 10, spread: 1", "count: 100, wrong: 10, spread: 2", REPEATED
    )
    run_job(repository)
    again = run_job(repository)
    assert again.base.origin == "found"
    assert again.base.run
    assert again.base.run.metrics["accuracy"].repeats == (0.90, 0.89, 0.88)


def test_one_training_has_no_repeats_and_the_seed_0(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 100, wrong: 10", "count: 100, wrong: 11", CONFIG)
    result = run_job(repository)
    assert result.head
    assert result.head.metrics["accuracy"].repeats == ()
    assert seeds(repository) == {"head": "0", "base": "0"}


def test_a_training_that_takes_no_notice_of_the_seed_is_one_training(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 100, wrong: 10", "count: 100, wrong: 11", REPEATED)
    result = run_job(repository)
    assert result.head
    assert result.head.metrics["accuracy"].repeats == ()
    assert any("3 trainings gave the same numbers" in warning for warning in result.warnings)


def test_the_seed_of_the_caller_holds_for_one_training_only(tmp_path: Path, run_job: RunJob) -> None:
    once = predicting(tmp_path / "once" / "repo", "count: 9, wrong: 1", "count: 9, wrong: 2", CONFIG)
    run_job(once, variables={"ML_CI_SEED": "7"})
    assert seeds(once) == {"head": "7", "base": "7"}
    twice = predicting(tmp_path / "more" / "repo", "count: 9, wrong: 1", None, CONFIG + "repeats: 2\nbaseline: none\n")
    twice.commit({"README.md": "words"})
    run_job(twice, variables={"ML_CI_SEED": "7"})
    assert seeds(twice) == {"head": "0", "head-1": "1"}


def test_if_one_of_the_trainings_fails_training_fails(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", "count: 9, wrong: 1", None, REPEATED)
    fails = "import os\nassert os.environ['ML_CI_SEED'] != '1'\nopen('metrics.json', 'w').write('{\"a\": 1}')\n"
    repository.branch("change").commit({"train.py": fails})
    result = run_job(repository)
    assert result.exit_code == 3
    assert result.failure
    assert "training 2 of 3" in result.failure.message
    assert "AssertionError" in result.failure.log_tail


def test_dvc_runs_its_stages_for_each_seed(tmp_path: Path, run_job: RunJob) -> None:
    """The seed is nothing that DVC tracks: `dvc repro` by itself would run them once."""
    repository = predicting(tmp_path / "repo", "count: 100, wrong: 10, spread: 1", None, REPEATED)
    stage = "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    metrics: [{metrics.json: {cache: false}}]\n"
    repository.dvc("init", "--quiet")
    repository.commit({"dvc.yaml": stage})
    repository.branch("change").commit({"params.yaml": "count: 100\nwrong: 20\nspread: 1"})
    result = run_job(repository)
    assert result.head, result.failure
    assert result.head.metrics["accuracy"].repeats == (0.80, 0.79, 0.78)


def run(seconds: float, memory: int, *warnings: str, **metrics: float) -> Run:
    """A run with these metrics."""
    return Run(
        commit="c0ffee",
        train_seconds=seconds,
        peak_memory=memory,
        metrics={name: Metric(value=value, history=((0, 0.5), (1, value))) for name, value in metrics.items()},
        warnings=warnings,
    )


def test_seconds_are_summed_and_memory_is_the_largest() -> None:
    together = joined([run(1.5, 300, f1=0.5), run(2.0, 500, f1=0.75)])
    assert (together.train_seconds, together.peak_memory) == (3.5, 500)
    assert (together.metrics["f1"].value, together.metrics["f1"].repeats) == (0.625, (0.5, 0.75))


def test_the_curves_of_all_trainings_are_kept_in_the_order_of_the_seeds() -> None:
    both = ((0, 0.5), (1, 0.5)), ((0, 0.5), (1, 0.75))
    metric = joined([run(1, 1, f1=0.5), run(1, 1, f1=0.75)]).metrics["f1"]
    assert (metric.history, metric.curves) == (both[0], both)


def test_single_points_are_no_curves() -> None:
    def once(value: float) -> Run:
        return replace(run(1, 1), metrics={"f1": Metric(value=value, history=((0, value),))})

    assert joined([once(0.5), once(0.75)]).metrics["f1"].curves == ()


def test_a_metric_that_one_training_lacks_has_no_repeats_and_a_warning_says_why() -> None:
    together = joined([run(1, 1, f1=0.5, auc=0.9), run(1, 1, "scores.csv was not written.", f1=0.75)])
    assert together.metrics["auc"] == Metric(value=0.9, history=((0, 0.5), (1, 0.9)))
    assert together.metrics["f1"].repeats == (0.5, 0.75)
    assert together.warnings == (
        "Training 2 of 2 left no auc, so there are no repeats of it.",
        "Training 2 of 2: scores.csv was not written.",
    )


def test_a_training_that_diverged_is_not_averaged_away() -> None:
    together = joined([run(1, 1, loss=0.5), run(1, 1, loss=float("nan"))])
    assert str(together.metrics["loss"].value) == "nan"
