"""Progress as a person at a terminal sees it; on standard error, so that a result on standard output stays clean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class TerminalProgress:
    """Each step with a spinner while it lasts and its seconds afterwards; training's output between them."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A spinner with the title while the block lasts."""
        begin = time.monotonic()
        with self._console.status(f"{title} …"):
            yield
        self._console.print(f"[green]✓[/green] {title} [dim]{time.monotonic() - begin:.1f} s[/dim]")

    def line(self, text: str) -> None:
        """A line of training's, dimmed."""
        self._console.print(f"  {text.rstrip()}", style="dim", markup=False, soft_wrap=True)
