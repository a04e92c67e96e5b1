"""How the figures look: one style, whatever the matplotlibrc of this machine says, on light pages and on dark ones.

A figure is drawn once, for a light page. The one for a dark page is made from its pixels: lightness is turned around
and hues stay, so white becomes the page's dark ground, and what stood out still does. Drawing twice would take twice
as long, and whoever waits for the comment waits for this.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Array = NDArray[Any]

WIDTH = 8.0
"""Inches; a comment shows them as 800 CSS pixels."""

DPI = 150

INK, SOFT, FAINT = "#24292f", "#57606a", "#d8dee4"
BLUE, RED, GREY = "#0072b2", "#d55e00", "#767676"
"""Of Okabe and Ito's palette: told apart with every kind of colour vision."""

_DARK_GROUND, _DARK_INK = (13, 17, 23), (240, 246, 252)
"""GitHub's, of its dark pages."""


@contextmanager
def figure(height: float, path: Path) -> Iterator[Figure]:
    """A figure of this height in inches to draw on; when the block ends it is written to `path` as a PNG, and beside it
    the one for dark pages (`dark_of`).
    """
    # the object interface: pyplot keeps every figure alive, and looks for a display
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # a name in letters that the font lacks is drawn as boxes; the tables show it as it is
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _set_style()
        drawn = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(drawn)
        yield drawn
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib has no types here
        _write(canvas.buffer_rgba(), path)  # type: ignore[no-untyped-call]  # nor here


def dark_of(path: Path) -> Path:
    """Where the picture for dark pages is that belongs to the one at `path`."""
    return path.with_name(f"{path.stem}-dark.png")


def short(name: str, most: int = 30) -> str:
    """A name that fits; cut in the middle, as long names mostly differ at their ends."""
    begin = most // 2 - 2
    return name if len(name) <= most else f"{name[:begin]}…{name[begin + 1 - most :]}"


def _write(pixels: memoryview, path: Path) -> None:
    """Write both pictures. A plot has few colours, and a picture of a palette is a third of the size."""
    import numpy as np
    from PIL import Image

    rgb = np.asarray(pixels)[..., :3]
    light = Image.fromarray(np.ascontiguousarray(rgb)).quantize(
        256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    light.save(path, compress_level=6)
    palette = np.array(light.getpalette(), dtype=float).reshape(-1, 3)
    light.putpalette(_darkened(palette).ravel().tolist())
    light.save(dark_of(path), compress_level=6)


def _darkened(colours: Array) -> Array:
    """Each colour (a row of red, green, blue in 0 to 255) for a dark page: turned around, and its hue turned back.

    The second is the rotation by 180° of the W3C's filter `hue-rotate` (Filter Effects, section 8.6), which keeps luminance.
    """
    import numpy as np

    half_turn = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])
    turned = (255.0 - colours) @ half_turn.T
    ground, ink = np.array(_DARK_GROUND), np.array(_DARK_INK)
    return np.asarray(np.clip(ground + turned / 255.0 * (ink - ground), 0, 255).round(), dtype=int)


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
