"""A training that looks everywhere, in a real job: in the container, whoever owns the workspace, and on the host.

Secrets are planted where a job has them: GitHub's token, the runner's own tokens, inputs, what checkout stored (in all of its
ways at once), another action's credentials, and another job's MLflow on the same machine.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from mlflow import MlflowClient

from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.reaper import Reaper
from tests.act import TOKEN, Runner, a_runner
from tests.act_log import JobLog
from tests.act_workflow import CONFIG, FILES, TRAIN, Workflow, accuracy
from tests.github_server import GitHubServer
from tests.processes import eventually
from tests.repository import clean_variables
from tests.triggers import Trigger

pytestmark = [pytest.mark.container, pytest.mark.slow, pytest.mark.xdist_group("act")]

SCRIPT = (Path(__file__).parent / "hostile" / "look_everywhere.py").read_text()


def canary(kind: str) -> str:
    return f"canary-{kind}-{secrets.token_hex(12)}"


OF_RUNNER = {"ACTIONS_RUNTIME_TOKEN": canary("runtime"), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canary("identity")}
INPUT = canary("input")
DEPLOY_KEY = canary("key")
OTHER_ACTION = canary("other")
OTHER_JOB = canary("mlflow")
PLANTED = {"the token": TOKEN, "an input": INPUT, "a deploy key": DEPLOY_KEY, "another action's": OTHER_ACTION,
           "another job's": OTHER_JOB, **OF_RUNNER}  # fmt: skip

PERSIST = f"""
basic=$(printf 'x-access-token:%s' "$TOKEN" | base64 -w0)
git config --local "http.$GITHUB_SERVER_URL/.extraheader" "AUTHORIZATION: basic $basic"
git config --local "url.https://x-access-token:$TOKEN@github.example/.insteadOf" "git@github.example:"
git config --file "$RUNNER_TEMP/git-credentials-1234.config" "http.https://other.example/.extraheader" "AUTHORIZATION: basic $basic"
git config --local "includeIf.gitdir:$PWD/.git.path" "$RUNNER_TEMP/git-credentials-1234.config"
echo {DEPLOY_KEY} >"$RUNNER_TEMP/5678"
chmod 600 "$RUNNER_TEMP/5678"
git config --local core.sshCommand 'ssh -i "$RUNNER_TEMP/5678" -o StrictHostKeyChecking=yes'
mkdir -p "$RUNNER_TEMP/other-action"
echo {OTHER_ACTION} >"$RUNNER_TEMP/other-action/credentials.json"
sha256sum .git/config "$RUNNER_TEMP"/git-credentials-1234.config "$RUNNER_TEMP"/5678 >"$KEPT/before.txt"
stat -c '%a %u %g %n' .git/config "$RUNNER_TEMP"/git-credentials-1234.config "$RUNNER_TEMP"/5678 >>"$KEPT/before.txt"
"""
"""Everything that checkout's versions store, and more; and what another action leaves beside it."""
AFTER = """
sha256sum .git/config "$RUNNER_TEMP"/git-credentials-1234.config "$RUNNER_TEMP"/5678 >"$KEPT/after.txt"
stat -c '%a %u %g %n' .git/config "$RUNNER_TEMP"/git-credentials-1234.config "$RUNNER_TEMP"/5678 >>"$KEPT/after.txt"
stat -c '%u' found.json belongs-to .ml-ci/result.json >"$KEPT/owners.txt" || true
sleep 1
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the hostile training found, and what the job left."""

    log: JobLog
    runner: Runner
    text: str

    @property
    def notes(self) -> Mapping[str, object]:
        notes: Mapping[str, object] = json.loads(self.text)
        return notes

    def secrets(self) -> list[tuple[str, str]]:
        """Which of the planted secrets were found, and where."""
        pairs = self.notes["found"]
        assert isinstance(pairs, list)
        names = {secret: name for name, secret in PLANTED.items()}
        return [(names[secret], where) for where, secret in pairs if secret in names]

    def lines(self, name: str) -> list[str]:
        """A note that is a list; empty where there is none."""
        noted = self.notes.get(name, [])
        assert isinstance(noted, list)
        return noted

    def kept(self, name: str) -> str:
        return (self.log.kept.parent / name).read_text()


