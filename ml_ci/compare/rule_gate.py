"""One rule: head's own limits first, then the change from base, by the best evidence there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches

from ml_ci import numbers
from ml_ci.compare.comparison import MetricDifference
from ml_ci.compare.evidence import Evidence
from ml_ci.compare.judgement import Judgement, Outcome
from ml_ci.compare.noninferiority import Answer, ask, margin
from ml_ci.compare.power import power_of
from ml_ci.compare.wording import describe, hundredfold, predicate, tolerated, written
from ml_ci.config import Rule, Tolerance


def answer_of(rule: Rule, row: MetricDifference, evidence: Evidence | None, confidence: float) -> Answer | None:
    """What the evidence says on the rule; None where the rule has no relative part, or there are only two numbers.

    A side that is missing or not finite is no question of evidence, so then there is none either.
    """
    difference = evidence.difference if evidence else None
    if rule.max_regression is None or difference is None or row.delta is None:
        return None
    return ask(difference, rule.direction, margin(rule.max_regression, difference.base), confidence)


def judge(
    rule: Rule,
    row: MetricDifference,
    logged: Sequence[str],
    evidence: Evidence,
    answer: Answer | None,
    failing: float,
    confidence: float,
) -> Judgement:
    """What the rule says. `logged` are the names that training logged, `failing` is the answer's adjusted p-value."""
    alone = _alone(rule, row, logged)
    if alone is None and evidence.unfit:
        alone = "missing", evidence.unfit
    if answer is not None and rule.max_regression is not None:
        return _by_evidence(rule, rule.max_regression, row, evidence, answer, failing, confidence, alone)
    if alone is not None:
        return Judgement(rule=rule, difference=row, outcome=alone[0], why=alone[1], limit=describe(rule))
    if rule.max_regression is None or row.base is None or row.head is None:
        raise ValueError(f"the rule for {rule.metric} was decided by head's value alone")
    outcome, why = _by_tolerance(rule, rule.max_regression, row.base, row.head)
    return Judgement(
        rule=rule,
        difference=row,
        outcome=outcome,
        why=why,
        limit=describe(rule),
        method="tolerance",
        evidence="two numbers",
        margin=margin(rule.max_regression, row.base),
        notes=(*evidence.why_no_better, *evidence.notes),
    )


def absent(metric: str) -> MetricDifference:
    """A metric that neither side has."""
    return MetricDifference(name=metric, base=None, head=None, delta=None, relative=None)


def _by_evidence(
    rule: Rule,
    tolerance: Tolerance,
    row: MetricDifference,
    evidence: Evidence,
    answer: Answer,
    failing: float,
    confidence: float,
    alone: tuple[Outcome, str] | None,
) -> Judgement:
    outcome: Outcome = answer.outcome(failing, confidence)
    power = power_of(answer, confidence) if outcome == "inconclusive" and answer.sound else None
    said = predicate(answer, outcome, tolerance, confidence, evidence.rests_on, power)
    base, head = numbers.pair(row.base, row.head, answer.interval)
    why, sentence = f"{rule.metric} ({base} → {head}) {said}", f"{rule.metric} {said}"
    if row.base is not None and row.head is not None and (not answer.sound or evidence.kind == "history"):
        plain, words = _by_tolerance(rule, tolerance, row.base, row.head)
        if not answer.sound:
            outcome, why = ("fail", words) if plain == "fail" else ("inconclusive", why)
        elif outcome == "pass" and plain == "fail":
            # within what the branch has been through, and yet worse than the base of this very change by more than allowed
            outcome, why = "inconclusive", f"{words} Yet the base branch's last records vary as much."
            sentence = why
    if alone is not None:
        outcome, why = alone
    return Judgement(
        rule=rule,
        difference=row,
        outcome=outcome,
        why=why,
        limit=describe(rule),
        method=answer.difference.method,
        evidence=f"{evidence.kind}: {evidence.rests_on}",
        interval=answer.interval,
        bounds=answer.bounds,
        margin=answer.margin,
        sentence=sentence,
        detectable=power.detectable if power else None,
        needed=power.needed if power else None,
        unit=answer.difference.unit,
        notes=(*answer.difference.warnings, *evidence.why_no_better, *evidence.notes),
    )


def _alone(rule: Rule, row: MetricDifference, logged: Sequence[str]) -> tuple[Outcome, str] | None:
    """What follows without looking at the change; None where the change decides."""
    name, base, head = rule.metric, row.base, row.head
    if head is None:
        return "missing", f"{name} is missing: this training did not log it.{_instead(name, logged)}"
    broken = _broken_limit(rule, head)
    if broken:
        return "fail", f"{name} is {broken}."
    if rule.max_regression is None:
        return "pass", f"{name} is {numbers.number(head)}, within its limits."
    if base is None or not math.isfinite(base):
        state = "has no value" if base is None else f"is {numbers.number(base)}"
        return "no-baseline", f"{name} {state} on the base, so it could not be compared."
    return None


def _instead(name: str, logged: Sequence[str]) -> str:
    """What may have been meant: the nearest name that was logged, else all of them if they are few."""
    near = get_close_matches(name, logged, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" It logged {', '.join(logged)}." if 0 < len(logged) <= 8 else ""


def _broken_limit(rule: Rule, head: float) -> str | None:
    """What is wrong with head's value by itself, None if nothing is."""
    if not math.isfinite(head):
        return f"{numbers.number(head)}, which no rule can accept"
    if rule.min is not None and head < rule.min:
        return f"{numbers.apart(head, rule.min)}, below its minimum of {_minus(written(rule.min))}"
    if rule.max is not None and head > rule.max:
        return f"{numbers.apart(head, rule.max)}, above its maximum of {_minus(written(rule.max))}"
    return None


def _by_tolerance(rule: Rule, tolerance: Tolerance, base: float, head: float) -> tuple[Outcome, str]:
    """The plain tolerance, on two numbers: this is all that can be said without predictions or repeats.

    It is computed in decimals, of the shortest form that gives the same float, because that is what people see: from
    0.95 to 0.945 is a fall of 0.005, though in binary it is a little more.
    """
    before, after, allowed = (Decimal(repr(number)) for number in (base, head, tolerance.value))
    worse = before - after if rule.direction == "higher" else after - before
    if tolerance.relative:
        allowed *= abs(before)
    shown = "({} → {})".format(*numbers.pair(base, head))
    if worse <= allowed:
        return "pass", f"{rule.metric} did not get worse by more than is allowed {shown}."
    moved = "fell" if rule.direction == "higher" else "rose"
    share = worse / abs(before) if tolerance.relative and before else None
    amount = numbers.apart(float(worse), tolerance.value, 3)
    if share is not None:
        amount = f"{numbers.apart(float(share * 100), hundredfold(tolerance.value), 3)} %"
    limit = "no more than it was" if tolerance.value == 0 else f"at most {tolerated(tolerance)}"
    return "fail", f"{rule.metric} {moved} by {amount} {shown}; allowed is {limit}."


def _minus(text: str) -> str:
    return "−" + text[1:] if text.startswith("-") else text
