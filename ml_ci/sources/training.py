"""Training: the repository's own command, run to its end, its output streamed and kept, its time and memory measured."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_ci.errors import TrainingError
from ml_ci.sources import guard
from ml_ci.sources.process import Owner, start
from ml_ci.sources.reaper import Reaper, end
from ml_ci.sources.stream import Lines, log_tail
from ml_ci.sources.variables import training_variables, user_variables

__all__ = ["Trained", "log_tail", "train", "training_variables"]

_LINGER = 1.0
"""Seconds that what training left in the background gets to end by itself, such as a `tee` that writes the last lines."""

_POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training that succeeded has cost.

    `peak_memory` is in bytes, or None where it could not be measured: the largest sum of resident memory over all of
    its processes, in which shared pages count for each of them.
    """

    seconds: float
    peak_memory: int | None
    log: Path


def train(
    command: str,
    *,
    directory: Path,
    variables: Mapping[str, str],
    timeout: float,
    log: Path,
    echo: Callable[[str], None],
    reaper: Reaper,
    owner: Owner | None = None,
) -> Trained:
    """Run the shell command `command` in `directory` to its end.

    `variables` is the whole environment (see `training_variables`); `timeout` is in seconds. All output goes to `log`
    as it is, and line by line to `echo`. Where this process is root, `owner` is the user that training runs as.

    When the shell ends, so does everything that it started: a training is over when it says so. Whatever goes wrong,
    and whatever is raised in here (Ctrl-C, a cancelled job), no process of the training is left behind.

    Raises TrainingError, with the end of the log, if the command fails or takes longer than `timeout`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    mark = reaper.mark()
    environment = {"PYTHONUNBUFFERED": "1", **user_variables(variables, owner, reaper), guard.VARIABLE: mark}
    begin = time.monotonic()
    process = _start(command, directory, environment, owner)
    with reaper.ended(process, mark):
        memory = _Memory(process.pid, mark)
        with log.open("wb", buffering=0) as kept:
            output = _Output(process, kept.write, Lines(echo))
            code = _wait(process, output, memory, begin + timeout)
            seconds = time.monotonic() - begin
            if code is not None:
                output.drain(_LINGER, until=lambda: not guard.members({process.pid}, mark))
            end(process, mark)
            output.finish(_LINGER)
    if code is None:
        raise TrainingError(
            f"Training ({command}) was ended after {_duration(timeout)}, its time limit: "
            "make it faster, or raise `timeout` in .ml-ci.yml.",
            log_tail(log),
        )
    if code != 0:
        raise TrainingError(_why_failed(command, code, memory.peak, log), log_tail(log))
    return Trained(seconds=seconds, peak_memory=memory.peak, log=log)


def _start(
    command: str, directory: Path, environment: Mapping[str, str], owner: Owner | None
) -> subprocess.Popen[bytes]:
    try:
        return start(
            shell(command, environment),
            directory,
            environment,
            owner,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            new_session=True,
        )
    except OSError as error:
        raise TrainingError(
            f"Training ({command}) could not be started in {directory}: {error.strerror or error}."
        ) from error


def shell(command: str, variables: Mapping[str, str]) -> list[str]:
    """The argument list that runs `command` as GitHub's runner would: bash that stops at the first error, or else sh."""
    path = variables.get("PATH")
    bash = shutil.which("bash", path=path)
    if bash and "system32" not in bash.lower():  # Windows' own bash.exe is another machine (WSL)
        return [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
    if sys.platform == "win32":
        return ["cmd", "/d", "/c", command]
    return [shutil.which("sh", path=path) or "/bin/sh", "-e", "-c", command]


class _Output:
    """Training's output, read by a thread so that a pipe that stays open cannot hold up the job."""

    def __init__(self, process: subprocess.Popen[bytes], keep: Callable[[bytes], object], lines: Lines) -> None:
        self._keep = keep
        self._lines = lines
        self._chunks: queue.Queue[bytes] = queue.Queue(maxsize=64)
        self.open = True
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def take(self, timeout: float) -> bool:
        """Handle what there is; wait at most `timeout` seconds for it. Whether there was something."""
        try:
            chunk = self._chunks.get(timeout=timeout)
        except queue.Empty:
            self._lines.tick()
            return False
        if chunk:
            self._keep(chunk)
            self._lines.add(chunk)
        else:
            self.open = False
            self._lines.close()
        return True

    def drain(self, timeout: float, until: Callable[[], bool]) -> None:
        """Handle what comes, up to the end of the output and until `until` holds, at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.open:
                self.take(_POLL)
            elif until():
                return
            else:
                time.sleep(_POLL)

    def finish(self, patience: float) -> None:
        """Handle all that was written, however long that takes; at most `patience` seconds pass until more has come.

        Whoever wrote it has ended. If somebody could not be ended and goes on, more than can have waited is not read.
        """
        deadline = time.monotonic() + patience
        for _ in range(2 * self._chunks.maxsize):
            while self.open and not self.take(_POLL):
                if time.monotonic() > deadline:
                    self._lines.close()
                    return
            deadline = time.monotonic() + patience
        self._lines.close()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with process.stdout as pipe:
                while chunk := os.read(pipe.fileno(), 65536):
                    self._chunks.put(chunk)
        self._chunks.put(b"")


def _wait(process: subprocess.Popen[bytes], output: _Output, memory: _Memory, deadline: float) -> int | None:
    """The shell's exit code, negative for a signal; None if `deadline` came first."""
    while process.poll() is None:
        if time.monotonic() > deadline:
            return None
        memory.sample()
        if output.open:
            output.take(_POLL)
        else:
            time.sleep(_POLL)
    return process.returncode


class _Memory:
    """The peak of a training's memory, by looking often at first and each second later.

    The kernel's own account of a finished child is no help: on Linux its peak includes that of the process which
    forked it, which is this one.
    """

    def __init__(self, pid: int, mark: str) -> None:
        self.peak: int | None = None
        self._pid = pid
        self._mark = mark
        self._begin = time.monotonic()
        self._next = self._begin

    def sample(self) -> None:
        """Look, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + min(1.0, max(_POLL, (now - self._begin) / 10))
        sizes = [_resident(pid) for pid in guard.members({self._pid}, self._mark)]
        if sizes:
            largest = max(peak for _, peak in sizes)
            self.peak = max(self.peak or 0, sum(size for size, _ in sizes), largest)


def _resident(pid: int) -> tuple[int, int]:
    """A process's resident memory now, and at its peak where the system tells (Linux), in bytes; 0 if it is gone."""
    import psutil

    try:
        size = int(psutil.Process(pid).memory_info().rss)
        with Path(f"/proc/{pid}/status").open(encoding="ascii", errors="replace") as status:
            peak = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), size)
    except psutil.Error:
        return 0, 0
    except OSError:
        return size, size
    return size, peak


def _why_failed(command: str, code: int, peak: int | None, log: Path) -> str:
    number = -code if code < 0 else code - 128  # the shell reports its child's signal N as 128 + N
    name = next((each.name for each in signal.Signals if each == number), "")
    where = f"all of its output is in {log}."
    if name == "SIGKILL":
        memory = f"; its memory was {peak / 1e6:,.0f} MB when last seen" if peak else ""
        return f"Training ({command}) was killed by SIGKILL, mostly a sign that memory ran out{memory}; {where}"
    if name:
        return f"Training ({command}) was ended by {name}; {where}"
    if code == 127:
        return (
            f"Training ({command}) ended with exit code 127, so a program in it was not found: "
            f"is it in the environment that training runs in? Otherwise {where}"
        )
    return f"Training ({command}) ended with exit code {code}; the end of its output says why, {where}"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
