"""`history.json`: what a branch's last recorded runs measured, newest first, so that one read tells of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence

from ml_ci.errors import OutsideError
from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.records import Past, Run

HISTORY_LENGTH = 100
MOST_METRICS = 100
"""Of a run that are kept as a line: thousands of each of a hundred runs would be megabytes in every commit."""


def past_of(run: Run, judged: Collection[str] = ()) -> Past:
    """The line of a run: its metrics that are judged, and others while there is room."""
    names = sorted(run.metrics, key=lambda name: name not in judged)[:MOST_METRICS]
    metrics = {name: run.metrics[name].value for name in names}
    return Past(commit=run.commit, started=run.started, test_set=run.test_set, metrics=metrics)


def with_newest(newest: Past, before: Sequence[Past]) -> tuple[Past, ...]:
    """The history with one more run.

    A commit stands in it once, and so does a training: commits with equal inputs share a run, and the same numbers
    twice would make a metric look steadier than it is.
    """
    others = [
        past
        for past in before
        if past.commit != newest.commit and (past.started, past.metrics) != (newest.started, newest.metrics)
    ]
    return (newest, *others)[:HISTORY_LENGTH]


def write_history(history: Sequence[Past]) -> bytes:
    """Strict JSON; what it has no number for is written as in a record (`NaN`, `Infinity`, `-Infinity`)."""
    lines = [
        {
            "commit": past.commit,
            "started": past.started,
            "test_set": past.test_set,
            "metrics": {name: _written(value) for name, value in past.metrics.items()},
        }
        for past in history
    ]
    return json.dumps(lines, indent=0, allow_nan=False).encode()


def read_history(text: bytes | None, where: str) -> tuple[Past, ...]:
    """The history in a file, empty where there is none. Raises OutsideError, naming `where`, for anything else."""
    try:
        return tuple(_past(line) for line in parsed(text)) if text is not None else ()
    except DAMAGED as error:
        raise OutsideError(f"{where} is damaged: delete it from the data branch, and it is made anew.") from error


def _past(line: Mapping[str, object]) -> Past:
    metrics = line["metrics"]
    if not isinstance(metrics, dict):
        raise TypeError
    return Past(
        commit=str(line["commit"]),
        started=str(line["started"]),
        test_set=str(line["test_set"]),
        metrics={str(name): float(value) for name, value in metrics.items()},
    )


def _written(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
