"""The action's inputs, and what they override of the configuration and the result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from ml_ci.config import Config
from ml_ci.config_values import key_name
from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError
from ml_ci.github.event import Mode
from ml_ci.result import Result

Comment = Literal["always", "changes", "failure", "never"]
Plots = Literal["auto", "branch", "inline", "none"]
FailOn = Literal["regression", "inconclusive", "never"]

_BRANCH = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}(?<![./])")
"""What git takes for a branch's name, less what has a meaning in an address or on a command line."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The action's inputs, checked; `runtime`, `image` and `cache` are the business of its scripts (`action/`)."""

    config: str
    train: str
    base: str
    key: str
    mode: Mode
    token: str
    comment: Comment
    plots: Plots
    fail_on: FailOn
    data_branch: str

    def __repr__(self) -> str:
        return f"Inputs(mode={self.mode!r})"


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """The inputs as the runner hands them over. Raises ConfigError for a choice that is none: never a default."""

    def text(name: str) -> str:
        return environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()

    def choice(name: str, known: object, default: str) -> str:
        value, choices = text(name) or default, get_args(known)
        if value not in choices:
            raise ConfigError(f"the input {name} is {value!r}; it must be one of {', '.join(choices)}.")
        return value

    return Inputs(
        config=text("config"),
        train=text("train"),
        base=text("base"),
        key=key_name(text("key"), "the input `key`") if text("key") else "",
        mode=cast("Mode", choice("mode", Mode, "auto")),
        token=text("github-token"),
        comment=cast("Comment", choice("comment", Comment, "always")),
        plots=cast("Plots", choice("plots", Plots, "auto")),
        fail_on=cast("FailOn", choice("fail-on", FailOn, "regression")),
        data_branch=_branch(text("data-branch") or "ml-ci-data"),
    )


def adjusted(config: Config, inputs: Inputs) -> Config:
    """The configuration with the key, and the policy, that the inputs name."""
    if inputs.key:
        config = replace(config, key=inputs.key)
    if inputs.fail_on == "inconclusive":
        config = replace(_failing(config), models=tuple(_failing(model) for model in config.models))
    return config


def as_told(result: Result, inputs: Inputs) -> Result:
    """The result with what `fail-on` makes of it."""
    return replace(result, allowed=True) if inputs.fail_on == "never" and not result.failure else result


def _failing(config: Config) -> Config:
    """The configuration with a policy that fails what is inconclusive, whatever base's says."""
    policy = replace(config.policy, inconclusive="fail")
    return replace(config, policy=policy, overridden=config.overridden | {"inconclusive"})


def _branch(name: str) -> str:
    """A name for the data branch. Raises ConfigError for one that git, or an address on GitHub, would take for another."""
    if not _BRANCH.fullmatch(name):
        raise ConfigError(
            f"the input data-branch is {quoted(name)}; it must be a branch's name of letters of English, digits and . _ - /."
        )
    return name
