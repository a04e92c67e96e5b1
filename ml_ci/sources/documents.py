"""JSON, YAML and TOML: reading them, and flattening what they nest to dotted names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, time

from ml_ci.records import Metric
from ml_ci.sources.file_text import BrokenFileError, as_float, number
from ml_ci.sources.tables import STEPS, Cell, curves

_DEEPEST = 50
_MOST = 500_000

LARGEST_YAML = 5_000_000
"""Bytes. YAML is read by Python code: the fast reader in C ends the whole process on a deeply nested document."""

_MANY_PARTS = re.compile(r"""(?:(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')\s*+\.\s*+){200}""")

Value = None | bool | int | float | str | date | time | list["Value"] | dict[str, "Value"]


def parse(text: str, kind: str) -> Value:
    """The document in `text`; `kind` is `json`, `yaml` or `toml`. Raises BrokenFileError with the line."""
    if not text.strip():
        if kind == "toml":
            return {}
        raise BrokenFileError("it is empty")
    try:
        return {"json": _json, "yaml": _yaml, "toml": _toml}[kind](text)
    except RecursionError:
        raise BrokenFileError("it is nested too deeply") from None


def metrics(document: Value, name: str) -> Iterator[tuple[str, Metric]]:
    """The metrics in a document: its numbers by dotted names; `name` is for a document that is one number or list.

    A list of numbers is a curve. A list of records is a curve each of their values if they have a step or an epoch,
    else their place is part of the name. Texts that are numbers or percentages count, null is NaN. Other texts,
    booleans, dates, and lists of lists (a confusion matrix) are no metrics.
    """
    for path, value in _leaves(document, lists_are_leaves=False):
        label = ".".join(path) or name
        if isinstance(value, list):
            if _is_log(value):
                yield from ((f"{label}.{key}" if path else key, metric) for key, metric in _log(value))
            elif value and None not in (numbers := [_number(each) for each in value]):
                history = tuple((step, each) for step, each in enumerate(numbers) if each is not None)
                yield label, Metric(value=history[-1][1], history=history)
        elif (single := _number(value)) is not None:
            yield label, Metric(value=single)


def params(document: Value) -> Iterator[tuple[str, str]]:
    """A document's parameters by dotted names, each written as `str` does.

    So does MLflow's client (`True`, `None`, `[1, 2]`), and a parameter read from a file has to equal the same
    parameter logged by training. Lists without records in them are one parameter.
    """
    for path, value in _leaves(document, lists_are_leaves=True):
        _check_size(value)
        yield ".".join(path), str(value)


def _leaves(document: Value, *, lists_are_leaves: bool) -> Iterator[tuple[tuple[str, ...], Value]]:
    """The values that are not taken apart, with their paths; guarded against documents that unfold without end."""
    waiting: list[tuple[tuple[str, ...], Value]] = [((), document)]
    seen = 0
    while waiting:
        path, value = waiting.pop()
        seen += 1 + (len(value) if isinstance(value, list) else 0)
        if len(path) > _DEEPEST:
            raise BrokenFileError("it is nested too deeply")
        if seen > _MOST:
            raise BrokenFileError(f"it has more than {_MOST} values")
        if isinstance(value, dict) and (value or not path):
            waiting += [((*path, str(key)), each) for key, each in reversed(value.items())]
        elif (
            isinstance(value, list)
            and any(isinstance(each, dict) for each in value)
            and not (_is_log(value) and not lists_are_leaves)
        ):
            waiting += [((*path, str(index)), each) for index, each in reversed(list(enumerate(value)))]
        else:
            yield path, value


def _check_size(value: Value) -> None:
    """Raise for a value that would take too long to write out, for it may hold itself many times over."""
    waiting = [value]
    seen = 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, list | dict):
            seen += len(each)
            waiting += each.values() if isinstance(each, dict) else each
        if seen > _MOST:
            raise BrokenFileError(f"it has more than {_MOST} values")


def _is_log(value: list[Value]) -> bool:
    return bool(value) and all(isinstance(each, dict) and not set(STEPS).isdisjoint(each) for each in value)


def _log(records: list[Value]) -> list[tuple[str, Metric]]:
    rows = [each for each in records if isinstance(each, dict)]
    # YAML's keys may be numbers, dates, or nothing
    rows = [{str(key): value for key, value in row.items()} for row in rows]
    columns: dict[str, list[Cell]] = {key: [] for row in rows for key in row}
    for row in rows:
        for key, cells in columns.items():
            value = _number(row[key]) if key in row else None
            cells.append(value if value is not None or key not in row else "")
    return curves(columns)


def _number(value: Value) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return as_float(value)
    if value is None:
        return float("nan")
    return number(value) if isinstance(value, str) else None


def _json(text: str) -> Value:
    try:
        document: Value = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if error.msg == "Extra data" and len(lines) > 1 and lines[0].lstrip().startswith("{"):
            return _json_lines(text)
        raise BrokenFileError(error.msg[:1].lower() + error.msg[1:], error.lineno) from error
    except ValueError as error:
        raise BrokenFileError("it has a number of more than 4,300 digits") from error
    return document


def _json_lines(text: str) -> Value:
    records: list[Value] = []
    for index, line in enumerate(text.split("\n"), 1):
        try:
            if line.strip():
                records.append(json.loads(line))
        except ValueError as error:
            raise BrokenFileError("the line is not JSON", index) from error
    return records


def _yaml(text: str) -> Value:
    import yaml

    if len(text) > LARGEST_YAML:
        raise BrokenFileError(f"it has more than {LARGEST_YAML / 1e6:.0f} MB")
    try:
        document: Value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or "it cannot be read"
        raise BrokenFileError(str(why), mark.line + 1 if mark else 0) from error
    except ValueError as error:  # a date such as 2024-13-45
        raise BrokenFileError(str(error)) from error
    return document


def _toml(text: str) -> Value:
    import tomllib

    # tomllib takes the square of their number for these: minutes for 100 kB
    if found := _MANY_PARTS.search(text):
        raise BrokenFileError("it is nested too deeply", text.count("\n", 0, found.start()) + 1)
    try:
        document: Value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)", str(error))
        why = str(error).replace(place[0], "") if place else str(error)
        raise BrokenFileError(why[:1].lower() + why[1:], int(place[1]) if place else text.count("\n") + 1) from error
    except ValueError as error:
        raise BrokenFileError("it has a number of more than 4,300 digits") from error
    return document
