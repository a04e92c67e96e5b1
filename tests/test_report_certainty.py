"""How sure the verdict is: what the report says of evidence, slices and the test set, and where."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Literal

import pytest
from rich.console import Console

from ml_ci.compare.judgement import Judgement, Verdict
from ml_ci.report.markdown import render_comment
from ml_ci.report.page import render_page
from ml_ci.report.presentation import Presentation
from ml_ci.report.result_json import result_json
from ml_ci.report.terminal import print_result
from ml_ci.result import Result, TestSetUse
from tests.render.github_markdown import text_of, to_html
from tests.runs import BASE, decided, judged, part, result, rule, run, scored

FOUND = result(run(BASE, accuracy=0.95, loss=1.0), run(accuracy=0.945, loss=1.1))
SURE = judged(
    "accuracy", 0.95, 0.953, "pass", (-0.003, 0.009), said="is at most 0.2 points worse, with 95 % confidence."
)
UNSURE = judged(
    "accuracy", 0.95, 0.945, "inconclusive", (-0.014, 0.004), said="may be worse.", detectable=0.0143, needed=30_412
)
PLAIN = judged("loss", 1.0, 1.1, "pass", margin=0.2, direction="lower")


def comment(found: Result) -> str:
    return render_comment(found, Presentation()).replace("\u00a0", " ")


def words(found: Result) -> str:
    return " ".join(text_of(to_html(comment(found))).split())


def terminal(found: Result) -> str:
    file = io.StringIO()
    print_result(found, Console(file=file, width=500))
    return file.getvalue().replace("\u00a0", " ")


def everywhere(found: Result) -> tuple[str, str, str]:
    page = text_of(render_page(found, Presentation()).split("</style>")[1]).replace("\u00a0", " ")
    return words(found), " ".join(page.split()), terminal(found)


def test_each_metric_has_its_interval_and_a_sentence() -> None:
    found = decided(FOUND, "pass", SURE)
    assert "[−0.003, +0.009]" in words(found)
    for text in everywhere(found):
        assert "accuracy is at most 0.2 points worse, with 95 % confidence." in text
        assert "two numbers" not in text


def test_a_sentence_that_is_the_headline_is_not_said_again() -> None:
    assert words(decided(FOUND, "inconclusive", UNSURE)).count("may be worse.") == 1


def test_two_numbers_are_loudly_no_more_than_that() -> None:
    for text in everywhere(decided(FOUND, "pass", SURE, PLAIN)):
        assert "Plain tolerance on two numbers: it does not know chance" in text


def test_inputs_that_are_equal_leave_nothing_to_chance() -> None:
    base = run(BASE, loss=1.0)
    found = result(base, run(loss=1.0), head_origin="same-inputs")
    assert "chance" not in words(decided(found, "pass", PLAIN))


def test_what_a_rule_stands_on_is_folded_below() -> None:
    text = text_of(to_html(comment(decided(FOUND, "inconclusive", UNSURE))))
    above, folded = text.split("How sure this is")
    for part_ in ("predictions: 1,000 examples", "paired bootstrap", "[−0.0122, +0.0022]", "0.005", "0.014", "31,000"):
        assert part_ in folded
    assert "paired bootstrap" not in above


def test_a_note_on_several_metrics_is_one_line() -> None:
    note = "The file has no scores."
    first, second = (
        judged(name, 0.9, 0.9, "pass", (-0.001, 0.001), said="is fine.", notes=[note]) for name in ("a", "b")
    )
    assert "a, b: The file has no scores." in words(decided(FOUND, "pass", first, second))


SLICES = (
    part("south", 300, 0.9, 0.89, "pass", margin=0.03),
    part("north", 412, 0.95, 0.88, "fail", margin=0.03, worse=True),
    part("tiny", 12, outcome="too small"),
)


def test_the_worst_slice_is_shown_and_all_are_folded_with_it_first() -> None:
    found = decided(FOUND, "fail", SURE, slices=SLICES, reasons=["accuracy where region is north fell."])
    for text in everywhere(found):
        assert "region = north (412 examples): accuracy 0.95 → 0.88" in text
    text = comment(found)
    folded = text[text.index("<summary>3 slices: 1 failed, 1 too small to judge</summary>") :]
    assert folded.index("`north`") < folded.index("`south`") < folded.index("Too small to judge: `region = tiny (12)`")
    assert text.startswith("### ❌ Fail: accuracy where region is north fell.")


def test_of_many_slices_a_comment_shows_twenty() -> None:
    many = [part(f"s{n}", 100, 0.9, 0.9) for n in range(30)]
    text = comment(decided(FOUND, "pass", SURE, slices=many))
    assert "`s19`" in text
    assert "`s20`" not in text
    assert "… and 10 more, none of them worse than these" in text


def test_a_slice_that_only_shows_is_clearly_worse_or_nothing() -> None:
    text = words(decided(FOUND, "pass", SURE, slices=[part("a", 90, 0.9, 0.8, worse=True), part("b", 90, 0.9, 0.89)]))
    assert "⚠️ clearly worse" in text
    assert "2 slices: 1 clearly worse" in text
    assert "Benjamini" in text


def test_slices_that_are_all_too_small_are_named_and_not_judged() -> None:
    text = words(decided(FOUND, "pass", SURE, slices=SLICES[2:]))
    assert "No slice has enough examples to be judged." in text
    assert "Too small to judge: region = tiny (12)." in text


def test_slices_that_are_not_there_at_all_are_said_openly() -> None:
    text = comment(decided(FOUND, "pass", SURE, notes=["accuracy by region could not be compared: no such column."]))
    assert "accuracy by region could not be compared" in text[: text.index("<details>")]


def use(verdicts: int, supported: int | None, examples: int | None = 10_000) -> Result:
    test_set = TestSetUse(digest="e" * 64, verdicts=verdicts, examples=examples, supported=supported)
    return decided(FOUND, "pass", SURE, test_set=test_set)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (use(7, 12), "Test set: 10,000 examples, 7 verdicts so far."),
        (use(1, None, None), "Test set: 1 verdict so far."),
    ],
)
def test_how_worn_the_test_set_is_is_one_calm_line(found: Result, said: str) -> None:
    assert "[!WARNING]" not in comment(found)
    for text in everywhere(found):
        assert said in text


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (use(7, 12), "its 10,000 examples support about 12 verdicts."),
        (use(1, 0, 200), "its 200 examples support not even one for sure."),
    ],
)
def test_how_many_verdicts_it_carries_is_folded_with_the_command_that_plans_more(found: Result, said: str) -> None:
    above, folded = words(found).split("How sure this is")
    assert said in folded
    assert "support" not in above
    assert "ml-ci plan 'n - o > 0 +/- 0.005'" in folded


def test_a_test_set_that_is_worn_out_is_a_warning_for_people_and_programs() -> None:
    said = "This test set has carried 13 verdicts, and its 10,000 examples support about 12"
    assert said in words(use(13, 12))
    assert "[!WARNING]" in comment(use(13, 12))
    assert any(said in warning for warning in json.loads(result_json(use(13, 12)))["warnings"])


def test_only_slices_that_could_not_be_compared_make_a_pass_that_says_so() -> None:
    reason = "There was nothing to compare with, so whether accuracy by region got worse is not known."
    found = decided(FOUND, "pass", SURE, reasons=[reason])
    assert comment(found).startswith(f"### ⚠️ Pass, but not compared: {reason}")


def test_programs_get_bounds_slices_and_the_test_set() -> None:
    found = decided(
        FOUND, "inconclusive", UNSURE, slices=SLICES, test_set=TestSetUse(digest="e", verdicts=2, examples=10)
    )
    document = json.loads(result_json(found))
    metric = document["metrics"][0]
    assert (metric["interval"], metric["method"], metric["evidence"]) == (
        [-0.014, 0.004],
        "paired bootstrap",
        "predictions: 1,000 examples",
    )
    assert metric["bounds"] == pytest.approx([-0.0122, 0.0022])
    assert (metric["margin"], metric["detectable"], metric["needed"], metric["unit"]) == (
        0.005,
        0.0143,
        30_412,
        "examples",
    )
    assert [found["outcome"] for found in document["slices"]] == ["pass", "fail", "too small"]
    assert document["slices"][2]["interval"] is None
    assert document["test_set"] == {"digest": "e", "verdicts": 2, "examples": 10, "supported": None}


def test_a_bound_that_is_infinite_is_null_and_named() -> None:
    wide = judged("accuracy", 0.95, 0.945, "inconclusive", (-math.inf, 0.004))
    document = json.loads(result_json(decided(FOUND, "inconclusive", wide)))
    assert document["metrics"][0]["interval"] is None
    assert any("interval of accuracy is -inf" in warning for warning in document["warnings"])


def test_foreign_text_of_slices_is_only_text() -> None:
    bad = "a|b`c`<img src=x onerror=alert(1)>@octocat #1 \u202e"
    slices = [part(bad, 90, 0.9, 0.8, worse=True, column=bad, metric=bad), part(bad, 1, outcome="too small")]
    found = decided(FOUND, "pass", judged(bad, 0.9, 0.9, "pass", (-0.1, 0.1), said=bad, notes=[bad]), slices=slices)
    html = to_html(comment(found))
    assert "<img" not in html
    assert "\u202e" not in html
    assert 'href="' not in html
    assert "<img src=x" not in render_page(found, Presentation())


# -- other examples

DIFFER = "base and head were scored on different examples: 100 ids are only on base (the first is 17)."


def on_two_test_sets(verdict: Verdict, *judgements: Judgement) -> Result:
    found = result(scored(run(BASE, accuracy=0.95), "a"), scored(run(accuracy=0.945), "b"))
    return decided(found, verdict, *judgements)


def test_a_pass_on_other_examples_is_no_plain_pass() -> None:
    plain = judged("accuracy", 0.95, 0.95, "pass", notes=[f"The predictions could not be paired: {DIFFER}"])
    for text in everywhere(on_two_test_sets("pass", plain)):
        assert text.startswith(f"⚠️ Pass, but on other examples: {DIFFER}")


def test_a_failure_on_other_examples_says_so_right_after_what_failed() -> None:
    first, second = (judged(name, 0.95, 0.9, "fail", said="fell.", notes=[DIFFER]) for name in ("a", "b"))
    lines = comment(on_two_test_sets("fail", first, second)).splitlines()
    assert lines[0].startswith("### ❌ Fail: a")
    assert lines[1].startswith("- Base and head were scored on different examples: 100 ids")


OTHER_DATA = "The data under DVC is not base's, and the test set may be a part of it"


def with_digests(found: Result, base: str, head: str) -> Result:
    """The same result, measured on these test sets, which no predictions tell."""
    assert found.base.run is not None
    assert found.head is not None
    of_base = replace(found.base, run=replace(found.base.run, test_set=base))
    return replace(found, base=of_base, head=replace(found.head, test_set=head))


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_other_data_and_so_perhaps_another_test_set_is_said_in_the_first_lines(
    verdict: Literal["pass", "fail", "inconclusive"],
) -> None:
    outcome = judged("accuracy", 0.95, 0.9, verdict, said="is judged.")
    found = decided(result(run(BASE, accuracy=0.95), run(accuracy=0.9)), verdict, outcome)
    lines = comment(with_digests(found, "a", "b")).splitlines()
    assert lines[1].startswith(f"- {OTHER_DATA}")
    for text in everywhere(with_digests(found, "a", "b")):
        assert OTHER_DATA in text[:400]
    for text in everywhere(with_digests(found, "a", "a")):
        assert OTHER_DATA not in text


def test_that_only_one_side_has_predictions_is_said_there_too() -> None:
    found = with_digests(result(run(BASE, accuracy=0.95), run(accuracy=0.95), rule("accuracy")), "a", "b")
    found = replace(found, head=scored(found.head, "b"))
    for text in everywhere(found):
        assert "Whether base and head were scored on the same examples is not known" in text[:400]


@pytest.mark.parametrize(("base", "head"), [("", "b"), ("a", ""), ("", "")])
def test_where_the_test_set_is_not_known_nothing_is_said_of_it(base: str, head: str) -> None:
    found = with_digests(result(run(BASE, accuracy=0.95), run(accuracy=0.95), rule("accuracy")), base, head)
    for text in everywhere(found):
        assert "test set" not in text[:300]


# -- nothing twice, and nothing that was not taken


def test_a_number_that_the_rule_did_not_take_is_not_shown_as_heads() -> None:
    missing = judged("accuracy", 0.918, 0.918, "missing", said="is missing")
    found = decided(FOUND, "fail", missing, reasons=[missing.why])
    row = next(line for line in comment(found).splitlines() if line.startswith("| `accuracy`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["0.918", "—", "—"]


def test_a_warning_that_is_a_reason_is_said_once() -> None:
    cause = 'predictions.csv has no column "label".'
    found = result(
        run(BASE, accuracy=0.9), run(accuracy=0.9), warnings=[f"{cause} The verdict rests on weaker evidence."]
    )
    found = decided(found, "fail", SURE, reasons=[f"accuracy is missing: {cause}"])
    assert all(text.count("has no column") == 1 for text in everywhere(found))


def test_the_worst_slice_is_shown_also_where_it_is_the_one_that_did_not_change() -> None:
    found = decided(FOUND, "pass", SURE, slices=[part("a", 90, 0.9, 0.9), part("b", 90, 0.9, 0.95)])
    for text in everywhere(found):
        assert "region = a (90 examples): accuracy 0.9 → 0.9" in text


def test_slices_that_did_not_change_have_no_worst_one() -> None:
    for text in everywhere(decided(FOUND, "pass", SURE, slices=[part("a", 90, 0.9, 0.9), part("b", 90, 0.8, 0.8)])):
        assert "Worst slice" not in text
        assert "No slice has enough" not in text


def test_a_slice_that_is_worse_and_inconclusive_is_explained() -> None:
    found = decided(FOUND, "pass", SURE, slices=[part("a", 90, 0.9, 0.8, "inconclusive", margin=0.05, worse=True)])
    for text in everywhere(found):
        assert "❔ inconclusive; clearly worse, maybe within the limit" in text
    assert "it is worse, but not surely by more than is allowed." in words(found)


def test_what_is_detectable_is_explained_where_it_stands() -> None:
    assert "Detectable is" in words(decided(FOUND, "inconclusive", UNSURE))
    assert "Detectable is" not in words(decided(FOUND, "pass", SURE))


def test_a_terminal_says_what_the_verdict_stands_on_and_names_small_slices() -> None:
    text = terminal(decided(FOUND, "pass", SURE, slices=SLICES))
    assert "The verdict stands on predictions: 1,000 examples." in text
    assert "Too small to judge: region = tiny (12)." in text


def test_a_narrow_terminal_parts_neither_outcome_nor_number() -> None:
    file = io.StringIO()
    print_result(decided(FOUND, "inconclusive", UNSURE), Console(file=file, width=80))
    lines = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    assert any(line.startswith("accuracy 0.950 0.945 ▼ −0.005 worse") and "❔ inconclusive" in line for line in lines)
    assert any("[−0.014, +0.004]" in line for line in lines)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("DeLong over groups", "DeLong's method compares two ROC curves"),
        ("exact McNemar and Tango's score interval", "the examples that only one side gets right"),
        ("BCa bootstrap, 2,000 resamples, and delta method", "A bootstrap draws the examples anew"),
        ("jackknife over blocks", "leaves out one block"),
        ("Welch's t", "both sides' trainings"),
        ("t prediction interval", "one more record of the base branch"),
    ],
)
def test_each_method_that_was_used_is_explained_in_the_fold(method: str, said: str) -> None:
    above, folded = words(decided(FOUND, "pass", replace(SURE, method=method))).split("How sure this is")
    assert said in folded
    assert said not in above
