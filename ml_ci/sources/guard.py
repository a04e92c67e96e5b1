"""The guard: a small process that outlives the job and cleans up after it, however the job ended.

It is run as a script by `ml_ci.sources.reaper`, without site-packages and without this package, so it may import
nothing but the standard library, and as little of that as it can: it has to be up within milliseconds. The job holds
the only write end of the pipe that is the guard's standard input; end-of-file there means that the job is gone.

The lines of the pipe, each `VERB ARGUMENT` (paths as hexadecimal, since a path may hold any byte):

    group PGID        a process group to end            done-group PGID
    folder PATH       a folder to delete                done-folder PATH
    worktree PATH     a git worktree to delete          done-worktree PATH
    with GITDIR       (before `worktree`) the repository's common git directory that lists it
    file SAVED        a file to put back (`Saved.line`) done-file PATH

Files are put back when all processes are gone that could read them. Their contents are secrets, and only in memory, so
the guard closes itself to the other processes of its user before it reads the first of them, and then says so: it
writes one byte.
"""

# pathlib and contextlib would cost more than all else that is imported here:
# ruff: noqa: PTH101, PTH108, PTH106, PTH112, PTH113, PTH114, PTH118, PTH120, PTH123, PTH208, SIM105

import os
import signal
import sys
import time

if __name__ == "__main__":
    # -I leaves a script's own folder out; at the end, since there are modules in it with names that others have too
    sys.path.append(os.path.dirname(__file__))
    from saved_file import Saved, path_of  # type: ignore[import-not-found]
else:
    from ml_ci.sources.saved_file import Saved, path_of

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "ML_CI_REAPER"
"""The environment variable whose value marks the processes that a job started, to find those that left its groups."""

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""


def close_to_others() -> None:
    """Let no other process of this user look into this one. Linux only: elsewhere that is not that easy."""
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


def members(groups: set[int], mark: str = "") -> set[int]:
    """The living processes (no zombies) of these process groups and of the sessions that their leaders lead.

    With `mark` also those whose environment has a `VARIABLE` that begins with it: a daemon that went into a session of
    its own still carries it. That needs /proc, so it is Linux only.
    """
    found = _members_in_proc(groups, f"{VARIABLE}={mark}".encode() if mark else b"")
    return (_members_by_ps(groups) if found is None else found) - {os.getpid()}


def end(groups: set[int], mark: str = "", grace: float = GRACE) -> None:
    """End these process groups and marked processes: SIGTERM, `grace` seconds, SIGKILL. Returns when they are gone."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while alive := members(groups, mark):
        late = time.monotonic() > deadline
        _signal(groups, alive if late else alive - asked, late)
        asked |= alive
        if time.monotonic() > deadline + 5:
            return  # a process in the kernel's hands (state D) cannot be ended by anyone
        time.sleep(0.02)


def is_alone() -> bool:
    """Whether this is the action's container, in which there is nothing but the job and what it started."""
    try:
        with open("/proc/1/cmdline", "rb") as file:
            return b"/opt/ml-ci/entrypoint.py" in file.read().split(b"\0")
    except OSError:
        return False


def end_others(job: int, patience: float = 5.0) -> bool:
    """End all other processes of the container but those that the process `job` comes from. Whether they are gone.

    A process that left its group and session, and cleared its environment, is found by nothing else.
    """
    keep = {os.getpid(), job, *_ancestors(job), *_ancestors(os.getpid())}
    deadline = time.monotonic() + patience
    while others := {int(name) for name in os.listdir("/proc") if name.isdigit()} - keep - _zombies():
        if time.monotonic() > deadline:
            return False
        _signal(set(), others, kill=True)
        time.sleep(0.005)
    return True


def _ancestors(pid: int) -> "set[int]":
    found: set[int] = set()
    while pid > 1:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found | {1}


def _zombies() -> "set[int]":
    found = set()
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open(f"/proc/{name}/stat", "rb") as file:
                    if file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X"):
                        found.add(int(name))
        except OSError:
            found.add(int(name))
    return found


