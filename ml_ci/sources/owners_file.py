"""Writing a file where code of others can put a link in its place: by the rights of the workspace's owner, not by root's."""

from __future__ import annotations

import os
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources.process import Owner, last_words, run

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
