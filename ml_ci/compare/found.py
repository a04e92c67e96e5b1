"""What evidence is looked for in, and what one kind of it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from ml_ci.predictions import Predictions
from ml_ci.records import Past
from ml_ci.statistics.confidence import Difference


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a verdict can stand on besides two runs. None or empty where there is none.

    `history` is what is known of the base branch, newest first. `without_predictions` says why a side has none, where
    the configuration asks for them. `head_lost` says why there are none of a head that was trained to be judged by them;
    empty where it has them, or nobody looked for them.
    """

    base: Predictions | None = None
    head: Predictions | None = None
    history: tuple[Past, ...] = ()
    without_predictions: str = ""
    head_lost: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One kind of evidence, or why it could not be used: empty where nobody asked for it."""

    difference: Difference | None = None
    rests_on: str = ""
    why_not: str = ""
    notes: tuple[str, ...] = ()
