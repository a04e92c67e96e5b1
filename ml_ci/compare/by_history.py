"""Evidence from what is known of the base branch's past."""

from __future__ import annotations

import math

from ml_ci.compare.found import Found
from ml_ci.records import Past, Run


def by_history(name: str, base: Run, head: Run, history: tuple[Past, ...]) -> Found:
    """The base branch's records on head's test set, where there are enough of them."""
    from ml_ci.statistics.history import FEWEST, against_history

    values = _past_values(name, base, head, history)
    if len(values) < FEWEST:
        return Found(why_not=_unused(name, head, history, FEWEST))
    if len(set(values)) == 1:
        # its rank among equals could never show a fall, however large, that two numbers show at once
        same = f"The last {len(values)} records of the base branch have the same {name}"
        return Found(why_not=f"{same}, so nothing is known of its noise.")
    difference = against_history(values, head.metrics[name].value)
    mean = f"whose mean is {difference.base:.4g}"
    note = (
        f"Head is compared with the last {len(values)} records of the base branch, {mean}, and not with the last alone."
    )
    return Found(difference=difference, rests_on=f"{len(values)} records", notes=(note,))


def _unused(name: str, head: Run, history: tuple[Past, ...], fewest: int) -> str:
    """Why records that would be enough are no evidence; empty where they are too few in any case."""
    past = {run.commit: run for run in history if run.commit != head.commit and math.isfinite(_value_of(run, name))}
    others = sum(1 for run in past.values() if not head.test_set or run.test_set != head.test_set)
    if len(past) < fewest or not others:
        return ""
    records, they = ("1 record", "it was") if others == 1 else (f"{others} records", "they were")
    not_used = f"{records} of the base branch {'is' if others == 1 else 'are'} not used"
    if not head.test_set:
        nobody_knows = "without predictions or data under DVC nobody knows whether"
        return f"{not_used}: {nobody_knows} {they} measured on the same examples."
    return f"{not_used}: {they} measured on other examples than head, or on which is not known."


def _value_of(run: Past, name: str) -> float:
    return run.metrics.get(name, math.nan)


def _past_values(name: str, base: Run, head: Run, history: tuple[Past, ...]) -> list[float]:
    """The metric on the base branch, each commit once, on head's test set; of base's own commit it is base's run."""
    if not head.test_set:
        return []
    past = {
        run.commit: run.metrics[name]
        for run in reversed(history)
        if run.test_set == head.test_set and name in run.metrics
    }
    past.pop(base.commit, None)
    past.pop(head.commit, None)
    if base.test_set == head.test_set:
        past[base.commit] = base.metrics[name].value
    return [value for value in past.values() if math.isfinite(value)]
