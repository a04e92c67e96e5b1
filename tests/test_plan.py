"""`ml-ci plan`: its numbers against those of the paper (Renggli et al. 2019), and the command as a person uses it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import binom

from ml_ci.compare.condition_parser import parse
from ml_ci.compare.sample_size import Adaptivity, bennett, hoeffding, log_doubt, plan
from ml_ci.errors import ConfigError
from tests.command import ml_ci, strict, variables

HEAVY = ("mlflow", "sklearn", "matplotlib", "dvc", "github", "pydantic", "jinja2", "rich", "numpy", "scipy", "yaml")


def examples(
    text: str, reliability: float, adaptivity: Adaptivity, variance: float | None = None, steps: int = 32
) -> int:
    return plan(parse(text), reliability=reliability, adaptivity=adaptivity, steps=steps, variance=variance).examples


# -- the paper's numbers


@pytest.mark.parametrize(
    ("reliability", "tolerance", "variables", "none", "full"),
    [
        (0.99, 0.1, "n", 404, 1340),
        (0.99, 0.1, "n - o", 1753, 5496),
        (0.99, 0.05, "n", 1615, 5358),
        (0.99, 0.05, "n - o", 7012, 21984),
        (0.99, 0.01, "n", 40355, 133930),
        (0.99, 0.01, "n - o", 175282, 549581),
        (0.9999, 0.05, "n", 2536, 6279),
        (0.9999, 0.05, "n - o", 10696, 25668),
        (0.9999, 0.01, "n", 63381, 156956),
        (0.9999, 0.01, "n - o", 267385, 641684),
    ],
)
def test_the_papers_table(reliability: float, tolerance: float, variables: str, none: int, full: int) -> None:
    text = f"{variables} > 0.02 +/- {tolerance}"
    assert examples(text, reliability, "none") == none
    assert examples(text, reliability, "full") == full


@pytest.mark.parametrize("more", ["", r" /\ d < 0.1 +/- 0.01"])
def test_the_papers_numbers_with_a_variance_bound(more: str) -> None:
    assert examples(f"n - o > 0.02 +/- 0.01{more}", 0.9999, "none", 0.1) == 29048
    assert examples(f"n - o > 0.02 +/- 0.01{more}", 0.9999, "full", 0.1) == 67706


def test_several_variables_share_the_tolerance_as_their_coefficients_ask() -> None:
    # with e = e1 + e2, c1/e1 = c2/e2 is the optimum, and each has half of what may fail
    ratio = 1 / (0.05 * 1 / 2.1)
    assert examples("n - 1.1 * o > 0 +/- 0.05", 0.99, "none") == math.ceil(ratio**2 * math.log(2 * 32 / 0.01) / 2)


def test_every_clause_has_its_share_and_the_most_demanding_one_decides() -> None:
    both = examples(r"n > 0.9 +/- 0.05 /\ d < 0.1 +/- 0.01", 0.99, "none")
    assert both == math.ceil(math.log(2 * 32 / 0.01) / (2 * 0.01**2))
    assert both > examples("d < 0.1 +/- 0.01", 0.99, "none")


@pytest.mark.parametrize("variance", [None, 0.1])
@pytest.mark.parametrize("same", ["2 * (n - o) > 0.04 +/- 0.02", "o - n < -0.02 +/- 0.01", "n > o + 0.02 +/- 0.01"])
def test_what_says_the_same_costs_the_same(same: str, variance: float | None) -> None:
    assert examples(same, 0.99, "full", variance) == examples("n - o > 0.02 +/- 0.01", 0.99, "full", variance)


def test_a_variance_bound_never_costs() -> None:
    for text in ("n > 0.9 +/- 0.05", "n - o > 0 +/- 0.05", r"n - 1.1 * o > 0 +/- 0.05 /\ d < 0.3 +/- 0.01"):
        for variance in (1e-320, 0.01, 0.3, 1.0):
            assert examples(text, 0.99, "full", variance) <= examples(text, 0.99, "full")


def test_a_clause_about_one_models_accuracy_gains_nothing_by_a_variance_bound() -> None:
    found = plan(
        parse(r"n - o > 0 +/- 0.01 /\ n > 0.5 +/- 0.05"), reliability=0.99, adaptivity="none", steps=32, variance=0.05
    )
    assert [clause.bound for clause in found.clauses] == ["Bennett", "Hoeffding"]
    # three shares, since the bound itself may be wrong, too
    assert found.clauses[1].examples == math.ceil(math.log(3 * 32 / 0.01) / (2 * 0.05**2))


# -- the inequalities, against the exact distribution


@pytest.mark.parametrize("accuracy", [0.02, 0.3, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("tolerance", [0.02, 0.1])
def test_the_examples_of_one_step_are_enough(accuracy: float, tolerance: float) -> None:
    size = examples("n > 0.5 +/- " + str(tolerance), 0.95, "none", steps=1)
    too_high = math.floor(size * (accuracy + tolerance))
    assert binom.sf(too_high, size, accuracy) <= 0.05


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_bennetts_bound_is_enough_and_no_worse_than_hoeffdings(share: float) -> None:
    doubt = math.log(1 / 0.05)
    size = math.ceil(bennett(0.02, share, doubt))
    assert binom.sf(math.floor(size * (share + 0.02)), size, share) <= 0.05
    # of values in [-1, 1], whose range is 2
    assert size <= math.ceil(hoeffding(2 / 0.02, doubt))


def test_bennetts_bound_keeps_its_digits_where_the_tolerance_is_tiny() -> None:
    # h(u) = u^2/2 - u^3/6 + ...: in the limit N = 2p ln(1/d)/e^2
    for tolerance in (9e-5, 1e-6, 1e-9):
        assert bennett(tolerance, 1.0, 1.0) == pytest.approx(2 / tolerance**2 * (1 + tolerance / 3), rel=1e-7)


def test_adaptivity_over_many_steps_does_not_overflow() -> None:
    assert log_doubt(0.01, "full", 1_000_000) == pytest.approx(1_000_000 * math.log(2) + math.log(100))
    assert examples("n > 0.5 +/- 0.1", 0.99, "full", steps=1_000_000) > 1_000_000


@pytest.mark.parametrize("reliability", [0.0, 1.0, -1.0, 99.0, float("nan"), float("inf")])
def test_a_reliability_that_is_none_is_refused(reliability: float) -> None:
    with pytest.raises(ConfigError, match=r"reliability is .* between 0 and 1"):
        examples("n > 0.5 +/- 0.1", reliability, "none")


@pytest.mark.parametrize("variance", [0.0, -0.1, 1.1, float("nan")])
def test_a_variance_bound_that_is_no_share_is_refused(variance: float) -> None:
    with pytest.raises(ConfigError, match="variance bound is"):
        examples("n - o > 0.5 +/- 0.1", 0.99, "none", variance)


@pytest.mark.parametrize("steps", [0, -1, 1_000_001, 10**400])
def test_steps_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match="number of steps"):
        examples("n > 0.5 +/- 0.1", 0.99, "full", steps=steps)


# -- the command


def test_the_json_has_the_number_and_what_it_was_asked(tmp_path: Path) -> None:
    answer = ml_ci(
        *("plan", "n - o > 0.02 +/- 0.01", "--reliability", "0.9999", "--mode", "fn-free", "--adaptivity", "none"),
        *("--steps", "32", "--variance", "0.1", "--json"),
        folder=tmp_path,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    document = strict(answer.stdout)
    assert document["examples"] == 29048
    assert {key: document[key] for key in ("reliability", "mode", "adaptivity", "steps", "variance")} == {
        "reliability": 0.9999,
        "mode": "fn-free",
        "adaptivity": "none",
        "steps": 32,
        "variance": 0.1,
    }
    assert document["alternatives"] == [
        {"adaptivity": "none", "variance": None, "examples": 267385},
        {"adaptivity": "none", "variance": 0.1, "examples": 29048},
        {"adaptivity": "full", "variance": None, "examples": 641684},
        {"adaptivity": "full", "variance": 0.1, "examples": 67706},
    ]


def test_by_itself_it_plans_for_authors_who_see_every_outcome(tmp_path: Path) -> None:
    asked = ml_ci("plan", "n > 0.8 +/- 0.1", "--reliability", "0.99", "--json", folder=tmp_path)
    document = strict(asked.stdout)
    assert (document["examples"], document["mode"], document["adaptivity"], document["steps"]) == (
        *(1340, "fp-free", "full", 32),
    )


@pytest.mark.parametrize(
    ("mode", "decision"),
    [
        ("fp-free", "Accept a change only if, measured on these examples, n - o > 0.03 and d < 0.09."),
        ("fn-free", "Refuse a change only if, measured on these examples, n - o < 0.01 or d > 0.11."),
    ],
)
def test_a_person_is_told_the_number_and_how_to_decide(tmp_path: Path, mode: str, decision: str) -> None:
    condition = r"n - o > 0.02 +/- 0.01 /\ d < 0.1 +/- 0.01"
    answer = ml_ci("plan", condition, "--reliability", "0.9999", "--mode", mode, folder=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines()[0] == f"655,547 examples to decide on 32 changes by {condition}"
    assert decision in answer.stdout.splitlines()
    assert "--variance 0.1 may be given: then it takes 67,706 examples" in answer.stdout


def test_a_person_sees_what_else_it_could_cost(tmp_path: Path) -> None:
    answer = ml_ci("plan", "n - o > 0.02 +/- 0.01", "--reliability", "0.9999", "--variance", "0.1", folder=tmp_path)
    rows = [line.split() for line in answer.stdout.splitlines() if line.startswith(("none ", "full "))]
    assert rows == [["none", "267,385", "29,048"], ["full", "641,684", "67,706", "<-", "this", "plan"]]
    assert "differ on at most 0.1 of the examples" in answer.stdout


def test_a_variance_bound_that_saves_nothing_is_said(tmp_path: Path) -> None:
    answer = ml_ci("plan", "n > 0.5 +/- 0.1", "--variance", "0.1", folder=tmp_path)
    assert answer.returncode == 0
    assert "The variance bound 0.1 saves nothing here" in answer.stdout


@pytest.mark.parametrize(
    ("condition", "mode", "fate"),
    [("n > 0.9 +/- 0.1", "fp-free", "No model can be"), ("n > 0.05 +/- 0.1", "fn-free", "Every model is")],
)
def test_a_limit_that_its_tolerance_puts_out_of_reach_is_planned_for_with_a_note(
    tmp_path: Path, condition: str, mode: str, fate: str
) -> None:
    options = ("--mode", mode, "--reliability", "0.99", "--adaptivity", "none", "--json")
    answer = ml_ci("plan", condition, *options, folder=tmp_path)
    document = json.loads(answer.stdout)
    assert (answer.returncode, document["examples"]) == (0, 404)
    assert document["notes"][0].startswith(f"{fate} accepted by {condition}")
    assert document["notes"][0].endswith("choose another limit or a smaller tolerance.")


@pytest.mark.parametrize("options", [[], ["--steps", "32"]])
def test_a_condition_may_begin_with_a_minus(tmp_path: Path, options: list[str]) -> None:
    answers = [ml_ci("plan", text, *options, folder=tmp_path) for text in ("-n + o < 0 +/- 0.1", "n - o > 0 +- 0.1")]
    assert [answer.stdout.split()[0] for answer in answers] == ["5,174", "5,174"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["n - o > 0.02"], 'column 13: expected "+/-"'),
        (["n > 90 +/- 2"], "No model can be accepted by n > 90 +/- 2: with --mode fp-free it is decided by n > 92"),
        (["d < 10 +/- 1"], "from 0 to 1; write 0.9 for 90 percent"),
        (["n > 1 +/- 0.1"], "No model can be accepted by n > 1 +/- 0.1"),
        (["n - o < 1.5 +/- 0.1"], "Every model is accepted by n - o < 1.5 +/- 0.1"),
        (["n", "-", "o"], "came as 3 arguments; put it between single quotes"),
        (["n > 0.5 +/- 0.1", "--reliability", "1"], "between 0 and 1"),
        (["n > 0.5 +/- 0.1", "--steps", "0"], "number of steps is 0"),
        (["n > 0.5 +/- 0.1", "--variance", "2"], "variance bound is 2"),
        (["n > 0.5 +/- 0.1", "--json", "--variance", "nan"], "variance bound is nan"),
    ],
)
def test_a_wrong_usage_is_exit_2_and_one_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    answer = ml_ci("plan", *arguments, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert len(answer.stderr.splitlines()) == 1
    assert words in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["n > 0.5 +/- 0.1", "--mode", "both"],
        ["n > 0.5 +/- 0.1", "--adaptivity", "firstChange"],
        ["n > 0.5 +/- 0.1", "--steps", "1.5"],
        ["n > 0.5 +/- 0.1", "--reliability", "99%"],
    ],
)
def test_an_option_with_a_typo_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    answer = ml_ci("plan", *arguments, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["n - o > 0.02 +/- 0.01", "--variance", "0.1"]])
def test_neither_help_nor_plan_imports_anything_slow(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom ml_ci.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print('imported:', *sorted(sys.modules.keys() & set({HEAVY!r})), file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", code, "plan", *arguments],
        cwd=tmp_path, env=variables(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, "imported:\n")


def test_the_helps_example_is_one(tmp_path: Path) -> None:
    text = ml_ci("plan", "--help", folder=tmp_path).stdout
    example = next(line.strip() for line in text.splitlines() if line.strip().startswith("ml-ci plan '"))
    _, condition, options = example.split("'")
    answer = ml_ci("plan", condition, *options.split(), folder=tmp_path)
    assert answer.stdout.startswith("67,706 examples ")


def test_the_manuals_example_is_what_the_command_prints(tmp_path: Path) -> None:
    manual = Path(__file__).parents[1] / "docs" / "plan.md"
    shown = manual.read_text(encoding="utf-8").split("```console\n$ ml-ci plan ")[1].split("```")[0]
    command, _, output = shown.partition("\n")
    _, condition, options = command.split("'")
    assert ml_ci("plan", condition, *options.split(), folder=tmp_path).stdout == output
