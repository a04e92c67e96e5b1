"""What a change does to the rules that it is judged by, in sentences."""

from __future__ import annotations

from ml_ci.compare.rule_changes import RuleChange
from ml_ci.result import Result


def rule_sentences(result: Result) -> tuple[str, ...]:
    """A line for each difference from base's rules, those that allow more first; empty where there is none."""
    return tuple(_line(change) for change in result.rules)


def whose_rules(result: Result) -> str:
    """Which rules count, where head's differ from base's; empty where they do not differ."""
    if not result.rules:
        return ""
    if result.rules_of_base:
        return "The verdict follows the rules of the base branch; these changes count once they are merged:"
    return "These changes count here, as `policy.rules` of the base branch lets them:"


def _line(change: RuleChange) -> str:
    part = f"{change.part} " if change.part else ""
    if change.base is None:
        return f"{change.effect} {change.name}: {part}{change.head} is new"
    if change.head is None:
        return f"{change.effect} {change.name}: {part}{change.base} is taken out"
    return f"{change.effect} {change.name}: {part}from {change.base} to {change.head}"
