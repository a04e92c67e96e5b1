"""git on GitHub in a bad hour: asked again where that can help, and then one sentence."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ml_ci.errors import OutsideError
from ml_ci.sources.git import PAUSES, Credential, Git
from tests.github_server import GitHubServer, Html, LostAnswer, Reset, Status
from tests.github_server.faults import Fault
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.repository import clean_variables

SERVICES = {"GET": "*/info/refs", "POST": "*/git-upload-pack"}


@pytest.fixture
def clone(github_server: GitHubServer, tmp_path: Path) -> Git:
    """A shallow clone that lacks main's newest commit."""
    workspace = tmp_path / "workspace"
    address = f"{github_server.url}/octo/model"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", address, str(workspace)], env=clean_variables(), check=True)
    github_server.git.commit_files("main", {"new": "1"})
    return Git(workspace, clean_variables(), Credential(github_server.url, "t"))


@pytest.mark.parametrize("fault", [Status(500), Html(502), Reset(), LostAnswer()], ids=str)
@pytest.mark.parametrize("method", SERVICES)
def test_a_fetch_that_fails_once_is_tried_again(
    github_server: GitHubServer, clone: Git, method: str, fault: Fault
) -> None:
    github_server.inject(method, SERVICES[method], fault)
    sha = github_server.git.resolve("main") or ""
    clone.ensure(sha)
    assert clone.has(sha)


def test_a_fetch_that_fails_on_is_one_sentence(github_server: GitHubServer, clone: Git) -> None:
    github_server.inject("POST", SERVICES["POST"], Status(503), times=None)
    with pytest.raises(OutsideError, match=r"could not be fetched from origin .*503.*check the remote"):
        clone.ensure(github_server.git.resolve("main") or "")
    assert github_server.count("GET", SERVICES["GET"]) >= 1 + len(PAUSES)


def test_a_branch_that_is_not_there_is_asked_for_once(github_server: GitHubServer, clone: Git) -> None:
    before = github_server.count("GET", SERVICES["GET"])
    with pytest.raises(OutsideError, match="did not name its branch"):
        clone.fetch_branch("nowhere")
    assert github_server.count("GET", SERVICES["GET"]) == before + 1
