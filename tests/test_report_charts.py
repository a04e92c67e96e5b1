"""Plots as text: what Mermaid is given, that Mermaid takes it, and curves in block letters."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_ci.compare.found import Material
from ml_ci.data_plots import DataPlot, Series
from ml_ci.records import Metric, Past, Run
from ml_ci.report.charts import as_text
from ml_ci.report.markdown import render_comment
from ml_ci.report.mermaid import BLUE, Line, label, xychart
from ml_ci.report.presentation import Chart, Presentation
from ml_ci.report.sparklines import sparkline
from ml_ci.result import Result
from tests.render.browser import dom_of, page_of
from tests.runs import BASE, HEAD, failed, result, rule, run

NUMBER = r"-?\d+(?:\.\d+)?"
SOURCE = re.compile(
    rf"""%%\{{init: \{{"xyChart": .*\}}\}}%%
xychart-beta
    x-axis "[^"\n]*" {NUMBER} --> {NUMBER}
    y-axis "[^"\n]*" {NUMBER} --> {NUMBER}
(?:    line "[^"\n]*" \[{NUMBER}(?:, {NUMBER})+\]\n?)+"""
)
"""The little of Mermaid's language that is used."""

ACTIVE = re.compile(r'["%#&;<>`{}|\\$*\n\r\x00-\x1f\u202e\u200b]')

NASTY_NAMES = [
    'a"b', "a%%b", "%%{init: {'theme': 'forest'}}%%", "a\nline [1, 2]", "```\n</pre>", "<b>x</b>", "a;b", "#35;", "`a`",
    '"]\nbar [1]', "end", "x-axis", "title", "---", "$$x$$", "\u202e", "数据", "", " ", "[1]", "-->", "a: b", "\\", "'", "x" * 10_000,
]  # fmt: skip
NASTY_CURVES = [
    [1e-320, 5e-324], [1e308, -1e308], [1e-9, 1e9], [1e300, 1.0], [0.0, 0.0], [-3.0, -3.0], [math.nan, 1.0, 2.0],
    [math.inf, 1.0, math.nan, 0.5], [1.0, 1.7976931348623157e308, 2.0, 3.0], [1e15, 1e15 + 2], [-1e-7, 4e-7], [1e5] * 3,
    [float(n % 7) for n in range(10_000)],
]  # fmt: skip


def charts(found: Result) -> tuple[Chart, ...]:
    return as_text(found).charts


def line(source: str, name: str) -> list[float]:
    """The numbers of the line of this name."""
    (values,) = re.findall(rf'line "{name}" \[(.*)\]', source)
    return [float(value) for value in values.split(", ")]


def test_a_gated_metric_is_a_chart_of_base_and_head_with_words_for_both() -> None:
    base, head = run(BASE, accuracy=[0.5, 0.8, 0.9]), run(accuracy=[0.5, 0.85, 0.95])
    (chart,) = charts(result(base, head, rule("accuracy", regression=0.01)))
    assert chart.title == "accuracy by step"
    assert chart.alt == "Grey is base (0.90), blue is head (0.95)."
    assert line(chart.mermaid, "base") == [0.5, 0.8, 0.9]
    assert line(chart.mermaid, "head") == [0.5, 0.85, 0.95]
    assert 'x-axis "step" 0 --> 2\n' in chart.mermaid


def test_gated_metrics_come_first_and_there_are_four_at_most() -> None:
    head = run(metrics={f"m{n}": [1, 2] for n in range(9)})
    found = charts(result(None, head, rule("m7", min=0)))
    assert [chart.title for chart in found] == ["m7 by step", "m0 by step", "m1 by step", "m2 by step"]


@pytest.mark.parametrize("found", [failed("no"), result(run(BASE, f1=0.5), run(f1=0.6), head_origin="same-inputs")])
def test_where_nothing_was_trained_there_is_nothing_to_draw(found: Result) -> None:
    assert as_text(found).charts == ()
    assert not as_text(found).sparklines


def test_a_metric_without_a_curve_has_no_chart() -> None:
    assert charts(result(run(BASE, f1=0.5), run(f1=[0.6]))) == ()


def test_of_a_long_curve_sixty_points_are_drawn_with_both_ends() -> None:
    (chart,) = charts(result(None, run(loss=[20_000 - n for n in range(10_000)])))
    drawn = line(chart.mermaid, "head")
    assert len(drawn) == 60
    assert (drawn[0], drawn[-1]) == (20_000, 10_001)
    assert 'x-axis "step" 0 --> 9999\n' in chart.mermaid


