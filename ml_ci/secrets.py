"""Secrets that this job was given, and hiding them in whatever it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Secrets:
    """Values that must stand in no result, record, report or log."""

    values: frozenset[str] = field(default_factory=frozenset, repr=False)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Secrets:
        """Those in the environment: what a name says is a token, key or password, and passwords in addresses."""
        raise NotImplementedError

    def hide(self, text: str) -> str:
        """The text with `***` for each of them."""
        raise NotImplementedError

    def hidden(self, found: T) -> T:
        """The same, with each string in it hidden: in dataclasses, mappings (names too), tuples, lists."""
        raise NotImplementedError
