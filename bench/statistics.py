"""The speed of the statistics, beside SciPy and scikit-learn doing the same, in one run."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from ml_ci.predictions import Predictions
from ml_ci.statistics.paired import paired
from ml_ci.statistics.slices import by_slice

Array = NDArray[Any]

ROWS = 1_000_000
METRICS = ("accuracy", "roc_auc", "rmse", "log_loss")
SLICED = ("accuracy", "f1", "mae", "log_loss", "roc_auc")
RESAMPLES = 10_000
TIMED_RESAMPLES = 10
"""So many resamples of theirs are timed; the table says what 10,000 would take."""


def table() -> str:
    """Both comparisons as Markdown."""
    return f"{_million()}\n\n{_slices()}\n\n{_memory()}"


def sides(rows: int = ROWS) -> tuple[Predictions, Predictions]:
    """Two models on the same examples: labels, probabilities, and a column of 1,000 slices."""
    random = np.random.default_rng(0)
    signal = random.normal(size=rows)
    target = (signal + random.normal(size=rows) > 0).astype(np.int64)
    slices = random.integers(0, 1000, rows).astype("U4")

    def side(name: str) -> Predictions:
        score = 1 / (1 + np.exp(-1.5 * (signal + random.normal(0, 0.5, rows))))
        return Predictions(
            source=name, test_set="same", id=np.arange(rows), target=target, score=score,
            prediction=(score > 0.5).astype(np.int64), slices={"slice": slices},
        )  # fmt: skip

    return side("base"), side("head")


def _for_metric(metric: str, base: Predictions, head: Predictions) -> tuple[Predictions, Predictions]:
    # an error of regression needs numbers for predictions
    if metric in ("rmse", "mae"):
        return replace(base, prediction=base.score), replace(head, prediction=head.score)
    return base, head


def _million() -> str:
    base, head = sides()
    for metric in METRICS:
        # what is imported only once; a job does that while training runs
        _ours(metric, *_for_metric(metric, *sides(1000)))
    lines, total, other = [], 0.0, 0.0
    for metric in METRICS:
        pair = _for_metric(metric, base, head)
        ours = _seconds(partial(_ours, metric, *pair))
        theirs = _seconds(partial(_scipy, metric, *pair)) * RESAMPLES / TIMED_RESAMPLES
        total, other = total + ours, other + theirs
        lines.append(
            [metric, paired(metric, *pair).method, f"{ours:.2f} s", f"{theirs / 60:,.0f} min", f"{ours / theirs:.1e}"]
        )
    lines.append(["together", "", f"{total:.2f} s (wanted: 2 s)", f"{other / 60:,.0f} min", f"{total / other:.1e}"])
    head_line = (
        "metric",
        "ml-ci's method",
        "ml-ci",
        f"scipy.stats.bootstrap, {RESAMPLES:,} resamples*",
        "ml-ci / SciPy",
    )
    text = tabulate(lines, head_line, tablefmt="github", disable_numparse=True)
    return (
        f"## {ROWS:,} paired predictions: value on both sides and 95 % interval of the difference\n\n{text}\n\n"
        f"\\* {TIMED_RESAMPLES} resamples were timed, with scikit-learn's metric; the time of {RESAMPLES:,} follows from that."
    )


def _ours(metric: str, base: Predictions, head: Predictions) -> None:
    paired(metric, base, head).interval(0.95)


def _scipy(metric: str, base: Predictions, head: Predictions) -> None:
    from scipy.stats import bootstrap

    function, target = _sklearn(metric), _target(base)
    before, after = _column(metric, base), _column(metric, head)

    def difference(index: Array) -> float:
        return function(target[index], after[index]) - function(target[index], before[index])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bootstrap(
            (np.arange(len(base)),), difference, n_resamples=TIMED_RESAMPLES, method="percentile", vectorized=False,
        )  # fmt: skip


def _sklearn(metric: str) -> Callable[[Array, Array], float]:
    from sklearn import metrics

    names: dict[str, Callable[[Array, Array], float]] = {
        "accuracy": metrics.accuracy_score, "roc_auc": metrics.roc_auc_score, "log_loss": metrics.log_loss,
        "rmse": metrics.root_mean_squared_error, "mae": metrics.mean_absolute_error, "f1": metrics.f1_score,
    }  # fmt: skip
    return names[metric]


def _column(metric: str, side: Predictions) -> Array:
    column = side.score if metric in ("roc_auc", "log_loss") else side.prediction
    assert column is not None
    return column


def _target(side: Predictions) -> Array:
    assert side.target is not None
    return side.target


def _slices() -> str:
    base, head = sides()
    lines, total, other = [], 0.0, 0.0
    for metric in SLICED:
        pair = _for_metric(metric, base, head)
        ours = _seconds(partial(by_slice, metric, *pair, "slice"))
        theirs = _seconds(partial(_groupby, metric, *pair))
        total, other = total + ours, other + theirs
        lines.append([metric, f"{ours:.2f} s", f"{theirs:.2f} s", f"{ours / theirs:.2f}"])
    lines.append(["together", f"{total:.2f} s (wanted: 10 s)", f"{other:.2f} s", f"{total / other:.2f}"])
    head_line = ("metric", "ml-ci: values and intervals", "pandas and scikit-learn: values only", "ratio")
    text = tabulate(lines, head_line, tablefmt="github", disable_numparse=True)
    return f"## 1,000 slices of {ROWS:,} rows\n\n{text}"


def _groupby(metric: str, base: Predictions, head: Predictions) -> None:
    import pandas as pd

    function = _sklearn(metric)
    frame = pd.DataFrame({"slice": base.slices["slice"], "target": _target(base)})
    frame["base"], frame["head"] = _column(metric, base), _column(metric, head)
    for _, rows in frame.groupby("slice"):
        function(rows["target"], rows["base"]), function(rows["target"], rows["head"])


def _memory() -> str:
    """In a process of its own, since what is watched is slow."""
    code = "from bench.statistics import peak; print(peak())"
    used = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return f"Most memory of the four metrics on {ROWS:,} pairs, besides the predictions: {float(used) / 1e6:,.0f} MB (wanted: 1,000 MB)."


def peak() -> float:
    """The most bytes of arrays that the four metrics hold at once, besides the predictions."""
    pair = sides()
    for metric in METRICS:
        _ours(metric, *_for_metric(metric, *sides(1000)))
    tracemalloc.start()
    for metric in METRICS:
        _ours(metric, *_for_metric(metric, *pair))
    return float(tracemalloc.get_traced_memory()[1])


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
