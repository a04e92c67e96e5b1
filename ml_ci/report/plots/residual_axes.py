"""An axis for numbers of any kind: plain, logarithmic, or logarithmic on both sides of 0, without what lies far out.

The numbers are bent here and drawn on a plain axis from 0 to 1, so that bins are of equal size on the page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_ci.predictions import Numbers

Kind = Literal["plain", "log", "both logs"]

SAMPLE = 50_000
"""Numbers of each kind by which an axis is chosen, besides the least and the largest: more would only take longer."""

_DECADES, _DECADES_OF_BOTH = 2, 3
"""Of the positive numbers, and of those of both signs, the middle part is shown as logarithms if it has more of them."""

_MOST_DECADES = 14
_FAR = 2.0
"""An axis goes on for so many times the width of the middle 98 % on either side, at most."""

_TICKS = 4
_ROOM = 0.16
"""Share of the axis that a tick's text takes."""

_LARGEST, _LEAST = 1e300, 1e-290


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis from `low` to `high`. With both logs, numbers are logarithms of their distance from 0, where that is more
    than `near`.
    """

    low: float
    high: float
    kind: Kind = "plain"
    near: float = 1.0

    def bent(self, values: Numbers) -> Numbers:
        """Where the numbers are on the page: 0 at the lower end, 1 at the upper one. What lies beyond is on the end."""
        import numpy as np

        ends = self._bend(np.array([self.low, self.high]))
        return np.asarray((self._bend(np.clip(values, self.low, self.high)) - ends[0]) / (ends[1] - ends[0]))

    def ticks(self) -> tuple[Numbers, list[str]]:
        """Where the ticks are on the page, and what they say."""
        import numpy as np

        values = self._ticks()
        return self.bent(np.array(values)), [_short(value) for value in values]

    def beyond(self, values: Numbers) -> int:
        """How many of the numbers are on an end because they lie beyond it."""
        return int((values < self.low).sum() + (values > self.high).sum())

    def _bend(self, values: Numbers) -> Numbers:
        import numpy as np

        if self.kind == "log":
            return np.asarray(np.log10(values))
        if self.kind == "both logs":
            return np.asarray(np.sign(values) * np.log10(1.0 + np.abs(values) / self.near))
        return np.asarray(values / max(abs(self.low), abs(self.high)))

    def _ticks(self) -> list[float]:
        from matplotlib.ticker import MaxNLocator

        if self.kind == "plain":
            found = MaxNLocator(nbins=_TICKS).tick_values(self.low, self.high)
            # it finds none for numbers that are almost too small for a float
            return [float(tick) + 0.0 for tick in found if self.low <= tick <= self.high] or [self.low, self.high]
        largest = math.floor(math.log10(max(abs(self.low), abs(self.high))))
        smallest = math.ceil(math.log10(self.low if self.kind == "log" else self.near))
        step = max(1, math.ceil((largest - smallest + 1) / (_TICKS + 1)))
        powers = [10.0**power for power in range(largest, smallest - 1, -step)]
        if self.kind == "log":
            return sorted(tick for tick in powers if self.low <= tick <= self.high)
        both = (tick for power in powers for tick in (power, -power) if self.low <= tick <= self.high)
        return sorted(self._apart([0.0, *both] if self.low <= 0 <= self.high else both))

    def _apart(self, ticks: Iterable[float]) -> list[float]:
        """Those of the ticks that have room beside the ones before."""
        import numpy as np

        kept: list[float] = []
        for tick in ticks:
            if all(abs(np.subtract(*self.bent(np.array([tick, other])))) > _ROOM for other in kept):
                kept.append(tick)
        return kept


def scale_of(columns: Iterable[Numbers]) -> Scale:
    """The axis on which most of these finite numbers can be told apart. Each column has at least one."""
    import numpy as np

    parts = [part for column in columns for part in (column[:: max(1, len(column) // SAMPLE)], _ends(column))]
    some = np.clip(np.concatenate(parts), -_LARGEST, _LARGEST)
    low, high = float(some.min()), float(some.max())
    largest = max(abs(low), abs(high))
    sizes = np.abs(some[some != 0])
    if largest > _LEAST and len(sizes):
        tenth, small, large, most = (float(at) for at in np.quantile(sizes, (0.1, 0.05, 0.95, 0.9), method="nearest"))
        if low > 0 and _decades(small, large) > _DECADES:
            return Scale(low=max(low, high / 10.0**_MOST_DECADES), high=high, kind="log")
        if _decades(tenth, most) > _DECADES_OF_BOTH:
            near = max(tenth, largest / 10.0**_MOST_DECADES)
            return Scale(low=low, high=high, kind="both logs", near=10.0 ** math.floor(math.log10(near)))
    least, most = (float(end) for end in np.quantile(some, (0.01, 0.99), method="nearest"))
    if most > least:
        room = _FAR * (most - least)
        inside = some[(some >= least - room) & (some <= most + room)]
        low, high = float(inside.min()), float(inside.max())
    return _wider(low, high)


def _decades(small: float, large: float) -> float:
    return math.log10(large) - math.log10(small)


def _ends(column: Numbers) -> Numbers:
    import numpy as np

    return np.array([column.min(), column.max()])


def _wider(low: float, high: float) -> Scale:
    """With a little room at both ends; with more where there is only one number."""
    room, size = 0.04 * (high - low), max(abs(low), abs(high))
    if room <= size * 1e-9:
        room = 0.1 * size or 1.0
    return Scale(low=low - room, high=high + room)


def _short(value: float) -> str:
    """A tick: `0.25`, `−1000`, `1e6`."""
    digits, _, power = f"{value:.6g}".partition("e")
    if not power and abs(value) >= 1e5:
        digits, _, power = f"{value:.5e}".partition("e")
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}e{int(power)}".replace("-", "−") if power else digits.replace("-", "−")
