"""Which plots the dvc.yaml files of a repository define: what files, fields and template each has. No data is read here.

https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#plots
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources.pipeline import plot_entries, stage_outputs
from ml_ci.sources.pipeline_files import MOST_ENTRIES, pipeline_files
from ml_ci.sources.true_place import is_folder

MOST_FIELDS = 20
"""Fields of one plot."""

DATA = frozenset({".json", ".yaml", ".yml", ".toml", ".csv", ".tsv"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".svg"})

_MOST_FILES = 500
_LONGEST = 200
_SAYING = frozenset({"x", "y", "template", "title"})


@dataclass(frozen=True)
class Field:
    """One field of a file, whose path is from the repository's top. Without a name it is the last one of the file."""

    file: str
    name: str | None


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One plot as it is defined. Texts are empty where the definition does not say.

    Without `x` it is the row's number. A single `x` goes with every `y`, several go with them in turn.
    """

    name: str
    y: tuple[Field, ...]
    x: tuple[Field, ...] = ()
    template: str = ""
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    header: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is drawn from."""
        return tuple(dict.fromkeys(each.file for each in (*self.y, *self.x)))


@dataclass
class Definitions:
    """All plots by name, in the order in which they are defined; images by path; and for single plots what has to be said
    of them: what was done and why, and to which.
    """

    plots: dict[str, Definition] = field(default_factory=dict)
    images: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)


def definitions(directory: Path, top: Path) -> Definitions:
    """The plots of all dvc.yaml files of `directory`; of those above it in the repository, what is drawn from its files.

    A dvc.yaml that cannot be read is a warning.
    """
    found = Definitions()
    files, whole = pipeline_files(directory, top)
    if not whole:
        found.warnings.append(
            f"Only the first {MOST_ENTRIES} files and folders were searched for a dvc.yaml; DVC's plots may be missing."
        )
    for pipeline in files:
        try:
            _Pipeline(pipeline, directory, top, found).add()
        except OutsideError as error:
            found.warnings.append(f"DVC's plots of {pipeline.relative_to(top)} are not shown: {error}")
    return found


