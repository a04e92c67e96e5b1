"""Predictions of two models on the same examples, drawn at random: for the tests of statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml_ci.predictions import Numbers, Predictions

Pair = tuple[Predictions, Predictions]


def classified(
    number: int, seed: int, *, classes: int = 2, positive: float = 0.5, skill: tuple[float, float] = (0.7, 0.7)
) -> Pair:
    """Labels 0, 1, …, and scores of the last class; `skill` is how often base and head know the answer."""
    rng = np.random.default_rng(seed)
    rest = np.full(classes - 1, (1 - positive) / (classes - 1))
    target = rng.choice(classes, number, p=[*rest, positive])
    shared = rng.standard_normal(number)

    def side(name: str, know: float) -> Predictions:
        guess = rng.integers(0, classes, number)
        prediction = np.where(rng.random(number) < know, target, guess)
        logit = 2 * know * (2.0 * (target == classes - 1) - 1) + 0.7 * shared + 0.7 * rng.standard_normal(number)
        return Predictions(
            source=f"{name}.parquet",
            test_set="examples",
            id=np.arange(number),
            target=target,
            prediction=prediction,
            score=1 / (1 + np.exp(-logit)),
            columns={"gain": rng.exponential(size=number) * (prediction == target)},
        )

    return side("base", skill[0]), side("head", skill[1])


def regressed(number: int, seed: int, *, noise: tuple[float, float] = (0.6, 0.6)) -> Pair:
    """Positive numbers, and two predictions whose errors are related and heavy-tailed."""
    rng = np.random.default_rng(seed)
    target = 20 + 3 * rng.standard_normal(number)
    shared = 0.8 * rng.standard_normal(number)

    def side(name: str, scale: float) -> Predictions:
        return Predictions(
            source=f"{name}.csv",
            test_set="examples",
            id=np.arange(number),
            target=target,
            prediction=target + shared + scale * rng.standard_t(5, number),
        )

    return side("base", noise[0]), side("head", noise[1])


def in_groups(pair: Pair, groups: int, seed: int = 0) -> Pair:
    """The same predictions, each example in one of so many groups."""
    group = np.random.default_rng(seed).integers(0, groups, len(pair[0]))
    return replace(pair[0], group=group), replace(pair[1], group=group)


def rows(predictions: Predictions, which: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
    """Some of the rows, in this order."""

    def of(column: Numbers | None) -> Numbers | None:
        return None if column is None else column[which]

    return replace(
        predictions,
        id=predictions.id[which],
        target=None if predictions.target is None else predictions.target[which],
        prediction=None if predictions.prediction is None else predictions.prediction[which],
        score=of(predictions.score),
        group=None if predictions.group is None else predictions.group[which],
        slices={name: column[which] for name, column in predictions.slices.items()},
        columns={name: column[which] for name, column in predictions.columns.items()},
    )
