"""GitHub's runner, by `act`: a user's own workflow file, on a checkout out of the test GitHub, with the real container.

    log = runner.run(Workflow(), github, Trigger.pull_request(github, pull))
    assert log.outputs["verdict"] == "pass"

`act` runs the job's steps on this machine, as a runner does: in an empty workspace that actions/checkout fills. Where
the tests run as root, the runner is a user of its own with access to the engine, as on GitHub's machines.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.act_log import JobLog, read_log
from tests.act_workflow import CACHE, CHECKOUT, EXAMPLE, TOP, UPLOAD, Workflow, used_actions
from tests.github_server import GitHubServer
from tests.triggers import Trigger

RUNNER = 1001
"""The user number of GitHub's own runners."""
TOKEN = f"ghs_{secrets.token_hex(18)}"
"""Of this process alone: a training that looks at the whole machine can see what another worker's job is given."""


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
        for name, text in (("checkout", CHECKOUT), ("cache", CACHE), ("upload-artifact", UPLOAD)):
            (self.folder / name).mkdir()
            (self.folder / name / "action.yml").write_text(text)
        self._substitutes = {
            uses: self.folder / uses.split("@")[0].rpartition("/")[2]
            for uses in used_actions(TOP / "action.yml", EXAMPLE)
            if uses.startswith(("actions/", "OWNER/"))
        }
        # the first worker builds the image, the other one finds it
        with Path(tempfile.gettempdir(), "ml-ci-image.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
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
        return read_log(done, trigger.sha, time.monotonic() - begin, kept)

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


@contextmanager
def a_runner(*, as_tester: bool = False) -> Iterator[Runner]:
    """A runner with this checkout's action. pytest's own folders are closed to other users, such as the runner's."""
    folder = Path(tempfile.mkdtemp(prefix="ml-ci-act-"))
    machine = Runner(folder, as_tester=as_tester)
    machine.set_up()
    yield machine
    shutil.rmtree(folder)


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


def _package_settings() -> dict[str, str]:
    """Where packages come from on this machine: a proxy, an index, certificates."""
    names = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    certificates = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS")
    return {name: os.environ[name] for name in (*names, *certificates) if name in os.environ}
