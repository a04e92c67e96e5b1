"""Reading `.ml-ci.yml`: which keys there are, where they belong, and what a mistake is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TypeVar

from ml_ci import config_values as values
from ml_ci.config import BASELINES, DIRECTIONS, PERMISSIONS, Config, EnvironmentSpec, Policy, Rule
from ml_ci.config_paths import glob, path, target
from ml_ci.config_values import mapping, near, strings
from ml_ci.config_yaml import MAX_BYTES, Field, Fields, Items, Scalar, document, quoted
from ml_ci.errors import ConfigError

FILE_NAMES = (".ml-ci.yml", ".ml-ci.yaml")
MAX_METRIC_NAME = 250
"""Characters that MLflow gives a metric's name."""

ACTED_ON = (
    "train", "working-directory", "environment", "timeout", "data", "inputs", "metrics", "params", "plots", "repeats",
    "gate", "policy", "baseline", "key",
)  # fmt: skip
WITHOUT_EFFECT = ("report", "predictions", "slices", "evaluate", "attribute", "max-trainings")
"""Keys of the contract that change no verdict by being passed over; each is a warning."""
UNSUPPORTED = {
    "models": "give each model a file and a key of its own, and name the file with --config",
    "pass-env": "take it out",
    "policy.rules": "take it out",
    "gate.data": "take it out",
}
"""Keys of the contract without which the verdict would be wrong or unsafe, with what to do instead."""

TOP = (*ACTED_ON, *WITHOUT_EFFECT, "models", "pass-env")
RULE = ("direction", "min", "max", "max-regression")
POLICY = ("confidence", "inconclusive", "no-baseline", "rules")
DATA = ("pull",)
ENVIRONMENT = ("requirements", "command")
PREDICTIONS = ("path", "id", "target", "prediction", "score", "group", "slices", "metrics", "columns")
_HOMES = (
    (TOP, "at the top level"),
    (RULE, 'in a rule under "gate"'),
    (POLICY, 'under "policy"'),
    (DATA, 'under "data"'),
    (ENVIRONMENT, 'under "environment"'),
    (PREDICTIONS, 'under "predictions"'),
)
_RULE_EXAMPLE = "{direction: higher, min: 0.9}"

T = TypeVar("T")


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
    return replace(parse(_content(file, top, name), name), source=file)


