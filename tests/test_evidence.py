"""Which evidence there is for a metric, the best first; and why there is none better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ml_ci.compare.comparison import compare
from ml_ci.compare.evidence import Evidence, gather
from ml_ci.compare.found import Material
from ml_ci.compare.gate import Judgement, decide
from ml_ci.config import Config, PredictionsSpec, Rule
from ml_ci.material import of_runs
from ml_ci.predictions import Predictions
from ml_ci.records import KeptPredictions, Metric, Past, Run
from ml_ci.statistics.confidence import Summed
from tests.runs import BASE, HEAD, rule, run

SPEC = PredictionsSpec(path="predictions.csv")
ACCURACY = rule("accuracy", regression=0.0)


def scored(
    right: Sequence[int],
    test_set: str = "same",
    ids: Sequence[int] | None = None,
    target: Sequence[int] | None = None,
    latency: Sequence[float] | None = None,
) -> Predictions:
    """Predictions of as many examples, each right (1) or wrong (0)."""
    truth = np.array(target if target is not None else [at % 2 for at in range(len(right))])
    return Predictions(
        source="predictions.csv",
        test_set=test_set,
        id=np.array(ids if ids is not None else range(len(right))),
        target=truth,
        prediction=np.where(np.array(right, dtype=bool), truth, 1 - truth),
        columns={} if latency is None else {"latency": np.array(latency)},
    )


def accuracy(right: Sequence[int]) -> float:
    return sum(right) / len(right)


def repeated(commit: str, values: Sequence[float], name: str = "accuracy", test_set: str = "") -> Run:
    metric = Metric(value=sum(values) / len(values), repeats=tuple(values))
    return replace(run(commit), metrics={name: metric}, test_set=test_set)


def past(*values: float, name: str = "accuracy", test_set: str = "t") -> tuple[Past, ...]:
    return tuple(
        Past(commit=f"{at:040x}", started=f"2025-01-{31 - at:02}T00:00:00Z", test_set=test_set, metrics={name: value})
        for at, value in enumerate(values)
    )


def found(
    base: Run | None, head: Run, *rules: Rule, material: Material | None = None, config: Config | None = None
) -> Evidence:
    """The evidence for the first rule's metric."""
    rules = rules or (ACCURACY,)
    everything = gather(base, head, replace(config or Config(), gate=rules), material or Material())
    return everything[rules[0].metric]


def judged(base: Run, head: Run, line: Rule, material: Material, config: Config | None = None) -> Judgement:
    everything = gather(base, head, replace(config or Config(), gate=(line,)), material)
    return decide(compare(base, head), (line,), (config or Config()).policy, everything).judgements[0]


# -- predictions


BOTH, ONLY_BASE, ONLY_HEAD, NEITHER = 80, 11, 1, 8
BASE_RIGHT = [1] * BOTH + [1] * ONLY_BASE + [0] * ONLY_HEAD + [0] * NEITHER
HEAD_RIGHT = [1] * BOTH + [0] * ONLY_BASE + [1] * ONLY_HEAD + [0] * NEITHER
BASE_RUN, HEAD_RUN = run(BASE, accuracy=accuracy(BASE_RIGHT)), run(HEAD, accuracy=accuracy(HEAD_RIGHT))
PAIR = Material(base=scored(BASE_RIGHT), head=scored(HEAD_RIGHT))


def test_predictions_of_both_sides_on_the_same_examples_are_the_best_evidence() -> None:
    evidence = found(BASE_RUN, HEAD_RUN, material=PAIR, config=Config(predictions=SPEC))
    assert (evidence.kind, evidence.rests_on) == ("predictions", "100 examples")
    assert evidence.difference is not None
    assert (evidence.difference.base, evidence.difference.head) == pytest.approx((0.91, 0.81))
    assert (evidence.why_no_better, evidence.notes) == ((), ())


