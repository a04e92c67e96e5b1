"""Numbers in the cells of a table of hundreds, as one shape for each colour.

Matplotlib lays out every text by itself, which for three matrices of 13 classes takes longer than all else together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

SIZE = 7.5
"""Points."""

_LINE = 1.25
_MIDDLE = 0.36
"""Shares of the size: from one line to the next, and from a line's foot to the middle of its digits."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A few short lines in the middle of the cell at this row and column."""

    row: int
    column: int
    lines: tuple[str, ...]
    colour: str


def width_of(text: str) -> float:
    """How wide one line is, in inches."""
    return sum(_glyph(letter)[2] for letter in text) / 72


def write_cells(axes: Axes, cells: Sequence[Cell], cell: tuple[float, float]) -> None:
    """Write into axes whose cells are 1 by 1 in data and `cell` in inches, wide and high, with rows that go down."""
    import numpy as np
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for colour in dict.fromkeys(written.colour for written in cells):
        shapes = [shape for written in cells if written.colour == colour for shape in _shapes(written, cell)]
        if shapes:
            path = Path(
                np.concatenate([points for points, _ in shapes]), np.concatenate([codes for _, codes in shapes])
            )
            # `add_patch` would look for the limits of every curve of every letter
            axes.add_artist(PathPatch(path, facecolor=colour, linewidth=0, zorder=3))


def _shapes(written: Cell, cell: tuple[float, float]) -> Sequence[tuple[NDArray[np.float64], NDArray[np.uint8]]]:
    import numpy as np

    to_data = np.array([1 / (72 * cell[0]), -1 / (72 * cell[1])])
    shapes = []
    for number, line in enumerate(written.lines):
        down = (number - (len(written.lines) - 1) / 2) * _LINE + _MIDDLE
        at = -36 * width_of(line)
        for letter in line:
            points, codes, advance = _glyph(letter)
            if len(points):
                place = np.add(points, (at, -down * SIZE)) * to_data + np.array([written.column, written.row])
                shapes.append((place, codes))
            at += advance
    return shapes


@cache
def _glyph(letter: str) -> tuple[NDArray[np.float64], NDArray[np.uint8], float]:
    """The outline of a letter in points, from where its line begins, and how far the next one is."""
    import numpy as np
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath, text_to_path

    font = FontProperties(family="DejaVu Sans", size=SIZE)
    advance, _, _ = text_to_path.get_text_width_height_descent(letter, font, ismath=False)
    if letter.isspace():  # matplotlib 3.11 fails to make a path of nothing
        return np.empty((0, 2)), np.empty(0, dtype=np.uint8), float(advance)
    outline = TextPath((0, 0), letter, prop=font)
    return np.asarray(outline.vertices, dtype=np.float64), np.asarray(outline.codes), float(advance)
