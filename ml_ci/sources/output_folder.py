"""The folder that a job writes to, while code that nobody has read runs in the same workspace.

Training could exchange the folder, or something in it, for a link: then the job, which may be root where training is not,
would write elsewhere, or read what only it may read. So the folder belongs to the job until its end, it is known by what it
is and not by its name, and what is there after a training is compared with what was there before.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ml_ci.errors import ConfigError, OutsideError, TrainingError
from ml_ci.sources.process import Owner

_DEEPEST = 100
_DEPTH = 4
"""Levels that a job writes to: `KEY/records/KEY/SHA.json`."""

_STORE = "mlflow"
"""What is in there is the embedded server's."""

_IGNORE = "*\n"
_FILES = frozenset({"result.json", "report.md", "report.html", "base.json", "head.json"})
_FOLDERS = frozenset({"plots", "images", "records", _STORE})


class OutputFolder:
    """The output folder of one job; a context manager, around all that the job writes there.

    Where `owner` is given, this process is root, and acts for that user: the folder is root's for the block, so that
    nothing in it can be exchanged, and the owner's afterwards.
    """

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        self.path = path
        self._owner = owner
        self._folder = -1
        self._is_ours = False

    def __enter__(self) -> Self:
        """Make it. Raises ConfigError for what can be no such folder, OutsideError where it cannot be written."""
        if self._owner and self.path.is_symlink():
            raise ConfigError(
                f"the output folder {self.path} is a link, and ml-ci, which is root here, would write to where that leads: "
                "delete the link."
            )
        make_output_folder(self.path)
        try:
            self._hold()
        except OSError as error:
            raise OutsideError(f"the output folder {self.path} cannot be written: {error.strerror}.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder < 0:
            return
        # the job's first, for a folder of another one's in its place is none of ours
        for folder in (self._folder, self._open()):
            if self._owner and folder >= 0:
                hand_over(folder, self._owner)
            if folder >= 0:
                os.close(folder)
        self._folder = -1

    @contextmanager
    def unexchanged(self) -> Iterator[None]:
        """Whatever the block's code puts in the folder's place, or into it in place of a file, goes again.

        Raises TrainingError, which says what it was.
        """
        before = self._odd()
        try:
            yield
        except TrainingError as error:
            told = self._put_right(before)
            if told:
                raise TrainingError(f"{error} Besides, {told}", error.log_tail) from error
            raise
        except BaseException:
            self._put_right(before)
            raise
        told = self._put_right(before)
        if told:
            raise TrainingError(told[0].upper() + told[1:])

    def _hold(self) -> None:
        """Open it, and let nothing stay there that would be written through, or waited for."""
        self._folder = self._open()
        if self._owner:
            hand_over(self._folder, Owner(os.geteuid(), os.getegid()), closed=True)
        ignore = self.path / ".gitignore"
        self._is_ours = ignore.is_file() and not ignore.is_symlink() and ignore.read_text(errors="replace") == _IGNORE
        for place in _odd_in(self.path, _DEEPEST, store=True) if self._owner else self._odd():
            if self._owner or place.name not in _FOLDERS:
                _remove(place)

    def _open(self) -> int:
        if sys.platform == "win32":
            return -1
        try:
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if self._owner else 0))
        except (FileNotFoundError, NotADirectoryError):
            return -1

    def _odd(self) -> dict[Path, tuple[int, int]]:
        """What is in the folder and is neither a plain file with one name nor a folder, with the number that it has.

        In a folder with files of the user's only what has names of ours.
        """
        found = {}
        for place in _odd_in(self.path, _DEPTH):
            if self._is_ours or place.name in _FILES | _FOLDERS or place.suffix == ".log":
                with suppress(FileNotFoundError):
                    found[place] = _number(place.lstat())
        return found

    def _put_right(self, before: dict[Path, tuple[int, int]]) -> str:
        """Have a folder without what has come since; a clause that says what that was, empty if there was nothing."""
        told = self._exchanged()
        if told:
            make_output_folder(self.path)
            self._again()
        for place, number in self._odd().items():
            if before.get(place) != number:
                _remove(place)
                told = told or (
                    f"the repository's own code put a link, or something else that is no plain file, in the place of "
                    f"{place}, where only ml-ci writes, so this run counts for nothing: let it write elsewhere."
                )
        return told

    def _exchanged(self) -> str:
        if self._folder < 0:
            return ""
        with suppress(OSError):
            if _number(self.path.stat()) == _number(os.fstat(self._folder)):
                return ""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            self.path.unlink()
        elif self.path.exists():
            # it may be somebody's work
            self.path.rename(self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}"))
        return (
            f"the repository's own code removed {self.path}, or put something else in its place, where only ml-ci writes, "
            "so this run counts for nothing: let it leave that folder alone."
        )

    def _again(self) -> None:
        """Hold the new folder, and give the old one back wherever it is."""
        if self._owner:
            hand_over(self._folder, self._owner)
        os.close(self._folder)
        self._hold()


def make_output_folder(out: Path) -> None:
    """Make the output folder, ignored by git through a file of its own unless it was there with the user's files in it.

    Raises ConfigError for what can be no such folder, OutsideError where it cannot be written.
    """
    if (out / ".git").exists():
        raise ConfigError(f"the output folder {out} is the top of a git repository: choose a folder of its own.")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"the output folder {out} is a file: choose a folder.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not any(out.iterdir()):
            (out / ".gitignore").write_text(_IGNORE)
    except OSError as error:
        raise OutsideError(f"the output folder {out} cannot be written: {error.strerror}.") from error


def hand_over(folder: int, owner: Owner, depth: int = _DEEPEST, *, closed: bool = False) -> None:
    """Make the open folder, and all in it, this user's: files that root wrote could not be cleaned up by later steps.

    No link is followed, also none that is put there meanwhile. A file that has another name elsewhere stays whose it is.
    Folders are `closed` to others, so that these can exchange nothing.
    """
    for place, folders, names, here in os.fwalk(".", dir_fd=folder, onerror=None):
        os.chown(here, owner.uid, owner.gid)
        if closed:
            os.fchmod(here, os.fstat(here).st_mode & 0o755)
        for name in names:
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
                if found.st_nlink == 1 and found.st_uid != owner.uid:
                    os.chown(name, owner.uid, owner.gid, dir_fd=here, follow_symlinks=False)
        if place.count(os.sep) >= depth:
            folders.clear()


def _odd_in(folder: Path, depth: int, *, store: bool = False) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        with suppress(FileNotFoundError):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                if depth and (store or entry.name != _STORE):
                    yield from _odd_in(Path(entry.path), depth - 1, store=store)
            elif not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                yield Path(entry.path)


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError):
        place.unlink()


def _number(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
