"""The event file's content, and values in it: whatever is not as GitHub writes it is one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from ml_ci.errors import OutsideError

Payload = Mapping[str, object]


def parse_payload(text: str | bytes, where: str) -> Payload:
    """The event file's content. Raises OutsideError, naming `where`, if it is not a JSON object."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutsideError(f"The event file {where} (GITHUB_EVENT_PATH) is not JSON: {error}.") from error
    if not isinstance(payload, dict):
        raise OutsideError(f"The event file {where} (GITHUB_EVENT_PATH) does not hold a JSON object.")
    return payload


def required(name: str, payload: Payload, path: str) -> str:
    """The text at `path` (names with dots between them). Raises OutsideError, naming the event, where there is none."""
    value = text_at(payload, path)
    if value is None:
        raise OutsideError(f"The event file of {name} (GITHUB_EVENT_PATH) has no text at {path}.")
    return value


def text_at(payload: Payload, path: str) -> str | None:
    """The text at `path`; None where there is none, or it is empty."""
    value = value_at(payload, path)
    return value if isinstance(value, str) and value else None


def value_at(payload: Payload, path: str) -> object:
    """Whatever is at `path`; None where there is nothing."""
    value: object = payload
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def whole_number(name: str, payload: Payload, path: str) -> int:
    """The number at `path`, at least 1. Raises OutsideError, naming the event, where there is none."""
    number = value_at(payload, path)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise OutsideError(f"The event file of {name} (GITHUB_EVENT_PATH) has no number at {path}.")
    return number


def sha_at(name: str, payload: Payload, path: str) -> str:
    """The SHA of a commit at `path`. Raises OutsideError, naming the event, where there is none."""
    sha = required(name, payload, path)
    if not re.fullmatch("[0-9a-f]{40}", sha):
        raise OutsideError(f"The event file of {name} (GITHUB_EVENT_PATH) has no commit at {path}.")
    return sha


def moment(text: object) -> datetime | None:
    """A time as GitHub writes it; None where it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
