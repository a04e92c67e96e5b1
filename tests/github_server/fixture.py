"""pytest fixtures. Import them in the `conftest.py`: `from tests.github_server.fixture import github_server, start_github`."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.github_server import GitHubServer
from tests.github_server.git_store import GitStore


def bare_repository(path: Path, empty: bool = False) -> Path:
    """A bare repository as GitHub makes one, with a first commit on `main` unless `empty`."""
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(path)], check=True)
    if not empty:
        GitStore(path).commit_files("main", {"README.md": "# model\n"}, "Initial commit")
    return path


@pytest.fixture
def start_github(tmp_path: Path) -> Iterator[Callable[..., GitHubServer]]:
    """Start servers with options of one's own: `start_github(git_dir=..., host="0.0.0.0", repository="o/r")`.

    Without `git_dir` it gets a new bare repository. At the end of the test, none may have seen a violation.
    """
    servers: list[GitHubServer] = []
    with ExitStack() as stack:

        def start(
            git_dir: Path | None = None,
            repository: str = "octo/model",
            host: str = "127.0.0.1",
            public_host: str | None = None,
        ) -> GitHubServer:
            where = git_dir or bare_repository(tmp_path / f"github-{len(servers)}.git")
            server = stack.enter_context(GitHubServer(where, repository, host, public_host=public_host))
            servers.append(server)
            return server

        yield start
    for server in servers:
        assert server.violations == []


@pytest.fixture
def github_server(start_github: Callable[..., GitHubServer]) -> GitHubServer:
    """A GitHub with the repository `octo/model`, whose `main` has one commit with a README."""
    return start_github()