def places_of_mermaid(first: float, last: float, count: int) -> list[float]:
    """The places of a line's points as Mermaid's `transformDataWithoutCategory` finds them."""
    step, place, found = (last - first) / (count - 1), first, []
    while place <= last:
        found.append(place)
        place += step
    return found


@settings(deadline=None, max_examples=60)
@given(st.integers(-(2**40), 2**40), st.integers(1, 2**40))
def test_mermaid_finds_as_many_places_as_there_are_points(first: int, length: int) -> None:
    """It adds up, and drops the last point where the sum is a little too large."""
    drawn = xychart(
        [Line(name="head", colour=BLUE, points=((first, 1.0), (first + length, 2.0)))], x_label="step", y_label="y"
    )
    assert drawn
    values = line(drawn.source, "head")
    assert len(places_of_mermaid(first, first + length, len(values))) == len(values) >= 2


def test_both_sides_are_drawn_over_the_same_steps_and_what_is_made_up_is_said() -> None:
    base, head = run(BASE, loss=[4, 3, 2, 1, 0.5]), run(loss=[4, 2, 1])
    (chart,) = charts(result(base, head, rule("loss", "lower", regression=1)))
    assert line(chart.mermaid, "head") == [4, 2, 1, 1, 1]
    assert "Head ends at 2: from there its line is flat." in chart.alt


def test_steps_that_are_far_apart_are_where_they_were() -> None:
    """A line has one value for each of evenly spaced places, so between two points it is read off the straight line."""
    history = Metric(value=3.0, history=((0, 1.0), (1, 2.0), (4, 3.5)))
    (chart,) = charts(result(None, replace(run(), metrics={"loss": history})))
    assert line(chart.mermaid, "head") == [1, 2, 2.5, 3, 3.5]


def test_values_that_are_not_finite_are_left_out_and_counted() -> None:
    (chart,) = charts(result(None, run(loss=[3, math.nan, math.inf, 1.797e308, 1])))
    assert line(chart.mermaid, "head") == [3, 2.5, 2, 1.5, 1]
    assert "3 values of head are not finite and not drawn." in chart.alt


def test_small_numbers_are_written_with_their_power_of_ten() -> None:
    (chart,) = charts(result(None, run(loss=[9e-7, 4e-7])))
    assert 'y-axis "loss, × 10^-7"' in chart.mermaid
    assert line(chart.mermaid, "head") == [9, 4]


def test_twelve_decades_are_drawn_as_powers_of_ten() -> None:
    (chart,) = charts(result(None, run(loss=[1e6, 1.0, 1e-6])))
    assert 'y-axis "loss, as power of 10"' in chart.mermaid
    assert line(chart.mermaid, "head") == [6, 0, -6]


def with_records(found: Result, *values: float, name: str = "accuracy") -> Result:
    """The same with these records of the base branch, the oldest first."""
    newest_first = [Past(commit=f"{n:040x}", started="", test_set="", metrics={name: v}) for n, v in enumerate(values)]
    return replace(found, material=Material(history=tuple(reversed(newest_first))))


FOUND = result(run(BASE, accuracy=0.9), run(accuracy=0.8), rule("accuracy", min=0.5))


def test_the_trend_ends_with_this_pull_request() -> None:
    (chart,) = charts(with_records(FOUND, 0.7, 0.75, 0.9))
    assert chart.title == "accuracy over time"
    assert line(chart.mermaid, "records, then head") == [0.7, 0.75, 0.9, 0.8]
    assert line(chart.mermaid, "base") == [0.9] * 4
    assert chart.alt == "Grey is base (0.9), blue are the last 3 records of the base branch, and at its end head (0.8)."


def test_the_trend_has_thirty_records_and_not_heads_own() -> None:
    many = with_records(FOUND, *(n / 100 for n in range(40)))
    (chart,) = charts(many)
    drawn = line(chart.mermaid, "records, then head")
    assert (len(drawn), drawn[0], drawn[-2]) == (31, 0.10, 0.39)
    own = replace(many.material.history[0], commit=FOUND.head_commit)
    (chart,) = charts(replace(many, material=Material(history=(own, *many.material.history[1:]))))
    assert len(line(chart.mermaid, "records, then head")) == 30


def test_one_record_is_no_trend() -> None:
    assert charts(with_records(FOUND, 0.7)) == ()


@pytest.mark.parametrize("name", NASTY_NAMES, ids=ascii)
def test_no_name_is_more_than_a_text_to_mermaid(name: str) -> None:
    (chart,) = charts(result(None, run(metrics={name: [1, 2]})))
    assert SOURCE.fullmatch(chart.mermaid)
    assert not ACTIVE.search(label(name)[1:-1])
    assert len(label(name)) <= 38


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(), min_size=2, max_size=80), st.text(max_size=20))
def test_any_numbers_are_numbers_to_mermaid(values: list[float], name: str) -> None:
    for chart in charts(result(None, run(metrics={name: values}))):
        assert SOURCE.fullmatch(chart.mermaid)


