"""The reaper: whatever ends the job, even SIGKILL, no process, worktree or temporary folder of it stays behind.

The job registers what it starts and makes; a guard process (`ml_ci.sources.guard`) in a session of its own holds the
other end of a pipe, and when the job is gone it ends and deletes what is still registered. On Windows there is no
guard: the reaper cleans up when the job leaves it, and a job that is killed leaves its folders behind.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from ml_ci.sources import guard
from ml_ci.sources.saved_file import Saved

_PATIENCE = 15.0
"""Seconds to wait for the guard on the way out; after that it goes on alone."""


class Reaper:
    """Ends and deletes what the job leaves behind; a context manager, entered once, around all of the job.

    Give `marker` to every process that the job starts, as part of its environment: on Linux it is found by that, also
    when the job dies between starting and registering it, or when it went into a session of its own.

    `holding` is a file descriptor, such as a lock's, that the guard keeps open too, until it has cleaned up.
    """

    def __init__(self, holding: int | None = None) -> None:
        self._holding = () if holding is None else (holding,)
        self._token = secrets.token_hex(12)
        self._marks = 0
        self._lock = threading.Lock()
        self._guard: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._groups: set[int] = set()
        self._worktrees: dict[Path, Path] = {}
        self._folders: list[Path] = []
        self._files: dict[str, Saved] = {}

    @property
    def marker(self) -> Mapping[str, str]:
        """One environment variable that marks a process as this job's."""
        return {guard.VARIABLE: self._token}

    def mark(self) -> str:
        """A new value for the marker's variable, by which `end` can tell one child and its descendants from others."""
        with self._lock:
            self._marks += 1
            return f"{self._token}.{self._marks}."

    def group(self, pgid: int) -> None:
        """A process group to end: the id of its leader, which is best the leader of a session too."""
        with self._lock:
            self._groups.add(pgid)
            self._tell(f"group {pgid}")

    def group_done(self, pgid: int) -> None:
        """The group is gone, or is no longer ours."""
        with self._lock:
            self._groups.discard(pgid)
            self._tell(f"done-group {pgid}")

    @contextmanager
    def ended(self, process: subprocess.Popen[bytes], mark: str) -> Iterator[None]:
        """Around the life of a process that leads a session and carries `mark`: afterwards it and all that it started are gone."""
        self.group(process.pid)
        try:
            yield
        finally:
            end(process, mark)
            self.group_done(process.pid)

    def folder(self, path: Path) -> None:
        """A temporary folder (or file) to delete; register it before it is made."""
        with self._lock:
            self._folders.append(path.absolute())
            self._tell(f"folder {_hex(path.absolute())}")

    def folder_done(self, path: Path) -> None:
        """The folder is gone, or is to stay."""
        with self._lock:
            if path.absolute() in self._folders:
                self._folders.remove(path.absolute())
                self._tell(f"done-folder {_hex(path.absolute())}")

    def worktree(self, repository: Path, path: Path) -> None:
        """A git worktree of `repository` (a working tree or a bare repository); register it before it is made."""
        with self._lock:
            self._worktrees[path.absolute()] = common_git_dir(repository.absolute())
            self._tell_worktree(path.absolute())

    def worktree_done(self, path: Path) -> None:
        """The worktree is gone, or is to stay."""
        with self._lock:
            if self._worktrees.pop(path.absolute(), None):
                self._tell(f"done-worktree {_hex(path.absolute())}")

    def file(self, saved: Saved) -> None:
        """A file to put back as it was; register it before it is changed."""
        with self._lock:
            self._files[saved.path] = saved
            self._wait_until_closed()
            self._tell(f"file {saved.line()}")

    def file_done(self, path: str) -> None:
        """The file is as it has to be."""
        with self._lock:
            if self._files.pop(path, None):
                self._tell(f"done-file {os.fsencode(path).hex()}")

    def remove_worktree(self, path: Path) -> None:
        """Delete a registered worktree now, with the repository's note of it, and forget it."""
        git_dir = self._worktrees.get(path.absolute())
        if git_dir is not None:
            guard.remove_worktree(os.fspath(git_dir), os.fspath(path.absolute()))
            self.worktree_done(path)

    def __enter__(self) -> Reaper:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._lock:
            if self._guard is None:
                self._clean_up_here()
                return
            os.close(self._pipe)
            self._pipe = -1
            with suppress(subprocess.TimeoutExpired):  # it goes on alone; nothing depends on it any more
                self._guard.wait(_PATIENCE)
            self._close_answers()

    def _start(self) -> None:
        if sys.platform == "win32":
            return
        read, self._pipe = os.pipe()  # neither is inherited by other children (PEP 446)
        # a signal that comes before the guard has set itself up may not end it: it inherits these as blocked
        before = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
        )
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), self._token],
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # no variable of ours: neither we nor a runner that ends orphans by a variable may find the guard
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
            pass_fds=self._holding,
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(read)

    def _wait_until_closed(self) -> None:
        """Return when nobody else can look into the guard, which is about to be told a secret."""
        if self._guard is not None and self._guard.stdout is not None and not self._guard.stdout.closed:
            self._guard.stdout.read(1)
            self._close_answers()

    def _close_answers(self) -> None:
        if self._guard is not None and self._guard.stdout is not None:
            self._guard.stdout.close()

    def _tell(self, line: str) -> None:
        if self._guard is None:
            return
        try:
            os.write(self._pipe, f"{line}\n".encode("ascii"))
        except BrokenPipeError:  # someone ended the guard: a new one gets the whole list
            os.close(self._pipe)
            self._close_answers()
            self._start()
            for pgid in self._groups:
                os.write(self._pipe, f"group {pgid}\n".encode("ascii"))
            for path in self._folders:
                os.write(self._pipe, f"folder {_hex(path)}\n".encode("ascii"))
            for path in self._worktrees:
                self._tell_worktree(path)
            for saved in self._files.values():
                self._wait_until_closed()
                os.write(self._pipe, f"file {saved.line()}\n".encode("ascii"))

    def _tell_worktree(self, path: Path) -> None:
        self._tell(f"with {_hex(self._worktrees[path])}\nworktree {_hex(path)}")

    def _clean_up_here(self) -> None:
        for path, git_dir in self._worktrees.items():
            guard.remove_worktree(os.fspath(git_dir), os.fspath(path))
        for path in self._folders:
            guard.remove_folder(os.fspath(path))
        for saved in self._files.values():
            saved.put_back()


def end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End a process that leads a session, and all that it started and that carries `mark`."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/f", "/t", "/pid", str(process.pid)], capture_output=True, check=False)
    else:
        guard.end({process.pid}, mark)
    process.wait()


def common_git_dir(repository: Path) -> Path:
    """The git directory that a repository's worktrees share; read from its files, for it is needed before git may run."""
    entry = repository / ".git"
    git_dir = entry if entry.exists() else repository
    if entry.is_file():
        git_dir = repository / entry.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    common = git_dir / "commondir"
    if common.is_file():
        git_dir = git_dir / common.read_text(encoding="utf-8").strip()
    return Path(os.path.normpath(git_dir))


def _hex(path: Path) -> str:
    return os.fsencode(path).hex()
