"""Base beside head, with literals: what counts as a difference, and which differences have a number."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from ml_ci.compare.comparison import Change, MetricDifference, compare
from ml_ci.records import DataVersion
from tests.runs import BASE, run

INFINITY = float("inf")
NAN = float("nan")


def difference(base: float | None, head: float | None) -> MetricDifference:
    """The row of a metric with these values; None means that the run lacks it."""
    before = run(BASE, metrics={} if base is None else {"m": base})
    after = run(metrics={} if head is None else {"m": head})
    (row,) = compare(before, after).metrics
    return row


@pytest.mark.parametrize(
    ("base", "head", "delta", "relative"),
    [
        (0.90, 0.99, Fraction(9, 100), Fraction(1, 10)),
        (4.0, 3.0, Fraction(-1), Fraction(-1, 4)),
        (-10.0, -9.0, Fraction(1), Fraction(1, 10)),
        (-1.0, 1.0, Fraction(2), Fraction(2)),
        (4e-07, 9e-07, Fraction(5, 10_000_000), Fraction(5, 4)),
        (0.5, 0.5, Fraction(0), Fraction(0)),
        (1.0, 0.0, Fraction(-1), Fraction(-1)),
    ],
)
def test_delta_is_head_less_base_and_relative_is_that_by_the_size_of_base(
    base: float, head: float, delta: Fraction, relative: Fraction
) -> None:
    row = difference(base, head)
    assert row.delta == pytest.approx(float(delta), rel=1e-12, abs=0)
    assert row.relative == pytest.approx(float(relative), rel=1e-12, abs=0)


@pytest.mark.parametrize("base", [0.0, -0.0])
def test_from_zero_there_is_a_delta_and_no_percentage(base: float) -> None:
    row = difference(base, 0.25)
    assert (row.delta, row.relative) == (0.25, None)


@pytest.mark.parametrize(
    ("base", "head"),
    [(None, 0.9), (0.9, None), (INFINITY, 0.9), (0.9, -INFINITY), (INFINITY, INFINITY), (NAN, 0.9), (0.9, NAN)],
)
def test_without_two_finite_numbers_there_is_no_difference_and_the_values_stay_as_they_are(
    base: float | None, head: float | None
) -> None:
    row = difference(base, head)
    assert (row.delta, row.relative) == (None, None)
    for kept, given in ((row.base, base), (row.head, head)):
        assert kept == given or (kept is not None and given is not None and math.isnan(kept) and math.isnan(given))


@pytest.mark.parametrize(("base", "head"), [(-1.7e308, 1.7e308), (5e-324, 1e300)])
def test_a_difference_too_large_for_a_float_is_none_and_never_infinite(base: float, head: float) -> None:
    row = difference(base, head)
    assert all(number is None or math.isfinite(number) for number in (row.delta, row.relative))


def test_all_metrics_of_both_sides_are_there_by_name() -> None:
    rows = compare(run(BASE, loss=[3, 2, 1], accuracy=0.9), run(accuracy=0.9, f1=0.8)).metrics
    assert [(row.name, row.base, row.head) for row in rows] == [
        ("accuracy", 0.9, 0.9),
        ("f1", None, 0.8),
        ("loss", 1.0, None),
    ]


def test_without_a_base_metrics_stand_alone_and_nothing_counts_as_changed() -> None:
    compared = compare(None, run(accuracy=0.9, params={"lr": "1"}, data={"a": "1"}, packages={"numpy": "2"}))
    assert [(row.base, row.head, row.delta) for row in compared.metrics] == [(None, 0.9, None)]
    assert (compared.params, compared.data, compared.environment) == ((), (), ())


def test_only_parameters_that_differ_are_named_also_those_of_one_side() -> None:
    before, after = {"lr": "0.1", "depth": "3", "old": "yes"}, {"lr": "0.01", "depth": "3", "new": "no"}
    assert compare(run(BASE, params=before), run(params=after)).params == (
        Change(name="lr", base="0.1", head="0.01"),
        Change(name="new", base=None, head="no"),
        Change(name="old", base="yes", head=None),
    )


def test_data_is_told_by_its_hash_its_size_and_its_files() -> None:
    before = DataVersion(path="data", hash="c157a79031e1c40f85931829bc5fc552.dir", size=12345, files=50)
    after = replace(before, hash="d41d8cd98f00b204e9800998ecf8427e.dir", size=2_000_000, files=1_051)
    (change,) = compare(replace(run(BASE), data=(before,)), replace(run(), data=(after,))).data
    assert change == Change(
        name="data", base="c157a790, 12,345 bytes, 50 files", head="d41d8cd9, 2,000,000 bytes, 1,051 files"
    )


def test_data_whose_hashes_begin_alike_still_counts_as_changed() -> None:
    one, other = "c157a790" + "0" * 24, "c157a790" + "1" * 24
    (change,) = compare(run(BASE, data={"a.csv": one}), run(data={"a.csv": other})).data
    assert change.name == "a.csv"
    assert change.base != change.head


def test_libraries_python_and_platform_are_the_environment() -> None:
    before = run(BASE, packages={"numpy": "2.0.0", "six": "1.16"})
    after = run(packages={"numpy": "2.1.0", "six": "1.16", "torch": "2.5"})
    after = replace(after, environment=replace(after.environment, python="3.13.0"))
    assert compare(before, after).environment == (
        Change(name="numpy", base="2.0.0", head="2.1.0"),
        Change(name="python", base="3.12.1", head="3.13.0"),
        Change(name="torch", base=None, head="2.5"),
    )


def test_an_environment_that_is_not_known_is_no_change_to_nothing() -> None:
    before, after = run(BASE), run()
    assert compare(replace(before, environment=replace(before.environment, platform="")), after).environment == (
        Change(name="platform", base=None, head="Linux-x86_64"),
    )
