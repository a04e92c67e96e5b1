"""Root's powers (Linux's capabilities), which no program that may run a stranger's code gets, also where it has to be root.

In the container the job is root, with a few of root's powers, to act for the workspace's owner. Where that is not root, a
program loses them all when it becomes the owner's. Where it is, the powers are given up before the program is started,
and since the container is started with no-new-privileges, they never come back (capabilities(7), prctl(2)).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from ml_ci.errors import OutsideError

_VERSION_3 = 0x20080522


def start_powerless(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """The process that `start` starts, without any of this one's powers, for good.

    A thread has powers of its own, which what it starts inherits, so a new thread gives up its own and starts the process.
    """
    if not _has_powers():
        return start()
    with ThreadPoolExecutor(1, "ml-ci-powerless") as thread:
        thread.submit(_give_up).result()
        return thread.submit(start).result()


@cache
def _has_powers() -> bool:
    """Whether this process has some, and what it starts cannot get them back."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return said.get("NoNewPrivs") == "1" and int(said.get("CapPrm", "0"), 16) != 0


def _give_up() -> None:
    import ctypes

    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    # effective, permitted and inheritable, each in two words
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OutsideError(
            f"root's powers cannot be given up before training ({os.strerror(ctypes.get_errno())}): let the runner, "
            "and so the workspace's owner, be another user than root."
        )