@pytest.mark.parametrize("steps", [(0, 10**400), (-(10**400), 0), (10**18, 10**18 + 1), (-5, -4)])
def test_any_steps_are_drawn_or_left_out(steps: tuple[int, int]) -> None:
    head = replace(run(), metrics={"loss": Metric(value=1.0, history=((steps[0], 2.0), (steps[1], 1.0)))})
    for chart in charts(result(None, head)):
        assert SOURCE.fullmatch(chart.mermaid)


def test_mermaid_itself_draws_every_name_and_every_curve(tmp_path: Path) -> None:
    names = [result(None, run(metrics={name: [1.5, 2, 1]})) for name in NASTY_NAMES]
    curves = [result(run(BASE, loss=[1, 2.25]), run(loss=values)) for values in NASTY_CURVES]
    comments = [render_comment(found, Presentation(), as_text(found)) for found in (*names, *curves)]
    page = tmp_path / "page.html"
    page.write_text(page_of(*comments, folder=tmp_path), encoding="utf-8", errors="replace")
    drawn = dom_of(page)
    assert re.findall(r'<div class="chart-that-failed">.*?</div>', drawn) == []
    charts_there = sum(comment.count("```mermaid") for comment in comments)
    assert charts_there == len(names) + len(curves)
    assert drawn.count('<div class="chart"><svg') == charts_there
    paths = re.findall(r'class="line-plot-\d+"><path d="([^"]*)"', drawn)
    asked = re.findall(r'^    line ".*" \[(.*)\]$', "\n".join(comments), re.MULTILINE)
    assert [path.count("L") for path in paths] == [values.count(",") for values in asked]
    assert not any("NaN" in path or "undefined" in path for path in paths)


def test_a_line_of_nothing_finite_is_said_to_be_missing() -> None:
    found = result(run(BASE, loss=[1, 2]), run(loss=[math.nan, math.inf]))
    (chart,) = charts(found)
    assert "2 values of head are not finite and not drawn." in chart.alt


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([1.0], ""),
        ([0.0, 1.0], "▁█"),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"),
        ([3.0, 3.0, 3.0], "▄▄▄"),
        ([1.0, math.nan, 2.0], "▁×█"),
        ([math.inf, -math.inf], "××"),
        ([0.0, 5e-324], "▁█"),
        ([-1e300, 1e299], "×▄"),
        ([1e-12, 1.0, 1e6], "▁▁█"),
    ],
)
def test_a_sparkline_is_a_bar_for_each_value(values: list[float], shown: str) -> None:

    assert sparkline(values) == shown


def test_of_many_values_twelve_bars_are_shown_with_both_ends() -> None:
    shown = sparkline([float(n) for n in range(10_000)])
    assert (len(shown), shown[0], shown[-1]) == (12, "▁", "█")


def test_the_gate_table_shows_the_records_and_this_pull_request_at_the_end() -> None:
    found = with_records(FOUND, 0.9, 0.85, 0.9)
    assert "| █▄█▁    |" in render_comment(found, Presentation(), as_text(found))
    assert "Trend: the base branch's last records" in render_comment(found, Presentation(), as_text(found))
    assert "Trend" not in render_comment(found, Presentation())


def test_other_tables_show_heads_curve() -> None:
    found = result(run(BASE, accuracy=0.9, loss=0.5), run(accuracy=0.8, loss=[1.0, 0.0]), rule("accuracy", min=0.5))
    assert "| █▁ " in render_comment(found, Presentation(), as_text(found))


def test_dvclives_curves_are_charts_too() -> None:
    def plotted(commit: str, last: float) -> Run:
        series = Series(name="loss", x=(0.0, 1.0, 2.0), y=(3.0, 2.0, last))
        name = "dvclive/plots/metrics/loss.tsv"
        plot = DataPlot(name=name, template="linear", title="loss", x_label="step", y_label="loss", series=(series,))
        return replace(run(commit, accuracy=0.9), plots=(plot,))

    (chart,) = as_text(result(plotted(BASE, 1.0), plotted(HEAD, 0.5), rule("accuracy", regression=0.1))).charts

    assert (chart.title, chart.alt) == ("loss", "Grey is base, blue is head.")
    assert [line.split("[")[1] for line in chart.mermaid.splitlines() if line.strip().startswith("line")] == [
        "3, 2, 1]",
        "3, 2, 0.5]",
    ]
