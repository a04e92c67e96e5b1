"""A fence around git: its configuration stays as it was before a stranger's code ran, and so does what it does.

Training can write to all files of the repository. A setting there can name a program that git runs, or another server
that git sends the token to. So all files of settings are looked at before each git command (by their times and numbers,
in some ten microseconds each), and put back where they have changed. Settings of the user and the machine, which
training may be able to write to as well, are read once, and then come from memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from ml_ci.errors import TrainingError
from ml_ci.sources.git_credentials import Aside, Ask, Keeper, put_aside
from ml_ci.sources.git_files import configuration_files, git_dir_of, git_dirs, work_tree_file
from ml_ci.sources.git_settings import Pairs, given_by, with_settings
from ml_ci.sources.reaper import common_git_dir
from ml_ci.sources.saved_file import Saved

_State = tuple[int, ...]


class Fence:
    """Of one repository, with its worktrees and submodules; made before a stranger's code runs."""

    def __init__(self, git: Ask, top: Path, variables: Mapping[str, str], keeper: Keeper) -> None:
        self._top = top
        self._common = common_git_dir(top)
        self._entry = _identity(top / ".git")
        self._lock = RLock()
        self._changed: list[str] = []
        self._expected: dict[Path, tuple[Saved, _State | None]] = {}
        self._keeper = keeper
        self._before: dict[str, Saved] = {}
        files = list(self._files())
        for file in files:
            if file.parent.is_dir():
                self.file(Saved.now(str(file)))
        # what is open keeps its number: another folder in its place would get it else
        self._held = [_opened(folder) for folder, _, _ in {saved.folder for saved in self._before.values()}]
        self._aside: Aside = put_aside(git, top, self._common, variables, self)
        self._accept([*files, *map(Path, self._before)])

    def file(self, saved: Saved) -> None:
        """Remember a file as it is to be again when the job is over."""
        if saved.path not in self._before:
            self._before[saved.path] = saved
            self._keeper.file(saved)

    def accept(self) -> None:
        """Take the configuration as it is now: ml-ci's own git has just changed it, and no stranger's code runs."""
        with self._lock:
            self._accept(self._files())

    def check(self, top: Path) -> None:
        """Put back what has changed. Raises TrainingError where the repository at `top` is not the same any more."""
        with self._lock:
            if _identity(self._top / ".git") != self._entry:
                raise TrainingError(_replaced(self._top))
            here = {saved.folder: saved.in_place for saved, _ in self._expected.values()}
            for path, (saved, state) in list(self._expected.items()):
                if not here[saved.folder]:
                    self._forget(path)
                elif _state(path) != state:
                    self._put_back(path, saved)
            if not self.knows(top):
                raise TrainingError(_replaced(top))

    def knows(self, top: Path) -> bool:
        """Whether git may run in this folder: the repository's own, a worktree's or a submodule's."""
        return top == self._top or top / ".git" in self._expected

    def said(self) -> tuple[str, ...]:
        """A warning for what was put back since this was asked last."""
        with self._lock:
            changed, self._changed = list(dict.fromkeys(self._changed)), []
        if not changed:
            return ()
        names = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        return (f"Training changed {names}, which tells git what to do; it was put back as it was.",)

    def variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The environment of a git command, with the settings of user and machine as they were."""
        outer = [(each.name, each.value) for each in self._aside.outer if not each.is_secret]
        return self._frozen(variables, outer, ())

    @contextmanager
    def to_server(self, variables: Mapping[str, str], server: str | None) -> Iterator[dict[str, str]]:
        """The environment of a git command that talks to a server, with the credentials that were put aside.

        Headers for `server` are left out: there, ml-ci has a token of its own.
        """
        outer = [(each.name, each.value) for each in self._aside.outer]
        lent = [each.lent() for each in self._aside.settings if not _is_header_for(each.name, server)]
        with self._aside.lent():
            yield self._frozen(variables, outer, lent)

    def close(self) -> tuple[str, ...]:
        """See to it that everything is as it was before; what could not be put back, in words."""
        for descriptor in filter(None, self._held):
            os.close(descriptor)
        lost = [path for path, saved in self._before.items() if not saved.put_back()]
        return (f"{', '.join(lost)} could not be put back as it was before training.",) if lost else ()

    # -- inside

    def _frozen(self, variables: Mapping[str, str], outer: Pairs, lent: Pairs) -> dict[str, str]:
        changed = with_settings(variables, [*outer, *given_by(variables), *lent])
        return {**changed, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def _files(self) -> Iterator[Path]:
        """All files of settings, and those by which a working tree finds its git directory."""
        if (self._top / ".git").is_file():
            yield self._top / ".git"
            yield from configuration_files(git_dir_of(self._top))
        for folder in git_dirs(self._common):
            yield from configuration_files(folder)
            if folder != self._common and (entry := work_tree_file(folder) or _of_submodule(folder)):
                yield entry

    def _accept(self, files: Iterable[Path]) -> None:
        for path in files:
            with suppress(FileNotFoundError, NotADirectoryError):
                self._expected[path] = (Saved.now(str(path)), _state(path))

    def _put_back(self, path: Path, saved: Saved) -> None:
        if not saved.is_so:
            self._changed.append(os.path.relpath(path, self._top))
            if not saved.put_back():
                raise TrainingError(_replaced(self._top))
        self._expected[path] = (saved, _state(path))

    def _forget(self, path: Path) -> None:
        """A worktree or a submodule that is gone; of the repository itself nothing may be."""
        if path.is_relative_to(self._common) and path.relative_to(self._common).parts[0] not in (
            "modules",
            "worktrees",
        ):
            raise TrainingError(_replaced(self._top))
        del self._expected[path]


def _of_submodule(git_dir: Path) -> Path | None:
    """The file `.git` in a submodule's working tree, as the setting core.worktree of its git directory has it."""
    try:
        text = (git_dir / "config").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = (line.strip().partition("=") for line in text.splitlines())
    place = next((value.strip() for name, _, value in lines if name.strip().lower() == "worktree"), "")
    return Path(os.path.normpath(git_dir / place / ".git")) if place else None


def _opened(folder: str) -> int | None:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if os.open in os.supports_dir_fd else None


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    # a file may be put back, and is another one then
    return (stat.S_IFMT(found.st_mode), found.st_dev, found.st_ino if stat.S_ISDIR(found.st_mode) else 0)


def _state(path: Path) -> _State | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    # nobody but the kernel sets the time of the last change of state
    return (found.st_ino, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_header_for(name: str, server: str | None) -> bool:
    lower = name.lower()
    return bool(server) and lower.startswith(f"http.{str(server).lower()}") and lower.endswith(".extraheader")


def _replaced(top: Path) -> str:
    return (
        f"Training replaced or removed the repository's own files in {top / '.git'}, so nothing that git says there can be "
        "relied on: take that out of the training command."
    )
