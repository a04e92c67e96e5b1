"""Looking at processes: alive or gone, and waiting for an effect instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

WAIT = 60.0


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not, it only waits for its parent to ask after it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], object], seconds: float = WAIT) -> bool:
    """Whether the condition comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
