"""A file where code of others can put a link in its place: by the rights of the workspace's owner, not by root's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources.process import Owner, last_words, run

_MOST_BYTES = 1_000_000
_WRITE = 'umask 077; cat >"$1"'


def write_as_owner(path: Path, text: str, owner: Owner | None) -> None:
    """Write `text` to a file that only its owner may read. Raises OutsideError where the owner may not write it.

    Where this process is root, a process of the owner's does it, or one without root's powers: a link that leads to
    what only root may write is then no way there.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return
    # the shell, since this Python may be where only root gets at it
    answer = run(
        ["/bin/sh", "-c", _WRITE, "sh", path],
        directory=path.parent,
        variables={"PATH": os.defpath},
        owner=owner,
        timeout=60,
        stdin=text.encode(),
    )
    if answer.returncode:
        raise OutsideError(f"{path} could not be written as its owner ({last_words(answer.stderr)}): delete it.")


def read_as_owner(path: Path, uid: int) -> str:
    """What a settings file says that the user `uid` may read; empty where there is none.

    A link in its place may lead to what only root may read, and what is read here is written where training sees it.
    Raises OutsideError for what is no such file, and for what is no text.
    """
    try:
        # a pipe in its place would be waited for without an end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise OutsideError(f"{path} cannot be read ({error.strerror}): repair or delete it.") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise OutsideError(f"{path} is no settings file of a usual size: delete it.")
        if root and status.st_uid != uid and not status.st_mode & stat.S_IROTH:
            raise OutsideError(f"{path} leads to a file that the workspace's owner may not read: delete it.")
        try:
            return file.read(_MOST_BYTES).decode()
        except UnicodeDecodeError as error:
            raise OutsideError(f"{path} is no text in UTF-8: correct it.") from error
