"""One trial: a job that one fault meets, the next run where it needs one, and what did not hold."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import requests

from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.reaper import Reaper
from tests.faults import afterwards
from tests.faults.calls import Call, Kind, calls
from tests.faults.forks import Order
from tests.faults.front import Front
from tests.faults.scenarios import PUBLISHED, Beginning, Place, Scenario
from tests.repository import clean_variables

TOP = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What came of one fault: `result` in a few words, and what did `wrong`."""

    scenario: str
    call: Call
    kind: str
    result: str
    wrong: tuple[str, ...]


class Bench:
    """What trials share: a process that forks jobs, an MLflow server, and the beginning of each scenario."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._numbers = iter(range(1_000_000))
        self._beginnings: dict[str, Beginning] = {}
        self._kept_runs: set[str] = set()
        self._pid = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            reaper = stack.enter_context(Reaper())
            server = stack.enter_context(MlflowServer(self.folder / "mlflow", clean_variables(), reaper))
            self._real_mlflow = server.uri
            server.wait()
            self.mlflow = stack.enter_context(Front(server.uri))
            self.dvc = stack.enter_context(Front(stack.enter_context(a_remote(self.folder / "remote"))))
            self._forks = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.faults.forks", str(self.folder / "modules")],
                    cwd=TOP,
                    env={**clean_variables(), "PYTHONPATH": str(TOP)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._forks.stdin
        self._forks.stdin.close()
        self._stack.close()

    # -- jobs

    def run(self, scenario: Scenario, place: Place, log: Path) -> int:
        """Run one job to its end; its exit code, negative where a signal ended it."""
        assert self._forks.stdin
        assert self._forks.stdout
        embedded = "" if scenario.shared else self.mlflow.url
        order = Order(place.environ(scenario, self.mlflow.url), str(log), embedded)
        self._forks.stdin.write(order.text() + "\n")
        self._forks.stdin.flush()
        self._pid = json.loads(self._forks.stdout.readline())["pid"]
        code: int = json.loads(self._forks.stdout.readline())["code"]
        return code

    def kill(self) -> None:
        """End the job as hard as possible, with all that is in its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    @contextmanager
    def place(self, scenario: Scenario) -> Iterator[Place]:
        """A place to run the scenario's job in, from its beginning."""
        beginning = self._beginning(scenario)
        folder = self.folder / f"trial-{next(self._numbers)}"
        self._forget_runs()
        for front in (self.mlflow, self.dvc):
            front.begin_anew()
        with beginning.place(folder) as place:
            self._point_to_the_remote(scenario, place)
            yield place
        shutil.rmtree(folder, ignore_errors=True)

    def _beginning(self, scenario: Scenario) -> Beginning:
        if scenario.name in self._beginnings:
            return self._beginnings[scenario.name]
        folder = self.folder / f"beginning-{scenario.name}"
        folder.mkdir()
        made = Beginning(scenario, folder)
        if scenario.recorded and scenario is not PUBLISHED:
            with made.place(folder / "recording", pushed=True) as place:
                self._point_to_the_remote(scenario, place)
                log = folder / "recording.log"
                push = Scenario(
                    name="",
                    title="",
                    event="push",
                    code=0,
                    verdict="pass",
                    shared=scenario.shared,
                    files=scenario.files,
                )
                assert self.run(push, place, log) == 0, log.read_text()
                made.keep_records_of(place)
            self._kept_runs = set(self._runs())
        self._beginnings = {scenario.name: made}
        return made

    def _point_to_the_remote(self, scenario: Scenario, place: Place) -> None:
        if ".dvc/config" in scenario.files:
            (place.workspace / ".dvc").mkdir(exist_ok=True)
            (place.workspace / ".dvc" / "config.local").write_text(f"['remote \"r\"']\nurl = {self.dvc.url}\n")

    def _runs(self) -> list[str]:
        experiments = self._experiments()
        if not experiments:
            return []
        address = f"{self._real_mlflow}/api/2.0/mlflow/runs/search"
        answer = requests.post(address, json={"experiment_ids": experiments, "max_results": 10_000}, timeout=30).json()
        return [run["info"]["run_id"] for run in answer.get("runs", [])]

    def _experiments(self) -> list[str]:
        answer = requests.post(
            f"{self._real_mlflow}/api/2.0/mlflow/experiments/search", json={"max_results": 1000}, timeout=30
        )
        return [each["experiment_id"] for each in answer.json().get("experiments", [])]

    def _forget_runs(self) -> None:
        """Let no trial find what the one before left in MLflow."""
        for run in self._runs():
            if run not in self._kept_runs:
                requests.post(f"{self._real_mlflow}/api/2.0/mlflow/runs/delete", json={"run_id": run}, timeout=30)

    # -- trials

    def calls_of(self, scenario: Scenario) -> list[Call]:
        """What the job asks of others when nothing goes wrong."""
        with self.place(scenario) as place:
            log = place.folder / "log"
            code = self.run(scenario, place, log)
            wrong = [
                *afterwards.of_the_job(scenario, place, code, log),
                *afterwards.always(scenario, place),
                *afterwards.once_it_is_over(scenario, place),
            ]
            assert (code, wrong) == (scenario.code, []), log.read_text()
            seen = {
                "github": [(each.method, each.path) for each in place.github.requests],
                "mlflow": self.mlflow.seen,
                "dvc": self.dvc.seen,
            }
            return [call for server in scenario.servers for call in calls(server, seen[server])]

    def trial(self, scenario: Scenario, call: Call, kind: Kind) -> Outcome:
        """Let one fault meet one call."""
        with self.place(scenario) as place:
            servers: Mapping[str, Front | object] = {"github": place.github, "mlflow": self.mlflow, "dvc": self.dvc}
            server = servers[call.server]
            assert hasattr(server, "inject")
            server.inject(
                call.method, call.pattern, kind.make(self.kill), times=None if kind.lasting else 1, skip=call.number
            )
            log = place.folder / "log"
            code = self.run(scenario, place, log)
            killed = kind.kills and code == -signal.SIGKILL
            wrong = [] if killed else afterwards.of_the_job(scenario, place, code, log)
            wrong += afterwards.always(scenario, place)
            text = log.read_text(errors="replace")
            result = "killed" if killed else "same verdict" if code == scenario.code else f"error, exit code {code}"
            if killed or code != scenario.code or afterwards.once_it_is_over(scenario, place):
                result += ", put right by the next run"
                wrong += self._next_run(scenario, place)
            if wrong:
                wrong.append(text[-4000:])
            return Outcome(scenario.name, call, kind.name, result, tuple(wrong))

    def _next_run(self, scenario: Scenario, place: Place) -> list[str]:
        """The job again, with nothing in its way."""
        place.github._plan.faults.clear()
        for front in (self.mlflow, self.dvc):
            front.begin_anew()
        log = place.folder / "log-of-the-next-run"
        code = self.run(scenario, place, log)
        wrong = afterwards.of_the_job(scenario, place, code, log)
        if code != scenario.code:
            wrong.append(f"the next run ends with {code}")
        wrong += [*afterwards.always(scenario, place), *afterwards.once_it_is_over(scenario, place)]
        return [f"after the next run: {each}" for each in wrong] + ([log.read_text()[-3000:]] if wrong else [])


@contextmanager
def a_remote(folder: Path) -> Iterator[str]:
    """A DVC remote over HTTP that holds `rows`."""
    held = folder / "files" / "md5" / "df" / "347a373b8f92aa0ae3dd920a5ec2f6"
    held.parent.mkdir(parents=True)
    held.write_text("rows")
    handler = partial(QuietFiles, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietFiles(SimpleHTTPRequestHandler):
    """Files over HTTP, and no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def a_bench() -> Iterator[Bench]:
    """A bench in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="ml-ci-faults-", ignore_cleanup_errors=True) as folder,
        Bench(Path(folder)) as bench,
    ):
        yield bench


def counted(outcomes: list[Outcome]) -> Counter[str]:
    """How often each result came."""
    return Counter(outcome.result for outcome in outcomes)
