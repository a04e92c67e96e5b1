"""The best evidence there is for each metric, and why there is none better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ml_ci.predictions import Predictions
from ml_ci.records import Past
from ml_ci.statistics.confidence import Difference

Kind = Literal["predictions", "repeats", "predictions and repeats", "history", "two numbers"]


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a verdict can stand on besides two runs. None or empty where there is none.

    `history` is what is known of the base branch, newest first. `without_predictions` says why a side has none, where
    the configuration asks for them.
    """

    base: Predictions | None = None
    head: Predictions | None = None
    history: tuple[Past, ...] = ()
    without_predictions: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind the verdict on one metric; `difference` is None exactly for two numbers.

    `why_no_better` is one sentence for each kind of better evidence that was asked for and could not be used.
    """

    kind: Kind
    difference: Difference | None = None
    why_no_better: tuple[str, ...] = ()
