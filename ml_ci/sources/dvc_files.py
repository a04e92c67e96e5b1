"""What `.dvc` files and `dvc.lock` say: data, by the hash that DVC keeps it under."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ml_ci.errors import OutsideError
from ml_ci.records import DataVersion
from ml_ci.sources.unfolding import is_too_large

Read = Callable[[str], bytes | None]
"""Gives a tracked file's content by its path in the repository: of the working tree, or of a commit."""

LOCK = "dvc.lock"
_PIPELINE = "dvc.yaml"
_ALIAS = re.compile(rb"[\s\[{,:]\*[^\s*]")


def versions(paths: Iterable[str], read: Read) -> tuple[DataVersion, ...]:
    """The source data that the `.dvc` and `dvc.lock` files among `paths` name, by path.

    Raises OutsideError for a file that is not what DVC writes.
    """
    return _by_path(version for place, document in _documents(paths, read) for version in _sources(place, document))


def outputs(paths: Iterable[str], read: Read) -> tuple[DataVersion, ...]:
    """All that DVC keeps: the outputs that the `.dvc` and `dvc.lock` files among `paths` name, by path.

    Raises OutsideError for a file that is not what DVC writes.
    """
    return _by_path(
        _version(place, document, entry)
        for place, document in _documents(paths, read)
        for holder in _stages(place, document) or [document]
        for entry in _entries(place, holder, "outs")
    )


def check_ends(paths: Iterable[str], read: Read) -> None:
    """Raise OutsideError for a file of DVC's among `paths` whose aliases stand for far more than there is in it.

    DVC looks at all that they stand for, so it would not come to an end: 300 bytes can stand for a billion words.
    """
    for path in paths:
        place = PurePosixPath(path)
        if place.name in (LOCK, _PIPELINE) or (place.suffix == ".dvc" and place.name != ".dvc"):
            content = read(path)
            if content is not None and _ALIAS.search(content):
                read_document(content, path)


def _by_path(versions: Iterable[DataVersion]) -> tuple[DataVersion, ...]:
    found = {version.path: version for version in versions}
    return tuple(found[path] for path in sorted(found))


def _documents(paths: Iterable[str], read: Read) -> Iterator[tuple[PurePosixPath, Mapping[str, Any]]]:
    for path in paths:
        place = PurePosixPath(path)
        if place.name == LOCK or (place.suffix == ".dvc" and place.name != ".dvc"):
            content = read(path)
            if content is not None:
                yield place, read_document(content, path)


def read_document(content: bytes, path: str) -> Mapping[str, Any]:
    """The mapping in a file of DVC's. Raises OutsideError, with the line, for one that holds none."""
    import yaml

    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise OutsideError(
            f"{path}{line} is not valid YAML, so DVC cannot read it: run `dvc status` and repair it."
        ) from error
    except RecursionError:
        raise OutsideError(f"{path} is nested too deeply, so DVC cannot read it: repair it.") from None
    except ValueError as error:  # a date such as 2024-13-45, a number of 5,000 digits
        raise OutsideError(f"{path} holds a value that cannot be read ({error}): repair it.") from error
    if is_too_large(document, len(content)):
        raise OutsideError(f"{path} holds a value that is endless, or far larger than the file: write it out.")
    if not isinstance(document, dict):
        raise OutsideError(
            f"{path} is not a file of DVC's: its top level is no mapping; run `dvc status` and repair it."
        )
    return document


def _sources(place: PurePosixPath, document: Mapping[str, Any]) -> Iterable[DataVersion]:
    """The outputs of a `.dvc` file; of a dvc.lock, what its stages depend on and none of them makes."""
    made: set[str] = set()
    if place.name == LOCK:
        stages = _stages(place, document)
        made = {entry["path"] for stage in stages for entry in _entries(place, stage, "outs")}
        entries = [entry for stage in stages for entry in _entries(place, stage, "deps")]
    else:
        entries = _entries(place, document, "outs")
    return (_version(place, document, entry) for entry in entries if entry["path"] not in made)


def _stages(place: PurePosixPath, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The stages of a dvc.lock; none for a `.dvc` file."""
    stages = (document.get("stages") or {}) if place.name == LOCK else {}
    if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
        raise OutsideError(f"{place} has `stages` that are no mapping: run `dvc status` and repair it.")
    return list(stages.values())


def _version(place: PurePosixPath, document: Mapping[str, Any], entry: Mapping[str, Any]) -> DataVersion:
    size, files = entry.get("size"), entry.get("nfiles")
    return DataVersion(
        path=posixpath.normpath(place.parent / str(document.get("wdir") or ".") / entry["path"]),
        hash=next((str(entry[kind]) for kind in ("md5", "etag", "checksum") if entry.get(kind)), ""),
        size=size if isinstance(size, int) else None,
        files=files if isinstance(files, int) else None,
    )


def _entries(place: PurePosixPath, holder: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """The outputs or dependencies that a file of DVC's lists, each of which has a path."""
    entries = holder.get(kind) or []
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("path"), str) for entry in entries
    ):
        raise OutsideError(f"{place} has an entry without a path in `{kind}`: run `dvc status` and repair it.")
    return entries
