"""The best evidence there is for each metric, and why there is none better.

Predictions of both sides on the same examples come first, then repeated trainings of both sides, then the base branch's
history, then the two numbers as they are. With predictions and repeats the chance of both adds up: examples say nothing
of the noise of training, and seeds nothing of the choice of examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml_ci.compare.by_history import by_history
from ml_ci.compare.by_predictions import (
    by_predictions,
    lost_predictions,
    on_other_sources,
    unless_of_one_training,
)
from ml_ci.compare.by_repeats import by_repeats
from ml_ci.compare.found import Found, Material
from ml_ci.config import Config, Direction
from ml_ci.records import Run
from ml_ci.statistics.confidence import Difference, Summed

Kind = Literal["predictions", "repeats", "predictions and repeats", "history", "two numbers"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind the verdict on one metric; `difference` is None exactly for two numbers.

    `rests_on` is its size in words, as `1,000 examples` or `5 and 5 trainings`; empty for two numbers. `why_no_better` is
    one sentence for each kind of better evidence that was asked for and could not be used. `notes` are further sentences
    on what the two sides' numbers are worth. `unfit` is a sentence where head's number is none that may be compared.
    """

    kind: Kind
    unfit: str = ""
    difference: Difference | None = None
    rests_on: str = ""
    why_no_better: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gather(base: Run | None, head: Run, config: Config, material: Material) -> Mapping[str, Evidence]:
    """The evidence for every metric that has a rule on its change, by name; nothing where there is no base.

    A metric that a side lacks, or that is not finite there, is left out: no evidence makes up for that. Where head is
    base's run by another name there is nothing to be unsure of, so its two numbers are enough.
    """
    if base is None or is_same(base, head):
        return {}
    directions = {rule.metric: rule.direction for rule in config.gate if rule.max_regression is not None}
    return {
        name: _best(name, direction, base, head, config, material)
        for name, direction in directions.items()
        if _is_finite(base, name) and _is_finite(head, name)
    }


def is_same(base: Run, head: Run) -> bool:
    """Whether head is base's run by another name: its inputs are the same, and so is every number."""
    same_inputs = bool(base.fingerprint) and base.fingerprint == head.fingerprint
    return same_inputs and base.metrics == head.metrics


def _best(name: str, direction: Direction, base: Run, head: Run, config: Config, material: Material) -> Evidence:
    if unfit := lost_predictions(name, base, head, config, material):
        return Evidence(kind="two numbers", unfit=unfit)
    examples = by_predictions(name, base, head, config, material)
    seeds = by_repeats(name, direction, base, head, config)
    if examples.difference and not seeds.difference:
        examples = unless_of_one_training(name, base, head, examples)
    why_no_better = tuple(found.why_not for found in (examples, seeds) if found.why_not)
    notes = (*on_other_sources(name, base, head, config, material), *examples.notes, *seeds.notes)
    if examples.difference and seeds.difference:
        return Evidence(
            kind="predictions and repeats",
            difference=_both(examples.difference, seeds.difference),
            rests_on=f"{examples.rests_on} with {seeds.rests_on}",
            notes=notes,
        )
    past = Found() if examples.difference or seeds.difference else by_history(name, base, head, material.history)
    kinds: tuple[tuple[Kind, Found], ...] = (("predictions", examples), ("repeats", seeds), ("history", past))
    for kind, found in kinds:
        if found.difference:
            return Evidence(
                kind=kind,
                difference=found.difference,
                rests_on=found.rests_on,
                why_no_better=why_no_better,
                notes=(*notes, *past.notes),
            )
    why_no_better += (past.why_not,) if past.why_not else ()
    return Evidence(kind="two numbers", why_no_better=why_no_better, notes=notes)


def _both(examples: Difference, seeds: Difference) -> Difference:
    """The sum of both sources of chance around the repeats' means, the run's values; in the units of the larger one."""
    from ml_ci.statistics.power import standard_error

    weaker = max((examples, seeds), key=lambda difference: standard_error(difference.confidence))
    return Difference(
        base=seeds.base,
        head=seeds.head,
        confidence=Summed(seeds.delta, (examples.confidence, seeds.confidence)),
        method=f"{examples.method} and {seeds.method}",
        size=weaker.size,
        unit=weaker.unit,
        warnings=(*examples.warnings, *seeds.warnings),
    )


def _is_finite(run: Run, name: str) -> bool:
    return name in run.metrics and math.isfinite(run.metrics[name].value)
