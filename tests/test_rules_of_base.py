"""Whose rules count: a pull request cannot change the rules that it is judged by, and what it changes in them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_ci.compare.rule_changes import RuleChange, rule_changes
from ml_ci.config_reader import parse
from tests.command import ml_ci
from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository

RULE = "gate:\n  accuracy: {direction: higher, max-regression: 0.005}\n"
CONFIG = "environment: none\n" + RULE
LOOSE = CONFIG.replace("0.005", "0.5")
WORSE = {"params.yaml": "accuracy: 0.7\n"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository whose base has a rule, and a branch `change`, on which the model is worse."""
    files = {
        "train.py": WRITES_ACCURACY,
        "params.yaml": "accuracy: 0.9\n",
        ".gitignore": "metrics.json\n",
        ".ml-ci.yml": CONFIG,
    }
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit(WORSE)
    return repository


# -- what a change does to the rules


def changes(base: str, head: str) -> list[tuple[str, str, str | None, str | None, str]]:
    """Each difference as a tuple."""
    found = rule_changes(parse(base, "base"), parse(head, "head"))
    return [(change.name, change.part, change.base, change.head, change.effect) for change in found]


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        (RULE, RULE.replace("0.005", "0.05"), ("accuracy", "max-regression", "0.005", "0.05", "loosens")),
        (RULE.replace("0.005", "0.05"), RULE, ("accuracy", "max-regression", "0.05", "0.005", "tightens")),
        (RULE, RULE.replace("0.005", "2%"), ("accuracy", "max-regression", "0.005", "2 %", "changes")),
        (RULE, RULE.replace("higher", "lower"), ("accuracy", "direction", "higher", "lower", "changes")),
        (RULE, "train: x\n", ("accuracy", "", "at most 0.005 lower", None, "loosens")),
        ("train: x\n", RULE, ("accuracy", "", None, "at most 0.005 lower", "tightens")),
        (
            "gate: {a: {direction: higher, min: 0.9, max: 2}}\n",
            "gate: {a: {direction: higher, min: 0.8, max: 2}}\n",
            ("a", "min", "0.9", "0.8", "loosens"),
        ),
        (
            "gate: {a: {direction: lower, max: 4, min: 0}}\n",
            "gate: {a: {direction: lower, min: 0}}\n",
            ("a", "max", "4", None, "loosens"),
        ),
        (
            "policy: {no-baseline: fail}\n",
            "policy: {no-baseline: pass}\n",
            ("policy", "no-baseline", "fail", "pass", "loosens"),
        ),
        (
            "policy: {confidence: 0.95}\n",
            "policy: {confidence: 0.5}\n",
            ("policy", "confidence", "0.95", "0.5", "changes"),
        ),
        ("train: x\n", "baseline: none\n", ("baseline", "", "auto", "none", "loosens")),
        ("repeats: 5\n", "repeats: 1\n", ("repeats", "", "5", "1", "loosens")),
        ("predictions: {path: p.csv}\n", "train: x\n", ("predictions", "", "p.csv", None, "loosens")),
    ],
)
def test_what_a_change_does_to_a_rule(base: str, head: str, expected: tuple[object, ...]) -> None:
    assert changes(base, head) == [expected]
    # the other way round it is the opposite
    opposite = {"loosens": "tightens", "tightens": "loosens", "changes": "changes"}
    name, part, before, after, effect = expected
    assert changes(head, base) in (
        [(name, part, after, before, opposite[str(effect)])],
        [(name, part, after, before, "changes")],
    )


def test_slices_are_rules_too_and_what_allows_more_comes_first() -> None:
    base = (
        "predictions: {path: p.csv, slices: [a], metrics: [accuracy]}\n"
        "slices: {metric: accuracy, direction: higher, max-regression: 0.03, min-size: 50}\n"
    )
    head = base.replace("0.03", "0.01").replace("50}", "500}")
    assert changes(base, head) == [
        ("slices: accuracy", "min-size", "50", "500", "loosens"),
        ("slices: accuracy", "max-regression", "0.03", "0.01", "tightens"),
    ]