@pytest.fixture
def model(github_server: GitHubServer) -> GitHubServer:
    """A GitHub of one test, with a pull request whose training looks everywhere, and is worse by the way."""
    ignored = FILES[".gitignore"] + "found.json\nbelongs-to\ncaught\n"
    github_server.git.commit_files("main", FILES | {".gitignore": ignored} | accuracy(0.9))
    train = TRAIN.replace("python3 train.py", "python3 look_everywhere.py && python3 train.py")
    files = {"look_everywhere.py": SCRIPT, ".ml-ci.yml": CONFIG.replace(TRAIN, train)}
    github_server.git.commit_files("hostile", files | accuracy(0.8), on="main")
    github_server.add_pull("hostile")
    return github_server


@pytest.fixture(scope="module")
def another_jobs_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with a login of its own, as ml-ci starts it; other tests' servers may be open to all."""
    folder = tmp_path_factory.mktemp("another")
    folder.chmod(0o700)
    with Reaper() as reaper, MlflowServer(folder, clean_variables(), reaper) as server:
        server.wait()
        client = MlflowClient(server.uri)
        client.set_tag(client.create_run("0", run_name=OTHER_JOB).info.run_id, "secret", OTHER_JOB)
        yield urlsplit(server.uri).port or 0


def looked(runner: Runner, model: GitHubServer, **inputs: str) -> Seen:
    workflow = Workflow(inputs={"data-branch": INPUT, **inputs}, variables={"AWS_KEY": "aws-1"})
    document = yaml.safe_load(workflow.render())
    steps = document["jobs"]["ml-ci"]["steps"]
    place = next(index for index, step in enumerate(steps) if step.get("id") == "ml-ci")
    steps.insert(place + 1, {"if": "always()", "shell": "bash", "run": AFTER})
    steps.insert(place, {"shell": "bash", "run": PERSIST, "env": {"TOKEN": "${{ github.token }}"}})
    document["on"] = document.pop(True, document.get("on"))
    trigger = Trigger.pull_request(model, model.state.pulls[1])
    log = runner.run(Workflow(text=yaml.safe_dump(document, sort_keys=False)), model, trigger, variables=OF_RUNNER)
    found = log.kept / "found.json"
    assert found.exists(), log.text[-5000:]
    return Seen(log=log, runner=runner, text=found.read_text())


def check_what_holds_everywhere(seen: Seen, other_mlflow: int) -> None:
    notes = seen.notes
    # it looked, and got what the user gave to training
    assert notes["AWS_KEY"] == "aws-1"
    assert "errors" not in notes
    assert isinstance(notes["files"], int)
    assert notes["files"] > 20
    assert isinstance(notes["ports"], int)
    assert notes["ports"] >= 2
    assert str(other_mlflow) not in seen.lines("mlflow written")
    variables = notes["variables"]
    assert isinstance(variables, list)
    hidden = (
        "INPUT_",
        "ACTIONS_",
        "GITHUB_OUTPUT",
        "GITHUB_ENV",
        "GITHUB_PATH",
        "GITHUB_STATE",
        "GITHUB_STEP_SUMMARY",
        "DOCKER_",
    )
    assert [name for name in variables if name.startswith(hidden)] == []
    # the verdict is the job's own
    assert seen.log.outputs["verdict"] == "fail", seen.log.text[-5000:]
    assert TOKEN not in seen.log.text
    # later steps work as before
    assert seen.kept("after.txt") == seen.kept("before.txt")
    assert set(seen.kept("owners.txt").split()) == {str(seen.runner.number)}
    assert notes["uid"] == seen.runner.number


