"""Panels at fixed places, and how base and head are told apart in them.

Matplotlib's constrained layout measures every text again and again; a figure whose places are known needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ml_ci.report.plots.style import BLUE, GREY, INK, SOFT, WIDTH

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Side = Literal["base", "head"]

COLOURS: Mapping[str, str] = {"base": GREY, "head": BLUE}

LINES: Mapping[str, Mapping[str, Any]] = {
    "base": {"color": GREY, "linestyle": (0, (4, 2)), "linewidth": 1.4, "zorder": 3},
    "head": {"color": BLUE, "linewidth": 1.7, "zorder": 4},
}
"""How a side's line is drawn: base dashed and behind."""

REFERENCE: Mapping[str, Any] = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 2}
"""A line that is no side's: what a perfect model, or one that knows nothing, would have."""


def panel(drawn: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at this place: inches from the figure's upper left corner."""
    tall = drawn.get_figheight()
    drawn.set_layout_engine("none")
    axes = drawn.add_axes((left / WIDTH, 1 - (top + height) / tall, width / WIDTH, height / tall))
    axes.tick_params(length=0, labelsize=7.5)
    return axes


def heading(axes: Axes, title: str, beside: str = "") -> None:
    """The title of a panel, and what is said beside it in a softer colour."""
    axes.annotate(
        title, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=9, fontweight="bold",
        color=INK,
    )  # fmt: skip
    axes.annotate(
        beside, (1, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=SOFT,
        ha="right",
    )  # fmt: skip


def shades(amounts: NDArray[np.float64], colour: str) -> NDArray[np.float64]:
    """White for 0 up to the colour for 1: the amounts' shape and one more axis, for red, green and blue."""
    import numpy as np
    from matplotlib.colors import to_rgb

    strength = np.clip(amounts, 0.0, 1.0)[..., np.newaxis]
    return np.asarray(1.0 - strength * (1.0 - np.array(to_rgb(colour))))
