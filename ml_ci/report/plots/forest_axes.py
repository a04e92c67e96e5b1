"""How the forest plot is drawn: rows on one axis, their names to the left of it and their numbers to the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from ml_ci.report.plots.style import BLUE, FAINT, GREY, INK, RED, SOFT, WIDTH, figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Kind = Literal["pass", "fail", "inconclusive", "shown", "worse"]
Range = tuple[float, float]

_LOOKS: dict[Kind, tuple[str, str, float, str]] = {
    "pass": ("o", BLUE, 7.0, "pass"),
    "fail": ("X", RED, 9.0, "fail"),
    "inconclusive": ("D", GREY, 6.5, "inconclusive"),
    "worse": ("v", RED, 8.0, "clearly worse"),
    "shown": ("s", GREY, 5.5, "not judged"),
}
"""Marker, colour, size and name: the shape says it without the colour."""

_ROW, _TOP, _BOTTOM = 0.25, 0.42, 0.62
"""Inches: one row, what is above the rows and below them."""

_LEFT, _RIGHT, _ALLOWED = 0.272, 0.655, 0.995
"""Where the axis begins and ends, and where the column of what is allowed ends, as shares of the width."""

_WORSE = "#fcefe6"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A row in units of the axis: 0 is no change, less is worse. `limit` is the worst that is allowed, None for none.

    `interval` is the thin line, `bounds` the thick one on it; without them the marker is hollow.
    """

    label: str
    kind: Kind
    change: float
    interval: Range | None
    bounds: Range | None
    limit: float | None
    text: str
    allowed: str


def draw_rows(sections: Sequence[tuple[str, Sequence[Mark]]], below: str, path: Path) -> None:
    """Draw the sections' rows under their headings; `below` is a remark at the end."""
    marks = [mark for _, rows in sections for mark in rows]
    lines: list[str | Mark] = []
    for heading, rows in sections:
        lines += [*([heading] if heading else []), *rows]
    height = _TOP + _BOTTOM + _ROW * len(lines)
    with figure(height, path) as drawn:
        drawn.set_layout_engine("none")
        axes = drawn.add_axes((_LEFT, _BOTTOM / height, _RIGHT - _LEFT, _ROW * len(lines) / height))
        axes.set_xlim(*_limits(marks))
        axes.set_ylim(len(lines) - 0.5, -0.5)
        _dress(axes)
        for y, line in enumerate(lines):
            if isinstance(line, str):
                _beside(axes, y, 0.008, short(line, 70), weight="bold", size=7.5, color=SOFT)
            else:
                _row(axes, y, line)
        _head(axes, marks)
        _legend(drawn, marks, below, height)


def _limits(marks: Sequence[Mark]) -> Range:
    """What the axis spans: all that matters of most rows. One row that is very unsure must not flatten all others; where
    it goes further, an arrow says so.
    """
    ends = [end for mark in marks for end in (*(mark.interval or ()), mark.change) if math.isfinite(end)]
    reach = [max(map(abs, (*(mark.interval or ()), mark.change))) for mark in marks]
    known = [length for length in reach if math.isfinite(length)] or [max(map(abs, ends))]
    limit = min((mark.limit for mark in marks if mark.limit is not None), default=0.0)
    most = max(3.0, 2.5 * median(known))
    low = max(min(*ends, limit * 1.35, 0.0), -most)
    # so much that there is room for the words above the line of no change
    high = max(min(max(*ends, 0.5), most), -low / 4)
    room = 0.06 * (high - low)
    return low - room, high + room


