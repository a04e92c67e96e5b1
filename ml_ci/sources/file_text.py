"""The text of a file that a repository's own code wrote: any encoding that such files have, and numbers in them."""

from __future__ import annotations

import codecs
import math
import re
from decimal import Decimal
from pathlib import Path

LARGEST = 50_000_000
"""Bytes; whatever is larger is no file of metrics, and would only fill the memory."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# one way only to match a row of digits: with two, a cell of 100,000 digits took two minutes
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_LONGEST_NUMBER = 1000
_NOT_FINITE = re.compile(r"(?i)nan|[+-]?inf(?:inity)?")


class BrokenFileError(Exception):
    """A file cannot be read as what it should be. The message says why; `line` counts from 1, 0 where there is none."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.line = line


def read_text(path: Path, *, largest: int = LARGEST, lenient: bool = False) -> str:
    r"""The file's text: UTF-8, or what its byte order mark says, or UTF-16 without one; ends of lines are `\n`.

    With `lenient`, bytes that are not UTF-8 are replaced. Raises BrokenFileError if it is too large, is not text, or
    cannot be read.
    """
    try:
        if path.stat().st_size > largest:
            raise BrokenFileError(f"it has more than {largest / 1e6:.0f} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BrokenFileError(f"it cannot be read ({error.strerror})") from error
    return text_of(data, lenient=lenient)


def text_of(data: bytes, *, lenient: bool = False) -> str:
    """As `read_text`, of a file's content."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "") or _without_mark(data)
    try:
        text = data.decode(encoding, "replace" if lenient else "strict")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BrokenFileError(f"it is not {encoding.removesuffix('-sig').upper()} text", line) from error
    if "\0" in text:
        raise BrokenFileError("it is not text", text[: text.index("\0")].count("\n") + 1)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_mark(data: bytes) -> str:
    head = data[:400]
    if len(head) >= 4 and not head[1::2].strip(b"\0") and b"\0" not in head[0::2]:
        return "utf-16-le"
    if len(head) >= 4 and not head[0::2].strip(b"\0") and b"\0" not in head[1::2]:
        return "utf-16-be"
    return "utf-8"


def number(text: str) -> float | None:
    """The number that a text is: `0.95`, `4e-07`, `NaN`, `-inf`; `37.3%` is 0.373; None if it is none."""
    text = text.strip()
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    digits = text.removesuffix("%").rstrip()
    if len(digits) > _LONGEST_NUMBER or not _NUMBER.fullmatch(digits):
        return None
    # by decimals, because 37.3 / 100 need not be the float that is nearest to 0.373
    return float(Decimal(digits).scaleb(-2)) if text.endswith("%") else float(digits)


def as_float(value: float) -> float:
    """A JSON number as a float; a whole number beyond the largest float is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
