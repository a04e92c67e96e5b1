"""Running other programs (git, DVC, uv) quietly, as the workspace's owner, with an answer in words when they fail."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread, Timer
from typing import IO

from ml_ci.errors import OutsideError
from ml_ci.sources.powers import start_powerless


@dataclass(frozen=True)
class Owner:
    """The user that a workspace belongs to. A job that runs as root, as in the container, acts for this user."""

    uid: int
    gid: int


def owner_of(folder: Path) -> Owner | None:
    """Whom to act for in `folder`: its owner if this process is root and the owner is not; else None."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    status = folder.stat()
    return Owner(status.st_uid, status.st_gid) if status.st_uid != 0 else None


def start(
    arguments: Sequence[str | Path],
    directory: Path,
    variables: Mapping[str, str],
    owner: Owner | None,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program for `owner`, the workspace's, or else as this process's user; with none of root's powers.

    `variables` is its whole environment.
    """

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=directory,
            env=dict(variables),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=new_session,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )

    # whoever becomes another user loses them anyway, and needs them for it
    return begin() if owner else start_powerless(begin)


def run(
    arguments: Sequence[str | Path],
    *,
    directory: Path,
    variables: Mapping[str, str],
    owner: Owner | None = None,
    timeout: float = 600,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, with both outputs captured.

    `variables` is its whole environment. Raises OutsideError if it cannot be started or outlives `timeout` seconds;
    a non-zero exit is the caller's to judge.
    """
    program = Path(arguments[0]).name
    try:
        with start(
            arguments,
            directory,
            variables,
            owner,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            try:
                output, errors = running.communicate(stdin, timeout)
            except BaseException:
                running.kill()
                raise
        return subprocess.CompletedProcess(running.args, running.returncode, output, errors)
    except FileNotFoundError as error:
        raise OutsideError(f"{program} was not found: install it, or put it on the PATH.") from error
    except (OSError, ValueError) as error:  # an argument of 128 KiB, or with a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        raise OutsideError(
            f"{program} could not be started ({why}): is a name that it was given far too long?"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise OutsideError(f"{program} did not answer within {timeout:.0f} seconds.") from error


def ask(
    arguments: Sequence[str | Path],
    *,
    directory: Path,
    variables: Mapping[str, str],
    owner: Owner | None,
    timeout: float,
    stdin: bytes,
    most: int,
) -> bytes:
    """What a program that is not to be trusted prints, errors among it. It is ended after `timeout` seconds, and when it
    has printed `most` bytes: as much as `run` would keep of an endless answer, no machine has memory for.
    """
    with start(
        arguments, directory, variables, owner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:
        if program.stdin is None or program.stdout is None:
            raise AssertionError("they are pipes")
        end = Timer(timeout, program.kill)
        telling = Thread(target=_tell, args=(program.stdin, stdin), daemon=True)
        end.start()
        telling.start()
        try:
            return program.stdout.read(most)
        finally:
            program.kill()
            end.cancel()
            telling.join()


def _tell(pipe: IO[bytes], text: bytes) -> None:
    with suppress(OSError), pipe:
        pipe.write(text)


def last_words(output: bytes, limit: int = 400) -> str:
    """The end of what a program printed, on one line, for an error's sentence."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-limit:] or "it printed nothing"
