"""Several trainings of one side, that differ in nothing but the seed, as one run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from statistics import mean

from ml_ci.records import Metric, Run
from ml_ci.thinning import bounded


def joined(runs: Sequence[Run], gated: Collection[str] = ()) -> Run:
    """The run of the first training (seed 0), with what the other ones say of its metrics.

    A metric's value is the mean over all trainings, and `repeats` are their values, in the order of the seeds; `curves`
    are their histories, where any of them has one. A metric that one of them lacks keeps its first value, and a warning
    says so. `train_seconds` is the sum, `peak_memory` the largest.

    The curves are kept within what a run may have of them, those of the metrics in `gated` before others.

    Where every metric is the same every time, training takes no notice of the seed: such trainings are one training,
    and say nothing of how much chance there is in it. So they are no repeats, and a warning says so.
    """
    first, count = runs[0], len(runs)
    if count == 1:
        return _kept_small(first, gated)
    common = [name for name in first.metrics if all(name in run.metrics for run in runs)]
    values = {name: tuple(run.metrics[name].value for run in runs) for name in common}
    total = replace(
        first,
        train_seconds=sum(run.train_seconds or 0.0 for run in runs),
        peak_memory=max((run.peak_memory for run in runs if run.peak_memory is not None), default=None),
    )
    if values and all(len(set(map(repr, each))) == 1 for each in values.values()):
        same = (
            f"{count} trainings gave the same numbers, so they count as one: "
            "let training seed its random numbers with ML_CI_SEED."
        )
        return _kept_small(replace(total, warnings=(*first.warnings, *_lost(runs), same)), gated)
    metrics = dict(first.metrics) | {name: _repeated([run.metrics[name] for run in runs]) for name in common}
    warnings = (*first.warnings, *_lost(runs), *_other_tests(runs))
    return _kept_small(replace(total, metrics=metrics, warnings=warnings), gated)


def _repeated(metrics: Sequence[Metric]) -> Metric:
    """The metric of all trainings; of their histories a single point is no curve."""
    values = tuple(metric.value for metric in metrics)
    histories = tuple(metric.history for metric in metrics)
    curves = histories if any(len(history) > 1 for history in histories) else ()
    return replace(metrics[0], value=mean(values), repeats=values, curves=curves)


def _kept_small(run: Run, gated: Collection[str]) -> Run:
    metrics, said = bounded(run.metrics, gated)
    new = [warning for warning in said if warning not in run.warnings]
    return replace(run, metrics=metrics, warnings=(*run.warnings, *new))


def _lost(runs: Sequence[Run]) -> list[str]:
    """Which metrics not every training left, and what the training that did not had to say."""
    warnings = []
    for number, run in enumerate(runs[1:], start=2):
        lost = [name for name in runs[0].metrics if name not in run.metrics]
        if lost:
            place = f"Training {number} of {len(runs)}"
            warnings.append(f"{place} left no {', '.join(lost[:5])}, so there are no repeats of it.")
            warnings += [f"{place}: {warning}" for warning in run.warnings if warning not in runs[0].warnings]
    return warnings


def _other_tests(runs: Sequence[Run]) -> list[str]:
    if len({run.test_set for run in runs}) == 1:
        return []
    words = "The trainings were measured on different test sets, so their spread is that of the test sets as well: "
    return [words + "let ML_CI_SEED not decide what is tested on."]
