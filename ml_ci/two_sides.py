"""Head and base: found, or trained; and kept for later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from ml_ci import material as materials
from ml_ci import side as sides
from ml_ci.base_config import BaseConfig, trained_as
from ml_ci.compare.comparison import changed_files
from ml_ci.config import Config
from ml_ci.context import Context
from ml_ci.errors import ConfigError, MlCiError, TrainingError
from ml_ci.harvest import Finished, collect
from ml_ci.journal import Journal, Tools
from ml_ci.keeping import Keeping
from ml_ci.material import Scored, Stored
from ml_ci.records import Baseline, Run
from ml_ci.repeats import joined
from ml_ci.scores import PACKAGES
from ml_ci.side import Side
from ml_ci.slow_imports import SlowImports
from ml_ci.sources.baseline import Known, last_record, look_for, without_training
from ml_ci.sources.moved import moved_variables, with_own_packages
from ml_ci.sources.parameter_files import changed_parameters
from ml_ci.sources.record_store import RunStore
from ml_ci.sources.tracking import Tracking
from ml_ci.sources.untouched import Untouched

_NO_LONGER = (
    "The base's run was kept with predictions, and head's configuration has no `predictions`: what training says "
    "of itself counts, and examples are not compared."
)


class TwoSides:
    """One job's head and base. What it finds goes into the journal; what it makes is kept on a thread of its own."""

    def __init__(
        self,
        context: Context,
        config: Config,
        tools: Tools,
        tracking: Tracking,
        journal: Journal,
        base: BaseConfig | None = None,
    ) -> None:
        self._context = context
        self._config = config
        self._base_config = base or BaseConfig()
        self._tools = tools
        self._tracking = tracking
        self._journal = journal
        self._known: Known | None = None
        self._wary = False
        self._scored: dict[str, Scored] = {}
        self._imports = SlowImports(then=tracking.open_store, also=PACKAGES if _has_statistics(config) else ())
        self.keeping = Keeping(tracking, tools.keep, journal, self._imports)

    def __enter__(self) -> Self:
        self.keeping.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.keeping.__exit__(*error)

    @property
    def stores(self) -> list[RunStore]:
        """Where base runs are: the user's MLflow first, where there is one."""
        return [self._tracking, *self._tools.stores] if self._tracking.shared else list(self._tools.stores)

    def find_or_train(self) -> Run:
        """Have a run of head, and one of base if there can be one; returns head's.

        Head is trained before base, because a head that cannot be trained needs no base.
        """
        with sides.beside() as pool, ExitStack() as stack:
            looking = pool.submit(self._look)
            head = self.prepare_head()
            with self._step("Looking for the base's run", "baseline"):
                base = None if looking.result() else self._other_base(stack)
            if base:
                # what is said of it if head's training fails
                self._journal.base = replace(self._journal.base, why="it would have been trained after head")
            same = self._known is not None and self._known.run.fingerprint == head.fingerprint
            fetching = pool.submit(
                materials.fetch, self._config, self._known, self.stores, self._tools.counting, same_inputs=same
            )
            if base and base.fingerprint == head.fingerprint:
                self._train_base(base)
                base = None
            only_bases = Untouched(_only_bases(base, head)) if base else None
            run = self._same_inputs(head) or self._train_head(head)
            if base and only_bases:
                # head's code is a stranger's, and base's lies beside it
                only_bases.check()
                self._train_base(base)
            self._assemble(fetching.result())
        return run

    def prepare_head(self) -> Side:
        """What is checked out, with its data and environment."""
        context, git = self._context, self._tools.git
        before = git.files_at(context.base) if context.base else None
        with self._step("Preparing data and environment", "prepare"):
            head = sides.prepare(
                "head",
                git,
                context.head,
                exact=context.exact,
                dirty=context.dirty,
                config=self._config,
                shop=self._tools.shop,
                before=before,
            )
        self._wary = bool(head.origins)
        if context.base and before is not None:
            self._journal.code = changed_files(before, head.files)
            paths = {change.name for change in self._journal.code}
            where, files = head.directory, self._config.params
            self._journal.parameters = changed_parameters(git, context.base, where, files, paths)
        return head

    def train(self, side: Side) -> Finished:
        """Train a side as often as the configuration says, and read what that left. The run that counts is seed 0's."""
        first = self._train(side, 0)
        others = [self._train(side, seed).run for seed in range(1, side.config.repeats)]
        return replace(first, run=joined([first.run, *others], side.config.gated))

    def _train(self, side: Side, seed: int) -> Finished:
        count = side.config.repeats
        which = f" ({seed + 1} of {count})" if count > 1 else ""
        with self._step(f"Training {side.name}{which}", f"train {side.name}"):
            if side.name == "base" and seed == 0:
                asked = (side.git, side.config, side.files, self._tools.shop.progress)
                pulled = sides.pull(*asked, shared=self._tools.git, wary=self._wary)
                self._journal.warnings += [f"Base: {warning}" for warning in pulled.warnings]
            self._imports.begin()
            try:
                training = sides.run(side, self._tracking, self._tools.shop, seed)
                self._journal.warnings += side.git.put_back()
                self._imports.report()
                # where nothing was logged, nobody need wait for MLflow to tell so
                logged = self._tracking.may_have_changed(training.store)
                ask = logged or (self._imports.is_done and seed == 0)
                if ask:
                    self._imports.mlflow()
                return collect(side, training, self._tracking, ask=ask, secrets=self._tools.shop.secrets)
            except TrainingError as error:
                if count == 1:
                    raise
                words = f"{error} It was training {seed + 1} of {count}, with ML_CI_SEED={seed}."
                raise TrainingError(words, error.log_tail) from error

    # -- base

    def _look(self) -> bool:
        """Put base's run into the journal, if it is known without checking out the base."""
        context, config, known = self._context, self._config, None
        if context.base:
            known = look_for(config.key, context.base, None, self._looked_in)
        elif context.last_record:
            known = last_record(config.key, self._looked_in)
        if known:
            self._take(known)
        return known is not None

    def _other_base(self, stack: ExitStack) -> Side | None:
        """Put another run with the base's inputs into the journal, or return the base ready to be trained.

        Neither where there can be none.
        """
        context, config = self._context, self._config
        if context.base and config.baseline in ("auto", "train"):
            base = self._prepare_base(context.base, stack)
            known = look_for(config.key, context.base, base.fingerprint, self._looked_in) if base else None
            if known is None:
                return base
            self._take(known)
        elif context.base:
            self._journal.base = without_training(config.baseline, self._looked_in, context.base)
        return None

    @property
    def _looked_in(self) -> list[RunStore]:
        return self.stores if self._config.baseline in ("auto", "found") else []

    def _take(self, known: Known) -> None:
        # of a record that an older ml-ci wrote, or that has a secret which this job was given later
        known = self._tools.shop.secrets.hidden(known)
        self._journal.base, self._known = known.baseline, known
        for image in known.run.images:
            content = known.store.image(known.run, image.sha256)
            if content is not None:
                self._journal.write_image(self._tools.shop.out, image.sha256, content)

    def _prepare_base(self, commit: str, stack: ExitStack) -> Side | None:
        """Check the base out beside the head, to be trained in its own way."""
        git = self._tools.git
        worktree = stack.enter_context(git.worktree(commit, self._tools.temporary, self._tools.shop.reaper))
        if self._base_config.why:
            self._journal.warnings.append(
                f"The base was trained as head's configuration says, since {self._base_config.why}"
            )
        config = trained_as(self._base_config, self._config)
        if not (worktree / config.working_directory).is_dir():
            why = f"the base {commit[:12]} has no folder {config.working_directory} to train in"
            self._journal.base = Baseline(commit=commit, origin="none", why=why)
            return None
        beside = git.at(worktree)
        shop = self._tools.shop
        shop = replace(shop, variables=moved_variables(shop.variables, git.top, worktree))
        try:
            base = sides.prepare("base", beside, commit, exact=True, dirty=False, config=config, shop=shop)
        except ConfigError as error:
            self._no_base(commit, error)
            return None
        if base.environment.root is None:
            variables = with_own_packages(base.environment.variables, git.top, worktree, git.owner)
            base = replace(base, environment=replace(base.environment, variables=variables))
        return base

    def _train_base(self, base: Side) -> None:
        """Train the base. A base that cannot be trained is no baseline: loudly, and as `policy.no-baseline` says."""
        try:
            finished = self.train(base)
        except (TrainingError, ConfigError) as error:
            self._no_base(base.commit, error)
            return
        why = "trained now, in a worktree"
        self._journal.base = Baseline(commit=base.commit, origin="trained", run=finished.run, why=why)
        self._scored["base"] = materials.trained(finished)
        self._write_base_predictions(finished.run, finished.parquet)
        self._keep(finished)

    def _no_base(self, commit: str, error: MlCiError) -> None:
        why = f"the base {commit[:12]} could not be trained: {error}"
        self._journal.base = Baseline(commit=commit, origin="none", why=why)
        self._journal.warnings.append(why[0].upper() + why[1:])

    # -- head

    def _same_inputs(self, head: Side) -> Run | None:
        """Base's run as head's, where both have the same inputs: then there is nothing to train."""
        run = self._journal.base.run
        if run is None or run.fingerprint != head.fingerprint:
            return None
        self._journal.head_origin = "same-inputs"
        self._journal.head = replace(run, commit=head.commit, dirty=head.dirty, warnings=head.warnings)
        return self._journal.head

    def _train_head(self, head: Side) -> Run:
        finished = self.train(head)
        self._journal.head, self._journal.head_origin = finished.run, "trained"
        self._scored["head"] = materials.trained(finished)
        if finished.report:
            self._journal.write_report(self._tools.shop.out, finished.report)
        self._journal.write_predictions(self._tools.shop.out, "head", finished.run, finished.parquet)
        self._keep(finished)
        return finished.run

    # -- evidence

    def _assemble(self, stored: Stored) -> None:
        """Put what the verdict can stand on into the journal. A head with base's run has base's predictions, too."""
        journal, base = self._journal, self._scored.get("base")
        if base is None and self._known:
            base = materials.kept_base(self._known.run, stored.parquet)
            self._write_base_predictions(self._known.run, stored.parquet)
        head = self._scored.get("head") or base or Scored()
        if self._config.predictions is None and journal.base.run and journal.base.run.predictions:
            journal.warnings.append(_NO_LONGER)
        journal.stored = stored
        journal.warnings += stored.warnings
        journal.material = materials.material(self._config, base, head, stored.history)

    def _write_base_predictions(self, run: Run, parquet: bytes | None) -> None:
        """Base's, and head's where it is base's run by another name; before head is trained that may still turn out."""
        self._journal.write_predictions(self._tools.shop.out, "base", run, parquet)
        if self._journal.head_origin != "trained":
            self._journal.write_predictions(self._tools.shop.out, "head", run, parquet)

    def _keep(self, finished: Finished) -> None:
        for sha256, content in finished.images.items():
            self._journal.write_image(self._tools.shop.out, sha256, content)
        self.keeping.begin(finished)

    @contextmanager
    def _step(self, title: str, name: str) -> Iterator[None]:
        with self._tools.shop.progress.step(title), self._journal.timed(name):
            yield


def _only_bases(base: Side, head: Side) -> list[Path]:
    """The folders that head's training has no business in: base's checkout, and its environment if that is not head's."""
    built = base.environment.root
    return [base.git.top, *([built] if built and built != head.environment.root else [])]


def _has_statistics(config: Config) -> bool:
    return config.predictions is not None or config.repeats > 1
