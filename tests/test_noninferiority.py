"""The gate with evidence, in literals: what fails, what passes, what nobody can tell, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from scipy import stats

from ml_ci.compare.comparison import compare
from ml_ci.compare.evidence import Evidence
from ml_ci.compare.gate import Decision, Judgement, decide
from ml_ci.config import Policy, Rule
from ml_ci.statistics.confidence import Certain, Confidence, Difference, Student, Unit, Widest
from tests.runs import BASE, rule, run

Direction = Literal["higher", "lower"]
NAN, INFINITY = math.nan, math.inf

HOLM = (
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.324,
    0.4262,
    0.5719,
    0.6528,
    0.759,
    1.0,
)
"""Benjamini & Hochberg (1995), section 3.2: Holm's procedure rejects the first 3 at 0.05."""


def evidence(base: float, head: float, confidence: Confidence, unit: Unit = "examples", *warnings: str) -> Evidence:
    """What 1,000 examples, or so many of another unit, say of the difference."""
    difference = Difference(
        base=base, head=head, confidence=confidence, method="a method", size=1000, unit=unit, warnings=warnings
    )
    return Evidence(kind="predictions", difference=difference, rests_on="1,000 examples")


def normal(base: float, head: float, error: float) -> Evidence:
    return evidence(base, head, Student(head - base, error, INFINITY))


def decided(
    values: Mapping[str, tuple[float, float]],
    found: Mapping[str, Evidence],
    *rules: Rule,
    policy: Policy | None = None,
) -> Decision:
    base = run(BASE, metrics={name: before for name, (before, _) in values.items()})
    head = run(metrics={name: after for name, (_, after) in values.items()})
    return decide(compare(base, head), rules, policy or Policy(), found)


def judged(base: float, head: float, line: Rule, confidence: Confidence, policy: Policy | None = None) -> Judgement:
    return decided({"m": (base, head)}, {"m": evidence(base, head, confidence)}, line, policy=policy).judgements[0]


# -- what is decided