def check_container(seen: Seen, other_mlflow: int) -> None:
    check_what_holds_everywhere(seen, other_mlflow)
    notes = seen.notes
    assert seen.secrets() == []
    assert notes["status"] == {
        "NoNewPrivs": "1",
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapAmb"), "0000000000000000"),
    }
    assert notes["able"] == []
    assert notes["sudo"] is False
    assert (notes["written"], notes["listed"], notes["sockets"]) == ([], [], [])
    assert "ways in" not in notes
    # the cache outlives the job, and the next one may run on the host
    assert seen.lines("own code") == []
    assert [line for line in seen.lines("memory read") if "entrypoint" in line or "guard" in line] == []
    assert seen.lines("attached") == []
    # what it left behind was gone before the credentials came back
    assert not (seen.log.kept / "caught").exists()


def test_in_the_container_it_finds_nothing(runner: Runner, model: GitHubServer, another_jobs_mlflow: int) -> None:
    check_container(looked(runner, model), another_jobs_mlflow)


def test_in_the_container_it_finds_nothing_where_the_workspace_is_roots(
    model: GitHubServer, another_jobs_mlflow: int
) -> None:
    with a_runner(as_tester=True) as machine:
        check_container(looked(machine, model), another_jobs_mlflow)


def test_on_the_host_it_finds_nothing_of_the_jobs(
    runner: Runner, model: GitHubServer, another_jobs_mlflow: int
) -> None:
    """What is the runner's own, whose user is training's, the host keeps from nobody: see SECURITY.md."""
    seen = looked(runner, model, runtime="host")
    check_what_holds_everywhere(seen, another_jobs_mlflow)
    temp = Path(str(seen.notes["RUNNER_TEMP"]))
    jobs_own = [
        (name, where) for name, where in seen.secrets() if not of_the_runner(Path(where.split()[0]), runner, temp)
    ]
    assert jobs_own == []


def of_the_runner(place: Path, runner: Runner, temp: Path) -> bool:
    """Whether the place is act's own (its secrets' file, its steps' scripts), an earlier job's, or another action's."""
    harness = any(place.is_relative_to(folder) for folder in runner.folder.glob("job-*"))
    script = place.parent.name == "workflow"
    earlier = place.is_relative_to(runner.home / ".cache" / "act") and not place.is_relative_to(temp.parent)
    return harness or script or earlier or place.is_relative_to(temp / "other-action")


# -- the job is killed, with all the powers of the machine


def test_in_the_container_the_credentials_come_back_if_the_job_is_killed(runner: Runner, model: GitHubServer) -> None:
    model.git.commit_files("hostile", {".ml-ci.yml": CONFIG.replace(TRAIN, "train: touch found.json && sleep 300\n")})
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(looked, runner, model)
        assert eventually(lambda: "sleep 300" in " ".join(processes(runner).values()) or working.done(), 300)
        entry = [
            pid for pid, what in processes(runner).items() if "entrypoint.py" in what and "docker-init" not in what
        ]
        assert len(entry) == 2, processes(runner)
        os.kill(max(entry), signal.SIGKILL)
        seen = working.result(120)
    assert seen.log.outputs.get("verdict") == "error"
    assert "exit status 137" in seen.log.text, seen.log.text[-3000:]
    assert seen.kept("after.txt") == seen.kept("before.txt")
    assert TOKEN not in seen.log.text


def processes(runner: Runner) -> dict[int, str]:
    """What runs in this runner's container, by the machine's process numbers."""
    listed = docker("ps", "--format", '{{.ID}} {{.Label "ml-ci.workspace"}}')
    ours = [line.split()[0] for line in listed.splitlines() if str(runner.home) in line]
    lines = docker("top", ours[0], "-eo", "pid,args").splitlines()[1:] if ours else []
    return {int(line.split(None, 1)[0]): line.split(None, 1)[1] for line in lines}


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout
