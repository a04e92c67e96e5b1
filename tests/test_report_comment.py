"""The comment: what it says first, what it must say, and how it is cut."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from ml_ci.config import Policy
from ml_ci.records import Run
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.presentation import Illustrations, Picture, Presentation, reproduce_lines
from ml_ci.result import OwnReport, Result
from tests.render.github_markdown import text_of, to_html
from tests.render.samples import HOSTILE
from tests.runs import BASE, HEAD, decided, failed, judged, result, rule, run

ON_GITHUB = Presentation(
    repository="octo/churn",
    pull=42,
    run_url="https://github.com/octo/churn/actions/runs/1",
    report_url="https://github.com/octo/churn/actions/runs/1#report",
    reproduce=reproduce_lines(base=BASE, pull=42, head=HEAD),
    version="0.1.0",
)
ACCURACY = rule("accuracy", min=0.9, regression=0.005)


def comment(found: Result, *pictures: Picture) -> str:
    return render_comment(found, ON_GITHUB, Illustrations(pictures=pictures))


def first_line(found: Result) -> str:
    return text_of(to_html(comment(found).split("\n")[0])).strip().replace("\u00a0", " ")


def test_the_first_line_of_a_failure_is_the_rule_that_decided_with_base_and_head() -> None:
    found = result(run(BASE, accuracy=0.95), run(accuracy=0.93), ACCURACY)
    assert first_line(found) == "❌ Fail: accuracy fell by 0.02 (0.95 → 0.93); allowed is at most 0.005."


def test_the_first_line_of_a_pass_is_the_gated_metrics_with_base_and_head() -> None:
    found = result(run(BASE, accuracy=0.95), run(accuracy=0.96), ACCURACY)
    assert first_line(found) == "✅ Pass: accuracy 0.95 → 0.96; its rule holds."


def test_several_broken_rules_are_all_named() -> None:
    head = run(accuracy=0.93, loss=9.0)
    text = comment(result(run(BASE, accuracy=0.95), head, ACCURACY, rule("loss", "lower", max=4), rule("f1", min=0.5)))
    assert "loss is 9, above its maximum of 4." in text
    assert "f1 is missing" in text


def test_nothing_to_compare_with_is_loud() -> None:
    found = result(None, run(accuracy=0.95), ACCURACY, why="no run of it was found")
    assert first_line(found) == "⚠️ Pass, but not compared: there was no base to compare with; accuracy is 0.95."
    assert "**Nothing was compared.**" in comment(found)
    assert "no run of it was found" in comment(found)
    assert "not compared" in comment(found).split("**Nothing was compared.**")[1]


def test_nothing_to_compare_with_that_the_policy_fails_is_a_failure() -> None:
    found = result(None, run(accuracy=0.95), ACCURACY, policy=Policy(no_baseline="fail"))
    assert first_line(found).startswith("❌ Fail: accuracy has no value on the base")


def test_a_verdict_that_is_let_through_all_the_same_says_so() -> None:
    found = replace(result(run(BASE, accuracy=0.95), run(accuracy=0.93), ACCURACY), allowed=True)
    assert "The policy lets the merge through." in comment(found)


def test_a_failed_training_shows_its_log_and_no_numbers() -> None:
    text = comment(failed("Training failed with exit code 1.", "epoch 1\n```\nValueError: bad"))
    assert text.startswith("### ⚠️ Error: Training failed with exit code 1.\n")
    assert "epoch 1\n```\nValueError: bad" in text_of(to_html(text))
    assert "|" not in text
    assert HEAD[:9] in text


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def test_equal_inputs_make_three_lines() -> None:
    base = run(BASE, accuracy=0.95, f1=0.9)
    found = result(base, replace(base, commit=HEAD), ACCURACY, head_origin="same-inputs", code=["README.md"])
    text = comment(found, Picture(title="t", alt="a", url="https://x.example/y.png", width=800))
    first, second, third = lines_of(text)
    assert first == "### ✅ Pass: nothing that matters to training changed; accuracy stays at 0.95."
    assert "not trained, as its inputs are those of the base. Base" in second
    assert "Code: `README.md`." in second
    assert "[full report]" in third


def test_a_training_that_moved_no_metric_makes_three_lines() -> None:
    base, head = run(BASE, accuracy=0.95, f1=0.9, params={"lr": "1"}), run(accuracy=0.95, f1=0.9, params={"lr": "2"})
    first, second, _ = lines_of(comment(result(base, head, ACCURACY)))
    assert first == "### ✅ Pass: accuracy stays at 0.95; its rule holds."
    assert "Parameters: `lr` 1 → 2." in second


def test_where_nothing_moved_a_warning_is_still_said() -> None:
    base = run(BASE, accuracy=0.95)
    text = comment(result(base, run(accuracy=0.95), ACCURACY, warnings=["stale file"]))
    assert "> - stale file" in text
    assert "| Metric" not in text


@pytest.mark.parametrize("head", [run(accuracy=0.951), run(accuracy=0.95, f1=0.5)], ids=["gated", "not gated"])
def test_one_number_that_moved_makes_a_whole_comment(head: Run) -> None:
    assert "| Metric" in comment(result(run(BASE, accuracy=0.95, f1=0.4), head, rule("accuracy", min=0.5)))


def test_metrics_that_fail_at_what_they_were_are_no_small_thing() -> None:
    assert "| `accuracy`" in comment(result(run(BASE, accuracy=0.8), run(accuracy=0.8), ACCURACY))


def test_the_full_report_says_everything_also_where_nothing_moved() -> None:
    text = render_report(result(run(BASE, accuracy=0.95), run(accuracy=0.95), ACCURACY), ON_GITHUB)
    assert "| `accuracy` |" in text
    assert "Reproduce it" in text


def test_a_metric_that_is_not_a_number_is_named() -> None:
    text = comment(result(run(BASE, accuracy=0.95), run(accuracy=math.nan), ACCURACY))
    assert re.search(r"\| `accuracy` \| +0\.95 \| +NaN \|", text)


def test_warnings_are_not_folded() -> None:
    text = comment(result(None, run(accuracy=0.95, warnings=["two runs finished"]), warnings=["stale file"]))
    assert text.index("stale file") < text.index("two runs finished") < text.index("<details>")


def test_what_changed_is_one_line_each() -> None:
    base = run(BASE, accuracy=0.91, params={"lr": "0.1"}, data={"train.csv": "aa"}, packages={"numpy": "2.0"})
    head = run(accuracy=0.9, params={"lr": "0.2", "depth": "3"}, data={"train.csv": "aa"}, packages={"numpy": "2.0"})
    text = comment(result(base, head, ACCURACY, code=["train.py"]))
    assert "- **Code**: `train.py`\n" in text
    assert "- **Parameters**: `depth` added (3); `lr` 0.1 → 0.2\n" in text
    assert "- Unchanged: data, environment" in text


@pytest.mark.parametrize(
    ("origin", "why", "words"),
    [
        ("found", "in MLflow", "its run was found (in MLflow)"),
        ("same-inputs", "the run of abc", "not trained, as a run with the same inputs was found (the run of abc)"),
        ("trained", "", "trained now in 12 s, as no run of it was found"),
    ],
)
def test_where_the_base_came_from_is_said_in_words(origin: str, why: str, words: str) -> None:
    base = run(BASE, accuracy=0.95)
    found = result(base, run(accuracy=0.95), ACCURACY, origin=origin, why=why)  # type: ignore[arg-type]
    assert words in text_of(to_html(comment(found))).replace("\u00a0", " ")


def test_sections_come_in_the_order_in_which_reviewers_ask() -> None:
    base = run(BASE, accuracy=0.95, f1=0.8, rows=7, params={"lr": "1"})
    found = result(base, run(accuracy=0.95, f1=0.9, rows=7, params={"lr": "2"}), ACCURACY, warnings=["careful"])
    text = comment(found, Picture(title="Metrics by step", alt="a", url="https://x.example/y.png", width=800))
    order = [
        "### ✅",
        "| Metric ",
        "careful",
        "What changed",
        "Other metrics that changed",
        "<img",
        "1 metric did not change",
        "Reproduce it",
        "Head [",
        "Base [",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_kind_of_foreign_text_is_only_text() -> None:
    base = run(BASE, metrics={HOSTILE: 0.6}, params={HOSTILE: "1"}, data={HOSTILE: "cd"}, packages={HOSTILE: "1"})
    head = run(metrics={HOSTILE: 0.5}, params={HOSTILE: HOSTILE}, data={HOSTILE: "ab"}, warnings=[HOSTILE])
    found = replace(result(base, head, rule(HOSTILE, regression=0.01), code=[HOSTILE], why=HOSTILE), key=HOSTILE)
    html = to_html(comment(found, Picture(title=HOSTILE, alt=HOSTILE, url="https://x.example/y.png", width=800)))
    links = set(re.findall(r'href="([^"]*)"', html))
    assert links == {ON_GITHUB.commit_url(HEAD), ON_GITHUB.commit_url(BASE), ON_GITHUB.run_url, ON_GITHUB.report_url}
    assert re.findall(r'<img[^>]* src="([^"]*)"', html) == ["https://x.example/y.png"]
    outside = text_of(re.sub(r"<(code|pre)>.*?</\1>", " ", html, flags=re.DOTALL))
    assert not re.search(r"@octocat|#1\b|www\.|://|\$|:smile:|\u202e", outside)


def many(count: int) -> Result:
    base = {f"layer_{n:05}/{'x' * 40}": n / 7 for n in range(count)}
    return result(
        run(BASE, metrics=base, accuracy=0.95),
        run(metrics={k: v + 1 for k, v in base.items()}, accuracy=0.95),
        ACCURACY,
    )


def test_three_hundred_metrics_fit() -> None:
    text = comment(many(300))
    assert len(text.encode()) <= 60_000
    assert text.count("`layer_") == 300


def test_what_does_not_fit_is_left_out_whole_and_named() -> None:
    text = comment(many(3000))
    assert len(text.encode()) <= 60_000
    assert "`layer_" not in text
    assert "Left out, as GitHub limits a comment's size: other metrics that changed." in text
    assert f"[full report]({ON_GITHUB.report_url})" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "`accuracy`" in text
    assert HEAD[:9] in text


def test_nothing_foreign_makes_a_comment_too_long() -> None:
    huge = "☃" * 100_000
    base = run(BASE, metrics={huge: 1.0}, params={huge: huge}, data={huge: huge}, packages={huge: huge})
    head = run(metrics={huge: 2.0}, params={huge: huge + "!"}, warnings=[f"{n}{huge}" for n in range(100)])
    rules = [rule(f"{n}{huge}", min=0.5) for n in range(100)]
    assert len(comment(result(base, head, *rules, code=[huge], why=huge)).encode()) <= 60_000
    assert len(comment(failed(huge, "\x01" * 100_000)).encode()) <= 60_000


def test_the_full_report_shows_what_the_comment_leaves_out() -> None:
    assert render_report(many(3000), ON_GITHUB).count("`layer_") == 3000


def test_on_a_laptop_there_is_nothing_to_link_to() -> None:
    text = render_comment(result(run(BASE, accuracy=0.95), run(accuracy=0.95), ACCURACY), Presentation(version="0.1.0"))
    assert "](" not in text
    assert "Reproduce" not in text


def test_without_a_gate_the_numbers_are_open_and_nothing_looks_judged() -> None:
    comment = render_comment(result(run(accuracy=0.9), run(accuracy=0.7)), Presentation())
    headline, table = comment.split("\n\n")[:2]
    assert "Pass, but not judged" in headline
    assert "✅" not in headline
    assert "0.7" in table


def test_a_dvc_file_is_not_shown_as_code_beside_the_data_that_it_names() -> None:
    base, head = run(accuracy=0.9, data={"train.csv": "aa"}), run(accuracy=0.9, data={"train.csv": "bb"})
    comment = render_comment(
        result(base, head, rule("accuracy", min=0.5), code=["train.csv.dvc", "a.py"]), Presentation()
    )
    assert "train.csv.dvc" not in comment
    assert "a.py" in comment


def test_a_file_of_parameters_is_not_shown_as_code_beside_all_of_its_parameters() -> None:
    base, head = run(accuracy=0.8, params={"lr": "1"}), run(accuracy=0.9, params={"lr": "2"})
    found = result(base, head, rule("accuracy", min=0.5), code=["params.yaml", "a.py"])
    shown = replace(found, parameters={"params.yaml": frozenset({"lr"})})
    assert "- **Code**: `a.py`\n" in render_comment(shown, Presentation())
    for more in ({"lr", "depth"}, set[str]()):
        hidden = replace(found, parameters={"params.yaml": frozenset(more)})
        assert "- **Code**: `params.yaml`; `a.py`\n" in render_comment(hidden, Presentation())


def test_two_bare_files_of_metrics_say_nothing_about_what_did_not_change() -> None:
    base, head = (replace(run(accuracy=value), fingerprint="") for value in (0.9, 0.8))
    assert "Unchanged" not in render_comment(result(base, head, rule("accuracy", min=0.5)), Presentation())


def test_numbers_have_the_digits_that_their_interval_knows() -> None:
    """An interval that is 0.0031 wide knows 0.0016 to either side: the fifth decimal is noise."""
    found = result(run(BASE, roc_auc=0.98712), run(roc_auc=0.98745))
    judgement = judged("roc_auc", 0.98712, 0.98745, "pass", (-0.0012, 0.0019), margin=0.01)
    text = comment(decided(found, "pass", judgement)).replace("\u00a0", " ")
    assert re.search(r"\| 0\.9871 \| 0\.9874 \| ▲ \+0\.0003 \(\+0\.03 %\) better \|", text)
    assert "roc\\_auc 0.9871 → 0.9874" in text


def test_without_an_interval_every_digit_of_a_difference_is_shown() -> None:
    found = result(run(BASE, roc_auc=0.98712), run(roc_auc=0.98745), rule("roc_auc", regression=0.1))
    assert "| 0.98712 | 0.98745 |" in comment(found)


@pytest.mark.parametrize(("count", "is_folded"), [(10, False), (11, True)])
def test_a_few_metrics_that_changed_are_open_and_many_are_folded(count: int, is_folded: bool) -> None:
    base = {f"m{n}": float(n) for n in range(count)}
    moved = {name: value + 1 for name, value in base.items()}
    text = comment(result(run(BASE, metrics=base, accuracy=0.9), run(metrics=moved, accuracy=0.9), ACCURACY))
    assert (f"<details><summary>{count} other metrics changed</summary>" in text) == is_folded
    assert text.count("`m3`") == 1


def with_report(text: str) -> Result:
    found = result(run(BASE, accuracy=0.95), run(accuracy=0.96), ACCURACY)
    return replace(found, report=OwnReport(path="report.md", text=text))


def test_the_repositorys_own_report_stands_between_the_plots_and_how_to_reproduce() -> None:
    text = comment(with_report("Hello."), Picture(title="t", alt="a", url="https://x.example/y.png", width=800))
    assert text.index("<img") < text.index("The repository's own report") < text.index("Reproduce it")
    assert "Hello." in text


def test_a_long_report_of_the_repositorys_is_folded() -> None:
    short, long = comment(with_report("Hello.\n")), comment(with_report("Hello.\n\n" * 40))
    assert "<details><summary>The repository's own report</summary>" not in short
    assert "<details><summary>The repository's own report</summary>" in long


def test_a_report_that_is_too_large_is_dropped_whole() -> None:
    text = comment(with_report(("Hello, dear reader. " * 50 + "\n\n") * 70))
    assert "Left out, as GitHub limits a comment's size: own report." in text
    assert "dear reader" not in text
    assert len(text.encode()) <= 60_000


def test_a_failed_training_has_neither_plots_nor_a_report_of_its_own() -> None:
    left_over = replace(failed("Training failed.", "log"), report=OwnReport(path="report.md", text="Hello."))
    text = comment(left_over, Picture(title="t", alt="a", url="https://x.example/y.png", width=800))
    assert "Hello" not in text
    assert "<img" not in text


def test_without_a_gate_and_without_a_base_the_values_come_before_the_plots() -> None:
    found = result(None, run(accuracy=0.9, f1=0.8), why="this is the first run")
    text = comment(found, Picture(title="t", alt="a", url="https://x.example/y.png", width=800))
    assert text.index("| `accuracy` |") < text.index("<img")
    assert "Rules about" not in text
    assert "<summary>2" not in text
