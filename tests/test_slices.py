"""All slices at once are what each would be alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.statistics.confidence import Certain, Unknown
from ml_ci.statistics.metrics import value
from ml_ci.statistics.paired import paired
from ml_ci.statistics.slices import by_slice
from tests.examples import Pair, classified, in_groups, regressed, rows

REGIONS = np.array(["", "Łódź", "north", "south", "the very far west"])


def sliced(pair: Pair, seed: int = 0) -> Pair:
    region = REGIONS[np.random.default_rng(seed).integers(0, 5, len(pair[0]))]
    return replace(pair[0], slices={"region": region}), replace(pair[1], slices={"region": region})


def alone(side: Predictions, region: str) -> Predictions:
    return rows(side, np.flatnonzero(side.slices["region"] == region))


PAIRS: dict[str, Pair] = {
    **{
        name: sliced(classified(900, 1))
        for name in (
            "accuracy",
            "zero_one_loss",
            "f1",
            "recall",
            "balanced_accuracy",
            "mcc",
            "kappa",
            "auc",
            "log_loss",
            "gain",
        )
    },
    **{name: sliced(classified(900, 2, classes=4)) for name in ("f1_macro", "jaccard_weighted", "precision_micro")},
    **{
        name: sliced(regressed(900, 3))
        for name in ("rmse", "mae", "r2", "median_absolute_error", "neg_mean_squared_error")
    },
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("groups", [0, 60])
def test_values_in_a_slice_are_those_of_its_rows_alone(name: str, groups: int) -> None:
    base, head = in_groups(PAIRS[name], groups) if groups else PAIRS[name]
    found = by_slice(name, base, head, "region")

    assert [each.value for each in found] == sorted(REGIONS)
    for each in found:
        mine, theirs = alone(head, each.value), alone(base, each.value)
        assert each.size == len(mine)
        assert each.difference
        expected = float(mine.columns["gain"].mean()) if name == "gain" else value(name, mine)
        assert each.difference.head == pytest.approx(expected, abs=1e-12)
        whole = paired(name, theirs, mine)
        assert (each.difference.size, each.difference.unit) == (whole.size, whole.unit)
        low, high = whole.interval(0.95)
        assert each.difference.interval(0.95) == pytest.approx((low, high), abs=0.25 * (high - low))


@pytest.mark.parametrize("name", ["accuracy", "auc"])
def test_without_groups_it_is_exactly_the_method_of_the_whole(name: str) -> None:
    base, head = PAIRS[name]

    for each in by_slice(name, base, head, "region"):
        assert each.difference == paired(name, alone(base, each.value), alone(head, each.value))


@pytest.mark.parametrize("name", ["accuracy", "f1", "rmse", "auc", "median_absolute_error"])
def test_exchanging_the_sides_mirrors_every_slice(name: str) -> None:
    base, head = PAIRS[name]

    for there, back in zip(by_slice(name, base, head, "region"), by_slice(name, head, base, "region"), strict=True):
        assert there.difference
        assert back.difference
        low, high = back.difference.interval(0.9)
        assert there.difference.interval(0.9) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc", "log_loss", "gain", "kappa"])
def test_a_slice_where_both_sides_agree_is_certain(name: str) -> None:
    base, head = sliced(classified(400, 4))
    same = head.slices["region"] == "north"
    head = replace(
        head,
        prediction=np.where(same, np.asarray(base.prediction), np.asarray(head.prediction)),
        score=np.where(same, np.asarray(base.score), np.asarray(head.score)),
        columns={"gain": np.where(same, base.columns["gain"], head.columns["gain"])},
    )

    for each in by_slice(name, base, head, "region"):
        assert each.difference
        assert (each.difference.confidence == Certain(0.0)) == (each.value == "north")


@pytest.mark.parametrize("name", ["f1", "auc", "kappa", "average_precision"])
def test_where_a_slice_has_one_class_only_nothing_is_said(name: str) -> None:
    base, head = sliced(classified(300, 5))
    target = np.where(base.slices["region"] == "south", 0, np.asarray(base.target))
    base, head = replace(base, target=target), replace(head, target=target)

    assert [each.value for each in by_slice(name, base, head, "region") if each.difference is None] == ["south"]


def test_a_slice_of_one_example_is_not_certain_of_anything() -> None:
    base, head = regressed(50, 6)
    one = np.array(["one"] + ["rest"] * 49)
    found = by_slice("mae", replace(base, slices={"s": one}), replace(head, slices={"s": one}), "s")

    assert found[0].size == 1
    assert found[0].difference
    assert isinstance(found[0].difference.confidence, Unknown)
    low, high = found[0].difference.interval(0.95)
    assert low < 0 < high
    assert found[0].difference.warnings


def test_a_slice_whose_one_group_adds_up_to_the_same_is_not_certain_of_anything() -> None:
    base, _ = classified(100, 7)
    target = np.zeros(100, dtype=np.int64)
    base = replace(base, target=target, group=target, slices={"s": np.array(["all"] * 100)})
    first, last = ((np.arange(100) // 50 == half).astype(np.int64) for half in (0, 1))
    found = by_slice("accuracy", replace(base, prediction=first), replace(base, prediction=last), "s")

    assert found[0].difference
    assert found[0].difference.delta == 0
    assert found[0].difference.bounds(0.95) == (-np.inf, np.inf)


def test_a_thousand_slices() -> None:
    base, head = classified(20_000, 7)
    names = np.array([f"slice {number:03}" for number in range(1_000)])[
        np.random.default_rng(1).integers(0, 1_000, 20_000)
    ]
    base, head = replace(base, slices={"s": names}), replace(head, slices={"s": names})

    for name in ("accuracy", "f1", "auc", "log_loss", "gain"):
        found = by_slice(name, base, head, "s")
        assert [each.value for each in found] == sorted(set(names))
        assert sum(each.size for each in found) == 20_000


def test_a_slice_column_that_is_not_there_is_a_sentence() -> None:
    base, head = sliced(classified(50, 8))

    with pytest.raises(ConfigError, match=r'head\.parquet: .* 50 rows: they have no column "plan" to slice by\.'):
        by_slice("accuracy", base, head, "plan")


def test_a_slice_column_that_differs_between_the_sides_is_a_sentence() -> None:
    base, head = classified(50, 9)

    with pytest.raises(ConfigError, match=r'the column "region" differs from that of base in base\.parquet'):
        by_slice("accuracy", sliced((base, base), 1)[0], sliced((head, head), 2)[0], "region")
