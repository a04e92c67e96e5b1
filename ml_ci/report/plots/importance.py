"""Feature importance, base beside head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_ci import numbers
from ml_ci.report.escape import visible
from ml_ci.report.plots.multiples import LARGEST
from ml_ci.report.plots.style import BLUE, FAINT, GREY, INK, SOFT, WIDTH, dark_of, figure, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 15
"""Features that are drawn."""

_ROW, _TOP, _BOTTOM = 0.27, 0.36, 0.1
_LEFT, _RIGHT = 2.35, 1.55
"""Inches: room for the names, and for the numbers."""

Bars = Mapping[str, float]


def draw_importance(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw the 15 features that matter most on either side into `folder`; nothing where head has no importance."""
    head = _finite(result.head.importance) if result.head else {}
    base = _finite(result.base.run.importance) if result.base.run else {}
    if not head:
        return ()
    found = sorted(head.keys() | base.keys(), key=lambda name: (-_largest(name, base, head), name))
    names = found[:MOST]
    path = folder / "importance.png"
    draw_bars(names, base, head, path)
    plot = Plot(
        name="importance",
        path=path,
        dark=dark_of(path),
        title="Feature importance",
        alt=_alt(names, len(found), base, head),
        width=FULL_WIDTH,
    )
    return (plot,)


def _finite(importance: Bars) -> Bars:
    return {name: value for name, value in importance.items() if abs(value) < LARGEST}


def _largest(name: str, base: Bars, head: Bars) -> float:
    return max(abs(base.get(name, 0.0)), abs(head.get(name, 0.0)))


def draw_bars(names: Sequence[str], base: Bars, head: Bars, path: Path, about: str = "") -> None:
    """Draw a row for each name to `path`, base's bar above head's, with the numbers at its end; `about` says what they are."""
    from matplotlib.transforms import Bbox, TransformedBbox, blended_transform_factory

    height = _TOP + _ROW * len(names) + _BOTTOM
    # bars of 1 at most, whatever the numbers are: some are shares, others counts or gains
    unit = max(_largest(name, base, head) for name in names) or 1.0
    with figure(height, path) as drawn:
        drawn.set_layout_engine("none")
        axes = drawn.add_axes(
            (_LEFT / WIDTH, _BOTTOM / height, 1 - (_LEFT + _RIGHT) / WIDTH, _ROW * len(names) / height)
        )
        axes.set_axis_off()
        values = [side[name] / unit for side in (base, head) for name in names if name in side]
        axes.set_xlim(min(0.0, *values), max(0.0, *values) or 1.0)
        axes.set_ylim(len(names) - 0.5, -0.5)
        if base:
            _bars(axes, names, base, unit, GREY, shift=-0.19)
        _bars(axes, names, head, unit, BLUE, shift=0.19 if base else 0.0)
        axes.axvline(0.0, color=FAINT, linewidth=1.0)
        # letters may be of any width: a name ends where the bars begin
        column = TransformedBbox(Bbox([[0.0, 0.0], [(_LEFT - 0.1) / WIDTH, 1.0]]), drawn.transFigure)
        beside = blended_transform_factory(drawn.transFigure, axes.transData)
        own: dict[str, Any] = {"transform": beside, "fontsize": 8, "va": "center_baseline"}
        for row, name in enumerate(names):
            label = axes.text(0.012, row, short(visible(name), 32), color=INK, clip_on=True, **own)
            label.set_clip_box(column)
            axes.text(1 - (_RIGHT - 0.12) / WIDTH, row, _values(name, base, head), color=SOFT, **own)
        drawn.text(0.012, 1 - 0.18 / height, about, fontsize=8, color=SOFT, va="center")
        _legend_above(drawn, base, head)


def _bars(axes: Axes, names: Sequence[str], side: Bars, unit: float, colour: str, *, shift: float) -> None:
    rows = [(row + shift, side[name] / unit) for row, name in enumerate(names) if name in side]
    axes.barh(
        [row for row, _ in rows], [value for _, value in rows], height=0.34 if shift else 0.55, color=colour, zorder=2
    )


def _values(name: str, base: Bars, head: Bars) -> str:
    before, after = numbers.pair(base.get(name), head.get(name))
    return f"{before} → {after}" if base else after


def _legend_above(drawn: Figure, base: Bars, head: Bars) -> None:
    from matplotlib.patches import Patch

    sides = (("base", base, GREY), ("head", head, BLUE))
    entries = [Patch(color=colour, label=name) for name, bars, colour in sides if bars]
    drawn.legend(
        handles=entries, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=2, frameon=False, fontsize=8,
        borderaxespad=0.4, handlelength=1.2,
    )  # fmt: skip


def _alt(names: Sequence[str], count: int, base: Bars, head: Bars) -> str:
    sides = "base grey beside head blue, base → head" if base else "head only"
    counted = f"the {len(names)} largest of {count:,} features" if count > len(names) else f"{count} features"
    values = [f"{short(visible(name), 60)} {_values(name, base, head)}" for name in names]
    return listed(f"Feature importance, {sides}, {counted}: ", values)
