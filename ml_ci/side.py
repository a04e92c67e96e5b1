"""One side of the comparison: prepare it, and train it. Head and base take the same way; `harvest` reads what that left."""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from ml_ci.config import Config, training_digest
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.progress import Progress
from ml_ci.records import DataVersion
from ml_ci.secrets import Secrets
from ml_ci.sources import data, data_origin, dvc_files, environment, importance, inputs, metric_files
from ml_ci.sources.data import Dvc, Pulled
from ml_ci.sources.dvc_plot_definitions import Definitions, definitions
from ml_ci.sources.dvc_plots import declared_files, declared_images
from ml_ci.sources.dvc_settings import cache_folder
from ml_ci.sources.environment import TrainingEnvironment
from ml_ci.sources.environment_build import Place
from ml_ci.sources.git import Git
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.outputs import metric_patterns
from ml_ci.sources.process import Owner
from ml_ci.sources.pull_progress import told
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.tracking import StoreState, Tracking
from ml_ci.sources.training import Trained, train, training_variables


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What every side is trained with: the caller's environment, places to work in, who watches over it, and what is not
    to be said. `unexchanged` is around whatever code of others runs, and sees that they leave `out` alone.
    """

    variables: Mapping[str, str]
    cache: Path
    out: Path
    reaper: Reaper
    progress: Progress
    in_container: bool = False
    owner: Owner | None = None
    secrets: Secrets = field(default_factory=Secrets)
    unexchanged: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True, kw_only=True)
class Side:
    """Code that is checked out and ready to be trained, with all that its fingerprint is made of."""

    name: Literal["head", "base"]
    git: Git
    commit: str
    exact: bool
    dirty: bool
    config: Config
    command: str
    environment: TrainingEnvironment
    files: Mapping[str, str]
    fingerprint: str
    warnings: tuple[str, ...]
    origins: tuple[str, ...] = ()
    """The files by which it says otherwise than base where data comes from."""

    @property
    def directory(self) -> Path:
        """Where training runs."""
        return self.git.top / self.config.working_directory


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that has succeeded: its tags, its start, its cost, and the watched files and MLflow's store as they were before it.

    `seed` is what it had in ML_CI_SEED: 0, and 1, 2, … where trainings are repeated.
    """

    seed: int
    identity: Identity
    started: datetime
    cost: Trained
    before: Mapping[Path, metric_files.Signature | None]
    store: StoreState | None


def prepare(
    name: Literal["head", "base"],
    git: Git,
    commit: str,
    *,
    exact: bool,
    dirty: bool,
    config: Config,
    shop: Workshop,
    before: Mapping[str, str] | None = None,
) -> Side:
    """Build the environment, pull head's data, and take the fingerprint of all that training will read.

    The base's data is pulled only once it is known that the base has to be trained (`pull`). `before` are the base's
    files, where there is a base to compare head with.
    """
    directory = git.top / config.working_directory
    if not directory.is_dir():
        raise ConfigError(f"working-directory {config.working_directory} is not a folder of the {name}.")
    files = git.working_files()
    command = config.train or _usual_command(directory, name, config.repeats)
    globs = inputs.from_top(config.inputs, config.working_directory)
    if not inputs.chosen(files, globs):
        raise ConfigError(f"`inputs` matches no file of the {name}: without inputs nothing can be compared.")
    origins = data_origin.changed_origins(before, files, partial(_content, git)) if before is not None else ()
    with beside() as pool:
        asked = (git, config, files, shop.progress)
        pulling = pool.submit(pull, *asked, wary=bool(origins)) if name == "head" else None
        with shop.unexchanged():
            built = environment.prepare(
                directory,
                git.top,
                config.environment,
                outer=training_variables(shop.variables, config.pass_env),
                place=Place(
                    cache=shop.cache / "envs",
                    log=shop.out / f"environment-{name}.log",
                    in_container=shop.in_container,
                    owner=git.owner,
                    reaper=shop.reaper,
                ),
            )
        pulled = pulling.result() if pulling else Pulled()
    if pulled.said:
        shop.progress.line(f"dvc pull: {pulled.said}")
    if built.note:
        shop.progress.line(built.note if name == "head" else f"Base: {built.note}")
    return Side(
        name=name,
        git=git,
        commit=commit,
        exact=exact and not pulled.changed,
        dirty=dirty or bool(pulled.changed),
        config=config,
        command=command,
        environment=built,
        files=files,
        fingerprint=inputs.fingerprint(
            command=command,
            files=files,
            inputs=globs,
            params=frozenset(str(path.relative_to(git.top)) for path in metric_files.expand(directory, config.params)),
            data=pulled.changed,
            settings=training_digest(config),
            python=built.python,
            packages=built.packages,
        ),
        warnings=(*((data_origin.said(origins),) if origins else ()), *pulled.warnings),
        origins=origins,
    )


@contextmanager
def beside() -> Iterator[ThreadPoolExecutor]:
    """A thread for what goes on beside the block. If the block is left early, nobody waits for it.

    A pull may take hours, and a job that is cancelled has seconds: the reaper ends the pull.
    """
    pool = ThreadPoolExecutor(1)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _usual_command(directory: Path, name: str, repeats: int) -> str:
    """How to train where the configuration does not say. Raises ConfigError where there is nothing to go by."""
    # the seed is nothing that DVC tracks: without --force, it would run no stage a second time
    repro = "dvc repro --force" if repeats > 1 else "dvc repro"
    for file, command in (("dvc.yaml", repro), ("train.py", "python train.py")):
        if (directory / file).exists():
            return command
    raise ConfigError(f"the {name} has neither a dvc.yaml nor a train.py: say with `train` how its model is trained.")


