"""The variables of a dvc.yaml: `${name}` in it stands for what params.yaml and `vars` say.

https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#templating
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_ci.sources import documents
from ml_ci.sources.file_text import BrokenFileError, read_text
from ml_ci.sources.true_place import is_file
from ml_ci.sources.unfolding import is_too_large

_USUAL = "params.yaml"
_KINDS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_USE = re.compile(r"(?<!\\)\$\{(.*?)\}")
_LARGEST = 1_000_000
_LONGEST = 500
"""Characters of a variable. It stands for a path or a name, and may be used some hundred thousand times."""


def variables(pipeline: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that hold in a whole dvc.yaml. A file of them that cannot be read gives none: DVC would not run."""
    listed = document.get("vars")
    known: dict[str, Any] = {}
    for entry in (_USUAL, *(listed if isinstance(listed, list) else ())):
        found = entry if isinstance(entry, dict) else _in_file(pipeline.parent, str(entry))
        _merge(known, found)
    return known


def filled(value: object, known: Mapping[str, Any]) -> object:
    """The value with every variable in its texts, and in the names that it maps, replaced; an unknown one stays."""
    if isinstance(value, dict):
        return {filled(key, known): filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    return _USE.sub(lambda use: _text(use, known), value) if isinstance(value, str) else value


def _text(use: re.Match[str], known: Mapping[str, Any]) -> str:
    value: object = known
    for part in re.split(r"[.\[]", use[1].strip().replace("]", "")):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return use[0]
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, str | int | float) else use[0]
    return text if len(text) <= _LONGEST else use[0]


def _in_file(folder: Path, entry: str) -> Mapping[str, Any]:
    """What a file holds, or of `FILE:KEY,KEY` those keys. A file outside of the folder of the dvc.yaml is not read."""
    name, _, keys = entry.partition(":")
    path = folder / name
    inside = os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)
    if not inside or not is_file(path) or path.suffix not in _KINDS:
        return {}
    try:
        text = read_text(path, largest=_LARGEST)
        document = documents.parse(text, _KINDS[path.suffix])
    except BrokenFileError:
        return {}
    if not isinstance(document, dict) or is_too_large(document, len(text)):
        return {}
    return {key: document[key] for key in keys.split(",") if key in document} if keys else document


def _merge(known: dict[str, Any], found: Mapping[str, Any]) -> None:
    for key, value in found.items():
        if isinstance(value, dict) and isinstance(known.get(key), dict):
            _merge(known[key], value)
        else:
            known[key] = value
