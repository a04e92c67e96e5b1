"""`ml-ci run` ended at any moment: nothing of it stays behind, and the next one works.

The moments are told by their effects, a file or a connection, and not by the clock. Every process of a job is known by a
variable that only the job's environment has; ml-ci knows nothing of it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.command import ml_ci, start, strict, variables
from tests.processes import WAIT, alive, eventually
from tests.repository import Repository

CONFIG = """
environment: none
train: python train.py
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""
TRAIN = """
import json, os, pathlib, re, subprocess, sys, time
accuracy = float(re.search(r"accuracy: ([.0-9]+)", pathlib.Path("params.yaml").read_text())[1])
if os.environ.get("HOLD_AT") == str(accuracy):
    forever = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(forever, start_new_session=True)  # a daemon, of no group of ours
    subprocess.Popen(forever)
    pathlib.Path(os.environ["REACHED"]).touch()
    time.sleep(600)
assert pathlib.Path("data.txt").read_text() == "rows"
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": accuracy, "loss": [3, 2, 1]}))
"""
MARK = "TEST_KILL_MARK"

# one after the other, for each has an MLflow server of its own to start
pytestmark = pytest.mark.xdist_group("kill")


class SilentRemote:
    """A DVC remote over HTTP that accepts a connection, which is the moment to look out for, and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._talking: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/"

    def asked(self) -> bool:
        """Whether somebody has connected since this was asked last."""
        try:
            self._talking.append(self._listening.accept()[0])
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        for each in (self._listening, *self._talking):
            each.close()


class Job:
    """A repository with DVC data and a pull request in it, and an `ml-ci run` that is to be ended."""

    def __init__(self, folder: Path, remote: SilentRemote, repository: Path) -> None:
        self.folder = folder
        self.remote = remote
        self.reached = folder / "reached"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.repository = Repository(Path(shutil.copytree(repository, folder / "repo", symlinks=True)))
        self.out = self.repository.path / ".ml-ci"
        self._mark = secrets.token_hex(8)
        self.process: subprocess.Popen[str] | None = None

    @property
    def variables(self) -> dict[str, str]:
        return {MARK: self._mark, "TMPDIR": str(self.temporary), "REACHED": str(self.reached)}

    def start(self, hold_at: str = "") -> None:
        self.reached.unlink(missing_ok=True)
        self.process = start("run", folder=self.repository.path, more={**self.variables, "HOLD_AT": hold_at})

    def put_aside(self, path: Path) -> None:
        """Take away what an earlier job may have made."""
        if path.exists():
            path.rename(self.folder / f"{path.name}.{secrets.token_hex(4)}")

    def comes_to(self, moment: Callable[[Job], Callable[[], object]]) -> None:
        """Start, and return when the moment has come."""
        came = moment(self)
        assert eventually(lambda: came() or self.process is None or self.process.poll() is not None), moment.__name__

    def end(self, number: int) -> int:
        """Send the signal, as a terminal or a runner does; the exit code."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "ml-ci.output").read_text()
        (os.killpg if number == signal.SIGINT else os.kill)(self.process.pid, number)
        if not eventually(lambda: self.process is None or self.process.poll() is not None):
            self.process.send_signal(signal.SIGABRT)
        code = self.process.wait(WAIT)
        assert code != -signal.SIGABRT, (self.folder / "ml-ci.output").read_text()
        return code

    def processes(self) -> list[psutil.Process]:
        """What still runs of any job here; the guard has a clean environment and is known by the job's number."""
        job = str(self.process.pid) if self.process else ""
        return [each for each in psutil.process_iter() if alive(each.pid) and self._is_ours(each, job)]

    def _is_ours(self, process: psutil.Process, job: str) -> bool:
        try:
            command = process.cmdline()
            # both show their environment to nobody but root
            if "guard.py" in " ".join(command):
                return job in command
            if "mlflow_login.py" in " ".join(command):
                return any(Path(word).is_relative_to(self.out) for word in command)
            return process.environ().get(MARK) == self._mark
        except psutil.Error:
            return False

    def assert_nothing_is_left(self) -> None:
        assert eventually(lambda: not self.processes()), [each.cmdline() for each in self.processes()]
        assert self.repository.git("worktree", "list", "--porcelain").count("worktree ") == 1
        git = self.repository.path / ".git"
        assert not (git / "worktrees").exists()
        assert [path.name for path in git.rglob("*.lock")] == []
        assert [path.name for path in self.temporary.iterdir() if path.name.startswith("ml-ci")] == []
        assert self.repository.status() == ""
        result = self.out / "result.json"
        assert not result.exists() or strict(result.read_text())

    def assert_the_next_run_works(self) -> None:
        answer = ml_ci("run", "--json", "--quiet", folder=self.repository.path, more=self.variables)
        assert answer.returncode == 1, answer.stdout + answer.stderr
        rows = strict(answer.stdout)["metrics"]
        assert isinstance(rows, list)
        assert [(row["base"], row["head"]) for row in rows if row["name"] == "accuracy"] == [(0.90, 0.85)]
        self.assert_nothing_is_left()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every test here gets a copy of: DVC data, `main` with accuracy 0.90, and a branch on it with 0.85."""
    folder = tmp_path_factory.mktemp("kill")
    files = {"train.py": TRAIN, "params.yaml": "accuracy: 0.90\n", ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
    made = Repository.create(folder / "repo", files)
    made.dvc("init", "--quiet")
    made.write({".dvc/config": f"[core]\nremote = r\n['remote \"r\"']\nurl = {folder}/remote\n", "data.txt": "rows"})
    made.dvc("add", "--quiet", "data.txt")
    made.dvc("push", "--quiet")
    made.commit()
    made.branch("change").commit({"params.yaml": "accuracy: 0.85\n"})
    return made.path


@pytest.fixture
def job(tmp_path: Path, repository: Path) -> Iterator[Job]:
    remote = SilentRemote()
    made = Job(tmp_path, remote, repository)
    yield made
    remote.close()
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait(WAIT)


def at_the_pull(job: Job) -> Callable[[], object]:
    for name in ("data.txt", ".dvc/cache"):
        job.put_aside(job.repository.path / name)
    job.repository.write({".dvc/config.local": f"['remote \"r\"']\nurl = {job.remote.url}\n"})
    job.start()
    return job.remote.asked


def at_the_start_of_the_server(job: Job) -> Callable[[], object]:
    job.start()
    return lambda: any("mlflow_login.py" in " ".join(each.cmdline()) for each in job.processes() if alive(each.pid))


def at_the_making_of_the_store(job: Job) -> Callable[[], object]:
    for database in job.out.glob("mlflow/*/mlflow.db*"):
        database.unlink()
    job.start()
    return lambda: any(job.out.glob("mlflow/*/mlflow.db"))


def at_heads_training(job: Job) -> Callable[[], object]:
    job.start(hold_at="0.85")
    return job.reached.exists


def at_bases_training(job: Job) -> Callable[[], object]:
    job.put_aside(job.out / "records")
    job.start(hold_at="0.9")
    return job.reached.exists


def at_the_report(job: Job) -> Callable[[], object]:
    plots = job.out / "plots"
    job.put_aside(plots)
    job.start()
    return plots.exists


MOMENTS = [
    at_the_pull,
    at_the_start_of_the_server,
    at_the_making_of_the_store,
    at_heads_training,
    at_bases_training,
    at_the_report,
]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_job_that_is_ended_at_any_moment_leaves_nothing_and_the_next_one_works(
    job: Job, number: int, code: int
) -> None:
    """Each job but the first is the next one of an ended one, and has to come at least to its own moment."""
    for moment in MOMENTS:
        job.comes_to(moment)
        assert job.end(number) == code, moment.__name__
        job.assert_nothing_is_left()
        (job.repository.path / ".dvc" / "config.local").unlink(missing_ok=True)
    job.assert_the_next_run_works()


AWKWARD = {
    "in the middle of an import": "import awkward",
    "in a finalizer": "class Dying:\n    def __del__(self): os.kill(os.getpid(), signal.SIGTERM)\nDying()",
    "in a callback": "import weakref\nclass Thing: pass\nthing = Thing()\n"
    "kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))\ndel thing",
    "as any other": "os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("moment", AWKWARD)
def test_a_signal_is_never_lost_and_breaks_no_import(tmp_path: Path, moment: str) -> None:
    (tmp_path / "awkward.py").write_text(
        "import os, signal, pathlib\nos.kill(os.getpid(), signal.SIGTERM)\npathlib.Path('whole').touch()\n"
    )
    code = (
        "import os, signal, time\nfrom ml_ci.sources.signals import end_on_signals\nend_on_signals()\n"
        f"try:\n    exec({AWKWARD[moment]!r})\n    time.sleep(30)\nfinally:\n    print('tidied up')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=variables(), capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (143, "tidied up\n", "")
    assert (tmp_path / "whole").exists() == ("import" in moment)


@pytest.mark.slow
def test_ctrl_c_is_exit_130_and_leaves_nothing(job: Job) -> None:
    job.comes_to(at_heads_training)
    assert job.end(signal.SIGINT) == 130
    assert (job.folder / "ml-ci.output").read_text().strip().splitlines()[-1] == "ml-ci: cancelled."
    job.assert_nothing_is_left()


@pytest.mark.slow
def test_after_a_half_made_store_the_next_run_works(job: Job) -> None:
    job.comes_to(at_the_making_of_the_store)
    assert job.end(signal.SIGKILL) == -signal.SIGKILL
    job.assert_nothing_is_left()
    job.assert_the_next_run_works()


@pytest.mark.slow
def test_a_run_at_once_after_a_killed_one_is_not_disturbed_by_what_is_still_ending(job: Job) -> None:
    job.comes_to(at_bases_training)
    assert job.end(signal.SIGKILL) == -signal.SIGKILL
    job.assert_the_next_run_works()


@pytest.mark.slow
def test_a_second_run_at_the_same_time_says_so_and_does_not_disturb_the_first(job: Job) -> None:
    job.comes_to(at_heads_training)
    answer = ml_ci("run", "--quiet", folder=job.repository.path)
    assert (answer.returncode, answer.stdout) == (4, "")
    assert "another ml-ci is at work" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert job.process is not None
    assert job.process.poll() is None
    assert job.end(signal.SIGTERM) == 143
    job.assert_nothing_is_left()


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_job_too(job: Job) -> None:
    job.comes_to(at_heads_training)
    assert job.end(signal.SIGHUP) == 128 + signal.SIGHUP
    job.assert_nothing_is_left()
