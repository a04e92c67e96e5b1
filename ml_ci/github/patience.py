"""How long one job waits for GitHub, all in all."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Patience:
    """A budget of seconds that all requests of a job share, so that no limit and no outage makes CI hang.

    Several threads may wait at the same time; the time that they share is paid for once.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._left = seconds
        self._clock = clock
        self._waiting_until = float("-inf")
        self._lock = threading.Lock()

    def spend(self, wait: float, lost: float = 0.0) -> bool:
        """Pay for `wait` seconds from now, and for `lost` seconds that a timeout took; False if that is too much."""
        with self._lock:
            now = self._clock()
            price = lost + max(now + wait - max(now, self._waiting_until), 0.0)
            if price > self._left:
                return False
            self._left -= price
            self._waiting_until = max(self._waiting_until, now + wait)
            return True
