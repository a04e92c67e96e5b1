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

from ml_ci.compare.pairing import on_other_examples, parted_as
from ml_ci.config import Config, Direction
from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions
from ml_ci.records import Past, Run
from ml_ci.statistics.confidence import Difference, Summed

Kind = Literal["predictions", "repeats", "predictions and repeats", "history", "two numbers"]

_AGREE = 1e-3
"""Relative: a metric that was logged with three digits is still the one that its predictions give."""


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


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One kind of evidence, or why it could not be used: empty where nobody asked for it."""

    difference: Difference | None = None
    rests_on: str = ""
    why_not: str = ""
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
    if unfit := _lost_predictions(name, base, head, config, material):
        return Evidence(kind="two numbers", unfit=unfit)
    examples = _by_predictions(name, base, head, config, material)
    seeds = _by_repeats(name, direction, base, head, config)
    if examples.difference and not seeds.difference:
        examples = _unless_of_one_training(name, base, head, examples)
    why_no_better = tuple(found.why_not for found in (examples, seeds) if found.why_not)
    notes = (*_on_other_sources(name, base, head, config, material), *examples.notes, *seeds.notes)
    if examples.difference and seeds.difference:
        return Evidence(
            kind="predictions and repeats",
            difference=_both(examples.difference, seeds.difference),
            rests_on=f"{examples.rests_on} with {seeds.rests_on}",
            notes=notes,
        )
    past = _Found() if examples.difference or seeds.difference else _by_history(name, base, head, material.history)
    kinds: tuple[tuple[Kind, _Found], ...] = (("predictions", examples), ("repeats", seeds), ("history", past))
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


# -- predictions


def _by_predictions(name: str, base: Run, head: Run, config: Config, material: Material) -> _Found:
    if not _comes_of_predictions(name, config, material):
        return _Found(why_not=_no_longer_asked_for(name, base, head, config))
    before, after = material.base, material.head
    if before is None or after is None:
        # where neither has any and nobody says why, nobody looked for them: two metrics files are compared
        side = "Head" if after is None else "The base"
        alone = "" if before is after else f"{side} has no predictions."
        return _Found(why_not=material.without_predictions or alone)
    if before.test_set != after.test_set:
        return _Found(
            why_not=f"The predictions could not be paired: {on_other_examples(before, after)}.",
            notes=(
                "The two sides were measured on different examples, so their difference may be that of the examples.",
            ),
        )
    from ml_ci.statistics.paired import paired

    after, notes = parted_as(before, after)
    try:
        difference = paired(name, before, after)
    except ConfigError as error:
        return _Found(why_not=str(error))
    for side, run, value in (("the base", base, difference.base), ("head", head, difference.head)):
        if not _agree(run, name, value):
            logged = f"{name} of {side} is {run.metrics[name].value:.6g} in its run"
            return _Found(why_not=f"{logged} but {value:.6g} by its predictions, so these are no evidence for it.")
    return _Found(difference=difference, rests_on=_counted(difference), notes=notes)


def _lost_predictions(name: str, base: Run, head: Run, config: Config, material: Material) -> str:
    """Why head's number is only training's word, where it had to be computed from predictions; empty where it is not so.

    It had to be where head was trained now, whatever base has, and where base's was computed. A training that breaks its
    predictions file could else say what it likes, and be held against a number that is true.
    """
    if head.predictions is not None or not _comes_of_predictions(name, config, material):
        return ""
    differ = base.metrics[name].source != head.metrics[name].source
    computed = differ and _may_be_computed(base, name, config)
    if not computed and not material.head_lost:
        return ""
    how = "base's was computed from predictions" if computed else "it is to be computed from predictions"
    why = (material.head_lost or material.without_predictions).rstrip(".") or "head has no predictions"
    return f"{name} is missing: {how}, and head's could not be ({why})."


def _may_be_computed(run: Run, name: str, config: Config) -> bool:
    """Whether the run's number may be one that was computed, and not what training said."""
    # predictions that were too large to be kept have left their name
    named = config.predictions is not None and run.metrics[name].source.endswith(config.predictions.path)
    return named or run.predictions is not None


def _no_longer_asked_for(name: str, base: Run, head: Run, config: Config) -> str:
    """Why examples of which base has predictions are not compared, where head's configuration names none; else empty."""
    if config.predictions is not None or base.predictions is None or head.predictions is not None:
        return ""
    from ml_ci.statistics.metrics import known

    before, after = base.metrics[name].source, head.metrics[name].source
    if not known(name) and before in ("mlflow", after):
        return ""
    return (
        "The base's run was kept with predictions, and head's configuration has no `predictions`, so examples are not "
        "compared."
    )


def _comes_of_predictions(name: str, config: Config, material: Material) -> bool:
    """Whether the configuration asks for the metric to be computed from predictions; without one, whether it can be."""
    spec, base, head = config.predictions, material.base, material.head
    if spec is None and (base is None or head is None):
        return False
    from ml_ci.statistics.metrics import known

    if spec is None:
        return known(name) or all(name in side.columns for side in (base, head) if side is not None)
    return name in spec.columns or (known(name) if spec.metrics is None else name in spec.metrics)


def _unless_of_one_training(name: str, base: Run, head: Run, examples: _Found) -> _Found:
    """The predictions, if they give the run's own value: the mean of repeats is not to be judged by the first of them."""
    if examples.difference is None:
        return examples
    for side, run, value in (
        ("The base's", base, examples.difference.base),
        ("Head's", head, examples.difference.head),
    ):
        metric = run.metrics[name]
        if metric.repeats and not math.isclose(value, metric.value, rel_tol=_AGREE, abs_tol=1e-12):
            mean = f"{name} is the mean of {len(metric.repeats)} trainings"
            return _Found(
                why_not=f"{side} {mean}, and its predictions are those of the first alone, so they are no evidence for it."
            )
    return examples


