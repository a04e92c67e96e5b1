"""Keeping runs for later: in MLflow and among the records, on a thread of its own, while the story goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Self

from ml_ci.errors import MlCiError
from ml_ci.harvest import Finished
from ml_ci.journal import Journal
from ml_ci.records import Run
from ml_ci.slow_imports import SlowImports
from ml_ci.sources.record_store import Records
from ml_ci.sources.tracking import Tracking


class Keeping:
    """Keeps runs in MLflow, and those of exact commits among `records`, and tells the journal of their ids."""

    def __init__(self, tracking: Tracking, records: Records | None, journal: Journal, imports: SlowImports) -> None:
        self._tracking = tracking
        self._records = records
        self._journal = journal
        self._imports = imports
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ml-ci-keep")
        self._begun: list[Future[list[str]]] = []
        self._later: list[Finished] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # what is being kept needs the MLflow server, which ends after this
        self._thread.shutdown()

    def now(self, finished: Finished, *, baseline: bool = True) -> Run:
        """Keep a run in MLflow before returning; returns it with its id there. `baseline`: as one that may be found."""
        self._imports.mlflow()
        return self._tracking.complete(
            finished.run, finished.identity, finished.images, finished.parquet, baseline=baseline
        )

    def begin(self, finished: Finished) -> None:
        """Keep a run, at the latest when all is settled; one that lost its predictions is no baseline for later."""
        if finished.run.run_id:
            self._begun.append(self._thread.submit(self._keep, finished))
        else:
            # MLflow may not even be up yet, and nobody looks there before the report is out
            self._later.append(finished)

    def settle(self) -> list[str]:
        """Have kept all runs. That one could not be does not change a verdict that is out: it is a warning."""
        self._begun += [self._thread.submit(self._keep, finished) for finished in self._later]
        errors = [error for error in (future.exception() for future in self._begun) if error]
        for error in errors:
            if not isinstance(error, MlCiError | OSError):
                raise error
        said = [warning for future in self._begun if not future.exception() for warning in future.result()]
        return [*said, *(f"A run could not be kept as a baseline: {error}" for error in errors)]

    def _keep(self, finished: Finished) -> list[str]:
        """Keep a run, and put it into the journal with its id; returns what is to be said of how it was kept."""
        # a mistake in `predictions` is corrected without a change of the inputs: a baseline would be found ever after
        baseline = not finished.without_predictions
        run, journal = self.now(finished, baseline=baseline), self._journal
        added = run
        if self._records and finished.identity.exact and baseline:
            added = self._records.add(run, finished.images, finished.parquet)
        if journal.head is finished.run:
            journal.head = run
        if journal.base.run is finished.run:
            journal.base = replace(journal.base, run=run)
        return [warning for warning in added.warnings if warning not in run.warnings]
