"""From one key of the file to a value of the right type, unit and range."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from ml_ci.config import Tolerance
from ml_ci.config_yaml import Field, Fields, Items, Place, Scalar, quoted
from ml_ci.errors import ConfigError

MAX_TIMEOUT = 35 * 24 * 3600.0
"""35 days in seconds: longer than GitHub lets any workflow run."""
MAX_KEY_LENGTH = 64
MAX_METRIC_NAME = 250
"""Characters that MLflow gives a metric's name."""

C = TypeVar("C", bound=str)

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true", "false", "yes", "no", "on", "off"}
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*|(?=\.[0-9]))(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_PERCENTAGE = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_DURATION = re.compile(r"(?:([0-9]+) ?h)? ?(?:([0-9]+) ?m)? ?(?:([0-9]+) ?s)?")
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def wrong_type(field: Field, expected: str) -> ConfigError:
    """The error that says what the value is and what it should be."""
    key, value = quoted(field.key), field.value
    if isinstance(value, Scalar) and value.plain and value.text in _NULL:
        return field.place.error(f"{key} has no value; write one, or leave the key out.")
    if isinstance(value, Scalar):
        is_number = value.plain and _NUMBER.fullmatch(value.text)
        return field.place.error(
            f"{key} must be {expected}, not {_number_as_told(value.text) if is_number else quoted(value.text)}."
        )
    found = "a list" if isinstance(value, Items) else "a mapping"
    return field.place.error(f"{key} must be {expected}, not {found}.")


def _number_as_told(text: str) -> str:
    return text if len(text) <= 60 else quoted(text)


def near(word: str, choices: tuple[str, ...]) -> str:
    """`; did you mean "…"?` where one of the choices looks like the word, else a full stop."""
    matches = get_close_matches(word.lower(), choices, n=1)
    return f"; did you mean {quoted(matches[0])}?" if matches else "."


def text(field: Field) -> str:
    """Text of one or more lines, without the white space around it, never empty."""
    value = field.value
    if not isinstance(value, Scalar) or (value.plain and value.text in _NULL):
        raise wrong_type(field, "text")
    if value.plain and (value.text.lower() in _BOOLEAN or _NUMBER.fullmatch(value.text)):
        kind = "a boolean" if value.text.lower() in _BOOLEAN else "a number"
        raise field.place.error(
            f"{quoted(field.key)} must be text, and {_number_as_told(value.text)} without quotes is {kind} in YAML; put it in quotes."
        )
    if not value.text.strip():
        raise field.place.error(f"{quoted(field.key)} is empty; write a value, or leave the key out.")
    if _CONTROL.search(value.text):
        raise field.place.error(f"{quoted(field.key)} holds a control character; take it out.")
    return value.text.strip()


def choice(field: Field, choices: tuple[C, ...], expected: str = "") -> C:
    """One of the choices, spelled as they are. `expected` says in the message what else the key may hold."""
    value = field.value
    for possible in choices:
        if isinstance(value, Scalar) and value.text == possible:
            return possible
    expected = expected or _either(choices)
    if not isinstance(value, Scalar) or value.text in _NULL:
        raise wrong_type(field, expected)
    said = f"{quoted(field.key)} must be {expected}, not {quoted(value.text)}"
    raise field.place.error(said + near(value.text, choices))


def boolean(field: Field) -> bool:
    """True or false, in these words only."""
    return choice(field, ("true", "false")) == "true"


def share(field: Field) -> float:
    """A share in [0, 1]."""
    found = number(field)
    if not 0 <= found <= 1:
        hint = f"; write {found / 100:g}" if 1 < found <= 100 else ""
        raise field.place.error(f"{quoted(field.key)} must be a share from 0 to 1, not {found:g}{hint}.")
    return found


def number(field: Field) -> float:
    """A finite number."""
    value = field.value
    if not isinstance(value, Scalar):
        raise wrong_type(field, "a number")
    key, written = quoted(field.key), value.text.strip()
    if not value.plain and _NUMBER.fullmatch(written):
        raise field.place.error(f"{key} must be a number, but quotes make it text; write {written} without them.")
    if written.endswith("%") and _PERCENTAGE.fullmatch(shortened := written[:-1].rstrip()):
        fraction = float(f"{shortened}e-2")
        raise field.place.error(f"{key} must be a number, not a percentage; write {fraction:g} for {quoted(written)}.")
    if not _NUMBER.fullmatch(written):
        raise wrong_type(field, "a finite number")
    return _finite(field, float(written))


def whole_number(field: Field, most: int | None = None) -> int:
    """A whole number of at least 1, and at most `most` where that is given."""
    expected = f"a whole number from 1 to {most}" if most else "a whole number of at least 1"
    if not isinstance(field.value, Scalar) or not _NUMBER.fullmatch(field.value.text.strip()):
        raise wrong_type(field, expected)
    found = number(field)
    if found < 1 or found != int(found) or (most is not None and found > most):
        raise wrong_type(field, expected)
    return int(found)


def confidence(field: Field) -> float:
    """A probability between 0 and 1, both excluded."""
    found = number(field)
    if not 0 < found < 1:
        hint = f"; write {found / 100:g}" if 1 < found < 100 else ""
        raise field.place.error(f"{quoted(field.key)} must be more than 0 and less than 1, not {found:g}{hint}.")
    return found


def tolerance(field: Field) -> Tolerance:
    """A number in the metric's unit, or a percentage of base (`2%`, `2 %`); never negative."""
    written = field.value.text.strip() if isinstance(field.value, Scalar) else ""
    relative = written.endswith("%")
    shortened = written.removesuffix("%").rstrip()
    if not (_PERCENTAGE if relative else _NUMBER).fullmatch(shortened):
        raise wrong_type(field, "a number or a percentage such as 2%")
    # Shifted as text, because 0.7 / 100 is 0.006999999999999999.
    amount = _finite(field, float(f"{shortened}e-2")) if relative else number(field)
    if amount < 0:
        raise field.place.error(f"{quoted(field.key)} must not be negative: it says how much worse head may be.")
    return Tolerance(value=amount, relative=relative)


def duration(field: Field) -> float:
    """Seconds, from a plain number of them or a form such as `90s`, `30m`, `2h`, `1h30m`."""
    value = field.value
    form = "seconds, or a time such as 90s, 30m, 2h or 1h30m"
    if not isinstance(value, Scalar) or (value.plain and value.text in _NULL):
        raise wrong_type(field, form)
    if _NUMBER.fullmatch(value.text):
        seconds = number(field)
    elif value.text and (found := _DURATION.fullmatch(value.text)):
        hours, minutes, rest = (float(part or 0) for part in found.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    else:
        raise wrong_type(field, form)
    if not 0 < seconds <= MAX_TIMEOUT:
        raise field.place.error(
            f"{quoted(field.key)} must be more than 0 and at most {MAX_TIMEOUT / 3600:g}h (35 days), "
            f"not {quoted(value.text)}."
        )
    return seconds


def metric_name(name: str, place: Place) -> str:
    """A name that MLflow takes for a metric's, as it is written. Raises ConfigError, naming the place, for others."""
    length = len(name.strip())
    if not 1 <= length <= MAX_METRIC_NAME:
        raise place.error(f"a metric's name must have 1 to {MAX_METRIC_NAME} characters, not {length}.")
    if not name.isprintable():
        raise place.error(f"the metric's name {quoted(name)} holds a control character; take it out.")
    return name


def key_name(name: str, where: str) -> str:
    """A name that can stand in a file name, a branch's path and a comment's marker. Raises ConfigError if it cannot.

    `where` begins the message: the action's input `key` is held to the same.
    """
    if not _KEY.fullmatch(name):
        raise ConfigError(
            f"{where}: {quoted(name)} cannot be a key; it may hold only letters of English, digits and . _ -, and must "
            "start and end with a letter or a digit."
        )
    if len(name) > MAX_KEY_LENGTH:
        raise ConfigError(
            f"{where}: the key {quoted(name)} has {len(name)} characters; it may have at most {MAX_KEY_LENGTH}."
        )
    return name


def strings(field: Field, read: Callable[[Field], str]) -> tuple[str, ...]:
    """A list with at least one item, each read by `read`."""
    value = field.value
    if isinstance(value, Scalar) and value.text not in _NULL:
        expected = f"a list ([{quoted(value.text)}])"
        raise wrong_type(field, expected)
    if not isinstance(value, Items):
        raise wrong_type(field, "a list")
    if not value.values:
        raise field.place.error(f"the list of {quoted(field.key)} is empty; write an item, or leave the key out.")
    return tuple(read(Field(f"{field.key}[{index}]", item, item.place)) for index, item in enumerate(value.values))


def mapping(field: Field, expected: str) -> Fields:
    """A mapping with at least one key. `expected` is an example for the message."""
    if not isinstance(field.value, Fields):
        raise wrong_type(field, f"a mapping such as {expected}")
    if not field.value.fields:
        raise field.place.error(f"{quoted(field.key)} says nothing; write a key under it, or leave it out.")
    return field.value


def _finite(field: Field, found: float) -> float:
    if not math.isfinite(found):
        raise wrong_type(field, "a finite number")
    return found


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
