"""The jobs that faults are tried on, each from a beginning that is made once and copied for every trial."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.conftest import cache_folder
from tests.github_server import GitHubServer
from tests.github_server.fixture import bare_repository
from tests.github_server.state import Pull
from tests.publishing import RUN_ID, handed, record, zipped
from tests.repository import WRITES_ACCURACY, clean_variables
from tests.runs import run

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
FILES = {
    "train.py": WRITES_ACCURACY,
    ".ml-ci.yml": CONFIG,
    ".gitignore": "metrics.json\n",
    "params.yaml": "accuracy: 0.9\n",
}
CURVE = """
from pathlib import Path

accuracy = float(Path("params.yaml").read_text().split()[-1])
Path("metrics.csv").write_text("step,accuracy\\n0,0.1\\n1,0.5\\n2,%s\\n" % accuracy)
"""
TRIALS = 1_000_000
"""Requests an hour that the token is good for: no limit but those that are injected."""


@dataclass(frozen=True)
class Scenario:
    """One kind of job.

    `event` is GitHub's name for what began it. `recorded`: base's run is on the data branch when it begins. `shared`: the
    MLflow server is the user's own. `servers` are those whose requests are met by faults. `code` and `verdict` are the
    right answer, `published` is what there is of comments and checks after it.
    """

    name: str
    title: str
    event: str
    code: int
    verdict: str
    recorded: bool = False
    shared: bool = False
    servers: tuple[str, ...] = ("github", "mlflow")
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_pull_request(self) -> bool:
        """Whether there are a comment and a check."""
        return self.event in ("pull_request", "workflow_run")


SCENARIOS = (
    Scenario(
        name="found",
        title="pull request, base found on the data branch",
        event="pull_request",
        code=1,
        verdict="fail",
        recorded=True,
    ),
    Scenario(
        name="trained",
        title="pull request, base trained, with a curve",
        event="pull_request",
        code=1,
        verdict="fail",
        files={
            "train.py": CURVE,
            ".ml-ci.yml": f"{CONFIG}metrics: [metrics.csv]\n",
            ".gitignore": "metrics.csv\n",
        },
    ),
    Scenario(
        name="mlflow",
        title="pull request, base found in the user's MLflow",
        event="pull_request",
        code=1,
        verdict="fail",
        recorded=True,
        shared=True,
    ),
    Scenario(name="record", title="push, recorded on the data branch", event="push", code=0, verdict="pass"),
    Scenario(
        name="dvc",
        title="pull request, data pulled with DVC",
        event="pull_request",
        code=1,
        verdict="fail",
        recorded=True,
        servers=("dvc",),
        files={
            "train.py": f'assert open("data.txt").read() == "rows"\n{WRITES_ACCURACY}',
            "data.txt.dvc": "outs:\n- md5: df347a373b8f92aa0ae3dd920a5ec2f6\n  size: 4\n  hash: md5\n  path: data.txt\n",
            ".gitignore": "metrics.json\ndata.txt\n",
            ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
            ".dvc/config": "[core]\nremote = r\n['remote \"r\"']\nurl = http://127.0.0.1:9\n",
        },
    ),
)


PUBLISHED = Scenario(
    name="publish",
    title="publish, for a fork's pull request",
    event="workflow_run",
    code=1,
    verdict="fail",
    recorded=True,
    servers=("github",),
)
ALL = (*SCENARIOS, PUBLISHED)


@dataclass
class Place:
    """Where one job runs: GitHub, a workspace, and the files by which it speaks to the runner."""

    github: GitHubServer
    folder: Path
    pull: Pull | None
    sha: str
    attempts: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def workspace(self) -> Path:
        """The checkout."""
        return self.folder / "workspace"

    def environ(self, scenario: Scenario, mlflow: str) -> dict[str, str]:
        """The variables of the next attempt of the job."""
        event = self.folder / "event.json"
        event.write_text(json.dumps(self._payload(scenario)))
        for name in ("output", "summary"):
            (self.folder / name).write_text("")
        (self.folder / "temp").mkdir(exist_ok=True)
        on_pull = self.pull is not None and scenario.event == "pull_request"
        ref = f"refs/pull/{self.pull.number}/merge" if self.pull and on_pull else "refs/heads/main"
        own = {"MLFLOW_TRACKING_URI": mlflow} if scenario.shared else {}
        return {
            **clean_variables(),
            **own,
            "GITHUB_EVENT_NAME": scenario.event,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_REF": ref,
            "GITHUB_SHA": self.sha,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": self.github.url,
            "GITHUB_REPOSITORY": "octo/model",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": str(next(self.attempts)),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "ML_CI_CACHE": str(cache_folder()),
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
            "INPUT_GITHUB_TOKEN": "ghs_0123456789abcdef",
        }

    def outputs(self) -> dict[str, str]:
        """The step's."""
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _payload(self, scenario: Scenario) -> Mapping[str, object]:
        if self.pull and scenario.event == "workflow_run":
            return self.github.run_event(self.pull, RUN_ID, "failure")
        if self.pull:
            return self.github.pull_event(self.pull)
        return {"repository": {"default_branch": "main", "full_name": "octo/model"}, "before": "0" * 40}


