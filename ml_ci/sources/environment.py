"""Training's environment: built by uv from what the repository says, cached by hash, apart from ml-ci's own."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_ci.config import EnvironmentSpec
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.sources import requirements
from ml_ci.sources.environment_build import Build, Place, run_build
from ml_ci.sources.interpreters import (
    BIN,
    ask,
    callers_path,
    callers_python,
    installed,
    interpreter,
    path_with_dvc_last,
    path_without_own,
)
from ml_ci.sources.requirements import Source
from ml_ci.sources.stream import log_tail
from ml_ci.sources.training import shell, training_variables

__all__ = ["TrainingEnvironment", "path_with_dvc_last", "path_without_own", "prepare"]


@dataclass(frozen=True, kw_only=True)
class TrainingEnvironment:
    """What training runs in.

    `variables` is the whole environment for `train`: what training may see, with PATH and VIRTUAL_ENV as they have to
    be. `root` is the virtual environment's folder, None for the caller's own. `packages` are the installed
    distributions by normalized name. `built` is False where it was in the cache or is the caller's own. `source` says
    in words what it came from, and `note`, where not empty, what a person ought to know about that.
    """

    root: Path | None
    variables: Mapping[str, str]
    python: str
    platform: str
    packages: Mapping[str, str]
    built: bool
    source: str
    note: str = ""


def prepare(
    directory: Path, top: Path, spec: EnvironmentSpec, *, outer: Mapping[str, str], place: Place
) -> TrainingEnvironment:
    """The environment that training in `directory`, of the repository at `top`, runs in; built if it is not in the cache.

    `outer` is the job's environment.

    Raises ConfigError if the repository's files do not fit, OutsideError, with the last lines, if building fails.
    """
    variables = training_variables(outer)
    variables["PATH"] = path_without_own(outer)
    own = {**variables, "PATH": callers_path(outer, in_container=place.in_container)}
    if spec.kind == "none":
        return _callers_own(own, place)
    if spec.kind == "command":
        return _by_command(spec.value, directory, variables, place)
    if spec.kind == "requirements":
        source: Source | None = requirements.from_requirements(_named(spec.value, directory, top), directory)
    else:
        source = requirements.find_source(directory, top)
    if source is None:
        return _callers_own(own, place, _why_not_built(directory, top, place.in_container))
    return _built(Build(source, variables, place), source, place.cache)


def _built(build: Build, source: Source, cache: Path) -> TrainingEnvironment:
    fresh = build.ensure()
    variables = _activated(build.variables, build.root, cache)
    if source.kind == "uv.lock":
        # so that a `uv run` in training uses this environment as it is, and makes none in the working tree
        variables |= {"UV_PROJECT_ENVIRONMENT": str(build.root), "UV_NO_SYNC": "1"}
    return _described(build.root, variables, fresh, source.file.name)


def _activated(variables: Mapping[str, str], root: Path, cache: Path) -> dict[str, str]:
    path = path_with_dvc_last(os.pathsep.join([str(root / BIN), variables["PATH"]]), cache)
    changed = {**variables, "PATH": path, "VIRTUAL_ENV": str(root)}
    changed.pop("PYTHONHOME", None)
    return changed


def _callers_own(variables: dict[str, str], place: Place, note: str = "") -> TrainingEnvironment:
    path = variables["PATH"]
    program = callers_python(path)
    version, folders = ask(program, variables, owner=place.owner) if program else ("", [])
    return TrainingEnvironment(
        root=None,
        variables={**variables, "PATH": path_with_dvc_last(path, place.cache)},
        python=version,
        platform=_platform(),
        packages=installed(folders),
        built=False,
        source="the caller's own",
        note=note,
    )


def _by_command(command: str, directory: Path, variables: dict[str, str], place: Place) -> TrainingEnvironment:
    failed = run_build(shell(command, variables), directory, variables, place)
    root = directory / ".venv"
    if failed:
        raise OutsideError(
            f"The environment's command (`{command}`) failed ({failed}): correct `environment` in .ml-ci.yml. "
            f"The end of what it said:\n{log_tail(place.log, lines=15)}"
        )
    if not interpreter(root).exists():
        raise OutsideError(f"The environment's command (`{command}`) left no virtual environment in {root}.")
    return _described(root, _activated(variables, root, place.cache), True, f"`{command}`")


def _described(root: Path, variables: Mapping[str, str], built: bool, source: str) -> TrainingEnvironment:
    config = (root / "pyvenv.cfg").read_text(encoding="utf-8")
    version = re.search(r"(?m)^version(?:_info)? *= *(\d+\.\d+\.\d+)", config)
    folders = [root / "Lib" / "site-packages", *sorted(root.glob("lib/python*/site-packages"))]
    return TrainingEnvironment(
        root=root,
        variables=variables,
        python=version[1] if version else "",
        platform=_platform(),
        packages=installed(folders),
        built=built,
        source=source,
    )


def _why_not_built(directory: Path, top: Path, in_container: bool) -> str:
    seen = requirements.unread_files(directory, top)
    conda = next((name for name in seen if name in requirements.CONDA), "")
    if conda and in_container:
        raise ConfigError(
            f"{conda} needs conda, which the container does not have: set `runtime: host` in the workflow and make the "
            "environment in a step before this one, or commit a requirements.txt."
        )
    told = f" ({', '.join(seen)} is not read)" if seen else ""
    return (
        f"No uv.lock, requirements.txt or pyproject.toml with a [project] was found{told}, so training runs in the "
        "Python that the caller has."
    )


def _named(name: str, directory: Path, top: Path) -> Path:
    for folder in (directory, top):
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"`environment: {{requirements: {name}}}`: there is no such file in {directory}.")


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}"
