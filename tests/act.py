"""GitHub's runner, by `act`: a user's own workflow file, on a checkout out of the test GitHub, with the real container.

    log = runner.run(Workflow(), github, Trigger.pull_request(github, pull))
    assert log.outputs["verdict"] == "pass"

`act` runs the job's steps on this machine, as a runner does: in an empty workspace that actions/checkout fills. Where
the tests run as root, the runner is a user of its own with access to the engine, as on GitHub's machines.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import yaml

from tests.github_server import GitHubServer
from tests.triggers import Trigger

TOP = Path(__file__).parents[1]
RUNNER = 1001
"""The user number of GitHub's own runners."""
TOKEN = "ghs_thisIsTheTokenThatNobodyMaySee01"

CHECKOUT = """
name: checkout
inputs: {fetch-depth: {default: "1"}, persist-credentials: {default: "true"}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {DEPTH: "${{ inputs.fetch-depth }}"}
      run: |
        git init --quiet --initial-branch=main .
        git remote add origin "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"
        options=(--no-tags --prune --no-recurse-submodules)
        [ "$DEPTH" = 0 ] || options+=("--depth=$DEPTH")
        git fetch --quiet "${options[@]}" origin "+$GITHUB_SHA:refs/remotes/${GITHUB_REF#refs/}"
        git checkout --quiet --force "refs/remotes/${GITHUB_REF#refs/}"
"""
"""What actions/checkout does with these inputs, without Node's packages."""

CACHE = """
name: cache
inputs: {path: {default: ""}, key: {default: ""}, restore-keys: {default: ""}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {KEY: "${{ inputs.key }}"}
      run: echo "cache key $KEY"
"""
"""actions/cache that never has anything: every job is the first one, but for what stays in the runner's HOME."""

KEEP = """
        find "$GITHUB_WORKSPACE" "$HOME/.cache/ml-ci" ! -user "$(id -u)" >"$KEPT/not-ours.txt"
        cp -r . "$KEPT/workspace"
        find . -mindepth 1 -delete
        find . -mindepth 1 >"$KEPT/not-removed.txt"
"""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A workflow with ml-ci in it, and a step after it that keeps what the test wants to see.

    `inputs` are the action's. `steps` go before ml-ci. `variables` are the step's own, as a user gives it secrets.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def render(self) -> str:
        """The file's content: of the example's workflow, the step of ml-ci with these inputs and a step after it."""
        document = yaml.safe_load((TOP / "examples/quickstart/.github/workflows/ml-ci.yml").read_text())
        # YAML 1.1 reads the key `on` as a boolean
        del document[True]
        document["on"] = ["pull_request", "push", "merge_group", "schedule"]
        steps = document["jobs"]["ml-ci"]["steps"]
        steps[-1] |= {"id": "ml-ci"}
        if self.inputs:
            steps[-1]["with"] = dict(self.inputs)
        if self.variables:
            steps[-1]["env"] = dict(self.variables)
        steps.append({"if": "always()", "shell": "bash", "run": KEEP})
        return yaml.safe_dump(document, sort_keys=False)


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What a step says to whoever looks at the job's page."""

    level: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class JobLog:
    """What is left of a job. `sha` was its GITHUB_SHA; `kept` is the workspace as it was after ml-ci's step."""

    ok: bool
    sha: str
    text: str
    outputs: Mapping[str, str]
    summary: str
    annotations: tuple[Annotation, ...]
    seconds: float
    kept: Path
    not_ours: tuple[str, ...]
    not_removed: tuple[str, ...]

    @property
    def result(self) -> Mapping[str, object]:
        """result.json."""
        found: Mapping[str, object] = json.loads((self.kept / ".ml-ci" / "result.json").read_text())
        return found

    def side(self, name: Literal["base", "head"]) -> dict[str, object]:
        """What result.json says of one side."""
        side = self.result[name]
        assert isinstance(side, dict)
        return side

    def rows(self) -> list[dict[str, object]]:
        """The metrics of result.json."""
        rows = self.result["metrics"]
        assert isinstance(rows, list)
        return rows