def test_equal_rules_are_no_change() -> None:
    assert changes(CONFIG + "policy: {confidence: 0.9}\n", "policy: {confidence: 0.90}\n" + CONFIG) == []


# -- whose rules count


def test_a_loosened_rule_does_not_count_and_is_told(repository: Repository, run_job: RunJob) -> None:
    repository.commit({".ml-ci.yml": LOOSE})
    result = run_job(repository)
    assert (result.verdict, result.exit_code, result.rules_of_base) == ("fail", 1, True)
    assert result.rules == (
        RuleChange(name="accuracy", part="max-regression", base="0.005", head="0.5", effect="loosens"),
    )


@pytest.mark.parametrize("policy", ["policy: {no-baseline: pass, rules: head}\n", "baseline: none\n"])
def test_head_cannot_say_that_its_own_rules_count_nor_that_nothing_is_compared(
    repository: Repository, run_job: RunJob, policy: str
) -> None:
    repository.commit({".ml-ci.yml": LOOSE + policy})
    assert run_job(repository).verdict == "fail"


def test_head_without_a_configuration_has_the_rules_of_base(repository: Repository, run_job: RunJob) -> None:
    repository.git("rm", "-q", ".ml-ci.yml")
    repository.commit({})
    result = run_job(repository)
    assert (result.verdict, result.rules[0].effect) == ("fail", "loosens")


def test_where_base_lets_head_rule_heads_rules_count_and_the_change_is_told(
    repository: Repository, run_job: RunJob
) -> None:
    lets = "policy: {rules: head}\n"
    repository.git("checkout", "-q", "main")
    repository.commit({".ml-ci.yml": CONFIG + lets})
    repository.branch("other").commit({**WORSE, ".ml-ci.yml": LOOSE + lets})
    result = run_job(repository)
    assert (result.verdict, result.rules_of_base, len(result.rules)) == ("pass", False, 1)


def test_a_base_that_has_no_configuration_yet_has_no_rules(tmp_path: Path, run_job: RunJob) -> None:
    files = {"train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("adopt").commit({**WORSE, ".ml-ci.yml": CONFIG})
    result = run_job(repository)
    assert (result.verdict, result.rules) == ("fail", ())


def test_predictions_that_head_no_longer_asks_for_are_missed(tmp_path: Path, run_job: RunJob) -> None:
    asks = "predictions: {path: predictions.csv}\n"
    files = {"train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", {**files, ".ml-ci.yml": CONFIG + asks})
    repository.branch("change").commit({".ml-ci.yml": CONFIG, "note.txt": "x"})
    result = run_job(repository)
    assert result.verdict == "fail"
    assert result.decision
    assert [judgement.outcome for judgement in result.decision.judgements] == ["missing"]


# -- models

MODELS = """environment: none
models:
  one: {train: python train.py, gate: {accuracy: {direction: higher, max-regression: 0.005}}}
  two: {train: python train.py}
"""


@pytest.mark.parametrize(
    "head",
    [
        "environment: none\nmodels:\n  two: {train: python train.py}\n",
        "environment: none\n",
        None,
    ],
)
def test_a_model_that_head_takes_out_is_judged_as_base_says(tmp_path: Path, head: str | None) -> None:
    files = {"train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", {**files, ".ml-ci.yml": MODELS})
    repository.branch("change")
    if head is None:
        repository.git("rm", "-q", ".ml-ci.yml")
    repository.commit({**WORSE, **({".ml-ci.yml": head} if head else {})})

    done = ml_ci("run", "--base", "main", folder=repository.path)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "no longer has this model" in done.stdout + done.stderr


def test_the_report_says_it_first(repository: Repository) -> None:
    repository.commit({".ml-ci.yml": LOOSE})
    done = ml_ci("run", "--base", "main", folder=repository.path)
    comment = (repository.path / ".ml-ci" / "report.md").read_text()
    assert done.returncode == 1
    assert comment.index("loosens accuracy: max-regression from 0.005 to 0.5") < comment.index("| Metric")
    assert "rules of the base branch" in comment