def test_a_fall_in_accuracy_is_as_sure_as_the_exact_mcnemar_test() -> None:
    evidence = found(BASE_RUN, HEAD_RUN, material=PAIR, config=Config(predictions=SPEC))
    assert evidence.difference is not None
    expected = stats.binomtest(ONLY_HEAD, ONLY_HEAD + ONLY_BASE, alternative="less").pvalue
    assert expected * 2 == pytest.approx(0.00634766, abs=1e-8)
    assert evidence.difference.confidence.above(0.0) == pytest.approx(expected)
    assert judged(BASE_RUN, HEAD_RUN, ACCURACY, PAIR, Config(predictions=SPEC)).outcome == "fail"


def test_the_same_predictions_pass_any_margin() -> None:
    same = Material(base=scored(BASE_RIGHT), head=scored(BASE_RIGHT))
    head = run(HEAD, accuracy=accuracy(BASE_RIGHT))
    for line in (ACCURACY, rule("accuracy", regression="0%"), rule("accuracy", regression=0.1)):
        assert judged(BASE_RUN, head, line, same, Config(predictions=SPEC)).outcome == "pass"


def test_columns_are_averaged() -> None:
    slow = [1.0 + 0.01 * at for at in range(100)]
    fast = [value - 0.5 - 0.001 * (at % 7) for at, value in enumerate(slow)]
    material = Material(base=scored([1] * 100, latency=slow), head=scored([1] * 100, latency=fast))
    base, head = (run(commit, latency=sum(values) / 100) for commit, values in ((BASE, slow), (HEAD, fast)))
    config = Config(predictions=replace(SPEC, columns=("latency",)))

    evidence = found(base, head, rule("latency", "lower", regression=0.0), material=material, config=config)

    assert evidence.kind == "predictions"
    assert evidence.difference is not None
    expected = stats.ttest_rel(fast, slow).confidence_interval(0.95)
    assert evidence.difference.interval(0.95) == pytest.approx((expected.low, expected.high), rel=0.01)


def test_a_metric_that_nobody_computes_from_predictions_has_none() -> None:
    base, head = run(BASE, speed=3.0), run(HEAD, speed=2.0)
    line = rule("speed", regression=0.1)
    assert found(base, head, line, material=PAIR, config=Config(predictions=SPEC)) == Evidence(kind="two numbers")


def test_metrics_that_are_named_are_the_only_ones_that_are_computed() -> None:
    config = Config(predictions=replace(SPEC, metrics=("f1",)))
    assert found(BASE_RUN, HEAD_RUN, material=PAIR, config=config) == Evidence(kind="two numbers")


def test_two_operands_that_bring_predictions_need_no_configuration() -> None:
    assert found(BASE_RUN, HEAD_RUN, material=PAIR).kind == "predictions"


@pytest.mark.parametrize(
    ("material", "why"),
    [
        (
            Material(head=PAIR.head, without_predictions="The base has no predictions: its run was kept without them."),
            "The base has no predictions: its run was kept without them.",
        ),
        (Material(head=PAIR.head), "The base has no predictions."),
        (Material(base=PAIR.base), "Head has no predictions."),
    ],
)
def test_predictions_that_are_asked_for_and_not_there_are_named(material: Material, why: str) -> None:
    evidence = found(BASE_RUN, HEAD_RUN, material=material, config=Config(predictions=SPEC))
    assert (evidence.kind, evidence.why_no_better) == ("two numbers", (why,))


def test_a_metric_that_only_head_has_from_its_predictions_is_pointed_out() -> None:
    base = replace(run(BASE), metrics={"accuracy": Metric(value=0.9)})
    head = replace(run(HEAD), metrics={"accuracy": Metric(value=accuracy(HEAD_RIGHT), source="predictions.csv")})
    head = replace(head, predictions=KeptPredictions(sha256="0" * 64, rows=100))
    material = Material(head=PAIR.head, without_predictions="The base has no predictions.")
    note = "The base's value is from MLflow and head's from predictions.csv: they may measure different things."
    assert judged(base, head, ACCURACY, material, Config(predictions=SPEC)).notes[-1] == note


def test_nobody_hears_of_predictions_who_did_not_ask_for_them() -> None:
    assert found(BASE_RUN, HEAD_RUN) == Evidence(kind="two numbers")


