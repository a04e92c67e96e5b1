"""A job as the container's entrypoint begins it: variables, an event and a checkout, and what the action left of it.

done = job.on_pull_request({"params.yaml": "accuracy: 0.8\\n"}, fail_on="never")
assert (done.code, done.outputs["verdict"]) == (0, "fail")
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_ci import action
from tests.conftest import cache_folder
from tests.github_server import GitHubServer
from tests.github_server.state import CheckRun
from tests.repository import WRITES_ACCURACY, clean_variables

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
TOKEN = "ghs_0123456789abcdef"


@dataclass(frozen=True)
class Done:
    """What one call of the action left: exit code, log, the step's outputs and summary."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def errors(self) -> list[str]:
        """The messages of its error annotations."""
        return re.findall(r"(?m)^::error[^:]*::(.*)$", self.log)


class Job:
    """A job in a workspace that holds a pull request's merge commit."""

    def __init__(self, github: GitHubServer, folder: Path, read_log: Callable[[], str], mlflow: str) -> None:
        self.github = github
        self.workspace = folder / "workspace"
        self.files = folder
        self._read_log = read_log
        self._mlflow = mlflow
        self.outside = action.Outside()
        files = {"train.py": WRITES_ACCURACY, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
        github.git.commit_files("main", {**files, "params.yaml": "accuracy: 0.9\n"})

    def check_out(self, sha: str | None) -> None:
        """As actions/checkout leaves it: a shallow clone with a detached head."""
        assert sha
        self._git("init", "--quiet", str(self.workspace), here=False)
        self._git("remote", "add", "origin", f"{self.github.url}/octo/model")
        self._git("fetch", "--quiet", "--depth=1", "origin", sha)
        self._git("checkout", "--quiet", "--detach", sha)

    def on_pull_request(self, files: Mapping[str, str] | None = None, /, **inputs: str) -> Done:
        """Open a pull request that changes `files`, and run. Inputs have `_` for `-`."""
        self.github.git.commit_files("feature", files or {"params.yaml": "accuracy: 0.95\n"}, on="main")
        pull = self.github.add_pull("feature")
        self.check_out(pull.merge_sha)
        payload = self.github.pull_event(pull)
        event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge"}
        return self.run({**event, "GITHUB_SHA": pull.merge_sha or ""}, payload, **inputs)

    def run(self, variables: Mapping[str, str], payload: Mapping[str, object], **inputs: str) -> Done:
        """Call the action with this event."""
        code = action.main(self.environ(variables, payload, inputs), self.outside)
        return self.done(code, self._read_log())

    def done(self, code: int, log: str) -> Done:
        """What a call that ended with this code has left."""
        lines = (self.files / "output").read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return Done(code, log, outputs, (self.files / "summary").read_text())

    def environ(
        self, variables: Mapping[str, str], payload: Mapping[str, object], inputs: Mapping[str, str]
    ) -> dict[str, str]:
        """The environment of a call with this event; the runner's files are there, and empty."""
        names = {"GITHUB_EVENT_PATH": "event.json", "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        places = {name: self.files / file for name, file in names.items()}
        for place in places.values():
            place.write_text("")
        places["GITHUB_EVENT_PATH"].write_text(json.dumps(payload))
        return {
            **clean_variables(),
            **{name: str(place) for name, place in places.items()},
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": self.github.url,
            "GITHUB_REPOSITORY": "octo/model",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKSPACE": str(self.workspace),
            "MLFLOW_TRACKING_URI": self._mlflow,
            "ML_CI_CACHE": str(cache_folder()),
            "INPUT_GITHUB_TOKEN": TOKEN,
            **variables,
            **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
        }

    def check(self) -> CheckRun:
        """The one check run."""
        (check,) = self.github.state.checks.values()
        return check

    def _git(self, *arguments: str, here: bool = True) -> None:
        folder = self.workspace if here else self.files
        subprocess.run(["git", *arguments], cwd=folder, env=clean_variables(), check=True)
