"""The container's door, and the host runtime's: GitHub's variables in, the job's exit code out."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress

from ml_ci.action import main

CLEANED_UP = 20.0
"""Seconds within which the guard of a job that was killed has cleaned up."""


def follow_lifeline() -> None:
    """End this job as a cancelled one when standard input closes: docker's client, which held it open, was killed."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def close_to_others() -> None:
    """Let no other process of this user look into this one, where the token is: training may be such a process.

    Linux only: elsewhere a user's processes cannot read each other's environments that easily.
    """
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


def stay_until_all_is_tidied_up() -> None:
    """Go on in a child, and stay beside it: when the first process of a container ends, all others do at once.

    If the job is killed, as by the kernel for want of memory, the guard still has to clean up after it, and to put the
    checkout's credentials back. So the guard becomes this process's child when the job is gone.
    """
    import ctypes

    pr_set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    job = os.fork()
    if job == 0:
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: _pass_on(job, received))
    ended, status = 0, 0
    while ended != job:
        ended, status = os.waitpid(-1, 0)
    if os.WIFSIGNALED(status):
        _wait_for_others(CLEANED_UP)
        # as a shell says it
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _pass_on(job: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(job, number)


def _wait_for_others(patience: float) -> None:
    end = time.monotonic() + patience
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)


def take_environment() -> dict[str, str]:
    """The environment; the inputs, the token among them, are taken out of what the programs started here inherit."""
    taken = dict(os.environ)
    for name in taken:
        if name.startswith("INPUT_"):
            del os.environ[name]
    return taken


if __name__ == "__main__":
    close_to_others()
    if os.environ.pop("ML_CI_LIFELINE", "") == "stdin":
        stay_until_all_is_tidied_up()
        follow_lifeline()
    try:
        code = main(take_environment())
    except KeyboardInterrupt:
        # the runner's first signal to a job that is cancelled
        print("ml-ci: cancelled.")  # noqa: T201 - the door's own word
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    # nothing is left to be tidied up, and taking thousands of imported modules apart would take half a second
    os._exit(code)
