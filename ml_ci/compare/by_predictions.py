"""Evidence from predictions on the same examples, and what is said where there is none."""

from __future__ import annotations

import math

from ml_ci.compare.found import Found, Material
from ml_ci.compare.pairing import on_other_examples, parted_as
from ml_ci.config import Config
from ml_ci.errors import ConfigError
from ml_ci.records import Run
from ml_ci.statistics.confidence import Difference

_AGREE = 1e-3
"""Relative: a metric that was logged with three digits is still the one that its predictions give."""


def by_predictions(name: str, base: Run, head: Run, config: Config, material: Material) -> Found:
    """Both sides' predictions, where they are of the same examples and give the runs' own numbers."""
    if not _comes_of_predictions(name, config, material):
        return Found(why_not=no_longer_asked_for(name, base, head, config))
    before, after = material.base, material.head
    if before is None or after is None:
        # where neither has any and nobody says why, nobody looked for them: two metrics files are compared
        side = "Head" if after is None else "The base"
        alone = "" if before is after else f"{side} has no predictions."
        return Found(why_not=material.without_predictions or alone)
    if before.test_set != after.test_set:
        return Found(
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
        return Found(why_not=str(error))
    for side, run, value in (("the base", base, difference.base), ("head", head, difference.head)):
        if not _agree(run, name, value):
            logged = f"{name} of {side} is {run.metrics[name].value:.6g} in its run"
            return Found(why_not=f"{logged} but {value:.6g} by its predictions, so these are no evidence for it.")
    return Found(difference=difference, rests_on=_counted(difference), notes=notes)


def lost_predictions(name: str, base: Run, head: Run, config: Config, material: Material) -> str:
    """Why head's number is only training's word, where it had to be computed from predictions; empty where it is not so.

    It had to be where head was trained now, whatever base has, and where base's was computed. A training that breaks its
    predictions file could else say what it likes, and be held against a number that is true.
    """
    if not _comes_of_predictions(name, config, material):
        return ""
    before, after = base.metrics[name].source, head.metrics[name].source
    if head.predictions is not None:
        # head may have given the file another name
        other = base.predictions is not None and before not in ("mlflow", after)
        lacking = (_is_computed(base, name, config) or other) and not _is_computed(head, name, config)
        return f"{name} is missing: base's was computed from predictions, and head's do not give it." if lacking else ""
    computed = before != after and _may_be_computed(base, name, config)
    if not computed and not material.head_lost:
        return ""
    how = "base's was computed from predictions" if computed else "it is to be computed from predictions"
    why = (material.head_lost or material.without_predictions).rstrip(".") or "head has no predictions"
    return f"{name} is missing: {how}, and head's could not be ({why})."


def _may_be_computed(run: Run, name: str, config: Config) -> bool:
    """Whether the run's number may be one that was computed, and not what training said."""
    # predictions that were too large to be kept have left their name
    return _is_computed(run, name, config) or run.predictions is not None


def _is_computed(run: Run, name: str, config: Config) -> bool:
    return config.predictions is not None and run.metrics[name].source.endswith(config.predictions.path)


def no_longer_asked_for(name: str, base: Run, head: Run, config: Config) -> str:
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


def unless_of_one_training(name: str, base: Run, head: Run, examples: Found) -> Found:
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
            return Found(
                why_not=f"{side} {mean}, and its predictions are those of the first alone, so they are no evidence for it."
            )
    return examples


def on_other_sources(name: str, base: Run, head: Run, config: Config, material: Material) -> tuple[str, ...]:
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
