"""The few fields of a handed-over `result.json` that say which models there are, and what became of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ml_ci.config_values import key_name
from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError, TrainingError
from ml_ci.records import Origin
from ml_ci.result import Failure
from ml_ci.sources.archive import LARGEST_JSON, HandoverError, not_ours
from ml_ci.sources.strict_json import parse_strict, read_bytes

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1
MOST_MODELS = 100
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST_FAILURE = 2_000
_NAME = "result.json"


@dataclass(frozen=True, kw_only=True)
class HandedModel:
    """One model as result.json says: its files are in `folder`. There is a `failure` where there was no comparison."""

    key: str
    folder: str
    head_origin: Origin
    base_origin: Origin
    base_commit: str | None
    failure: Failure | None


@dataclass(frozen=True)
class _Side:
    commit: str | None
    origin: Origin


@dataclass(frozen=True)
class _Model:
    verdict: Literal["pass", "fail", "inconclusive", "error"]
    key: str
    base: _Side
    head: _Side
    warnings: list[str]


@dataclass(frozen=True)
class _Document(_Model):
    models: list[_Model]


def read_handed_result(path: Path, head_sha: str) -> list[HandedModel]:
    """The models, each of them of the commit `head_sha`. Raises HandoverError."""
    document = _validated(read_bytes(path, _NAME, LARGEST_JSON))
    several = document.models
    if len(several) > MOST_MODELS:
        raise not_ours(f"{_NAME} has more than {MOST_MODELS} models")
    models = [_model(model, head_sha, folder=model.key) for model in several]
    if len({model.key.casefold() for model in models}) < len(models):
        raise not_ours(f"{_NAME} has a model twice")
    return models or [_model(document, head_sha, folder="")]


def _validated(text: bytes) -> _Document:
    from pydantic import ValidationError

    document = parse_strict(text, _NAME)
    schema = document.get("schema") if isinstance(document, dict) else None
    # neither true nor 1.0, which Python takes for 1
    whole = schema if type(schema) is int else 0
    if whole > SCHEMA:
        raise HandoverError(
            f"What the pull request's job handed over has the schema {whole} in its {_NAME}, and this ml-ci reads schema "
            f"{SCHEMA}: update ml-ci in the default branch's workflow that publishes."
        )
    if whole != SCHEMA:
        raise not_ours(f"{_NAME} is of no schema that ml-ci knows")
    try:
        return _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise not_ours(f"{_NAME} is not what its schema says ({quoted(place)}: {first['msg']})") from error


def _model(said: _Model, head_sha: str, folder: str) -> HandedModel:
    key, base, head = said.key, said.base, said.head
    try:
        key_name(key, _NAME)
    except ConfigError as error:
        raise not_ours(f"{quoted(key)} in {_NAME} is no model's key") from error
    if head.commit != head_sha:
        raise not_ours(f"it is about the commit {quoted(head.commit or '')} and not about {head_sha}")
    if base.commit is not None and not COMMIT.fullmatch(base.commit):
        raise not_ours(f"{quoted(base.commit)} in {_NAME} is no commit")
    failure = None
    if said.verdict == "error":
        # its exit code is not handed over, and only a training that failed says something of the pull request
        why = said.warnings[0] if said.warnings else "the pull request's job says that it failed, and not why."
        failure = Failure(message=why[:_LONGEST_FAILURE], exit_code=TrainingError.exit_code)
    return HandedModel(
        key=key,
        folder=folder,
        head_origin=head.origin,
        base_origin=base.origin,
        base_commit=base.commit,
        failure=failure,
    )


def _adapter() -> TypeAdapter[_Document]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Document)
