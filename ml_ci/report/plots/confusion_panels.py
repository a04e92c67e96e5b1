"""Confusion matrices as panels: few classes in one row, more of them above a difference that is as wide as the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.report.escape import visible
from ml_ci.report.plots.confusion_cells import difference_cells, paint, side_cells
from ml_ci.report.plots.confusion_counts import Matrices
from ml_ci.report.plots.frame import Side, heading, panel
from ml_ci.report.plots.glyphs import write_cells
from ml_ci.report.plots.style import BLUE, RED, SOFT, WIDTH, figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IN_A_ROW = 5
"""Classes up to which all three matrices stand in one row."""

_NAME = 14
"""Characters of a class's name on an axis."""

_LETTER = 0.068
"""Inches that a letter of a name takes."""

_TOP, _GAP, _RIGHT, _LINE, _BESIDE = 0.3, 0.2, 0.1, 0.18, 0.32
"""Inches: above a panel, between panels, right of the last, of a line of text, and for what the rows are."""


@dataclass(frozen=True)
class _Names:
    """The classes' names, cut to size, and what rows and columns are."""

    classes: Sequence[str]
    rows: str
    columns: str

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def widest(self) -> float:
        """Inches that the longest one takes."""
        return _LETTER * max(map(len, self.classes))


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """A panel: where its upper left corner is, how large its cells are, in inches, and its classes' names.

    `rows` says whether the true classes are named at its side.
    """

    left: float
    top: float
    cell: tuple[float, float]
    names: _Names
    rows: bool = True

    @property
    def upright(self) -> bool:
        """Whether the predicted classes' names have to be turned to have room."""
        return self.names.widest > self.cell[0] - 0.02

    @property
    def below(self) -> float:
        """Inches that the names of the predicted classes, and of the axis, take."""
        return 0.06 + (self.names.widest if self.upright else _LINE) + _LINE

    @property
    def bottom(self) -> float:
        """Inches from the top to the end of what is below."""
        return self.top + len(self.names) * self.cell[1] + self.below


def draw_matrices(
    matrices: Matrices,
    path: Path,
    *,
    same: bool,
    axes: tuple[str, str] = ("true", "predicted"),
    alone: Side = "head",
) -> None:
    """Draw base, head and the difference to `path`; without base, `head` of them, under the name of the side `alone`.

    `same` says that both are of the same examples, `axes` what rows and columns are.
    """
    names = _Names(told_apart(matrices.names, _NAME), *axes)
    if matrices.base is None:
        _draw_one(matrices, names, path, alone)
    elif len(names) <= IN_A_ROW:
        _draw_row(matrices, names, path, same=same)
    else:
        _draw_rows(matrices, names, path, same=same)


def told_apart(names: Sequence[str], most: int) -> list[str]:
    """The names in at most `most` characters: of long ones the words that all begin with, or end with, are left out."""
    seen = [visible(name) for name in names]
    long = [name for name in seen if len(name) > most]
    if len(long) > 1:
        begin = _shared_words(long)
        seen = ["…" + name[begin:] if begin and len(name) > most else name for name in seen]
        end = _shared_words([name[begin:][::-1] for name in long])
        seen = [name[:-end] + "…" if end and len(name) > most else name for name in seen]
    texts = [short(name, most) for name in seen]
    if len(set(texts)) < len(texts):
        texts = [f"{at + 1} {short(name, most - 1 - len(str(at + 1)))}" for at, name in enumerate(seen)]
    return texts


def _shared_words(names: Sequence[str]) -> int:
    """How many characters all names begin with are whole words; all of these where they are part of one."""
    first, last = min(names), max(names)
    shared = next((at for at, both in enumerate(zip(first, last, strict=False)) if both[0] != both[1]), len(first))
    return max((first.rfind(mark, 0, shared) + 1 for mark in "/_-. :"), default=0) or shared


def _draw_one(matrices: Matrices, names: _Names, path: Path, side: Side) -> None:
    left, size = _BESIDE + names.widest, len(names)
    cell = min(1.4, (WIDTH - left - _RIGHT) / size), max(0.3, min(0.5, 1.5 / size))
    grid = _Grid(left=left, top=_TOP, cell=cell, names=names)
    with figure(grid.bottom, path) as drawn:
        axes = _panel(drawn, grid, side, "count, % of row")
        write_cells(axes, side_cells(axes, side, matrices.head, cell, counts=True), cell)


