"""`images.json`: which images each record of a key needs, so that one read tells what is still in use."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ml_ci.foreign_json import DAMAGED, parsed


def read_images(text: bytes | None) -> dict[str, tuple[str, ...]]:
    """The SHA-256s of each commit's images; without what is damaged, as the records themselves say it again."""
    try:
        found = parsed(text) if text is not None else {}
        return {str(commit): tuple(str(sha256) for sha256 in images) for commit, images in found.items()}
    except DAMAGED:
        return {}


def write_images(images: Mapping[str, tuple[str, ...]]) -> bytes:
    """The same as JSON."""
    return json.dumps(images, indent=0).encode()


def images_of(record: bytes | None) -> tuple[str, ...]:
    """The images that a record names, also one of another version; none where nobody could read it."""
    try:
        found = parsed(record) if record is not None else {}
        return tuple(str(image["sha256"]) for image in found["images"])
    except DAMAGED:
        return ()
