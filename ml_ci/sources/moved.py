"""Head's working tree in the environment of the base: what leads into the one has to lead into the other.

Else the base would run head's code. A workflow sets `PYTHONPATH: ${{ github.workspace }}/src`, or installs the package
as editable, and every change of that package would look like none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ml_ci.sources.interpreters import imported_folders
from ml_ci.sources.process import Owner

_KEPT = ("PATH", "VIRTUAL_ENV", "HOME")
"""The caller's programs and environment, which both sides use."""


def moved_variables(variables: Mapping[str, str], top: Path, worktree: Path) -> dict[str, str]:
    """`variables` with every path below `top` (also in lists, as of PYTHONPATH) led to the same place of `worktree`.

    A path that the worktree does not have, such as that of data which git ignores, stays.
    """
    return {name: value if name in _KEPT else _moved_list(value, top, worktree) for name, value in variables.items()}


def with_own_packages(
    variables: Mapping[str, str], top: Path, worktree: Path, owner: Owner | None = None
) -> dict[str, str]:
    """`variables` with a PYTHONPATH that leads to the worktree's own code where the caller's Python imports from `top`."""
    folders = map(str, imported_folders(variables.get("PATH", os.defpath), variables, owner))
    moved = [(folder, _moved(folder, top, worktree)) for folder in folders]
    own = list(dict.fromkeys(place for folder, place in moved if place != folder))
    before = [variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else []
    return {**variables, "PYTHONPATH": os.pathsep.join([*own, *before])} if own else dict(variables)


def _moved_list(value: str, top: Path, worktree: Path) -> str:
    return os.pathsep.join(_moved(part, top, worktree) for part in value.split(os.pathsep))


def _moved(path: str, top: Path, worktree: Path) -> str:
    if not Path(path).is_absolute():
        return path
    real = Path(os.path.realpath(path))  # links resolved, since the top's own path is
    if not real.is_relative_to(top):
        return path
    place = worktree / real.relative_to(top)
    return str(place) if place.exists() else path
