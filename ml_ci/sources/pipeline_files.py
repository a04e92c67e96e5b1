"""Where the dvc.yaml files of a folder are, as DVC looks for them: not in what git or DVC ignore, nor in outputs."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.errors import OutsideError
from ml_ci.sources.pipeline import stage_outputs

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST_ENTRIES = 200_000
"""Files and folders that are looked at: a search that takes longer than a second is not worth a plot."""

_NAME = "dvc.yaml"

Ignored = tuple[tuple[Path, "GitIgnoreSpec"], ...]


def pipeline_files(directory: Path, top: Path) -> tuple[tuple[Path, ...], bool]:
    """The dvc.yaml files in `directory`, above it up to `top`, and below it, in this order; and whether all of it was
    looked through.

    Links to folders are not followed, hidden folders, other repositories and Python's environments are passed over.
    """
    above = [folder for folder in directory.parents if folder.is_relative_to(top)]
    ignored: Ignored = ()
    for folder in reversed(above):
        ignored = _ignored(folder, ignored)
    found = [folder / _NAME for folder in above if (folder / _NAME).is_file()]
    below, whole = _below(directory, ignored)
    return tuple([*below[:1], *found, *below[1:]] if below[:1] == [directory / _NAME] else [*found, *below]), whole


def _below(directory: Path, ignored: Ignored) -> tuple[list[Path], bool]:
    found: list[Path] = []
    seen = 0
    waiting = deque([(directory, ignored)])
    while waiting:
        folder, known = waiting.popleft()
        known = _ignored(folder, known)
        entries = _entries(folder)
        seen += len(entries)
        if seen > MOST_ENTRIES:
            return found, False
        files = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        outputs: set[Path] = set()
        if _NAME in files and not _is_ignored(folder / _NAME, known):
            found.append(folder / _NAME)
            outputs = _outputs(folder / _NAME)
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            if (
                entry.is_dir(follow_symlinks=False)
                and not entry.name.startswith(".")
                and f"{entry.name}.dvc" not in files
                and path not in outputs
                and not any((path / mark).exists() for mark in (".git", ".dvc", "pyvenv.cfg"))
                and not _is_ignored(path, known, "/")
            ):
                waiting.append((path, known))
    return found, True


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _outputs(pipeline: Path) -> set[Path]:
    """The places of a pipeline's outputs. A broken dvc.yaml is told of by whoever reads the plots in it."""
    try:
        return {pipeline.parent / path for path, _ in stage_outputs(pipeline, ("outs", "metrics", "plots"))}
    except OutsideError:
        return set()


def _ignored(folder: Path, known: Ignored) -> Ignored:
    lines: list[str] = []
    for name in (".gitignore", ".dvcignore"):
        file = folder / name
        if file.is_file() and file.stat().st_size < 1_000_000:
            lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
    return (*known, (folder, _spec(lines))) if lines else known


def _spec(lines: list[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        # git passes over a line that is no pattern
        return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_ignored(path: Path, known: Ignored, suffix: str = "") -> bool:
    return any(spec.match_file(path.relative_to(folder).as_posix() + suffix) for folder, spec in known)
