"""JSON that anybody may have written."""

from __future__ import annotations

import json
from typing import Any

DAMAGED = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What a reader meets that takes a document at its word: another type, a name that is not there, a number beyond all floats."""


def parsed(text: str | bytes) -> Any:  # noqa: ANN401 - what it holds is for its reader to check
    """What the text says. Raises ValueError where it is not JSON, or nested more deeply than Python reads."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
