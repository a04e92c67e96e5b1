"""`.ml-ci.yml`: what it may say, and reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Direction = Literal["higher", "lower"]
Permission = Literal["pass", "fail"]


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How much worse head may be: `value` in the metric's unit, or as a fraction of |base| where `relative` (2% is 0.02)."""

    value: float
    relative: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the gate: a metric, the direction in which it is better, and what it must not do."""

    metric: str
    direction: Direction
    min: float | None = None
    max: float | None = None
    max_regression: Tolerance | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the verdict is where the evidence does not decide. `confidence` is that of every interval, in (0, 1)."""

    confidence: float = 0.95
    inconclusive: Permission = "pass"
    no_baseline: Permission = "pass"


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """Where training runs. `auto`: built from the repository's lock or requirements; `none`: the caller's own;
    `requirements`: built from that file; `command`: a shell command that makes it and leaves it in `.venv`."""

    kind: Literal["auto", "none", "requirements", "command"] = "auto"
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """`.ml-ci.yml`, validated. Paths are relative to `working_directory`, which is relative to the repository's top.

    `train` is None where the file does not say: then `dvc repro` or `python train.py`. `timeout` is in seconds.
    `metrics` is None where the file does not say: then the usual names and those that dvc.yaml declares.
    `pull` is True, False, or the DVC targets to pull; None means: if the repository uses DVC.
    `source` is the file that it was read from, None where there was none; `digest` is the SHA-256 of what it
    says about training, so that a change of a rule alone is no change of training.
    """

    source: Path | None = None
    train: str | None = None
    working_directory: str = "."
    environment: EnvironmentSpec = field(default_factory=EnvironmentSpec)
    timeout: float = 7200.0
    pull: bool | tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ("**",)
    metrics: tuple[str, ...] | None = None
    params: tuple[str, ...] = ("params.yaml",)
    plots: tuple[str, ...] = ("plots/*.png",)
    gate: tuple[Rule, ...] = ()
    policy: Policy = field(default_factory=Policy)
    baseline: Literal["auto", "found", "train", "none"] = "auto"
    key: str = "default"
    unused: Mapping[str, int] = field(default_factory=dict)
    """Keys of the contract that this version reads but does not act on yet, with their line: each is a warning."""
