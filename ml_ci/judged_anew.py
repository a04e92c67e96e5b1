"""Judging again, by code and rules that are trusted, what a job that is not has handed over."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from ml_ci import material as materials
from ml_ci.base_config import Judged, judged_by, of_model, with_models_of
from ml_ci.compare.comparison import Change
from ml_ci.config import Config
from ml_ci.errors import ConfigError, MlCiError, OutsideError, TrainingError
from ml_ci.job import failed, judge, take_rules
from ml_ci.journal import Journal
from ml_ci.material import Scored
from ml_ci.records import Baseline, Metric, Run
from ml_ci.report.escape import clip, visible
from ml_ci.result import Failure, Result
from ml_ci.scores import CLOSE, asked_for, compute, scored
from ml_ci.sources.baseline import Known, look_for, without_training
from ml_ci.sources.handed_result import MOST_MODELS
from ml_ci.sources.handover import HandedOver
from ml_ci.sources.record_store import Records
from ml_ci.statistics.metric_names import check_names
from ml_ci.thinning import bounded

MOST_WARNINGS = 20
LONGEST_WARNING = 300
LONGEST_FAILURE = 400
LONGEST_SOURCE = 200
_OWN_NUMBERS = (
    "The base has no record, so its numbers come from the pull request's own job, as head's do, and its author could have "
    "made up both: run ml-ci on push, and the next pull request has a record to be compared with."
)
_NOT_SHOWN = "The repository's own report is not shown, as anybody may have written it: it is in the artifact of the workflow run."
_OWN_WORD = "what the pull request's own job says"
"""The source of a metric that is to be computed from predictions, and that these do not give."""
_NONE_HANDED_OVER = "it has no record, and the pull request's own job handed none over"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What is known without believing what was handed over.

    `head_commit` is the commit under review, `base_commit` what it is compared with if the job says nothing of that.
    `doubt` says in one sentence why a commit cannot be what the job compared with; it is empty where it can. `stores` are
    where runs of the base are; in the first of them verdicts are counted. `code` are the files that differ, `warnings` what is to be said.
    """

    head_commit: str
    base_commit: str | None
    doubt: Callable[[str], str]
    stores: Sequence[Records]
    code: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_anew(handed: HandedOver, judged: Judged, ground: Ground, out: Path) -> Result:
    """Compare what was handed over with the base's record, and decide by the rules in `judged`; images go into `out`.

    Where there is no record, the base's run that was handed over takes its place, and a warning says so. Errors of the
    family in `ml_ci.errors` become a result with a failure.
    """
    journal = _journal(ground)
    config = take_rules(judged, journal)
    if config.report:
        journal.warnings.append(_NOT_SHOWN)
    try:
        check_names(config.predictions)
        if handed.failure or handed.head is None:
            raise _failure(handed.failure)
        known = _take_base(handed, config, ground, journal, out)
        for sha256, content in handed.images.items():
            journal.write_image(out, sha256, content)
        _assemble(handed, handed.head, config, known, ground.stores, journal)
        if journal.head is None:
            raise AssertionError("it was handed over")
        return judge(config, journal, journal.head)
    except MlCiError as error:
        return failed(config.key, error, journal)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How each model is judged; one of a file with several of them, where `several`. `warnings` are what is to be said."""

    judged: tuple[Judged, ...]
    several: bool
    warnings: tuple[str, ...] = ()


def rules_of(base: Config | None, head: Callable[[], Config | None], default: Config) -> Rules:
    """The rules of base's configuration, and what `head`'s changes in them, of all models that either has.

    Where head's cannot be read, which is what `head` then raises, it does without. `default` is for who has no file.
    """
    warnings: tuple[str, ...] = ()
    try:
        own = head()
        if own and len(own.models) > MOST_MODELS:
            raise ConfigError(f"it has {len(own.models):,} models, and at most {MOST_MODELS} are published.")
        config = with_models_of(base, own or default, here=own is not None)
    except MlCiError as error:
        warnings = (f"What the pull request changes in the rules is not known: {error}",)
        config = base or default
    judged = tuple(_as_base_says(base, model) for model in config.models or (config,))
    return Rules(judged=judged, several=bool(config.models), warnings=warnings)


def judge_model(handed: Sequence[HandedOver], judged: Judged, ground: Ground, out: Path) -> Result:
    """Judge anew what was handed over of one model. That nothing was is an error, and never a pass."""
    key = judged.config.key
    for each in handed:
        if each.key == key:
            return judge_anew(each, judged, ground, out)
    journal = _journal(ground)
    words = f"The pull request's own job handed over nothing of {key}, which is configured: its log says more."
    return failed(take_rules(judged, journal).key, OutsideError(words), journal)


def not_asked_for(handed: Sequence[HandedOver], rules: Rules) -> tuple[str, ...]:
    """A sentence on the models that were handed over and are in nobody's configuration."""
    strange = sorted({each.key for each in handed} - {each.config.key for each in rules.judged})
    names = ", ".join(strange[:5])
    return (f"What was handed over of {names} is not shown: no such model is configured.",) if strange else ()


