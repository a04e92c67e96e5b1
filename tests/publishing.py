"""A pull request from a fork, from its own job with a token that only reads to the job that publishes.

fork = Fork(job)
pull = fork.open({"params.yaml": "accuracy: 0.8\\n"})
fork.train(pull)
done = fork.publish(pull)
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ml_ci.github.data_branch import DataBranch
from ml_ci.github.session import connect
from ml_ci.records import Baseline, Run
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.result import Failure
from ml_ci.sources.record_store import Records
from tests.action_job import Done, Job
from tests.github_server import GitHubServer, Token
from tests.github_server.accounts import PERMISSIONS, Level
from tests.github_server.state import Pull
from tests.repository import clean_variables
from tests.runs import result, rule, run

Files = Mapping[str, bytes]

READ_ONLY = "ghs_of_a_fork"
READ: Mapping[str, Level] = dict.fromkeys(PERMISSIONS, "read")
RUN_ID = 41
SCRIPT = Path(__file__).parents[1] / "action" / "artifact.sh"


class Fork:
    """Pull requests from forks, and the jobs on them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.github = job.github
        self.github.tokens[READ_ONLY] = Token(permissions=READ)
        self._count = 0

    def open(
        self, files: Mapping[str, str], branch: str = "feature", base: str = "main", fork: str | None = "mona"
    ) -> Pull:
        """Open a pull request that changes these files."""
        self.github.git.commit_files(branch, files, on=base)
        return self.github.add_pull(branch, base=base, fork=fork, author=fork or "dependabot[bot]")

    def push(self, pull: Pull, files: Mapping[str, str]) -> None:
        """Push a commit with these files to the pull request's branch."""
        pull.head_sha = self.github.git.commit_files(pull.head, files)
        # the merge of what was there before
        pull.merge_sha = None

    def train(self, pull: Pull, **inputs: str) -> Done:
        """The pull request's own job, with its artifact uploaded."""
        workspace = self._folder("workspace")
        self.job.workspace = workspace
        payload = self.github.pull_event(pull)
        self.job.check_out(pull.merge_sha)
        event = {
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_REF": f"refs/pull/{pull.number}/merge",
            "GITHUB_SHA": pull.merge_sha or "",
            "GITHUB_RUN_ID": str(RUN_ID),
            "GITHUB_ACTOR": pull.author.login,
        }
        done = self.job.run(event, payload, github_token=READ_ONLY, **inputs)
        if done.outputs.get("artifact"):
            content = self._gathered(workspace, done.outputs["artifact"])
            self.github.add_artifact(RUN_ID, done.outputs["artifact"], content, pull.head_sha)
        return done

    def hand_over(self, pull: Pull, files: Files, key: str = "default") -> None:
        """Upload an artifact that no job has made; `handed` makes the files of one model."""
        self.github.add_artifact(RUN_ID, f"ml-ci-{key}", zipped(files), pull.head_sha)

    def publish(self, pull: Pull, conclusion: str = "success", /, **inputs: str) -> Done:
        """The job that publishes what the run on this pull request left. It has no checkout."""
        return self.after(self.github.run_event(pull, RUN_ID, conclusion), **inputs)

    def after(self, payload: Mapping[str, object], /, **inputs: str) -> Done:
        """The job that publishes, on this event."""
        event = {
            "GITHUB_EVENT_NAME": "workflow_run",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": self.github.git.resolve("main") or "",
            "GITHUB_WORKSPACE": str(self._folder("empty")),
            "RUNNER_TEMP": str(self._folder("temp")),
            "GITHUB_RUN_ID": "99",
        }
        return self.job.run(event, payload, **{"mode": "publish", **inputs})

    def _folder(self, name: str) -> Path:
        self._count += 1
        folder = self.job.files / f"{name}-{self._count}"
        folder.mkdir()
        return folder

    def _gathered(self, workspace: Path, name: str) -> bytes:
        """What the action's own script gathers for upload-artifact, as an archive."""
        temporary = self._folder("runner")
        output = temporary / "output"
        variables = {
            **clean_variables(),
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(temporary),
            "ML_CI_ARTIFACT": name,
            "GITHUB_OUTPUT": str(output),
        }
        subprocess.run(["bash", str(SCRIPT)], env=variables, check=True)
        folder = temporary / "ml-ci" / "artifact" / name
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return zipped({path: file.read_bytes() for path, file in found.items()})


def zipped(files: Files) -> bytes:
    """A ZIP archive as upload-artifact makes it: regular files, compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def handed(pull: Pull, folder: Path, *, accuracy: float = 0.95, base: Run | None = None, **more: str) -> Files:
    """The files of one model as a job leaves them, without a job: head has this accuracy, `base` is what it trained.

    `compared` is the commit that it says to have compared with, `failure` why it has no head, `key` the model's.
    """
    key = more.get("key", "default")
    head = replace(run(pull.head_sha, accuracy=accuracy), key=key)
    base = base and replace(base, key=key)
    baseline = Baseline(
        commit=more.get("compared", pull.base_sha), origin="trained" if base else "none", run=base, why="it says so"
    )
    found = replace(result(base, head, rule("accuracy", regression=0.01)), base=baseline, head_commit=pull.head_sha)
    if "failure" in more:
        failure = Failure(message=more["failure"], exit_code=3)
        found = replace(found, head=None, head_origin="none", comparison=None, decision=None, failure=failure)
    where = folder / f"handed-{os.urandom(4).hex()}"
    write_output(found, Presentation(), where)
    names = ("result.json", "base.json", "head.json")
    return {name: (where / name).read_bytes() for name in names if (where / name).exists()}


def in_models(models: Mapping[str, Files]) -> Files:
    """The files of several models, as `handed` makes them by key, in one artifact."""
    documents = {key: json.loads(files["result.json"]) for key, files in models.items()}
    first = next(iter(documents.values()))
    whole = {**first, "key": "default", "models": list(documents.values())}
    inside = {
        f"{key}/{name}": content
        for key, files in models.items()
        for name, content in files.items()
        if name != "result.json"
    }
    return {"result.json": json.dumps(whole).encode(), **inside}


def record(github: GitHubServer, run: Run, branch: str = "ml-ci-data") -> None:
    """Keep a run on the data branch, as `mode: record` does."""
    repository = connect("token", api_url=github.url, repository="octo/model")
    Records(DataBranch(lambda: repository, branch), "the branch").add(run, {}, recorded=True)
