"""Numbers for people: as short as can be without hiding a difference, and with the proper minus sign.

A number that is not finite is named; one that is not there is a dash.
"""

from __future__ import annotations

import math
from decimal import Decimal

from ml_ci.config import Direction

NOTHING = "—"
_SPACE = "\u00a0"
"""No-break, so that a table's cell does not part a number from its unit."""

_DIGITS = 4
"""Significant digits, where no difference asks for more."""

_MOST_DIGITS = 12
"""Significant digits at most."""

_NOISE = 1e-12
"""What differs by no more than this share of its size differs by the noise of floating point: it is the same."""


def number(value: float | None, digits: int = _DIGITS) -> str:
    """One number to `digits` significant digits; a whole number in full. 4e-07 stays 4e-07.

    0.99999 has more digits than that, because it is not 1, which a limit may be.
    """
    text = _rounded(value, digits)
    if value is None or not math.isfinite(value) or _is_whole(value) or abs(value) >= 1e6 or digits == _MOST_DIGITS:
        return text
    return text if "." in text or "e" in text else number(value, digits + 1)


def apart(value: float, beside: float, digits: int = _DIGITS) -> str:
    """As `number`, with as many digits as it takes to tell it from `beside`: a limit that it broke, or kept."""
    for count in range(digits, 17):
        text = number(value, count)
        if value == beside or text != number(beside, count):
            return text
    return _minus(repr(value))


def beyond(value: float, limit: float, digits: int = 2) -> str:
    """To `digits` significant digits, and more only where fewer would move it onto `limit` or to its other side."""
    for count in range(digits, 17):
        text = _rounded(value, count)
        shown = float(text.replace("−", "-")) if math.isfinite(value) else value
        if value == limit or (shown != limit and (shown > limit) == (value > limit)):
            return text
    return _minus(repr(value))


def same(base: float, head: float) -> bool:
    """Whether two numbers differ by no more than the noise of floating point."""
    return base == head or math.isclose(base, head, rel_tol=_NOISE, abs_tol=0.0)


def _rounded(value: float | None, digits: int) -> str:
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return _name(value)
    if _is_whole(value):
        return _minus(f"{value + 0.0:.0f}")
    if 1e-4 <= abs(value) < 1e15:
        return _minus(_plain(_exact(value), _decimals(value, digits)))
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return _minus(f"{mantissa.rstrip('0').rstrip('.')}e{exponent}")


def pair(base: float | None, head: float | None, interval: tuple[float, float] | None = None) -> tuple[str, str]:
    """Both sides with the same number of decimals, and enough of them to see two digits of their difference.

    Where the `interval` of their difference is known, no decimal is shown of which it knows nothing (`_known_decimals`),
    but for three digits of the smaller one.
    """
    if base is None or head is None or not (math.isfinite(base) and math.isfinite(head)):
        return number(base), number(head)
    if same(base, head):
        return number(base), number(base)
    if _is_whole(base) and _is_whole(head):
        return number(base), number(head)
    largest, gap = max(abs(base), abs(head)), _exact(head) - _exact(base)
    if not 1e-4 <= largest < 1e15:
        digits = max(_DIGITS, min(_MOST_DIGITS, 2 + _magnitude(largest) - gap.adjusted()))
        return number(base, digits), number(head, digits)
    needed = min(1 - gap.adjusted(), _decimals(largest, _MOST_DIGITS))
    decimals = max(_decimals(largest, _DIGITS), needed)
    smallest = min(_magnitude(value) for value in (base, head) if value != 0)
    if smallest < 2 - decimals:
        return number(base), number(head)
    decimals = int(min(decimals, max(_known_decimals(base, head, interval), 2 - smallest)))
    before, after = (f"{_exact(value):.{decimals}f}" for value in (base, head))
    while "." in before and before[-1] == after[-1] == "0":
        before, after = before[:-1].rstrip("."), after[:-1].rstrip(".")
    return _minus(before), _minus(after)


def signed(value: float | None, digits: int = 3) -> str:
    """A difference, with its sign: `+0.0123`, `−0.005`; `0` has none."""
    if value is None or not math.isfinite(value) or value == 0:
        return _rounded(value, digits)
    return ("+" if value > 0 else "") + _rounded(value, digits)


