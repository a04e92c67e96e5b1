"""A program that may take hours, as long as it gets on; one that waits for somebody who never answers is ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

STEP = 100_000
"""Bytes that it has to read or write to have got on: waiting and asking again takes less."""
WORK = 1.0
"""Or seconds of computing."""


class StalledError(Exception):
    """It did nothing for too long, and was ended."""


def finish(
    program: subprocess.Popen[bytes], *, patience: float, look: float = 5.0, clock: Callable[[], float] = time.monotonic
) -> tuple[bytes, bytes]:
    """What the program prints to both of its pipes, once it has ended.

    Raises StalledError, with the program ended, if for `patience` seconds it neither computes, nor reads or writes files.
    Where anything else is raised meanwhile, it is ended, too.
    """
    last, since = _done(program.pid), clock()
    try:
        while True:
            try:
                return program.communicate(timeout=look)
            except subprocess.TimeoutExpired:
                now = _done(program.pid)
                if now[0] - last[0] > WORK or now[1] - last[1] > STEP:
                    last, since = now, clock()
                elif clock() - since > patience:
                    raise StalledError from None
    except BaseException:
        program.kill()
        program.wait()
        raise


def _done(pid: int) -> tuple[float, int]:
    """Seconds that the program and those that it started have computed, and bytes that they read and wrote."""
    import psutil

    seconds, moved = 0.0, 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error, AttributeError):  # macOS does not tell what a process reads
                seconds += sum(each.cpu_times()[:2])
                counted = each.io_counters()
                moved += getattr(counted, "write_chars", 0)
    return seconds, moved
