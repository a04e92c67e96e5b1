"""What is known of each slice: the evidence that the rules for slices are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ml_ci.compare.evidence import is_same
from ml_ci.compare.found import Material
from ml_ci.compare.pairing import on_other_examples, parted_as
from ml_ci.config import Config, SliceRule
from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.records import Run

if TYPE_CHECKING:
    from ml_ci.statistics.slices import SliceDifference

NO_COLUMN = "(no column)"


@dataclass(frozen=True, kw_only=True)
class SliceEvidence:
    """The slices of one column for one rule; or, where they cannot be compared, whose fault that is, and why.

    `why` is a clause without a period. `at_fault` is None exactly when `slices` hold what there is. `notes` are sentences
    on what they are worth.
    """

    rule: SliceRule
    column: str
    slices: tuple[SliceDifference, ...] = ()
    at_fault: Literal["base", "head"] | None = None
    why: str = ""
    notes: tuple[str, ...] = ()


def measure_slices(base: Run | None, head: Run, config: Config, material: Material) -> tuple[SliceEvidence, ...]:
    """Every rule for slices in every column that parts the examples; none where head is base's run by another name.

    What cannot be compared is there too, so that a gated slice never passes because nobody looked: a head whose
    predictions cannot be used is at fault itself, and a base without them is as good as none. Where nobody looked for
    predictions, as when two files of metrics are compared, nobody is worse off than without a base.
    """
    if base is not None and is_same(base, head):
        return ()
    measured = [found for rule in config.slices for found in _measured(rule, config, material)]
    runs = (base, head) if base is not None else (head,)
    repeated = {name for run in runs for name, metric in run.metrics.items() if len(metric.repeats) > 1}
    return tuple(
        replace(found, notes=(*found.notes, _FIRST)) if found.rule.metric in repeated and found.slices else found
        for found in measured
    )


_FIRST = "Slices are judged by the first training of each side alone: the others' predictions are not kept."


def _measured(rule: SliceRule, config: Config, material: Material) -> Iterator[SliceEvidence]:
    base, head, why = material.base, material.head, material.without_predictions.rstrip(".")
    declared = config.predictions.slices if config.predictions else ()
    columns = declared
    if head is not None:
        # predictions that were kept before a column was declared do not have it
        columns = tuple(dict.fromkeys((*head.slices, *declared))) if head.slices else ()
    if head is not None and not columns:
        none = 'no column parts the examples: name one in "slices" under "predictions"'
        yield SliceEvidence(rule=rule, column=NO_COLUMN, at_fault="head", why=none)
    for column in columns or (NO_COLUMN,) * (head is None):
        if head is None:
            at_fault: Literal["base", "head"] = "head" if why else "base"
            yield SliceEvidence(rule=rule, column=column, at_fault=at_fault, why=why or "there are no predictions")
        elif base is None:
            yield SliceEvidence(rule=rule, column=column, at_fault="base", why=why or "base has no predictions")
        else:
            yield _compared(rule, column, base, head)


def _compared(rule: SliceRule, column: str, base: Predictions, head: Predictions) -> SliceEvidence:
    from ml_ci.statistics.slices import by_slice

    if base.test_set != head.test_set:
        return SliceEvidence(rule=rule, column=column, at_fault="base", why=on_other_examples(base, head))
    head, notes = parted_as(base, head)
    try:
        found = by_slice(rule.metric, base, head, column)
    except ConfigError as error:
        by_head = column in head.slices and _computes(rule.metric, head)
        at_fault: Literal["base", "head"] = "base" if by_head else "head"
        return SliceEvidence(rule=rule, column=column, at_fault=at_fault, why=str(error).rstrip("."))
    return SliceEvidence(rule=rule, column=column, slices=found, notes=notes)


def _computes(metric: str, predictions: Predictions) -> bool:
    from ml_ci.statistics.metrics import value

    if metric in predictions.columns:
        return True
    try:
        value(metric, predictions)
    except ConfigError:
        return False
    return True
