"""A ZIP archive from strangers, unpacked to named regular files and nothing else."""

from __future__ import annotations

from pathlib import Path

from ml_ci.errors import OutsideError


class HandoverError(OutsideError):
    """What was handed over for publishing is not what ml-ci writes."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack what has a report's name into `folder`, which is empty. Raises HandoverError for links, other names, sizes."""
    raise NotImplementedError