def test_other_examples_are_not_paired_and_it_is_said_how_they_differ_and_what_that_means() -> None:
    base = scored([1, 1, 0, 1], "old", ids=[1, 2, 3, 4], target=[0, 1, 0, 1])
    head = scored([1, 1, 0, 1], "new", ids=[2, 3, 4, 9], target=[1, 1, 0, 1])
    evidence = found(
        run(BASE, accuracy=0.75),
        run(HEAD, accuracy=0.75),
        material=Material(base=base, head=head),
        config=Config(predictions=SPEC),
    )
    assert evidence.kind == "two numbers"
    (why,) = evidence.why_no_better
    assert why == (
        "The predictions could not be paired: base and head were scored on different examples: 1 id is only on base (the "
        "first is 1), 1 id is only on head (the first is 9), 2 targets differ (the first is that of id 3)."
    )
    assert "measured on different examples" in evidence.notes[0]


def test_ids_that_are_text_on_one_side_only_are_compared_as_text() -> None:
    base = scored([1, 1], "old", ids=[1, 2])
    head = replace(scored([1, 1], "new"), id=np.array(["1", "3"]))
    material = Material(base=base, head=head)
    config = Config(predictions=SPEC)
    why = found(run(BASE, accuracy=1.0), run(HEAD, accuracy=1.0), material=material, config=config).why_no_better[0]
    assert "1 id is only on base (the first is 2), 1 id is only on head (the first is 3)" in why


def test_what_cannot_be_computed_falls_back_and_says_why() -> None:
    material = Material(base=replace(scored(BASE_RIGHT), prediction=None), head=scored(HEAD_RIGHT))
    evidence = found(BASE_RUN, HEAD_RUN, material=material, config=Config(predictions=SPEC))
    assert evidence.kind == "two numbers"
    assert len(evidence.why_no_better) == 1
    assert "predictions.csv" in evidence.why_no_better[0]
    assert "100 rows" in evidence.why_no_better[0]


def test_predictions_that_give_another_number_than_the_run_are_no_evidence_for_it() -> None:
    head = run(HEAD, accuracy=81.0)
    evidence = found(BASE_RUN, head, material=PAIR, config=Config(predictions=SPEC))
    assert evidence.kind == "two numbers"
    assert "accuracy of head is 81 in its run but 0.81 by its predictions" in evidence.why_no_better[0]


# -- repeats


SEEDS_BASE, SEEDS_HEAD = (0.90, 0.92, 0.91, 0.93, 0.90), (0.89, 0.90, 0.88, 0.91, 0.87)


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.05])
def test_repeats_on_both_sides_are_judged_as_by_welchs_test(margin: float) -> None:
    base, head = repeated(BASE, SEEDS_BASE), repeated(HEAD, SEEDS_HEAD)
    shifted = [value + margin for value in SEEDS_HEAD]
    worse = stats.ttest_ind(shifted, SEEDS_BASE, equal_var=False, alternative="less").pvalue
    not_worse = stats.ttest_ind(shifted, SEEDS_BASE, equal_var=False, alternative="greater").pvalue

    evidence = found(base, head)

    assert (evidence.kind, evidence.rests_on) == ("repeats", "5 and 5 trainings")
    assert evidence.difference is not None
    assert evidence.difference.confidence.above(-margin) == pytest.approx(worse)
    assert evidence.difference.confidence.below(-margin) == pytest.approx(not_worse)
    outcome = judged(base, head, rule("accuracy", regression=margin), Material()).outcome
    assert outcome == ("fail" if worse < 0.05 else "pass" if not_worse < 0.05 else "inconclusive")


def test_from_five_repeats_on_it_is_said_how_often_head_wins() -> None:
    """By hand: head wins no pair of trainings with the same seed, then two of five."""
    notes = found(repeated(BASE, SEEDS_BASE), repeated(HEAD, SEEDS_HEAD)).notes
    assert notes == ("Head is better in none of 5 pairs of trainings.",)
    mixed = (0.91, 0.93, 0.90, 0.92, 0.89)
    note = found(repeated(BASE, SEEDS_BASE), repeated(HEAD, mixed)).notes[0]
    assert note.startswith("Head is better in 40 % of pairs of trainings (95 %: ")
    assert found(repeated(BASE, SEEDS_BASE[:4]), repeated(HEAD, mixed[:4])).notes == ()


