"""What ml-ci asks of an MLflow server: the runs that a training left, their completion, and base runs by tag.

`mlflow` takes seconds to import. Every import of it is inside of a function, and the job starts it early on a
thread of its own, while something slower runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from ml_ci.errors import ConfigError, OutsideError, TrainingError
from ml_ci.records import Past, Run
from ml_ci.sources.mlflow_client import ancestors, artifact, experiment_named, experiments, is_mlflow, plain, search
from ml_ci.sources.mlflow_failures import first_line, reason
from ml_ci.sources.mlflow_runs import IMAGES, PREDICTIONS, after, complete_run, past_run, read_run, recorded_run
from ml_ci.sources.mlflow_variables import Identity, logging_variables, quicken

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as LoggedRun

Answer = TypeVar("Answer")
StoreState = tuple[tuple[str, int, int], ...]
"""The store's files: name, time of the last change in nanoseconds, size in bytes."""

RECORDED = "tags.`ml_ci.recorded` LIKE '%'"


@dataclass(frozen=True)
class Left:
    """What a training left in MLflow: the run that counts, None where there is none, and what to warn of."""

    run: Run | None
    warnings: tuple[str, ...] = ()


class Tracking:
    """One MLflow server, the user's or the embedded one; `shared` says that others may write to it too.

    `state` tells how the server's store looks from outside, None where that cannot be seen; while it looks the same,
    nothing has been logged, and the server need not be asked.
    """

    def __init__(
        self,
        uri: str,
        variables: Mapping[str, str],
        *,
        shared: bool,
        experiment: str = "ml-ci",
        page: int = 1000,
        state: Callable[[], StoreState | None] = lambda: None,
    ) -> None:
        if shared and not uri.startswith(("http://", "https://")):
            raise ConfigError(
                f"MLFLOW_TRACKING_URI is of the kind {uri.partition(':')[0]!r}, and ml-ci needs an MLflow server over HTTP: "
                "give its http(s) address, or unset the variable to let ml-ci start one."
            )
        try:
            urlsplit(uri)
        except ValueError as error:
            raise ConfigError(f"MLFLOW_TRACKING_URI is no address ({error}): correct it.") from error
        self.uri = uri
        self.shared = shared
        self.experiment = variables.get("MLFLOW_EXPERIMENT_NAME") or experiment
        self._page = page
        self.state = state
        self._made: MlflowClient | None = None

    @property
    def name(self) -> str:
        """The server in words, without a password."""
        parts = urlsplit(self.uri)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def variables(self, outer: Mapping[str, str], identity: Identity) -> dict[str, str]:
        """The environment of a training that is to log here: `outer`, the address, and the tags from outside."""
        return logging_variables(outer, self.uri, identity, shared=self.shared)

    def check(self) -> None:
        """Ask the server something small. Raises OutsideError, within seconds, if it does not answer as MLflow does."""
        if not self._ask(is_mlflow):
            raise OutsideError(f"what answers at {self.name} is no MLflow server: check MLFLOW_TRACKING_URI.")

    def open_store(self) -> None:
        """Let the embedded server open its store, or make it, before somebody waits for that."""
        if not self.shared:
            with suppress(OutsideError):  # who needs an answer asks again
                self.check()

    def may_have_changed(self, since: StoreState | None) -> bool:
        """Whether something may have been logged since `state` told this."""
        return since is None or self.state() != since

    # -- what a training left

    def left_by(self, identity: Identity, since: int, gated: Collection[str] = ()) -> Left:
        """The run that counts among those of one training, which began at `since` (milliseconds since 1970).

        The parent counts, not its children; among several top-level runs the one that finished last. The curves of the
        metrics in `gated` are read before others. Raises TrainingError if there are runs, but none has finished.
        """
        runs = self._ask(lambda client: self._runs_of(client, identity, since))
        if not runs:
            return Left(run=None)
        ids = {run.info.run_id for run in runs}
        top = [run for run in runs if run.data.tags.get("mlflow.parentRunId") not in ids]
        finished = [run for run in top if run.info.status == "FINISHED"]
        if not finished:
            states = ", ".join(f"{run.info.run_name} is {run.info.status}" for run in top[:5])
            raise TrainingError(f"training exited with 0, but none of its MLflow runs finished ({states}): end them.")
        chosen = max(finished, key=lambda run: (run.info.end_time or 0, run.info.start_time))
        others = [run for run in top if run is not chosen]
        warnings: tuple[str, ...] = ()
        if others:
            names = ", ".join(f"{run.info.run_name} ({run.info.status})" for run in others[:10])
            counted = (
                f"Training left {len(top)} top-level MLflow runs; {chosen.info.run_name} finished last and counts."
            )
            warnings = (f"{counted} Not used: {names}.",)
        run = self._ask(lambda client: read_run(client, chosen, gated))
        return Left(run=run, warnings=(*warnings, *run.warnings))

    def create(self, identity: Identity, started: int) -> str:
        """Make a run for a training that did not use MLflow; returns its id."""

        def make(client: MlflowClient) -> str:
            number = experiment_named(client, self.experiment)
            run = client.create_run(number, start_time=started, tags=identity.tags(), run_name=f"ml-ci {identity.key}")
            return str(run.info.run_id)

        return self._ask(make)

    def complete(
        self,
        run: Run,
        identity: Identity,
        images: Mapping[str, bytes],
        predictions: bytes | None = None,
        *,
        baseline: bool = True,
    ) -> Run:
        """Add to the MLflow run what it lacks: metrics from files, tags, the record, images by SHA-256, predictions.

        A run that is not in MLflow is made first; returns it with its id. The tag `ml_ci.record` comes last, so a run that has it is complete; only such a run
        is ever a baseline. Without `baseline` it does not get the tag.
        """
        run_id = run.run_id or self.create(identity, int(datetime.fromisoformat(run.started).timestamp() * 1000))
        run = replace(run, run_id=run_id)
        self._ask(lambda client: complete_run(client, run_id, run, identity, images, predictions, baseline=baseline))
        return run

    def recorded(self, run: Run) -> None:
        """Note that the run is what its branch has now, and not one of code that may never be merged (`latest`)."""
        run_id = run.run_id or ""

        def note(client: MlflowClient) -> None:
            last = self._newest(client, run.key, RECORDED, "tags.`ml_ci.recorded`", 1)
            before = last[0].data.tags.get("ml_ci.recorded", "") if last else ""
            client.set_tag(run_id, "ml_ci.recorded", after(before, datetime.now(UTC)))

        self._ask(note)

    # -- base runs (a `RunStore`)

    def by_commit(self, key: str, commit: str) -> Run | None:
        """The newest complete run of exactly this commit's code."""
        return self._tagged(key, f"tags.`ml_ci.commit` = '{plain(commit)}' and tags.`ml_ci.record` = 'exact'")

    def by_fingerprint(self, key: str, fingerprint: str) -> Run | None:
        """The newest complete run with this fingerprint, of whatever commit."""
        return self._tagged(key, f"tags.`ml_ci.fingerprint` = '{plain(fingerprint)}' and tags.`ml_ci.record` LIKE '%'")

    def latest(self, key: str) -> Run | None:
        """The complete run that was recorded last, of whatever commit."""
        return self._tagged(key, RECORDED, newest="tags.`ml_ci.recorded`")

    def by_id(self, run_id: str) -> Run:
        """The run with this MLflow id. Raises ConfigError where there is none, TrainingError if it has not finished."""

        def get(client: MlflowClient) -> Run:
            found = client.get_run(run_id)
            if found.info.status != "FINISHED":
                raise TrainingError(f"the MLflow run {run_id} is {found.info.status}: only a finished run is compared.")
            return recorded_run(client, found)

        return self._ask(get)

    def image(self, run: Run, sha256: str) -> bytes | None:
        """An image of a run of this server by its SHA-256, None where it was not kept."""
        if run.run_id is None:
            return None
        run_id = run.run_id
        return self._ask(lambda client: artifact(client, run_id, f"{IMAGES}/{sha256}.png"))

    def predictions(self, run: Run) -> bytes | None:
        """The Parquet file of a run of this server, None where it was not kept."""
        if run.run_id is None or run.predictions is None:
            return None
        run_id = run.run_id
        return self._ask(lambda client: artifact(client, run_id, PREDICTIONS))

    def history(self, key: str, count: int) -> tuple[Past, ...]:
        """What the last `count` recorded runs measured, newest first, in one search."""
        condition = f"{RECORDED} and tags.`ml_ci.record` LIKE '%'"
        found = self._ask(lambda client: self._newest(client, key, condition, "tags.`ml_ci.recorded`", count))
        return tuple(past_run(run) for run in found)

    # -- inside

    def _tagged(self, key: str, condition: str, newest: str = "attributes.start_time") -> Run | None:
        def find(client: MlflowClient) -> Run | None:
            runs = self._newest(client, key, condition, newest, 1)
            return recorded_run(client, runs[0]) if runs else None

        return self._ask(find)

    def _newest(self, client: MlflowClient, key: str, condition: str, newest: str, count: int) -> list[LoggedRun]:
        """The finished runs of this key that meet the condition, the `count` first ones by what `newest` names."""
        finished = f"{condition} and tags.`ml_ci.key` = '{plain(key)}' and attributes.status = 'FINISHED'"
        return list(client.search_runs(experiments(client), finished, max_results=count, order_by=[f"{newest} DESC"]))

    def _runs_of(self, client: MlflowClient, identity: Identity, since: int) -> list[LoggedRun]:
        numbers = experiments(client)
        tagged = search(client, numbers, f"tags.`ml_ci.attempt` = '{identity.attempt}'", self._page)
        # runs that the fluent API did not make carry no tags of ours: known by being new, or by their children
        new = search(client, numbers, f"attributes.start_time >= {since}", self._page)
        untagged = {run.info.run_id: run for run in new if "ml_ci.attempt" not in run.data.tags}
        if not tagged or not self.shared:
            return [*tagged, *(run for run in untagged.values() if self._is_ours(run, identity))]
        return tagged + ancestors(tagged, untagged)

    def _is_ours(self, run: LoggedRun, identity: Identity) -> bool:
        """On a server that others write to as well, a new run counts only if it names the code that was trained."""
        named = run.data.tags.get("mlflow.source.git.commit")
        return not self.shared or (bool(named) and named in (identity.commit, identity.checkout))

    def _ask(self, question: Callable[[MlflowClient], Answer]) -> Answer:
        """Ask the server, and turn what goes wrong into one sentence."""
        from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            return question(self._client())
        except (MlflowException, RequestException, ParseError, ValueError) as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                raise ConfigError(f"the MLflow server {self.name} has no such run: {first_line(error)}") from error
            found = reason(error)
            raise OutsideError(
                f"the MLflow server {self.name} did not do what was asked ({found.why}): {found.remedy}."
            ) from error

    def _client(self) -> MlflowClient:
        if self._made is None:
            quicken()
            from mlflow import MlflowClient

            self._made = MlflowClient(tracking_uri=self.uri)
        return self._made
