"""How much each feature matters to the model: as training logged it, or as the model that it logged has it.

Nobody asked for it, so nobody is told where it cannot be had: that is a line of the debug log. It is looked for on a
thread of its own, while all else that training left is read.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from ml_ci.foreign_json import parsed
from ml_ci.sources import model_importance, process
from ml_ci.sources.file_text import BrokenFileError, as_float, text_of
from ml_ci.sources.interpreters import callers_python
from ml_ci.sources.process import Owner

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo

_LOG = logging.getLogger(__name__)

_NAME = "feature_importance"
_ENDINGS = (".json", ".csv")
_KINDS = ("gain", "total_gain", "weight", "split")
"""Of those that XGBoost's and LightGBM's autologging write, what says most about the model first."""
_MOST_BYTES = 1_000_000
_LARGEST_MODEL = 50_000_000
_PATIENCE = 20
"""Seconds that anybody waits for it all."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """Training's own Python: where it runs, its whole environment, and the user that it runs as where we are root.

    `seconds` is how long it may take to read a model; most of that is the import of scikit-learn, 6 s on two busy cores.
    """

    directory: Path
    variables: Mapping[str, str]
    owner: Owner | None = None
    seconds: float = 15


Seek = Callable[[], Mapping[str, float]]


class Sought:
    """What `seek` finds, on a thread of its own."""

    def __init__(self, seek: Seek) -> None:
        self._seek = seek
        self._found: Mapping[str, float] = {}
        self._thread = Thread(target=self._run, daemon=True, name="ml-ci-importance")
        self._thread.start()

    def found(self) -> Mapping[str, float]:
        """What was found, empty where that was nothing, or took too long."""
        self._thread.join(_PATIENCE)
        return self._found

    def _run(self) -> None:
        try:
            self._found = largest(self._seek())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one plot less
            _LOG.debug("The importance of features could not be had.", exc_info=error)


def patterns(metrics: Iterable[str]) -> tuple[str, ...]:
    """Where files of it are looked for: beside the metrics files."""
    folders = dict.fromkeys(posixpath.dirname(pattern) for pattern in metrics)
    return tuple(posixpath.join(folder, f"{_NAME}*{ending}") for folder in folders for ending in _ENDINGS)


def from_files(paths: Sequence[Path]) -> dict[str, float]:
    """What the first of these files that holds any says."""
    for path in sorted(paths, key=lambda each: _rank(each.name)):
        try:
            if path.stat().st_size <= _MOST_BYTES and (found := parse(path.read_bytes(), path.suffix)):
                return largest(found)
        except (BrokenFileError, OSError, ValueError) as error:
            _LOG.debug("%s holds no importance of features.", path, exc_info=error)
    return {}


def logged(uri: str, run_id: str, interpreter: Interpreter) -> dict[str, float]:
    """What a run of this MLflow server says: a file of autologging's, or else the scikit-learn model that it logged."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    entries = client.list_artifacts(run_id)
    written = [entry for entry in entries if _is_one(entry)]
    for entry in sorted(written, key=lambda each: _rank(each.path)):
        with TemporaryDirectory() as folder:
            content = Path(client.download_artifacts(run_id, entry.path, folder)).read_bytes()
        if found := parse(content, PurePosixPath(entry.path).suffix):
            return found
    return _of_model(client, uri, run_id, [entry.path for entry in entries if entry.is_dir], interpreter)


def parse(content: bytes, ending: str) -> dict[str, float]:
    """The numbers by name in JSON (an object, a list of objects, an object of two lists) or CSV; {} if there are none."""
    text = text_of(content)
    if ending.lower() == ".csv":
        return _of_rows([row for row in csv.reader(StringIO(text)) if row])
    document = parsed(text)
    if isinstance(document, dict) and all(isinstance(value, list) for value in document.values()):
        return _of_rows([list(row) for row in zip(*document.values(), strict=False)])
    if isinstance(document, list):
        return _of_rows([list(row.values()) for row in document if isinstance(row, dict)])
    return _finite(document.items()) if isinstance(document, dict) else {}


def largest(found: Mapping[str, float]) -> dict[str, float]:
    """The 100 that are largest by size, largest first."""
    return dict(sorted(found.items(), key=lambda pair: -abs(pair[1]))[: model_importance.MOST])


# -- files


def _is_one(entry: FileInfo) -> bool:
    """Whether it is such a file, as its name tells."""
    path = PurePosixPath(entry.path)
    fits = path.name.startswith(_NAME) and path.suffix in _ENDINGS
    return fits and not entry.is_dir and (entry.file_size or 0) <= _MOST_BYTES


def _rank(name: str) -> tuple[int, str]:
    kind = PurePosixPath(name).stem.removeprefix(f"{_NAME}_")
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), name)


