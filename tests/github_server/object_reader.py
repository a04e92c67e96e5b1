"""What git objects are and hold, asked of one git process that stays, because starting one for each takes ten times as long."""

import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence


class ObjectReader:
    """Looks objects up by any name that git knows for them. Safe to call from several threads."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = [*command, "cat-file", "--batch-command"]
        self._environment = environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def find(self, name: str) -> tuple[str, str] | None:
        """The SHA and the kind of the object; None where there is none, or several."""
        return self._ask("info", name)[0]

    def content(self, sha: str) -> bytes | None:
        """The bytes of the object; None where there is none."""
        return self._ask("contents", sha)[1]

    def _ask(self, what: str, name: str) -> tuple[tuple[str, str] | None, bytes | None]:
        if "\n" in name or "\0" in name:
            return None, None
        with self._lock:
            process = self._running()
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{what} {name}\n".encode(errors="surrogateescape"))
            process.stdin.flush()
            line = process.stdout.readline().decode(errors="surrogateescape").rstrip("\n")
            words = line.rsplit(" ", 2)
            if len(words) < 3 or not words[2].isdigit():
                return None, None
            found = (words[0], words[1])
            if what == "info":
                return found, None
            content = process.stdout.read(int(words[2]))
            process.stdout.read(1)
            return found, content

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=dict(self._environment),
            )  # fmt: skip
            weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    process.kill()
    process.wait()
