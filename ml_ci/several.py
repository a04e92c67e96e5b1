"""Several models: one job after the other, in one workshop, with one MLflow, and a folder for each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ml_ci import job
from ml_ci.config import Config
from ml_ci.context import Context
from ml_ci.errors import MlCiError, OutsideError
from ml_ci.harvest import Finished
from ml_ci.journal import Tools
from ml_ci.progress import Progress
from ml_ci.sources.output_folder import make_output_folder
from ml_ci.sources.outputs import Outputs, outputs_of
from ml_ci.sources.tracking import Tracking

T = TypeVar("T")

MakeTracking = Callable[[], AbstractContextManager[Tracking]]


def each_model(
    models: Sequence[Config], tools: Tools, tracking: MakeTracking, work: Callable[[Config, Tools], T]
) -> list[T]:
    """What `work` makes of each model, in order, with the tools for it: its files are in a folder that has its key.

    `tools` are those of the whole, whose records and environments are everybody's; `tracking` takes the place of theirs,
    and is begun once.
    """
    with SharedTracking(tracking) as shared:
        return [work(model, _tools_for(model, tools, shared)) for model in models]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of one model that was to be recorded: its run, or the error."""

    key: str
    finished: Finished | None = None
    error: MlCiError | None = None


def record_each(context: Context, models: Sequence[Config], tools: Tools, tracking: MakeTracking) -> list[Recorded]:
    """Record each model. One that cannot be recorded does not keep the others from it."""

    def record(model: Config, own: Tools) -> Recorded:
        try:
            return Recorded(key=model.key, finished=job.record(context, model, own))
        except MlCiError as error:
            return Recorded(key=model.key, error=own.shop.secrets.in_error(error))

    return each_model(models, tools, tracking, record)


def outputs_of_all(config: Config, top: Path) -> Outputs:
    """What the trainings of all models write: what one left behind is no change of the code that the next one is trained on."""
    found = [outputs_of(model, top) for model in config.models or (config,)]
    return Outputs(
        declared=tuple(dict.fromkeys(glob for outputs in found for glob in outputs.declared)),
        usual=tuple(dict.fromkeys(glob for outputs in found for glob in outputs.usual)),
    )


class SharedTracking:
    """One MLflow for jobs that come one after the other: begun by the first that needs it, ended with the block."""

    def __init__(self, make: MakeTracking) -> None:
        self._make = make
        self._stack = ExitStack()
        self._tracking: Tracking | None = None
        self._refused: MlCiError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @contextmanager
    def for_one(self) -> Iterator[Tracking]:
        """The MLflow for one job's block. Raises what began it raised, for each job again."""
        tracking = self._begun()
        try:
            yield tracking
        except OutsideError:
            # it may be the server that failed: ended now, it says why, and the next model gets another
            self._tracking = None
            self._stack.__exit__(*sys.exc_info())
            raise

    def _begun(self) -> Tracking:
        if self._refused:
            raise self._refused
        if self._tracking is None:
            try:
                self._tracking = self._stack.enter_context(self._make())
            except MlCiError as error:
                self._refused = error
                raise
        return self._tracking


class _Named:
    """Progress of one model, with its key before each step."""

    def __init__(self, progress: Progress, key: str) -> None:
        self._progress = progress
        self._key = key

    def step(self, title: str) -> AbstractContextManager[None]:
        """The step as the door shows it."""
        return self._progress.step(f"{self._key}: {title}")

    def line(self, text: str) -> None:
        """A line of training's, as it is."""
        self._progress.line(text)

    def amount(self, what: str, done: int, total: int) -> None:
        """As the door shows it."""
        self._progress.amount(what, done, total)


def _tools_for(model: Config, tools: Tools, shared: SharedTracking) -> Tools:
    out = tools.shop.out / model.key
    make_output_folder(out)
    shop = replace(tools.shop, out=out, progress=_Named(tools.shop.progress, model.key))
    return replace(tools, shop=shop, tracking=shared.for_one())
