"""How a secret may stand in a text: as it is, and as programs write it on its way."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Characters: what is shorter is a part of too many words to be hidden."""


def forms(value: str) -> tuple[str, ...]:
    """All forms of a secret, each once, the longest first; none of less than `SHORTEST` characters."""
    found = {form for form in _forms(value) if len(form) >= SHORTEST}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="", errors="replace")
    yield quote(value, errors="replace")
    yield quote_plus(value, errors="replace")
    yield html.escape(value)
    yield html.escape(value, quote=False)
    for encoded in _base64(value.encode(errors="surrogateescape")):
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")


def _base64(value: bytes) -> Iterator[str]:
    """The secret in base64 wherever it begins in what is encoded: of three bytes four characters are made.

    The character at either end that depends on its neighbours, too, is left out.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value).decode()
        own = encoded[-(-before * 8 // 6) :]
        yield own
        # what follows it decides the last character, where its bits do not fill that
        yield own[: (before + len(value)) * 8 // 6 - -(-before * 8 // 6)]
