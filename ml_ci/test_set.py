"""How worn the test set is: which verdict on it this one is, and how many it can carry."""

from __future__ import annotations

from collections.abc import Iterator

from ml_ci.compare.budget import supported
from ml_ci.compare.found import Material
from ml_ci.config import Config
from ml_ci.predictions import Predictions
from ml_ci.records import Run
from ml_ci.result import TestSetUse
from ml_ci.sources.verdict_counts import VerdictCounts


def use_of(config: Config, base: Run | None, head: Run, material: Material, counts: VerdictCounts) -> TestSetUse | None:
    """The use of head's test set; None where it is not known which one that is, or head predicts there as base does.

    Who is shown the same predictions again learns nothing new of the test set.
    How many verdicts it supports is known for averages over examples of values in [0, 1], which accuracy is, and
    columns may be: by the strictest rule on one of them.
    """
    if not head.test_set or _predicts_the_same(base, head, config):
        return None
    verdicts = counts.with_verdict_on(head).verdicts[head.test_set]
    use = TestSetUse(digest=head.test_set, verdicts=verdicts)
    scored = material.head
    if scored is None:
        return use
    margin = min(_margins(config, base, scored), default=None)
    carries = (
        None
        if margin is None
        else supported(len(scored), margin, config.policy.confidence, _discordance(material.base, scored))
    )
    return TestSetUse(digest=use.digest, verdicts=verdicts, examples=len(scored), supported=carries)


def _predicts_the_same(base: Run | None, head: Run, config: Config) -> bool:
    """Whether all that was kept of the predictions is equal; of repeats only the first training's are."""
    if base is None or base.predictions is None or head.predictions is None or config.repeats > 1:
        return False
    return base.predictions == head.predictions and base.test_set == head.test_set


def _margins(config: Config, base: Run | None, scored: Predictions) -> Iterator[float]:
    """The allowed regressions of the rules that are about such an average, in the metric's unit."""
    for rule in config.gate:
        if rule.max_regression is None or not _is_average_of_shares(rule.metric, scored):
            continue
        if not rule.max_regression.relative:
            yield rule.max_regression.value
        elif base and rule.metric in base.metrics:
            yield rule.max_regression.value * abs(base.metrics[rule.metric].value)


def _is_average_of_shares(metric: str, scored: Predictions) -> bool:
    from ml_ci.statistics.metrics import find

    column = scored.columns.get(metric)
    if column is None:
        found = find(metric)
        return found is not None and found.function == "accuracy_score"
    return bool(len(column)) and bool(column.min() >= 0) and bool(column.max() <= 1)


def _discordance(base: Predictions | None, head: Predictions) -> float | None:
    """The share of examples on which the two predict differently; None where that is not known."""
    if base is None or base.test_set != head.test_set or base.prediction is None or head.prediction is None:
        return None
    return float((base.prediction != head.prediction).mean())
