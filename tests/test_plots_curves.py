"""Curves, bands over seeds, trends and importance: what is drawn, what its words are, and that nothing breaks it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_ci.compare.found import Material
from ml_ci.config import Config
from ml_ci.material import fetch
from ml_ci.records import Metric, Past, Run
from ml_ci.report.plots.curves import _line, draw_curves
from ml_ci.report.plots.importance import draw_importance
from ml_ci.report.plots.trend import _trend, draw_trend
from ml_ci.report.presentation import Plot
from ml_ci.result import Result
from ml_ci.sources.record_store import Folder, Records
from tests.runs import BASE, result, rule, run

# matplotlib's and numpy's warnings are bugs of ours
pytestmark = pytest.mark.filterwarnings("error")

Values = Sequence[float]


def seeded(*curves: Values, commit: str = "1" * 40) -> Run:
    """A run of several trainings with these curves of `f1`, by step from 0."""
    histories = tuple(tuple(enumerate(map(float, curve))) for curve in curves)
    last = tuple(curve[-1][1] for curve in histories)
    metric = Metric(value=sum(last) / len(last), history=histories[0], repeats=last, curves=histories)
    return replace(run(commit), metrics={"f1": metric})


def stepped(*points: tuple[int, float]) -> Run:
    """A run with this curve of `f1`."""
    return replace(run(), metrics={"f1": Metric(value=points[-1][1], history=points)})


def only(plots: tuple[Plot, ...]) -> Plot:
    """The plot, of which there are a picture for light pages and one for dark ones."""
    (plot,) = plots
    for path in plot.files:
        with Image.open(path) as image:
            assert (image.format, image.width) == ("PNG", 1200)
    assert len(plot.files) == 2
    return plot


def curves(base: Run | None, head: Run, folder: Path, *gated: str) -> Plot:
    plot = draw_curves(base, head, gated, folder)
    assert plot
    return only((plot,))


# -- bands over seeds


def test_a_band_goes_from_the_lowest_to_the_highest_training_around_their_mean() -> None:
    line = _line(seeded([1, 2, 6], [3, 2, 0]), "f1")
    assert line
    assert (line.low.tolist(), line.values.tolist(), line.high.tolist()) == ([1, 2, 0], [2, 2, 3], [3, 2, 6])


def test_a_training_that_stopped_early_is_in_the_band_as_far_as_it_went() -> None:
    line = _line(seeded([1, 1, 1], [3, 3]), "f1")
    assert line
    assert (line.values.tolist(), line.high.tolist()) == ([2, 2, 1], [3, 3, 1])


def test_where_no_training_has_a_number_the_band_has_a_gap() -> None:
    line = _line(seeded([1, math.nan, 1], [3, math.inf, 3]), "f1")
    assert line
    for each in (line.low, line.values, line.high):
        assert np.isnan(each).tolist() == [False, True, False]


def test_trainings_that_logged_other_steps_meet_between_them() -> None:
    one, other = ((0, 0.0), (10, 10.0)), ((5, 7.0), (10, 12.0))
    metric = Metric(value=11, history=one, repeats=(10, 12), curves=(one, other))
    line = _line(replace(run(), metrics={"f1": metric}), "f1")
    assert line
    assert (line.steps.tolist(), line.low.tolist(), line.high.tolist()) == ([0, 5, 10], [0, 5, 10], [0, 7, 12])


def test_the_band_is_told_in_words(tmp_path: Path) -> None:
    plot = curves(seeded([1, 2], [2, 3], [3, 4], commit=BASE), seeded([1, 1], [2, 2], [3, 6]), tmp_path)
    assert "base grey and dashed, head blue and solid" in plot.alt
    assert "lines the mean of 3 trainings, bands from the lowest to the highest" in plot.alt
    assert "f1 3 → 3." in plot.alt


def test_without_repeats_there_is_no_word_of_a_band(tmp_path: Path) -> None:
    assert "band" not in curves(None, run(f1=[1, 2]), tmp_path).alt


def test_thirty_seeds_are_one_band(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base, head = (seeded(*rng.normal(size=(30, 100)).tolist(), commit=commit) for commit in (BASE, "1" * 40))
    assert "mean of 30 trainings" in curves(base, head, tmp_path).alt


def test_what_mlflow_logs_of_the_machine_comes_last(tmp_path: Path) -> None:
    head = run(metrics={"system/cpu": [1, 2], "val_loss": [3, 2], "zeta": [1, 2]})
    assert "Final values: zeta 2; val_loss 2; system/cpu 2." in curves(None, head, tmp_path, "zeta").alt


# -- whatever training logged

DEGENERATE: dict[str, Values] = {
    "two points": [1, 2],
    "all equal": [0.5] * 9,
    "all zero": [0, 0, 0],
    "all NaN": [math.nan] * 3,
    "infinite": [math.inf, -math.inf],
    "infinite in between": [1, math.inf, -math.inf, 2],
    "negative": [-1e6, -5, -1e-3],
    "twelve decades": [1e-6, 1.0, 1e6],
    "subnormal": [1e-320, 3e-320],
    "zero and subnormal": [0.0, 5e-324],
    "as large as can be": [1e308, -1e308],
    "both": [1e-320, 1e308],
    "nearly as large": [9e299, -9e299],
    "from smallest to largest": [1e-320, 9e299],
    "differing in the last digit": [1.0, math.nextafter(1.0, 2.0)],
    "large and close": [1e9, 1e9 + 1],
}


@pytest.mark.parametrize("values", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_any_values_are_drawn(tmp_path: Path, values: Values) -> None:
    curves(run(BASE, f1=[1, 2, 3]), run(f1=values), tmp_path)
    curves(None, run(f1=values), tmp_path)
    curves(None, seeded(values, values), tmp_path)


@pytest.mark.parametrize(
    "steps",
    [
        (-5, -3), (-(10**18), 10**18), (10**18, 10**18 + 1), (0, 2**63 - 1), (10**399, 10**400), (7, 7, 7),
        (0, 1, 1_000_000),
    ],
)  # fmt: skip
def test_any_steps_are_drawn(tmp_path: Path, steps: Sequence[int]) -> None:
    curves(None, stepped(*((step, float(place)) for place, step in enumerate(steps))), tmp_path)


@pytest.mark.parametrize(
    "name", ["W" * 300, "$x^$ \\frac", "a\nb\tc", "\u202eevil", "数据", "<script>", "%s {} \x00", "\ud800", " "]
)
def test_any_name_is_drawn(tmp_path: Path, name: str) -> None:
    head = replace(run(metrics={name: [1, 2]}), importance={name: 1.0})
    assert len(curves(None, head, tmp_path, name).alt) < 200
    assert len(only(draw_importance(result(None, head), tmp_path)).alt) < 200
    found = with_history(result(None, head, rule(name)), [{name: 0.5}] * 3)
    assert len(only(draw_trend(found, tmp_path)).alt) < 350


def test_one_point_is_no_curve(tmp_path: Path) -> None:
    assert draw_curves(None, run(f1=[1]), [], tmp_path) is None
    assert draw_curves(None, seeded([1], [2]), [], tmp_path) is None


def test_ten_million_points_are_drawn_in_a_second(tmp_path: Path) -> None:
    curves(None, run(f1=[1, 2]), tmp_path)
    part = tuple((step, math.sin(step)) for step in range(10_000))
    head = replace(run(), metrics={"f1": Metric(value=1, history=part * 1000)})
    begin = time.process_time()
    curves(None, head, tmp_path)
    assert time.process_time() - begin < 1.5


# -- trend


def with_history(found: Result, records: Sequence[dict[str, float]], test_sets: Sequence[str] = ()) -> Result:
    """The result with these records of the base branch, the newest first, one a day until 30 January 2025."""
    history = tuple(
        Past(
            commit=f"{number:040x}",
            started=f"2025-01-{30 - number:02}T10:00:00+00:00",
            test_set=test_sets[number] if test_sets else "",
            metrics=metrics,
        )
        for number, metrics in enumerate(records)
    )
    return replace(found, material=Material(history=history))


ACCURACY = rule("accuracy", regression=0.01)
BETTER = result(run(BASE, accuracy=0.92), run(accuracy=0.95), ACCURACY)


def test_the_trend_says_the_past_and_where_head_stands(tmp_path: Path) -> None:
    found = with_history(BETTER, [{"accuracy": 0.92}, {"accuracy": 0.90}, {"accuracy": 0.93}])
    plot = only(draw_trend(found, tmp_path))
    assert plot.alt == (
        "Trend of 1 gated metric over the base branch's last records, the oldest first, and head at the end. "
        "accuracy: 3 records from 0.90 to 0.93, the last 0.92, base 0.92, head 0.95 (allowed ≥ 0.91). "
        "On which examples they were measured is not known."
    )


def past(found: Result) -> tuple[float, ...]:
    """The values that are drawn of the first rule's metric, from left to right."""
    assert found.decision
    assert found.head
    trend = _trend(found.decision.judgements[0], found, found.head)
    return tuple(record.value for record in trend.past) if trend else ()


