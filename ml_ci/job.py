"""The story: prepare head → look for base's run → train what must be trained → compare → decide."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread

from ml_ci import side as sides
from ml_ci.compare.comparison import Change, compare
from ml_ci.compare.gate import decide
from ml_ci.config import Config, unused_warnings
from ml_ci.config_reader import parse
from ml_ci.context import Context
from ml_ci.errors import MlCiError, OutsideError, TrainingError
from ml_ci.records import Baseline, Origin, Run
from ml_ci.result import Failure, Result
from ml_ci.side import Finished, Side, Workshop
from ml_ci.sources.baseline import look_for, without_training
from ml_ci.sources.git import Git
from ml_ci.sources.record_store import Records, RunStore
from ml_ci.sources.tracking import Tracking

CONFIG_NAMES = (".ml-ci.yml", ".ml-ci.yaml")
SLOW_IMPORTS = ("mlflow", "jinja2", "tabulate", "pydantic", "matplotlib.figure", "matplotlib.backends.backend_agg")
"""What the job and its outlets need after training, imported while training runs."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything that the job does to the world is done through these."""

    git: Git
    shop: Workshop
    tracking: AbstractContextManager[Tracking]
    stores: Sequence[RunStore]
    keep: Records | None
    """Where runs of exact commits are kept, besides MLflow."""
    temporary: Path


@dataclass
class Journal:
    """What the job knows so far, for the report of a job that fails half-way."""

    base: Baseline
    head_commit: str = ""
    head: Run | None = None
    head_origin: Origin = "none"
    images: dict[str, Path] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's seconds to those of `step`."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0.0) + time.monotonic() - begin


def run(context: Context, config: Config, tools: Tools, report: Callable[[Result], None]) -> Result:
    """Compare head with base, and give the result to `report` while MLflow is still being told of it.

    Errors of the family in `ml_ci.errors` become a result with a failure; anything else is a bug, and is raised.
    """
    nothing = Baseline(commit=context.base, origin="none", why=context.why or "it was not looked for")
    journal = Journal(base=nothing, head_commit=context.head)
    journal.warnings += unused_warnings(config)
    try:
        with tools.tracking as tracking, ThreadPoolExecutor(1) as background:
            head, code, told = _both_sides(context, config, tools, tracking, journal, background)
            result = _result(config, journal, head, code)
            report(result)
            return replace(result, warnings=(*result.warnings, *_settle(told)))
    except MlCiError as error:
        result = failed(config.key, error, journal)
        report(result)
    return result


def record(context: Context, config: Config, tools: Tools) -> Finished:
    """Train what is checked out and keep its run as a baseline. Raises the errors of `ml_ci.errors`."""
    if not context.exact:
        raise OutsideError(
            "the working tree has changes, so its run is nobody's baseline: commit or stash them, then record again."
        )
    with tools.tracking as tracking:
        head = sides.prepare("head", tools.git, context.head, exact=True, dirty=False, config=config, shop=tools.shop)
        known = look_for(config.key, context.head, None, _stores(tools, tracking))
        if known and known.baseline.run and known.baseline.run.fingerprint == head.fingerprint:
            found = known.baseline.run
            images = {image.sha256: known.store.image(found, image.sha256) or b"" for image in found.images}
            return Finished(run=found, images=images, identity=sides.identify(head))
        if not head.exact:
            raise OutsideError(
                "data here is not what DVC tracks, so its run is nobody's baseline: `dvc checkout` first."
            )
        finished = _train(head, tracking, tools)
        tracking.complete(finished.run, finished.identity, finished.images)
        if tools.keep and not tracking.shared:
            tools.keep.add(finished.run, finished.images)
    return finished


def compare_runs(base: Run, head: Run, config: Config) -> Result:
    """Compare two runs that exist, as `ml-ci compare` does."""
    baseline = Baseline(commit=base.commit or None, origin="found", run=base, why="given on the command line")
    return _result(config, Journal(base=baseline, head=head, head_origin="found", head_commit=head.commit), head, ())


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
    )


# -- the chapters


def _both_sides(
    context: Context, config: Config, tools: Tools, tracking: Tracking, journal: Journal, background: ThreadPoolExecutor
) -> tuple[Run, tuple[Change, ...], list[Future[None]]]:
    """Fill the journal with both runs; returns head's, the code that differs, and what MLflow is still being told."""
    shop, git = tools.shop, tools.git
    told: list[Future[None]] = []
    with shop.progress.step("Preparing data and environment"), journal.timed("prepare"):
        head = sides.prepare(
            "head", git, context.head, exact=context.exact, dirty=context.dirty, config=config, shop=shop
        )
    stores = _stores(tools, tracking)
    with ExitStack() as stack:
        base: Side | None = None
        with shop.progress.step("Looking for the base's run"), journal.timed("baseline"):
            known = _known(context, config, stores)
            if known:
                journal.base, store = known
                _take_images(journal, store, tools)
            elif context.base and config.baseline in ("auto", "train"):
                base = _prepare_base(context.base, config, tools, journal, stack)
                again = look_for(
                    config.key, context.base, base.fingerprint, stores if config.baseline == "auto" else ()
                )
                if again:
                    journal.base, base = again.baseline, None
                    _take_images(journal, again.store, tools)
            elif context.base:
                journal.base = without_training(config.baseline, stores, context.base)
        if base and base.fingerprint == head.fingerprint:
            _train_base(base, tracking, tools, journal, background, told)
            base = None
        if journal.base.run and journal.base.run.fingerprint == head.fingerprint:
            journal.head, journal.head_origin = replace(journal.base.run, warnings=head.warnings), "same-inputs"
        else:
            with shop.progress.step("Training head"), journal.timed("train head"):
                finished = _train(head, tracking, tools)
            journal.head, journal.head_origin = finished.run, "trained"
            _keep_images(journal, finished, tools)
            told.append(background.submit(_tell, finished, tracking, tools))
        if base:
            _train_base(base, tracking, tools, journal, background, told)
    return journal.head, (git.changed_files(context.base, None) if context.base else ()), told