def test_of_a_metric_of_which_less_is_better_head_wins_where_it_is_lower() -> None:
    evidence = found(repeated(BASE, SEEDS_BASE), repeated(HEAD, SEEDS_HEAD), rule("accuracy", "lower", regression=0.0))
    assert evidence.notes == ("Head is better in all of 5 pairs of trainings.",)


def test_different_numbers_of_repeats_are_evidence_too() -> None:
    evidence = found(repeated(BASE, SEEDS_BASE[:2]), repeated(HEAD, SEEDS_HEAD))
    assert (evidence.kind, evidence.rests_on, evidence.notes) == ("repeats", "2 and 5 trainings", ())


@pytest.mark.parametrize(
    ("base", "head", "lacking"),
    [
        (SEEDS_BASE[:1], SEEDS_HEAD, "the base"),
        (SEEDS_BASE, (), "head"),
        ((), (), "the base and head"),
    ],
)
def test_repeats_that_are_asked_for_and_not_there_are_named(
    base: Sequence[float], head: Sequence[float], lacking: str
) -> None:
    first, second = (
        replace(run(commit), metrics={"accuracy": Metric(value=0.9, repeats=tuple(values))})
        for commit, values in ((BASE, base), (HEAD, head))
    )
    evidence = found(first, second, config=Config(repeats=5))
    assert (evidence.kind, evidence.why_no_better) == (
        "two numbers",
        (f"There are no repeats of accuracy from {lacking}.",),
    )
    assert found(first, second).why_no_better == ()


def test_a_repeat_that_is_not_a_number_makes_them_no_evidence() -> None:
    base = replace(run(BASE), metrics={"accuracy": Metric(value=0.9, repeats=(0.9, math.nan))})
    evidence = found(base, repeated(HEAD, SEEDS_HEAD))
    assert evidence.kind == "two numbers"
    assert evidence.why_no_better == ("A repeat of accuracy is not a finite number.",)


def test_one_lucky_training_of_several_does_not_stand_for_their_mean() -> None:
    lucky = accuracy(BASE_RIGHT)
    head = repeated(HEAD, (lucky, 0.5, 0.5))
    material = Material(base=scored(BASE_RIGHT), head=scored(BASE_RIGHT))
    base = run(BASE, accuracy=lucky)

    judgement = judged(base, head, ACCURACY, material, Config(predictions=SPEC, repeats=3))
    assert (judgement.outcome, judgement.evidence) == ("fail", "two numbers")
    assert judgement.notes[0].startswith("Head's accuracy is the mean of 3 trainings, and its predictions are those of")
    equal = repeated(HEAD, (lucky, lucky, lucky))
    assert found(base, equal, material=material, config=Config(predictions=SPEC, repeats=3)).kind == "predictions"


@pytest.mark.parametrize(("head", "outcome"), [(0.85, "fail"), (0.9, "pass")])
def test_repeats_that_are_all_equal_tell_no_noise_and_a_fall_still_fails(head: float, outcome: str) -> None:
    judgement = judged(repeated(BASE, (0.9, 0.9)), repeated(HEAD, (head, head)), ACCURACY, Material())
    assert (judgement.outcome, judgement.evidence) == (outcome, "two numbers")
    assert judgement.notes == (
        "The repeats of accuracy are all the same on either side, so nothing is known of its noise.",
    )


