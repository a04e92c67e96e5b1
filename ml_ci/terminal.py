"""Progress as a person at a terminal sees it; on standard error, so that a result on standard output stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ml_ci.progress import Seldom, amount_in_words
from ml_ci.sources.stream import plain

_WINDOW = 0.1
_MOST = 100
"""Lines that a terminal is shown in each tenth of a second: nobody reads more, and drawing them would slow training."""


class TerminalProgress:
    """Each step with a spinner while it lasts and its seconds afterwards; training's output between them."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.status import Status

        self._quiet = quiet
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._window = 0.0
        self._shown = 0
        self._passed_over = 0
        self._status: tuple[Status, str] | None = None
        self._seldom = Seldom()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A spinner with the title while the block lasts."""
        begin = time.monotonic()
        try:
            with self._console.status(f"{title} …") as status:
                self._status = status, title
                yield
        finally:
            self._status = None
            self._tell_passed_over()
        self._console.print(f"[green]✓[/green] {title} [dim]{time.monotonic() - begin:.1f} s[/dim]")

    def line(self, text: str) -> None:
        """A line of training's, dimmed; all of them in a file, what can be read at a terminal."""
        if self._quiet:
            return
        if not self._console.is_terminal:
            sys.stderr.write(f"  {plain(text).rstrip()}\n")
            return
        now = time.monotonic()
        if now - self._window >= _WINDOW:
            self._window, self._shown = now, 0
        if self._shown == _MOST:
            self._passed_over += 1
            return
        self._tell_passed_over()
        self._shown += 1
        self._dimmed(plain(text).rstrip())

    def amount(self, what: str, done: int, total: int) -> None:
        """Beside the step's spinner; in a file as a line now and then."""
        text = amount_in_words(what, done, total)
        if not self._console.is_terminal:
            if self._seldom(what):
                self.line(text)
        elif self._status:
            status, title = self._status
            status.update(f"{title} … [dim]{text}[/dim]")

    def _tell_passed_over(self) -> None:
        if self._passed_over:
            self._dimmed(f"… {self._passed_over:,} lines more; all of them are in the log")
            self._passed_over = 0

    def _dimmed(self, text: str) -> None:
        self._console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)