def _as_base_says(whole: Config | None, model: Config) -> Judged:
    """How a model is judged: by base's rules, and as base calls it. Under a new name it would have no record."""
    base = of_model(whole, model)
    judged = judged_by(base, model)
    return replace(judged, config=replace(judged.config, key=base.config.key)) if base.config else judged


def _journal(ground: Ground) -> Journal:
    nothing = Baseline(commit=ground.base_commit, origin="none", why="it was not looked for")
    journal = Journal(base=nothing, head_commit=ground.head_commit, code=ground.code)
    journal.warnings += ground.warnings
    return journal


def _failure(handed: Failure | None) -> TrainingError:
    """What the job said of its failure is only quoted: one line of it, and not too long."""
    words = clip(" ".join(visible(handed.message[:10_000]).split()), LONGEST_FAILURE) if handed else ""
    said = f" It says: {words}" if words else ""
    return TrainingError(
        f"The pull request's own job has no result to judge: training failed, or could not begin; its log says more.{said}"
    )


# -- base


def _take_base(handed: HandedOver, config: Config, ground: Ground, journal: Journal, out: Path) -> Known | None:
    """Put base's run into the journal: its record, or else what was handed over, where the policy lets that count."""
    commit = handed.base_commit or ground.base_commit
    if commit is None:
        journal.base = Baseline(commit=None, origin="none", why=_NONE_HANDED_OVER)
        return None
    doubt = ground.doubt(commit)
    if doubt:
        raise OutsideError(doubt)
    journal.base = Baseline(commit=commit, origin="none", why="it was not looked for")
    known = None if config.baseline == "none" else look_for(config.key, commit, None, ground.stores)
    if known:
        journal.base = known.baseline
        for image in known.run.images:
            content = known.store.image(known.run, image.sha256)
            if content is not None:
                journal.write_image(out, image.sha256, content)
    elif config.baseline in ("found", "none"):
        journal.base = without_training(config.baseline, ground.stores, commit)
    elif handed.base and handed.base_commit:
        run = _bounded(handed.base, config)
        journal.base = Baseline(commit=commit, origin=handed.base_origin, run=run, why=handed.why)
        journal.warnings.append(_OWN_NUMBERS)
    else:
        journal.base = Baseline(commit=commit, origin="none", why=_NONE_HANDED_OVER)
    return known


# -- head, and what the verdict can stand on


