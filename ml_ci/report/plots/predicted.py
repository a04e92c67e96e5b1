"""What the predictions of both sides can be drawn as: classes, the ranking of two classes, or numbers.

The metrics that are asked for say which, as they say what is computed; only without any do the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.predictions import Labels, Predictions
from ml_ci.result import Result
from ml_ci.statistics.metrics import Needs, find

if TYPE_CHECKING:
    from ml_ci.report.plots.frame import Side

FEW_VALUES = 30
FEW_EXAMPLES = 5
"""Whole numbers are taken for numbers, not classes, if there are more values than that, with fewer examples of each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """Head's predictions, base's where there are any, and what the metrics that are asked for need of them.

    `trainings` is how many there were of a side; the predictions are those of its first one.
    """

    head: Predictions
    base: Predictions | None
    needs: frozenset[Needs]
    trainings: int = 1

    @property
    def on_other_examples(self) -> bool:
        """Whether base was measured on other examples than head."""
        return self.base is not None and self.base.test_set != self.head.test_set

    def of_numbers(self) -> Sides | None:
        """The sides of a regression: target and prediction are numbers, and a metric of numbers is asked for.

        None where it is not so of head; without base where it is not so of base.
        """
        asked = "numbers" in self.needs if self.needs else _look_like_numbers(self.head)
        return self.where(_are_numbers) if asked else None

    def of_classes(self) -> Sides | None:
        """The sides of a classification: target and prediction are classes, and a metric of classes is asked for.

        None where it is not so of head; without base where it is not so of base.
        """
        asked = bool(self.needs - {"numbers"}) if self.needs else not _look_like_numbers(self.head)
        return self.where(_are_labels) if asked else None

    def where(self, suits: Callable[[Predictions], bool]) -> Sides | None:
        """None unless head's predictions suit; without base's where those do not."""
        if not suits(self.head):
            return None
        return self if self.base is None or suits(self.base) else self.head_only()

    def head_only(self) -> Sides:
        """The same without base."""
        return replace(self, base=None)

    def present(self) -> dict[Side, Predictions]:
        """The sides that are there, base first."""
        return {"base": self.base, "head": self.head} if self.base is not None else {"head": self.head}

    def titled(self, title: str) -> str:
        """The title of a plot of them, which says where they cannot be held against each other, or are not the whole."""
        first = [f"first of {self.trainings} trainings"] if self.trainings > 1 else []
        said = [*first, *(["base and head on different examples"] if self.on_other_examples else [])]
        return f"{title} ({'; '.join(said)})" if said else title

    def counted(self) -> str:
        """How many examples there are, as a sentence."""
        if self.base is None:
            return f"Head only, {examples(len(self.head))}."
        if self.on_other_examples:
            both = f"{len(self.base):,} of base, {len(self.head):,} of head"
            return f"Base and head were measured on different examples ({both})."
        return f"Base and head on the same {examples(len(self.head))}."


def sides(result: Result) -> Sides | None:
    """The predictions to draw; None without head's, as base's alone say nothing of this change."""
    base, head = result.material.base, result.material.head
    if head is None or not len(head):
        return None
    runs = [run for run in (result.head, result.base.run) if run is not None]
    return Sides(
        head=head,
        base=base if base is not None and len(base) else None,
        needs=_needs(result, head),
        trainings=max((len(metric.repeats) for run in runs for metric in run.metrics.values()), default=1) or 1,
    )


def examples(number: int) -> str:
    """`1 example`, `2,000 examples`."""
    return f"{number:,} example{'s' * (number != 1)}"


def from_to(base: float | None, head: float) -> str:
    """A value of both sides, as the tables have it; head's alone without base's."""
    return numbers.number(head) if base is None else " → ".join(numbers.pair(base, head))


def _needs(result: Result, head: Predictions) -> frozenset[Needs]:
    """What the metrics with a rule, and those that were computed from predictions, compare the target with."""
    names: set[str] = set()
    if result.decision:
        names.update(judgement.rule.metric for judgement in result.decision.judgements)
        names.update(judgement.metric for judgement in result.decision.slices)
    if result.head:
        names.update(name for name, metric in result.head.metrics.items() if metric.source == head.source)
    found = (find(name) for name in names if name not in head.columns)
    return frozenset(metric.needs for metric in found if metric)


def _are_numbers(side: Predictions) -> bool:
    both = side.target, side.prediction
    return all(column is not None and column.dtype.kind in "if" for column in both)


def _are_labels(side: Predictions) -> bool:
    target, prediction = side.target, side.prediction
    if target is None or prediction is None or (target.dtype.kind == "U") != (prediction.dtype.kind == "U"):
        return False
    return _whole(target) and _whole(prediction)


def _look_like_numbers(side: Predictions) -> bool:
    if not _are_numbers(side) or side.target is None or side.prediction is None:
        return False
    if not (_whole(side.target) and _whole(side.prediction)):
        return True
    from ml_ci.statistics.columns import factorize

    values, _ = factorize(side.target)
    return len(values) > FEW_VALUES and len(side.target) < FEW_EXAMPLES * len(values)


def _whole(column: Labels) -> bool:
    """Whether these can be classes: all but numbers with a fraction, as in `ml_ci.statistics.columns`."""
    import numpy as np

    return column.dtype.kind != "f" or bool((np.isfinite(column) & (column == np.floor(column))).all())
