"""Curves in block letters, for a cell of a table: `▁▂▄▆█`."""

from __future__ import annotations

from collections.abc import Sequence

from ml_ci.result import Result

MOST = 12
"""Letters: a cell has no room for more."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_NO_NUMBER = "×"
_LARGEST = 1e300
"""MLflow stores an infinity as 1.797e308."""


_RECORDS = 30


def of_records(result: Result, name: str) -> str:
    """The metric in the base branch's last records, with this pull request's value at the end; empty without records."""
    values = record_values(result, name)
    if result.head is None or name not in result.head.metrics or not values:
        return ""
    shown = [values[index] for index in picks(len(values), MOST - 1)]
    return sparkline([*shown, result.head.metrics[name].value])


def of_steps(result: Result, name: str) -> str:
    """Head's curve of the metric; empty where it has none."""
    metric = result.head.metrics.get(name) if result.head else None
    history = metric.history if metric else ()
    return sparkline([history[index][1] for index in picks(len(history), MOST)])


def record_values(result: Result, name: str) -> tuple[float, ...]:
    """The metric in the last 30 records of the base branch that have it, the oldest first, without head's own."""
    own = {result.head_commit, result.head.commit if result.head else ""}
    records = [past for past in result.material.history[:_RECORDS] if past.commit not in own]
    return tuple(past.metrics[name] for past in reversed(records) if name in past.metrics)


def sparkline(values: Sequence[float]) -> str:
    """The values as bars between the least and the largest of those that are shown; empty for less than two.

    Of more than 12 values, as many are shown, evenly picked, with the first and the last. What is not finite is `×`.
    """
    if len(values) < 2:
        return ""
    picked = [values[index] for index in picks(len(values), MOST)]
    finite = [value for value in picked if abs(value) < _LARGEST]
    if not finite:
        return _NO_NUMBER * len(picked)
    low, high = min(finite), max(finite)
    return "".join(_block(value, low, high) if abs(value) < _LARGEST else _NO_NUMBER for value in picked)


def picks(count: int, most: int) -> list[int]:
    """At most `most` (at least 2) of the numbers below `count`, evenly spaced, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _block(value: float, low: float, high: float) -> str:
    if low == high:
        return _BLOCKS[len(_BLOCKS) // 2 - 1]
    share = (value - low) / (high - low)
    return _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]
