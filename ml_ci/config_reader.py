"""Reading `.ml-ci.yml`: where it is, and what its keys say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ml_ci import config_values as values
from ml_ci.config import BASELINES, Config, EnvironmentSpec
from ml_ci.config_gate import data_gate, gate, policy, slices
from ml_ci.config_keys import DATA, ENVIRONMENT, TOP, WITHOUT_EFFECT, known, read
from ml_ci.config_models import models
from ml_ci.config_pass_env import pass_env
from ml_ci.config_paths import glob, path, target
from ml_ci.config_predictions import predictions
from ml_ci.config_values import mapping, strings
from ml_ci.config_yaml import MAX_BYTES, Field, Items, Scalar, document
from ml_ci.errors import ConfigError

FILE_NAMES = (".ml-ci.yml", ".ml-ci.yaml")
MAX_REPEATS = 100
"""Trainings of each side: far more than the noise of a seed needs, and a typo costs no week."""
MAX_TRAININGS = 1000


def load(file: Path | None, top: Path) -> Config:
    """The configuration in `file`, or, where that is None, in `.ml-ci.yml` or `.ml-ci.yaml` in the folder `top`.

    Without either of these every key has its default, and `source` is None. Raises ConfigError, with the file's line
    where there is one, for a file that is not there, cannot be read, or says what it may not.
    """
    if file is None:
        # lexists, so that a broken link is an error and not the defaults
        there = [top / name for name in FILE_NAMES if (top / name).is_symlink() or (top / name).exists()]
        if len(there) > 1:
            raise ConfigError(f"There are both {FILE_NAMES[0]} and {FILE_NAMES[1]}; delete one of them.")
        if not there:
            return Config()
        file = there[0]
    name = file.relative_to(top).as_posix() if file.is_relative_to(top) else str(file)
    config = parse(_content(file, top, name), name)
    return replace(config, source=file, models=tuple(replace(model, source=file) for model in config.models))


def parse(text: str | bytes, name: str) -> Config:
    """The configuration that the text holds; `name` is what messages call its file, and `source` is None.

    Raises ConfigError with one sentence, `name:LINE: …`, for the first mistake.
    """
    top = known(document(text, name), TOP)
    if "models" not in top:
        return _settings(top)
    default = Config()
    return Config(key=read(top, "key", _key, default.key), models=models(top, _settings))


def _settings(top: dict[str, Field]) -> Config:
    """The configuration of one model, by its keys."""
    default = Config()
    folder = read(top, "working-directory", path, default.working_directory)
    globs = partial(strings, read=partial(glob, base=folder))
    predicted = read(top, "predictions", partial(predictions, folder=folder), default.predictions)
    rules = read(top, "gate", gate, default.gate)
    return Config(
        train=read(top, "train", values.text, default.train),
        working_directory=folder,
        environment=read(top, "environment", partial(_environment, folder=folder), default.environment),
        timeout=read(top, "timeout", values.duration, default.timeout),
        pull=read(top, "data", partial(_pull, folder=folder), default.pull),
        data_key=read(top, "data", _data_key, default.data_key),
        inputs=read(top, "inputs", globs, default.inputs),
        metrics=read(top, "metrics", globs, default.metrics),
        params=read(top, "params", globs, default.params),
        plots=read(top, "plots", globs, default.plots),
        report=read(top, "report", partial(path, base=folder), default.report),
        predictions=predicted,
        repeats=read(top, "repeats", partial(values.whole_number, most=MAX_REPEATS), default.repeats),
        evaluate=read(top, "evaluate", values.text, default.evaluate),
        attribute=read(top, "attribute", values.boolean, default.attribute),
        max_trainings=read(
            top, "max-trainings", partial(values.whole_number, most=MAX_TRAININGS), default.max_trainings
        ),
        gate=rules,
        data_gate=read(top, "gate", data_gate, default.data_gate),
        slices=read(top, "slices", partial(slices, rules=rules, predictions=predicted), default.slices),
        policy=read(top, "policy", policy, default.policy),
        baseline=read(top, "baseline", partial(values.choice, choices=BASELINES), default.baseline),
        pass_env=read(top, "pass-env", pass_env, default.pass_env),
        key=read(top, "key", _key, default.key),
        unused={key: field.place.line for key, field in top.items() if key in WITHOUT_EFFECT},
    )


def _content(file: Path, top: Path, name: str) -> bytes:
    if not file.exists():
        raise ConfigError(
            f"{name} does not exist; name a file that does, or leave --config out to use {FILE_NAMES[0]}."
        )
    if not file.is_file():
        raise ConfigError(f"{name} is not a file; the configuration must be a YAML file.")
    if file.is_relative_to(top) and not file.resolve().is_relative_to(top.resolve()):
        # Messages quote the file, and whoever opens a pull request chooses where its links lead.
        raise ConfigError(f"{name} is a link that leads out of the repository; put the file itself there.")
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}; check its permissions.") from error


def _environment(field: Field, folder: str) -> EnvironmentSpec:
    value = field.value
    if isinstance(value, Scalar):
        expected = "auto, none, {requirements: FILE} or {command: SHELL}"
        return EnvironmentSpec(kind=values.choice(field, ("auto", "none"), expected))
    found = known(mapping(field, "{requirements: FILE}"), ENVIRONMENT)
    if len(found) > 1:
        raise field.place.error('"environment" must hold either requirements or command, not both.')
    if "command" in found:
        return EnvironmentSpec(kind="command", value=values.text(found["command"]))
    return EnvironmentSpec(kind="requirements", value=path(found["requirements"], folder))


def _pull(field: Field, folder: str) -> bool | tuple[str, ...] | None:
    found = known(mapping(field, "{pull: auto}"), DATA).get("pull")
    if found is None:
        return None
    if isinstance(found.value, Items):
        return strings(found, partial(target, base=folder))
    word = values.choice(found, ("auto", "true", "false"), "auto, true, false or a list of targets")
    return None if word == "auto" else word == "true"


def _data_key(field: Field) -> tuple[str, ...]:
    """The columns that identify a row: one name, or a list of them."""
    found = known(mapping(field, "{pull: auto}"), DATA).get("key")
    if found is None:
        return ()
    return strings(found, values.text) if isinstance(found.value, Items) else (values.text(found),)


def _key(field: Field) -> str:
    return values.key_name(values.text(field), str(field.place))
