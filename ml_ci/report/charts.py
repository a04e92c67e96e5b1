"""Plots as text, for comments that can have no pictures: Mermaid charts of curves and trends."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ml_ci import numbers
from ml_ci.data_plots import DataPlot
from ml_ci.records import Run
from ml_ci.report.mermaid import BLUE, GREY, Curve, Line, xychart
from ml_ci.report.presentation import Chart, Illustrations
from ml_ci.report.sparklines import record_values
from ml_ci.result import Result

MOST_CURVES = 4
MOST_TRENDS = 4
_FEWEST_RECORDS = 2
_LINES = ("linear", "simple", "smooth")


def as_text(result: Result) -> Illustrations:
    """What takes the pictures' place: charts of metrics by step and of gated ones over the records, and sparklines in the
    tables. Nothing without a comparison, or where head was not trained.
    """
    if result.comparison is None or result.head is None or result.head_origin == "same-inputs":
        return Illustrations()
    gated = [judgement.rule.metric for judgement in result.decision.judgements] if result.decision else []
    others = sorted(result.head.metrics.keys() - set(gated))
    curves = _curves(result, result.head, gated, MOST_CURVES)
    more = _curves(result, result.head, others, MOST_CURVES - len(curves))
    more += _lines_of_dvc(result.base.run, result.head, MOST_CURVES - len(curves) - len(more))
    return Illustrations(charts=(*curves, *_trends(result, result.head, gated), *more), sparklines=True)


def _curves(result: Result, head: Run, names: Sequence[str], most: int) -> tuple[Chart, ...]:
    """The first of these metrics that have a curve on either side."""
    charts: list[Chart] = []
    for name in names:
        if len(charts) >= most:
            break
        chart = _by_step(name, result.base.run, head)
        charts += [chart] if chart else []
    return tuple(charts)


def _by_step(name: str, base: Run | None, head: Run) -> Chart | None:
    lines = [
        Line(name=side, colour=colour, points=curve)
        for side, colour, run in (("base", GREY, base), ("head", BLUE, head))
        if run and (curve := _curve(run, name))
    ]
    drawn = xychart(lines, x_label="step", y_label=name) if lines else None
    if drawn is None:
        return None
    values = dict(zip(("base", "head"), numbers.pair(_value(base, name), _value(head, name)), strict=True))
    words = {"base": "grey", "head": "blue"}
    said = ", ".join(f"{words[line.name]} is {line.name} ({values[line.name]})" for line in lines)
    return Chart(title=f"{name} by step", alt=_sentences(said, drawn.notes), mermaid=drawn.source)


def _lines_of_dvc(base: Run | None, head: Run, most: int) -> tuple[Chart, ...]:
    """DVC's plots of one line over numbers, which is how dvclive keeps curves."""
    before = {plot.name: plot for plot in base.plots} if base else {}
    charts = (_line_of_dvc(before.get(plot.name), plot) for plot in head.plots)
    return tuple(chart for chart in charts if chart)[: max(most, 0)]


def _line_of_dvc(base: DataPlot | None, head: DataPlot) -> Chart | None:
    sides = [("base", GREY, base), ("head", BLUE, head)]
    lines = [Line(name=side, colour=colour, points=points) for side, colour, plot in sides if (points := _points(plot))]
    if not _points(head):
        return None
    drawn = xychart(lines, x_label=head.x_label or "step", y_label=head.y_label or head.title)
    if drawn is None:
        return None
    words = {"base": "grey is base", "head": "blue is head"}
    said = ", ".join(words[line.name] for line in lines)
    return Chart(title=head.title or head.name, alt=_sentences(said, drawn.notes), mermaid=drawn.source)


def _points(plot: DataPlot | None) -> Curve:
    if plot is None or plot.template not in _LINES or len(plot.series) != 1 or plot.series[0].x_names:
        return ()
    points = zip(plot.series[0].x, plot.series[0].y, strict=True)
    return tuple((int(x), y) for x, y in points if math.isfinite(x) and x == int(x))


def _trends(result: Result, head: Run, names: Sequence[str]) -> tuple[Chart, ...]:
    charts = [_over_records(result, head, name) for name in names if name in head.metrics]
    return tuple(chart for chart in charts if chart)[:MOST_TRENDS]


def _over_records(result: Result, head: Run, name: str) -> Chart | None:
    """The records and this pull request on one line, and base's own value as a flat one: its end is above that, or below."""
    records = record_values(result, name)
    if len(records) < _FEWEST_RECORDS:
        return None
    value, base = head.metrics[name].value, _value(result.base.run, name)
    past = tuple(enumerate((*records, value), 1))
    lines = [Line(name="records, then head", colour=BLUE, points=past)]
    before, after = numbers.pair(base, value)
    said = f"blue are the last {len(records)} records of the base branch, and at its end head ({after})"
    if base is not None:
        lines.insert(0, Line(name="base", colour=GREY, points=tuple((step, base) for step, _ in past)))
        said = f"grey is base ({before}), {said}"
    drawn = xychart(lines, x_label="record", y_label=name)
    if drawn is None:
        return None
    return Chart(title=f"{name} over time", alt=_sentences(said, drawn.notes), mermaid=drawn.source)


def _curve(run: Run, name: str) -> Curve:
    """The metric's history; where every value was logged for the same step, their order stands in for it."""
    history = run.metrics[name].history if name in run.metrics else ()
    if len(history) > 1 and history[0][0] == history[-1][0]:
        return tuple(enumerate(value for _, value in history))
    return history if len(history) > 1 else ()


def _value(run: Run | None, name: str) -> float | None:
    return run.metrics[name].value if run and name in run.metrics else None


def _sentences(said: str, notes: Sequence[str]) -> str:
    text = " ".join((f"{said}.", *notes))
    return text[0].upper() + text[1:]
