"""Progress as a person at a terminal sees it; on standard error, so that a result on standard output stays clean."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_ci.progress import Seldom, amount_in_words
from ml_ci.report.letters import has_all, letters
from ml_ci.sources.stream import plain

if TYPE_CHECKING:
    from rich.text import Text

_WINDOW = 0.1
_MOST = 100
"""Lines that a terminal is shown in each tenth of a second: nobody reads more, and drawing them would slow training."""


class TerminalProgress:
    """Each step with a spinner while it lasts and its seconds afterwards; training's output between them.

    In a file, or at a terminal that cannot move its cursor, there is a line for each and nothing that moves.
    """

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.status import Status

        self._quiet = quiet
        # FORCE_COLOR asks for colours in a file, as in a CI's log; a spinner would fill that with its pictures
        self._console = Console(stderr=True, quiet=quiet, highlight=False, force_interactive=_is_live())
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
            with self._spinner(title):
                yield
        finally:
            self._status = None
            self._tell_passed_over()
        done = self._text("✓ ", "green") + self._text(title)
        self._console.print(done + self._text(f" {time.monotonic() - begin:.1f} s", "dim"))

    def line(self, text: str) -> None:
        """A line of training's, dimmed; all of them in a file, what can be read at a terminal."""
        if self._quiet:
            return
        if not self._console.is_interactive:
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
        if not self._console.is_interactive:
            if self._seldom(what):
                self.line(text)
        elif self._status:
            status, title = self._status
            status.update(self._text(f"{title} … ") + self._text(text, "dim"))

    @contextmanager
    def _spinner(self, title: str) -> Iterator[None]:
        if not self._console.is_interactive:
            yield
            return
        kind = "dots" if has_all(self._console.encoding) else "line"
        with self._console.status(self._text(f"{title} …"), spinner=kind) as status:
            self._status = status, title
            yield

    def _text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(letters(text, self._console.encoding), style)

    def _tell_passed_over(self) -> None:
        if self._passed_over:
            self._dimmed(f"… {self._passed_over:,} lines more; all of them are in the log")
            self._passed_over = 0

    def _dimmed(self, text: str) -> None:
        self._console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)


def _is_live() -> bool:
    """Whether a person looks at standard error, at a terminal that can write over what it has written."""
    dumb = sys.platform != "win32" and os.environ.get("TERM", "") in ("", "dumb", "unknown")
    return sys.stderr.isatty() and not dumb
