"""Pythons and their folders: which one is the caller's, what is installed in one, what is on whose PATH."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources.process import Owner, run

BIN = "Scripts" if sys.platform == "win32" else "bin"


def path_without_own(outer: Mapping[str, str], own: Path = Path(sys.prefix)) -> str:
    """The caller's PATH without ml-ci's own virtual environment, unless the caller has activated that one."""
    parts = outer.get("PATH", os.defpath).split(os.pathsep)
    activated = outer.get("VIRTUAL_ENV")
    if own == Path(sys.base_prefix) or (activated and Path(activated).resolve() == own.resolve()):
        return os.pathsep.join(parts)
    hidden = {str(own / BIN), os.path.realpath(own / BIN)}
    return os.pathsep.join(part for part in parts if part.rstrip("/\\") not in hidden)


def callers_path(outer: Mapping[str, str], *, in_container: bool, own: Path = Path(sys.prefix)) -> str:
    """The caller's PATH for a training that runs in the caller's own environment: as it was given.

    Whoever has the folder that ml-ci is installed in on the PATH means its `python`, activated or not. Not so where
    nobody chose that folder: in the container, or where a tool made it for ml-ci alone (`uvx` even puts it on the PATH).
    """
    if in_container or _is_for_ml_ci_alone(own):
        return path_without_own(outer, own)
    return outer.get("PATH", os.defpath)


def _is_for_ml_ci_alone(own: Path) -> bool:
    """Whether `uv tool install`, `uvx` or pipx made this environment, as what they leave in it or above it tells."""
    if any((own / name).is_file() for name in ("uv-receipt.toml", "pipx_metadata.json")):
        return True
    # uvx's are in uv's cache; uv marks an environment of one's own in the same way, but not what is above it
    return any((folder / "CACHEDIR.TAG").is_file() for folder in own.parents)


def callers_python(path: str) -> str | None:
    """The program that `python` (or else `python3`) is on this PATH."""
    return shutil.which("python", path=path) or shutil.which("python3", path=path)


def path_with_dvc_last(path: str, cache: Path, own: Path = Path(sys.prefix)) -> str:
    """`path` with ml-ci's own `dvc`, and nothing else of ml-ci's, at its end: used only where training has none."""
    program = own / BIN / ("dvc.exe" if sys.platform == "win32" else "dvc")
    if not program.is_file():
        return path
    if sys.platform == "win32":  # links need rights there; dvc.exe works from anywhere
        folder = cache / "dvc-launcher"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, folder)
        return path + os.pathsep + str(folder)
    # one folder for each installation of ml-ci, so that several can share the cache
    folder = cache / "dvc-launcher" / re.sub(r"\W+", "-", str(program.absolute())).strip("-")
    link = folder / "dvc"
    if not (link.is_symlink() and link.readlink() == program.absolute()):
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".dvc-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(program.absolute())
        fresh.replace(link)
    return path + os.pathsep + str(folder)


def installed(site_packages: Sequence[Path]) -> dict[str, str]:
    """The distributions in these folders, earlier ones first in importing: normalized name to version.

    Told by the names of `NAME-VERSION.dist-info`, which the packaging specification fixes; reading each METADATA file
    would take a second for a large environment.
    """
    found: dict[str, str] = {}
    for folder in site_packages:
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        for entry in entries:
            match = re.fullmatch(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info", entry.name)
            if match:
                found.setdefault(re.sub(r"[-_.]+", "-", match[1]).lower(), match[2])
    return dict(sorted(found.items()))


_VERSION_AND_PATH = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.path]))"


def ask(
    program: str, variables: Mapping[str, str], code: str = _VERSION_AND_PATH, *, owner: Owner | None = None
) -> tuple[str, list[Path]]:
    """A Python's version and the folders that it imports from. It may run the repository's code, and so as the owner."""
    try:
        said = run(
            [program, "-c", code], directory=Path(program).parent, variables=variables, owner=owner, timeout=60
        ).stdout
        version, path = json.loads(said)
    except (OutsideError, ValueError) as error:
        raise OutsideError(f"{program} does not run, so training would not either: repair it or the PATH.") from error
    return str(version), [Path(folder) for folder in path if folder]


def imported_folders(path: str, variables: Mapping[str, str], owner: Owner | None = None) -> list[Path]:
    """Where the caller's Python on this PATH imports from, with the folders that hold what is installed as editable.

    Those are on its path, or in the `MAPPING` of a finder of setuptools'.
    """
    program = callers_python(path)
    code = (
        "import json, os, sys; finders = [m for n, m in list(sys.modules.items()) if n.startswith('__editable__')]; "
        "mapped = [os.path.dirname(p) for m in finders for p in getattr(m, 'MAPPING', {}).values()]; "
        "print(json.dumps([sys.version.split()[0], [*mapped, *sys.path]]))"
    )
    return ask(program, variables, code, owner=owner)[1] if program else []


def interpreter(root: Path) -> Path:
    """The Python of a virtual environment."""
    return root / BIN / ("python.exe" if sys.platform == "win32" else "python")
