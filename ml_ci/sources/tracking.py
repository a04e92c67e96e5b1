"""MLflow as ml-ci uses it: the variables that training gets, the runs that it left, and base runs by tag.

`mlflow` takes seconds to import. Every import of it is inside of a function, and the job starts it early on a
thread of its own, while something slower runs.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from ml_ci.errors import ConfigError, OutsideError, TrainingError
from ml_ci.records import Metric, Run, read_record, write_record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric as LoggedMetric
    from mlflow.entities import Run as LoggedRun

Answer = TypeVar("Answer")
StoreState = tuple[tuple[str, int, int], ...]
"""The store's files: name, time of the last change in nanoseconds, size in bytes."""

RECORD = "ml-ci/record.json"
IMAGES = "ml-ci/images"
LOOPBACK = ("127.0.0.1", "localhost")
CURVE_POINTS = 1000
"""More points than this say nothing more in a plot; a curve is thinned evenly, keeping its ends."""

_QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own defaults make a dead server cost minutes."""
_EMBEDDED_DROPS = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE")


@dataclass(frozen=True)
class Identity:
    """What the runs of one training are tagged with. `exact`: the code trained is the commit's, unchanged.

    `checkout` is what git calls HEAD where training runs, and so what MLflow takes for its commit: on a pull request
    GitHub's merge of `commit`.
    """

    key: str
    commit: str
    attempt: str
    fingerprint: str
    exact: bool
    checkout: str = ""

    def tags(self) -> dict[str, str]:
        """The tags of every run of this training."""
        return {
            "ml_ci.key": self.key,
            "ml_ci.commit": self.commit,
            "ml_ci.attempt": self.attempt,
            "ml_ci.fingerprint": self.fingerprint,
        }


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
        inner = {name: value for name, value in outer.items() if self.shared or name not in _EMBEDDED_DROPS}
        tags = _tags(outer.get("MLFLOW_RUN_CONTEXT") or "{}")
        return (
            inner
            | beside_proxies(inner)
            | {
                "MLFLOW_TRACKING_URI": self.uri,
                "MLFLOW_RUN_CONTEXT": json.dumps({**tags, **identity.tags()}),
            }
        )

    def check(self) -> None:
        """Ask the server something small. Raises OutsideError, within seconds, if it does not answer as MLflow does."""
        self._ask(lambda client: client.search_experiments(max_results=1))

    def open_store(self) -> None:
        """Let the embedded server open its store, or make it, before somebody waits for that."""
        if not self.shared:
            with suppress(OutsideError):  # who needs an answer asks again
                self.check()

    def may_have_changed(self, since: StoreState | None) -> bool:
        """Whether something may have been logged since `state` told this."""
        return since is None or self.state() != since

    # -- what a training left

    def left_by(self, identity: Identity, since: int) -> Left:
        """The run that counts among those of one training, which began at `since` (milliseconds since 1970).

        The parent counts, not its children; among several top-level runs the one that finished last. Raises
        TrainingError if there are runs, but none has finished.
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
        return Left(run=self._ask(lambda client: self._read(client, chosen)), warnings=warnings)

    def create(self, identity: Identity, started: int) -> str:
        """Make a run for a training that did not use MLflow; returns its id."""

        def make(client: MlflowClient) -> str:
            experiment = client.get_experiment_by_name(self.experiment)
            number = experiment.experiment_id if experiment else client.create_experiment(self.experiment)
            run = client.create_run(number, start_time=started, tags=identity.tags(), run_name=f"ml-ci {identity.key}")
            return str(run.info.run_id)

        return self._ask(make)

    def complete(self, run: Run, identity: Identity, images: Mapping[str, bytes]) -> Run:
        """Add to the MLflow run what it lacks: metrics from files, tags, the record, images by their SHA-256.

        A run that is not in MLflow is made first; returns it with its id. The tag `ml_ci.record` comes last, so a run that has it is complete; only such a run is ever a baseline.
        """
        run_id = run.run_id or self.create(identity, int(datetime.fromisoformat(run.started).timestamp() * 1000))
        run = replace(run, run_id=run_id)

        def add(client: MlflowClient) -> None:
            from mlflow.entities import Metric as Point
            from mlflow.entities import Param

            present = client.get_run(run_id)
            points = [
                Point(_legal(name), metric.value, present.info.end_time or present.info.start_time, 0)
                for name, metric in run.metrics.items()
                if metric.source != "mlflow" and _legal(name) not in present.data.metrics
            ]
            # of two names that MLflow cannot tell apart the last one counts: it refuses a second value of a parameter
            named = {_legal(name): value[:6000] for name, value in run.params.items()}
            params = [Param(name, value) for name, value in named.items() if name not in present.data.params]
            for start in range(0, max(len(points), len(params)), 100):
                client.log_batch(run_id, metrics=points[start : start + 100], params=params[start : start + 100])
            for name, value in identity.tags().items():
                if present.data.tags.get(name) != value:
                    client.set_tag(run_id, name, value)
            for name, content in images.items():
                _log_bytes(client, run_id, content, f"{IMAGES}/{name}.png")
            client.log_text(run_id, write_record(run), RECORD)
            if present.info.status == "RUNNING":
                client.set_terminated(run_id, "FINISHED")
            client.set_tag(run_id, "ml_ci.record", "exact" if identity.exact else "other")

        self._ask(add)
        return run

    def recorded(self, run: Run) -> None:
        """Note that the run is what its branch has now, and not one of code that may never be merged (`latest`)."""
        run_id, now = run.run_id or "", datetime.now(UTC).isoformat()
        self._ask(lambda client: client.set_tag(run_id, "ml_ci.recorded", now))

    # -- base runs (a `RunStore`)

    def by_commit(self, key: str, commit: str) -> Run | None:
        """The newest complete run of exactly this commit's code."""
        return self._tagged(key, f"tags.`ml_ci.commit` = '{_plain(commit)}' and tags.`ml_ci.record` = 'exact'")

    def by_fingerprint(self, key: str, fingerprint: str) -> Run | None:
        """The newest complete run with this fingerprint, of whatever commit."""
        return self._tagged(key, f"tags.`ml_ci.fingerprint` = '{_plain(fingerprint)}' and tags.`ml_ci.record` LIKE '%'")

    def latest(self, key: str) -> Run | None:
        """The complete run that was recorded last, of whatever commit."""
        return self._tagged(key, "tags.`ml_ci.recorded` LIKE '%'", newest="tags.`ml_ci.recorded`")

    def by_id(self, run_id: str) -> Run:
        """The run with this MLflow id. Raises ConfigError where there is none, TrainingError if it has not finished."""

        def get(client: MlflowClient) -> Run:
            found = client.get_run(run_id)
            if found.info.status != "FINISHED":
                raise TrainingError(f"the MLflow run {run_id} is {found.info.status}: only a finished run is compared.")
            return self._record(client, found)

        return self._ask(get)

    def image(self, run: Run, sha256: str) -> bytes | None:
        """An image of a run of this server by its SHA-256, None where it was not kept."""
        if run.run_id is None:
            return None
        run_id = run.run_id
        return self._ask(lambda client: _artifact(client, run_id, f"{IMAGES}/{sha256}.png"))

    # -- inside

    def _tagged(self, key: str, condition: str, newest: str = "attributes.start_time") -> Run | None:
        def find(client: MlflowClient) -> Run | None:
            condition_and_key = f"{condition} and tags.`ml_ci.key` = '{_plain(key)}' and attributes.status = 'FINISHED'"
            runs = client.search_runs(
                _experiments(client), condition_and_key, max_results=1, order_by=[f"{newest} DESC"]
            )
            return self._record(client, runs[0]) if runs else None

        return self._ask(find)

    def _record(self, client: MlflowClient, found: LoggedRun) -> Run:
        """The record that was kept with the run; what MLflow alone knows of it where there is none."""
        text = _artifact(client, found.info.run_id, RECORD)
        if text is None:
            return self._read(client, found)
        return replace(read_record(text, f"{RECORD} of the MLflow run {found.info.run_id}"), run_id=found.info.run_id)

    def _runs_of(self, client: MlflowClient, identity: Identity, since: int) -> list[LoggedRun]:
        experiments = _experiments(client)
        tagged = self._search(client, experiments, f"tags.`ml_ci.attempt` = '{identity.attempt}'")
        # runs that the fluent API did not make carry no tags of ours: known by being new, or by their children
        new = self._search(client, experiments, f"attributes.start_time >= {since}")
        untagged = {run.info.run_id: run for run in new if "ml_ci.attempt" not in run.data.tags}
        if not tagged or not self.shared:
            return [*tagged, *(run for run in untagged.values() if self._is_ours(run, identity))]
        return tagged + _ancestors(tagged, untagged)

    def _search(self, client: MlflowClient, experiments: list[str], condition: str) -> list[LoggedRun]:
        """All runs, however many: a search over parameters has more children than one answer holds, and then its parent."""
        found: list[LoggedRun] = []
        token = None
        while True:
            page = client.search_runs(experiments, condition, max_results=self._page, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _is_ours(self, run: LoggedRun, identity: Identity) -> bool:
        """On a server that others write to as well, a new run counts only if it names the code that was trained."""
        named = run.data.tags.get("mlflow.source.git.commit")
        return not self.shared or (bool(named) and named in (identity.commit, identity.checkout))

    def _read(self, client: MlflowClient, found: LoggedRun) -> Run:
        info, data = found.info, found.data
        with ThreadPoolExecutor(8) as pool:
            histories = pool.map(lambda name: client.get_metric_history(info.run_id, name), data.metrics)
            metrics = {
                name: Metric(value=_unclamped(value), history=_curve(history))
                for (name, value), history in zip(data.metrics.items(), histories, strict=True)
            }
        tags = data.tags
        return Run(
            commit=tags.get("ml_ci.commit") or tags.get("mlflow.source.git.commit") or "",
            key=tags.get("ml_ci.key", "default"),
            run_id=info.run_id,
            fingerprint=tags.get("ml_ci.fingerprint", ""),
            status=info.status,
            train_seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
            metrics=metrics,
            params=dict(data.params),
        )

    def _ask(self, question: Callable[[MlflowClient], Answer]) -> Answer:
        """Ask the server, and turn what goes wrong into one sentence."""
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            return question(self._client())
        except (MlflowException, RequestException) as error:
            code = getattr(error, "error_code", "")
            if code == "RESOURCE_DOES_NOT_EXIST":
                raise ConfigError(f"the MLflow server {self.name} has no such run: {_first_line(error)}") from error
            hint = "check MLFLOW_TRACKING_URI and that the server is up"
            if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or "401" in str(error):
                hint = "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            raise OutsideError(
                f"the MLflow server {self.name} did not do what was asked ({_first_line(error)}): {hint}."
            ) from error

    def _client(self) -> MlflowClient:
        if self._made is None:
            quicken()
            from mlflow import MlflowClient

            self._made = MlflowClient(tracking_uri=self.uri)
        return self._made


