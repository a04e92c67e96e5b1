"""The small language for repositories: real git, real DVC, a few lines of training.

repository = Repository.create(tmp_path / "repo", {"train.py": LOGS_ACCURACY, "params.yaml": "accuracy: 0.9\\n"})
repository.branch("change").commit({"params.yaml": "accuracy: 0.8\\n"})
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOGS_ACCURACY = """
import mlflow, pathlib, re
text = pathlib.Path("params.yaml").read_text()
with mlflow.start_run():
    for name, value in re.findall(r"(\\w+): ([-\\w.]+)", text):
        mlflow.log_metric(name, float(value))
"""
"""A training that logs what params.yaml says: the metrics of a test are the numbers in its parameters."""

WRITES_ACCURACY = """
import json, pathlib, re
text = pathlib.Path("params.yaml").read_text()
found = {name: float(value) for name, value in re.findall(r"(\\w+): ([-\\w.]+)", text)}
pathlib.Path("metrics.json").write_text(json.dumps(found))
"""
"""The same without MLflow, in a hundredth of the time: `metrics.json`."""


def clean_variables() -> dict[str, str]:
    """This process's environment without what a workflow, an MLflow, `make test` or the machine's git settings would add."""
    dropped = ("GITHUB_", "INPUT_", "RUNNER_", "ACTIONS_", "MLFLOW_", "ML_CI_", "DVC_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    python = str(Path(sys.executable).parent)
    return kept | {
        # as in an activated environment: then `environment: none` is the one that the tests run in
        "VIRTUAL_ENV": sys.prefix,
        "PATH": f"{python}{os.pathsep}{kept.get('PATH', '')}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Mona",
        "GIT_AUTHOR_EMAIL": "mona@example.com",
        "GIT_COMMITTER_NAME": "Mona",
        "GIT_COMMITTER_EMAIL": "mona@example.com",
        "DVC_NO_ANALYTICS": "1",
    }


@dataclass(frozen=True)
class Repository:
    """A git repository of a test, by the top of its working tree."""

    path: Path

    @classmethod
    def create(cls, path: Path, files: Mapping[str, str | bytes]) -> Repository:
        """A repository with one commit on `main`."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit(files)
        return repository

    def git(self, *arguments: str) -> str:
        """Run git here; its output without the last newline."""
        return self._run("git", *arguments)

    def dvc(self, *arguments: str) -> str:
        """Run DVC here."""
        return self._run(sys.executable, "-m", "dvc", *arguments)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files without a commit."""
        for name, content in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "change") -> str:
        """Write files and commit everything; the new commit's SHA."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> Repository:
        """Make a branch here and check it out."""
        self.git("checkout", "--quiet", "-b", name)
        return self

    def status(self) -> str:
        """What `git status` would tell the user; empty where nothing was touched."""
        return self.git("status", "--porcelain")

    def _run(self, *arguments: str) -> str:
        answer = subprocess.run(
            arguments, cwd=self.path, env=clean_variables(), capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, f"{arguments} failed: {answer.stdout}{answer.stderr}"
        return answer.stdout.rstrip("\n")