def test_with_predictions_and_repeats_the_chance_of_both_adds_up() -> None:
    base = replace(BASE_RUN, metrics={"accuracy": Metric(value=0.90, repeats=(0.91, 0.89))})
    head = replace(HEAD_RUN, metrics={"accuracy": Metric(value=0.82, repeats=(0.81, 0.83))})

    evidence = found(base, head, material=PAIR, config=Config(predictions=SPEC, repeats=2))

    assert (evidence.kind, evidence.rests_on) == ("predictions and repeats", "100 examples with 2 and 2 trainings")
    assert evidence.difference is not None
    assert (evidence.difference.base, evidence.difference.head) == pytest.approx((0.90, 0.82))
    assert isinstance(evidence.difference.confidence, Summed)
    of_examples, of_seeds = evidence.difference.confidence.parts
    for bound, level in zip(evidence.difference.bounds(0.95), (0.05, 0.95), strict=True):
        distances = [part.quantile(level) - part.quantile(0.5) for part in (of_examples, of_seeds)]
        assert abs(bound + 0.08) == pytest.approx(math.hypot(*distances))
    welch = stats.ttest_ind((0.81, 0.83), (0.91, 0.89), equal_var=False).confidence_interval(0.9)
    assert (of_seeds.quantile(0.05), of_seeds.quantile(0.95)) == pytest.approx((welch.low, welch.high))
    assert judged(base, head, ACCURACY, PAIR, Config(predictions=SPEC, repeats=2)).outcome == "fail"


def test_repeats_without_predictions_that_were_asked_for_say_so() -> None:
    base, head = repeated(BASE, SEEDS_BASE), repeated(HEAD, SEEDS_HEAD)
    material = Material(without_predictions="Head has no predictions.")
    evidence = found(base, head, material=material, config=Config(predictions=SPEC, repeats=5))
    assert (evidence.kind, evidence.why_no_better) == ("repeats", ("Head has no predictions.",))


# -- history


def on(commit: str, test_set: str, value: float) -> Run:
    return replace(run(commit, accuracy=value), test_set=test_set)


PAST = (0.90, 0.92, 0.91, 0.93)


def test_five_records_of_the_base_branch_tell_the_noise() -> None:
    """Head against the t prediction interval (Hahn & Meeker 1991, 4.7), as SciPy's quantiles give it."""
    values = (*PAST, 0.94)
    evidence = found(on(BASE, "t", 0.94), on(HEAD, "t", 0.80), material=Material(history=past(*PAST)))

    assert (evidence.kind, evidence.rests_on) == ("history", "5 records")
    assert evidence.difference is not None
    error = float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / 5)
    half = stats.t(4).ppf(0.975) * error
    middle = 0.80 - float(np.mean(values))
    assert evidence.difference.interval(0.95) == pytest.approx((middle - half, middle + half))
    assert "the last 5 records of the base branch, whose mean is 0.92" in evidence.notes[0]


def test_the_records_of_the_base_itself_and_of_head_count_once_and_never() -> None:
    records = past(*PAST)
    again = Past(commit=BASE, started="", test_set="t", metrics={"accuracy": 0.5})
    own = Past(commit=HEAD, started="", test_set="t", metrics={"accuracy": 0.1})
    material = Material(history=(again, own, *records))
    evidence = found(on(BASE, "t", 0.94), on(HEAD, "t", 0.80), material=material)
    assert evidence.rests_on == "5 records"
    assert evidence.difference is not None
    assert evidence.difference.base == pytest.approx(np.mean((*PAST, 0.94)))


@pytest.mark.parametrize(
    ("base", "head", "history"),
    [
        (on(BASE, "t", 0.9), on(HEAD, "t", 0.8), past(*PAST[:3])),
        (on(BASE, "t", 0.9), on(HEAD, "t", 0.8), past(*PAST, 0.9, name="loss")),
        (on(BASE, "other", 0.9), on(HEAD, "t", 0.8), past(*PAST)),
        (on(BASE, "t", 0.9), on(HEAD, "t", 0.8), past(*PAST[:3], math.nan, math.inf)),
    ],
    ids=["too few", "another metric", "base's own test set", "not finite"],
)
def test_records_that_are_too_few_or_of_something_else_are_no_evidence(
    base: Run, head: Run, history: tuple[Past, ...]
) -> None:
    assert found(base, head, material=Material(history=history)) == Evidence(kind="two numbers")