def _assemble(
    handed: HandedOver, head: Run, config: Config, known: Known | None, stores: Sequence[Records], journal: Journal
) -> None:
    """Put head's run and both sides' predictions into the journal, and what the records know besides."""
    base = journal.base.run
    same = base is not None and handed.head_origin == "same-inputs" and _is_same(base, head)
    journal.stored = materials.fetch(config, known, stores, stores[0], same_inputs=same)
    journal.warnings += journal.stored.warnings
    before = None
    if known:
        before = materials.kept_base(known.run, journal.stored.parquet)
    elif base:
        before = _as_asked(materials.kept(base, handed.base_parquet), config)
    if base and same:
        # as where it is trusted: what is shown of head is what is known of base
        journal.head = replace(base, commit=head.commit, dirty=head.dirty, warnings=_shortened(head.warnings))
        journal.head_origin, after = "same-inputs", before or Scored()
    else:
        # whoever leaves them out is as one whose training lost them
        after = replace(_as_asked(materials.kept(head, handed.head_parquet), config), trained=True)
        if base and base.fingerprint == head.fingerprint:
            # whose inputs are the same by its own word only is not let off what is asked of one that was trained
            head = replace(head, fingerprint="")
        journal.head, journal.head_origin = _with_scores(_bounded(head, config), after, config), "trained"
    journal.material = materials.material(config, before, after, journal.stored.history)


def _is_same(base: Run, head: Run) -> bool:
    """Whether head's run is base's by another name, as it says; the numbers are looked at, as a fingerprint is but said."""
    numbers, others = ({name: repr(metric.value) for name, metric in run.metrics.items()} for run in (base, head))
    return base.fingerprint == head.fingerprint and numbers == others and base.predictions == head.predictions


def _as_asked(scores: Scored, config: Config) -> Scored:
    """Predictions with no more columns than a training is asked for: more groups or slices would soften the verdict."""
    found, spec = scores.predictions, config.predictions
    if found is None or spec is None:
        return Scored() if spec is None else scores
    asked = replace(
        found,
        group=found.group if spec.group else None,
        slices={name: column for name, column in found.slices.items() if name in spec.slices},
        columns={name: column for name, column in found.columns.items() if name in spec.columns},
    )
    return replace(scores, predictions=asked)


def _with_scores(run: Run, scores: Scored, config: Config) -> Run:
    """The run with the metrics that its predictions give, where these are asked for: what it says of itself is only said."""
    if scores.predictions is None or config.predictions is None:
        return replace(run, predictions=None)
    computed, warnings = compute(scores.predictions, config.predictions.path, config)
    # the mean of several trainings is not what the predictions of the first give
    single = {name: metric for name, metric in computed.items() if not _is_mean(run, name, metric.value)}
    said_only = {name: run.metrics[name] for name in asked_for(config) if name in run.metrics and name not in computed}
    metrics, disagreements = scored(
        {**run.metrics, **{name: replace(metric, source=_OWN_WORD) for name, metric in said_only.items()}}, single
    )
    said = [warning for warning in (*warnings, *disagreements) if warning not in run.warnings]
    return replace(run, test_set=scores.predictions.test_set, metrics=metrics, warnings=(*said, *run.warnings))


def _is_mean(run: Run, name: str, first: float) -> bool:
    """Whether the run has it of several trainings, of which the first gave this value."""
    repeats = run.metrics[name].repeats if name in run.metrics else ()
    return bool(repeats) and math.isclose(repeats[0], first, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE)


def _bounded(run: Run, config: Config) -> Run:
    """No more curves, words and repeats than a run of this configuration has."""
    metrics, _ = bounded(run.metrics, config.gated)
    if config.repeats == 1:
        metrics = {name: replace(metric, repeats=(), curves=()) for name, metric in metrics.items()}
    metrics = {name: _averaged(metric) for name, metric in metrics.items()}
    return replace(run, key=config.key, metrics=metrics, accepted=None, warnings=_shortened(run.warnings))


def _averaged(metric: Metric) -> Metric:
    """The metric with the mean of its repeats, whatever it says that this is, and its source in a few words."""
    value = mean(metric.repeats) if metric.repeats else metric.value
    return replace(metric, value=value, source=clip(metric.source, LONGEST_SOURCE))


def _shortened(warnings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(clip(" ".join(warning.split()), LONGEST_WARNING) for warning in warnings[:MOST_WARNINGS])
