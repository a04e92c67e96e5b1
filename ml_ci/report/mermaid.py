"""A Mermaid `xychart-beta` with lines, which GitHub draws where there can be no pictures, from numbers and any name.

What Mermaid's grammar takes is little: numbers without exponents, one value for each of evenly spaced places, no gaps. So
lines are brought to common places, numbers to a size that people read, and a name to letters that mean nothing to it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml_ci.report.escape import clip, visible

MOST_POINTS = 60
"""Of a line: a comment shows 800 pixels."""

GREY, BLUE = "#818b98", "#2f81c7"
"""Base and head, as in the pictures, but such that they are seen on a light page and on a dark one: a chart has one colour for both."""

_SIZE = {"width": 800, "height": 260}
_LOOKS_ALIKE = str.maketrans('"%#&;<>`{}|\\$*', "＂％＃＆；＜＞｀｛｝｜＼＄＊")
"""What could end a text, or begin a directive, an entity, an element or a formula, beside what people read as the same."""

_DIGITS = 5
_DECADES = 1000.0
_LARGEST = 1e300
"""MLflow stores an infinity as 1.797e308."""

Curve = Sequence[tuple[int, float]]
"""(step, value) by rising step."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: what it is (`base`, `head`), its colour, and its points."""

    name: str
    colour: str
    points: Curve


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The chart's source, and sentences on what is not to be seen on it: where a line is not what was measured."""

    source: str
    notes: tuple[str, ...] = ()


def xychart(lines: Sequence[Line], *, x_label: str, y_label: str) -> Drawn | None:
    """The lines in one chart; None where there are not two places with a finite number.

    A gap is bridged, and a line that ends early goes on as it ended: Mermaid knows neither. The notes say so.
    """
    finite = [(line, _finite(line.points)) for line in lines]
    kept = [(line, points) for line, points in finite if points]
    places = _places([step for _, points in kept for step, _ in points])
    if places is None:
        return None
    notes = [note for line, points in finite for note in _notes(line, points, places)]
    scaled, unit = _scaled([_at(points, places) for _, points in kept])
    low, high = _range([value for values in scaled for value in values])
    palette = ", ".join(line.colour for line, _ in kept)
    first, last = _plain(places[0]), _plain(places[-1])
    return Drawn(
        source="\n".join(
            [
                _directive(palette),
                "xychart-beta",
                f"    x-axis {label(x_label)} {first} --> {last}",
                f"    y-axis {label(y_label, unit)} {_plain(low)} --> {_plain(high)}",
                *(
                    f"    line {label(line.name)} [{', '.join(map(_plain, values))}]"
                    for (line, _), values in zip(kept, scaled, strict=True)
                ),
            ]
        ),
        notes=tuple(notes),
    )


def label(text: str, unit: str = "", most: int = 36) -> str:
    """Any text as one of Mermaid's, in quotes: what it could act on is written in letters that look alike."""
    shown = clip(visible(text[: 2 * most]), most).translate(_LOOKS_ALIKE).strip() or "(empty)"
    return f'"{shown}{unit}"'


def _directive(palette: str) -> str:
    colours = {"backgroundColor": "transparent", "plotColorPalette": palette}
    return f"%%{{init: {json.dumps({'xyChart': _SIZE, 'themeVariables': {'xyChart': colours}})}}}%%"


def _finite(points: Curve) -> list[tuple[int, float]]:
    return [(step, value) for step, value in points if abs(value) < _LARGEST]


def _places(steps: Sequence[int]) -> list[float] | None:
    """At most 60 evenly spaced places from the first step to the last, one for each step where they are that few.

    Mermaid finds them by adding up, and loses the last one where rounding carries the sum too far: then one less is taken.
    """
    if not steps or max(abs(step) for step in steps) > _LARGEST:
        return None
    first, last = float(min(steps)), float(max(steps))
    if first == last:
        return None
    most = int(min(last - first + 1, MOST_POINTS))
    found = (_added_up(first, last, count) for count in range(max(most, 2), 1, -1))
    return next((places for places in found if places), None)


def _added_up(first: float, last: float, count: int) -> list[float]:
    step = (last - first) / (count - 1)
    places: list[float] = []
    place = first
    while place <= last and len(places) <= count:
        places.append(place)
        place += step
    return places if len(places) == count else []


def _at(points: Sequence[tuple[int, float]], places: Sequence[float]) -> list[float]:
    """The line's values at these places: between two points on the straight line from one to the other."""
    values, index = [], 0
    for place in places:
        while index + 1 < len(points) and points[index + 1][0] <= place:
            index += 1
        (here, value), (there, following) = points[index], points[min(index + 1, len(points) - 1)]
        share = (place - here) / (there - here) if there > here and place > here else 0.0
        values.append(value + min(share, 1.0) * (following - value))
    return values


def _notes(line: Line, points: Sequence[tuple[int, float]], places: Sequence[float]) -> list[str]:
    lost = len(line.points) - len(points)
    notes = [f"{lost:,} values of {line.name} are not finite and not drawn."] if lost else []
    name = line.name[:1].upper() + line.name[1:]
    if not points:
        return notes
    if points[-1][0] < places[-1]:
        notes.append(f"{name} ends at {points[-1][0]:,}: from there its line is flat.")
    if points[0][0] > places[0]:
        notes.append(f"{name} begins at {points[0][0]:,}: before it its line is flat.")
    return notes


def _scaled(lines: Sequence[Sequence[float]]) -> tuple[list[list[float]], str]:
    """The values in a size that people read, and what the axis is called then: a power of ten, or the logarithm."""
    values = [value for line in lines for value in line]
    if min(values) > 0 and max(values) / min(values) > _DECADES:
        return [[math.log10(value) for value in line] for line in lines], ", as power of 10"
    largest = max(abs(value) for value in values)
    if largest == 0 or 1e-2 <= largest < 1e5:
        return [list(line) for line in lines], ""
    power = math.floor(math.log10(largest))
    return [[float(Decimal(repr(value)).scaleb(-power)) for value in line] for line in lines], f", × 10^{power}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The axis, with a little air, so that no line runs along its end."""
    low, high = min(values), max(values)
    air = (high - low) * 0.05 or max(abs(high) * 0.05, 0.05)
    return low - air, high + air


def _plain(value: float) -> str:
    """Without an exponent, and with a few digits: more than the chart could show would only fill the comment."""
    if float(value).is_integer():
        return f"{value:.0f}"
    rounded = Decimal(f"{value:.{_DIGITS - 1}e}")
    text = f"{rounded:.12f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
