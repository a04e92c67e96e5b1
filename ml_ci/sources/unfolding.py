"""YAML that is more than it looks: aliases stand for what they name, and that may hold aliases again, without end."""

from __future__ import annotations

_LARGEST_INTEGER = 10_000
"""Bits. Python refuses to write one of more than 4,300 digits."""


def is_too_large(document: object, size: int) -> bool:
    """Whether a document of `size` bytes, written out without aliases, would be more than ten times as large (and 1 MB).

    One that holds itself is, and so is one with a number that cannot be written out.
    """
    waiting = [document]
    room = 10 * size + 1_000_000
    while waiting:
        value = waiting.pop()
        room -= 1
        if isinstance(value, str):
            room -= len(value)
        elif isinstance(value, list | tuple | set):
            room -= len(value)
            waiting += value if room > 0 else ()
        elif isinstance(value, dict):
            room -= 2 * len(value)
            waiting += (*value, *value.values()) if room > 0 else ()
        elif isinstance(value, int) and value.bit_length() > _LARGEST_INTEGER:
            return True
        if room < 0:
            return True
    return False