@pytest.mark.parametrize("policy", [Policy(), Policy(confidence=0.9), Policy(confidence=0.99)])
@pytest.mark.parametrize("margin", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("delta", [-0.05, -0.03, -0.012, -0.005, 0.0, 0.004, 0.03])
@pytest.mark.parametrize("error", [0.0001, 0.004, 0.02])
@pytest.mark.parametrize("freedom", [4.0, INFINITY])
def test_a_rule_asks_two_one_sided_tests(
    policy: Policy, margin: float, delta: float, error: float, freedom: float
) -> None:
    distribution = stats.norm if math.isinf(freedom) else stats.t(freedom)
    not_worse = distribution.sf((delta + margin) / error)  # the p-value of SciPy's test for d > −m
    worse = distribution.cdf((delta + margin) / error)
    alpha = 1 - policy.confidence

    outcome = judged(0.8, 0.8 + delta, rule("m", regression=margin), Student(delta, error, freedom), policy).outcome

    assert outcome == ("fail" if worse < alpha else "pass" if not_worse < alpha else "inconclusive")


def test_the_bounds_that_decide_are_one_sided_and_the_interval_is_two_sided() -> None:
    judgement = judged(0.95, 0.94, rule("m", regression=0.005), Student(-0.01, 0.004, 7))

    t = stats.t(7)
    assert judgement.bounds == pytest.approx((-0.01 + 0.004 * t.ppf(0.05), -0.01 + 0.004 * t.ppf(0.95)))
    assert judgement.interval == pytest.approx((-0.01 + 0.004 * t.ppf(0.025), -0.01 + 0.004 * t.ppf(0.975)))
    assert (judgement.margin, judgement.unit) == (0.005, "examples")
    assert (judgement.method, judgement.evidence) == ("a method", "predictions: 1,000 examples")


@pytest.mark.parametrize("delta", [-0.03, -0.01, -0.004, 0.0, 0.004, 0.01, 0.03])
@pytest.mark.parametrize("regression", [0.0, 0.01, "2%"])
def test_a_metric_of_which_less_is_better_is_the_mirror_image(delta: float, regression: float | str) -> None:
    higher = judged(0.5, 0.5 + delta, rule("m", regression=regression), Student(delta, 0.004, 9))
    lower = judged(0.5, 0.5 - delta, rule("m", "lower", regression=regression), Student(-delta, 0.004, 9))

    assert higher.outcome == lower.outcome
    assert higher.bounds is not None
    assert lower.bounds == pytest.approx((-higher.bounds[1], -higher.bounds[0]))
    assert higher.margin == lower.margin


def test_a_percentage_is_one_of_the_base_that_the_evidence_measured() -> None:
    assert judged(4.0, 4.1, rule("m", "lower", regression="2%"), Student(0.1, 0.001, 9)).margin == pytest.approx(0.08)
    assert judged(4.0, 4.07, rule("m", "lower", regression="2%"), Student(0.07, 0.001, 9)).outcome == "pass"
    assert judged(-50.0, -51.5, rule("m", regression="2%"), Student(-1.5, 0.01, 9)).outcome == "fail"
    assert judged(0.0, 0.1, rule("m", "lower", regression="2%"), Student(0.1, 0.01, 9)).margin == 0


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("regression", [0.0, 0.005, "0%", "2%"])
@pytest.mark.parametrize("value", [0.0, 0.95, -3.0])
def test_what_is_certainly_equal_passes_any_margin(direction: Direction, regression: float | str, value: float) -> None:
    judgement = judged(value, value, rule("m", direction, regression=regression), Certain(0.0))
    assert judgement.outcome == "pass"
    assert judgement.sentence == "m is the same on both sides."


@pytest.mark.parametrize(("head", "outcome"), [(0.945, "pass"), (0.9449999, "fail"), (0.96, "pass")])
def test_a_fall_that_is_certain_is_judged_as_it_is_written(head: float, outcome: str) -> None:
    judgement = judged(0.95, head, rule("m", regression=0.005), Certain(head - 0.95))
    assert judgement.outcome == outcome, "0.95 - 0.945 is 0.0050000000000000044 in binary"


def test_of_two_kinds_of_evidence_both_have_to_vouch() -> None:
    sure, unsure = Student(-0.02, 0.001, 50), Student(-0.02, 0.1, 4)
    line = rule("m", regression=0.005)
    assert judged(0.9, 0.88, line, sure).outcome == "fail"
    assert judged(0.9, 0.88, line, Widest((sure, unsure))).outcome == "inconclusive"
    assert judged(0.9, 0.88, line, Widest((sure, sure))).outcome == "fail"


# -- what comes before all statistics


@pytest.mark.parametrize(
    ("head", "line", "outcome"),
    [
        (0.9, rule("m", min=0.92, regression=0.5), "fail"),
        (0.9, rule("m", max=0.8, regression=0.5), "fail"),
        (NAN, rule("m", regression=0.5), "fail"),
        (INFINITY, rule("m", regression=0.5), "fail"),
    ],
)
def test_no_evidence_saves_a_broken_limit(head: float, line: Rule, outcome: str) -> None:
    assert judged(0.9, head, line, Student(0.0, 1e-6, INFINITY)).outcome == outcome


def test_no_evidence_stands_in_for_a_side_that_has_no_number() -> None:
    found = {"m": normal(0.9, 0.9, 1e-6)}
    line = rule("m", regression=0.5)
    assert decide(compare(run(BASE), run(m=0.9)), (line,), Policy(), found).judgements[0].outcome == "no-baseline"
    assert decide(compare(None, run(m=0.9)), (line,), Policy(), found).judgements[0].outcome == "no-baseline"
    assert decide(compare(run(BASE, m=0.9), run()), (line,), Policy(), found).judgements[0].outcome == "missing"
    assert judged(NAN, 0.9, line, Certain(0.0)).outcome == "no-baseline"


def test_a_rule_without_relative_part_needs_no_evidence() -> None:
    judgement = judged(0.9, 0.8, rule("m", min=0.5), Student(-0.1, 1e-6, INFINITY))
    assert (judgement.outcome, judgement.method, judgement.evidence) == ("pass", None, None)


def test_a_rule_that_breaks_its_minimum_still_shows_its_interval() -> None:
    judgement = judged(0.95, 0.94, rule("m", min=0.945, regression=0.05), Student(-0.01, 0.001, INFINITY))
    assert judgement.outcome == "fail"
    assert judgement.why == "m is 0.94, below its minimum of 0.945."
    assert judgement.interval is not None


# -- nothing passes by accident


@dataclass(frozen=True)
class Broken:
    """A method that came to no number, somewhere."""

    quantiles: float = 0.0
    p_values: float = 0.0

    def quantile(self, level: float) -> float:
        del level
        return self.quantiles

    def below(self, value: float) -> float:
        del value
        return self.p_values

    def above(self, value: float) -> float:
        del value
        return self.p_values


@pytest.mark.parametrize(
    "broken", [Broken(quantiles=NAN), Broken(p_values=NAN), Student(NAN, 1, 3), Student(0, NAN, 3)]
)
def test_evidence_that_is_not_a_number_is_inconclusive_at_best(broken: Confidence) -> None:
    judgement = judged(0.9, 0.9, rule("m", regression=0.5), broken)
    assert (judgement.outcome, judgement.interval, judgement.bounds) == ("inconclusive", None, None)
    assert judgement.sentence == "m cannot be judged: a method on 1,000 examples came to no number."


def test_where_evidence_is_not_a_number_two_numbers_can_still_fail() -> None:
    judgement = judged(0.9, 0.1, rule("m", regression=0.5), Broken(p_values=NAN))
    assert judgement.outcome == "fail"
    assert judgement.why == "m fell by 0.8 (0.9 → 0.1); allowed is at most 0.5."


def test_a_bound_that_is_infinite_is_no_bound() -> None:
    judgement = judged(0.9, 0.9, rule("m", regression=0.5), Student(0.0, INFINITY, 3))
    assert judgement.outcome == "inconclusive"


@pytest.mark.parametrize("delta", [-0.3, -0.011, -0.01, -0.009, 0.0, 0.3])
def test_a_confidence_below_one_half_never_says_both(delta: float) -> None:
    judgement = judged(0.5, 0.5 + delta, rule("m", regression=0.01), Student(delta, 0.02, 9), Policy(confidence=0.4))
    assert judgement.outcome == ("fail" if delta < -0.01 else "pass")


# -- many rules


def among(p_values: Sequence[float], policy: Policy | None = None) -> Decision:
    """One rule for each p-value of the test that it got worse; every error is 1."""
    estimates = {f"m{at:02}": float(stats.norm.ppf(min(p, 1 - 1e-9))) for at, p in enumerate(p_values)}
    found = {name: evidence(5.0, 5.0 + z, Student(z, 1.0, INFINITY)) for name, z in estimates.items()}
    values = {name: (5.0, 5.0 + z) for name, z in estimates.items()}
    return decided(values, found, *(rule(name, regression=0.0) for name in values), policy=policy)


def test_what_fails_is_adjusted_for_all_that_is_asked() -> None:
    outcomes = [judgement.outcome for judgement in among(HOLM).judgements]
    assert [outcome == "fail" for outcome in outcomes] == [True] * 3 + [False] * 12


def test_alone_the_fourth_of_them_would_have_failed_and_the_sentence_says_so() -> None:
    assert among(HOLM[3:4]).judgements[0].outcome == "fail"
    judgement = among(HOLM).judgements[3]
    assert judgement.outcome == "inconclusive"
    assert "worse when it is looked at alone; you allow none; among all that this gate looks at" in judgement.sentence


def test_what_passes_is_not_adjusted() -> None:
    decision = among([0.96] * 15)
    assert {judgement.outcome for judgement in decision.judgements} == {"pass"}
    assert decision.verdict == "pass"


def test_rules_judged_by_two_numbers_are_no_part_of_the_adjustment() -> None:
    values = {"m": (5.0, 5.0 - 1.7), **{f"n{at}": (1.0, 1.0) for at in range(9)}}
    lines = [rule(name, regression=0.0) for name in values]
    assert decided(values, {"m": normal(5.0, 3.3, 1.0)}, *lines).judgements[0].outcome == "fail"


def test_the_verdict_is_inconclusive_if_no_rule_fails_and_one_is() -> None:
    values = {"a": (0.9, 0.9), "b": (0.9, 0.9)}
    found = {"a": normal(0.9, 0.9, 0.001), "b": normal(0.9, 0.9, 0.1)}
    lines = [rule("a", regression=0.01), rule("b", regression=0.01)]

    decision = decided(values, found, *lines)

    assert (decision.verdict, [judgement.outcome for judgement in decision.judgements]) == (
        "inconclusive",
        ["pass", "inconclusive"],
    )
    assert decision.reasons == (decision.judgements[1].why,)
    assert decided(values, found, *lines, rule("a", min=0.95)).verdict == "fail"


# -- words


@pytest.mark.parametrize(
    ("base", "head", "line", "confidence", "sentence"),
    [
        # 0.2 − 1.645 × 0.3 = −0.293 points
        (
            0.94,
            0.942,
            rule("m", regression=0.005),
            Student(0.002, 0.003, INFINITY),
            "m is at most 0.29 points worse, with 95 % confidence; you allow 0.5 points.",
        ),
        (
            0.90,
            0.92,
            rule("m", regression=0.005),
            Student(0.02, 0.003, INFINITY),
            "m is at least 1.5 points better, with 95 % confidence.",
        ),
        (
            0.95,
            0.93,
            rule("m", regression=0.005),
            Student(-0.02, 0.003, INFINITY),
            "m is at least 1.5 points worse, with 95 % confidence; you allow 0.5 points.",
        ),
        (
            0.95,
            0.93,
            rule("m", regression=0.0),
            Student(-0.02, 0.003, INFINITY),
            "m is at least 1.5 points worse, with 95 % confidence; you allow none.",
        ),
        # a loss has its own unit, though it lies between 0 and 1
        (
            0.40,
            0.41,
            rule("m", "lower", regression=0.05),
            Student(0.01, 0.003, INFINITY),
            "m is at most 0.015 worse, with 95 % confidence; you allow 0.05.",
        ),
        # a percentage is told as one of base
        (
            4.0,
            4.04,
            rule("m", "lower", regression="2%"),
            Student(0.04, 0.004, INFINITY),
            "m is at most 1.2 % worse, with 95 % confidence; you allow 2 %.",
        ),
        (
            -50.0,
            -53.0,
            rule("m", regression="2%"),
            Student(-3.0, 0.1, INFINITY),
            "m is at least 5.7 % worse, with 95 % confidence; you allow 2 %.",
        ),
        # so close to what is allowed that two digits would hide it
        (
            0.90,
            0.90,
            rule("m", regression=0.005),
            Student(0.0, 0.003038, INFINITY),
            "m is at most 0.4997 points worse, with 95 % confidence; you allow 0.5 points.",
        ),
        (0.9, 0.93, rule("m", regression=0.005), Certain(0.03), "m is at least 3 points better, with 95 % confidence."),
        (
            0.9,
            0.89,
            rule("m", regression=0.02),
            Certain(-0.01),
            "m is at most 1 point worse, with 95 % confidence; you allow 2 points.",
        ),
    ],
)
def test_the_bound_that_counts_is_a_sentence(
    base: float, head: float, line: Rule, confidence: Confidence, sentence: str
) -> None:
    assert judged(base, head, line, confidence).sentence == sentence


def test_the_reason_is_the_sentence_with_the_numbers_of_the_table() -> None:
    judgement = judged(0.95, 0.93, rule("m", regression=0.005), Student(-0.02, 0.003, INFINITY))
    assert judgement.why == "m (0.95 → 0.93) is at least 1.5 points worse, with 95 % confidence; you allow 0.5 points."


def test_the_confidence_is_that_of_the_policy() -> None:
    judgement = judged(0.95, 0.93, rule("m", regression=0.0), Student(-0.02, 0.003, INFINITY), Policy(confidence=0.999))
    assert "with 99.9 % confidence" in judgement.sentence


def test_what_is_inconclusive_says_what_it_could_have_seen_and_what_would_settle_it() -> None:
    """(z.95 + z.80) standard errors are seen: 2.4865 × 0.005; and 1,000 · (2.4865 × 0.005 / 0.003)² examples settle it."""
    judgement = judged(0.95, 0.948, rule("m", regression=0.005), Student(-0.002, 0.005, INFINITY))

    seen = (stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) * 0.005
    assert judgement.detectable == pytest.approx(seen)
    assert judgement.needed == math.ceil(1000 * (seen / 0.003) ** 2)
    assert judgement.unit == "examples"
    assert judgement.sentence == (
        "m may be up to 1 point worse or 0.62 points better; you allow 0.5 points: 1,000 examples only tell what is "
        "1.2 points or more from that limit; about 18,000 would tell."
    )


def test_a_history_says_nothing_of_how_much_more_of_it_would_settle_it() -> None:
    found = {"m": evidence(0.95, 0.948, Student(-0.002, 0.005, 11), "records")}
    judgement = decided({"m": (0.95, 0.948)}, found, rule("m", regression=0.005)).judgements[0]
    assert (judgement.outcome, judgement.needed) == ("inconclusive", None)
    assert judgement.detectable is not None


def test_what_is_certainly_not_better_is_told_as_a_range() -> None:
    judgement = judged(0.9, 0.88, rule("m", regression=0.02), Student(-0.02, 0.005, INFINITY))
    assert judgement.sentence.startswith("m may be 1.2 points to 2.8 points worse; you allow 2 points: ")


def test_notes_say_where_the_confidence_does_not_hold_and_why_there_is_no_better() -> None:
    found = Evidence(
        kind="predictions",
        difference=evidence(0.9, 0.9, Certain(0.0), "examples", "Rare positives.").difference,
        rests_on="1,000 examples",
        why_no_better=("No repeats.",),
        notes=("Head wins.",),
    )
    judgement = decided({"m": (0.9, 0.9)}, {"m": found}, rule("m", regression=0.0)).judgements[0]
    assert judgement.notes == ("Rare positives.", "No repeats.", "Head wins.")


def test_why_there_are_only_two_numbers_is_in_the_notes() -> None:
    found = Evidence(kind="two numbers", why_no_better=("The base has no predictions.",))
    judgement = decided({"m": (0.9, 0.9)}, {"m": found}, rule("m", regression=0.1)).judgements[0]
    assert (judgement.evidence, judgement.margin) == ("two numbers", 0.1)
    assert judgement.notes == ("The base has no predictions.",)


def test_no_number_of_examples_settles_a_change_that_is_just_what_is_allowed() -> None:
    judgement = judged(0.95, 0.945, rule("m", regression=0.005), Student(-0.005, 0.005, INFINITY))
    assert judgement.needed is None
    assert judgement.sentence.endswith(
        "you allow 0.5 points: no number of examples settles it, as the measured change is what you allow."
    )


def test_a_bound_has_two_digits_where_they_do_not_move_it_over_the_limit() -> None:
    judgement = judged(0.95, 0.945, rule("m", regression=0.01), Student(-0.005, 0.00911, INFINITY))
    assert "up to 2 points worse or 1 point better; you allow 1 point:" in judgement.sentence