def _result(config: Config, journal: Journal, head: Run, code: tuple[Change, ...]) -> Result:
    comparison = compare(journal.base.run, head)
    decision = decide(comparison, config.gate, config.policy)
    lenient = decision.verdict == "inconclusive" and config.policy.inconclusive == "pass"
    return Result(
        key=config.key,
        base=journal.base,
        head=head,
        head_origin=journal.head_origin,
        head_commit=journal.head_commit,
        comparison=comparison,
        decision=decision,
        code=code,
        images=journal.images,
        warnings=(*journal.warnings, *head.warnings),
        timings=journal.timings,
        allowed=decision.verdict == "pass" or lenient,
    )


def _known(context: Context, config: Config, stores: Sequence[RunStore]) -> tuple[Baseline, RunStore] | None:
    """Base's run, if it is known without checking out the base."""
    if config.baseline not in ("auto", "found"):
        return None
    if context.base is None and context.last_record:
        return _last_record(config, stores)
    known = look_for(config.key, context.base, None, stores) if context.base else None
    return (known.baseline, known.store) if known else None


def _last_record(config: Config, stores: Sequence[RunStore]) -> tuple[Baseline, RunStore] | None:
    for store in stores:
        run = store.latest(config.key)
        if run:
            return Baseline(commit=run.commit, origin="found", run=run, why=f"the last record in {store.name}"), store
    return None


def _prepare_base(commit: str, config: Config, tools: Tools, journal: Journal, stack: ExitStack) -> Side:
    """Check the base out beside the head, with the base's own way to train."""
    worktree = stack.enter_context(tools.git.worktree(commit, tools.temporary, tools.shop.reaper))
    own = _base_config(commit, config, tools.git, journal)
    beside = Git(worktree, tools.git.variables, tools.git.credential)
    return sides.prepare("base", beside, commit, exact=True, dirty=False, config=own, shop=tools.shop)


def _base_config(commit: str, config: Config, git: Git, journal: Journal) -> Config:
    """What the base's configuration says about training; head's where the base has none that can be read.

    The rules, the key and what may be shown are head's, so both runs are read alike.
    """
    names = [str(config.source.relative_to(git.top))] if config.source else CONFIG_NAMES
    for name in names:
        text = git.read(commit, name)
        if text is not None:
            try:
                own = parse(text, f"{name} of the base")
            except MlCiError as error:
                journal.warnings.append(f"The base was trained as head's configuration says, since {error}")
                return config
            return replace(
                config,
                train=own.train,
                working_directory=own.working_directory,
                environment=own.environment,
                pull=own.pull,
                inputs=own.inputs,
            )
    return config


def _train_base(
    base: Side,
    tracking: Tracking,
    tools: Tools,
    journal: Journal,
    background: ThreadPoolExecutor,
    told: list[Future[None]],
) -> None:
    """Train the base. A base that cannot be trained is no baseline: loudly, and as `policy.no-baseline` says."""
    try:
        with tools.shop.progress.step("Training base"), journal.timed("train base"):
            sides.pull(base.git, base.config, shared=tools.git)
            finished = _train(base, tracking, tools)
    except TrainingError as error:
        why = f"the base {base.commit[:12]} could not be trained: {error}"
        journal.base = Baseline(commit=base.commit, origin="none", why=why)
        journal.warnings.append(why[0].upper() + why[1:])
        return
    journal.base = Baseline(commit=base.commit, origin="trained", run=finished.run, why="trained now, in a worktree")
    _keep_images(journal, finished, tools)
    told.append(background.submit(_tell, finished, tracking, tools))


def _train(side: Side, tracking: Tracking, tools: Tools) -> Finished:
    importing = Thread(target=_import_slow, daemon=True)
    importing.start()
    try:
        training = sides.run(side, tracking, tools.shop)
    except MlCiError:
        importing.join()
        raise
    # two threads must never import one package at once: one of them could get half of it
    importing.join()
    return sides.collect(side, training, tracking)


def _tell(finished: Finished, tracking: Tracking, tools: Tools) -> None:
    tracking.complete(finished.run, finished.identity, finished.images)
    if tools.keep and finished.identity.exact:
        tools.keep.add(finished.run, finished.images)


def _settle(told: Sequence[Future[None]]) -> list[str]:
    """Wait until the runs are kept. That they could not be does not change a verdict that is out: it is a warning."""
    errors = [future.exception() for future in told]
    for error in errors:
        if error and not isinstance(error, MlCiError):
            raise error
    return [f"This run could not be kept as a baseline: {error}" for error in errors if error]


# -- what the chapters stand on


def _stores(tools: Tools, tracking: Tracking) -> list[RunStore]:
    return [tracking, *tools.stores] if tracking.shared else list(tools.stores)


def _take_images(journal: Journal, store: RunStore, tools: Tools) -> None:
    run = journal.base.run
    for image in run.images if run else ():
        content = store.image(run, image.sha256) if run else None
        if content is not None:
            journal.images[image.sha256] = _write_image(image.sha256, content, tools)


def _keep_images(journal: Journal, finished: Finished, tools: Tools) -> None:
    for sha256, content in finished.images.items():
        journal.images[sha256] = _write_image(sha256, content, tools)


def _write_image(sha256: str, content: bytes, tools: Tools) -> Path:
    folder = tools.shop.out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256}.png"
    path.write_bytes(content)
    return path


def _import_slow() -> None:
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
