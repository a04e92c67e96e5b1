"""A curve without its noise, as DVC's template `smooth` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_ci.report.plots.multiples import Values

BANDWIDTH = 0.2
"""Share of the points that a value is made from. DVC's pages have a slider for it, which a picture has not."""


def smoothed(x: Values, y: Values, bandwidth: float = BANDWIDTH) -> Values:
    """The values as LOESS smooths them: in each place the line that fits the nearest share of the points best.

    Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 74 (1979), of degree 1 without
    the robust steps, as in DVC's template. A gap stays one.
    """
    import numpy as np

    there = np.flatnonzero(np.isfinite(y))
    near = max(int(bandwidth * len(there)), 3)
    if len(there) <= near:
        return y
    # so that neither squares nor small differences of large numbers go wrong
    at = (x[there] - x[there[0]]) / ((x[there[-1]] - x[there[0]]) or 1.0)
    unit = float(np.abs(y[there]).max()) or 1.0
    values = y[there] / unit
    found = np.full(len(y), np.nan)
    for place, own in enumerate(at):
        begin = min(max(place - near // 2, 0), len(at) - near)
        beside, own_values = at[begin : begin + near] - own, values[begin : begin + near]
        reach = float(np.abs(beside).max()) or 1.0
        weights = (1 - (np.abs(beside) / reach) ** 3) ** 3
        total = weights.sum()
        middle = weights @ beside / total
        spread = weights @ (beside - middle) ** 2
        slope = weights @ ((beside - middle) * own_values) / spread if spread > 1e-12 else 0.0
        found[there[place]] = (weights @ own_values / total - slope * middle) * unit
    return found
