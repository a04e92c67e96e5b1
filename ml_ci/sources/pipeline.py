"""What a dvc.yaml says about its stages' outputs, with the paths that loops and variables in it stand for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from pathlib import Path
from typing import Any

from ml_ci.sources.dvc_files import read_document
from ml_ci.sources.dvc_variables import filled, variables

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def declared_metrics(pipeline: Path) -> tuple[str, ...]:
    """The metrics files that a dvc.yaml declares, relative to it; none where there is no such file.

    A path with variables in it is known once DVC has run the stage, and so written the path into dvc.lock.
    """
    of_stages = (path for path, _ in stage_outputs(pipeline, ("metrics",)))
    listed = _list(_read(pipeline).get("metrics"))
    at_the_top = (path for path in map(_entry_path, listed) if path and "${" not in path)
    return tuple(dict.fromkeys([*at_the_top, *of_stages]))


def stage_outputs(pipeline: Path, kinds: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """The outputs of these kinds (`outs`, `metrics`, `plots`) of all stages of a dvc.yaml, relative to it, each with what
    the file says about it: None where that is nothing but its path.
    """
    for name, stage in _stages(_read(pipeline)):
        yield from _outputs(pipeline, name, stage, kinds)


def plot_entries(pipeline: Path) -> tuple[tuple[str, object], ...]:
    """The entries of the `plots` at the top of a dvc.yaml, each with what the file says about it, variables filled in.

    Of several with the same name the last one holds, as in DVC.
    """
    document = _read(pipeline)
    listed = _list(document.get("plots"))
    # the files of variables are read only where one is used
    known = variables(pipeline, document) if "${" in str(listed) else {}
    entries = ((_entry_path(entry), _options(entry)) for entry in (filled(entry, known) for entry in listed))
    return tuple({name: options for name, options in entries if name}.items())


def maker(pipeline: Path, path: Path) -> str | None:
    """The stage that made `path`, as `dvc status` takes it from the folder of the dvc.yaml; None where none has.

    It is the one that dvc.lock names, in which each turn of a loop is a stage of its own (`NAME@ITEM`).
    """
    place = path.absolute()
    for name, stage in _stages(_read(pipeline)):
        folder = pipeline.parent.absolute() / str(stage.get("wdir") or ".")
        for key, output in _made(pipeline.with_name("dvc.lock"), name):
            if place.is_relative_to(posixpath.normpath(folder / output)):
                return f"{pipeline.name}:{key}"
    return None


def _stages(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    stages = document.get("stages")
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if isinstance(stage, dict):
            each = stage.get("do")
            yield str(name), each if isinstance(each, dict) else stage


def _outputs(
    pipeline: Path, name: str, stage: Mapping[str, Any], kinds: tuple[str, ...]
) -> Iterator[tuple[str, object]]:
    folder = str(stage.get("wdir") or ".")
    for entry in (entry for kind in kinds for entry in _list(stage.get(kind))):
        path, options = _entry_path(entry), _options(entry)
        if "${" in str(options):
            options = filled(options, variables(pipeline, _read(pipeline)))
        if path and "${" not in path:
            yield posixpath.normpath(posixpath.join(folder, path)), options
        elif path:
            pattern = re.compile(translate(_VARIABLE.sub("*", path)))
            made = (output for _, output in _made(pipeline.with_name("dvc.lock"), name) if pattern.fullmatch(output))
            yield from ((posixpath.normpath(posixpath.join(folder, each)), options) for each in made)


def _made(lock: Path, name: str) -> Iterator[tuple[str, str]]:
    """The outputs of a stage as dvc.lock has them, each after its stage: in a loop there is one for each turn."""
    stages = _read(lock).get("stages")
    for key, stage in stages.items() if isinstance(stages, dict) else ():
        if isinstance(stage, dict) and str(key).partition("@")[0] == name:
            for entry in _list(stage.get("outs")):
                path = entry.get("path") if isinstance(entry, dict) else None
                if isinstance(path, str):
                    yield str(key), path


def _entry_path(entry: object) -> str | None:
    """DVC writes an output as its path, or as a mapping from its path to options."""
    if isinstance(entry, dict):
        entry = next(iter(entry), None)
    return entry if isinstance(entry, str) else None


def _options(entry: object) -> object:
    return next(iter(entry.values()), None) if isinstance(entry, dict) else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _read(file: Path) -> Mapping[str, Any]:
    return read_document(file.read_bytes(), file.name) if file.exists() else {}
