"""Slices: none that is large enough may get worse by more than is allowed, and none passes because nobody looked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ml_ci.compare.comparison import compare
from ml_ci.compare.evidence import Evidence
from ml_ci.compare.found import Material
from ml_ci.compare.gate import Decision, decide
from ml_ci.compare.slice_evidence import SliceEvidence, measure_slices
from ml_ci.config import Config, Policy, PredictionsSpec, Rule, SliceRule, Tolerance
from ml_ci.predictions import Predictions
from ml_ci.records import Metric
from ml_ci.statistics.confidence import Certain, Confidence, Difference, Student
from ml_ci.statistics.slices import SliceDifference
from tests.runs import BASE, HEAD, rule, run
from tests.test_noninferiority import HOLM

INFINITY = math.inf
GATED = SliceRule(metric="accuracy", direction="higher", max_regression=Tolerance(value=0.03))
SHOWN = replace(GATED, max_regression=None)
STRICT = replace(GATED, max_regression=Tolerance(value=0.0))


def part(
    value: str, delta: float, error: float, size: int = 100, base: float = 0.9, confidence: Confidence | None = None
) -> SliceDifference:
    difference = Difference(
        base=base,
        head=base + delta,
        confidence=confidence or Student(delta, error, INFINITY),
        method="a method",
        size=size,
        warnings=(f"{value} is odd.",),
    )
    return SliceDifference(value=value, size=size, difference=difference)


def regions(*slices: SliceDifference, rule: SliceRule = GATED) -> SliceEvidence:
    return SliceEvidence(rule=rule, column="region", slices=slices)


def decided(
    *slices: SliceEvidence,
    rules: Sequence[Rule] = (),
    policy: Policy | None = None,
    evidence: dict[str, Evidence] | None = None,
) -> Decision:
    comparison = compare(run(BASE, accuracy=0.9, loss=0.5), run(accuracy=0.9, loss=0.5))
    return decide(comparison, tuple(rules), policy or Policy(), evidence or {}, slices)


def outcomes(decision: Decision) -> dict[str, str]:
    return {judgement.value: judgement.outcome for judgement in decision.slices}


# -- what is decided


def test_a_slice_that_is_surely_worse_than_allowed_fails_the_verdict_and_is_named() -> None:
    decision = decided(regions(part("north", 0.0, 0.005), part("south", -0.07, 0.01, 120, 0.91)))
    assert decision.verdict == "fail"
    assert outcomes(decision) == {"south": "fail", "north": "pass"}
    assert decision.why == (
        "accuracy where region is south (120 examples, 0.91 → 0.84) is at least 5.4 points worse, with 95 % confidence; "
        "you allow 3 points."
    )
    assert decision.reasons == (decision.why,)


def test_a_failing_rule_is_named_before_the_slices() -> None:
    decision = decided(regions(part("south", -0.07, 0.01)), rules=[rule("accuracy", min=0.95)])
    assert [reason.split(" ")[:3] for reason in decision.reasons] == [
        ["accuracy", "is", "0.9,"],
        ["accuracy", "where", "region"],
    ]


@pytest.mark.parametrize(
    ("delta", "error", "outcome"),
    [(0.0, 0.01, "pass"), (0.0, 0.02, "inconclusive"), (-0.05, 0.01, "fail"), (-0.045, 0.01, "inconclusive")],
)
def test_a_slice_is_asked_what_a_rule_is_asked(delta: float, error: float, outcome: str) -> None:
    worse = stats.norm.cdf((delta + 0.03) / error)
    assert outcome == ("fail" if worse < 0.05 else "pass" if worse > 0.95 else "inconclusive"), "the table itself"
    assert outcomes(decided(regions(part("south", delta, error)))) == {"south": outcome}


def test_less_is_better_for_a_loss() -> None:
    loss = SliceRule(metric="loss", direction="lower", max_regression=Tolerance(value=0.02, relative=True))
    worse, better = part("south", 0.1, 0.01, base=2.0), part("north", -0.1, 0.01, base=2.0)
    decision = decided(regions(better, worse, rule=loss))
    assert outcomes(decision) == {"south": "fail", "north": "pass"}
    assert decision.slices[0].margin == pytest.approx(0.04)


def test_slices_are_adjusted_together_with_the_rules_and_with_each_other() -> None:
    parts = [part(f"{p}", float(stats.norm.ppf(min(p, 1 - 1e-9))), 1.0, base=5.0) for p in HOLM]
    decision = decided(regions(*parts, rule=STRICT))
    assert {value for value, outcome in outcomes(decision).items() if outcome == "fail"} == {
        "0.0001",
        "0.0004",
        "0.0019",
    }

    half = len(parts) // 2
    names = [f"m{p}" for p in HOLM[:half]]
    evidence = {
        name: Evidence(kind="predictions", difference=one.difference, rests_on="100 examples")
        for name, one in zip(names, parts[:half], strict=True)
    }
    comparison = compare(run(BASE, metrics=dict.fromkeys(names, 5.0)), run(metrics=dict.fromkeys(names, 5.0)))
    rules = tuple(rule(name, regression=0.0) for name in names)
    split = decide(comparison, rules, Policy(), evidence, (regions(*parts[half:], rule=STRICT),))
    assert [one.outcome == "fail" for one in split.judgements] == [True] * 3 + [False] * (half - 3)
    assert "fail" not in outcomes(split).values()


def test_however_many_slices_there_are_they_take_no_more_than_half_of_the_error_from_the_rules() -> None:
    name, delta = "accuracy", -0.05 - 0.01 * 3.0  # three standard errors beyond the margin: p = 0.00135
    one = part("all", delta, 0.01, base=0.9)
    evidence = {name: Evidence(kind="predictions", difference=one.difference, rests_on="100 examples")}
    comparison = compare(run(BASE, accuracy=0.9), run(accuracy=0.9 + delta))
    many = [part(f"{at}", 0.0, 0.02) for at in range(1000)]
    decision = decide(comparison, (rule(name, regression=0.05),), Policy(), evidence, (regions(*many),))
    assert decision.judgements[0].outcome == "fail"


def test_slices_that_are_only_shown_are_no_part_of_the_adjustment() -> None:
    many = [part(f"{at}", 0.0, 0.02) for at in range(50)]
    assert outcomes(decided(regions(part("south", -0.05, 0.01)), regions(*many, rule=SHOWN)))["south"] == "fail"
    assert outcomes(decided(regions(part("south", -0.05, 0.01), *many)))["south"] == "inconclusive"


# -- display


def test_which_of_all_that_are_shown_got_worse_is_benjamini_and_hochbergs_to_say() -> None:
    parts = [part(f"{p}", float(stats.norm.ppf(min(p, 1 - 1e-9))), 1.0, base=5.0) for p in HOLM]
    decision = decided(regions(*parts, rule=SHOWN))
    worse = {float(judgement.value) for judgement in decision.slices if judgement.worse}
    assert worse == set(HOLM[:4]), "the 4 rejections of the paper"
    assert set(outcomes(decision).values()) == {"shown"}
    assert decision.verdict == "pass"


def test_a_slice_that_is_certainly_equal_did_not_get_worse() -> None:
    decision = decided(regions(part("south", 0.0, 0.0, confidence=Certain(0.0)), rule=STRICT))
    assert outcomes(decision) == {"south": "pass"}
    assert not decision.slices[0].worse


def test_the_worst_slice_comes_first_and_those_that_are_too_small_last() -> None:
    decision = decided(
        regions(
            part("fine", 0.02, 0.01),
            part("tiny", -0.5, 0.01, size=49),
            SliceDifference(value="one class", size=70, difference=None),
            part("bad", -0.05, 0.02),
            part("worst", -0.09, 0.01),
            part("fifty", 0.0, 0.01, size=50),
        )
    )
    assert [judgement.value for judgement in decision.slices] == ["worst", "bad", "fifty", "fine", "one class", "tiny"]


def test_the_numbers_of_a_slice_are_those_of_its_difference() -> None:
    judgement = decided(regions(part("south", -0.01, 0.01))).slices[0]
    assert (judgement.metric, judgement.column, judgement.value, judgement.size) == ("accuracy", "region", "south", 100)
    assert (judgement.base, judgement.head, judgement.margin) == (0.9, 0.89, 0.03)
    z = stats.norm.ppf(0.95)
    assert judgement.bounds == pytest.approx((-0.01 - 0.01 * z, -0.01 + 0.01 * z))


# -- too small, undefined, inconclusive


def test_a_slice_that_is_too_small_is_named_and_not_judged() -> None:
    decision = decided(regions(part("tiny", -0.5, 0.001, size=49), part("fine", 0.0, 0.001)))
    assert decision.verdict == "pass"
    tiny = decision.slices[-1]
    assert (tiny.value, tiny.outcome, tiny.size) == ("tiny", "too small", 49)
    assert (tiny.base, tiny.head, tiny.interval, tiny.bounds, tiny.margin, tiny.worse) == (None,) * 5 + (False,)
    assert "accuracy by region: only slices with at least 50 examples are judged." in decision.notes


def test_a_slice_where_the_metric_is_not_defined_is_inconclusive_and_counted() -> None:
    decision = decided(regions(SliceDifference(value="north", size=80, difference=None), part("south", 0.0, 0.001)))
    assert outcomes(decision) == {"south": "pass", "north": "inconclusive"}
    assert "accuracy by region: the metric is not defined in 1 of the slices." in decision.notes


def test_evidence_that_is_not_a_number_is_inconclusive() -> None:
    decision = decided(regions(part("south", math.nan, 0.01)))
    assert outcomes(decision) == {"south": "inconclusive"}
    assert decision.slices[0].interval is None


def test_inconclusive_slices_are_counted_and_do_not_change_the_verdict() -> None:
    decision = decided(regions(part("a", 0.0, 0.1, size=60), part("b", -0.02, 0.1), part("c", 0.0, 0.001)))
    assert decision.verdict == "pass"
    assert "accuracy by region: 2 of 3 slices are inconclusive, the worst is b (100 examples)." in decision.notes


def test_who_fails_what_is_inconclusive_gets_proof_for_each_slice() -> None:
    unsure = regions(part("a", 0.0, 0.1), part("c", 0.0, 0.001))
    decision = decided(unsure, policy=Policy(inconclusive="fail"))
    assert decision.verdict == "inconclusive"
    assert decision.why == "accuracy by region: 1 of 2 slices is inconclusive, the worst is a (100 examples)."
    assert decided(regions(part("c", 0.0, 0.001)), policy=Policy(inconclusive="fail")).verdict == "pass"
    assert decided(replace(unsure, rule=SHOWN), policy=Policy(inconclusive="fail")).verdict == "pass"


def test_a_gated_column_without_a_slice_that_is_large_enough_was_not_judged() -> None:
    tiny = regions(part("a", 0.0, 0.001, size=10), part("b", 0.0, 0.001, size=49))
    why = "accuracy by region was not judged: no value of region has 50 examples."
    assert why in decided(tiny).notes
    strict = decided(tiny, policy=Policy(inconclusive="fail"))
    assert (strict.verdict, strict.why) == ("inconclusive", why)


def test_the_warnings_of_a_slice_that_fails_are_told() -> None:
    decision = decided(regions(part("south", -0.09, 0.01), part("north", 0.0, 0.01)))
    assert [note for note in decision.notes if "odd" in note] == ["south is odd."]


# -- what cannot be judged is never passed over


def unjudged(at_fault: str, rule: SliceRule = GATED) -> SliceEvidence:
    assert at_fault in ("base", "head")
    return SliceEvidence(
        rule=rule, column="region", at_fault="base" if at_fault == "base" else "head", why="it is gone"
    )


def test_slices_without_a_base_pass_loudly_or_fail_as_the_policy_says() -> None:
    decision = decided(unjudged("base"))
    assert decision.verdict == "pass"
    assert decision.why == "accuracy by region could not be compared: it is gone."
    assert decision.reasons == (decision.why,)
    assert decision.notes == ("accuracy by region could not be compared: it is gone.",)

    strict = decided(unjudged("base"), policy=Policy(no_baseline="fail"))
    assert (strict.verdict, strict.why) == ("fail", "accuracy by region could not be compared: it is gone.")


def test_slices_whose_head_is_at_fault_fail_whatever_the_policy() -> None:
    decision = decided(unjudged("head"))
    assert (decision.verdict, decision.why) == ("fail", "accuracy by region could not be compared: it is gone.")


@pytest.mark.parametrize("at_fault", ["base", "head"])
def test_slices_that_would_only_be_shown_hold_nothing_back(at_fault: str) -> None:
    decision = decided(unjudged(at_fault, SHOWN), policy=Policy(no_baseline="fail", inconclusive="fail"))
    assert decision.verdict == "pass"
    assert decision.notes == ("accuracy by region could not be compared: it is gone.",)


# -- from predictions to slices


SPEC = PredictionsSpec(path="predictions.csv", slices=("region",))
CONFIG = Config(predictions=SPEC, slices=(GATED,))


def scored(right: Sequence[int], region: Sequence[str], test_set: str = "same") -> Predictions:
    truth = np.array([at % 2 for at in range(len(right))])
    return Predictions(
        source="predictions.csv",
        test_set=test_set,
        id=np.arange(len(right)),
        target=truth,
        prediction=np.where(np.array(right, dtype=bool), truth, 1 - truth),
        slices={"region": np.array(region)},
    )


REGIONS = ["north"] * 200 + ["south"] * 100 + ["west"] * 10
GOOD = scored([1] * 310, REGIONS)
SOUTH_BROKEN = scored([1] * 200 + [0] * 30 + [1] * 80, REGIONS)


def measured(material: Material, config: Config = CONFIG) -> tuple[SliceEvidence, ...]:
    return measure_slices(run(BASE, accuracy=0.9), run(HEAD, accuracy=0.9), config, material)


def test_slices_are_measured_from_the_predictions_of_both_sides() -> None:
    (found,) = measured(Material(base=GOOD, head=SOUTH_BROKEN))
    assert {one.value: one.size for one in found.slices} == {"north": 200, "south": 100, "west": 10}
    decision = decided(found)
    assert outcomes(decision) == {"south": "fail", "north": "pass", "west": "too small"}
    assert (decision.slices[0].base, decision.slices[0].head) == pytest.approx((1.0, 0.7))


def test_examples_are_in_the_slices_that_base_says() -> None:
    right, region = [1] * 30 + [0] * 30, ["north"] * 30 + ["south"] * 30
    material = Material(base=scored([1] * 60, region), head=scored(right, ["north", "south"] * 30))
    (found,) = measured(material)
    assert [(one.value, one.difference.delta) for one in found.slices if one.difference] == [
        ("north", 0),
        ("south", -1),
    ]
    assert found.notes == (
        "The column \"region\" of head's predictions differs from base's, for the same examples: base's counts.",
    )
    assert found.notes[0] in decided(found).notes


def test_that_slices_rest_on_the_first_of_several_trainings_is_said() -> None:
    material = Material(base=scored([1] * 60, ["north"] * 60), head=scored([1] * 60, ["north"] * 60))
    repeats = {"accuracy": Metric(value=0.6, repeats=(1.0, 0.2))}
    (found,) = measure_slices(run(BASE, accuracy=1.0), replace(run(), metrics=repeats), CONFIG, material)
    assert found.notes == (
        "Slices are judged by the first training of each side alone: the others' predictions are not kept.",
    )


def test_equal_predictions_pass_in_every_slice() -> None:
    (found,) = measured(Material(base=GOOD, head=GOOD))
    assert outcomes(decided(replace(found, rule=STRICT))) == {"south": "pass", "north": "pass", "west": "too small"}


@pytest.mark.parametrize(
    ("material", "at_fault", "why"),
    [
        (Material(head=GOOD, without_predictions="The base has no predictions: kept without."), "base", "kept without"),
        (Material(base=GOOD, without_predictions="Head has no predictions: broken."), "head", "broken"),
        (Material(without_predictions="Neither."), "head", "Neither"),
        (Material(), "base", "there are no predictions"),
        (Material(base=scored([1] * 310, REGIONS, "old"), head=GOOD), "base", "different examples"),
        (Material(base=replace(GOOD, prediction=None), head=GOOD), "base", "310 rows"),
        (Material(base=GOOD, head=replace(GOOD, prediction=None)), "head", "310 rows"),
    ],
    ids=[
        "base without",
        "head without",
        "both without",
        "nobody looked",
        "other examples",
        "broken base",
        "broken head",
    ],
)
def test_why_slices_cannot_be_compared_is_told_and_whose_fault_it_is(
    material: Material, at_fault: str, why: str
) -> None:
    (found,) = measured(material)
    assert (found.at_fault, found.slices, found.column) == (at_fault, (), "region")
    assert why in found.why
    assert not found.why.endswith(".")


def test_a_rule_for_slices_without_a_column_for_them_fails() -> None:
    (found,) = measured(Material(base=GOOD, head=replace(GOOD, slices={})))
    decision = decided(found)
    assert decision.verdict == "fail"
    assert decision.why.startswith("accuracy by slices could not be compared: no column parts the examples")


def test_a_column_that_is_declared_and_that_no_side_has_fails() -> None:
    config = replace(CONFIG, predictions=replace(SPEC, slices=("region", "plan")))
    region, plan = measured(Material(base=GOOD, head=GOOD), config)
    assert (region.column, region.at_fault) == ("region", None)
    assert (plan.column, plan.at_fault) == ("plan", "head")
    decision = decided(region, plan)
    assert decision.verdict == "fail"
    assert "accuracy by plan could not be compared: predictions.csv" in decision.why


def test_every_rule_is_asked_of_every_column() -> None:
    both = replace(GOOD, slices={"region": GOOD.slices["region"], "plan": np.array(["a", "b"] * 155)})
    config = replace(CONFIG, slices=(GATED, replace(SHOWN, metric="f1")))
    found = measured(Material(base=both, head=both), config)
    assert [(one.rule.metric, one.column) for one in found] == [
        ("accuracy", "region"),
        ("accuracy", "plan"),
        ("f1", "region"),
        ("f1", "plan"),
    ]


def test_a_head_that_is_bases_run_by_another_name_needs_no_predictions() -> None:
    base = run(BASE, accuracy=0.9)
    head = replace(base, commit=HEAD)
    assert measure_slices(base, head, CONFIG, Material(without_predictions="Gone.")) == ()


def test_without_rules_for_slices_there_are_none() -> None:
    assert measured(Material(base=GOOD, head=GOOD), Config(predictions=SPEC)) == ()


def test_one_cause_of_several_columns_is_said_once() -> None:
    both = (unjudged("head"), replace(unjudged("head"), column="age"))
    assert decided(*both).reasons == ("accuracy by region, accuracy by age could not be compared: it is gone.",)
