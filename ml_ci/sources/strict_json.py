"""JSON from strangers: bounded in every way, and with one meaning only."""

from __future__ import annotations

import json
import math
from pathlib import Path

from ml_ci.config_yaml import quoted
from ml_ci.sources.archive import not_ours

DEEPEST = 40
LONGEST_NAME = 1_000
LONGEST_TEXT = 100_000
_LONGEST_NUMBER = 100

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class _RefusedError(ValueError):
    """The document is not taken; the message ends a sentence."""


def parse_strict(text: bytes, name: str) -> Json:
    """The document, of UTF-8 without NaN, infinities and names that are twice in one object.

    Raises HandoverError, naming `name`, also for what is nested too deeply, or holds longer texts than ml-ci writes.
    """
    try:
        document: Json = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
        _check(document)
    except _RefusedError as error:
        raise not_ours(f"{name} {error}") from error
    except RecursionError:
        raise not_ours(f"{name} is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise not_ours(f"{name} is no text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise not_ours(f"{name} is no JSON (line {error.lineno})") from error
    return document


def is_there(path: Path, name: str) -> bool:
    """Whether there is such a file. Raises HandoverError for a link, which leads elsewhere, and for what is no file.

    An archive is unpacked without any, but the folder may come from somebody else's unpacking.
    """
    if path.is_symlink() or path.parent.is_symlink():
        raise not_ours(f"{name} is, or is behind, a link")
    if path.exists() and not path.is_file():
        raise not_ours(f"{name} is no regular file")
    return path.exists()


def read_bytes(path: Path, name: str, most: int) -> bytes:
    """The bytes of a file, at most so many. Raises HandoverError where there is none, or it has more."""
    if not is_there(path, name):
        raise not_ours(f"it has no {name}")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise not_ours(f"{name} has more than {most / 1e6:.0f} MB")
    return content


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _RefusedError(f"has {quoted(twice)} twice in one object")
    return found


def _constant(said: str) -> float:
    raise _RefusedError(f"holds {said}, which is no JSON")


def _float(digits: str) -> float:
    found = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    if not math.isfinite(found):
        raise _RefusedError("holds a number that is too large")
    return found


def _int(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _RefusedError("holds a number that is too large")
    return int(digits)


def _check(document: Json) -> None:
    """Raise for what is nested too deeply, or is too long."""
    level = [document]
    for _ in range(DEEPEST):
        below: list[Json] = []
        for value in level:
            if isinstance(value, str):
                _check_length(value, LONGEST_TEXT)
            elif isinstance(value, list):
                below += value
            elif isinstance(value, dict):
                for name in value:
                    _check_length(name, LONGEST_NAME)
                below += value.values()
        level = below
        if not level:
            return
    raise _RefusedError("is nested too deeply")


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise _RefusedError(f"holds a text of more than {most:,} characters ({quoted(text)})")
