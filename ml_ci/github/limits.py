"""Keeping texts within GitHub's limits."""

from __future__ import annotations


def cut_lines(text: str, limit: int, note: str) -> str:
    """`text` if its UTF-8 is at most `limit` bytes; else its first whole lines, and `note` as a paragraph of its own.

    A code fence that the cut leaves open is closed, so that the note is not shown as code. Empty where not even the
    note has room.
    """
    if _size(text) <= limit:
        return text
    ending = f"\n{note}\n"
    room = limit - _size(ending) - _size("```\n")
    if room < 0:
        return ""
    kept: list[str] = []
    fenced = False
    for line in text.splitlines(keepends=True):
        room -= _size(line)
        if room < 0:
            break
        kept.append(line)
        fenced ^= line.lstrip().startswith("```")
    return "".join(kept) + ("```\n" if fenced else "") + ending


def _size(text: str) -> int:
    """Bytes in UTF-8; a lone surrogate, which a log may hold, is written as `?`."""
    return len(text.encode(errors="replace"))


def cut_bytes(text: str, limit: int) -> str:
    """`text` if its UTF-8 is at most `limit` bytes; else as many whole characters as fit, and an ellipsis."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return encoded[: limit - len("…".encode())].decode(errors="ignore") + "…"