@pytest.mark.parametrize(
    ("base", "head", "history", "why"),
    [
        (
            on(BASE, "", 0.9),
            on(HEAD, "", 0.8),
            past(*PAST, 0.9, test_set=""),
            (
                "5 records of the base branch are not used: without predictions or data under DVC nobody knows whether "
                "they were measured on the same examples."
            ),
        ),
        (
            on(BASE, "t", 0.9),
            on(HEAD, "t", 0.8),
            (
                *past(*PAST[:3], 0.94)[1:],
                *past(0.9, test_set="other"),
                Past(commit="f" * 40, started="", test_set="", metrics={"accuracy": 0.9}),
            ),
            "2 records of the base branch are not used: they were measured on other examples than head, or on which is not known.",
        ),
        (
            on(BASE, "other", 0.9),
            on(HEAD, "t", 0.8),
            past(*PAST, 0.9, test_set="other"),
            "5 records of the base branch are not used: they were measured on other examples than head, or on which is not known.",
        ),
    ],
    ids=["no test set", "one on another test set", "another test set"],
)
def test_records_that_would_be_enough_and_cannot_be_used_say_why(
    base: Run, head: Run, history: tuple[Past, ...], why: str
) -> None:
    evidence = found(base, head, material=Material(history=history))
    assert evidence.kind == "two numbers"
    assert evidence.why_no_better == (why,)


def test_records_that_are_all_equal_tell_no_noise_and_a_fall_still_fails() -> None:
    base, head = on(BASE, "t", 0.9), on(HEAD, "t", 0.5)
    material = Material(history=past(*[0.9] * 12))
    judgement = judged(base, head, rule("accuracy", regression=0.1), material)
    assert (judgement.outcome, judgement.evidence) == ("fail", "two numbers")
    assert judgement.notes == (
        "The last 13 records of the base branch have the same accuracy, so nothing is known of its noise.",
    )


def test_predictions_and_repeats_come_before_history() -> None:
    material = replace(PAIR, history=past(*[0.9 + 0.001 * at for at in range(9)]))
    base, head = (replace(one, test_set="t") for one in (BASE_RUN, HEAD_RUN))
    assert found(base, head, material=material, config=Config(predictions=SPEC)).kind == "predictions"
    base, head = repeated(BASE, SEEDS_BASE, test_set="t"), repeated(HEAD, SEEDS_HEAD, test_set="t")
    assert found(base, head, material=Material(history=material.history)).kind == "repeats"


# -- where there is nothing to be unsure of


def test_what_is_within_the_branchs_noise_but_worse_than_its_tip_by_more_than_allowed_does_not_pass() -> None:
    values = (0.81, 0.80, 0.82, 0.81, 0.80, 0.82, 0.81, 0.80, 0.82, 0.81, 0.80, 0.82)
    base, head = on(BASE, "t", 0.86), on(HEAD, "t", 0.82)
    judgement = judged(base, head, rule("accuracy", regression=0.035), Material(history=past(*values)))
    mean, s, n = np.mean([*values, 0.86]), np.std([*values, 0.86], ddof=1), 13
    assert 0.82 - mean - stats.t.ppf(0.95, n - 1) * s * math.sqrt(1 + 1 / n) > -0.035, "by its records it would pass"
    assert (judgement.outcome, judgement.evidence) == ("inconclusive", "history: 13 records")
    assert "fell by 0.04" in judgement.why
    assert judgement.sentence == judgement.why


def test_a_head_that_lost_its_predictions_is_not_taken_at_its_word() -> None:
    computed = {"accuracy": Metric(value=accuracy(BASE_RIGHT), source="predictions.csv")}
    base = replace(BASE_RUN, metrics=computed, predictions=KeptPredictions(sha256="0" * 64, rows=100))
    head = run(HEAD, accuracy=0.99)
    material = Material(base=scored(BASE_RIGHT), without_predictions="predictions.csv holds a NaN.")
    judgement = judged(base, head, ACCURACY, material, Config(predictions=SPEC))
    assert judgement.outcome == "missing"
    assert judgement.why == (
        "accuracy is missing: base's was computed from predictions, and head's could not be (predictions.csv holds a NaN)."
    )
    logged = replace(base, metrics={"accuracy": Metric(value=0.9)})
    assert judged(logged, head, ACCURACY, material, Config(predictions=SPEC)).outcome == "pass"


