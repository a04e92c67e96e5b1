"""Curves made small enough to keep and to draw, so that they still look as they were."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ml_ci.records import Metric

CURVE_POINTS = 1000
"""More points than this say nothing more in a plot."""
RUN_POINTS = 20_000
"""Of all curves of a run together: a record of that many has about half a megabyte."""
MOST_CURVES = 50
"""Metrics of a run whose curves are kept: nobody looks at more, and reading them takes time."""
FEWEST_POINTS = 50
"""A curve of fewer points shows little, so rather than that a metric goes without."""

Curve = tuple[tuple[int, float], ...]


def thinned(curve: Sequence[tuple[int, float]], most: int = CURVE_POINTS) -> Curve:
    """At most `most` of the curve's points (4 or more), in their order: the first, the last, and of each stretch of the
    others the lowest, the highest, and one that is not finite, where there are such.

    So no peak and no gap is lost, which every n-th point would lose.
    """
    if len(curve) <= most:
        return tuple(curve)
    values = [value for _, value in curve]
    # a sum that overflows is not finite either, and costs no more than points
    finite = math.isfinite(sum(values))
    stretches = (most - 2) // (2 if finite else 3)
    inner = len(curve) - 2
    ends = [1 + inner * number // max(stretches, 1) for number in range(stretches + 1)]
    kept = [curve[0]]
    for begin, end in pairwise(ends):
        kept += (curve[begin + place] for place in _telling(values[begin:end], finite=finite))
    return (*kept, curve[-1])


def bounded(metrics: Mapping[str, Metric], first: Collection[str] = ()) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """The metrics with at most `MOST_CURVES` curves of together at most `RUN_POINTS` points, and a sentence on what was
    left out. Curves of the metrics named in `first` are kept before others. No metric's value changes.
    """
    shown = [name for name in in_order(metrics, first) if _is_curve(metrics[name])]
    kept = {name: replace(metrics[name], curves=_some(metrics[name])) for name in shown[:MOST_CURVES]}
    spare = RUN_POINTS - sum(min(len(metric.history), FEWEST_POINTS) for metric in kept.values())
    alone = []
    for name, metric in kept.items():
        spare -= sum(min(len(curve), FEWEST_POINTS) for curve in metric.curves)
        if spare < 0 and metric.curves:
            alone.append(name)
    kept |= {name: replace(kept[name], curves=()) for name in alone}
    share = _share([len(curve) for metric in kept.values() for curve in (metric.history, *metric.curves)])
    small = {name: _thin(metric, share) for name, metric in kept.items()}
    without = {name: replace(metrics[name], history=(), curves=()) for name in shown[MOST_CURVES:]}
    return {**metrics, **small, **without}, _said(len(shown), len(alone))


def in_order(names: Collection[str], first: Collection[str]) -> list[str]:
    """The names in the order in which their curves are kept: those in `first`, then others, MLflow's own of the machine last."""
    return sorted(names, key=lambda name: (name not in first, name.startswith("system/")))


def left_out(count: int) -> str:
    """The sentence on metrics without their curves."""
    return f"A run keeps the curves of {MOST_CURVES} metrics: {count:,} more went without, and all values count."


def _telling(values: list[float], *, finite: bool) -> list[int]:
    """The places of a stretch's lowest value, its highest one, and its first one that is not finite, in their order."""
    numbers, places = values, set()
    if not finite:
        numbers = [value for value in values if math.isfinite(value)]
        if len(numbers) < len(values):
            places.add(next(place for place, value in enumerate(values) if not math.isfinite(value)))
    if numbers:
        places |= {values.index(min(numbers)), values.index(max(numbers))}
    return sorted(places)


def _is_curve(metric: Metric) -> bool:
    return any(len(curve) > 1 for curve in (metric.history, *metric.curves))


def _some(metric: Metric) -> tuple[Curve, ...]:
    return metric.curves if any(len(curve) > 1 for curve in metric.curves) else ()


def _thin(metric: Metric, most: int) -> Metric:
    curves = tuple(thinned(curve, most) for curve in metric.curves)
    return replace(metric, history=thinned(metric.history, most), curves=curves)


def _share(lengths: Sequence[int]) -> int:
    """The most points that each curve may have, such that all together have `RUN_POINTS`; what short ones leave is for others."""
    left, count = RUN_POINTS, len(lengths)
    for length in sorted(lengths):
        if length * count > left:
            return min(left // count, CURVE_POINTS)
        left, count = left - length, count - 1
    return CURVE_POINTS


def _said(curves: int, alone: int) -> tuple[str, ...]:
    said = [left_out(curves - MOST_CURVES)] if curves > MOST_CURVES else []
    if alone:
        said.append(
            f"Only the first training's curve is kept of {alone:,} of the metrics: all would be too many points."
        )
    return tuple(said)
