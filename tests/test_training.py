"""Training, with real commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_ci.errors import TrainingError
from ml_ci.sources.process import Owner
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.stream import Lines
from ml_ci.sources.training import Trained, log_tail, train, training_variables

WAIT = 20.0


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    with Reaper() as it:
        yield it


class Runner:
    """Runs trainings in one folder, and keeps what they said and when."""

    def __init__(self, directory: Path, reaper: Reaper) -> None:
        self.directory = directory
        self.reaper = reaper
        self.log = directory / "logs" / "train.log"
        self.said: list[str] = []
        self.heard: list[float] = []

    def __call__(self, command: str, timeout: float = 60, owner: Owner | None = None, **variables: str) -> Trained:
        environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self.directory)}
        return train(
            command,
            directory=self.directory,
            variables={**environment, **variables},
            timeout=timeout,
            log=self.log,
            echo=self.echo,
            reaper=self.reaper,
            owner=owner,
        )

    def echo(self, line: str) -> None:
        self.said.append(line)
        self.heard.append(time.monotonic())

    def python(self, code: str) -> Trained:
        (self.directory / "train.py").write_text(code)
        return self("python train.py")

    def pid(self, name: str = "pid") -> int:
        return int((self.directory / name).read_text())


@pytest.fixture
def run(tmp_path: Path, reaper: Reaper) -> Runner:
    return Runner(tmp_path, reaper)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_output_of_both_kinds_is_streamed_and_kept_as_it_is(run: Runner) -> None:
    trained = run("printf 'one\\n'; printf 'caf\\303\\251 \\377\\n' >&2; printf last")
    assert run.said == ["one", "café �", "last"]
    assert trained.log.read_bytes() == b"one\ncaf\xc3\xa9 \xff\nlast"


def test_a_line_is_shown_when_it_is_printed_and_not_at_the_end(run: Runner) -> None:
    run.python("import time; print('first'); time.sleep(1); print('second')")
    assert run.said == ["first", "second"]
    assert run.heard[1] - run.heard[0] > 0.5


def test_seconds_are_those_of_the_clock(run: Runner) -> None:
    assert 0.5 <= run("sleep 0.5").seconds < 5


def test_peak_memory_is_that_of_the_whole_group(run: Runner) -> None:
    trained = run.python(
        "import subprocess, sys, time\n"
        "code = 'import time; block = b\"x\" * 100_000_000; time.sleep(1)'\n"
        "both = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(2)]\n"
        "[each.wait() for each in both]\n"
    )
    assert trained.peak_memory is not None
    assert 200e6 < trained.peak_memory < 350e6


def test_a_peak_between_two_looks_is_seen_where_the_system_tells(run: Runner) -> None:
    trained = run.python("import time; time.sleep(0.3); b'x' * 200_000_000; time.sleep(0.5)")
    assert trained.peak_memory is not None
    assert 200e6 < trained.peak_memory < 300e6


def test_this_process_is_not_counted(run: Runner) -> None:
    block = bytearray(b"x" * 300_000_000)
    trained = run("sleep 0.2")
    assert trained.peak_memory is not None
    assert trained.peak_memory < 50e6 < len(block)


def test_a_failure_names_command_and_exit_code_and_has_the_logs_end(run: Runner) -> None:
    with pytest.raises(TrainingError, match=r"Training \(python train.py\) .* exit code 1\b") as caught:
        run.python("print('before'); raise ValueError('wrong shape')")
    assert caught.value.log_tail.startswith("before\nTraceback")
    assert caught.value.log_tail.endswith("ValueError: wrong shape")
    assert caught.value.exit_code == 3


def test_the_first_failing_command_of_several_ends_training(run: Runner) -> None:
    with pytest.raises(TrainingError, match="exit code 7"):
        run("(exit 7)\necho not reached")
    assert run.said == []


def test_a_failure_inside_a_pipe_counts(run: Runner) -> None:
    with pytest.raises(TrainingError, match="exit code 4"):
        run("(exit 4) | cat")


@pytest.mark.parametrize("command", ["kill -KILL $$", "sh -c 'kill -KILL $$'; true"])
def test_a_kill_is_named_and_memory_suspected(run: Runner, command: str) -> None:
    with pytest.raises(TrainingError, match=r"SIGKILL.*memory"):
        run(command)


def test_another_signal_is_named(run: Runner) -> None:
    with pytest.raises(TrainingError, match="SIGSEGV"):
        run("kill -SEGV $$")


def test_an_unknown_program_is_said_to_be_missing(run: Runner) -> None:
    with pytest.raises(TrainingError, match=r"127.*not found") as caught:
        run("no-such-program")
    assert "no-such-program" in caught.value.log_tail


def test_a_missing_folder_is_named(run: Runner) -> None:
    run.directory = run.directory / "missing"
    with pytest.raises(TrainingError, match="missing"):
        run("true")


def test_a_timeout_ends_the_whole_group_even_one_that_ignores_sigterm(run: Runner) -> None:
    begin = time.monotonic()
    with pytest.raises(TrainingError, match=r"time limit.*`timeout`") as caught:
        run("echo started; trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > pid; wait", timeout=1)
    assert time.monotonic() - begin < WAIT
    assert not alive(run.pid())
    assert caught.value.log_tail.startswith("started")


def test_training_may_save_its_state_when_it_is_asked_to_end(run: Runner) -> None:
    with pytest.raises(TrainingError, match="time limit"):
        # the sleep is in the group too: if it dies before the shell hears of it, `bash -e` would end without its trap
        run("trap 'echo saved; exit 0' TERM; while :; do sleep 0.1 || true; done", timeout=1)
    assert run.said[-1] == "saved"


def test_a_background_child_that_keeps_the_output_open_does_not_hold_up_the_job(run: Runner) -> None:
    begin = time.monotonic()
    run("sleep 600 & echo $! > pid; echo done")
    assert time.monotonic() - begin < WAIT
    assert run.said == ["done"]
    assert not alive(run.pid())


def test_a_daemon_that_left_the_session_ends_with_training(run: Runner) -> None:
    run("setsid sh -c 'echo $$ > pid; exec sleep 600 > /dev/null 2>&1' & while [ ! -s pid ]; do sleep 0.05; done")
    assert not alive(run.pid())


def test_the_last_words_of_a_background_tee_are_kept(run: Runner) -> None:
    run("exec > >(sleep 0.3; cat); echo late")
    assert run.said == ["late"]


def test_an_interrupt_ends_the_group(run: Runner) -> None:
    def interrupt_soon() -> None:
        while not (run.directory / "pid").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_soon).start()
    with pytest.raises(KeyboardInterrupt):
        run("sleep 600 & echo $! > pid; wait")
    assert not alive(run.pid())


def test_an_echo_that_raises_ends_the_group(tmp_path: Path, reaper: Reaper) -> None:
    class Deaf(Runner):
        def echo(self, line: str) -> None:
            raise BrokenPipeError(line)

    run = Deaf(tmp_path, reaper)
    with pytest.raises(BrokenPipeError):
        run("echo $$ > pid; while :; do echo x; done")
    assert not alive(run.pid())


def test_a_flood_of_output_arrives_whole(run: Runner) -> None:
    run("seq 200000")
    expected = subprocess.run(["seq", "200000"], capture_output=True, check=True).stdout
    assert run.log.read_bytes() == expected
    assert run.said == expected.decode().splitlines()


def test_standard_input_is_empty(run: Runner) -> None:
    run("cat; echo end")
    assert run.said == ["end"]


def test_training_prints_unbuffered_unless_the_user_says_otherwise(run: Runner) -> None:
    run('echo "$PYTHONUNBUFFERED"')
    run('echo "[$PYTHONUNBUFFERED]"', PYTHONUNBUFFERED="")
    assert run.said == ["1", "[]"]


if os.geteuid() == 0:  # only root can act for another user; the container's tests do so everywhere

    def test_as_another_user_training_has_no_rights_of_roots_and_a_home(tmp_path: Path) -> None:
        for folder in (tmp_path, *list(tmp_path.parents)[:2]):
            folder.chmod(0o755)
        (tmp_path / "secret").touch(mode=0o600)
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        command = 'id -u; id -g; id -G; cat secret 2>&1 || true; touch "$HOME/it"; echo "$HOME"; echo $USER'
        with Reaper() as reaper:
            run = Runner(tmp_path, reaper)
            run(command, owner=Owner(12345, 54321), HOME=str(closed), PATH="/usr/bin:/bin")
            uid, gid, groups, denied, home, user = run.said
        assert (uid, gid, groups, user) == ("12345", "54321", "54321", "user12345")
        assert "denied" in denied
        assert home != str(closed)
        assert not Path(home).exists()


# what training sees


def test_training_sees_no_token_of_githubs_and_no_way_into_later_steps() -> None:
    outer = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "theirs",
        "GITHUB_SHA": "abc",
        "MLFLOW_TRACKING_URI": "http://m",
        "ML_CI_SEED": "3",
        "ML_CI_REAPER": "mark",
    }
    hidden = {
        "GITHUB_TOKEN": "ghs_1",
        "GH_TOKEN": "ghs_2",
        "RENAMED": "ghs_1",
        "GITHUB_ENV": "/f",
        "GITHUB_PATH": "/f",
        "GITHUB_OUTPUT": "/f",
        "GITHUB_STATE": "/f",
        "GITHUB_STEP_SUMMARY": "/f",
        "INPUT_GITHUB-TOKEN": "ghs_1",
        "INPUT_CONFIG": "x",
        "ACTIONS_RUNTIME_TOKEN": "t",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "u",
        "DOCKER_HOST": "unix:///var/run/docker.sock",
        "ML_CI_IMAGE": "i",
        "GIT_CONFIG_PARAMETERS": "'http.extraheader=x'",
    }
    assert training_variables({**outer, **hidden}) == outer


def test_git_settings_by_variable_are_kept_without_credentials(tmp_path: Path) -> None:
    settings = [
        ("safe.directory", "/w"),
        ("http.https://github.com/.extraheader", "AUTHORIZATION: basic abc"),
        ("credential.helper", "store"),
        ("url.https://x:token@github.com/.insteadOf", "https://github.com/"),
        ("user.name", "N"),
    ]
    outer = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        outer |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    seen = training_variables(outer)
    listed = subprocess.run(
        ["git", "config", "--list", "--show-scope"], env=seen, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line.split("\t")[1] for line in listed if line.startswith("command")] == [
        "safe.directory=/w",
        "user.name=N",
    ]


# lines


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(*steps: bytes | float) -> list[str]:
    """What is echoed when these bytes come, with these seconds of quiet in between."""
    said: list[str] = []
    clock = Clock()
    lines = Lines(said.append, clock)
    for step in steps:
        if isinstance(step, bytes):
            lines.add(step)
        else:
            clock.now += step
            lines.tick()
    lines.close()
    return said


def test_a_character_cut_in_two_is_put_together() -> None:
    assert shown(b"caf\xc3", b"\xa9\n") == ["café"]


def test_a_prompt_without_a_line_end_is_shown_after_a_second() -> None:
    assert shown(b"Continue? ", 1.1, b"yes\n") == ["Continue? ", "yes"]


def test_windows_line_ends_are_line_ends() -> None:
    assert shown(b"a\r\nb\r", b"\nc") == ["a", "b", "c"]


def test_of_a_progress_bar_the_last_state_is_shown_and_one_each_ten_seconds() -> None:
    bar: list[bytes | float] = []
    for percent in range(101):
        bar += [b"\r%d%%" % percent, 0.5]
    said = shown(*bar, b"\ndone\n")
    assert said[-2:] == ["100%", "done"]
    assert len(said) <= 8


def test_a_progress_bar_takes_no_memory() -> None:
    said: list[str] = []
    lines = Lines(said.append, Clock())
    for number in range(20_000):
        lines.add(b"\rstep %d of 20000" % number)
    assert len(lines._line) < 100
    assert said == []


def test_an_endless_line_is_cut() -> None:
    said = shown(b"x" * 200_000)
    assert "".join(said) == "x" * 200_000
    assert max(map(len, said)) == 65536


# the log's end


def test_the_logs_end_is_its_last_forty_lines_in_plain_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"\x1b[31mline %d\x1b[0m\r\n" % number for number in range(100)) + b"10%\r50%\r100%\n\n")
    assert log_tail(log).splitlines() == [*(f"line {number}" for number in range(61, 100)), "100%"]


def test_the_logs_end_is_at_most_eight_kilobytes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{number} " + "é" * 400 + "\n" for number in range(100)))
    tail = log_tail(log)
    assert 7000 < len(tail.encode()) <= 8000
    assert tail.splitlines()[-1] == "99 " + "é" * 400
    assert tail.splitlines()[0] == "…"
    log.write_text("é" * 100_000)
    assert 7000 < len(log_tail(log).encode()) <= 8000


def test_a_log_that_is_not_there_has_no_end(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "missing") == ""


def test_links_and_titles_of_terminals_are_removed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\ \x1b]0;title\x07a\x07b\x1b(B\x00c\n")
    assert log_tail(log) == "text abc"
