"""The curves of report.html as data: what its script draws, and what stands there until it has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

from ml_ci import numbers
from ml_ci.records import Metric, Run
from ml_ci.report.escape import clip, visible
from ml_ci.result import Result

MOST = 60
"""Metrics whose curves are on a page."""

POINTS = 500
"""Points of one line at most; more than a chart on the page has pixels."""

_LARGEST = 1e300
"""MLflow stores an infinity as 1.797e308."""

_SMALLEST = 1e-30
"""The chart library writes no ticks for less, so it is drawn as 0."""

Point = tuple[float, float, float, float]
"""A step, and of the values there the mean, the lowest and the highest."""


class Line(TypedDict):
    """One side of a chart, by rising step. `low` and `high` are there where it is the mean of several trainings."""

    x: list[float]
    y: list[float | None]
    low: NotRequired[list[float | None]]
    high: NotRequired[list[float | None]]


class Chart(TypedDict):
    """One metric. `values` are both sides' values, as the tables have them."""

    name: str
    values: str
    base: NotRequired[Line]
    head: NotRequired[Line]


class Curves(TypedDict):
    """All charts; `band` says what the shade is where there is one, `left` how many metrics have curves that are not here."""

    charts: list[Chart]
    band: str
    left: int


def curves_json(result: Result) -> str:
    """The curves as JSON that is safe inside of a script element; empty where no metric has one.

    Gated metrics come first, then those that moved.
    """
    names = _names(result)
    if not names:
        return ""
    charts = [_chart(result, name) for name in names[:MOST]]
    found: Curves = {"charts": charts, "band": _band(result, names[:MOST]), "left": len(names[MOST:])}
    text = json.dumps(found, allow_nan=False, separators=(",", ":"))
    # where a browser looks for the end of a script, it does not care that it is in a string
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _names(result: Result) -> list[str]:
    if result.comparison is None or result.head_origin == "same-inputs":
        return []
    gated = [judgement.rule.metric for judgement in result.decision.judgements] if result.decision else []
    found = {name for run in _sides(result).values() for name, metric in run.metrics.items() if _curves(metric)}
    moved = {row.name for row in result.comparison.metrics if row.base != row.head}
    first = dict.fromkeys(name for name in gated if name in found)
    return [*first, *sorted(found - first.keys(), key=lambda name: (name not in moved, name))]


def _sides(result: Result) -> dict[str, Run]:
    both = {"base": result.base.run, "head": result.head}
    return {side: run for side, run in both.items() if run is not None}


def _curves(metric: Metric) -> list[Sequence[tuple[int, float]]]:
    """Each training's points, of those that have a curve."""
    return [curve for curve in metric.curves or (metric.history,) if len(curve) > 1]


def _chart(result: Result, name: str) -> Chart:
    sides = {side: run.metrics[name] for side, run in _sides(result).items() if name in run.metrics}
    chart: Chart = {"name": clip(visible(name), 300), "values": _values(result, name)}
    for side, metric in sides.items():
        if found := _curves(metric):
            chart["base" if side == "base" else "head"] = _line(found)
    return chart


def _values(result: Result, name: str) -> str:
    sides = _sides(result)
    values = [
        run.metrics[name].value if run and name in run.metrics else None for run in (result.base.run, result.head)
    ]
    base, head = numbers.pair(values[0], values[1])
    return f"{base} → {head}" if "base" in sides else head


def _band(result: Result, names: Iterable[str]) -> str:
    most = max(
        len(run.metrics[name].curves) for run in _sides(result).values() for name in names if name in run.metrics
    )
    return f"Line: mean of {most} trainings; shade: from the lowest to the highest." if most > 1 else ""


def _line(curves: Sequence[Sequence[tuple[int, float]]]) -> Line:
    points = _thin(_together(curves))
    line: Line = {"x": [point[0] for point in points], "y": [_json(point[1]) for point in points]}
    if len(curves) > 1:
        line["low"] = [_json(point[2]) for point in points]
        line["high"] = [_json(point[3]) for point in points]
    return line


def _together(curves: Sequence[Sequence[tuple[int, float]]]) -> list[Point]:
    """All trainings at each step. Where every value was logged for the same step, their order stands in for it."""
    at: dict[int, list[float]] = {}
    for curve in curves:
        by_order = len({step for step, _ in curve}) < 2
        for order, (step, value) in enumerate(curve):
            at.setdefault(order if by_order else step, []).append(value if abs(value) < _LARGEST else math.nan)
    return [(step, *_spread(at[step])) for step in sorted(at)]


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan, math.nan, math.nan
    return math.fsum(finite) / len(finite), min(finite), max(finite)


def _thin(points: list[Point]) -> list[Point]:
    """At most `POINTS` of them: of each stretch its lowest and its highest, so that no spike is lost, and both ends."""
    if len(points) <= POINTS:
        return points
    inner, count = points[1:-1], (POINTS - 2) // 2
    kept = [points[0]]
    for number in range(count):
        stretch = inner[number * len(inner) // count : (number + 1) * len(inner) // count]
        known = [point for point in stretch if math.isfinite(point[1])] or stretch[:1]
        low = min(known, key=lambda point: point[2])
        high = max(known, key=lambda point: point[3])
        kept += sorted({low, high})
    return [*kept, points[-1]]


def _json(value: float) -> float | None:
    """The value to 7 digits, which is finer than a pixel; None, a gap, for what is not finite."""
    if not math.isfinite(value):
        return None
    return 0.0 if abs(value) < _SMALLEST else float(f"{value:.7g}")
