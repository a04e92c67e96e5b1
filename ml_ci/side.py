"""One side of the comparison: prepare it, train it, read what training left. Head and base take the same way."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ml_ci.config import Config, training_digest
from ml_ci.errors import ConfigError, TrainingError
from ml_ci.progress import Progress
from ml_ci.records import DataVersion, Environment, Image, Metric, Run
from ml_ci.sources import data, environment, inputs, metric_files, pipeline
from ml_ci.sources.data import Dvc, Pulled
from ml_ci.sources.dvc_settings import cache_folder
from ml_ci.sources.environment import TrainingEnvironment
from ml_ci.sources.git import Git
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.outputs import metric_patterns
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.tracking import Left, StoreState, Tracking
from ml_ci.sources.training import Trained, log_tail, train, training_variables

IMAGE_BYTES = 5_000_000
"""GitHub's image proxy shows nothing larger."""
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What every side is trained with: the caller's environment, places to work in, and who watches over it."""

    variables: Mapping[str, str]
    cache: Path
    out: Path
    reaper: Reaper
    progress: Progress
    in_container: bool = False


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

    @property
    def directory(self) -> Path:
        """Where training runs."""
        return self.git.top / self.config.working_directory


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that has succeeded: its tags, its start, its cost, and the watched files and MLflow's store as they were before it."""

    identity: Identity
    started: datetime
    cost: Trained
    before: Mapping[Path, metric_files.Signature | None]
    store: StoreState | None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A side's run, the contents of its images by SHA-256, and what the run is tagged with."""

    run: Run
    images: Mapping[str, bytes]
    identity: Identity


def prepare(
    name: Literal["head", "base"], git: Git, commit: str, *, exact: bool, dirty: bool, config: Config, shop: Workshop
) -> Side:
    """Build the environment, pull head's data, and take the fingerprint of all that training will read.

    The base's data is pulled only once it is known that the base has to be trained (`pull`).
    """
    directory = git.top / config.working_directory
    if not directory.is_dir():
        raise ConfigError(f"working-directory {config.working_directory} is not a folder of the {name}.")
    files = git.working_files()
    command = config.train or _usual_command(directory, name)
    globs = inputs.from_top(config.inputs, config.working_directory)
    if not inputs.chosen(files, globs):
        raise ConfigError(f"`inputs` matches no file of the {name}: without inputs nothing can be compared.")
    with beside() as pool:
        pulling = pool.submit(pull, git, config) if name == "head" else None
        if pulling and config.pull is not False:
            _announce_data(data_of(git, files), shop.progress)
        built = environment.prepare(
            directory,
            git.top,
            config.environment,
            cache=shop.cache / "envs",
            outer=training_variables(shop.variables),
            in_container=shop.in_container,
            log=shop.out / f"environment-{name}.log",
            owner=git.owner,
        )
        pulled = pulling.result() if pulling else Pulled()
    if pulled.said:
        shop.progress.line(f"dvc pull: {pulled.said}")
    if built.note:
        shop.progress.line(built.note)
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
        warnings=pulled.warnings,
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


def _usual_command(directory: Path, name: str) -> str:
    """How to train where the configuration does not say. Raises ConfigError where there is nothing to go by."""
    for file, command in (("dvc.yaml", "dvc repro"), ("train.py", "python train.py")):
        if (directory / file).exists():
            return command
    raise ConfigError(f"the {name} has neither a dvc.yaml nor a train.py: say with `train` how its model is trained.")


def pull(git: Git, config: Config, shared: Git | None = None) -> Pulled:
    """`dvc pull` in a side's working tree; `shared` is the repository whose cache a worktree uses."""
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
    dvc = Dvc(root, git.variables)
    if config.pull is False:
        # also then, data that was changed by hand must never pass for what DVC tracks
        return dvc.as_it_is()
    return dvc.pull(config.pull if isinstance(config.pull, tuple) else (), directory)


def run(side: Side, tracking: Tracking, shop: Workshop) -> Training:
    """Train a side. Raises TrainingError if that fails."""
    identity = identify(side)
    before = {path: metric_files.signature(path) for path in _watched(side)}
    store = tracking.state()
    started = datetime.now(UTC)
    trained = train(
        side.command,
        directory=side.directory,
        variables=_variables(side, tracking, identity),
        timeout=side.config.timeout,
        log=shop.out / f"train-{side.name}.log",
        echo=shop.progress.line,
        reaper=shop.reaper,
        owner=side.git.owner,
    )
    return Training(identity=identity, started=started, cost=trained, before=before, store=store)


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


def _variables(side: Side, tracking: Tracking, identity: Identity) -> dict[str, str]:
    return tracking.variables({"ML_CI_SEED": "0", **side.environment.variables}, identity)