def _of_rows(rows: Sequence[Sequence[object]]) -> dict[str, float]:
    """Of each row the first text, and the last number after it; a row without both, as a header's, is none."""
    pairs: list[tuple[object, object]] = []
    for row in rows:
        numbers = [_number(cell) for cell in row]
        name = next((index for index, number in enumerate(numbers) if number is None and row[index] != ""), None)
        if name is not None:
            after = [number for number in numbers[name + 1 :] if number is not None]
            pairs += [(row[name], after[0])] if after else []
    return _finite(pairs)


def _number(cell: object) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        return as_float(cell) if not isinstance(cell, str) else float(cell)
    except ValueError:
        return None


def _finite(pairs: Iterable[tuple[object, object]]) -> dict[str, float]:
    found = ((" ".join(str(name).split()), _number(value)) for name, value in pairs)
    return {name: value for name, value in found if name and value is not None and math.isfinite(value)}


# -- models


def _of_model(
    client: MlflowClient, uri: str, run_id: str, folders: Sequence[str], interpreter: Interpreter
) -> dict[str, float]:
    """What the run's first scikit-learn model says; MLflow before version 3 kept models among a run's artifacts."""
    outputs = client.get_run(run_id).outputs
    models = [output.model_id for output in outputs.model_outputs] if outputs else []
    kept: list[_LoggedModel | _ModelFolder] = [_LoggedModel(client, uri, model) for model in models]
    kept += [_ModelFolder(client, run_id, folder) for folder in folders]
    with TemporaryDirectory() as target:
        for place in kept:
            sizes = place.sizes()
            if sizes.get("MLmodel", _MOST_BYTES + 1) > _MOST_BYTES:
                continue
            described = _described(place.fetch("MLmodel", target).read_text(encoding="utf-8"))
            if described and sizes.get(described.file, _LARGEST_MODEL + 1) <= _LARGEST_MODEL:
                return _ask(described, place.fetch(described.file, target).read_bytes(), interpreter)
    return {}


@dataclass(frozen=True)
class _LoggedModel:
    """A model as MLflow 3 keeps it: by an id of its own."""

    client: MlflowClient
    uri: str
    model_id: str

    def sizes(self) -> dict[str, int]:
        return _sizes(self.client.list_logged_model_artifacts(self.model_id))

    def fetch(self, file: str, target: str) -> Path:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        location = self.client.get_logged_model(self.model_id).artifact_location
        repository = get_artifact_repository(location, tracking_uri=self.uri)
        return Path(repository.download_artifacts(file, target))  # type: ignore[no-untyped-call]  # MLflow has no type here


@dataclass(frozen=True)
class _ModelFolder:
    """A model as earlier versions kept it: a folder of the run's artifacts."""

    client: MlflowClient
    run_id: str
    folder: str

    def sizes(self) -> dict[str, int]:
        return _sizes(self.client.list_artifacts(self.run_id, self.folder))

    def fetch(self, file: str, target: str) -> Path:
        return Path(self.client.download_artifacts(self.run_id, f"{self.folder}/{file}", target))


def _sizes(entries: Iterable[FileInfo]) -> dict[str, int]:
    return {PurePosixPath(entry.path).name: entry.file_size or 0 for entry in entries if not entry.is_dir}


@dataclass(frozen=True)
class _Described:
    """What a file MLmodel says: the model's file, its format, and what goes into it."""

    file: str
    format: str
    names: tuple[str, ...]


def _described(text: str) -> _Described | None:
    """None where it is no scikit-learn model."""
    import yaml

    document = yaml.safe_load(text)
    flavor = (document.get("flavors") or {}).get("sklearn")
    if not flavor:
        return None
    inputs = json.loads((document.get("signature") or {}).get("inputs") or "[]")
    names = tuple(str(column["name"]) for column in inputs if "name" in column)
    return _Described(str(flavor["pickled_model"]), str(flavor.get("serialization_format", "pickle")), names)


def _ask(model: _Described, content: bytes, interpreter: Interpreter) -> dict[str, float]:
    """Have training's own Python read the model: what it holds is training's code, and none of ours."""
    program = callers_python(interpreter.variables.get("PATH", ""))
    if program is None:
        return {}
    question = json.dumps({"format": model.format, "names": model.names})
    said = process.ask(
        [program, "-c", Path(model_importance.__file__).read_text(encoding="utf-8")],
        directory=interpreter.directory,
        variables=interpreter.variables,
        owner=interpreter.owner,
        timeout=interpreter.seconds,
        stdin=question.encode() + b"\n" + content,
        most=_MOST_BYTES,
    )
    lines = said.decode("utf-8", "replace").splitlines()
    answers = [line.removeprefix(model_importance.MARK) for line in lines if line.startswith(model_importance.MARK)]
    if not answers:
        _LOG.debug("The model has no importance of features: %s", process.last_words(said))
        return {}
    return parse(answers[-1].encode(), ".json")
