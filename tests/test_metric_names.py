"""A name under `predictions.metrics` that nothing can compute is a mistake in the file, and said before training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ml_ci.config_reader import parse
from ml_ci.errors import ConfigError
from ml_ci.statistics.metric_names import USUAL, check_names, left_out
from ml_ci.statistics.metrics import known
from tests.conftest import RunJob
from tests.predicting import CONFIG, predicting


@pytest.mark.parametrize(
    ("name", "meant"),
    [("rocauc", "roc_auc"), ("acuracy", "accuracy"), ("F1 scor", "f1_score"), ("log-los", "log_loss")],
)
def test_a_typo_is_told_where_it_stands_and_what_was_meant(name: str, meant: str) -> None:
    spec = parse(f"predictions:\n  path: p.csv\n  metrics:\n    - accuracy\n    - {name}\n", ".ml-ci.yml").predictions
    with pytest.raises(ConfigError) as caught:
        check_names(spec)
    assert str(caught.value) == (
        f'.ml-ci.yml:5: scikit-learn has no metric "{name}" for one column of predictions; did you mean "{meant}"?'
    )


def test_a_name_like_no_other_is_told_where_it_may_belong() -> None:
    spec = parse("predictions: {path: p.csv, metrics: [zzzz]}\n", ".ml-ci.yml").predictions
    with pytest.raises(ConfigError, match=r'"zzzz" .*; a column with a number for each example belongs in "columns"'):
        check_names(spec)


@pytest.mark.parametrize("metrics", ["", ", metrics: [accuracy, ROC-AUC, neg_log_loss, rmse]"])
def test_names_that_scikit_learn_has_are_let_through(metrics: str) -> None:
    check_names(parse(f"predictions: {{path: p.csv{metrics}}}\n", ".ml-ci.yml").predictions)


@pytest.mark.parametrize(
    ("predictions", "rule", "warnings"),
    [
        ("metrics: [f1]", "max-regression: 0.01", 1),
        ("metrics: [f1]", "min: 0.9", 0),
        ("metrics: [f1, accuracy]", "max-regression: 0.01", 0),
        ("metrics: [f1], columns: [accuracy]", "max-regression: 0.01", 0),
        ("columns: [loss]", "max-regression: 0.01", 0),
    ],
)
def test_a_compared_metric_that_is_left_out_is_warned_of(predictions: str, rule: str, warnings: int) -> None:
    text = f"predictions: {{path: p.csv, {predictions}}}\ngate: {{accuracy: {{direction: higher, {rule}}}}}\n"
    found = left_out(parse(text, ".ml-ci.yml"))
    assert [sentence.split(",")[0] for sentence in found] == ["The gate compares accuracy"] * warnings


def test_every_usual_name_is_one_that_scikit_learn_has() -> None:
    assert [name for name in sorted(USUAL) if not known(name)] == []


def test_usual_names_do_not_import_scikit_learn() -> None:
    code = (
        "import sys\nfrom ml_ci.config_reader import parse\nfrom ml_ci.statistics.metric_names import check_names\n"
        "check_names(parse('predictions: {path: p.csv, metrics: [accuracy, roc_auc, rmse]}', 'f').predictions)\n"
        "sys.exit('sklearn' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_job_with_an_unknown_name_ends_before_training(tmp_path: Path, run_job: RunJob) -> None:
    spec = "predictions: {path: predictions.csv, metrics: [accuracy, rocauc]}\n"
    repository = predicting(tmp_path / "repo", "count: 20, wrong: 2", "count: 20, wrong: 3", CONFIG + spec)
    result = run_job(repository)
    assert result.exit_code == 2
    assert result.failure
    assert 'did you mean "roc_auc"?' in result.failure.message
    assert not list((repository.path / ".ml-ci").glob("train-*.log"))
