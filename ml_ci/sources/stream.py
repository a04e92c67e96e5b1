"""A program's output while it runs, line by line, and the end of it afterwards."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable
from pathlib import Path

_QUIET = 1.0
"""Seconds after which the beginning of a line is shown though its end has not come."""

_BAR = 10.0
"""Seconds between two looks at a line that rewrites itself, such as a progress bar."""

_LONGEST = 65536

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and other strings: titles, links
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


class Lines:
    r"""Cuts a stream of bytes into lines and hands each to `echo`, without its end, in little memory.

    Bytes that are not UTF-8 are replaced. Of a line that rewrites itself (`\\r`) the last state is shown, and while it
    goes on its state every 10 s. `echo` may raise: nothing is swallowed.
    """

    def __init__(self, echo: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._echo = echo
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._last = self._shown = clock()

    def add(self, chunk: bytes) -> None:
        """More bytes have come."""
        self._last = self._clock()
        *lines, rest = (self._line + self._decoder.decode(chunk)).split("\n")
        for line in lines:
            self._show(line)
        start = rest.rfind("\r", 0, -1) + 1  # a \r at the very end may be half of a \r\n
        self._line = rest[start:]
        if start and self._last - self._shown >= _BAR and self._line.strip():
            self._echo(self._line.rstrip("\r"))
            self._shown = self._last
        while len(self._line) > _LONGEST:
            self._show(self._line[:_LONGEST])
            self._line = self._line[_LONGEST:]

    def tick(self) -> None:
        """Nothing has come for a while: show the beginning of a line that waits for its end."""
        if self._line and self._clock() - self._last >= _QUIET:
            self._show(self._line)
            self._line = ""

    def close(self) -> None:
        """The stream is over."""
        if line := self._line + self._decoder.decode(b"", final=True):
            self._show(line)
        self._line = ""

    def _show(self, line: str) -> None:
        self._echo(last_state(line))
        self._shown = self._clock()


def last_state(line: str) -> str:
    """What a terminal would show of a line with carriage returns in it."""
    return line.rstrip("\r").rpartition("\r")[2]


def plain(text: str) -> str:
    """The text without ANSI escapes and other control characters but tabs and ends of lines."""
    return _ESCAPES.sub("", text)


def log_tail(path: Path, lines: int = 40, size: int = 8000) -> str:
    """The last lines of a log, at most `size` bytes of UTF-8, without ANSI escapes; empty if there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            length = file.tell()
            file.seek(max(0, length - 1_000_000))
            data = file.read()
    except OSError:
        return ""
    text = data.decode("utf-8", errors="replace").rstrip()
    shown = [plain(last_state(line)).rstrip() for line in text.split("\n")[-lines:]]
    tail = "\n".join(shown).encode()
    if len(tail) <= size:
        return tail.decode()
    cut = tail[-size + len("…\n".encode()) :].decode("utf-8", errors="ignore")
    _, newline, whole = cut.partition("\n")
    return "…\n" + (whole if newline and whole else cut)
