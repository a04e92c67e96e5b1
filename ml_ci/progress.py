"""What a job tells about itself while it works; the doors decide how it looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Shown by rich in a terminal, as folded groups in a workflow's log."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """A part of the job that may take more than a second."""

    def line(self, text: str) -> None:
        """A line that training printed."""

    def amount(self, what: str, done: int, total: int) -> None:
        """Of something slow, `done` of `total` bytes are there. Told often; the doors show it as often as is of use."""


def amount_in_words(what: str, done: int, total: int) -> str:
    """Bytes as a person reads them: `dvc pull: 34 of 100 MB`."""
    decimals = 0 if total >= 10_000_000 else 1
    return f"{what}: {done / 1e6:,.{decimals}f} of {total / 1e6:,.{decimals}f} MB"


class Seldom:
    """Lets a log have a line about how far something is, once it has taken `every` seconds, and then as seldom as that."""

    def __init__(self, every: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._what = ""
        self._last = 0.0

    def __call__(self, what: str) -> bool:
        """Whether it is time for a line about `what`."""
        now = self._clock()
        if what != self._what:
            self._what, self._last = what, now
        if now - self._last < self._every:
            return False
        self._last = now
        return True
