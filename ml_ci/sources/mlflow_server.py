"""The embedded `mlflow server`, for repositories that have no MLflow of their own.

It listens from the first moment: the socket is bound here and handed over, so a training that starts before the
server is up waits in the backlog instead of failing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from ml_ci.errors import OutsideError
from ml_ci.sources import mlflow_login
from ml_ci.sources.mlflow_logins import accepted, new_token, with_login
from ml_ci.sources.output_folder import hand_over
from ml_ci.sources.powers import start_powerless
from ml_ci.sources.process import Owner
from ml_ci.sources.variables import minimal_variables, training_variables

HOST = "127.0.0.1"
DATABASE = "mlflow.db"


class Guard(Protocol):
    """Who ends the server if this process is killed (`ml_ci.sources.reaper.Reaper`)."""

    def group(self, group: int) -> None:
        """Remember a process group that must not be left behind."""

    def group_done(self, group: int) -> None:
        """Forget it: it has ended."""


def empty_store() -> Path:
    """Where this installation may have an empty store: to make one, MLflow's server takes most of a second."""
    return Path(sys.prefix) / "share" / "ml-ci" / f"mlflow-{version('mlflow')}.db"


class MlflowServer:
    """A server of the installed MLflow on a free loopback port, with its store under `folder`.

    Entering the context starts it and returns at once; `uri` is valid from then on, and holds the login that the server
    wants. Training may make it read and write any file, by an experiment whose artifacts are elsewhere: so the server has
    the rights of `owner`, which are training's, and none of root's powers. The store is kept by MLflow's version, since a
    store of another version would have to be migrated.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], guard: Guard, owner: Owner | None = None) -> None:
        self.store = folder / version("mlflow")
        self.log = folder / "server.log"
        self._variables = variables
        self._guard = guard
        self._owner = owner

    def __enter__(self) -> MlflowServer:
        self._remove_half_made()
        self.store.mkdir(parents=True, exist_ok=True)
        if empty_store().exists() and not (self.store / DATABASE).exists():
            # by way of another name, since a copy that was cut short is no store
            Path(shutil.copyfile(empty_store(), self.store / "new.db")).replace(self.store / DATABASE)
        if self._owner:
            store = os.open(self.store, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                hand_over(store, self._owner)
            finally:
                os.close(store)
        with socket.socket() as listening, self.log.open("wb") as log:
            listening.bind((HOST, 0))
            listening.listen(128)
            token = new_token()
            self.uri = with_login(f"http://{HOST}:{listening.getsockname()[1]}", token)
            self._process = self._start(listening.fileno(), log)
        self._guard.group(self._process.pid)
        self._tell(accepted(token, training_variables(self._variables), HOST))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # nothing is in flight any more, and SQLite's journal makes a hard end safe: no second is spent on a polite one
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._guard.group_done(self._process.pid)

    def _tell(self, logins: list[str]) -> None:
        """Tell the server what a request may have in `Authorization`, so that it can know it and cannot say it."""
        digests = [hashlib.sha256(login.encode()).hexdigest() for login in logins]
        if self._process.stdin is not None:
            with suppress(BrokenPipeError), self._process.stdin as pipe:  # if it has died, `check` says so
                pipe.write(json.dumps(digests).encode())

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The store's files with their times (ns) and sizes: as long as they are the same, nothing was logged."""
        found = []
        for path in sorted(self.store.glob(f"{DATABASE}*")):
            with suppress(FileNotFoundError):  # a journal comes and goes while the server works
                status = path.stat()
                found.append((path.name, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def wait(self, seconds: float = 120) -> None:
        """Return when the server answers. Raises OutsideError if it has died or does not answer in time."""
        import requests

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            try:
                if requests.get(f"{self.uri}/health", timeout=max(1.0, end - time.monotonic())).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise OutsideError(f"the embedded MLflow server did not answer within {seconds:.0f} s: see {self.log}.")

    def check(self) -> None:
        """Raise OutsideError if the server has died."""
        if self._process.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise OutsideError(
                f"the embedded MLflow server ended with exit code {self._process.returncode} "
                f"({lines[-1][:200] if lines else 'it printed nothing'}): see {self.log}."
            )

    def _remove_half_made(self) -> None:
        """Remove a store whose making was cut short, since MLflow can neither use nor repair it; it holds no run yet.

        The last thing that MLflow makes, after all of its migrations, is the default experiment.
        """
        database = self.store / DATABASE
        if not database.is_file():
            return
        try:
            with closing(sqlite3.connect(database)) as connection:
                whole = connection.execute("SELECT count(*) FROM experiments").fetchone()[0] > 0
        except sqlite3.DatabaseError:
            whole = False
        if not whole:
            shutil.rmtree(self.store)

    def _start(self, descriptor: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        owner = self._owner

        def begin() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                self._command(descriptor),
                env=self._environment(),
                cwd=self.store,
                pass_fds=(descriptor,),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=owner.uid if owner else None,
                group=owner.gid if owner else None,
                extra_groups=[] if owner else None,
            )

        return begin() if owner else start_powerless(begin)

    def _command(self, descriptor: int) -> list[str]:
        # -W: a deprecation inside of MLflow's own server is not the user's to read; -I: a PYTHONPATH is meant for training
        # the store's name tells whoever looks at the machine's processes whose server it is
        return [sys.executable, "-I", "-W", "ignore", mlflow_login.__file__, str(descriptor), str(self.store)]

    def _environment(self) -> dict[str, str]:
        """What `mlflow server` sets for its workers; its command line would take twice as long to start."""
        # relative to the store, where the server runs: in a URI, a `?`, `#` or `%` of the user's folders would mean something
        backend = f"sqlite:///{DATABASE}"
        # training, which on the host is the same user, can read the server's environment
        return minimal_variables(self._variables) | {
            "_MLFLOW_SERVER_FILE_STORE": backend,
            "_MLFLOW_SERVER_REGISTRY_STORE": backend,
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "./artifacts",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }
