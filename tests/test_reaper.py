"""The reaper, with real jobs that are really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ml_ci.sources.reaper import Reaper, common_git_dir

WAIT = 20.0
Job = Callable[[str], "RunningJob"]


class RunningJob:
    """A Python process that has entered a Reaper as `reaper`, ran some lines, and now waits to be ended."""

    def __init__(self, lines: str, folder: Path) -> None:
        code = textwrap.dedent("""
            import os, subprocess, sys, time
            from pathlib import Path
            from ml_ci.sources.reaper import Reaper
            def start(*command, **options):
                return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, **options)
            with Reaper() as reaper:
                {lines}
                print("ready", reaper._guard.pid, flush=True)
                sys.stdin.read()
        """).format(lines=textwrap.dedent(lines).strip().replace("\n", "\n    "))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        self.pids = [int(word) for word in said[1:-1]] if said[0] == "pids" else []
        if said[0] == "pids":
            said = self.process.stdout.readline().split()
        self.guard = int(said[1])

    def die(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(WAIT)

    def leave(self) -> None:
        self.process.communicate("", timeout=WAIT)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    jobs: list[RunningJob] = []

    def start(lines: str) -> RunningJob:
        jobs.append(RunningJob(lines, tmp_path))
        return jobs[-1]

    yield start
    for started in jobs:
        started.process.kill()
        started.process.communicate()
        assert gone(started.guard), "the guard itself stayed behind"


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def gone(*pids: int) -> bool:
    return eventually(lambda: not any(alive(pid) for pid in pids))


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pid_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_job_leaves_no_process_of_its_groups(job: Job, tmp_path: Path, number: int) -> None:
    started = job("""
        p = start("sh", "-c", "sleep 600 & echo $! > child; wait")
        reaper.group(p.pid)
        print("pids", p.pid, "-", flush=True)
    """)
    child = pid_in(tmp_path / "child")
    started.die(number)
    assert gone(child, *started.pids)


def test_a_process_that_ignores_sigterm_is_killed(job: Job, tmp_path: Path) -> None:
    started = job("""
        p = start("bash", "-c", "trap '' TERM; echo $$ > child; while :; do sleep 1; done")
        reaper.group(p.pid)
    """)
    child = pid_in(tmp_path / "child")
    started.die(signal.SIGKILL)
    assert gone(child)


def test_a_stopped_process_is_ended_too(job: Job, tmp_path: Path) -> None:
    started = job("""
        p = start("sh", "-c", "echo $$ > child; kill -STOP $$")
        reaper.group(p.pid)
    """)
    child = pid_in(tmp_path / "child")
    started.die(signal.SIGKILL)
    assert gone(child)


def test_a_daemon_in_a_session_of_its_own_is_found_by_its_mark(job: Job, tmp_path: Path) -> None:
    started = job("""
        start("setsid", "sh", "-c", "echo $$ > child; exec sleep 600", env={**os.environ, **reaper.marker})
    """)
    child = pid_in(tmp_path / "child")
    started.die(signal.SIGKILL)
    assert gone(child)


def test_what_is_not_the_jobs_lives_on(job: Job) -> None:
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        started = job("""
            p = start("sleep", "600")
            reaper.group(p.pid)
            q = start("sleep", "600")
            reaper.group(q.pid); reaper.group_done(q.pid)
            print("pids", p.pid, q.pid, "-", flush=True)
        """)
        started.die(signal.SIGKILL)
        ended, kept = started.pids
        assert gone(ended, started.guard)
        assert alive(bystander.pid)
        assert alive(kept)
        os.kill(kept, signal.SIGKILL)
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_job_leaves_no_folder(job: Job, tmp_path: Path, number: int) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    started = job("""
        for name in ("a b\\nö", "kept"):
            reaper.folder(Path(name))
            Path(name, "inner").mkdir(parents=True)
            Path(name, "inner", "file").write_text("x")
        Path("a b\\nö", "inner").chmod(0o500)
        reaper.folder_done(Path("kept"))
    """)
    started.die(number)
    assert gone(started.guard)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_linked_folder_is_unlinked_and_not_followed(job: Job, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    (tmp_path / "link").symlink_to("data")
    started = job('reaper.folder(Path("link"))')
    started.die(signal.SIGKILL)
    assert gone(started.guard)
    assert (tmp_path / "data" / "precious").exists()
    assert not (tmp_path / "link").is_symlink()


def git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_killed_job_leaves_no_worktree_even_a_half_made_one(job: Job, tmp_path: Path) -> None:
    repository = tmp_path / "my repository"
    repository.mkdir()
    git("init", "-q", cwd=repository)
    git("commit", "-q", "--allow-empty", "-m", "first", cwd=repository)
    git("worktree", "add", "--detach", "../theirs", cwd=repository)
    started = job("""
        for name in ("whole", "half"):
            reaper.worktree(Path("my repository"), Path(name))
            subprocess.run(["git", "worktree", "add", "--detach", "../" + name], cwd="my repository",
                           check=True, capture_output=True)
        Path("half", ".git").unlink()
        Path("my repository/.git/worktrees/half/HEAD").unlink()
    """)
    started.die(signal.SIGKILL)
    assert gone(started.guard)
    listed = git("worktree", "list", "--porcelain", cwd=repository).splitlines()
    assert [line for line in listed if line.startswith("worktree")] == [
        f"worktree {repository}",
        f"worktree {tmp_path / 'theirs'}",
    ]
    assert sorted(path.name for path in (repository / ".git" / "worktrees").iterdir()) == ["theirs"]
    assert not (tmp_path / "whole").exists()
    assert not (tmp_path / "half").exists()


def test_common_git_dir_is_what_git_says(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git("init", "-q", cwd=repository)
    git("commit", "-q", "--allow-empty", "-m", "first", cwd=repository)
    git("worktree", "add", "--detach", "../tree", cwd=repository)
    git("clone", "-q", "--bare", ".", "../bare", cwd=repository)
    for place in (repository, tmp_path / "tree", tmp_path / "bare"):
        said = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=place)
        assert common_git_dir(place) == Path(said)


def test_leaving_normally_cleans_up_as_well_and_waits_for_it(job: Job, tmp_path: Path) -> None:
    started = job("""
        p = start("sleep", "600")
        reaper.group(p.pid)
        reaper.folder(Path("folder")); Path("folder").mkdir()
        print("pids", p.pid, "-", flush=True)
    """)
    started.leave()
    assert not any(alive(pid) for pid in started.pids)
    assert not (tmp_path / "folder").exists()


def test_leaving_costs_next_to_nothing_when_nothing_is_left() -> None:
    begin = time.monotonic()
    with Reaper():
        pass
    assert time.monotonic() - begin < 5  # 0.03 s on a quiet machine; a guard that waits would take more than this


def test_a_killed_guard_is_replaced(job: Job, tmp_path: Path) -> None:
    started = job("""
        p = start("sh", "-c", "echo $$ > child; exec sleep 600")
        reaper.group(p.pid)
        reaper.folder(Path("folder")); Path("folder").mkdir()
        reaper._guard.kill(); reaper._guard.wait()
        reaper.folder(Path("other")); Path("other").mkdir()
    """)
    child = pid_in(tmp_path / "child")
    started.die(signal.SIGKILL)
    assert gone(child, started.guard)
    assert not (tmp_path / "folder").exists()
    assert not (tmp_path / "other").exists()


def test_the_guard_outlives_the_signals_that_end_the_job(job: Job, tmp_path: Path) -> None:
    started = job('reaper.folder(Path("folder")); Path("folder").mkdir()')
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(started.guard, number)
    started.die(signal.SIGKILL)
    assert gone(started.guard)
    assert not (tmp_path / "folder").exists()
