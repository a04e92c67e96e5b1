"""The cells of confusion matrices: their colours, and the numbers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.report.plots.confusion_counts import Matrices
from ml_ci.report.plots.frame import COLOURS, Side, shades
from ml_ci.report.plots.glyphs import Cell, width_of
from ml_ci.report.plots.style import BLUE, FAINT, INK, RED, SOFT

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Array = NDArray[np.float64]

FULL_STRENGTH = 0.05
"""A move of this share of a row, or the largest if that is more, has the full colour: less is no alarm."""

_STEPS = 24
"""Of a colour from white to full: a picture has 256 colours, and letters take many of them."""

_STRONGEST = 0.62
"""The most of its colour that a cell has: so the numbers on it can be read, on light pages and on dark ones."""

_ROOM = 0.04
"""Inches that a number leaves free in its cell."""


def paint(axes: Axes, size: int) -> None:
    """Make the axes a table of this many rows and columns: 1 by 1 each, the first row on top."""
    from matplotlib.collections import LineCollection

    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), autoscale_on=False)
    axes.set_axis_off()
    edges = [at - 0.5 for at in range(size + 1)]
    lines = [[(at, -0.5), (at, size - 0.5)] for at in edges] + [[(-0.5, at), (size - 0.5, at)] for at in edges]
    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.6, zorder=2, clip_on=False), autolim=False)


def side_cells(axes: Axes, side: Side, found: Codes, cell: tuple[float, float], *, counts: bool) -> list[Cell]:
    """Colour one side by each cell's share in its row; its numbers are the share in %, below the count if `counts`."""
    import numpy as np

    shares = _shares(found)
    _colour(axes, shades(np.round(_STRONGEST * shares * _STEPS) / _STEPS, COLOURS[side]))
    cells = []
    for row, column in np.argwhere(found).tolist():
        share, amount = float(shares[row, column]), int(found[row, column])
        if counts:
            lines: tuple[str, ...] = (_in_room(amount, cell[0]), f"{_percent(share)} %")
        else:
            lines = (_percent(share),) if share >= 0.005 else ("·",)
        cells.append(Cell(row=row, column=column, lines=lines, colour=INK))
    return cells


def difference_cells(
    axes: Axes, matrices: Matrices, cell: tuple[float, float], *, same: bool, full: bool
) -> list[Cell]:
    """Colour head − base by what it means, in the strength of the share of the row that moved; the numbers in its cells.

    These are the counts, both sides' if `full`, and the points of the row's share. On other examples counts say nothing,
    so unless `full` they are left out.
    """
    import numpy as np

    if matrices.base is None:
        raise ValueError("without base there is no difference")
    moved = _shares(matrices.head) - _shares(matrices.base)
    strength = _better(moved, mixed=matrices.others > 0) * _STRONGEST
    strength /= max(FULL_STRENGTH, float(np.abs(moved).max()))
    strength = np.round(strength * _STEPS) / _STEPS
    _colour(axes, np.where(strength[..., np.newaxis] > 0, shades(strength, BLUE), shades(-strength, RED)))
    cells = []
    for row, column in np.argwhere(matrices.base + matrices.head).tolist():
        before, after = int(matrices.base[row, column]), int(matrices.head[row, column])
        points = float(moved[row, column])
        still = before == after if same else abs(points) < 5e-4
        lines = [_counts(before, after, cell[0], full=full)] if same or full else []
        if not (same and still):
            lines.append(_points(points))
        cells.append(Cell(row=row, column=column, lines=tuple(lines), colour=SOFT if still else INK))
    return cells


def _better(moved: Array, *, mixed: bool) -> Array:
    """What moved, positive where it is better: more on the diagonal, less beside it.

    With `mixed`, the last class is a sum of classes: right ones and mistakes among them are in one cell, which says nothing.
    """
    import numpy as np

    better = np.where(np.eye(len(moved), dtype=bool), moved, -moved)
    if mixed:
        better[-1, -1] = 0.0
    return np.asarray(better)


def _shares(counts: Codes) -> Array:
    import numpy as np

    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _colour(axes: Axes, colours: Array) -> None:
    """Fill the cells with colours of shape (K, K, 3)."""
    size = len(colours)
    edges = (-0.5, size - 0.5, size - 0.5, -0.5)
    axes.imshow(colours, aspect="auto", interpolation="nearest", extent=edges, zorder=1)


def _counts(before: int, after: int, room: float, *, full: bool) -> str:
    """`31→18` where both sides are wanted and have room, else how many more or less."""
    if not full:
        return "0" if before == after else _signed(after - before, room)
    if before == after:
        return _in_room(before, room)
    both = f"{before}→{after}"
    return both if width_of(both) <= room - _ROOM else _signed(after - before, room)


def _signed(change: int, room: float) -> str:
    return ("+" if change > 0 else "−") + _in_room(abs(change), room - width_of("+"))


def _in_room(amount: int, room: float) -> str:
    """A count in full where that has room, else in thousands or millions."""
    texts = [f"{amount:,}", f"{amount}"]
    texts += [f"{amount / size:.3g}{unit}" for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G")) if amount >= size]
    fitting = [text for text in texts if width_of(text) <= room - _ROOM and "e" not in text]
    return fitting[0] if fitting else texts[-1]


def _points(moved: float) -> str:
    shown = round(100 * moved, 1)
    return numbers.signed(shown) if shown else "0"


def _percent(share: float) -> str:
    """`98`; what is not all of it is not 100, and what is not nothing is not 0."""
    whole = round(100 * share)
    if whole == 100 and share < 1:
        return ">99"
    return f"{whole}" if whole or share == 0 else "<1"
