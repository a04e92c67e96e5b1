"""Where a file is in truth, behind all links: whether it is the repository's to publish."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_HIDDEN = frozenset({".git", ".ml-ci"})
_OBJECT = re.compile(r"(?:files/[a-z0-9]+/)?[0-9a-f]{2}/[0-9a-f]{30,126}(?:\.dir)?")
"""A file of DVC's cache, which is called by the hash of its content."""


def is_file(path: Path) -> bool:
    """Whether there is a file; none has a name that is too long for any, or a NUL in it, for which pathlib raises."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether there is a folder; as `is_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_own(path: Path, folder: Path, caches: Iterable[Path] = ()) -> bool:
    """Whether a file of `folder` is in truth below that (not in `.git` or `.ml-ci`), or a file of one of DVC's `caches`.

    Where DVC's cache is, a pull request says itself (`.dvc/config`), and so does training: it may say `/proc`, or a home.
    So what is not called as DVC calls the files of its cache is none of them.
    """
    real = Path(os.path.realpath(path))
    home = Path(os.path.realpath(folder))
    if real.is_relative_to(home):
        return not _HIDDEN & {part.lower() for part in real.relative_to(home).parts}
    kept = (real.relative_to(cache) for cache in map(Path, map(os.path.realpath, caches)) if real.is_relative_to(cache))
    return any(_OBJECT.fullmatch(place.as_posix()) for place in kept)