def _tags(text: str) -> dict[str, object]:
    """What MLFLOW_RUN_CONTEXT says."""
    wrong = "MLFLOW_RUN_CONTEXT is set, but is not a JSON object of tags: mend or unset it."
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise ConfigError(wrong) from error
    if not isinstance(tags, dict):
        raise ConfigError(wrong)
    return tags


def quicken() -> None:
    """Make MLflow's client in this process give up early; it reads these settings from the environment only."""
    import os

    for name, value in _QUICK.items():
        os.environ.setdefault(name, value)
    os.environ.update(beside_proxies(os.environ))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # addresses of a server that is gone when somebody reads them
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def _ancestors(runs: Iterable[LoggedRun], others: Mapping[str, LoggedRun]) -> list[LoggedRun]:
    """Of the others, those that the runs are nested in: `mlflow run` makes the outermost one without the fluent API."""
    waiting = list(runs)
    found: dict[str, LoggedRun] = {}
    while waiting:
        parent = waiting.pop().data.tags.get("mlflow.parentRunId", "")
        if parent in others and parent not in found:
            found[parent] = others[parent]
            waiting.append(others[parent])
    return list(found.values())


def beside_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY, in both its spellings, with this machine in it: where there is a proxy, it cannot know our server."""
    lower = {name.lower(): value for name, value in variables.items() if name.lower().endswith("_proxy")}
    if not lower.keys() & {"http_proxy", "https_proxy", "all_proxy"}:
        return {}
    # the spelling in small letters is the one that counts where both are set
    own = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    hosts = [host.strip() for host in own.split(",") if host.strip()]
    value = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}


def _experiments(client: MlflowClient) -> list[str]:
    numbers: list[str] = []
    page = client.search_experiments(max_results=1000)
    numbers += [experiment.experiment_id for experiment in page]
    while page.token:
        page = client.search_experiments(max_results=1000, page_token=page.token)
        numbers += [experiment.experiment_id for experiment in page]
    return numbers


def _curve(history: Iterable[LoggedMetric]) -> tuple[tuple[int, float], ...]:
    """(step, value) by rising step, the last value logged for each; by the order of logging if all steps are equal."""
    points = sorted(history, key=lambda point: (point.step, point.timestamp))
    if len(points) > 1 and points[0].step == points[-1].step:
        curve = [(number, _unclamped(point.value)) for number, point in enumerate(points)]
    else:
        curve = list({point.step: (point.step, _unclamped(point.value)) for point in points}.values())
    if len(curve) > CURVE_POINTS:
        stride = (len(curve) - 1) / (CURVE_POINTS - 1)
        curve = [curve[round(number * stride)] for number in range(CURVE_POINTS)]
    return tuple(curve)


def _unclamped(value: float) -> float:
    """MLflow stores an infinity as the largest float; nobody else logs exactly that."""
    return float("inf") * (1 if value > 0 else -1) if abs(value) == sys.float_info.max else value


def _legal(name: str) -> str:
    """A name that MLflow takes: of its characters, and no other path than it looks."""
    parts = re.sub(r"[^\w\-. :/]", "_", name)[:250].split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)


def _plain(value: str) -> str:
    """A value for a filter: keys, SHAs and fingerprints are made of these characters only."""
    if not re.fullmatch(r"[\w.-]*", value):
        raise ConfigError(f"{value!r} cannot stand in a query to MLflow: use letters, digits, '.', '_' and '-'.")
    return value


def _artifact(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    folder = path.rpartition("/")[0]
    if not any(entry.path == path for entry in client.list_artifacts(run_id, folder)):
        return None
    with TemporaryDirectory() as target:
        return Path(client.download_artifacts(run_id, path, target)).read_bytes()


def _log_bytes(client: MlflowClient, run_id: str, content: bytes, path: str) -> None:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    folder, _, name = path.rpartition("/")
    with TemporaryDirectory() as target:
        file = Path(target) / name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), folder)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return re.sub(r"//[^/@\s]*@", "//", text.splitlines()[0][:300]) if text else type(error).__name__
