"""The panels of a regression: each side's predictions against what is true, and both sides' residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.report.plots.frame import COLOURS, LINES, REFERENCE, Side, heading, panel, shades
from ml_ci.report.plots.residual_axes import SAMPLE, Scale, scale_of
from ml_ci.report.plots.style import SOFT, WIDTH, figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ml_ci.predictions import Numbers

    Pair = tuple[Numbers, Numbers]
    Areas = Mapping[Side, tuple[float, float]]

MOST_POINTS = 2000
"""Examples that are drawn as points; more are counted in fields."""

_FIELDS, _STEPS = 90, 12
_BARS = 45
_AT_ONCE = 1_000_000

_HEIGHT, _TOP, _LEFT, _BELOW, _RIGHT = 2.35, 0.3, 0.62, 0.45, 0.12
_GAP, _APART = 0.14, 0.62
"""Inches: of a panel, around them all, between base and head, and before the residuals."""


def draw_panels(pairs: Mapping[Side, Pair], errors: Areas, path: Path) -> int:
    """Draw to `path`; returns how many examples lie beyond the axes. `errors` are each side's RMSE and mean absolute error."""
    scale = scale_of(column for pair in pairs.values() for column in pair)
    width = (WIDTH - _LEFT - _RIGHT - _APART - _GAP * (len(pairs) - 1)) / (len(pairs) + 1)
    left, beyond = _LEFT, 0
    with figure(_TOP + _HEIGHT + _BELOW, path) as drawn:
        for number, (side, pair) in enumerate(pairs.items()):
            axes = panel(drawn, left, _TOP, width, _HEIGHT)
            heading(axes, side, _errors(errors, side))
            beyond += _against(axes, side, pair, scale, named=number == 0)
            left += width + _GAP
        _spread(drawn, left - _GAP + _APART, width, pairs)
    return beyond


def _errors(errors: Areas, side: Side) -> str:
    """RMSE and mean absolute error of a side, with as many digits as it takes to tell the sides apart."""
    before = errors.get("base", (None, None))
    both = [numbers.pair(before[at], errors["head"][at])[side == "head"] for at in range(2)]
    return f"RMSE {both[0]} · MAE {both[1]}"


def _against(axes: Axes, side: Side, pair: Pair, scale: Scale, *, named: bool) -> int:
    """Predicted against true; returns how many examples lie beyond."""
    axes.plot([0, 1], [0, 1], **{**REFERENCE, "zorder": 5})
    if len(pair[0]) <= MOST_POINTS:
        true, predicted = (scale.bent(column) for column in pair)
        axes.plot(
            true, predicted, linestyle="", marker="o", markersize=3, markeredgewidth=0, color=COLOURS[side],
            alpha=1.0 if len(true) < 20 else 0.4, zorder=3, clip_on=False,
        )  # fmt: skip
    else:
        strength = _strength(_counted(pair, scale))
        colours = shades(strength, COLOURS[side])
        axes.imshow(colours, origin="lower", extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest", zorder=1)
        axes.grid(visible=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    places, texts = scale.ticks()
    axes.set_xticks(places, texts)
    axes.set_yticks(places, texts if named else [""] * len(texts))
    axes.set_xlabel("true", fontsize=8, color=SOFT, labelpad=3)
    if named:
        axes.annotate(
            "predicted", (0, 0.5), (4 - 72 * _LEFT, 0), xycoords="axes fraction", textcoords="offset points",
            fontsize=8, color=SOFT, va="center", rotation=90,
        )  # fmt: skip
    beyond = sum(int((outside[0] | outside[1]).sum()) for outside in _outside(pair, scale))
    if beyond:
        axes.text(0.97, 0.03, f"{beyond:,} beyond", fontsize=7.5, color=SOFT, ha="right", transform=axes.transAxes)
    return beyond


def _outside(pair: Pair, scale: Scale) -> Iterator[list[NDArray[np.bool_]]]:
    for part in _parts(pair):
        yield [(column < scale.low) | (column > scale.high) for column in part]


def _parts(pair: Pair) -> Iterator[Pair]:
    """A million examples at a time: of more, what is in between would need gigabytes."""
    for start in range(0, len(pair[0]), _AT_ONCE):
        yield pair[0][start : start + _AT_ONCE], pair[1][start : start + _AT_ONCE]


def _counted(pair: Pair, scale: Scale) -> NDArray[np.int64]:
    """How many examples are in each field, of shape (predicted, true)."""
    import numpy as np

    counts = np.zeros(_FIELDS * _FIELDS, dtype=np.int64)
    for part in _parts(pair):
        true, predicted = (np.minimum(scale.bent(column) * _FIELDS, _FIELDS - 1).astype(np.int64) for column in part)
        counts += np.bincount(predicted * _FIELDS + true, minlength=_FIELDS * _FIELDS)
    return counts.reshape(_FIELDS, _FIELDS)


def _strength(counts: NDArray[np.int64]) -> Numbers:
    """How strong a field's colour is, by the logarithm of its count: a single example can be seen, too."""
    import numpy as np

    strength = np.log1p(counts) / np.log1p(counts.max())
    # few colours, of which a picture has 256
    return np.asarray(np.where(counts > 0, np.ceil(strength * _STEPS) / _STEPS * 0.85 + 0.15, 0.0))


def _spread(drawn: Figure, left: float, width: float, pairs: Mapping[Side, Pair]) -> None:
    """How the residuals are spread: the share of the examples in each of 45 bars."""
    import numpy as np

    axes = panel(drawn, left, _TOP, width, _HEIGHT)
    heading(axes, "residuals", "share of examples")
    scale = scale_of(residuals(*_some(pair)) for pair in pairs.values())
    edges = np.linspace(0.0, 1.0, _BARS + 1)
    for side, pair in pairs.items():
        counts = np.zeros(_BARS, dtype=np.int64)
        for part in _parts(pair):
            places = np.minimum(scale.bent(residuals(*part)) * _BARS, _BARS - 1).astype(np.int64)
            counts += np.bincount(places, minlength=_BARS)
        shares = counts / len(pair[0])
        axes.stairs(shares, edges, label=side, **LINES[side])
        if side == "head":
            axes.stairs(shares, edges, fill=True, color=COLOURS[side], alpha=0.15, zorder=1)
    if scale.low <= 0 <= scale.high:
        axes.axvline(float(scale.bent(np.zeros(1))[0]), **REFERENCE)
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.set_xticks(*scale.ticks())
    axes.set_axisbelow(True)
    axes.set_xlabel("predicted − true", fontsize=8, color=SOFT, labelpad=3)
    if len(pairs) > 1:
        axes.legend(loc="upper right", fontsize=8, edgecolor="none", framealpha=0.85, handlelength=1.4)


def _some(pair: Pair) -> Pair:
    """Enough of the examples to choose an axis by."""
    step = max(1, len(pair[0]) // SAMPLE)
    return pair[0][::step], pair[1][::step]


def residuals(true: Numbers, predicted: Numbers) -> Numbers:
    """Predicted − true; what a float cannot hold is the largest that it can."""
    import numpy as np

    with np.errstate(over="ignore"):
        return np.asarray(np.nan_to_num(predicted - true))