@pytest.mark.parametrize("repeats", [1, 5])
def test_a_head_that_was_trained_without_usable_predictions_is_missing_even_if_base_has_none(repeats: int) -> None:
    base, head = repeated(BASE, SEEDS_BASE), repeated(HEAD, SEEDS_HEAD)
    said = "Head has no predictions: predictions.csv holds a NaN. The base has no predictions."
    material = Material(without_predictions=said, head_lost="predictions.csv holds a NaN.")
    judgement = judged(
        base, head, rule("accuracy", regression=0.5), material, Config(predictions=SPEC, repeats=repeats)
    )
    assert judgement.outcome == "missing"
    assert judgement.why == (
        "accuracy is missing: it is to be computed from predictions, and head's could not be (predictions.csv holds a NaN)."
    )
    other = Config(predictions=replace(SPEC, metrics=("f1",)))
    assert judged(base, head, rule("accuracy", regression=0.5), material, other).outcome == "pass"


def test_a_head_whose_configuration_no_longer_asks_for_predictions_says_so() -> None:
    base = replace(BASE_RUN, predictions=KeptPredictions(sha256="0" * 64, rows=100))
    (why,) = found(base, HEAD_RUN).why_no_better
    assert why == (
        "The base's run was kept with predictions, and head's configuration has no `predictions`, so examples are not "
        "compared."
    )


def test_two_metrics_files_are_two_numbers_and_nothing_is_said_of_their_names() -> None:
    base, head = (Run(commit="", metrics={"accuracy": Metric(value=0.9, source=file)}) for file in ("a.json", "b.json"))
    config = Config(predictions=SPEC, gate=(ACCURACY,))
    material = of_runs(config, base, head, None, None)
    assert judged(base, head, ACCURACY, material, config).notes == ()


def test_predictions_of_head_that_no_longer_give_the_metric_do_not_leave_it_to_trainings_word() -> None:
    base = replace(
        run(BASE),
        metrics={"accuracy": Metric(value=accuracy(BASE_RIGHT), source="predictions.csv")},
        predictions=KeptPredictions(sha256="0" * 64, rows=100),
    )
    head = replace(run(HEAD, accuracy=0.99), predictions=KeptPredictions(sha256="1" * 64, rows=100))
    material = Material(base=PAIR.base, head=replace(scored(HEAD_RIGHT), prediction=None))
    judgement = judged(base, head, ACCURACY, material, Config(predictions=SPEC))
    assert judgement.outcome == "missing"
    assert judgement.why == "accuracy is missing: base's was computed from predictions, and head's do not give it."


def test_examples_are_grouped_as_base_says() -> None:
    customer = np.arange(100) // 4
    base, head = replace(scored(BASE_RIGHT), group=customer), replace(scored(HEAD_RIGHT), group=np.arange(100))
    evidence = found(BASE_RUN, HEAD_RUN, material=Material(base=base, head=head))
    assert evidence.difference is not None
    assert (evidence.difference.size, evidence.difference.unit) == (25, "groups")
    assert "The column \"group\" of head's predictions differs from base's" in evidence.notes[0]


def test_without_a_base_there_is_no_evidence() -> None:
    assert gather(None, HEAD_RUN, Config(gate=(ACCURACY,)), PAIR) == {}


def test_only_rules_on_a_change_need_evidence() -> None:
    assert gather(BASE_RUN, HEAD_RUN, Config(gate=(rule("accuracy", min=0.5),)), PAIR) == {}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_evidence_is_gathered_for_what_is_not_finite(value: float) -> None:
    assert gather(run(BASE, accuracy=value), HEAD_RUN, Config(gate=(ACCURACY,)), PAIR) == {}
    assert gather(BASE_RUN, run(HEAD, accuracy=value), Config(gate=(ACCURACY,)), PAIR) == {}
    assert gather(run(BASE), HEAD_RUN, Config(gate=(ACCURACY,)), PAIR) == {}


def test_a_head_that_is_bases_run_by_another_name_has_nothing_to_be_unsure_of() -> None:
    base = repeated(BASE, SEEDS_BASE)
    head = replace(base, commit=HEAD)
    assert judged(base, head, ACCURACY, Material(), Config(repeats=5)).outcome == "pass"
    trained_again = replace(repeated(HEAD, SEEDS_HEAD), fingerprint=base.fingerprint)
    assert found(base, trained_again).kind == "repeats"
