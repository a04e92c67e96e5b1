"""The story: prepare head → find base's run, or train it → train head → compare → decide → report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ml_ci import side as sides
from ml_ci.base_config import GONE, BaseConfig, Judged, judged_by, read_base
from ml_ci.compare.comparison import compare
from ml_ci.compare.evidence import gather
from ml_ci.compare.found import Material
from ml_ci.compare.gate import decide
from ml_ci.compare.slice_evidence import measure_slices
from ml_ci.config import Config, unused_warnings
from ml_ci.context import Context
from ml_ci.errors import MlCiError, OutsideError, TrainingError
from ml_ci.harvest import Finished
from ml_ci.journal import Journal, Tools
from ml_ci.records import Baseline, Run
from ml_ci.result import Failure, Result
from ml_ci.side import Side
from ml_ci.sources.baseline import Known, look_for
from ml_ci.sources.disk import disk_explained
from ml_ci.sources.record_store import too_large_to_keep
from ml_ci.sources.tracking import Tracking
from ml_ci.statistics.metric_names import check_names, left_out
from ml_ci.test_set import use_of
from ml_ci.thinning import bounded
from ml_ci.two_sides import TwoSides

_LOG = logging.getLogger(__name__)
_LACKING = "The run is recorded without predictions, so comparisons with it rest on weaker evidence."
_GONE = "The configuration no longer has this model, and the base branch's does: it was judged as that says."
__all__ = ["Tools", "compare_runs", "failed", "judge", "record", "run", "take_rules"]


def run(context: Context, config: Config, tools: Tools, report: Callable[[Result], None]) -> Result:
    """Compare head with base, and give the result to `report` while MLflow is still being told of it.

    Errors of the family in `ml_ci.errors` become a result with a failure; anything else is a bug, and is raised.
    """
    nothing = Baseline(commit=context.base, origin="none", why=context.why or "it was not looked for")
    journal, secrets = Journal(base=nothing, head_commit=context.head), tools.shop.secrets
    base = read_base(tools.git, context.base, config) if context.base else BaseConfig()
    config = take_rules(judged_by(base, config), journal)
    try:
        check_names(config.predictions)
        with (
            disk_explained(),
            tools.tracking as tracking,
            TwoSides(context, config, tools, tracking, journal, base) as both,
        ):
            with tools.shop.unexchanged():
                head = both.find_or_train()
            result = judge(config, journal, head)
            result = secrets.hidden(result)
            report(result)
            _count(result, tools)
            warnings = both.keeping.settle()
            result = replace(result, head=journal.head, base=journal.base, warnings=(*result.warnings, *warnings))
    except MlCiError as error:
        _LOG.debug("The job ended early.", exc_info=error)
        result = secrets.hidden(failed(config.key, error, journal))
        report(result)
    return secrets.hidden(result)


def record(context: Context, config: Config, tools: Tools) -> Finished:
    """Train what is checked out and keep its run as a baseline. Raises the errors of `ml_ci.errors`."""
    if not context.exact:
        raise OutsideError(
            "the working tree has changes, so its run is nobody's baseline: commit or stash them, then record again."
        )
    check_names(config.predictions)
    journal = Journal(base=Baseline(commit=None, origin="none", why=context.why), head_commit=context.head)
    with disk_explained(), tools.tracking as tracking, TwoSides(context, config, tools, tracking, journal) as one:
        head = one.prepare_head()
        known = look_for(config.key, context.head, head.fingerprint, one.stores)
        if known and known.run.fingerprint == head.fingerprint and not _lacks_predictions(known.run, config):
            return _record_again(tools.shop.secrets.hidden(known), head, tools, tracking, config)
        if not head.exact:
            raise OutsideError(
                "data here is not what DVC tracks, so its run is nobody's baseline: `dvc checkout` first."
            )
        finished = one.train(head)
        if finished.without_predictions:
            finished = replace(finished, run=replace(finished.run, warnings=(*finished.run.warnings, _LACKING)))
        finished = replace(finished, run=one.keeping.now(finished))
        if tracking.shared:
            tracking.recorded(finished.run)
        elif tools.keep:
            kept = tools.keep.add(finished.run, finished.images, finished.parquet, recorded=True, judged=config.gated)
            finished = replace(finished, run=replace(finished.run, warnings=kept.warnings))
    for warning in finished.run.warnings:
        tools.shop.progress.line(f"Warning: {warning}")
    return finished


def compare_runs(base: Run, head: Run, config: Config, material: Material) -> Result:
    """Compare two runs that exist, as `ml-ci compare` does. It is no verdict on a change, so no test set is worn by it."""
    check_names(config.predictions)
    # the records of another ml-ci may hold more than this one keeps
    base, head = (replace(run, metrics=bounded(run.metrics, config.gated)[0]) for run in (base, head))
    baseline = Baseline(commit=base.commit or None, origin="found", run=base, why="given on the command line")
    journal = Journal(base=baseline, head_commit=head.commit, head_origin="found", material=material)
    return judge(config, journal, head)


def take_rules(judged: Judged, journal: Journal) -> Config:
    """The configuration that a job judges by; what is to be said of it goes into the journal."""
    config, journal.rules, journal.rules_of_base = judged.config, judged.changes, judged.by_base
    if GONE in config.overridden:
        journal.warnings.append(_GONE)
    journal.warnings += [*unused_warnings(config), *left_out(config)]
    return config


def judge(config: Config, journal: Journal, head: Run) -> Result:
    """Compare and decide, from what the journal holds of both sides; say which verdict on its test set this is."""
    return _with_test_set(_result(config, journal, head), config, journal)


def failed(key: str, error: MlCiError, journal: Journal | None = None, head_commit: str = "") -> Result:
    """The result of a job that could not compare."""
    nothing = Baseline(commit=None, origin="none", why="the job ended before it was looked for")
    journal = journal or Journal(base=nothing, head_commit=head_commit)
    tail = error.log_tail if isinstance(error, TrainingError) else ""
    return Result(
        key=key,
        base=journal.base,
        head=journal.head,
        head_origin=journal.head_origin,
        head_commit=journal.head_commit,
        failure=Failure(message=str(error), exit_code=error.exit_code, log_tail=tail),
        warnings=tuple(journal.warnings),
        timings=journal.timings,
        rules=journal.rules,
        rules_of_base=journal.rules_of_base,
    )


def _result(config: Config, journal: Journal, head: Run) -> Result:
    base, material = journal.base.run, journal.material
    comparison = compare(base, head)
    evidence = gather(base, head, config, material)
    slices = measure_slices(base, head, config, material)
    decision = decide(comparison, config.gate, config.policy, evidence, slices)
    lenient = decision.verdict == "inconclusive" and config.policy.inconclusive == "pass"
    return Result(
        key=config.key,
        base=journal.base,
        head=head,
        head_origin=journal.head_origin,
        head_commit=journal.head_commit,
        comparison=comparison,
        decision=decision,
        code=journal.code,
        parameters=journal.parameters,
        images=journal.images,
        material=material,
        report=journal.report,
        warnings=(*journal.warnings, *head.warnings),
        timings=journal.timings,
        allowed=decision.verdict == "pass" or lenient,
        rules=journal.rules,
        rules_of_base=journal.rules_of_base,
    )


def _with_test_set(result: Result, config: Config, journal: Journal) -> Result:
    """Say which verdict on its test set this is. A head that is base's run by another name was not measured again."""
    counts, head = journal.stored.counts, journal.head
    if counts is None or head is None or journal.head_origin != "trained":
        return result
    return replace(result, test_set=use_of(config, journal.base.run, head, journal.material, counts))


def _count(result: Result, tools: Tools) -> None:
    """Count the verdict where runs are kept; on GitHub that is the outlet's to do, together with its other files."""
    if tools.keep and result.test_set and result.head:
        with suppress(MlCiError, OSError):  # it says nothing of this change
            tools.keep.count_verdict(result.head)


def _lacks_predictions(run: Run, config: Config) -> bool:
    """Whether the run was kept without the predictions that are asked for, and training again may give them."""
    return config.predictions is not None and run.predictions is None and not too_large_to_keep(run)


def _record_again(known: Known, head: Side, tools: Tools, tracking: Tracking, config: Config) -> Finished:
    """A run with equal inputs is this commit's run too; in MLflow it is found by its fingerprint as it is."""
    run = replace(known.run, commit=head.commit)
    contents = {image.sha256: known.store.image(run, image.sha256) for image in run.images}
    images = {sha256: content for sha256, content in contents.items() if content is not None}
    if known.store is tracking:
        tracking.recorded(run)
    elif tools.keep:
        tools.keep.add(run, images, known.store.predictions(known.run), recorded=True, judged=config.gated)
    return Finished(run=run, images=images, identity=sides.identify(head))
