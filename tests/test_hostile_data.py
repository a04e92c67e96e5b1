"""Data from strangers: a pull request says itself where its data is, and how DVC is to log in there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.action_job import CONFIG, TOKEN, Job
from tests.conftest import RunJob
from tests.repository import Repository
from tests.test_action import job

__all__ = ["job"]


def under_dvc(tmp_path: Path) -> Repository:
    """Data that makes accuracy 0.9, in a remote beside the repository."""
    reads = 'import json, pathlib\npathlib.Path("metrics.json").write_text(json.dumps({"accuracy": float(pathlib.Path("data.txt").read_text())}))\n'
    repository = Repository.create(
        tmp_path / "repo", {"train.py": reads, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
    )
    repository.dvc("init", "--quiet")
    repository.dvc("remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    repository.write({"data.txt": "0.9"})
    repository.dvc("add", "--quiet", "data.txt")
    repository.dvc("push", "--quiet")
    repository.commit()
    repository.branch("change")
    return repository


@pytest.mark.parametrize("verify", ["", "    verify = false\n"])
def test_other_data_under_the_same_hash_is_refused(tmp_path: Path, run_job: RunJob, verify: str) -> None:
    """A remote of the pull request's own, in which the data has another content under the name of the old one."""
    repository = under_dvc(tmp_path)
    (old,) = (tmp_path / "store" / "files").rglob("*/*/*")
    new = tmp_path / "mine" / old.relative_to(tmp_path / "store")
    new.parent.mkdir(parents=True)
    new.write_text("1.0")
    new.chmod(0o444)
    mine = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'mine'}\n{verify}"
    repository.commit({".dvc/config": mine, "train.py": (repository.path / "train.py").read_text() + "# changed\n"})
    (repository.path / "data.txt").unlink()
    for file in (repository.path / ".dvc" / "cache").rglob("*"):
        if file.is_file():
            file.unlink()
    result = run_job(repository)
    assert (result.verdict, result.exit_code) == ("error", 4)
    assert result.failure is not None
    assert "data.txt" in result.failure.message
    # nor is it taken for the old data from then on
    assert '"modified": ["data.txt"]' in repository.dvc("data", "status", "--json")
    assert not [file for file in (repository.path / ".dvc" / "cache" / "files").rglob("*") if file.is_file()]


def test_a_change_of_where_data_comes_from_is_said(tmp_path: Path, run_job: RunJob) -> None:
    repository = under_dvc(tmp_path)
    shutil.copytree(tmp_path / "store", tmp_path / "moved")
    settings = (repository.path / ".dvc" / "config").read_text()
    repository.commit(
        {".dvc/config": settings.replace(str(tmp_path / "store"), str(tmp_path / "moved")), "other.py": ""}
    )
    result = run_job(repository)
    assert result.verdict == "pass"
    assert [warning for warning in result.warnings if ".dvc/config" in warning and "where data comes from" in warning]


@pytest.fixture
def a_closed_server() -> Iterator[str]:
    """The address of a WebDAV server that wants a login."""

    class Closed(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_OPTIONS = do_PROPFIND = _refuse  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"webdav://127.0.0.1:{server.server_port}/data"
        server.shutdown()


def asking(tmp_path: Path, url: str) -> str:
    """Settings of DVC's by which it runs a program for a login; that writes down the environment that it has."""
    program = (
        f"import json, os; json.dump(dict(os.environ), open({str(tmp_path / 'seen.json')!r}, 'w')); print('token')"
    )
    (tmp_path / "login.py").write_text(program)
    command = f"{sys.executable} {tmp_path / 'login.py'}"
    return f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n    bearer_token_command = {command}\n"


def seen_by_the_program(tmp_path: Path) -> dict[str, str]:
    """The variables that it had."""
    found = json.loads((tmp_path / "seen.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("pass_env", ["", "pass-env: [STORE_USER]\n"])
def test_a_program_that_a_pull_request_has_dvc_run_sees_what_its_training_would(
    tmp_path: Path, run_job: RunJob, a_closed_server: str, pass_env: str
) -> None:
    repository = under_dvc(tmp_path)
    repository.git("checkout", "--quiet", "main")
    repository.commit({".ml-ci.yml": CONFIG + pass_env})
    repository.git("checkout", "--quiet", "-B", "change")
    repository.write({"data.txt": "0.8"})
    repository.dvc("add", "--quiet", "data.txt")
    repository.commit({".dvc/config": asking(tmp_path, a_closed_server)})
    shutil.rmtree(repository.path / ".dvc" / "cache")
    (repository.path / "data.txt").unlink()
    result = run_job(repository, variables={"DB_PASSWORD": "swordfish", "STORE_USER": "mona"})
    assert (result.verdict, result.exit_code) == ("error", 4)
    assert result.failure is not None
    seen = seen_by_the_program(tmp_path)
    assert seen["STORE_USER"] == "mona"
    assert ("DB_PASSWORD" in seen) == (not pass_env)
    assert ("pass-env" in result.failure.message) == bool(pass_env)


def test_it_sees_no_token_of_githubs_and_no_file_of_the_runners(job: Job, tmp_path: Path, a_closed_server: str) -> None:
    pointer = "outs:\n- md5: d7f986677d9f563bd1794b09d82206a3\n  size: 3\n  hash: md5\n  path: data.txt\n"
    runners = {
        "GITHUB_TOKEN": TOKEN,
        "SOME_NAME": TOKEN,
        "ACTIONS_RUNTIME_TOKEN": "runtime",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "identity",
        "GITHUB_ENV": str(tmp_path / "env"),
        "GITHUB_PATH": str(tmp_path / "path"),
        "DOCKER_HOST": "unix:///var/run/docker.sock",
    }
    job.github.git.commit_files(
        "feature", {".dvc/config": asking(tmp_path, a_closed_server), "data.txt.dvc": pointer}, on="main"
    )
    pull = job.github.add_pull("feature")
    job.check_out(pull.merge_sha)
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": pull.merge_sha or ""}
    done = job.run({**runners, **event}, job.github.pull_event(pull))
    assert done.code == 4, done.log
    seen = seen_by_the_program(tmp_path)
    assert not runners.keys() & seen.keys()
    assert not [value for value in seen.values() if TOKEN in value]
    assert not [name for name in seen if name.startswith(("INPUT_", "ACTIONS_"))]
