"""Ctrl-C, a runner's SIGTERM, a terminal that is closed: each ends the job through every `finally` on the way out."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_SOON = 0.05
"""Seconds until a signal that came at a bad moment comes again."""


def end_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise SystemExit(128 + number), and SIGINT KeyboardInterrupt, at a moment that is safe.

    A signal that was ignored, as `nohup` and the shell's `&` have it, stays so.
    """
    if sys.platform == "win32":
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        return
    ending = _Ending()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ending.come)
    signal.signal(signal.SIGALRM, ending.come_again)
    sys.unraisablehook = ending.swallowed


class _Ending:
    """An exception out of nowhere does harm in two places, and there it comes a little later.

    In the middle of an import it can leave a lock behind, on which every other thread would wait for ever. In a
    finalizer or a callback of the interpreter's own it is reported and swallowed, and the job would go on.
    """

    def __init__(self) -> None:
        self._number = 0
        self._report = sys.unraisablehook

    def come(self, number: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self._number = number
        if _importing(frame):
            self._later()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    def come_again(self, _: int, frame: FrameType | None) -> None:
        """The time of a signal that was put off has come."""
        if self._number:
            self.come(self._number, frame)

    def swallowed(self, what: sys.UnraisableHookArgs) -> None:
        """The interpreter has swallowed an exception: if it was ours, it comes again."""
        if self._number and isinstance(what.exc_value, (SystemExit, KeyboardInterrupt)):
            self._later()
        else:
            self._report(what)

    def _later(self) -> None:
        # a timer of the kernel's: a thread's would need locks that the interrupted code may hold
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, _SOON)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
