"""The sentences of the gate: what a bound means for a rule, in plain English."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml_ci import numbers
from ml_ci.compare.noninferiority import Answer
from ml_ci.config import Rule, Tolerance

NOT_COMPARED = "could not be compared"


@dataclass(frozen=True, kw_only=True)
class Power:
    """What the evidence can see: the smallest distance from the limit that it shows in 80 % of cases, in the metric's
    unit, and how many of its units would settle an inconclusive answer; None where that is not known. `at_limit` says that
    no number of them would, as what was measured is the limit itself.
    """

    detectable: float | None = None
    needed: int | None = None
    at_limit: bool = False


@dataclass(frozen=True)
class _Scale:
    """From a change in the metric's unit to the one in which people read it."""

    factor: float
    unit: str

    def amount(self, change: float, beside: float) -> str:
        """The size of a change with its unit, with enough digits to see on which side of `beside` it is."""
        size, other = abs(change) * self.factor, abs(beside) * self.factor
        # what binary adds to a product is not worth a digit
        return self._with_unit(numbers.beyond(round(size, 12), round(other, 12)))

    def limit(self, change: float) -> str:
        """What is allowed, in full."""
        return self._with_unit(numbers.number(round(change * self.factor, 12)))

    def _with_unit(self, text: str) -> str:
        return f"{text}{self.unit.removesuffix('s') if text == '1' else self.unit}"


def describe(rule: Rule) -> str:
    """The rule in words, for example `≥ 0.9, at most 0.005 lower`."""
    parts = []
    if rule.min is not None:
        parts.append(f"≥ {written(rule.min)}")
    if rule.max is not None:
        parts.append(f"≤ {written(rule.max)}")
    if rule.max_regression is not None:
        worse = "lower" if rule.direction == "higher" else "higher"
        allowed = tolerated(rule.max_regression)
        parts.append(f"not {worse}" if rule.max_regression.value == 0 else f"at most {allowed} {worse}")
    return ", ".join(parts)


def predicate(
    answer: Answer, outcome: str, tolerance: Tolerance, confidence: float, rests_on: str, power: Power | None = None
) -> str:
    """What the bounds say of a metric, to follow its name: `is at most 0.3 points worse, with 95 % confidence; …`.

    `rests_on` is the size of the evidence in words: `1,000 examples`. `power` is said of an inconclusive answer.
    """
    if not answer.sound:
        return f"cannot be judged: {answer.difference.method} on {rests_on} came to no number."
    scale = _scale(answer, tolerance)
    allowed = f"; you allow {scale.limit(answer.margin) if answer.margin else 'none'}"
    sure = f", with {numbers.number(float(Decimal(repr(confidence)) * 100))} % confidence"
    if outcome == "pass":
        return _passes(answer, scale, sure, allowed)
    if outcome == "fail":
        return f"{_fails(answer, scale)}{sure}{allowed}."
    if answer.best < -answer.margin:  # and yet not a failure, so it was adjusted
        worse = f"is at least {scale.amount(answer.best, answer.margin)} worse when it is looked at alone"
        return f"{worse}{allowed}; among all that this gate looks at, that may be chance."
    return f"{_may_be(answer, scale)}{allowed}: {_more(power, answer, scale, rests_on)}."


def written(number: float) -> str:
    """A limit as a person writes it: no digit is lost, since rules are to be recognized."""
    return repr(float(number)).removesuffix(".0")


def tolerated(tolerance: Tolerance) -> str:
    """The allowed regression as the configuration has it: `0.005`, `2 %`."""
    return f"{written(hundredfold(tolerance.value))} %" if tolerance.relative else written(tolerance.value)


def hundredfold(fraction: float) -> float:
    """A fraction as a percentage, in decimals: 0.07 is 7, though in binary it is a little more."""
    return float(Decimal(repr(fraction)) * 100)


def merged(missing: Sequence[tuple[str, str]]) -> list[str]:
    """The sentences `NAME is missing: CAUSE`, each with its name, such that each cause is said once, with all names."""
    found: dict[str, list[str]] = {}
    for name, why in missing:
        found.setdefault(why.removeprefix(f"{name} is missing: "), []).append(name)
    return [f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing: {why}" for why, names in found.items()]


def causes_once(rules: Sequence[str], slices: Sequence[str]) -> list[str]:
    """The sentences on rules and then those on slices; where these have a cause that was said before, without it."""
    said, sentences = " ".join(rules), list(rules)
    for sentence in slices:
        what, _, cause = sentence.partition(f" {NOT_COMPARED}: ")
        sentences.append(f"{what} {NOT_COMPARED} either." if cause and cause.rstrip(".") in said else sentence)
    return sentences


def _scale(answer: Answer, tolerance: Tolerance) -> _Scale:
    """Percent of base where the rule is written so; points where the metric is a share of which more is better.

    A loss between 0 and 1 is no share, so a metric of which less is better keeps its own unit.
    """
    base, head = answer.difference.base, answer.difference.head
    if tolerance.relative and base != 0 and math.isfinite(100 / abs(base)):
        return _Scale(100 / abs(base), " %")
    if answer.direction == "higher" and 0 <= base <= 1 and 0 <= head <= 1 and answer.margin <= 1:
        return _Scale(100, " points")
    return _Scale(1, "")


def _passes(answer: Answer, scale: _Scale, sure: str, allowed: str) -> str:
    worst, best = answer.worst, answer.best
    if worst == best == 0:
        return "is the same on both sides."
    if worst == 0:
        return f"is not worse{sure}."
    if worst > 0:
        return f"is at least {scale.amount(worst, 0)} better{sure}."
    return f"is at most {scale.amount(worst, answer.margin)} worse{sure}{allowed}."


def _fails(answer: Answer, scale: _Scale) -> str:
    if answer.best < -answer.margin:
        return f"is at least {scale.amount(answer.best, answer.margin)} worse"
    worse = scale.amount(answer.difference.delta, answer.margin)  # the bound of discrete evidence can be the laxer one
    return f"is {worse} worse, and so by more than is allowed"


def _may_be(answer: Answer, scale: _Scale) -> str:
    worst, best = answer.worst, answer.best
    if worst >= -answer.margin:  # the p-value of discrete evidence can be stricter than its bound
        return "may just be worse by more than is allowed"
    if math.isinf(worst):
        return "may be worse by any amount"
    up_to = f"may be up to {scale.amount(worst, answer.margin)} worse"
    if best > 0:
        return f"{up_to} or {scale.amount(best, 0)} better"
    return up_to if best == 0 else f"may be {scale.amount(best, 0)} to {scale.amount(worst, answer.margin)} worse"


def _more(power: Power | None, answer: Answer, scale: _Scale, rests_on: str) -> str:
    """What the evidence can tell, and how much of it would tell this."""
    seen = f"{rests_on} cannot tell"
    if power is None:
        return seen
    if power.at_limit:
        measured = "the measured change is what you allow" if answer.margin else "no change was measured"
        return f"no number of {answer.difference.unit} settles it, as {measured}"
    if power.detectable:
        limit = "that limit" if answer.margin else "no change"
        seen = f"{rests_on} only tell what is {scale.amount(power.detectable, 0)} or more from {limit}"
    return seen + (f"; about {_about(power.needed)} would tell" if power.needed else "")


def _about(count: int) -> str:
    """A number of units to two significant digits, and never rounded down."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // step) * step:,}"