def test_the_oldest_record_is_on_the_left() -> None:
    assert past(with_history(BETTER, [{"accuracy": 0.3}, {"accuracy": 0.2}, {"accuracy": 0.1}])) == (0.1, 0.2, 0.3)


def test_the_last_thirty_records_are_shown() -> None:
    records = [{"accuracy": number / 100} for number in range(29)]
    found = with_history(BETTER, records)
    more = tuple(replace(found.material.history[0], commit=f"f{number:039x}") for number in range(40))
    assert len(past(replace(found, material=Material(history=(*found.material.history, *more))))) == 30


def test_a_commit_stands_in_the_trend_once_and_heads_own_not_at_all() -> None:
    found = with_history(BETTER, [{"accuracy": value} for value in (0.4, 0.3, 0.2, 0.1)])
    newest, again, own, old = found.material.history
    assert found.head
    history = (newest, replace(again, commit=newest.commit), replace(own, commit=found.head.commit), old)
    assert past(replace(found, material=Material(history=history))) == (0.1, 0.4)


@pytest.mark.parametrize(
    "records",
    [[], [{"accuracy": 0.9}], [{"accuracy": 0.9}, {"f1": 0.9}], [{"accuracy": 0.9}, {"accuracy": math.nan}]],
)
def test_less_than_two_records_are_no_trend(tmp_path: Path, records: Sequence[dict[str, float]]) -> None:
    assert draw_trend(with_history(BETTER, records), tmp_path) == ()