def remove_folder(path: str) -> None:
    """Delete a folder, a file or a link; what cannot be deleted stays, since nobody is left to be told."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
        return
    import shutil

    def retry(_: object, name: str, __: object) -> None:
        try:
            os.chmod(os.path.dirname(name), 0o700)
            if os.path.isdir(name) and not os.path.islink(name):
                os.chmod(name, 0o700)
                shutil.rmtree(name, ignore_errors=True)
            else:
                os.unlink(name)
        except OSError:
            pass

    shutil.rmtree(path, onerror=retry)


def remove_worktree(git_dir: str, path: str) -> None:
    """Delete a worktree and the repository's note of it: `git worktree remove --force`, also for a half-made one.

    Done without git, which refuses a repository of another owner and a worktree whose making was interrupted. The
    layout is that of gitrepository-layout(5): `worktrees/ID/gitdir` holds the path of the worktree's `.git`.
    """
    remove_folder(path)
    notes = os.path.join(git_dir, "worktrees")
    for name in os.listdir(notes) if os.path.isdir(notes) else []:
        note = os.path.join(notes, name)
        try:
            with open(os.path.join(note, "gitdir"), "rb") as file:
                listed = os.fsdecode(file.read().rstrip(b"\n"))
        except OSError:
            continue
        if os.path.realpath(os.path.dirname(listed)) == os.path.realpath(path):
            remove_folder(note)
    if os.path.isdir(notes) and not os.listdir(notes):
        os.rmdir(notes)


def _members_in_proc(groups: set[int], marked: bytes) -> "set[int] | None":
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    if not names:
        return None
    found = set()
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, _, group, session = file.read().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                continue
            if int(group) in groups or int(session) in groups:
                found.add(int(name))
            elif marked:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if b"\0" + marked in b"\0" + file.read():
                        found.add(int(name))
        except (OSError, ValueError):
            continue  # it ended meanwhile, or is another user's
    return found


def _members_by_ps(groups: set[int]) -> set[int]:
    import subprocess

    listed = subprocess.run(["ps", "-axo", "pid=,pgid=,stat="], capture_output=True, text=True, check=False).stdout
    found = set()
    for line in listed.splitlines():
        pid, group, state = line.split()[:3]
        try:
            if not state.startswith("Z") and (int(group) in groups or os.getsid(int(pid)) in groups):
                found.add(int(pid))
        except OSError:
            continue
    return found


def _signal(groups: set[int], processes: set[int], kill: bool) -> None:
    for number in (signal.SIGKILL,) if kill else (signal.SIGTERM, signal.SIGCONT):
        for process in processes:
            try:
                os.kill(process, number)
            except OSError:
                pass
    for group in groups if kill else ():  # at once, so that none can fork in between
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            pass


class _Registered:
    """What the job has told: its groups, its worktrees with their git directories, folders, files."""

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.worktrees: dict[str, str] = {}
        self.folders: list[str] = []
        self.files: dict[str, Saved] = {}
        self._git_dir = ""

    def take(self, line: str) -> None:
        """One line of the pipe."""
        verb, _, word = line.partition(" ")
        kind = verb.rpartition("-")[2]
        if kind == "group":
            (self.groups.discard if verb.startswith("done") else self.groups.add)(int(word))
        elif verb == "file":
            saved = Saved.of_line(word)
            self.files[saved.path] = saved
        else:
            self._take_path(verb, path_of(word))

    def _take_path(self, verb: str, path: str) -> None:
        if verb == "with":
            self._git_dir = path
        elif verb == "worktree":
            self.worktrees[path] = self._git_dir
        elif verb == "done-worktree":
            self.worktrees.pop(path, None)
        elif verb == "done-file":
            self.files.pop(path, None)
        elif verb == "folder":
            self.folders.append(path)
        elif path in self.folders:
            self.folders.remove(path)


def _listen(job: int) -> _Registered:
    """Read what the job registers until it is gone."""
    import select

    registered, buffer = _Registered(), b""
    while True:
        # a child that the job forked without exec holds the pipe too: so the parent is looked at as well
        gone = os.getppid() != job
        if not select.select([0], [], [], 0 if gone else 1.0)[0]:
            if gone:
                break
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in lines:
            registered.take(line.decode("ascii"))
    return registered


def main(job: int, mark: str) -> None:
    """Wait until the process `job` is gone, then end and delete all that it had registered."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    close_to_others()
    try:
        os.write(1, b"\n")
    except OSError:
        pass
    registered = _listen(job)
    end(registered.groups, mark)
    if not is_alone() or end_others(job):
        for saved in registered.files.values():
            saved.put_back()
    for path, git_dir in registered.worktrees.items():
        _try(remove_worktree, git_dir, path)
    for path in registered.folders:
        _try(remove_folder, path)


def _try(action: "Callable[..., None]", *arguments: str) -> None:
    try:
        action(*arguments)
    except OSError:
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