def collect(side: Side, training: Training, tracking: Tracking, *, ask: bool) -> Finished:
    """Read what training left: MLflow's run, metrics files, parameters, images.

    Without `ask` it is known that training logged nothing, and its run is not in MLflow before it is kept. Raises
    TrainingError if it left no metrics.
    """
    identity, since = training.identity, int(training.started.timestamp() * 1000)
    left = tracking.left_by(identity, since) if ask else Left(run=None)
    fresh, stale = _fresh(side, training.before)
    from_files, file_warnings = _read_metrics(side, fresh)
    logged = dict(left.run.metrics) if left.run else {}
    metrics = from_files | logged
    if not metrics:
        raise TrainingError(_nothing_left(side, stale), log_tail(training.cost.log))
    run_id = left.run.run_id if left.run else None
    if run_id is None and ask:
        run_id = tracking.create(identity, since)
    images = _read_images(side, fresh)
    finished = Run(
        commit=side.commit,
        key=side.config.key,
        run_id=run_id,
        dirty=side.dirty,
        fingerprint=side.fingerprint,
        command=side.command,
        started=training.started.isoformat(timespec="seconds"),
        train_seconds=training.cost.seconds,
        peak_memory=training.cost.peak_memory,
        metrics=metrics,
        params=_read_params(side) | (dict(left.run.params) if left.run else {}),
        data=data_of(side.git, side.files),
        environment=Environment(
            python=side.environment.python,
            platform=side.environment.platform,
            packages=dict(side.environment.packages),
        ),
        images=tuple(Image(path=path, sha256=sha256) for path, (sha256, _) in images.items()),
        warnings=(
            *side.warnings,
            *left.warnings,
            *(f"{path} was not written by this training, so it does not count." for path in stale),
            *file_warnings,
            *_disagreements(from_files, logged),
        ),
    )
    return Finished(run=finished, images=dict(images.values()), identity=identity)


def _expand(side: Side, patterns: Sequence[str]) -> list[Path]:
    root = data.find_dvc(side.directory, side.git.top)
    return metric_files.expand(side.directory, patterns, [cache_folder(root)] if root else [])


def _watched(side: Side) -> list[Path]:
    """The files whose writing has to be noticed: metrics and images."""
    return _expand(side, [*metric_patterns(side.config, side.directory), *side.config.plots])


def _fresh(side: Side, before: Mapping[Path, metric_files.Signature | None]) -> tuple[set[Path], list[str]]:
    """The watched files that this training wrote, or that DVC vouches for; and the metrics files that it did not."""
    watched = _watched(side)
    fresh = {path for path in watched if metric_files.written(before.get(path), metric_files.signature(path))}
    fresh |= _vouched(side, [path for path in watched if path not in fresh])
    wanted = _expand(side, metric_patterns(side.config, side.directory))
    return fresh, [str(path.relative_to(side.git.top)) for path in wanted if path not in fresh]


def _vouched(side: Side, paths: Sequence[Path]) -> set[Path]:
    """Of files that were not written, those that a stage made, where DVC says that no stage would have to run again for them."""
    root = data.find_dvc(side.directory, side.git.top)
    if root is None:
        return set()
    makers = {path: stage for path in paths if (stage := pipeline.maker(side.directory / "dvc.yaml", path))}
    current = Dvc(root, side.git.variables).up_to_date(makers.values(), side.directory)
    return {path for path, stage in makers.items() if stage in current}


def _read_metrics(side: Side, fresh: set[Path]) -> tuple[dict[str, Metric], list[str]]:
    metrics: dict[str, Metric] = {}
    warnings: list[str] = []
    for path in _expand(side, metric_patterns(side.config, side.directory)):
        if path in fresh:
            found, said = metric_files.read_metrics(path, str(path.relative_to(side.git.top)))
            warnings += said
            warnings += [
                f"{name} is in {metrics[name].source} and in {metric.source}; the latter counts."
                for name, metric in found.items()
                if name in metrics and not _equal(metrics[name].value, metric.value)
            ]
            metrics |= found
    if side.config.metrics:
        present = _expand(side, side.config.metrics)
        warnings += [] if present else [f"`metrics` names {', '.join(side.config.metrics)}, but there is no such file."]
    return metrics, warnings


def _disagreements(files: Mapping[str, Metric], logged: Mapping[str, Metric]) -> list[str]:
    return [
        f"{name} is {logged[name].value:.6g} in MLflow but {metric.value:.6g} in {metric.source}; MLflow's counts."
        for name, metric in files.items()
        if name in logged and not _equal(logged[name].value, metric.value)
    ]


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _read_params(side: Side) -> dict[str, str]:
    params: dict[str, str] = {}
    for path in metric_files.expand(side.directory, side.config.params):
        params |= metric_files.read_params(path, str(path.relative_to(side.git.top)))
    return params


def _read_images(side: Side, fresh: set[Path]) -> dict[str, tuple[str, bytes]]:
    """Training's PNGs by path: the SHA-256 of the content, and the content."""
    images = {}
    for path in _expand(side, side.config.plots):
        if path in fresh and path.stat().st_size <= IMAGE_BYTES:
            content = path.read_bytes()
            if content.startswith(PNG):
                images[str(path.relative_to(side.git.top))] = (hashlib.sha256(content).hexdigest(), content)
    return images


def _announce_data(versions: Sequence[DataVersion], progress: Progress) -> None:
    """Say how much there is to pull, since DVC's own progress bars are for terminals only."""
    if versions:
        count = sum(version.files or 1 for version in versions)
        size = sum(version.size or 0 for version in versions) / 1e6
        progress.line(f"dvc pull: {count} file{'s' if count > 1 else ''}, {size:,.1f} MB, less what is here already")


def data_of(git: Git, files: Mapping[str, str]) -> tuple[DataVersion, ...]:
    """The data versions that DVC's files in the working tree name."""

    def read(path: str) -> bytes | None:
        file = git.top / path
        return file.read_bytes() if file.is_file() else None

    return tuple(version for version in data.versions(files, read) if version.path not in files)


def _nothing_left(side: Side, stale: Sequence[str]) -> str:
    text = (
        f"training (`{side.command}`) exited with 0 but left no metrics: log them to MLflow at MLFLOW_TRACKING_URI, "
        "or write a file that `metrics` names. A script that sets a tracking URI of its own logs elsewhere."
    )
    if stale:
        text += f" {', '.join(stale[:5])} is there, but this training did not write it."
    return text
