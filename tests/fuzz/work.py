"""What one of the processes of `make fuzz` does."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

from tests.fuzz import guided
from tests.fuzz.engine import Tally, fuzz
from tests.fuzz.targets import all_targets

MEMORY = 6_000_000_000
"""Bytes of address space of a process: an input that wants more is a finding, and no end of the machine."""


def bounded() -> None:
    """Begin the process: it is no hurry, and has an end."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def done(name: str, count: int, seed: int) -> Tally:
    """One target: a third of its inputs by Atheris where that is installed, the others in any case."""
    target = all_targets()[name]
    led = count // 3 if guided.is_there() else 0
    with tempfile.TemporaryDirectory() as folder:
        tally = fuzz(target, count - led, seed, Path(folder))
        if led:
            guided.add(tally, target, led, seed, Path(folder))
    return tally
