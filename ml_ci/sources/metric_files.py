"""The files that a repository's training reads its parameters from and writes its metrics to."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ml_ci.config_yaml import printable
from ml_ci.errors import ConfigError, TrainingError
from ml_ci.records import Metric
from ml_ci.sources import documents
from ml_ci.sources.file_text import BrokenFileError, read_text, text_of
from ml_ci.sources.free_text import read_free_text
from ml_ci.sources.tables import read_table
from ml_ci.sources.true_place import is_file, is_own
from ml_ci.thinning import thinned

_DOCUMENTS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}
_TABLES = {".csv": None, ".tsv": "\t"}
_MOST = 5000
_LONGEST = 250

Signature = tuple[int, int, int]


def read_metrics(path: Path, name: str) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """The metrics in a file, and warnings about what in it could not be used.

    The format is told by the ending: JSON (also one document a line), YAML, TOML, CSV, TSV; anything else is free text,
    or JSON if it looks like it. `name` is what the file is called in messages, and the source of its metrics.
    Metrics' names are as written, on one line, cut to 250 characters. Their curves are thinned to 1,000 points.

    Raises TrainingError, naming file, format and line, if the file is not what its ending says: a broken file never
    counts as one that is not there.
    """
    ending = path.suffix.lower()
    kind = {".jsonl": "JSON lines", ".ndjson": "JSON lines"}.get(ending, ending.lstrip(".").upper() or "text")
    try:
        found = list(_read(path, ending))
    except BrokenFileError as error:
        raise TrainingError(
            _broken(name, kind, error, "let training write it whole, or leave it out of `metrics`")
        ) from error
    return _checked(found, name)


def read_params(path: Path, name: str) -> dict[str, str]:
    """The parameters in a JSON, YAML or TOML file, by dotted names, each written as Python's `str` writes it.

    That is how MLflow's client writes them (`True`, `None`, `1e-05`), so the same value from a file and from MLflow is
    equal. Raises ConfigError, naming file and line, if the file is broken or of another kind.
    """
    return _params_of(lambda: read_text(path), path.suffix, name)


def params_in(content: bytes, name: str) -> dict[str, str]:
    """The same of a file's content, as it is at another commit."""
    return _params_of(lambda: text_of(content), Path(name).suffix, name)


def _params_of(text: Callable[[], str], suffix: str, name: str) -> dict[str, str]:
    kind = _DOCUMENTS.get(suffix.lower(), "")
    if not kind:
        raise ConfigError(f"{name} cannot be read for parameters: name a JSON, YAML or TOML file in `params`.")
    try:
        return _params(text(), kind)
    except BrokenFileError as error:
        raise ConfigError(_broken(name, kind.upper(), error, "correct it, or leave it out of `params`")) from error


def signature(path: Path) -> Signature | None:
    """What changes when a file is written: time of modification in ns, inode, size; None if there is no file.

    The inode's own time (ctime) is left out: DVC's links and a `chmod` change it, and taking a left-over file for one
    that this training wrote is the worse mistake.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ino, status.st_size) if stat.S_ISREG(status.st_mode) else None


def written(before: Signature | None, after: Signature | None) -> bool:
    """Whether the file was written between two signatures of it."""
    return after is not None and after != before


def expand(directory: Path, patterns: Sequence[str], also: Sequence[Path] = ()) -> list[Path]:
    """The files that glob patterns, relative to `directory`, name; sorted, each once.

    Only regular files whose true place (links resolved) is below `directory`, or that are files of one of `also` (DVC's
    cache, where its links lead): what a link shows of the rest of the machine is not the repository's to publish. `.git` and `.ml-ci`
    are passed over. Raises ConfigError for a pattern that is absolute.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        if Path(pattern).is_absolute() or not pattern:
            raise ConfigError(f"`{pattern}` cannot be looked for: write a path relative to the working directory.")
        literal = directory / pattern  # first, for a name may hold brackets
        for path in [literal] if is_file(literal) else _glob(directory, pattern):
            if is_file(path) and is_own(path, directory, also):
                found[path.relative_to(directory).as_posix()] = path
    return [found[name] for name in sorted(found)]


def _glob(directory: Path, pattern: str) -> Iterable[Path]:
    try:
        for path in directory.glob(pattern):
            if not {".git", ".ml-ci"} & set(path.relative_to(directory).parts):
                yield path
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(f"`{pattern}` is no pattern for files: {error}.") from error


def _params(text: str, kind: str) -> dict[str, str]:
    document = documents.parse(text, kind) if text.strip() else None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BrokenFileError("it does not name its values", 1)
    return dict(documents.params(document))


def _read(path: Path, ending: str) -> Iterable[tuple[str, Metric]]:
    if kind := _DOCUMENTS.get(ending):
        return documents.metrics(documents.parse(read_text(path), kind), path.stem)
    if ending in _TABLES:
        return read_table(read_text(path), _TABLES[ending])
    text = read_text(path, lenient=True)
    if text.lstrip().startswith(("{", "[")):
        try:
            return list(documents.metrics(documents.parse(text, "json"), path.stem))
        except BrokenFileError:
            pass  # a printed dictionary, or a log whose lines begin with [INFO]
    return read_free_text(text)


def _checked(found: Iterable[tuple[str, Metric]], source: str) -> tuple[dict[str, Metric], tuple[str, ...]]:
    metrics: dict[str, Metric] = {}
    warnings = []
    for written_name, metric in found:
        name = " ".join(written_name.split())[:_LONGEST]
        if name in metrics:
            warnings.append(f"{source} has several values of `{name}`: the last one counts.")
        elif len(metrics) == _MOST:
            warnings.append(f"{source} has more than {_MOST} metrics: only the first {_MOST} are read.")
            break
        if name:
            metrics[name] = replace(metric, source=source, history=thinned(metric.history))
    if not metrics:
        warnings.append(f"{source} has no number in it that could be a metric.")
    return metrics, tuple(dict.fromkeys(warnings))


def _broken(name: str, kind: str, error: BrokenFileError, remedy: str) -> str:
    place = f"{name}, line {error.line}," if error.line else name
    why = printable(str(error))  # it may quote the file
    return f"{place} cannot be read as {kind}: {why if len(why) <= 300 else f'{why[:299]}…'}; {remedy}."
