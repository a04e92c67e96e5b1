"""One field of a data file, by row: as numbers, or as names. Files have millions of rows, so it is filled in batches."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from ml_ci.sources.file_text import as_float, number

MOST_NAMES = 10_000
"""Different names in a field."""

_BLANK = frozenset({"", "-", "na", "n/a", "null", "none", "<na>"})


class Column:
    """A field as numbers (`numbers`, NaN where a row has none) or, if it is `named`, as names.

    `codes` says which of `names` each row has, -1 where it has nothing. Both are empty, and `many` is set, if there are
    more than `MOST_NAMES`. A field that was asked for as numbers, and has none, has names as well. `texts` is the number
    of rows that have a text where a number is looked for.
    """

    def __init__(self, *, named: bool) -> None:
        self.named = named
        self.numbers: array[float] = array("d")
        self.names: dict[str, int] = {}
        self.codes: array[int] = array("i")
        self.texts = 0
        self.many = False
        self.rows = 0

    def extend(self, values: Sequence[object]) -> None:
        """Append the values of a batch of rows."""
        self.rows += len(values)
        if self.named:
            self._add_names([_name(value) for value in values])
        elif (found := _all_numbers(values)) is not None:
            self.numbers.extend(found)
        else:
            self._add_texts(values)

    def _add_texts(self, values: Sequence[object]) -> None:
        found = [_number(value) for value in values]
        names = ["" if each is not None else _name(value) for each, value in zip(found, values, strict=True)]
        self.texts += sum(name.strip().lower() not in _BLANK for name in names)
        self.numbers.extend(math.nan if each is None else each for each in found)
        # names stand in for numbers only where there is none from the first row to the last
        if self.rows == len(values) or self.codes:
            self._add_names(names)

    def _add_names(self, names: Sequence[str]) -> None:
        if self.many:
            return
        for name in dict.fromkeys(names):
            if name and name not in self.names:
                self.names[name] = len(self.names)
        self.codes.extend(self.names.get(name, -1) for name in names)
        if len(self.names) > MOST_NAMES:
            self.many, self.names, self.codes = True, {}, array("i")


def _all_numbers(values: Sequence[object]) -> array[float] | None:
    """The values as floats, if each of them is a number or the text of one."""
    kinds = set(map(type, values))
    if not kinds <= {str, int, float}:
        return None
    try:
        return array("d", map(float, values))  # type: ignore[arg-type]  # of these kinds
    except (ValueError, OverflowError):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return number(value)
    return as_float(value) if isinstance(value, int | float) else None


def _name(value: object) -> str:
    """The value as a name, empty if there is none. Numbers are written as JavaScript writes them, since that is what
    groups them in DVC's pages: 1.0 is `1`.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list | dict):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        found = as_float(value)
        return str(int(found)) if found.is_integer() and abs(found) < 1e15 else f"{found:.6g}"
    return str(value)
