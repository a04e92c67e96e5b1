"""The gate: from a comparison, the rules and the evidence to outcomes and a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ml_ci.compare.comparison import Comparison
from ml_ci.compare.evidence import Evidence
from ml_ci.compare.judgement import Decision, Judgement, Outcome, SliceJudgement, SliceOutcome, Verdict
from ml_ci.compare.rule_gate import absent, answer_of, judge
from ml_ci.compare.slice_evidence import SliceEvidence
from ml_ci.compare.slice_gate import Findings, ask_slices, judge_slices
from ml_ci.compare.wording import causes_once, describe, merged
from ml_ci.config import Policy, Rule

__all__ = ["Decision", "Judgement", "Outcome", "SliceJudgement", "SliceOutcome", "Verdict", "decide", "describe"]

_TWO_NUMBERS = Evidence(kind="two numbers")
_NONE: Mapping[str, Evidence] = MappingProxyType({})


def decide(
    comparison: Comparison,
    rules: tuple[Rule, ...],
    policy: Policy,
    evidence: Mapping[str, Evidence] = _NONE,
    slices: tuple[SliceEvidence, ...] = (),
) -> Decision:
    """Judge every rule and every slice, and put their outcomes together.

    `evidence` holds the best there is by metric; what it lacks is judged by two numbers.

    A rule or a slice fails at the policy's confidence after Holm's adjustment (1979, Scandinavian Journal of Statistics
    6, 65-70) over all rules, or all slices, that are judged by more than two numbers; where there are both, each family
    gets half of the error. So the chance that anything fails though nothing got worse than is allowed is at most one
    minus that confidence, however many there are, and a thousand slices take no more than that half from the rules.
    What passes needs no adjustment: the verdict passes only if all of them pass, which is an intersection-union test
    (Berger 1982, Technometrics 24, 295-300), and its level is that of its single tests.

    `fail` and `missing` fail. `no-baseline` fails where the policy says so; else it passes, and the sentence says that
    nothing could be compared. `inconclusive` stays what it is: the policy decides the exit code, not the word.

    A slice that is judged and fails fails the verdict. One that is inconclusive does not by itself make the verdict so,
    unless the policy fails what is inconclusive: small slices nearly always are, and a gate that is always inconclusive
    says nothing; they are counted in the notes. Whoever wants proof for each slice gets it by that policy.
    """
    rows = {row.name: row for row in comparison.metrics}
    logged = [row.name for row in comparison.metrics if row.head is not None]
    judged = [(rule, rows.get(rule.metric) or absent(rule.metric)) for rule in rules]
    answers = [answer_of(rule, row, evidence.get(rule.metric), policy.confidence) for rule, row in judged]
    asked = ask_slices(slices, policy.confidence)
    of_rules, of_slices = _adjusted(
        [answer.failing for answer in answers if answer], [one.gate.failing for one in asked if one.gate]
    )
    judgements = tuple(
        judge(
            rule,
            row,
            logged,
            evidence.get(rule.metric, _TWO_NUMBERS),
            answer,
            next(of_rules) if answer else 1.0,
            policy.confidence,
        )
        for (rule, row), answer in zip(judged, answers, strict=True)
    )
    failing = [next(of_slices) if one.gate else 1.0 for one in asked]
    return _put_together(judgements, judge_slices(slices, asked, failing, policy.confidence), policy)


def _adjusted(*families: Sequence[float]) -> Iterator[Iterator[float]]:
    """The p-values of each family by Holm, and by Bonferroni among the families that are not empty."""
    count = sum(1 for family in families if family)
    for family in families:
        yield iter([min(1.0, count * p_value) for p_value in _holm(family)])


def _holm(p_values: Sequence[float]) -> Sequence[float]:
    if not p_values:
        return []
    from ml_ci.statistics.multiplicity import holm

    return [float(p_value) for p_value in holm(p_values)]


def _put_together(judgements: tuple[Judgement, ...], found: Findings, policy: Policy) -> Decision:
    def whys(*outcomes: Outcome) -> list[str]:
        return [judgement.why for judgement in judgements if judgement.outcome in outcomes]

    failed = causes_once(
        [*whys("fail"), *merged([(each.rule.metric, each.why) for each in judgements if each.outcome == "missing"])],
        found.failed,
    )
    uncompared = [*whys("no-baseline"), *found.uncompared]
    unsure = [*whys("inconclusive"), *(found.inconclusive if policy.inconclusive == "fail" else ())]
    verdict: Verdict = "pass"
    reasons: list[str] = []
    if failed:
        verdict, reasons = "fail", failed
    elif uncompared and policy.no_baseline == "fail":
        verdict, reasons = "fail", uncompared
    elif unsure:
        verdict, reasons = "inconclusive", unsure
    elif uncompared:
        names = [judgement.rule.metric for judgement in judgements if judgement.outcome == "no-baseline"]
        reasons = list(found.uncompared)
        if names:
            names += found.names_uncompared
            reasons = [f"There was nothing to compare with, so whether {', '.join(names)} got worse is not known."]
    holds = "Every rule holds." if judgements or found.judged else ""
    return Decision(
        verdict=verdict,
        why=" ".join(reasons) or holds or "The configuration has no gate rules, so nothing was judged.",
        judgements=judgements,
        slices=found.slices,
        reasons=tuple(reasons),
        notes=found.notes,
    )
