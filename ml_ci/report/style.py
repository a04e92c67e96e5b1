"""How the figures look: one style, whatever the matplotlibrc of this machine says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 8.0
"""Inches; a comment shows them as 800 CSS pixels."""

DPI = 150

INK, SOFT, FAINT = "#24292f", "#57606a", "#d8dee4"
BLUE, RED, GREY = "#0072b2", "#d55e00", "#767676"
"""Of Okabe and Ito's palette: told apart with every kind of colour vision."""


@contextmanager
def figure(height: float, path: Path) -> Iterator[Figure]:
    """A figure of this height in inches to draw on; it is written to `path` as a PNG when the block ends."""
    # the object interface: pyplot keeps every figure alive, and looks for a display
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # a name in letters that the font lacks is drawn as boxes; the tables show it as it is
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _set_style()
        drawn = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white", layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn
        drawn.savefig(path, pil_kwargs={"compress_level": 6})


def short(name: str, most: int = 30) -> str:
    """A name that fits; cut in the middle, as long names mostly differ at their ends."""
    begin = most // 2 - 2
    return name if len(name) <= most else f"{name[:begin]}…{name[begin + 1 - most :]}"


def _set_style() -> None:
    """Names are drawn as they are: no TeX."""
    import matplotlib as mpl

    mpl.rcdefaults()
    mpl.rc("font", family="DejaVu Sans", size=8.0)
    mpl.rc("text", parse_math=False, color=INK)
    mpl.rc("axes", edgecolor=FAINT, labelcolor=INK, grid=True)
    mpl.rc("axes.spines", top=False, right=False)
    mpl.rc("xtick", color=SOFT)
    mpl.rc("ytick", color=SOFT)
    mpl.rc("grid", color="#eaeef2", linewidth=0.7)
