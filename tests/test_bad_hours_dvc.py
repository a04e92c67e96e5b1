"""The data remote has a bad hour: the real DVC on a real HTTP server that breaks in all ways, and one sentence of it."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ml_ci.errors import OutsideError
from ml_ci.sources.data import Dvc
from tests.conftest import RunJob
from tests.misbehaving import Act, Misbehaving, answer, cut, gone, redirect, reset, silence, slow
from tests.repository import Repository, clean_variables

TRAIN = """
import json, pathlib
rows = len(pathlib.Path("big.csv").read_text().splitlines())
pathlib.Path("metrics.json").write_text(json.dumps({"rows": rows}))
"""
CONFIG = "environment: none\nbaseline: none\n"
NOT_THERE = "it found it neither here nor at the remote, which may be down, refuse the login, or not have it"

FAULTS: dict[str, tuple[Act, int]] = {
    "is gone when the first file is asked for": (gone, 0),
    "goes away half-way": (gone, 3),
    "resets every connection": (reset, 0),
    "breaks off in a file": (cut, 0),
    "asks for a login": (answer(401, "", WWW_Authenticate="Basic"), 0),
    "refuses the login": (answer(403, "no"), 0),
    "has lost the files": (answer(404, "no"), 0),
    "is broken": (answer(500, "no"), 0),
    "is overloaded half-way": (answer(503, "no"), 3),
    "shows a login page": (answer(200, "<html>Sign in</html>", "text/html"), 0),
    "redirects for ever": (redirect, 0),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with data, and what was pushed of it, in `storage` beside it. Made once, for every `dvc` takes a second."""
    folder = tmp_path_factory.mktemp("dvc")
    made = Repository.create(folder / "repo", {"train.py": TRAIN, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"})
    made.dvc("init", "--quiet")
    made.write({"images/a.txt": "a" * 50_000, "images/b.txt": "b" * 50_000, "big.csv": "1\n" * 100_000})
    made.dvc("add", "--quiet", "images", "big.csv")
    made.dvc("remote", "add", "--quiet", "--default", "storage", str(folder / "storage"))
    made.dvc("push", "--quiet")
    made.commit()
    shutil.rmtree(made.path / ".dvc" / "cache")
    shutil.rmtree(made.path / ".dvc" / "tmp")
    shutil.rmtree(made.path / "images")
    (made.path / "big.csv").unlink()
    return folder


@pytest.fixture
def remote(pushed: Path) -> Iterator[Misbehaving]:
    """The data over HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(pushed / "storage"))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        with Misbehaving(f"http://127.0.0.1:{server.server_port}") as before:
            yield before
        server.shutdown()
        thread.join()


def cloned(pushed: Path, folder: Path, url: str) -> Repository:
    """The repository as a fresh clone has it, with this remote."""
    made = Repository(Path(shutil.copytree(pushed / "repo", folder / "repo", symlinks=True)))
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n"
    made.commit({".dvc/config": config})
    return made


def test_a_remote_that_answers_brings_all(pushed: Path, tmp_path: Path, remote: Misbehaving, run_job: RunJob) -> None:
    result = run_job(cloned(pushed, tmp_path, remote.address))

    assert result.head is not None, result.failure
    assert result.head.metrics["rows"].value == 100_000


@pytest.mark.parametrize("what", FAULTS)
def test_a_remote_that(what: str, pushed: Path, tmp_path: Path, remote: Misbehaving, run_job: RunJob) -> None:
    act, skip = FAULTS[what]
    remote.on("*", act, skip)
    made = cloned(pushed, tmp_path, remote.address)

    result = run_job(made)

    assert result.failure is not None
    assert result.failure.exit_code == 4
    said = result.failure.message
    assert "`dvc pull`" in said
    assert "\n" not in said
    assert "https://" not in said, "what DVC says of its own pages is no help"
    assert said.endswith(".")
    assert "the remote" in said
    assert not (made.path / "metrics.json").exists()
    # nothing half-written: what is there is whole, and once the remote is back, the rest comes
    remote.rules.clear()
    assert all(path.suffix != ".tmp" for path in (made.path / ".dvc" / "cache").rglob("*"))


@pytest.mark.parametrize("what", ["breaks off in a file", "is overloaded half-way", "has lost the files"])
def test_once_the_remote_is_back_the_next_job_works(
    what: str, pushed: Path, tmp_path: Path, remote: Misbehaving, run_job: RunJob
) -> None:
    act, skip = FAULTS[what]
    remote.on("*", act, skip)
    made = cloned(pushed, tmp_path, remote.address)
    assert run_job(made).failure is not None
    remote.rules.clear()

    result = run_job(made)

    assert result.head is not None, result.failure
    assert result.head.metrics["rows"].value == 100_000


def test_a_remote_that_is_nowhere(pushed: Path, tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(cloned(pushed, tmp_path, "http://127.0.0.1:9/"))

    assert result.failure is not None
    assert result.failure.message == (
        f"`dvc pull` could not bring big.csv, images ({NOT_THERE}): "
        "check the remote and its credentials, or run `dvc push` where the data is."
    )


def test_a_remote_that_accepts_and_never_answers_is_not_waited_for_without_end(
    pushed: Path, tmp_path: Path, remote: Misbehaving
) -> None:
    remote.on("*", silence, 3)
    made = cloned(pushed, tmp_path, remote.address)

    with pytest.raises(
        OutsideError, match=r"^`dvc pull` brought nothing for 0 minutes, so it was ended: the remote acc"
    ):
        Dvc(made.path, clean_variables(), patience=10).pull()


def test_a_slow_remote_is_waited_for_as_long_as_something_comes(
    pushed: Path, tmp_path: Path, remote: Misbehaving
) -> None:
    remote.on("*", slow(1))
    made = cloned(pushed, tmp_path, remote.address)

    Dvc(made.path, clean_variables(), patience=20).pull()

    assert (made.path / "big.csv").stat().st_size == 200_000


HOLDS = """
import sys
from dvc.repo import Repo
with Repo().lock:
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_another_dvc_holds_is_named_at_once(
    pushed: Path, tmp_path: Path, remote: Misbehaving, run_job: RunJob
) -> None:
    made = cloned(pushed, tmp_path, remote.address)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        cwd=made.path,
        env=clean_variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        result = run_job(made)
        other.kill()

    assert result.failure is not None
    assert "(another DVC holds the repository's lock): wait for the other DVC, or end it" in result.failure.message
    assert result.failure.exit_code == 4
