"""The gate: from a comparison and the rules to outcomes and a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches

from ml_ci.compare.comparison import Comparison, MetricDifference
from ml_ci.compare.judgement import Decision, Judgement, Outcome, SliceJudgement, SliceOutcome, Verdict
from ml_ci.config import Policy, Rule, Tolerance

__all__ = ["Decision", "Judgement", "Outcome", "SliceJudgement", "SliceOutcome", "Verdict", "decide", "describe"]


def decide(comparison: Comparison, rules: tuple[Rule, ...], policy: Policy) -> Decision:
    """Judge every rule, and put their outcomes together.

    `fail` and `missing` fail. `no-baseline` fails where the policy says so; else it passes, and the sentence says that
    nothing could be compared. `inconclusive` stays what it is: the policy decides the exit code, not the word.
    """
    differences = {difference.name: difference for difference in comparison.metrics}
    logged = [difference.name for difference in comparison.metrics if difference.head is not None]
    judgements = tuple(_judge(rule, differences.get(rule.metric) or _absent(rule.metric), logged) for rule in rules)

    def with_outcome(*outcomes: Outcome) -> list[Judgement]:
        return [judgement for judgement in judgements if judgement.outcome in outcomes]

    failed, unsure = with_outcome("fail", "missing"), with_outcome("inconclusive")
    uncompared = with_outcome("no-baseline")
    verdict: Verdict = "pass"
    if failed:
        verdict, why = "fail", " ".join(judgement.why for judgement in failed)
    elif uncompared and policy.no_baseline == "fail":
        verdict, why = "fail", " ".join(judgement.why for judgement in uncompared)
    elif unsure:
        verdict, why = "inconclusive", " ".join(judgement.why for judgement in unsure)
    elif uncompared:
        names = ", ".join(judgement.rule.metric for judgement in uncompared)
        why = f"There was nothing to compare with, so whether {names} got worse is not known."
    elif judgements:
        why = "Every rule holds."
    else:
        why = "The configuration has no gate rules, so nothing was judged."
    return Decision(verdict=verdict, why=why, judgements=judgements)


def describe(rule: Rule) -> str:
    """The rule in words, for example `≥ 0.9, at most 0.005 lower`."""
    parts = []
    if rule.min is not None:
        parts.append(f"≥ {_written(rule.min)}")
    if rule.max is not None:
        parts.append(f"≤ {_written(rule.max)}")
    if rule.max_regression is not None:
        worse = "lower" if rule.direction == "higher" else "higher"
        allowed = _amount(rule.max_regression)
        parts.append(f"not {worse}" if rule.max_regression.value == 0 else f"at most {allowed} {worse}")
    return ", ".join(parts)


def _absent(metric: str) -> MetricDifference:
    return MetricDifference(name=metric, base=None, head=None, delta=None, relative=None)


def _judge(rule: Rule, difference: MetricDifference, logged: Sequence[str]) -> Judgement:
    outcome, why, method = _outcome(rule, difference, logged)
    return Judgement(
        rule=rule,
        difference=difference,
        outcome=outcome,
        why=why,
        limit=describe(rule),
        method=method,
        evidence="two numbers" if method else None,
    )


def _outcome(rule: Rule, difference: MetricDifference, logged: Sequence[str]) -> tuple[Outcome, str, str | None]:
    name, base, head = rule.metric, difference.base, difference.head
    if head is None:
        return "missing", f"{name} is missing: this training did not log it.{_instead(name, logged)}", None
    broken = _broken_limit(rule, head)
    if broken:
        return "fail", f"{name} is {broken}.", None
    if rule.max_regression is None:
        return "pass", f"{name} is {head:.6g}, within its limits.", None
    if base is None or not math.isfinite(base):
        state = "has no value" if base is None else f"is {_named(base)}"
        return "no-baseline", f"{name} {state} on the base, so it could not be compared.", None
    return _regression(rule, rule.max_regression, base, head)


def _instead(name: str, logged: Sequence[str]) -> str:
    """What may have been meant: the nearest name that was logged, else all of them if they are few."""
    near = get_close_matches(name, logged, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" It logged {', '.join(logged)}." if 0 < len(logged) <= 8 else ""


def _broken_limit(rule: Rule, head: float) -> str | None:
    """What is wrong with head's value by itself, None if nothing is."""
    if not math.isfinite(head):
        return f"{_named(head)}, which no rule can accept"
    if rule.min is not None and head < rule.min:
        return f"{_told(head, rule.min)}, below its minimum of {_written(rule.min)}"
    if rule.max is not None and head > rule.max:
        return f"{_told(head, rule.max)}, above its maximum of {_written(rule.max)}"
    return None


def _regression(rule: Rule, tolerance: Tolerance, base: float, head: float) -> tuple[Outcome, str, str]:
    """The plain tolerance, on two numbers: this is all that can be said without predictions or repeats.

    It is computed in decimals, of the shortest form that gives the same float, because that is what people see: from
    0.95 to 0.945 is a fall of 0.005, though in binary it is a little more.
    """
    before, after, allowed = (Decimal(repr(number)) for number in (base, head, tolerance.value))
    worse = before - after if rule.direction == "higher" else after - before
    if tolerance.relative:
        allowed *= abs(before)
    numbers = f"({_told(base, head)} → {_told(head, base)})"
    if worse <= allowed:
        return "pass", f"{rule.metric} did not get worse by more than is allowed {numbers}.", "tolerance"
    moved = "fell" if rule.direction == "higher" else "rose"
    share = worse / abs(before) if tolerance.relative and before else None
    amount = _told(float(worse), tolerance.value, 4)
    if share is not None:
        amount = f"{_told(float(share * 100), float(_hundredfold(tolerance.value)), 4)} %"
    limit = "no more than it was" if tolerance.value == 0 else f"at most {_amount(tolerance)}"
    return "fail", f"{rule.metric} {moved} by {amount} {numbers}; allowed is {limit}.", "tolerance"


def _named(value: float) -> str:
    """A value that is not finite, as the tables name it."""
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "−Infinity")


def _amount(tolerance: Tolerance) -> str:
    return f"{_written(float(_hundredfold(tolerance.value)))} %" if tolerance.relative else _written(tolerance.value)


def _hundredfold(fraction: float) -> Decimal:
    return Decimal(repr(fraction)) * 100


def _written(number: float) -> str:
    """A limit as a person writes it: no digit is lost, since rules are to be recognized."""
    return repr(float(number)).removesuffix(".0")


def _told(number: float, beside: float, digits: int = 6) -> str:
    """A number with a few digits, or with as many as it takes to tell it from another one."""
    for count in range(digits, 17):
        text = f"{number:.{count}g}"
        if number == beside or text != f"{beside:.{count}g}":
            return text
    return repr(number)
