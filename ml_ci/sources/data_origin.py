"""Where data comes from, and whether a pull request changes that: it is to be seen, and gets nobody's secrets by it.

`dvc pull` runs as the workspace's owner, in the job's environment without GitHub's tokens. What a repository says can make
it log in elsewhere, read a file for a login, or run a program (`bearer_token_command` of WebDAV, `credential_process` in the
file that S3's `configpath` names); an imported repository has settings of its own. Training could do all of that as well, unless
`pass-env` keeps variables from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

Read = Callable[[str], bytes | None]

_SETTINGS = ("config", "config.local")
_IMPORT = re.compile(rb"^(?:deps|.*\b(?:repo|url)):", re.MULTILINE)
_PROGRAM = re.compile(rb"(?i)^\s*(?:bearer_token_command|configpath)\s*=", re.MULTILINE)


def changed_origins(before: Mapping[str, str], after: Mapping[str, str], read: Read) -> tuple[str, ...]:
    """The files by which head says otherwise than base where data comes from: DVC's settings, and imports.

    `before` and `after` are the files of base and head with a hash of their content, and `read` gives those of head.
    """
    changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return tuple(path for path in changed if _is_settings(path) or _is_import(path, read))


def names_a_program(files: Mapping[str, str], read: Read) -> bool:
    """Whether DVC's settings among these files name a program, or a file that could: that may be in the repository."""
    return any(_is_settings(path) and _PROGRAM.search(read(path) or b"") for path in files)


def said(origins: tuple[str, ...]) -> str:
    """A warning for whoever reviews it."""
    names = ", ".join(origins[:5]) + (f" and {len(origins) - 5} more" if len(origins) > 5 else "")
    return f"This change says where data comes from ({names}): look at that as at code, since the data is trained on."


def _is_settings(path: str) -> bool:
    place = PurePosixPath(path)
    return place.parent.name == ".dvc" and place.name in _SETTINGS


def _is_import(path: str, read: Read) -> bool:
    place = PurePosixPath(path)
    if place.suffix != ".dvc" or place.name == ".dvc":
        return False
    content = read(path)
    return content is not None and _IMPORT.search(content) is not None