def _dress(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _row(axes: Axes, y: int, mark: Mark) -> None:
    shape, colour, size, _ = _LOOKS[mark.kind]
    left, right = axes.get_xlim()
    if mark.limit is not None:
        axes.fill_betweenx([y - 0.5, y + 0.5], left, mark.limit, color=_WORSE, linewidth=0, zorder=0)
        axes.plot([mark.limit] * 2, [y - 0.5, y + 0.5], color=INK, linewidth=1.1, linestyle=(0, (3, 1.5)), zorder=2)
    axes.plot([0, 0], [y - 0.5, y + 0.5], color=FAINT, linewidth=1.0, zorder=1)
    for found, width in ((mark.interval, 1.1), (mark.bounds, 3.6)):
        if found:
            axes.plot(
                _within(found, left, right), [y, y], color=colour, linewidth=width, zorder=3, solid_capstyle="butt"
            )
    low, high = mark.interval or (mark.change, mark.change)
    for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
        if beyond:
            axes.plot([edge], [y], marker=arrow, color=colour, markersize=5, clip_on=False, zorder=4)
    inside = 0.025 * (right - left)
    shown = min(max(mark.change, left + inside), right - inside)
    # filled ones have a rim of white, so that their shape is seen on a bar of their own colour
    face, rim = (colour, "white") if mark.interval else ("white", colour)
    axes.plot(
        [shown], [y], marker=shape, markersize=size, color=face, markeredgecolor=rim, markeredgewidth=0.9, zorder=5
    )
    _beside(axes, y, 0.008, short(mark.label, 34), size=8)
    _beside(axes, y, _RIGHT + 0.02, mark.text, size=_fitting(mark.text, 30))
    _beside(axes, y, _ALLOWED, mark.allowed, size=_fitting(mark.allowed, 8), color=SOFT, align="right")


def _fitting(text: str, most: int) -> float:
    """The size of type in which a text of numbers has room; `most` characters have it in the usual one."""
    return 7.5 * min(1.0, most / max(len(text), 1))


def _within(found: Range, left: float, right: float) -> list[float]:
    return [min(max(end, left), right) for end in found]


def _beside(
    axes: Axes,
    y: float,
    x: float,
    text: str,
    *,
    size: float,
    color: str = INK,
    weight: str = "normal",
    align: Literal["left", "right"] = "left",
) -> None:
    """Text in row `y`, at the share `x` of the figure's width."""
    from matplotlib.transforms import blended_transform_factory

    where = blended_transform_factory(axes.get_figure(root=True).transFigure, axes.transData)  # type: ignore[union-attr] # these axes have a figure
    axes.text(
        x, y, text, transform=where, fontsize=size, color=color, fontweight=weight, ha=align, va="center_baseline"
    )


def _head(axes: Axes, marks: Sequence[Mark]) -> None:
    """What stands above the columns, and above the two places on the axis that mean something."""
    left, right = axes.get_xlim()
    limits = [mark.limit for mark in marks if mark.limit is not None]
    inch = WIDTH * (_RIGHT - _LEFT) / (right - left)
    limit = min(limits, default=0.0)
    _beside(axes, -0.85, _RIGHT + 0.02, "Δ  [interval]", size=7, color=SOFT)
    _beside(axes, -0.85, _ALLOWED, "allowed", size=7, color=SOFT, align="right")
    near = -limit * inch < 0.75
    if limit < 0:
        align: Literal["right", "center"] = "right" if near else "center"
        axes.text(limit, -0.85, "allowed", fontsize=7, color=INK, ha=align, va="center_baseline")
    axes.text(
        0,
        -0.85,
        "no change",
        fontsize=7,
        color=SOFT,
        ha="left" if near and limit < 0 else "center",
        va="center_baseline",
    )


def _legend(drawn: Figure, marks: Sequence[Mark], below: str, height: float) -> None:
    from matplotlib.lines import Line2D

    entries: list[Line2D] = []
    for kind, (shape, colour, size, name) in _LOOKS.items():
        if any(mark.kind == kind for mark in marks):
            entries.append(Line2D([], [], color=colour, marker=shape, markersize=size, linestyle="", label=name))
    if any(mark.interval is None for mark in marks):
        entries.append(
            Line2D(
                [], [], color="white", markeredgecolor=SOFT, marker="o", markersize=6, linestyle="", label="two numbers"
            )
        )
    entries += [
        Line2D([], [], color=SOFT, linewidth=3.6, label="one-sided bounds, which decide"),
        Line2D([], [], color=SOFT, linewidth=1.1, label="two-sided interval"),
    ]
    y = (_BOTTOM - 0.16) / height
    drawn.text(_LEFT, y, "← worse", fontsize=7.5, color=SOFT, va="center")
    drawn.text(_RIGHT, y, "better →", fontsize=7.5, color=SOFT, va="center", ha="right")
    drawn.text(0.008, y, "each row scaled to its limit", fontsize=7.5, color=SOFT, va="center")
    if below:
        drawn.text(_ALLOWED, y, below, fontsize=7.5, color=SOFT, va="center", ha="right")
    drawn.legend(
        handles=entries,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(entries),
        frameon=False,
        fontsize=7.5,
        handletextpad=0.8,
        columnspacing=1.4,
    )
