"""Paths and globs of the file: always relative, always inside the repository, never in git's own folder."""

from __future__ import annotations

import posixpath
import re

from ml_ci.config_values import text
from ml_ci.config_yaml import Field, quoted

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST, _LONGEST_NAME = 2000, 255
"""Characters of a path, bytes of a name in it."""
_WILDCARD = re.compile(r"[*?\[]")


def path(field: Field, base: str = ".") -> str:
    """A path inside the repository, relative to `base`, in its shortest form."""
    written = text(field)
    if _WILDCARD.search(written):
        raise field.place.error(f"{quoted(field.key)} must be one path, without wildcards, not {quoted(written)}.")
    return _inside(field, written, base)


def glob(field: Field, base: str = ".") -> str:
    """A path with wildcards inside the repository, relative to `base`; a folder (`data/`) stands for all in it."""
    written = text(field)
    shortest = _inside(field, written, base)
    if shortest == ".":
        return "**"
    return f"{shortest}/**" if written.endswith("/") else shortest


def target(field: Field, base: str = ".") -> str:
    """What DVC calls a target: a tracked path, a `.dvc` file, or a stage."""
    written = text(field)
    if written.startswith("-"):
        raise field.place.error(f"{quoted(written)} is an option, not a DVC target; name a file or a stage.")
    return _inside(field, written, base)


def _inside(field: Field, written: str, base: str) -> str:
    shown = f"{quoted(field.key)}: {quoted(written)}"
    if "\\" in written:
        raise field.place.error(f'{shown} holds a backslash; write "/" between folders.')
    if "\n" in written or "\t" in written:
        raise field.place.error(f"{shown} must be one path on one line.")
    if written.startswith(("/", "~")) or _DRIVE.match(written):
        raise field.place.error(f"{shown} must be a relative path inside the repository.")
    parts = written.split("/")
    if len(written) > _LONGEST or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise field.place.error(f"{shown} is longer than any path that a file system has.")
    if any(part.lower() == ".git" for part in parts):
        raise field.place.error(f"{shown} lies in git's own folder, which is never read for this.")
    wild = next((index for index, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    if ".." in parts[wild:]:
        raise field.place.error(f'{shown} has ".." after a wildcard; write it without.')
    whole = posixpath.normpath(posixpath.join(base, written))
    if whole == ".." or whole.startswith("../"):
        raise field.place.error(f"{shown} leads out of the repository; only files inside it are read.")
    return posixpath.normpath(written)
