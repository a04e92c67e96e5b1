"""The gate, with literals: each outcome, each edge, and the words that a reviewer reads."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

import pytest

from ml_ci import numbers
from ml_ci.compare.comparison import compare
from ml_ci.compare.evidence import Evidence
from ml_ci.compare.gate import Decision, Judgement, decide, describe
from ml_ci.config import Policy, Rule, Tolerance
from tests.runs import BASE, rule, run

INFINITY = float("inf")
NAN = float("nan")
Direction = Literal["higher", "lower"]


def verdict(
    base: dict[str, float] | None, head: dict[str, float], *rules: Rule, policy: Policy | None = None
) -> Decision:
    before = None if base is None else run(BASE, metrics=base)
    return decide(compare(before, run(metrics=head)), rules, policy or Policy())


def judged(base: float | None, head: float | None, line: Rule) -> Judgement:
    """What the rule, on the metric `m`, says about these values; a base of None is a base without the metric."""
    decision = verdict({} if base is None else {"m": base}, {} if head is None else {"m": head}, line)
    return decision.judgements[0]


# -- max-regression


@pytest.mark.parametrize(
    ("direction", "base", "head", "outcome"),
    [
        ("higher", "0.95", "0.945", "pass"),  # 0.95 - 0.945 is 0.0050000000000000044 in binary
        ("higher", "0.95", "0.9449999", "fail"),
        ("higher", "0.95", "0.99", "pass"),
        ("higher", "0.3", "0.295", "pass"),
        ("higher", "1.005", "1.0", "pass"),
        ("lower", "0.945", "0.95", "pass"),
        ("lower", "0.945", "0.9500001", "fail"),
        ("lower", "0.95", "0.1", "pass"),
        ("higher", "-0.95", "-0.955", "pass"),
        ("higher", "-0.95", "-0.9551", "fail"),
        ("lower", "0", "0.005", "pass"),
        ("lower", "0", "0.0050001", "fail"),
    ],
)
def test_an_absolute_tolerance_is_that_of_the_written_decimals(
    direction: Direction, base: str, head: str, outcome: str
) -> None:
    fall = Decimal(base) - Decimal(head) if direction == "higher" else Decimal(head) - Decimal(base)
    assert outcome == ("pass" if fall <= Decimal("0.005") else "fail"), "the table itself"
    assert judged(float(base), float(head), rule("m", direction, regression=0.005)).outcome == outcome


@pytest.mark.parametrize(
    ("direction", "base", "head", "outcome"),
    [
        ("lower", "4.0", "4.08", "pass"),
        ("lower", "4.0", "4.0800001", "fail"),
        ("lower", "0.07", "0.0714", "pass"),
        ("higher", "50", "49", "pass"),
        ("higher", "50", "48.999", "fail"),
        ("higher", "-50", "-51", "pass"),  # a log-likelihood: 2 % of its size, though the number is negative
        ("higher", "-50", "-51.001", "fail"),
        ("higher", "-50", "-40", "pass"),
        ("lower", "-50", "-49", "pass"),
        ("lower", "-50", "-48.999", "fail"),
        ("higher", "0", "0", "pass"),
        ("higher", "0", "1", "pass"),
        ("higher", "0", "-1e-300", "fail"),  # of nothing, 2 % is nothing
        ("lower", "0", "1e-300", "fail"),
        ("lower", "4e-07", "9e-07", "fail"),
    ],
)
def test_a_percentage_is_one_of_the_size_of_base(direction: Direction, base: str, head: str, outcome: str) -> None:
    worse = Decimal(base) - Decimal(head) if direction == "higher" else Decimal(head) - Decimal(base)
    assert outcome == ("pass" if worse <= abs(Decimal(base)) * 2 / 100 else "fail"), "the table itself"
    assert judged(float(base), float(head), rule("m", direction, regression="2%")).outcome == outcome


@pytest.mark.parametrize(("head", "outcome"), [(0.9, "pass"), (0.91, "pass"), (0.8999999999999999, "fail")])
def test_a_tolerance_of_nothing_lets_nothing_get_worse(head: float, outcome: str) -> None:
    assert judged(0.9, head, rule("m", regression=0)).outcome == outcome
    assert judged(0.9, head, rule("m", regression="0%")).outcome == outcome


def test_huge_and_tiny_numbers_are_compared_exactly() -> None:
    assert judged(1e308, -1e308, rule("m", regression=1e300)).outcome == "fail"
    assert judged(5e-324, 1e-323, rule("m", "lower", regression=0)).outcome == "fail"
    assert judged(1e16, 1e16 - 2, rule("m", regression=2)).outcome == "pass"
    assert judged(1e16, 1e16 - 4, rule("m", regression=2)).outcome == "fail"


# -- min and max


@pytest.mark.parametrize(
    ("head", "outcome"), [(0.9, "pass"), (0.95, "pass"), (0.99, "pass"), (0.8999, "fail"), (0.9901, "fail")]
)
def test_limits_are_inside_and_hold_without_any_base(head: float, outcome: str) -> None:
    line = rule("m", min=0.9, max=0.99)
    assert judged(None, head, line).outcome == outcome
    assert verdict(None, {"m": head}, line).judgements[0].outcome == outcome


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_minimum_and_a_maximum_hold_in_either_direction(direction: Direction) -> None:
    assert judged(1, 0.5, rule("m", direction, min=0.6)).outcome == "fail"
    assert judged(1, 0.5, rule("m", direction, max=0.4)).outcome == "fail"
    assert judged(1, 0.5, rule("m", direction, min=0.5, max=0.5)).outcome == "pass"


def test_a_broken_limit_fails_though_head_is_better_than_base() -> None:
    judgement = judged(0.5, 0.8, rule("m", min=0.9, regression=0.01))
    assert judgement.outcome == "fail"
    assert "0.9" in judgement.why


def test_a_regression_fails_though_the_limits_hold() -> None:
    assert judged(0.99, 0.95, rule("m", min=0.9, regression=0.01)).outcome == "fail"


# -- values that are none


@pytest.mark.parametrize("line", [rule("m", min=0.0), rule("m", regression=0.5), rule("m", "lower", max=1.0)])
@pytest.mark.parametrize(("head", "word"), [(NAN, "NaN"), (INFINITY, "Infinity"), (-INFINITY, "−Infinity")])
def test_a_head_that_is_not_a_finite_number_fails_and_is_named(line: Rule, head: float, word: str) -> None:
    judgement = judged(0.9, head, line)
    assert judgement.outcome == "fail"
    assert f"m is {word}," in judgement.why


@pytest.mark.parametrize("line", [rule("m", min=0.0), rule("m", regression=0.5)])
def test_a_head_without_the_metric_is_missing_and_the_verdict_is_fail(line: Rule) -> None:
    decision = verdict({"m": 0.9}, {"other": 1.0}, line)
    assert (decision.verdict, decision.judgements[0].outcome) == ("fail", "missing")
    assert "m is missing" in decision.why


def test_a_metric_that_neither_side_has_is_missing_too() -> None:
    assert judged(None, None, rule("acuracy", regression=0.1)).outcome == "missing"


@pytest.mark.parametrize("base", [None, NAN, INFINITY, -INFINITY])
def test_a_base_without_a_finite_number_cannot_be_compared_with(base: float | None) -> None:
    judgement = judged(base, 0.9, rule("m", min=0.5, regression=0.01))
    assert judgement.outcome == "no-baseline"
    assert "m" in judgement.why
    assert "base" in judgement.why


def test_without_relative_part_a_rule_needs_no_base() -> None:
    assert judged(NAN, 0.9, rule("m", min=0.5)).outcome == "pass"


# -- the verdict


RELATIVE, ABSOLUTE = rule("accuracy", regression=0.01), rule("accuracy", min=0.5)


def test_every_rule_holds() -> None:
    decision = verdict({"accuracy": 0.9}, {"accuracy": 0.9}, RELATIVE, ABSOLUTE)
    assert (decision.verdict, decision.why) == ("pass", "Every rule holds.")
    assert [judgement.outcome for judgement in decision.judgements] == ["pass", "pass"]


def test_without_a_baseline_a_relative_rule_passes_loudly() -> None:
    decision = verdict(None, {"accuracy": 0.9}, RELATIVE, ABSOLUTE)
    assert decision.verdict == "pass"
    assert [judgement.outcome for judgement in decision.judgements] == ["no-baseline", "pass"]
    assert "nothing to compare with" in decision.why
    assert "accuracy" in decision.why
    assert "Every rule holds" not in decision.why


def test_without_a_baseline_the_policy_may_fail_it() -> None:
    decision = verdict(None, {"accuracy": 0.9}, RELATIVE, policy=Policy(no_baseline="fail"))
    assert decision.verdict == "fail"
    assert "accuracy" in decision.why


@pytest.mark.parametrize("policy", [Policy(), Policy(no_baseline="fail"), Policy(inconclusive="fail")])
def test_a_rule_that_fails_decides_whatever_the_policy_and_is_the_one_that_is_named(policy: Policy) -> None:
    decision = verdict(None, {"accuracy": 0.9, "loss": 9.0}, RELATIVE, rule("loss", "lower", max=4.0), policy=policy)
    assert decision.verdict == "fail"
    assert decision.why == "loss is 9, above its maximum of 4."


def test_all_rules_that_fail_are_named() -> None:
    decision = verdict({"a": 1.0}, {"a": 0.5, "b": NAN}, rule("a", regression=0.1), rule("b", min=0), rule("c", min=0))
    assert decision.verdict == "fail"
    assert [judgement.outcome for judgement in decision.judgements] == ["fail", "fail", "missing"]
    assert all(f"{name} " in decision.why for name in "abc")


def test_no_rules_judge_nothing_and_say_so() -> None:
    decision = verdict({"accuracy": 0.9}, {"accuracy": 0.1})
    assert (decision.verdict, decision.judgements) == ("pass", ())
    assert "no gate rules" in decision.why


def test_two_rules_on_one_metric_are_both_judged() -> None:
    decision = verdict({"accuracy": 0.9}, {"accuracy": 0.6}, ABSOLUTE, RELATIVE)
    assert [judgement.outcome for judgement in decision.judgements] == ["pass", "fail"]


def test_two_numbers_are_the_evidence_of_a_plain_tolerance_and_there_is_no_interval() -> None:
    judgement = judged(0.9, 0.9, rule("m", regression=0.01))
    assert (judgement.method, judgement.interval) == ("tolerance", None)
    assert judgement.evidence == "two numbers"
    assert judged(0.9, 0.9, rule("m", min=0.1)).method is None


# -- words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (rule("m", min=0.9), "≥ 0.9"),
        (rule("m", "lower", max=4.0), "≤ 4"),
        (rule("m", regression=0.005), "at most 0.005 lower"),
        (rule("m", "lower", regression="2%"), "at most 2 % higher"),
        (rule("m", regression=0), "not lower"),
        (rule("m", "lower", regression="0%"), "not higher"),
        (rule("m", min=0.9, max=0.99, regression=0.005), "≥ 0.9, ≤ 0.99, at most 0.005 lower"),
        (rule("m", min=0.1234567), "≥ 0.1234567"),
        (rule("m", "lower", max=1_000_000), "≤ 1000000"),
        (rule("m", "lower", max=4e-07), "≤ 4e-07"),
        (
            Rule(metric="m", direction="higher", max_regression=Tolerance(value=0.007, relative=True)),
            "at most 0.7 % lower",
        ),
    ],
)
def test_a_rule_in_words_is_what_was_written(line: Rule, words: str) -> None:
    assert describe(line) == words
    assert judged(0.95, 0.95, line).limit == words


@pytest.mark.parametrize(
    ("base", "head", "line", "why"),
    [
        (0.9, 0.85, rule("m", regression=0.01), "m fell by 0.05 (0.90 → 0.85); allowed is at most 0.01."),
        (4.0, 5.0, rule("m", "lower", regression="2%"), "m rose by 25 % (4 → 5); allowed is at most 2 %."),
        (0.0, 5.0, rule("m", "lower", regression="2%"), "m rose by 5 (0 → 5); allowed is at most 2 %."),
        (-10.0, -11.0, rule("m", regression="2%"), "m fell by 10 % (−10 → −11); allowed is at most 2 %."),
        (0.9, 0.85, rule("m", regression=0), "m fell by 0.05 (0.90 → 0.85); allowed is no more than it was."),
        (None, 0.85, rule("m", min=0.9), "m is 0.85, below its minimum of 0.9."),
        (None, 0.995, rule("m", max=0.99), "m is 0.995, above its maximum of 0.99."),
    ],
)
def test_a_failed_rule_says_why_with_its_numbers(base: float | None, head: float, line: Rule, why: str) -> None:
    assert judged(base, head, line).why == why


def test_numbers_that_differ_never_look_alike() -> None:
    assert "(0.9000000 → 0.8999999)" in judged(0.9, 0.8999999, rule("m", regression=0)).why
    assert "0.89999999, below its minimum of 0.9." in judged(None, 0.89999999, rule("m", min=0.9)).why
    assert "10000002, above its maximum of 10000001." in judged(None, 10000002.0, rule("m", max=10000001)).why


def test_the_numbers_of_a_sentence_are_those_of_the_table() -> None:
    base, head = numbers.pair(0.912345, 0.87)
    assert (base, head) == ("0.9123", "0.8700")
    assert f"({base} → {head})" in judged(0.912345, 0.87, rule("m", regression=0.01)).why


def test_a_fall_that_is_barely_too_large_does_not_look_like_the_one_that_is_allowed() -> None:
    why = judged(0.95, 0.94499999, rule("m", regression=0.005)).why
    amount = Decimal(why.split("fell by ")[1].split(" ")[0])
    assert amount > Decimal("0.005")


def test_no_sentence_holds_a_long_float() -> None:
    why = judged(0.1 + 0.2, 0.1, rule("m", regression=0.01)).why
    assert why == "m fell by 0.2 (0.3 → 0.1); allowed is at most 0.01."


def test_every_outcome_that_a_pair_of_numbers_can_have_is_one_of_the_words() -> None:
    values = [None, NAN, INFINITY, -INFINITY, -1.0, 0.0, 1.0]
    for base in values:
        for head in values:
            outcome = judged(base, head, rule("m", min=-0.5, regression="10%")).outcome
            if head is None:
                assert outcome == "missing"
            elif not math.isfinite(head) or head < -0.5:
                assert outcome == "fail"
            elif base is None or not math.isfinite(base):
                assert outcome == "no-baseline"
            else:
                assert outcome == ("pass" if head >= base - abs(base) / 10 else "fail")


def test_a_metric_that_is_missing_is_named_beside_what_may_have_been_meant() -> None:
    comparison = compare(run(accuracy=0.9), run(accuracy=0.9, loss=1))
    near, far = decide(comparison, (rule("acuracy", min=0.5), rule("bleu", min=0.5)), Policy()).judgements
    assert near.outcome == far.outcome == "missing"
    assert near.why.endswith("Did you mean accuracy?")
    assert far.why.endswith("It logged accuracy, loss.")


def test_what_is_missing_for_one_cause_is_one_reason_with_all_names() -> None:
    """Every metric that head's predictions would have given is missing for the same cause, and is to be named."""
    unfit = {
        name: Evidence(kind="two numbers", unfit=f"{name} is missing: base's was computed, head's was not.")
        for name in ("accuracy", "log_loss")
    }
    row = {"accuracy": 0.9, "log_loss": 0.3}
    decision = decide(
        compare(run(BASE, metrics=row), run(metrics=row)),
        (rule("accuracy", regression=0.01), rule("log_loss", "lower", regression=0.01)),
        Policy(),
        unfit,
    )
    assert decision.reasons == ("accuracy, log_loss are missing: base's was computed, head's was not.",)