def test_records_on_other_examples_are_counted(tmp_path: Path) -> None:
    base, head = (replace(run(commit, accuracy=0.92), test_set="t2") for commit in (BASE, "1" * 40))
    records = [{"accuracy": 0.9}] * 4
    found = with_history(result(base, head, ACCURACY), records, ["t2", "t2", "t1", ""])
    alt = only(draw_trend(found, tmp_path)).alt
    assert "4 records from 0.9 to 0.9 (2 on other examples than head), the last 0.9" in alt
    assert "not known" not in alt


@pytest.mark.parametrize(
    ("base", "head", "asked", "says"),
    [
        (0.92, 0.90, rule("accuracy", regression=0.01), "head 0.9 (allowed ≥ 0.91), which fails"),
        (0.92, 0.93, rule("accuracy", regression=0.01, min=0.915), "head 0.93 (allowed ≥ 0.915)."),
        (0.92, 0.93, rule("accuracy", regression=0.01, min=0.5), "head 0.93 (allowed ≥ 0.91)."),
        (2.0, 2.01, rule("accuracy", "lower", regression="2%"), "head 2.01 (allowed ≤ 2.04)."),
        (2.0, 2.5, rule("accuracy", "lower", max=3), "base 2, head 2.5 (allowed ≤ 3)."),
        (None, 0.93, rule("accuracy", min=0.9), "the last 0.9, head 0.93 (allowed ≥ 0.9)."),
        (None, 0.93, rule("accuracy", regression=0.01), "the last 0.9, head 0.93."),
    ],
)
def test_the_allowed_limit_is_the_strictest_of_the_rule(
    tmp_path: Path, base: float | None, head: float, asked: object, says: str
) -> None:
    found = result(None if base is None else run(BASE, accuracy=base), run(accuracy=head), asked)  # type: ignore[arg-type]
    assert says in only(draw_trend(with_history(found, [{"accuracy": 0.9}] * 2), tmp_path)).alt


