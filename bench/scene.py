"""The scene of the race: a repository with DVC data and a pull request, on a GitHub of the tests' own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.github_server import GitHubServer
from tests.repository import clean_variables

HERE = Path(__file__).parent
REPOSITORY = "octo/model"


@dataclass(frozen=True)
class Workload:
    """A training: how many matrix products, and whether it logs to MLflow as well as writing its metrics file."""

    steps: int
    mlflow: bool


@dataclass(frozen=True)
class Stage:
    """One job's machine: a fresh checkout of the pull request, a GitHub that has seen nothing yet, and the runner's variables."""

    workspace: Path
    github: GitHubServer
    variables: Mapping[str, str]
    stamps: Path


class Scene:
    """`files` of `megabytes` in all in a folder remote; `main` with a recorded run; a pull request that changes a parameter."""

    def __init__(self, folder: Path, *, files: int, megabytes: int) -> None:
        self.folder = folder
        self._bare = folder / "origin.git"
        self._build(files, megabytes)

    def record(self, workload: Workload) -> None:
        """Let ml-ci train `main` and keep the run, as it does on a push."""
        with self.stage(workload, event="push", bare=self._bare) as stage:
            done = subprocess.run(
                ours(), cwd=stage.workspace, env=dict(stage.variables), capture_output=True, check=False
            )
        if done.returncode:
            raise SystemExit(f"main could not be recorded:\n{done.stdout.decode()}{done.stderr.decode()}")

    @contextmanager
    def stage(self, workload: Workload, *, event: str = "pull_request", bare: Path | None = None) -> Iterator[Stage]:
        """A fresh machine, in which only the operating system's caches are warm."""
        place = self.folder / "stage"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        git_dir = bare or Path(shutil.copytree(self._bare, place / "origin.git"))
        with GitHubServer(git_dir, REPOSITORY) as github:
            pull = github.add_pull("change")
            payload = github.pull_event(pull) if event == "pull_request" else _push(github)
            (place / "event.json").write_text(json.dumps(payload))
            ref = f"refs/pull/{pull.number}/merge" if event == "pull_request" else "refs/heads/main"
            workspace = _check_out(f"{github.url}/{REPOSITORY}.git", ref, place / "workspace")
            runner = place / "runner"
            runner.mkdir()
            sha = _git(workspace, "rev-parse", "HEAD")
            variables = clean_variables() | {
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": github.url,
                "GITHUB_SERVER_URL": github.url,
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_EVENT_NAME": event,
                "GITHUB_EVENT_PATH": str(place / "event.json"),
                "GITHUB_OUTPUT": str(runner / "output"),
                "GITHUB_STEP_SUMMARY": str(runner / "summary"),
                "GITHUB_REF": ref,
                "GITHUB_SHA": sha,
                "GITHUB_RUN_ID": "1",
                "GITHUB_RUN_ATTEMPT": "1",
                "GITHUB_WORKSPACE": str(workspace),
                "RUNNER_TEMP": str(runner),
                "INPUT_GITHUB_TOKEN": "t",
                "GITHUB_TOKEN": "t",
                "ML_CI_CACHE": str(self.folder / "cache"),
                "PULL_NUMBER": str(pull.number),
                "BENCH_STEPS": str(workload.steps),
                "BENCH_MLFLOW": "yes" if workload.mlflow else "no",
                "BENCH_STAMPS": str(place / "stamps"),
            }
            yield Stage(workspace, github, variables, place / "stamps")
            if github.violations:
                raise SystemExit(f"GitHub's description of its API was broken: {github.violations}")
        shutil.rmtree(place)

    def _build(self, files: int, megabytes: int) -> None:
        origin = self.folder / "origin"
        shutil.copytree(HERE / "repository", origin)
        _git(origin, "init", "--quiet", "--initial-branch=main")
        (origin / "data").mkdir()
        for number in range(files):
            (origin / "data" / f"part-{number:03}.bin").write_bytes(os.urandom(megabytes * 1_000_000 // files))
        _dvc(origin, "init", "--quiet")
        _dvc(origin, "remote", "add", "--quiet", "--default", "storage", str(self.folder / "storage"))
        _dvc(origin, "add", "--quiet", "data")
        _dvc(origin, "push", "--quiet")
        # the script compares with the metrics that people commit with their code
        subprocess.run(
            ["bash", "-e", "train.sh"],
            cwd=origin,
            env=clean_variables() | {"BENCH_STEPS": "20", "BENCH_MLFLOW": "no", "BENCH_STAMPS": os.devnull},
            check=True,
        )
        _git(origin, "add", "--all")
        _git(origin, "commit", "--quiet", "--message", "A model")
        _git(origin, "checkout", "--quiet", "-b", "change")
        params = origin / "params.yaml"
        params.write_text(params.read_text().replace("0.01", "0.02"))
        _git(origin, "commit", "--quiet", "--all", "--message", "A higher learning rate")
        _git(self.folder, "clone", "--quiet", "--bare", str(origin), str(self._bare))
        _git(self._bare, "symbolic-ref", "HEAD", "refs/heads/main")
        shutil.rmtree(origin)


def ours(checkout: Path = HERE.parent) -> list[str]:
    """A checkout's ml-ci, as `runtime: host` starts it."""
    start = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[1] + '/entrypoint.py', run_name='__main__')"
    return [sys.executable, "-Iuc", start, str(checkout)]


def today() -> list[str]:
    """The script that users write."""
    return ["bash", str(HERE / "today.sh")]


def _push(github: GitHubServer) -> Mapping[str, object]:
    return {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "deleted": False,
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
        "after": github.git.resolve("refs/heads/main"),
    }


def _check_out(url: str, ref: str, workspace: Path) -> Path:
    """As actions/checkout does, with its default depth of one commit."""
    workspace.mkdir()
    _git(workspace, "init", "--quiet")
    _git(workspace, "remote", "add", "origin", url)
    _git(
        workspace,
        "fetch",
        "--quiet",
        "--no-tags",
        "--depth=1",
        "origin",
        f"+{ref}:refs/remotes/{ref.removeprefix('refs/')}",
    )
    _git(workspace, "checkout", "--quiet", "--force", "--detach", f"refs/remotes/{ref.removeprefix('refs/')}")
    return workspace


def _git(folder: Path, *arguments: str) -> str:
    return _run(["git", *arguments], folder)


def _dvc(folder: Path, *arguments: str) -> str:
    return _run([sys.executable, "-m", "dvc", *arguments], folder)


def _run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(arguments, cwd=folder, env=clean_variables(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments} failed: {done.stderr}")
    return done.stdout.strip()