class _Pipeline:
    """One dvc.yaml, whose plots are added to those that were found before."""

    def __init__(self, pipeline: Path, directory: Path, top: Path, found: Definitions) -> None:
        self.pipeline, self.top, self.found = pipeline, top, found
        self.place = pipeline.relative_to(top).as_posix()
        self.prefix = "" if pipeline.parent == directory else f"{self.place}::"
        # one that is above the folder that training runs in is of other folders, too
        self.only_below = "." if pipeline.is_relative_to(directory) else directory.relative_to(top).as_posix()

    def add(self) -> None:
        entries = [*plot_entries(self.pipeline), *stage_outputs(self.pipeline, ("plots",))]
        paths = [_path(self.place, name) for name, options in entries if not _has_files(options)]
        for name, options in entries:
            if "${" in f"{name}{options}":
                self._leave_out(name, "a variable in its definition has no value in params.yaml or `vars`")
            elif isinstance(options, list):
                self._leave_out(
                    name, "DVC takes one plot for each output of a stage; define others in `plots` at the top"
                )
            elif _has_files(options):
                self._keep(_of_fields(f"{self.prefix}{name}", name, _mapping(options), self.place), said=True)
            else:
                path = _path(self.place, name)
                self._add_files([file for file in self._files(path) if _closest(file, paths) == path], options)

    def _files(self, path: str) -> list[str]:
        """The file itself, or of a folder all that can be drawn."""
        place = self.top / path
        if _is_outside(path) or not is_folder(place):
            return [path]
        if not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(self.top)):
            self._leave_out(path, "it is a link that leads out of the repository")
            return []
        files = sorted(islice(_in_folder(self.top, path), _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            self.found.warnings.append(
                f"{path} has more than {_MOST_FILES} files: no more of them are DVC's plots here."
            )
        return files[:_MOST_FILES]

    def _add_files(self, files: list[str], options: object) -> None:
        said = _mapping(options)
        for file in files:
            if _ending(file) not in IMAGES:
                self._keep(_of_file(file, said, self.place), said=bool(_SAYING & set(said)))
            elif not _is_outside(file) and _is_below(file, self.only_below):
                self.found.images[file] = None

    def _keep(self, plot: Definition, *, said: bool) -> None:
        """Keep a plot; a second one of the same name only if its definition says something of its own."""
        if any(map(_is_outside, plot.files)):
            self._leave_out(plot.name, "its data is outside of the repository")
            return
        taken = plot.name in self.found.plots
        if (taken and not said) or not all(_is_below(file, self.only_below) for file in plot.files):
            return
        if len(plot.y) > MOST_FIELDS:
            self.found.remarks.append((f"Shown with the first {MOST_FIELDS} of its fields", plot.name))
            plot = replace(plot, y=plot.y[:MOST_FIELDS], x=plot.x[:MOST_FIELDS])
        name = f"{self.place}::{plot.name}" if taken else plot.name
        self.found.plots[name] = replace(plot, name=name)

    def _leave_out(self, name: str, why: str) -> None:
        if self.only_below == ".":
            self.found.remarks.append((f"Left out, since {why}", name))


def _of_file(file: str, said: Mapping[str, object], place: str) -> Definition:
    y = said.get("y")
    names = [str(each) for each in y] if isinstance(y, list) else [None if y is None else str(y)]
    return _with_options(Definition(name=file, y=tuple(Field(file, name) for name in names)), said, place)


def _of_fields(name: str, title: str, said: Mapping[str, object], place: str) -> Definition:
    return _with_options(Definition(name=name, y=_fields(said.get("y"), place), title=title), said, place)


def _with_options(plot: Definition, said: Mapping[str, object], place: str) -> Definition:
    x = said.get("x")
    fields: tuple[Field, ...] = ()
    if isinstance(x, dict):
        fields = _fields(x, place)
    elif x is not None:
        fields = tuple(Field(each.file, str(x)) for each in plot.y)
    return replace(
        plot,
        x=fields,
        template=_text(said.get("template")),
        title=_text(said.get("title") or plot.title or plot.name),
        x_label=_text(said.get("x_label")),
        y_label=_text(said.get("y_label")),
        header=said.get("header") is not False,
    )


def _fields(axis: object, place: str) -> tuple[Field, ...]:
    """The fields of `{FILE: FIELD}` or `{FILE: [FIELD, …]}`."""
    return tuple(
        Field(_path(place, str(file)), str(name))
        for file, names in _mapping(axis).items()
        for name in (names if isinstance(names, list) else [names])
    )


def _has_files(options: object) -> bool:
    """Whether a definition names its files itself, so that its own name is none."""
    return isinstance(_mapping(options).get("y"), dict)


def _in_folder(top: Path, path: str) -> Iterator[str]:
    """The files in a folder that can be drawn or shown; links to folders are not followed."""
    seen = 0
    for folder, _, files in os.walk(top / path, followlinks=False):
        seen += len(files)
        if seen > MOST_ENTRIES:
            return
        for file in files:
            if _ending(file) in DATA | IMAGES:
                yield (Path(folder) / file).relative_to(top).as_posix()


def _closest(file: str, paths: list[str]) -> str:
    """The most specific of the definitions that a file is in."""
    return max((path for path in paths if _is_below(file, path)), key=len, default="")


def _is_outside(file: str) -> bool:
    return file.startswith(("../", "/")) or file == ".."


def _is_below(file: str, folder: str) -> bool:
    return folder in {".", file} or file.startswith(f"{folder}/")


def _path(place: str, name: str) -> str:
    """A path as a dvc.yaml at `place` gives it, from the repository's top."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), name))


def _ending(file: str) -> str:
    return posixpath.splitext(file)[1].lower()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST]
