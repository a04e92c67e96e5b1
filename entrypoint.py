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


if __name__ == "__main__":
    if os.environ.pop("ML_CI_LIFELINE", "") == "stdin":
        follow_lifeline()
    sys.exit(main())