def _draw_row(matrices: Matrices, names: _Names, path: Path, *, same: bool) -> None:
    left, size = _BESIDE + names.widest, len(names)
    width = (WIDTH - left - _RIGHT - 2 * _GAP) / 3
    cell = width / size, max(0.33, 1.1 / size)
    first, second, third = (
        _Grid(left=left + at * (width + _GAP), top=_TOP, cell=cell, names=names, rows=at == 0) for at in range(3)
    )
    with figure(first.bottom, path) as drawn:
        _draw_sides(drawn, matrices, (first, second), counts=True)
        axes = _panel(drawn, third, "head − base", "count, % points" if same else "% points")
        write_cells(axes, difference_cells(axes, matrices, cell, same=same, full=False), cell)
        _legend(axes, third)


def _draw_rows(matrices: Matrices, names: _Names, path: Path, *, same: bool) -> None:
    left, size = _BESIDE + names.widest, len(names)
    width, wide = (WIDTH - left - _RIGHT - _GAP) / 2, WIDTH - left - _RIGHT
    low = width / size, 0.19
    first, second = (
        _Grid(left=left + at * (width + _GAP), top=_TOP, cell=low, names=names, rows=at == 0) for at in range(2)
    )
    third = _Grid(left=left, top=first.bottom + _TOP, cell=(wide / size, 0.3), names=names)
    with figure(third.bottom, path) as drawn:
        _draw_sides(drawn, matrices, (first, second), counts=False)
        axes = _panel(drawn, third, "head − base", "count, % points of row")
        write_cells(axes, difference_cells(axes, matrices, third.cell, same=same, full=True), third.cell)
        _legend(axes, third)


def _draw_sides(drawn: Figure, matrices: Matrices, grids: tuple[_Grid, _Grid], *, counts: bool) -> None:
    base, head = grids
    of_base = matrices.head if matrices.base is None else matrices.base
    beside = "count, % of row" if counts else "% of row"
    axes = _panel(drawn, base, "base", beside)
    write_cells(axes, side_cells(axes, "base", of_base, base.cell, counts=counts), base.cell)
    axes = _panel(drawn, head, "head", beside)
    write_cells(axes, side_cells(axes, "head", matrices.head, head.cell, counts=counts), head.cell)


def _panel(drawn: Figure, grid: _Grid, title: str, beside: str) -> Axes:
    """Empty axes with their classes' names; a tick for each would take longer to draw than these texts."""
    size = len(grid.names)
    axes = panel(drawn, grid.left, grid.top, size * grid.cell[0], size * grid.cell[1])
    paint(axes, size)
    heading(axes, title, beside)
    for at, name in enumerate(grid.names.classes):
        axes.annotate(
            name, (at, size - 0.5), (0, -4), textcoords="offset points", fontsize=7.5, color=SOFT, ha="center",
            va="top", rotation=90 if grid.upright else 0, annotation_clip=False,
        )  # fmt: skip
        if grid.rows:
            axes.annotate(
                name, (-0.5, at), (-4, 0), textcoords="offset points", fontsize=7.5, color=SOFT, ha="right",
                va="center", annotation_clip=False,
            )  # fmt: skip
    _beside_axes(axes, grid.names.columns, 0.5, -72 * (grid.below - _LINE) - 2)
    if grid.rows:
        axes.annotate(
            grid.names.rows, (0, 0.5), (-72 * (grid.left - 0.05), 0), xycoords="axes fraction", textcoords="offset points",
            fontsize=7.5, color=SOFT, ha="left", va="center", rotation=90,
        )  # fmt: skip
    return axes


def _legend(axes: Axes, grid: _Grid) -> None:
    """What the colours mean, at both ends of the line below the difference."""
    below = -72 * (grid.below - _LINE) - 2
    _beside_axes(axes, "■ better", 0.0, below, BLUE)
    _beside_axes(axes, "■ worse", 1.0, below, RED)


def _beside_axes(axes: Axes, text: str, at: float, below: float, colour: str = SOFT) -> None:
    axes.annotate(
        text, (at, 0), (0, below), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=colour,
        ha="left" if at == 0 else "right" if at == 1 else "center", va="top",
    )  # fmt: skip
