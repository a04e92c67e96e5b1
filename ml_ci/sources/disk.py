"""What the machine refuses when files are written, in a sentence."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_ci.errors import OutsideError

_REMEDIES = {
    errno.ENOSPC: "free some space, or give the job a larger disk, and run it again",
    errno.EDQUOT: "free some space, or raise the quota, and run the job again",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`), and run the job again",
    errno.EROFS: "mount it so that it can be written, and run the job again",
    errno.EIO: "the disk is failing; run the job on another one",
    errno.EMFILE: "raise the limit on open files (`ulimit -n`), and run the job again",
    errno.ENFILE: "close other programs, and run the job again",
    errno.EACCES: "let the user that the job runs as write there",
    errno.EPERM: "let the user that the job runs as write there",
}


_FULL = 1_000_000
"""Bytes: with less a disk is full."""


def if_full(folder: Path) -> str:
    """For the end of a sentence about a program that does not say why it failed: that the folder's disk is full, if it is."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f" (No space left on device): free some space in {folder}, and run the job again" if free < _FULL else ""


@contextmanager
def disk_explained(doing: str = "write") -> Iterator[None]:
    """Turn a full or failing disk inside into OutsideError: `the job could not {doing}`, where, and what to do.

    Any other OSError is a bug, and is raised as it is.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        where = f" {error.filename}" if isinstance(error.filename, str) else ""
        raise OutsideError(f"the job could not {doing}{where} ({error.strerror}): {remedy}.") from error
