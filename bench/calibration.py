"""Calibration: how often two equal models are told apart, and how often an interval holds the truth, by simulation.

Every pair is two models of which the truth is known, evaluated on the same examples. *False fail* is how often the gate
would fail at m = 0 though head is no worse; a *point gate* fails whenever head's number is lower, whatever chance does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import exp, sqrt
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from tabulate import tabulate

from ml_ci.predictions import Predictions
from ml_ci.statistics.paired import paired

Array = NDArray[Any]

CONFIDENCE = 0.95
SEED = 1998
SLACK = 0.01
"""The tolerance that hand-written gates have most often, of a metric between 0 and 1."""

Pair = tuple[Predictions, Predictions]
Draw = Callable[[np.random.Generator], Pair]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a metric, the way its examples come about, and what is true of head − base."""

    name: str
    metric: str
    draw: Draw
    truth: float = 0.0
    higher: bool = True


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of many pairs of one row; shares of them, in [0, 1]."""

    pairs: int
    covered: float
    failed: float
    passed: float
    warned: float
    point: float
    tolerant: float


def rows() -> list[Row]:
    """The conditions: each metric in good ones, then those in which statistics go wrong first."""
    return [
        Row(name="accuracy, n=1,000", metric="accuracy", draw=labels(1000)),
        Row(name="accuracy, n=50", metric="accuracy", draw=labels(50)),
        Row(
            name="accuracy, n=1,000, head 2 points better", metric="accuracy", draw=labels(1000, gain=0.02), truth=0.02
        ),
        Row(name="accuracy, 100 groups of 1 to 20", metric="accuracy", draw=clustered_labels(100)),
        Row(name="accuracy, 15 groups of 1 to 20", metric="accuracy", draw=clustered_labels(15)),
        Row(name="AUC, n=500, 30 % positive", metric="roc_auc", draw=scores(500, 0.3)),
        Row(name="AUC, n=50, 30 % positive", metric="roc_auc", draw=scores(50, 0.3)),
        Row(name="AUC, n=5,000, 1 % positive", metric="roc_auc", draw=scores(5000, 0.01)),
        Row(name="AUC, n=1,000, 1 % positive", metric="roc_auc", draw=scores(1000, 0.01)),
        Row(name="log loss, n=500", metric="log_loss", draw=scores(500, 0.3), higher=False),
        Row(name="F1, n=1,000, 30 % positive", metric="f1", draw=scores(1000, 0.3)),
        Row(name="F1, n=50, 30 % positive", metric="f1", draw=scores(50, 0.3)),
        Row(name="F1, n=5,000, 1 % positive", metric="f1", draw=scores(5000, 0.01)),
        Row(name="recall, n=1,000, 1 % positive", metric="recall", draw=scores(1000, 0.01)),
        Row(name="RMSE, n=500, normal errors", metric="rmse", draw=numbers(500), higher=False),
        Row(name="RMSE, n=50, normal errors", metric="rmse", draw=numbers(50), higher=False),
        Row(name="RMSE, n=500, heavy tails (t, 5 degrees)", metric="rmse", draw=numbers(500, freedom=5), higher=False),
        Row(name="RMSE, 60 groups of 10", metric="rmse", draw=clustered_numbers(60), higher=False),
        Row(
            name="mean of a column, n=500, log-normal, head is better",
            metric="gain",
            draw=skewed(500),
            truth=0.1 * exp(0.5),
        ),
        Row(
            name="mean of a column, n=50, log-normal, head is better",
            metric="gain",
            draw=skewed(50),
            truth=0.1 * exp(0.5),
        ),
        Row(name="R², n=200 (generic bootstrap)", metric="r2", draw=numbers(200)),
    ]


def labels(n: int, *, accuracy: float = 0.9, gain: float = 0.0, both: float = 0.6) -> Draw:
    """Two classifiers that are right with `accuracy` (head `gain` more often), and wrong together in the share `both` of base's errors."""

    def draw(random: np.random.Generator) -> Pair:
        base = random.random(n) < accuracy
        # head's chance where base is right and where it is wrong, so that its own accuracy comes out
        where_wrong = 1 - both
        where_right = (accuracy + gain - (1 - accuracy) * where_wrong) / accuracy
        head = random.random(n) < np.where(base, where_right, where_wrong)
        target = random.integers(0, 2, n)
        return _pair(target, np.where(base, target, 1 - target), np.where(head, target, 1 - target))

    return draw


def clustered_labels(groups: int) -> Draw:
    """Examples in groups of 1 to 20, some of which are hard for base and others for head."""

    def draw(random: np.random.Generator) -> Pair:
        group = np.repeat(np.arange(groups), random.integers(1, 21, groups))
        shift = random.normal(0, 0.8, (2, groups))[:, group]
        shared = random.normal(0, 0.8, groups)[group]
        right = random.random((2, len(group))) < 1 / (1 + np.exp(-(2 + shared + shift)))
        target = random.integers(0, 2, len(group))
        base, head = (np.where(side, target, 1 - target) for side in right)
        return _pair(target, base, head, group=group)

    return draw


