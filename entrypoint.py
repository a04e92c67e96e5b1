"""The container's door, and the host runtime's: GitHub's variables in, the job's exit code out."""

import os
import signal
import sys
import threading

from ml_ci.action import main


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
        follow_lifeline()
    code = main(take_environment())
    sys.stdout.flush()
    sys.stderr.flush()
    # nothing is left to be tidied up, and taking thousands of imported modules apart would take half a second
    os._exit(code)