class Runner:
    """A machine that runs jobs, one at a time. `home` stays from job to job, workspaces do not.

    With `as_tester` the runner is the tests' own user, root or not.
    """

    def __init__(self, folder: Path, *, as_tester: bool = False) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.action = folder / "ml-ci"
        self.act = folder / "act"
        self.jobs = 0
        self._user, self._groups = (None, None) if as_tester else _runner_account()
        self._substitutes: dict[str, Path] = {}

    @property
    def number(self) -> int:
        """The runner's user number."""
        return os.geteuid() if self._user is None else self._user

    def set_up(self) -> None:
        """Copy this checkout's action, build its image, and stand in for the actions that it and workflows use."""
        self.folder.chmod(0o755)
        self.home.mkdir()
        shutil.copy(Path(sys.executable).parent / "act", self.act)
        _copy_action(self.action)
        for name, text in (("checkout", CHECKOUT), ("cache", CACHE)):
            (self.folder / name).mkdir()
            (self.folder / name / "action.yml").write_text(text)
        used = [step["uses"] for file in (TOP / "action.yml", *_workflows()) for step in _steps(file) if "uses" in step]
        self._substitutes = {
            uses: self.folder / uses.split("@")[0].rpartition("/")[2]
            for uses in used
            if uses.startswith(("actions/", "OWNER/"))
        }
        built = subprocess.run(
            ["bash", self.action / "action" / "image.sh"], capture_output=True, text=True, check=False
        )
        assert built.returncode == 0, built.stdout + built.stderr
        self._give_to_runner(self.folder)

    def run(
        self, workflow: Workflow, github: GitHubServer, trigger: Trigger, variables: Mapping[str, str] | None = None
    ) -> JobLog:
        """Run a workflow to its end. `variables` are the machine's own."""
        self.jobs += 1
        place = self.folder / f"job-{self.jobs}"
        kept = place / "kept"
        kept.mkdir(parents=True)
        clone = self._clone(place / "clone", github, trigger)
        (clone / ".github" / "workflows").mkdir(parents=True, exist_ok=True)
        (clone / ".github" / "workflows" / "ml-ci.yml").write_text(workflow.text or workflow.render())
        (place / "event.json").write_text(json.dumps(trigger.payload))
        self._give_to_runner(place)
        environment = {
            "DOCKER_HOST": os.environ.get("DOCKER_HOST", ""),
            "GITHUB_API_URL": github.url,
            "GITHUB_SERVER_URL": github.url,
            "GITHUB_REPOSITORY": github.state.full_name,
            "GITHUB_REF": trigger.ref,
            "GITHUB_RUN_ID": str(1000 + self.jobs),
            "GITHUB_RUN_ATTEMPT": "1",
            "KEPT": str(kept),
            # is meant for training, and must not lead ml-ci astray
            "PYTHONPATH": "/nowhere",
            **_package_settings(),
            **dict(variables or {}),
        }
        options = ["--json", "--bind", "--no-skip-checkout", "--no-cache-server", "-P", "ubuntu-latest=-self-hosted"]
        options += ["--eventpath", str(place / "event.json"), "--workflows", ".github/workflows/ml-ci.yml"]
        # in files, because every process of this user can read act's options
        (place / "secrets").write_text(f"GITHUB_TOKEN={TOKEN}\n")
        (place / "variables").write_text("".join(f"{name}={value}\n" for name, value in environment.items() if value))
        options += ["--secret-file", str(place / "secrets"), "--env-file", str(place / "variables"), "--actor", "mona"]
        for uses, folder in self._substitutes.items():
            options += ["--local-repository", f"{uses}={folder}"]
        begin = time.monotonic()
        done = subprocess.run(
            [self.act, trigger.event, *options],
            cwd=clone,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "USER": "runner", "LOGNAME": "runner"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            user=self._user,
            group=self._user,
            extra_groups=self._groups,
        )
        return _read_log(done, trigger.sha, time.monotonic() - begin, kept)

    def _clone(self, path: Path, github: GitHubServer, trigger: Trigger) -> Path:
        """Act reads GITHUB_SHA and the workflow from a clone."""
        path.mkdir()
        url = f"{github.url}/{github.state.full_name}"
        commands = (["init", "--quiet"], ["remote", "add", "origin", url])
        for command in (*commands, ["fetch", "--quiet", "--depth=1", url, trigger.sha]):
            subprocess.run(["git", *command], cwd=path, check=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach", trigger.sha], cwd=path, check=True)
        return path

    def _give_to_runner(self, folder: Path) -> None:
        if self._user is not None:
            for place, _, names in os.walk(folder):
                for path in (Path(place), *(Path(place, name) for name in names)):
                    os.chown(path, self._user, self._user, follow_symlinks=False)


def _runner_account() -> tuple[int | None, list[int] | None]:
    """The runner's user number and groups, None where the tests' own user is it."""
    if os.geteuid() != 0:
        return None, None
    address = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    socket = Path(address.path)
    return RUNNER, [socket.stat().st_gid] if address.scheme == "unix" and stat.S_ISSOCK(socket.stat().st_mode) else []


def _copy_action(target: Path) -> None:
    """What a checkout of this repository would hold of the action; other tests may write beside it meanwhile."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("action", "ml_ci", "examples/quickstart", "requirements", "scripts"):
        shutil.copytree(TOP / name, target / name, ignore=ignore)
    for name in ("action.yml", "Dockerfile", ".dockerignore", "entrypoint.py"):
        shutil.copy(TOP / name, target / name)


def _workflows() -> Iterator[Path]:
    yield TOP / "examples/quickstart/.github/workflows/ml-ci.yml"


def _steps(file: Path) -> list[dict[str, str]]:
    document = yaml.safe_load(file.read_text())
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def _package_settings() -> dict[str, str]:
    """Where packages come from on this machine: a proxy, an index, certificates."""
    names = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    certificates = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS")
    return {name: os.environ[name] for name in (*names, *certificates) if name in os.environ}


def _read_log(done: subprocess.CompletedProcess[str], sha: str, seconds: float, kept: Path) -> JobLog:
    """The job by act's own log, one JSON object a line."""
    text, outputs, summary, annotations = [], {}, "", []
    for line in done.stdout.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            text.append(line)
            continue
        text.append(str(entry.get("msg", "")).rstrip("\n"))
        of_action = entry.get("stepID") == ["ml-ci"]
        match entry.get("command"):
            case "set-output" if of_action:
                outputs[entry["name"]] = entry["arg"]
            case "summary" if of_action:
                summary = entry["content"]
            case "error" | "warning" | "notice" as level:
                title = entry.get("kvPairs", {}).get("title", "")
                annotations.append(Annotation(level=level, title=title, text=entry["arg"]))
    return JobLog(
        ok=done.returncode == 0,
        sha=sha,
        text="\n".join([*text, done.stderr]),
        outputs=outputs,
        summary=summary,
        annotations=tuple(annotations),
        seconds=seconds,
        kept=kept / "workspace",
        not_ours=_lines(kept / "not-ours.txt"),
        not_removed=_lines(kept / "not-removed.txt"),
    )


def _lines(file: Path) -> tuple[str, ...]:
    assert file.exists(), "the workflow's last step did not run"
    return tuple(file.read_text().splitlines())