def pull(
    git: Git,
    config: Config,
    files: Mapping[str, str],
    progress: Progress,
    shared: Git | None = None,
    *,
    wary: bool = False,
) -> Pulled:
    """`dvc pull` in a side's working tree, which has these files; `shared` is the repository whose cache a worktree uses.

    `wary`: head says otherwise than base where data comes from. Then DVC is told no more than training, for it could be
    made to tell others (`ml_ci.sources.data_origin`).
    """
    directory = git.top / config.working_directory
    root = data.find_dvc(directory, git.top)
    if root is None and config.pull not in (None, False):
        raise ConfigError("`data.pull` is set, but there is no DVC repository here: run `dvc init`, or unset it.")
    if root is None:
        return Pulled()
    if shared:
        home = shared.top / root.relative_to(git.top)
        if (home / ".dvc").is_dir():
            Dvc(home, shared.variables).share_cache(root)
    dvc_files.check_ends(files, partial(_content, git))
    variables = git.variables
    if config.pass_env is not None and (wary or data_origin.names_a_program(files, partial(_content, git))):
        variables = training_variables(variables, config.pass_env)
    dvc = Dvc(root, variables)
    if config.pull is False:
        # also then, data that was changed by hand must never pass for what DVC tracks
        return dvc.as_it_is()
    targets = config.pull if isinstance(config.pull, tuple) else ()
    with told(progress, cache_folder(root), lambda: dvc.wanted(files, git.top, targets, directory)):
        try:
            return dvc.pull(targets, directory)
        except OutsideError as error:
            if variables is git.variables:
                raise
            why = "DVC had only the variables that `pass-env` names, since this change says where data comes from."
            raise OutsideError(f"{error} {why}") from error


def run(side: Side, tracking: Tracking, shop: Workshop, seed: int = 0) -> Training:
    """Train a side once, with this seed. Raises TrainingError if that fails."""
    identity = identify(side)
    before = {path: metric_files.signature(path) for path in watched(side, dvc_plots(side))}
    store = tracking.state()
    started = datetime.now(UTC)
    with shop.unexchanged():
        trained = train(
            side.command,
            directory=side.directory,
            variables=tracking.variables(_seeded(side, seed), identity),
            timeout=side.config.timeout,
            log=shop.out / (f"train-{side.name}-{seed}.log" if seed else f"train-{side.name}.log"),
            echo=shop.progress.line,
            reaper=shop.reaper,
            owner=side.git.owner,
        )
    return Training(seed=seed, identity=identity, started=started, cost=trained, before=before, store=store)


def identify(side: Side) -> Identity:
    """What the runs of one training of this side are tagged with; each call is another training."""
    return Identity(
        key=side.config.key,
        commit=side.commit,
        attempt=uuid.uuid4().hex,
        fingerprint=side.fingerprint,
        exact=side.exact,
        checkout=side.git.head(),
    )


def _seeded(side: Side, seed: int) -> dict[str, str]:
    """The environment of one training. A seed of the user's holds where there is one training, not where there are several."""
    if side.config.repeats > 1:
        return {**side.environment.variables, "ML_CI_SEED": str(seed)}
    return {"ML_CI_SEED": str(seed), **side.environment.variables}


def expand(side: Side, patterns: Sequence[str]) -> list[Path]:
    """The files of a side that patterns name, also where they are links into DVC's cache."""
    return metric_files.expand(side.directory, patterns, cached(side))


def cached(side: Side) -> list[Path]:
    """DVC's cache, where links of the working tree may lead; nothing where there is no DVC."""
    root = data.find_dvc(side.directory, side.git.top)
    return [cache_folder(root)] if root else []


def dvc_plots(side: Side) -> Definitions:
    """DVC's plots, as the dvc.yaml files say now: training may write some of these."""
    return definitions(side.directory, side.git.top)


def watched(side: Side, known: Definitions) -> list[Path]:
    """The files whose writing has to be noticed: metrics, plots, predictions, the importance of features, the report."""
    predictions = [side.config.predictions.path] if side.config.predictions else []
    metrics = metric_patterns(side.config, side.directory)
    found = expand(side, [*metrics, *importance.patterns(metrics), *predictions])
    found += [*images(side, known), *declared_files(side.directory, side.git.top, known), *report(side)]
    return list(dict.fromkeys(found))


def images(side: Side, known: Definitions) -> list[Path]:
    """Training's own images: those that `plots` names, then those among DVC's plots."""
    declared = declared_images(side.directory, side.git.top, known)
    return list(dict.fromkeys([*expand(side, side.config.plots), *declared]))


def report(side: Side) -> list[Path]:
    """The repository's own Markdown, where there is one. It may lie above the folder in which training runs."""
    if side.config.report is None:
        return []
    path = posixpath.normpath(posixpath.join(side.config.working_directory, side.config.report))
    return metric_files.expand(side.git.top, [path], cached(side))


def data_of(git: Git, files: Mapping[str, str]) -> tuple[DataVersion, ...]:
    """The data versions that DVC's files in the working tree name."""
    return tuple(each for each in dvc_files.versions(files, partial(_content, git)) if each.path not in files)


def _content(git: Git, path: str) -> bytes | None:
    file = git.top / path
    return file.read_bytes() if file.is_file() else None
