"""What a job tells the runner: annotations, groups, masks, the summary, the step's outputs."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ml_ci.errors import OutsideError
from ml_ci.github.limits import cut_lines
from ml_ci.report.escape import visible

Write = Callable[[str], object]
"""Writes text to the step's log as it is given; what is written here always ends with a newline."""

Level = Literal["error", "warning", "notice"]

ANNOTATIONS = 10
MESSAGE_LIMIT = 4096
SUMMARY_LIMIT = 1024 * 1024
CUT = "*The rest is left out, because GitHub shows at most 1 MiB here. The full report is `.ml-ci/report.md`.*"


class Annotations:
    """The annotations of one step. GitHub shows ten of each level; what comes after them is a plain line in the log."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._count: Counter[Level] = Counter()

    def add(
        self, level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
    ) -> None:
        """Annotate the step, or a line of a file in the repository; `line` counts from 1."""
        self._count[level] += 1
        # names are in it: none of their characters may hide, or turn the text around
        message = "\n".join(map(visible, message.split("\n")))
        if self._count[level] <= ANNOTATIONS:
            self._write(annotation(level, message, title=title, file=file, line=line))
        else:
            self._write(_plain(level, message))


def annotation(
    level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
) -> str:
    """The workflow command for one annotation; of a message over 4,096 bytes only the start."""
    given = {"title": title, "file": file, "line": None if line is None else str(line)}
    properties = ",".join(f"{name}={_escape_property(value)}" for name, value in given.items() if value is not None)
    return f"::{level}{' ' if properties else ''}{properties}::{_escape_message(message)}\n"


@contextmanager
def group(write: Write, title: str) -> Iterator[None]:
    """Fold what the block writes under `title` in the step's log."""
    write(f"::group::{_escape_data(title)}\n")
    try:
        yield
    finally:
        write("\n::endgroup::\n")


def mask(write: Write, secret: str) -> None:
    """Have the runner replace `secret` by `***` in the log from here on; each line of it by itself."""
    for line in secret.splitlines():
        if line.strip():
            write(f"::add-mask::{_escape_data(line)}\n")


@contextmanager
def commands_stopped(write: Write, token: Callable[[int], str] = secrets.token_hex) -> Iterator[None]:
    """Make the runner take nothing that the block writes for a workflow command.

    For training's output, which may hold anything: a line such as `::set-output` in it must stay a line.
    """
    word = token(16)
    write(f"::stop-commands::{word}\n")
    try:
        yield
    finally:
        # training may have ended in the middle of a line, where the runner would not see a command
        write(f"\n::{word}::\n")


def append_summary(path: Path, markdown: str) -> None:
    """Add `markdown` to the step's summary (GITHUB_STEP_SUMMARY), which holds 1 MiB in all.

    What does not fit is cut at whole lines, and a sentence says so. Raises OutsideError if the file cannot be written.
    """
    text = markdown if markdown.endswith("\n") else f"{markdown}\n"
    try:
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(cut_lines(text, max(SUMMARY_LIMIT - used, 0), CUT))
    except OSError as error:
        raise OutsideError(f"The job summary {path} (GITHUB_STEP_SUMMARY) could not be written: {error}.") from error


def write_outputs(path: Path, outputs: Mapping[str, str], token: Callable[[int], str] = secrets.token_hex) -> None:
    """Set the step's outputs (GITHUB_OUTPUT). Raises OutsideError if the file cannot be written."""
    text = "".join(_output(name, value, token) for name, value in outputs.items())
    try:
        with path.open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise OutsideError(f"The step's outputs {path} (GITHUB_OUTPUT) could not be written: {error}.") from error


def _output(name: str, value: str, token: Callable[[int], str]) -> str:
    if "\n" not in value and "\r" not in value:
        return f"{name}={value}\n"
    # a delimiter that the value's author could know would let the value set other outputs
    delimiter = f"ml_ci_{token(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _plain(level: Level, message: str) -> str:
    """One line that the runner takes for text: commands begin a line with `::`, or hold `##[` anywhere."""
    return f"{level}: {' '.join(message.split()).replace('##[', '## [')}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _escape_message(message: str) -> str:
    """The message escaped and cut, where an escape sequence counts as one piece."""
    escaped = _escape_data(message)
    if len(escaped.encode(errors="replace")) <= MESSAGE_LIMIT:
        return escaped
    room = MESSAGE_LIMIT - len("…".encode())
    kept: list[str] = []
    for character in message:
        piece = _escape_data(character)
        room -= len(piece.encode(errors="replace"))
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"
