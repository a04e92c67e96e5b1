"""What is said of a predictions file that cannot be used, and how large one may be."""

from __future__ import annotations

LARGEST_FILE = 2_000_000_000
"""Bytes, of what is in the file when it is no longer compressed."""
MOST_ROWS = 20_000_000


class BrokenPredictionsError(ValueError):
    """A predictions file cannot be used: one sentence that says what, where, and what to do.

    It is no wrong configuration and ends no job: the verdict rests on weaker evidence, and the report says why.
    """


def too_large(where: str, found: str) -> BrokenPredictionsError:
    """The error for a file of more than is read; `found` says what it has."""
    return BrokenPredictionsError(
        f"{where} has {found}; at most {MOST_ROWS:,} rows and {LARGEST_FILE:,} bytes are read: "
        "write fewer columns, or evaluate on a sample."
    )


def counted(number: int, what: str) -> str:
    """The number with the noun, `1 row` and `1,000 rows`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
