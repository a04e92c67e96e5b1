"""Secrets that this job was given, and hiding them in whatever it says.

What is hidden is what was given, and the forms that it takes by itself on its way: base64, as in addresses, in JSON, in
HTML. Who means to get a secret out can write it in another way; that is why code of strangers gets none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, TypeVar, cast, get_args, get_type_hints

from ml_ci.errors import MlCiError, TrainingError
from ml_ci.secret_forms import SHORTEST, forms
from ml_ci.secret_names import secrets_in

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
Failed = TypeVar("Failed", bound=MlCiError)

MASK = "***"
"""What stands in a secret's place, as on GitHub."""


@dataclass(frozen=True)
class Secrets:
    """Values that must stand in no result, record, report or log."""

    values: frozenset[str] = field(default_factory=frozenset, repr=False)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Secrets:
        """Those in the environment: what a name says is a token, key or password, and passwords in addresses.

        Of a value of several lines, such as a private key, each line is one. A word that anybody may write (`true`,
        `password`), and what has less than six characters, is none: hiding it would garble everything.
        """
        return cls(frozenset(secrets_in(variables)))

    def hide(self, text: str) -> str:
        """The text with `***` for each of them, and for whatever they run into: nothing of either stays."""
        spans = _merged(span for form in self._forms if form in text for span in _places(form, text))
        if not spans:
            return text
        kept = [text[end:begin] for (_, end), (begin, _) in zip([(0, 0), *spans], spans, strict=False)]
        return MASK.join([*kept, text[spans[-1][1] :]])

    def are_in(self, text: str) -> bool:
        """Whether there is one in the text."""
        return any(form in text for form in self._forms)

    def hidden(self, found: T) -> T:
        """The same, with each string in it hidden: in dataclasses, mappings (names too), sequences, sets.

        Names that would become one are told apart by numbers. What holds no secret is returned as it is, the very object;
        so is what has other fields than these, such as arrays.
        """
        return cast("T", self._walked(found)) if self._forms else found

    def in_error(self, error: Failed) -> Failed:
        """The same error, with its words and its end of a log hidden."""
        error.args = tuple(self._walked(argument) for argument in error.args)
        if isinstance(error, TrainingError):
            error.log_tail = self.hide(error.log_tail)
        return error

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        return tuple({form: None for value in sorted(self.values) for form in forms(value)})

    def _walked(self, found: object) -> object:
        match found:
            case str():
                return self.hide(found)
            case Mapping():
                return self._mapping(found)
            case tuple() | list() | set() | frozenset():
                return self._collection(found)
            case _ if dataclasses.is_dataclass(found) and not isinstance(found, type):
                return self._dataclass(found)
            case _:
                return found

    def _mapping(self, found: Mapping[object, object]) -> object:
        if not any(map(_may_hold_text, found.keys())) and not any(map(_may_hold_text, found.values())):
            return found
        new: dict[object, object] = {}
        changed = False
        for key, value in found.items():
            name, content = self._walked(key), self._walked(value)
            changed = changed or name is not key or content is not value
            new[_apart(name, new) if name != key else name] = content
        return new if changed else found

    def _collection(self, found: tuple[object, ...] | list[object] | set[object] | frozenset[object]) -> object:
        if not any(map(_may_hold_text, found)):
            return found
        new = [self._walked(each) for each in found]
        if all(one is other for one, other in zip(new, found, strict=True)):
            return found
        if isinstance(found, tuple) and hasattr(found, "_make"):
            return found._make(new)
        return type(found)(new)

    def _dataclass(self, found: DataclassInstance) -> object:
        new = {}
        for name in _fields_with_text(type(found)):
            value = getattr(found, name)
            walked = self._walked(value)
            if walked is not value:
                new[name] = walked
        return dataclasses.replace(found, **new) if new else found


def _places(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order, with one for all that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _apart(name: object, taken: Mapping[object, object]) -> object:
    numbered, number = name, 1
    while numbered in taken:
        number += 1
        numbered = f"{name} {number}"
    return numbered


def _may_hold_text(value: object) -> bool:
    return not isinstance(value, (int, float, bytes)) and value is not None


@cache
def _fields_with_text(kind: type[DataclassInstance]) -> tuple[str, ...]:
    """The fields of a dataclass that can hold text: a run's curves alone may be millions of numbers."""
    names = [each.name for each in dataclasses.fields(kind) if each.init]
    try:
        hints = get_type_hints(kind)
    except NameError:  # a name that is there for the type checker only
        return tuple(names)
    return tuple(name for name in names if _holds_text(hints[name]))


def _holds_text(hint: object) -> bool:
    parts = [part for part in get_args(hint) if part is not Ellipsis]
    if parts:
        return any(map(_holds_text, parts))
    return hint not in (int, float, bool, bytes, type(None))


__all__ = ["MASK", "SHORTEST", "Secrets"]