def scores(n: int, positive: float) -> Draw:
    """Two models whose scores are the same truth with noise of their own; a score is also the probability."""

    def draw(random: np.random.Generator) -> Pair:
        signal = random.normal(size=n)
        cut = ndtri(1 - positive) * sqrt(1 + 0.5)
        target = (signal + random.normal(0, sqrt(0.5), n) > cut).astype(np.int64)
        if target.min() == target.max():
            return draw(random)
        seen = signal + random.normal(0, 0.5, (2, n))
        probability = 1 / (1 + np.exp(-2 * (seen - cut)))
        # labels by the share that is wanted, so that rare positives are predicted at all
        threshold = 1 / (1 + np.exp(-2 * (ndtri(1 - positive) * sqrt(1.25) - cut)))
        base, head = (probability > threshold).astype(np.int64)
        return _pair(target, base, head, score=(probability[0], probability[1]))

    return draw


def numbers(n: int, *, freedom: float | None = None) -> Draw:
    """Two regressions whose errors are half shared, normal or Student's."""

    def draw(random: np.random.Generator) -> Pair:
        noise = random.normal(size=(3, n)) if freedom is None else random.standard_t(freedom, (3, n))
        target = random.normal(0, 2, n)
        return _pair(target, target + noise[0] + noise[1], target + noise[0] + noise[2])

    return draw


def skewed(n: int) -> Draw:
    """Per-example values of which head has a tenth more: a few examples carry most of the difference."""

    def draw(random: np.random.Generator) -> Pair:
        gain = random.lognormal(size=n)
        base, head = _pair(np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n))
        return replace(base, columns={"gain": gain}), replace(head, columns={"gain": 1.1 * gain})

    return draw


def clustered_numbers(groups: int) -> Draw:
    """Groups of ten examples whose errors have a part in common."""

    def draw(random: np.random.Generator) -> Pair:
        group = np.repeat(np.arange(groups), 10)
        noise = random.normal(size=(3, groups))[:, group] + random.normal(size=(3, len(group)))
        target = random.normal(0, 2, len(group))
        return _pair(target, target + noise[0] + noise[1], target + noise[0] + noise[2], group=group)

    return draw


def calibrate(number: int, pairs: int) -> Tally:
    """Draw so many pairs of the row of this number, always the same ones, and count."""
    row = rows()[number]
    random = np.random.default_rng((SEED, number))
    counts = np.zeros(6)
    for _ in range(pairs):
        difference = paired(row.metric, *row.draw(random))
        low, high = difference.interval(CONFIDENCE)
        sign = 1 if row.higher else -1
        fail, good = difference.confidence.above(0), difference.confidence.below(0)
        if not row.higher:
            fail, good = good, fail
        alpha = 1 - CONFIDENCE
        delta = sign * difference.delta
        # a gate that is certain of 0 passes
        certain = low == high == 0
        said = (low <= row.truth <= high, fail <= alpha and not certain, good <= alpha or certain)
        counts += (*said, bool(difference.warnings), delta < 0, delta < -SLACK)
    return Tally(
        pairs=pairs,
        **dict(zip(("covered", "failed", "passed", "warned", "point", "tolerant"), counts / pairs, strict=True)),
    )


def table(pairs: int = 2000, workers: int = 2) -> str:
    """The whole table, as Markdown. Every row has its own fixed seed."""
    chosen = rows()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # or the workers' threads fight each other
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tallies = list(pool.map(calibrate, range(len(chosen)), [pairs] * len(chosen)))
    lines = [
        [
            row.name,
            _share(tally.covered),
            _share(tally.failed),
            _share(tally.point),
            _share(tally.tolerant) if row.metric not in ("rmse", "gain") else "",
            _share(tally.warned),
        ]
        for row, tally in zip(chosen, tallies, strict=True)
    ]
    head = (
        "pairs of models",
        "95 % interval holds the truth",
        "false fail: ml-ci, m=0",
        "point gate, m=0",
        f"point gate, m={SLACK:g}",
        "ml-ci warns",
    )
    error = 100 * sqrt(0.05 * 0.95 / pairs)
    foot = f"\n{pairs:,} pairs per row; one Monte-Carlo standard error of 5 % is {error:.1f} points."
    return tabulate(lines, head, tablefmt="github", disable_numparse=True) + "\n" + foot


def _share(part: float) -> str:
    return f"{100 * part:.1f} %"


def _pair(
    target: Array,
    base: Array,
    head: Array,
    *,
    score: tuple[Array | None, Array | None] = (None, None),
    group: Array | None = None,
) -> Pair:
    ids = np.arange(len(target), dtype=np.int64)
    one, other = (
        Predictions(
            source=name, test_set="simulated", id=ids, target=target, prediction=prediction, score=own, group=group
        )
        for name, prediction, own in (("base", base, score[0]), ("head", head, score[1]))
    )
    return one, other
