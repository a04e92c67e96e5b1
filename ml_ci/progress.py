"""What a job tells about itself while it works; the doors decide how it looks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Shown by rich in a terminal, as folded groups in a workflow's log."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """A part of the job that may take more than a second."""

    def line(self, text: str) -> None:
        """A line that training printed."""
