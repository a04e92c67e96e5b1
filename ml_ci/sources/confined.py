"""Files of strangers are read in a process of its own that may use little, and may die of it.

A library that reads images or Parquet is large and fast, and nobody knows all that a file can do to it: fill the memory,
run for hours, end the process. So it runs apart from the job, in a process whose environment is empty, whose memory and time
are limited, and which can write no file. It gets bytes and gives back bytes; one process does so many times.

    with Confined("ml_ci.sources.image_worker", clock=20, largest=5_000_000) as worker:
        png = worker.ask(content)

The module's `main` calls `serve` with what turns the one into the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Timer
from typing import IO, Self

_GIVEN, _REFUSED = b"\0", b"\1"
_LENGTH = 8
_LONGEST_REFUSAL = 1_000
_ROOT = str(Path(__file__).parents[2])
_START = (
    "import sys; root, module = sys.argv[1:]; root in sys.path or sys.path.insert(0, root); "
    "import importlib; importlib.import_module(module).main()"
)


class RefusedError(Exception):
    """The content is not taken; the message ends a sentence."""


class DiedError(Exception):
    """The process ended over the content, or was ended as it took too long (`late`)."""

    def __init__(self, *, late: bool) -> None:
        super().__init__("it took too long" if late else "it ended the process that read it")
        self.late = late


class Confined:
    """A process that runs a module's `main`; it is begun when it is first asked, and again after it died.

    `clock` is how many seconds one answer may take, `largest` how many bytes it may have. For one thread at a time.
    """

    def __init__(self, module: str, *, clock: float, largest: int) -> None:
        self._module = module
        self._clock = clock
        self._largest = largest
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def ask(self, content: bytes) -> bytes:
        """The answer. Raises RefusedError where the process says no, and DiedError where it says nothing any more."""
        process = self._process or self._begin()
        late = Event()

        def end() -> None:
            late.set()
            process.kill()

        clock = Timer(self._clock, end)
        clock.start()
        try:
            refused, answer = self._exchange(process, content)
        except (OSError, EOFError) as error:
            self._end()
            raise DiedError(late=late.is_set()) from error
        finally:
            clock.cancel()
        if refused:
            raise RefusedError(answer.decode(errors="replace"))
        return answer

    def _exchange(self, process: subprocess.Popen[bytes], content: bytes) -> tuple[bool, bytes]:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(len(content).to_bytes(_LENGTH, "big"))
        process.stdin.write(content)
        process.stdin.flush()
        sign, length = _exactly(process.stdout, 1), int.from_bytes(_exactly(process.stdout, _LENGTH), "big")
        if length > (self._largest if sign == _GIVEN else _LONGEST_REFUSAL):
            raise EOFError
        return sign != _GIVEN, _exactly(process.stdout, length)

    def _begin(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, _ROOT, self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(sys.executable).anchor,
            # nothing that this process knows; Windows starts no program without SYSTEMROOT
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe:
                    pipe.close()
            except OSError:
                pass  # what was still to be written to a process that is gone
        process.wait()


def serve(work: Callable[[bytes], bytes], *, memory: int) -> None:
    """In the process: answer what comes on standard input with what `work` makes of it, until there is no more.

    `memory` is in bytes of address space. `work` raises RefusedError for what it does not take, and calls `allow` first.
    """
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # what a library prints is no answer
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _limit(memory)
    while len(length := source.read(_LENGTH)) == _LENGTH:
        content = source.read(int.from_bytes(length, "big"))
        sign = _REFUSED
        try:
            answer = work(content)
            sign = _GIVEN
        except RefusedError as error:
            answer = str(error).encode(errors="replace")[:_LONGEST_REFUSAL]
        except MemoryError:
            answer = b"it needs too much memory"
        del content
        target.write(sign + len(answer).to_bytes(_LENGTH, "big"))
        target.write(answer)
        target.flush()


def allow(seconds: int) -> None:
    """In the process: so much of the processor's time from now on; what takes more ends it.

    Windows has no such limit: there the caller's clock is all.
    """
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


def _limit(memory: int) -> None:
    if sys.platform != "win32":
        import resource

        for what, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))


def _exactly(source: IO[bytes], length: int) -> bytes:
    content = source.read(length)
    if len(content) < length:
        raise EOFError
    return content
