"""Whether what `dvc pull` brought is what was asked for. DVC itself takes a remote's word for it (`verify` is false by default)
and where the remote is, a pull request says: other data under the same hash would be judged as the same data.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

_LAYOUTS = ("files/md5", "")
"""Where DVC's cache has its files: as DVC 3 names them, and as DVC 2 did, whose hashes pass over carriage returns."""
_PREFIX = re.compile("[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{30}(?:\.dir)?")
_SLACK = 2.0
"""Seconds that a file system's clock may be behind."""


def remove_false(cache: Path, since: float) -> list[str]:
    """Remove from DVC's cache what came into it at `since` (seconds since 1970) or later and has another hash than it is
    called by; returns the hashes that it was called by.

    It is known by the time of its inode, which no remote and no copy can set. Raises OSError.
    """
    false = []
    for layout in _LAYOUTS:
        for path, digest in _arrived(cache / layout, since - _SLACK):
            if _md5(path, dos2unix=not layout) != digest.removesuffix(".dir"):
                path.unlink()
                false.append(digest)
    return sorted(false)


def _arrived(folder: Path, since: float) -> Iterator[tuple[Path, str]]:
    if not folder.is_dir():
        return
    for prefix in folder.iterdir():
        # a folder into which nothing came is as it was: a cache may have a million files
        if _PREFIX.fullmatch(prefix.name) and prefix.is_dir() and prefix.stat().st_mtime >= since:
            with os.scandir(prefix) as entries:
                for entry in entries:
                    if _REST.fullmatch(entry.name) and entry.is_file() and entry.stat().st_ctime >= since:
                        yield Path(entry.path), prefix.name + entry.name


def _md5(path: Path, *, dos2unix: bool) -> str:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if dos2unix and found != path.parent.name + path.name.removesuffix(".dir"):
            from dvc_data.hashfile.hash import fobj_md5

            file.seek(0)
            found = str(fobj_md5(file, name="md5-dos2unix"))
    return found