@pytest.mark.parametrize("values", [each for each in DEGENERATE.values() if len(each) > 1])
def test_a_trend_of_any_values_is_drawn_or_is_none(tmp_path: Path, values: Values) -> None:
    head = run(accuracy=values[-1])
    found = result(run(BASE, accuracy=values[0]), head, rule("accuracy", regression=1e-3, min=-1e308))
    plots = draw_trend(with_history(found, [{"accuracy": value} for value in values]), tmp_path)
    assert len(plots) == (sum(abs(value) < 1e300 for value in values) > 1)


def test_of_many_rules_twelve_are_drawn_and_the_rest_is_counted(tmp_path: Path) -> None:
    values = {f"m{number:02}": 0.5 for number in range(15)}
    found = result(run(BASE, metrics=values), run(metrics=values), *map(rule, values))
    alt = only(draw_trend(with_history(found, [values] * 3), tmp_path)).alt
    assert "Trend of 12 gated metrics" in alt
    assert alt.endswith("3 more are not drawn.")


# -- what the trend is drawn from


class Asked(Records):
    """Records that remember whether their history was asked for."""

    asked = False

    def history(self, key: str, count: int) -> tuple[Past, ...]:
        self.asked = True
        return super().history(key, count)


@pytest.mark.parametrize(
    ("asked", "same_inputs", "expected"),
    [
        (rule("f1", min=0.5), False, True),
        (rule("f1", min=0.5), True, False),
        (rule("f1", regression=0.1), True, True),
        (None, False, False),
    ],
)
def test_the_history_is_fetched_where_it_is_drawn_or_is_evidence(
    tmp_path: Path, asked: object, *, same_inputs: bool, expected: bool
) -> None:
    store = Asked(Folder(tmp_path), "the records")
    config = Config(gate=(asked,) if asked else ())  # type: ignore[arg-type]
    fetch(config, None, [store], None, same_inputs=same_inputs)
    assert store.asked is expected


# -- feature importance


def important(base: dict[str, float] | None, head: dict[str, float]) -> Result:
    before = None if base is None else replace(run(BASE, f1=0.5), importance=base)
    return result(before, replace(run(f1=0.5), importance=head))


def test_importance_is_told_from_the_largest_on_either_side(tmp_path: Path) -> None:
    found = important({"age": 0.5, "income": 0.1}, {"age": 0.25, "income": 0.625, "debt": -0.375})
    assert only(draw_importance(found, tmp_path)).alt == (
        "Feature importance, base grey beside head blue, base → head, 3 features: "
        "income 0.100 → 0.625; age 0.50 → 0.25; debt — → −0.375."
    )


def test_the_fifteen_largest_of_many_features_are_drawn(tmp_path: Path) -> None:
    head = {f"f{number}": float(number) for number in range(1000)}
    alt = only(draw_importance(important(None, head), tmp_path)).alt
    assert alt.startswith("Feature importance, head only, the 15 largest of 1,000 features: f999 999; ")
    assert alt.endswith("f985 985.")


def test_without_heads_importance_nothing_is_drawn(tmp_path: Path) -> None:
    assert draw_importance(important({"age": 0.5}, {}), tmp_path) == ()
    assert draw_importance(important({"age": 0.5}, {"age": math.nan, "debt": math.inf}), tmp_path) == ()


@pytest.mark.parametrize("values", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_any_importance_is_drawn_or_is_none(tmp_path: Path, values: Values) -> None:
    named = {f"f{number}": value for number, value in enumerate(values)}
    for base in (None, {"f0": 1.0}, named):
        plots = draw_importance(important(base, named), tmp_path)
        assert len(plots) == any(abs(value) < 1e300 for value in values)
