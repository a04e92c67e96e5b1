"""How worn the test set is: how many verdicts it has carried, and how many it can."""

from __future__ import annotations

from collections.abc import Sequence

from ml_ci.compare.judgement import Judgement
from ml_ci.result import TestSetUse


def worn(test_set: TestSetUse | None) -> str:
    """The warning that a test set has carried more verdicts than it supports; empty where it has not.

    One that is too small for a single verdict is not worn out but small: a warning that never ends is not read.
    """
    if test_set is None or not test_set.supported or test_set.verdicts <= test_set.supported:
        return ""
    return (
        f"This test set has carried {counted(test_set.verdicts, 'verdict')}, and {_size(test_set)} about "
        f"{test_set.supported:,} where each change may have been made with the last verdict in mind: what passes may be "
        "fitted to these examples. Take new ones."
    )


def wear(test_set: TestSetUse) -> str:
    """How often the test set was used, in one calm line."""
    examples = f"{test_set.examples:,} examples, " if test_set.examples else ""
    return f"Test set: {examples}{counted(test_set.verdicts, 'verdict')} so far."


def wear_detail(test_set: TestSetUse) -> str:
    """How many verdicts it carries in the worst case."""
    if test_set.supported is None:
        return ""
    count = f"about {counted(test_set.supported, 'verdict')}" if test_set.supported else "not even one for sure"
    worst = "In the worst case, where each change is made with the last verdict in mind"
    return f"{worst}, {_size(test_set)} {count}."


def plan(judgements: Sequence[Judgement]) -> str:
    """The command that says how many examples it takes to hold the strictest of these rules."""
    margin = min((judgement.margin for judgement in judgements if judgement.margin), default=0.01)
    return f"ml-ci plan 'n - o > 0 +/- {float(f'{margin:.3g}'):f}".rstrip("0").rstrip(".") + "'"


def _size(test_set: TestSetUse) -> str:
    return f"its {test_set.examples:,} examples support" if test_set.examples else "its size supports"


def counted(count: int, word: str) -> str:
    """`1 verdict`, `1,000 verdicts`."""
    return f"{count:,} {word}" + ("s" if count != 1 else "")
