"""What tests share: GitHub's stand-in, an MLflow server for each worker, and a job that is run as the doors run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest

from ml_ci import context, job
from ml_ci.config_reader import load
from ml_ci.job import Tools
from ml_ci.result import Result
from ml_ci.sources.git import Git
from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.outputs import outputs_of
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.record_store import Folder, Records
from ml_ci.sources.tracking import Tracking
from ml_ci.workshop import workshop
from tests.act import Runner, a_runner
from tests.github_server.fixture import github_server, start_github
from tests.repository import Repository, clean_variables

__all__ = ["github_server", "start_github"]

RunJob = Callable[..., Result]


class Silent:
    """Progress for tests: kept, not shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, _: str) -> nullcontext[None]:
        """Nothing to show."""
        return nullcontext()

    def line(self, text: str) -> None:
        """Kept for a test to read."""
        self.lines.append(text)

    def amount(self, what: str, done: int, total: int) -> None:
        """Nothing to show."""


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server's address, one for each worker, because starting it takes seconds."""
    with (
        Reaper() as reaper,
        MlflowServer(tmp_path_factory.mktemp("mlflow"), clean_variables(), reaper) as server,
    ):
        server.wait()
        yield server.uri


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """GitHub's runner with this checkout's action, one for each worker."""
    with a_runner() as machine:
        yield machine


@pytest.fixture
def run_job(mlflow_server: str) -> RunJob:
    """Run the job in a repository as `ml-ci run` does, but with the worker's MLflow server in place of its own.

    `run_job(repository, base=None, variables={...}, config=PATH, out=PATH)` gives the result.
    """

    def run(
        repository: Repository,
        *,
        base: str | None = None,
        variables: Mapping[str, str] | None = None,
        config: Path | None = None,
        out: Path | None = None,
    ) -> Result:
        everything = clean_variables() | {"ML_CI_CACHE": str(cache_folder())} | dict(variables or {})
        git = Git.discover(repository.path, everything)
        settings = load(config, git.top)
        git = git.knowing(outputs_of(settings, git.top))
        folder = out or git.top / ".ml-ci"
        with workshop(git, folder, everything, Silent()) as (shop, temporary):
            records = Records(Folder(folder), "the records")
            tools = Tools(
                git=git.marked(shop.reaper.marker),
                shop=shop,
                tracking=nullcontext(Tracking(mlflow_server, everything, shared=False)),
                stores=(records,),
                keep=records,
                temporary=temporary,
            )
            return job.run(context.in_clone(git, base), settings, tools, lambda _: None)

    return run


def cache_folder() -> Path:
    """Where environments built by tests are kept between tests and runs of them."""
    folder = Path(__file__).parent.parent / ".cache" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
