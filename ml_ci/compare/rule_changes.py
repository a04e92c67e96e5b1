"""What a pull request changes in the rules that it is judged by, and whether it thereby allows itself more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from ml_ci import numbers
from ml_ci.compare.wording import describe, tolerated
from ml_ci.config import Config, Rule, SliceRule, Tolerance
from ml_ci.config_pass_env import allows_no_more

Effect = Literal["loosens", "tightens", "changes"]

_Ruled = TypeVar("_Ruled", Rule, SliceRule)


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """One difference between base's rules and head's. `name` is a metric's, or a key's of the configuration.

    `part` is the rule's key that differs; empty where the whole rule is new or gone. `base` and `head` are in words, None
    where there is nothing on that side. `effect` is what it does to what head may do.
    """

    name: str
    part: str
    base: str | None
    head: str | None
    effect: Effect


def rule_changes(base: Config, head: Config) -> tuple[RuleChange, ...]:
    """All that differs in what decides, or in what training sees: gate, slices, policy, evidence, variables; loosened ones first."""
    found = [
        *_of_gate(base, head),
        *_of_slices(base, head),
        *_of_policy(base, head),
        *_of_evidence(base, head),
    ]
    order: tuple[Effect, ...] = ("loosens", "changes", "tightens")
    return tuple(sorted(found, key=lambda change: order.index(change.effect)))


def _of_gate(base: Config, head: Config) -> Iterator[RuleChange]:
    before, after = _by_metric(base.gate), _by_metric(head.gate)
    for name in {**before, **after}:
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield RuleChange(
                name=name,
                part="",
                base=describe(one) if one else None,
                head=describe(other) if other else None,
                effect="loosens" if one else "tightens",
            )
            continue
        if one.direction != other.direction:
            yield _change(name, "direction", one.direction, other.direction, "changes")
        yield from _of_bound(name, "min", one.min, other.min, stricter_if_higher=True)
        yield from _of_bound(name, "max", one.max, other.max, stricter_if_higher=False)
        yield from _of_tolerance(name, one.max_regression, other.max_regression)


def _of_slices(base: Config, head: Config) -> Iterator[RuleChange]:
    before, after = _by_metric(base.slices), _by_metric(head.slices)
    for metric in {**before, **after}:
        name, one, other = f"slices: {metric}", before.get(metric), after.get(metric)
        if one is None or other is None:
            judged = one or other
            strict = judged is not None and judged.max_regression is not None
            effect: Effect = "changes" if not strict else ("loosens" if one else "tightens")
            yield RuleChange(name=name, part="", base=_of_slice(one), head=_of_slice(other), effect=effect)
            continue
        if one.direction != other.direction:
            yield _change(name, "direction", one.direction, other.direction, "changes")
        yield from _of_tolerance(name, one.max_regression, other.max_regression)
        if one.min_size != other.min_size:
            effect = "loosens" if other.min_size > one.min_size else "tightens"
            yield _change(name, "min-size", str(one.min_size), str(other.min_size), effect)


def _of_policy(base: Config, head: Config) -> Iterator[RuleChange]:
    before, after = base.policy, head.policy
    if before.confidence != after.confidence:
        yield _change(
            "policy", "confidence", numbers.number(before.confidence), numbers.number(after.confidence), "changes"
        )
    for part, one, other in (
        ("inconclusive", before.inconclusive, after.inconclusive),
        ("no-baseline", before.no_baseline, after.no_baseline),
    ):
        if one != other:
            yield _change("policy", part, one, other, "loosens" if other == "pass" else "tightens")


def _of_evidence(base: Config, head: Config) -> Iterator[RuleChange]:
    if base.pass_env != head.pass_env:
        yield _change("pass-env", "", _passed(base.pass_env), _passed(head.pass_env), _of_variables(base, head))
    if base.baseline != head.baseline:
        effect: Effect = "loosens" if head.baseline == "none" else "changes"
        yield _change("baseline", "", base.baseline, head.baseline, effect)
    if base.repeats != head.repeats:
        effect = "loosens" if head.repeats < base.repeats else "tightens"
        yield _change("repeats", "", str(base.repeats), str(head.repeats), effect)
    one, other = base.predictions, head.predictions
    if (one is None) != (other is None):
        yield RuleChange(
            name="predictions",
            part="",
            base=one.path if one else None,
            head=other.path if other else None,
            effect="loosens" if one else "tightens",
        )
    elif one is not None and other is not None and one.metrics != other.metrics:
        yield _change("predictions", "metrics", _listed(one.metrics), _listed(other.metrics), "changes")


def _of_bound(
    name: str, part: str, one: float | None, other: float | None, *, stricter_if_higher: bool
) -> Iterator[RuleChange]:
    if one == other:
        return
    if one is None or other is None:
        effect: Effect = "tightens" if one is None else "loosens"
    else:
        effect = "tightens" if (other > one) == stricter_if_higher else "loosens"
    yield _change(name, part, _number(one), _number(other), effect)


def _of_tolerance(name: str, one: Tolerance | None, other: Tolerance | None) -> Iterator[RuleChange]:
    if one == other:
        return
    if one is None or other is None:
        effect: Effect = "tightens" if one is None else "loosens"
    elif one.relative != other.relative:
        # a share of base's value and a number are not compared without that value
        effect = "changes"
    else:
        effect = "loosens" if other.value > one.value else "tightens"
    yield _change(name, "max-regression", _tolerance(one), _tolerance(other), effect)


def _change(name: str, part: str, base: str | None, head: str | None, effect: Effect) -> RuleChange:
    return RuleChange(name=name, part=part, base=base, head=head, effect=effect)


def _by_metric(rules: tuple[_Ruled, ...]) -> Mapping[str, _Ruled]:
    return {rule.metric: rule for rule in rules}


def _of_slice(rule: SliceRule | None) -> str | None:
    if rule is None:
        return None
    allowed = _tolerance(rule.max_regression)
    return f"at most {allowed}" if allowed else "shown"


def _number(value: float | None) -> str | None:
    return None if value is None else numbers.number(value)


def _tolerance(value: Tolerance | None) -> str | None:
    return None if value is None else tolerated(value)


def _of_variables(base: Config, head: Config) -> Effect:
    if not allows_no_more(head.pass_env, base.pass_env):
        return "loosens"
    return "changes" if allows_no_more(base.pass_env, head.pass_env) else "tightens"


def _passed(names: tuple[str, ...] | None) -> str:
    return "everything" if names is None else ", ".join(names) or "nothing"


def _listed(names: tuple[str, ...] | None) -> str:
    return ", ".join(names) if names is not None else "those with a rule"
