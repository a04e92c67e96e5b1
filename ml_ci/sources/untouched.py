"""Folders that nobody may change while a stranger's code runs, and whether somebody did."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ml_ci.errors import TrainingError

_Seen = dict[str, tuple[int, ...]]


class Untouched:
    """The folders as they are now. What was changed since is known by inode and time of change, which only root can set."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._seen = {folder: _seen(folder) for folder in folders}

    def check(self) -> None:
        """Raise TrainingError where a file was changed, added or removed."""
        changed = sorted(path for folder, before in self._seen.items() for path in _different(before, _seen(folder)))
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise TrainingError(
                f"while head was trained, files that only the base's training uses were changed ({', '.join(changed[:3])}"
                f"{more}), so the base's numbers would be head's to choose: let training write below its own folder only."
            )


def _different(before: _Seen, after: _Seen) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _seen(folder: Path) -> _Seen:
    """Each path below, without following links: by what changes whenever somebody writes to it, or puts another there."""
    found: _Seen = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            # a folder's own times change with what is in it, which is looked at by itself
            times = () if name in folders else (status.st_size, status.st_ctime_ns)
            found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_mode, status.st_uid, *times)
    return found
