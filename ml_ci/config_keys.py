"""The keys of `.ml-ci.yml`: which there are, where each belongs, and what one that is not there is told."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from ml_ci.config_values import near
from ml_ci.config_yaml import Field, Fields, quoted
from ml_ci.errors import ConfigError

ACTED_ON = (
    "train", "working-directory", "environment", "timeout", "data", "inputs", "metrics", "params", "plots",
    "report", "predictions", "repeats", "gate", "slices", "policy", "baseline", "pass-env",
    "key",
)  # fmt: skip
WITHOUT_EFFECT = ("evaluate", "attribute", "max-trainings")
"""Keys of the contract that change no verdict by being passed over; each is a warning."""
UNSUPPORTED = {
    "gate.data": "take it out",
}
"""Keys of the contract without which the verdict would be wrong or unsafe, with what to do instead."""

TOP = (*ACTED_ON, *WITHOUT_EFFECT, "models")
RULE = ("direction", "min", "max", "max-regression")
SLICE = ("metric", "direction", "max-regression", "min-size")
POLICY = ("confidence", "inconclusive", "no-baseline", "rules")
DATA = ("pull", "key")
DATA_GATE = ("schema", "max-missing", "max-drift")
ENVIRONMENT = ("requirements", "command")
PREDICTIONS = ("path", "id", "target", "prediction", "score", "group", "slices", "metrics", "columns", "features")
_HOMES = (
    (TOP, "at the top level"),
    (RULE, 'in a rule under "gate"'),
    (SLICE, 'under "slices"'),
    (POLICY, 'under "policy"'),
    (DATA, 'under "data"'),
    (DATA_GATE, 'under "data" in "gate"'),
    (ENVIRONMENT, 'under "environment"'),
    (PREDICTIONS, 'under "predictions"'),
)

T = TypeVar("T")


def read(fields: dict[str, Field], key: str, value: Callable[[Field], T], default: T) -> T:
    """What `value` makes of the key, or the default where the file does not have it."""
    return value(fields[key]) if key in fields else default


def known(fields: Fields, keys: tuple[str, ...]) -> dict[str, Field]:
    """The fields, when each of them is one of the keys. Raises ConfigError for the first that is not."""
    for field in fields.fields.values():
        if field.key not in keys:
            raise _unknown(field, keys)
    return dict(fields.fields)


def home(key: str) -> str | None:
    """Where a key belongs, in words; None for what is no key anywhere."""
    return next((place for level, place in _HOMES if key in level), None)


def unsupported(field: Field, key: str) -> ConfigError:
    """The error for a key of the contract that this version may not pass over; not raised here."""
    return field.place.error(f"{quoted(key)} is not supported by this version of ml-ci; {UNSUPPORTED[key]}.")


def _unknown(field: Field, keys: tuple[str, ...]) -> ConfigError:
    said = f"{quoted(field.key)} is not a key here"
    usual = field.key.strip().lower().replace("_", "-").replace(" ", "-")
    if usual in keys:
        return field.place.error(f"{said}; did you mean {quoted(usual)}?")
    if place := home(usual):
        what = "it" if usual == field.key else quoted(usual)
        return field.place.error(f"{said}; {what} belongs {place}.")
    if get_close_matches(usual, keys, n=1):
        return field.place.error(said + near(usual, keys))
    elsewhere = get_close_matches(usual, [key for level, _ in _HOMES for key in level], n=1)
    if elsewhere:
        return field.place.error(f"{said}; did you mean {quoted(elsewhere[0])}, {home(elsewhere[0])}?")
    usable = [key for key in keys if key != "rules"]
    return field.place.error(f"{said}; the keys here are {', '.join(usable)}.")
