"""Small questions to MLflow's client: all runs that a filter matches, whom they are nested in, one artifact."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ml_ci.errors import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as LoggedRun


def experiments(client: MlflowClient) -> list[str]:
    """The ids of all experiments: a search for runs has to name them."""
    numbers: list[str] = []
    page = client.search_experiments(max_results=1000)
    numbers += [experiment.experiment_id for experiment in page]
    while page.token:
        page = client.search_experiments(max_results=1000, page_token=page.token)
        numbers += [experiment.experiment_id for experiment in page]
    return numbers


def experiment_named(client: MlflowClient, name: str) -> str:
    """The id of the experiment, which is made where there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    try:
        return str(found.experiment_id if found else client.create_experiment(name))
    except MlflowException:
        # another job may have made it since we looked; MLflow 3.17 says no more than that its database refused
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def is_mlflow(client: MlflowClient) -> bool:
    """Whether the server answers as MLflow does. Raises what the client raises."""
    from mlflow.exceptions import MlflowException

    if client.search_experiments(max_results=1):
        return True
    # of an answer that has nothing to do with the question, the client makes an empty list, or an experiment of no name
    try:
        return client.get_experiment_by_name(f"ml-ci-{secrets.token_hex(8)}") is None
    except MlflowException:
        return True


def search(client: MlflowClient, numbers: list[str], condition: str, page: int) -> list[LoggedRun]:
    """All runs of these experiments that meet the condition, asked for a `page` at a time.

    All, however many: a search over parameters has more children than one answer holds, and then its parent.
    """
    found: list[LoggedRun] = []
    token = None
    while True:
        answer = client.search_runs(numbers, condition, max_results=page, page_token=token)
        found += answer
        token = answer.token
        if not token:
            return found


def ancestors(runs: Iterable[LoggedRun], others: Mapping[str, LoggedRun]) -> list[LoggedRun]:
    """Of the others, those that the runs are nested in: `mlflow run` makes the outermost one without the fluent API."""
    waiting = list(runs)
    found: dict[str, LoggedRun] = {}
    while waiting:
        parent = waiting.pop().data.tags.get("mlflow.parentRunId", "")
        if parent in others and parent not in found:
            found[parent] = others[parent]
            waiting.append(others[parent])
    return list(found.values())


def artifact(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    """The content of one artifact of a run, None where there is none."""
    from mlflow.exceptions import MlflowException

    folder = path.rpartition("/")[0]
    if not any(entry.path == path for entry in client.list_artifacts(run_id, folder)):
        return None
    with TemporaryDirectory() as target:
        try:
            return Path(client.download_artifacts(run_id, path, target)).read_bytes()
        except MlflowException as error:
            # the client takes every failure for a path that is not there, and this one is there
            raise MlflowException(str(error)) from error


def log_bytes(client: MlflowClient, run_id: str, content: bytes, path: str) -> None:
    """Keep the content as an artifact of a run."""
    folder, _, name = path.rpartition("/")
    with TemporaryDirectory() as target:
        file = Path(target) / name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), folder)


def plain(value: str) -> str:
    """A value for a filter: keys, SHAs and fingerprints are made of these characters only."""
    if not re.fullmatch(r"[\w.-]*", value):
        raise ConfigError(f"{value!r} cannot stand in a query to MLflow: use letters, digits, '.', '_' and '-'.")
    return value