def parse(text: str | bytes, name: str) -> Config:
    """The configuration that the text holds; `name` is what messages call its file, and `source` is None.

    Raises ConfigError with one sentence, `name:LINE: …`, for the first mistake.
    """
    top = _known(document(text, name), TOP)
    for key in ("models", "pass-env"):
        if key in top:
            raise _unsupported(top[key], key)
    default = Config()
    folder = _read(top, "working-directory", path, default.working_directory)
    globs = partial(strings, read=partial(glob, base=folder))
    _repeats(top)
    return Config(
        train=_read(top, "train", values.text, default.train),
        working_directory=folder,
        environment=_read(top, "environment", partial(_environment, folder=folder), default.environment),
        timeout=_read(top, "timeout", values.duration, default.timeout),
        pull=_read(top, "data", partial(_pull, folder=folder), default.pull),
        inputs=_read(top, "inputs", globs, default.inputs),
        metrics=_read(top, "metrics", globs, default.metrics),
        params=_read(top, "params", globs, default.params),
        plots=_read(top, "plots", globs, default.plots),
        gate=_read(top, "gate", _gate, default.gate),
        policy=_read(top, "policy", _policy, default.policy),
        baseline=_read(top, "baseline", partial(values.choice, choices=BASELINES), default.baseline),
        key=_read(top, "key", _key, default.key),
        unused=_unused(top, folder),
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


def _read(fields: dict[str, Field], key: str, read: Callable[[Field], T], default: T) -> T:
    return read(fields[key]) if key in fields else default


def _known(fields: Fields, keys: tuple[str, ...]) -> dict[str, Field]:
    """The fields, when each of them is one of the keys."""
    for field in fields.fields.values():
        if field.key not in keys:
            raise _unknown(field, keys)
    return dict(fields.fields)


def _unknown(field: Field, keys: tuple[str, ...]) -> ConfigError:
    said = f"{quoted(field.key)} is not a key here"
    usual = field.key.strip().lower().replace("_", "-").replace(" ", "-")
    if usual in keys:
        return field.place.error(f"{said}; did you mean {quoted(usual)}?")
    if home := _home(usual):
        what = "it" if usual == field.key else quoted(usual)
        return field.place.error(f"{said}; {what} belongs {home}.")
    if get_close_matches(usual, keys, n=1):
        return field.place.error(said + near(usual, keys))
    elsewhere = get_close_matches(usual, [key for level, _ in _HOMES for key in level], n=1)
    if elsewhere:
        return field.place.error(f"{said}; did you mean {quoted(elsewhere[0])}, {_home(elsewhere[0])}?")
    usable = [key for key in keys if key not in ("models", "pass-env", "rules")]
    return field.place.error(f"{said}; the keys here are {', '.join(usable)}.")


def _home(key: str) -> str | None:
    return next((home for level, home in _HOMES if key in level), None)


def _unsupported(field: Field, key: str) -> ConfigError:
    return field.place.error(f"{quoted(key)} is not supported by this version of ml-ci; {UNSUPPORTED[key]}.")


def _repeats(top: dict[str, Field]) -> None:
    repeats = _read(top, "repeats", values.whole_number, 1)
    if repeats > 1:
        raise top["repeats"].place.error(
            f'"repeats: {repeats}" is not supported by this version of ml-ci, which trains each side once; write 1.'
        )


def _environment(field: Field, folder: str) -> EnvironmentSpec:
    value = field.value
    if isinstance(value, Scalar):
        expected = "auto, none, {requirements: FILE} or {command: SHELL}"
        return EnvironmentSpec(kind=values.choice(field, ("auto", "none"), expected))
    found = _known(mapping(field, "{requirements: FILE}"), ENVIRONMENT)
    if len(found) > 1:
        raise field.place.error('"environment" must hold either requirements or command, not both.')
    if "command" in found:
        return EnvironmentSpec(kind="command", value=values.text(found["command"]))
    return EnvironmentSpec(kind="requirements", value=path(found["requirements"], folder))


def _pull(field: Field, folder: str) -> bool | tuple[str, ...] | None:
    found = _known(mapping(field, "{pull: auto}"), DATA)["pull"]
    if isinstance(found.value, Items):
        return strings(found, partial(target, base=folder))
    word = values.choice(found, ("auto", "true", "false"), "auto, true, false or a list of targets")
    return None if word == "auto" else word == "true"


def _gate(field: Field) -> tuple[Rule, ...]:
    rules = mapping(field, f"accuracy: {_RULE_EXAMPLE}").fields
    if "data" in rules:
        raise _unsupported(rules["data"], "gate.data")
    return tuple(_rule(rule) for rule in rules.values())


def _rule(field: Field) -> Rule:
    name = quoted(field.key)
    length = len(field.key.strip())
    if not 1 <= length <= MAX_METRIC_NAME:
        raise field.place.error(f"a metric's name must have 1 to {MAX_METRIC_NAME} characters, not {length}.")
    if not field.key.isprintable():
        raise field.place.error(f"the metric's name {name} holds a control character; take it out.")
    if not isinstance(field.value, Fields):
        if field.key in (*RULE, *POLICY):
            raise field.place.error(f"{name} is not a metric; it belongs {_home(field.key)}.")
        raise field.place.error(f"the rule for {name} must be a mapping such as {_RULE_EXAMPLE}.")
    found = _known(field.value, RULE)
    if "direction" not in found:
        raise field.place.error(
            f'the rule for {name} has no direction; add "direction: higher" if more is better, else "direction: lower".'
        )
    direction = values.choice(found["direction"], DIRECTIONS)
    if len(found) == 1:
        raise field.place.error(f"the rule for {name} has no limit; add min, max or max-regression.")
    least = _read(found, "min", values.number, None)
    most = _read(found, "max", values.number, None)
    if least is not None and most is not None and least > most:
        raise found["min"].place.error(f"the rule for {name} has min {least:g} above max {most:g}; nothing can pass.")
    regression = _read(found, "max-regression", values.tolerance, None)
    return Rule(metric=field.key, direction=direction, min=least, max=most, max_regression=regression)


def _policy(field: Field) -> Policy:
    found = _known(mapping(field, "{no-baseline: fail}"), POLICY)
    if "rules" in found:
        raise _unsupported(found["rules"], "policy.rules")
    default, permission = Policy(), partial(values.choice, choices=PERMISSIONS)
    return Policy(
        confidence=_read(found, "confidence", values.confidence, default.confidence),
        inconclusive=_read(found, "inconclusive", permission, default.inconclusive),
        no_baseline=_read(found, "no-baseline", permission, default.no_baseline),
    )


def _key(field: Field) -> str:
    return values.key_name(values.text(field), str(field.place))


def _unused(top: dict[str, Field], folder: str) -> dict[str, int]:
    _read(top, "report", partial(path, base=folder), "")
    if "predictions" in top:
        _check_predictions(top["predictions"], folder)
    return {key: field.place.line for key, field in top.items() if key in WITHOUT_EFFECT}


def _check_predictions(field: Field, folder: str) -> None:
    for key, found in _known(mapping(field, "{path: predictions.csv}"), PREDICTIONS).items():
        if key == "path":
            path(found, folder)
        elif key in ("slices", "metrics", "columns"):
            strings(found, values.text)
        else:
            values.text(found)
