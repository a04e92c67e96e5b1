"""Starts jobs quickly: a process that has imported everything, and forks for each job.

    python -m tests.faults.forks        # one JSON object a line in (`Order`), `{"pid": …}` and `{"code": …}` out

The job is `ml_ci.action.main`, as `entrypoint.py` calls it, in a process and a session of its own, so that it can be killed.
Only its waits are shortened, and its MLflow may be one that runs already, as if it were embedded.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ml_ci import action
from ml_ci.side import Workshop
from ml_ci.sources.tracking import Tracking

SHORT = 0.01
TIMEOUT = 1
"""Seconds for one request to GitHub."""


@dataclass(frozen=True)
class Order:
    """One job: its environment, the file for its output, and the MLflow that takes the embedded one's place, if any."""

    environ: dict[str, str]
    log: str
    embedded: str

    def text(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))


def short_sleep(seconds: float) -> None:
    """Wait as long as other threads need to get on."""
    time.sleep(min(seconds, SHORT))


def run(order: Order, modules: Path) -> int:
    """The job, in the process that is its own."""
    os.environ.clear()
    os.environ.update({name: value for name, value in order.environ.items() if not name.startswith("INPUT_")})
    os.chdir(order.environ["GITHUB_WORKSPACE"])

    def embedded(shop: Workshop) -> AbstractContextManager[Tracking]:
        return nullcontext(Tracking(order.embedded, shop.variables, shared=False))

    outside = action.Outside(timeout=TIMEOUT, sleep=short_sleep)
    code = action.main(order.environ, replace(outside, tracking=embedded) if order.embedded else outside)
    if not modules.exists():
        modules.write_text("\n".join(name for name in sys.modules if not name.startswith("__")))
    return code


def fork(order: Order, modules: Path) -> int:
    """Start the job; its process id."""
    if pid := os.fork():
        return pid
    os.setsid()
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    code = 70
    try:
        code = run(order, modules)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 71
    except BaseException:
        import traceback

        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Serve until standard input ends. What the first job imported is imported here, so that the others need not."""
    modules = Path(sys.argv[1])
    warm = False
    for line in sys.stdin:
        if modules.exists() and not warm:
            for name in modules.read_text().split():
                with suppress(Exception):
                    importlib.import_module(name)
            warm = True
        pid = fork(Order(**json.loads(line)), modules)
        sys.stdout.write(json.dumps({"pid": pid}) + "\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