class Beginning:
    """How things are before the job: a repository with a pull request in it, and a checkout as actions/checkout leaves it."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self._bare = bare_repository(folder / "origin.git")
        self._folder = folder
        with GitHubServer(self._bare) as github:
            github.git.commit_files("main", {**FILES, **scenario.files})
            self._pull = None
            sha = github.git.resolve("refs/heads/main") or ""
            if scenario.on_pull_request:
                github.git.commit_files("feature", {"params.yaml": "accuracy: 0.8\n"}, on="main")
                fork = "mona" if scenario is PUBLISHED else None
                self._pull = github.add_pull("feature", fork=fork)
                sha = self._pull.merge_sha or ""
            self._handed_over = b""
            if scenario is PUBLISHED and self._pull:
                record(github, run(self._pull.base_sha, accuracy=0.9))
                self._handed_over = zipped(handed(self._pull, folder, accuracy=0.8))
                sha = self._pull.base_sha
            self._sha = sha
            self._state = github.state
            self._check_out(github.url, sha)

    def keep_records_of(self, place: Place) -> None:
        """Begin from now on with the data branch that is in this place."""
        shutil.rmtree(self._bare)
        shutil.copytree(place.github.git.path, self._bare)

    @contextmanager
    def place(self, folder: Path, *, pushed: bool = False) -> Iterator[Place]:
        """A copy of it; `pushed`: with main checked out, as on the push before the pull request."""
        folder.mkdir(parents=True)
        shutil.copytree(self._bare, folder / "origin.git")
        with GitHubServer(folder / "origin.git") as github:
            github.default_token.limit = TRIALS
            github.state.ids = copy.deepcopy(self._state.ids)
            github.state.pulls.update(copy.deepcopy(self._state.pulls))
            if self._handed_over and self._pull:
                github.add_artifact(RUN_ID, "ml-ci-default", self._handed_over, self._pull.head_sha)
            shutil.copytree(self._folder / "workspace", folder / "workspace", symlinks=True)
            sha = github.git.resolve("refs/heads/main") or "" if pushed else self._sha
            self._git(folder, "remote", "set-url", "origin", f"{github.url}/octo/model")
            if pushed:
                self._git(folder, "fetch", "--quiet", "--depth=1", "origin", sha)
                self._git(folder, "checkout", "--quiet", "--detach", sha)
                github.requests.clear()
            pull = None if pushed or self._pull is None else github.state.pulls[self._pull.number]
            yield Place(github, folder, pull, sha)

    def _check_out(self, url: str, sha: str) -> None:
        folder = self._folder
        (folder / "workspace").mkdir()
        self._git(folder, "init", "--quiet")
        self._git(folder, "remote", "add", "origin", f"{url}/octo/model")
        self._git(folder, "fetch", "--quiet", "--depth=1", "origin", sha)
        self._git(folder, "checkout", "--quiet", "--detach", sha)

    def _git(self, folder: Path, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder / "workspace", env=clean_variables(), check=True)