def change(
    base: float | None,
    head: float | None,
    direction: Direction | None,
    interval: tuple[float, float] | None = None,
) -> str:
    """Head − base with an arrow for where it went and, where a direction is declared, a word for what that means.

    For example `▼ −0.005 (−0.53 %) worse`. The percentage is of |base|; it is left out where it says nothing: where
    base is 0, where it is 1000 or more, and where it is less than 0.001. `interval` is as in `pair`.
    """
    if base is None or head is None or not (math.isfinite(base) and math.isfinite(head)):
        return NOTHING
    if same(base, head):
        return "="
    delta = difference(base, head)
    arrow = "▲" if delta > 0 else "▼"
    digits = _delta_digits(base, head, interval)
    text = f"{arrow}{_SPACE}{signed(delta, digits)}"
    if base != 0 and 1e-5 <= abs(delta / base) < 10:
        text += f" ({percent(delta / abs(base), digits)})"
    if direction is not None:
        text += " better" if (delta > 0) == (direction == "higher") else " worse"
    return text


def delta(base: float, head: float, interval: tuple[float, float] | None = None) -> str:
    """Head − base as in `change`, the number alone."""
    return "0" if same(base, head) else signed(difference(base, head), _delta_digits(base, head, interval))


def difference(base: float, head: float) -> float:
    """Head − base in decimals, as people see the two: 0.945 − 0.95 is −0.005, though in binary it is a little less."""
    return float(_exact(head) - _exact(base))


def _delta_digits(base: float, head: float, interval: tuple[float, float] | None) -> int:
    return int(min(3, _known_decimals(base, head, interval) + _magnitude(difference(base, head)) + 1))


def _known_decimals(base: float, head: float, interval: tuple[float, float] | None) -> float:
    """How many decimals of two numbers mean anything: two digits of half their interval's width, yet at least the first
    digit of what they differ by; infinite where nothing is known.
    """
    width = abs(interval[1] - interval[0]) / 2 if interval else math.nan
    if not (math.isfinite(width) and width > 0) or same(base, head):
        return math.inf
    return max(1 - _magnitude(float(f"{width:.1e}")), -_magnitude(difference(base, head)), 0)


def percent(fraction: float, digits: int = 3) -> str:
    """A signed percentage: 0.0123 is `+1.23 %`."""
    return f"{signed(fraction * 100, digits)}{_SPACE}%"


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval of a difference: `[−0.004, +0.011]`, to three digits of its width: no end of it is surer than that."""
    if bounds is None:
        return NOTHING
    low, high = (_to_width(end, bounds[1] - bounds[0]) for end in bounds)
    return f"[{signed(low)},{_SPACE}{signed(high)}]"


def _to_width(end: float, width: float) -> float:
    if not (math.isfinite(end) and math.isfinite(width)) or width <= 0:
        return end
    return float(round(_exact(end), 2 - _magnitude(width)))


def seconds(value: float | None) -> str:
    """A duration: `0.42 s`, `12 s`, `3 min 20 s`, `1 h 2 min`."""
    if value is None or not math.isfinite(value):
        return number(value)
    if value < 10:
        return f"{round(value, 3):.2g}{_SPACE}s"
    whole = round(value)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest if whole < 3600 else 0, "s")]
    return " ".join(f"{amount}{_SPACE}{unit}" for amount, unit in parts if amount)


def size(value: int | None) -> str:
    """A number of bytes in decimal units: `999 B`, `12.3 MB`."""
    if value is None:
        return NOTHING
    amount, units = float(value), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f}{_SPACE}{units[0]}" if amount >= 99.95 else f"{amount:.3g}{_SPACE}{units[0]}"


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "−Infinity")


def _is_whole(value: float) -> bool:
    return float(value).is_integer() and abs(value) < 1e15


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _magnitude(value: float) -> int:
    return _exact(value).adjusted()


def _decimals(value: float, digits: int) -> int:
    return max(digits - 1 - _magnitude(value), 0)


def _plain(value: Decimal, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    return "−" + text[1:] if text.startswith("-") else text