def _on_other_sources(name: str, base: Run, head: Run, config: Config, material: Material) -> tuple[str, ...]:
    """What to know of a metric that is computed from predictions on one side, and is what training said on the other."""
    before, after = (run.metrics[name].source for run in (base, head))
    if before == after or not _comes_of_predictions(name, config, material):
        return ()
    if not any(_may_be_computed(run, name, config) for run in (base, head)):
        return ()
    places = ["MLflow" if source == "mlflow" else source for source in (before, after)]
    return (f"The base's value is from {places[0]} and head's from {places[1]}: they may measure different things.",)


def _agree(run: Run, name: str, value: float) -> bool:
    """Whether the run's own number is the one of the predictions; of repeats these are one training's."""
    metric = run.metrics[name]
    return any(math.isclose(value, told, rel_tol=_AGREE, abs_tol=1e-12) for told in (metric.value, *metric.repeats))


def _counted(difference: Difference) -> str:
    unit = difference.unit if difference.size != 1 else difference.unit.removesuffix("s")
    return f"{difference.size:,} {unit}"


# -- repeats


def _by_repeats(name: str, direction: Direction, base: Run, head: Run, config: Config) -> _Found:
    before, after = (run.metrics[name].repeats for run in (base, head))
    if len(before) < 2 or len(after) < 2:
        lacking = " and ".join(side for side, values in (("the base", before), ("head", after)) if len(values) < 2)
        asked = config.repeats >= 2
        return _Found(why_not=f"There are no repeats of {name} from {lacking}." if asked else "")
    if not all(map(math.isfinite, (*before, *after))):
        return _Found(why_not=f"A repeat of {name} is not a finite number.")
    if len(set(before)) == len(set(after)) == 1:
        # other metrics did vary, so the seed counts: that these are equal is chance, or that they are coarse
        same = f"The repeats of {name} are all the same on either side"
        return _Found(why_not=f"{same}, so nothing is known of its noise.")
    from ml_ci.statistics.repeats import welch

    return _Found(
        difference=welch(before, after),
        rests_on=f"{len(before)} and {len(after)} trainings",
        notes=_improvement(before, after, direction, config.policy.confidence),
    )


def _improvement(
    base: tuple[float, ...], head: tuple[float, ...], direction: Direction, confidence: float
) -> tuple[str, ...]:
    from ml_ci.statistics.repeats import FEWEST_FOR_IMPROVEMENT, probability_of_improvement

    if len(base) != len(head) or len(base) < FEWEST_FOR_IMPROVEMENT:
        return ()
    share, low, high = probability_of_improvement(base, head, direction, confidence)
    interval = f"{100 * confidence:.4g} %: {100 * low:.0f} to {100 * high:.0f} %"
    return (f"Head is better in {100 * share:.0f} % of pairs of trainings ({interval}).",)


# -- history


def _by_history(name: str, base: Run, head: Run, history: tuple[Past, ...]) -> _Found:
    from ml_ci.statistics.history import FEWEST, against_history

    values = _past_values(name, base, head, history)
    if len(values) < FEWEST:
        return _Found(why_not=_unused(name, head, history, FEWEST))
    if len(set(values)) == 1:
        # its rank among equals could never show a fall, however large, that two numbers show at once
        same = f"The last {len(values)} records of the base branch have the same {name}"
        return _Found(why_not=f"{same}, so nothing is known of its noise.")
    difference = against_history(values, head.metrics[name].value)
    mean = f"whose mean is {difference.base:.4g}"
    note = (
        f"Head is compared with the last {len(values)} records of the base branch, {mean}, and not with the last alone."
    )
    return _Found(difference=difference, rests_on=f"{len(values)} records", notes=(note,))


def _unused(name: str, head: Run, history: tuple[Past, ...], fewest: int) -> str:
    """Why records that would be enough are no evidence; empty where they are too few in any case."""
    past = {run.commit: run for run in history if run.commit != head.commit and math.isfinite(_value_of(run, name))}
    others = sum(1 for run in past.values() if not head.test_set or run.test_set != head.test_set)
    if len(past) < fewest or not others:
        return ""
    records, they = ("1 record", "it was") if others == 1 else (f"{others} records", "they were")
    not_used = f"{records} of the base branch {'is' if others == 1 else 'are'} not used"
    if not head.test_set:
        nobody_knows = "without predictions or data under DVC nobody knows whether"
        return f"{not_used}: {nobody_knows} {they} measured on the same examples."
    return f"{not_used}: {they} measured on other examples than head, or on which is not known."


def _value_of(run: Past, name: str) -> float:
    return run.metrics.get(name, math.nan)


def _past_values(name: str, base: Run, head: Run, history: tuple[Past, ...]) -> list[float]:
    """The metric on the base branch, each commit once, on head's test set; of base's own commit it is base's run."""
    if not head.test_set:
        return []
    past = {
        run.commit: run.metrics[name]
        for run in reversed(history)
        if run.test_set == head.test_set and name in run.metrics
    }
    past.pop(base.commit, None)
    past.pop(head.commit, None)
    if base.test_set == head.test_set:
        past[base.commit] = base.metrics[name].value
    return [value for value in past.values() if math.isfinite(value)]


def _is_finite(run: Run, name: str) -> bool:
    return name in run.metrics and math.isfinite(run.metrics[name].value)
