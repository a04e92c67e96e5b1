"""A job that is cancelled, as GitHub's runner does it: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s after that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.action_job import CONFIG, Done, Job
from tests.command import TOP
from tests.github_server import GitHubServer
from tests.github_server.faults import Slow
from tests.processes import eventually
from tests.repository import WRITES_ACCURACY

STEPS = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 60.0))
"""Each signal, and how many seconds the runner waits after it (its `ProcessInvoker`)."""

HOLDS = f"""
import os, pathlib, signal, subprocess, sys, time
if pathlib.Path("params.yaml").read_text() != "accuracy: 0.9\\n":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    pathlib.Path(os.environ["REACHED"]).touch()
    time.sleep(600)
{WRITES_ACCURACY}"""


class Cancelled:
    """A job on a pull request, in a process of its own, and what the runner does to it."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.reached = folder / "reached"
        self._log = folder / "log"
        self._mark = str(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> None:
        """Begin."""
        job = self.job
        job.github.git.commit_files("feature", {"params.yaml": "accuracy: 0.95\n"}, on="main")
        pull = job.github.add_pull("feature")
        job.check_out(pull.merge_sha)
        event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge"}
        own = {"REACHED": str(self.reached), "CANCELLED": self._mark, "PYTHONPATH": str(TOP), **variables}
        environ = job.environ({**event, "GITHUB_SHA": pull.merge_sha or "", **own}, job.github.pull_event(pull), {})
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["env", "--default-signal=INT,TERM", sys.executable, "-u", str(TOP / "entrypoint.py")],
                env=environ,
                cwd=job.workspace,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def cancel(self) -> tuple[Done, signal.Signals, float]:
        """What was left, the signal that it took, and the seconds."""
        process = self._process
        assert process is not None
        assert process.poll() is None, self._log.read_text()
        begin = time.monotonic()
        for number, patience in STEPS:
            process.send_signal(number)
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            return self.job.done(code, self._log.read_text()), number, time.monotonic() - begin
        raise AssertionError("it outlived SIGKILL")

    def left(self) -> list[psutil.Process]:
        """What still runs of it."""

        def is_ours(process: psutil.Process) -> bool:
            try:
                return process.environ().get("CANCELLED") == self._mark
            except psutil.Error:
                return False

        return [each for each in psutil.process_iter() if each.pid != os.getpid() and is_ours(each)]


@pytest.fixture
def cancelled(github_server: GitHubServer, tmp_path: Path, mlflow_server: str) -> Iterator[Cancelled]:
    job = Job(github_server, tmp_path, str, mlflow_server)
    github_server.git.commit_files("main", {"train.py": HOLDS, ".ml-ci.yml": CONFIG})
    made = Cancelled(job, tmp_path)
    yield made
    for process in made.left():
        process.kill()


@pytest.mark.parametrize("stubborn", ["", "1"])
def test_a_job_that_is_cancelled_while_it_trains(cancelled: Cancelled, stubborn: str) -> None:
    cancelled.start(STUBBORN=stubborn)
    assert eventually(cancelled.reached.exists)

    done, number, _ = cancelled.cancel()

    assert number != signal.SIGKILL, "the runner would have had to kill it"
    assert done.code != 0
    assert "verdict" not in done.outputs
    assert "Traceback" not in done.log
    check = cancelled.job.check()
    assert (check.status, check.conclusion) == ("completed", "failure")
    assert check.title == "The job did not finish"
    assert cancelled.job.github.comments() == []
    assert eventually(lambda: not cancelled.left())


def test_a_job_that_is_cancelled_while_it_comments_leaves_a_whole_comment_or_none(cancelled: Cancelled) -> None:
    github = cancelled.job.github
    github.git.commit_files("main", {"train.py": WRITES_ACCURACY})
    github.inject("POST", "/issues/*/comments", Slow(12))
    cancelled.start()
    assert eventually(lambda: github.count("POST", "/issues/*/comments"))

    done, number, _ = cancelled.cancel()

    assert number != signal.SIGKILL
    assert done.code != 0
    assert (cancelled.job.check().status, cancelled.job.check().conclusion) == ("completed", "failure")
    for comment in github.comments():
        assert comment.body.endswith("</sub>\n")
    assert "Traceback" not in done.log


def test_after_a_cancelled_job_the_next_one_works(cancelled: Cancelled) -> None:
    cancelled.start()
    assert eventually(cancelled.reached.exists)
    cancelled.cancel()
    (pull,) = cancelled.job.github.state.pulls.values()
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": pull.merge_sha or ""}
    (cancelled.job.workspace / "train.py").write_text(WRITES_ACCURACY)

    environ = cancelled.job.environ(event, cancelled.job.github.pull_event(pull), {})
    code = subprocess.run(
        [sys.executable, "-u", str(TOP / "entrypoint.py")],
        env={**environ, "PYTHONPATH": str(TOP), "INPUT_TRAIN": "python train.py"},
        cwd=cancelled.job.workspace,
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert code.returncode == 0, code.stdout.decode() + code.stderr.decode()
    (comment,) = cancelled.job.github.comments()
    assert "Pass" in comment.body
