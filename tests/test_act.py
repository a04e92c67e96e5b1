"""The action as users run it: real workflow files, by act, with the real container, on a test GitHub.

One image for all of them. The first tests follow one repository: a pull request is opened, discussed and pushed to, is
merged, and others come after it.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from ml_ci.demo import build
from tests.act import TOKEN, JobLog, Runner, Workflow
from tests.github_server import GitHubServer
from tests.github_server.accounts import ACTIONS_BOT
from tests.github_server.fixture import bare_repository
from tests.github_server.state import CheckRun, Comment, Pull
from tests.repository import WRITES_ACCURACY, clean_variables
from tests.triggers import Trigger

pytestmark = [pytest.mark.container, pytest.mark.slow, pytest.mark.xdist_group("act")]

TRAIN = "train: python3 train.py\n"
CONFIG = TRAIN + "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
FILES = {"train.py": WRITES_ACCURACY, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\nseen.json\n"}


def accuracy(value: float) -> dict[str, str]:
    """The change that gives the model this accuracy."""
    return {"params.yaml": f"accuracy: {value}\n"}


@contextmanager
def a_runner(*, as_tester: bool = False) -> Iterator[Runner]:
    """A runner with this checkout's action. pytest's own folders are closed to other users, such as the runner's."""
    folder = Path(tempfile.mkdtemp(prefix="ml-ci-act-"))
    machine = Runner(folder, as_tester=as_tester)
    machine.set_up()
    yield machine
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """The runner of all tests but one."""
    with a_runner() as machine:
        yield machine


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """The GitHub of the story."""
    with GitHubServer(bare_repository(tmp_path_factory.mktemp("github") / "origin.git")) as server:
        server.git.commit_files("main", FILES | accuracy(0.9))
        yield server
    assert server.violations == []


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One job of the story, and what GitHub held after it: the pull request's comments, the checks by commit."""

    log: JobLog
    pull: Pull
    comments: list[Comment]
    checks: dict[str, list[CheckRun]]

    @property
    def ours(self) -> Comment:
        """The comment that ml-ci wrote."""
        (comment,) = [each for each in self.comments if each.author and each.author.login == ACTIONS_BOT]
        return comment


def chapter(log: JobLog, github: GitHubServer, pull: Pull) -> Chapter:
    """What is seen now, kept as it is."""
    checks: dict[str, list[CheckRun]] = {}
    for check in github.state.checks.values():
        checks.setdefault(check.head_sha, []).append(replace(check))
    comments = [replace(comment) for comment in github.comments(pull.number)]
    return Chapter(log=log, pull=replace(pull), comments=comments, checks=checks)


@pytest.fixture(scope="module")
def opened(runner: Runner, github: GitHubServer) -> Chapter:
    """A pull request is opened."""
    github.git.commit_files("feature", accuracy(0.95), on="main")
    pull = github.add_pull("feature")
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull)), github, pull)


@pytest.fixture(scope="module")
def pushed(runner: Runner, github: GitHubServer, opened: Chapter) -> Chapter:
    """It is discussed at length, by somebody who quotes our comment too, and pushed to."""
    for number in range(44):
        github.add_comment("mona", f"What about {number}?")
    github.add_comment("mona", opened.ours.body)
    github.git.commit_files("feature", accuracy(0.96))
    pull = github.state.pulls[1]
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull, "synchronize")), github, pull)


@pytest.fixture(scope="module")
def recorded(runner: Runner, github: GitHubServer, pushed: Chapter) -> Chapter:
    """It is merged, which is a push to main."""
    before = pushed.pull.base_sha
    github.git.commit_files("main", accuracy(0.96))
    log = runner.run(Workflow(), github, Trigger.push(github, before))
    return chapter(log, github, pushed.pull)


@pytest.fixture(scope="module")
def regressed(runner: Runner, github: GitHubServer, recorded: Chapter) -> Chapter:
    """The next pull request makes the model worse."""
    assert recorded.log.ok
    github.git.commit_files("worse", accuracy(0.8), on="main")
    pull = github.add_pull("worse")
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull)), github, pull)


# --- a pull request is opened


def test_opening_a_pull_request_gives_one_comment(opened: Chapter) -> None:
    assert opened.log.ok, opened.log.text
    (comment,) = opened.comments
    assert comment.author
    assert comment.author.login == ACTIONS_BOT
    assert "| `accuracy` |   0.90 |   0.95 |" in comment.body
    assert opened.log.outputs["comment-url"].endswith(f"/octo/model/pull/1#issuecomment-{comment.id}")


def test_and_one_check_on_the_true_head_and_none_on_githubs_merge(opened: Chapter) -> None:
    assert list(opened.checks) == [opened.pull.head_sha]
    (check,) = opened.checks[opened.pull.head_sha]
    assert (check.name, check.status, check.conclusion) == ("ml-ci / default", "completed", "success")
    assert opened.log.sha == opened.pull.merge_sha != opened.pull.head_sha


def test_and_outputs_a_summary_and_the_output_folder(opened: Chapter) -> None:
    assert opened.log.outputs["verdict"] == "pass"
    assert opened.log.result["verdict"] == "pass"
    assert opened.log.summary.replace("\u00a0", " ").count("| `accuracy` |   0.90 |   0.95 |") == 1
    assert {"result.json", "report.md", "report.html", "base.json", "head.json"} <= {
        path.name for path in (opened.log.kept / ".ml-ci").iterdir()
    }


def test_without_a_record_the_base_is_trained_and_the_comment_says_so(opened: Chapter) -> None:
    assert opened.log.side("base")["origin"] == "trained"
    assert f"Base [`{opened.pull.base_sha[:9]}`]" in opened.ours.body
    assert "trained now" in opened.ours.body


def test_the_job_leaves_only_files_that_the_runner_can_remove(opened: Chapter) -> None:
    assert opened.log.not_ours == ()
    assert opened.log.not_removed == ()


# --- it is discussed and pushed to


def test_a_second_push_updates_the_comment_among_45_others(opened: Chapter, pushed: Chapter) -> None:
    assert pushed.log.ok, pushed.log.text
    assert len(pushed.comments) == 1 + 45
    assert pushed.ours.id == opened.ours.id
    assert "| `accuracy` |   0.90 |   0.96 |" in pushed.ours.body


def test_comments_of_others_stay_as_they_are_also_where_they_quote_ours(opened: Chapter, pushed: Chapter) -> None:
    others = [comment.body for comment in pushed.comments if comment.id != pushed.ours.id]
    assert others == [*(f"What about {number}?" for number in range(44)), opened.ours.body]


def test_each_head_has_its_own_check(opened: Chapter, pushed: Chapter) -> None:
    assert {sha: len(checks) for sha, checks in pushed.checks.items()} == {
        opened.pull.head_sha: 1,
        pushed.pull.head_sha: 1,
    }


# --- it is merged


def test_a_push_to_main_records(github: GitHubServer, recorded: Chapter) -> None:
    assert recorded.log.ok, recorded.log.text
    sha = recorded.log.sha
    record = json.loads(github.git.text("show", f"ml-ci-data:records/default/{sha}.json"))
    assert record["metrics"]["accuracy"]["value"] == 0.96
    assert f"Recorded the run of {sha}" in recorded.log.summary


def test_a_push_to_main_comments_on_nothing(pushed: Chapter, recorded: Chapter) -> None:
    assert recorded.comments == pushed.comments
    assert recorded.checks == pushed.checks


# --- the next pull request


def test_the_next_pull_request_finds_the_record_and_does_not_train_the_base(regressed: Chapter) -> None:
    assert regressed.log.side("base") | {"origin": "found", "commit": regressed.pull.base_sha} == regressed.log.side(
        "base"
    )
    assert "Training head" in regressed.log.text
    assert "Training base" not in regressed.log.text


def test_a_regression_fails_the_step_with_the_comment_written(regressed: Chapter) -> None:
    assert not regressed.log.ok
    assert "exit status 1" in regressed.log.text
    (comment,) = regressed.comments
    assert "| `accuracy` |   0.96 |   0.80 |" in comment.body
    assert regressed.log.outputs["verdict"] == regressed.log.result["verdict"] == "fail"
    assert regressed.checks[regressed.pull.head_sha][0].conclusion == "failure"
    assert [each.level for each in regressed.log.annotations] == ["error"]


def test_a_token_that_may_only_read_leaves_the_same_verdict_and_a_hint(
    runner: Runner, github: GitHubServer, regressed: Chapter
) -> None:
    permissions = github.default_token.permissions
    github.withhold("issues", "pull_requests", "checks", "contents")
    log = runner.run(Workflow(), github, Trigger.pull_request(github, github.state.pulls[2]))
    github.default_token.permissions = permissions

    assert not log.ok
    assert log.outputs["verdict"] == "fail"
    assert log.outputs["comment-url"] == ""
    assert log.result["metrics"] == regressed.log.result["metrics"]
    assert "permissions:\n>   contents: read\n" in log.summary
    assert "pull-requests: write" in log.summary
    assert github.comments(2) == regressed.comments
    assert "Resource not accessible by integration" in " ".join(each.text for each in log.annotations)


def test_a_schedule_compares_main_with_the_last_record(
    runner: Runner, github: GitHubServer, recorded: Chapter, regressed: Chapter
) -> None:
    last = regressed.pull.base_sha
    github.git.commit_files("main", accuracy(0.7))
    log = runner.run(Workflow(), github, Trigger.schedule(github))

    assert not log.ok
    assert (log.side("base")["commit"], log.side("base")["origin"]) == (last, "found")
    assert [(row["base"], row["head"]) for row in log.rows()] == [(0.96, 0.7)]
    assert github.comments(1) == recorded.comments


# --- other events and other ends


@pytest.fixture
def model(github_server: GitHubServer) -> GitHubServer:
    """A GitHub of one test, with a model of 0.9 on main."""
    github_server.git.commit_files("main", FILES | accuracy(0.9))
    return github_server


def test_a_merge_queue_is_gated_without_a_comment(runner: Runner, model: GitHubServer) -> None:
    queue = "gh-readonly-queue/main/pr-1"
    sha = model.git.commit_files(queue, accuracy(0.8), on="main")
    log = runner.run(Workflow(), model, Trigger.merge_group(model, queue))

    assert not log.ok
    assert log.outputs["verdict"] == "fail"
    assert [(check.head_sha, check.conclusion) for check in model.state.checks.values()] == [(sha, "failure")]
    assert model.state.comments == {}


def test_a_wrong_configuration_is_said_everywhere_and_ends_with_2(runner: Runner, model: GitHubServer) -> None:
    model.git.commit_files("feature", {".ml-ci.yml": "gates: {}\n"}, on="main")
    log = runner.run(Workflow(), model, Trigger.pull_request(model, model.add_pull("feature")))

    assert not log.ok
    assert "exit status 2" in log.text
    assert log.outputs["verdict"] == "error"
    (annotation,) = log.annotations
    assert (annotation.level, ".ml-ci.yml" in annotation.text, "gate" in annotation.text) == ("error", True, True)
    assert [check.conclusion for check in model.state.checks.values()] == ["failure"]
    assert ["gates" in comment.body for comment in model.comments()] == [True]
    assert (log.not_ours, log.not_removed) == ((), ())


SPY = """
import getpass, json, os, pathlib, subprocess

def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""

def can_write(path):
    try:
        path.open("a").write("verdict=pass\\n")
        return True
    except OSError:
        return False

processes = list(pathlib.Path("/proc").glob("[0-9]*"))
seen = {
    "user": getpass.getuser(),
    "number": os.getuid(),
    "variables": dict(os.environ),
    "processes": [read(process / name) for process in processes for name in ("environ", "cmdline")],
    "git": subprocess.run(["git", "config", "--list"], capture_output=True, text=True).stdout,
    "written": [str(path) for path in pathlib.Path("/run/ml-ci").glob("*") if can_write(path)],
    "guessed": [name for name in ("output", "summary") if can_write(pathlib.Path("/run/ml-ci", name))],
    "capabilities": [line for line in read(pathlib.Path("/proc/self/status")).splitlines() if line.startswith("CapEff")],
}
json.dump(seen, open("seen.json", "w"))
"""
SECRETS = {"COPY": TOKEN, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "oidc-0123456789", "ACTIONS_RUNTIME_TOKEN": "cache-987654"}


def spying(model: GitHubServer) -> Trigger:
    """A pull request whose training looks for everything that it must not see, and is worse by the way."""
    files = {"spy.py": SPY, ".ml-ci.yml": CONFIG.replace(TRAIN, "train: python3 spy.py && python3 train.py\n")}
    model.git.commit_files("spy", files | accuracy(0.8), on="main")
    return Trigger.pull_request(model, model.add_pull("spy"))


def test_training_finds_no_token_and_is_not_root(runner: Runner, model: GitHubServer) -> None:
    workflow = Workflow(variables={"GH_TOKEN": "${{ github.token }}", "AWS_KEY": "aws-1"})
    log = runner.run(workflow, model, spying(model), variables=SECRETS)
    text = (log.kept / "seen.json").read_text()
    seen = json.loads(text)

    # what the user gave to training arrives, so the spy does look
    assert seen["variables"]["AWS_KEY"] == "aws-1"
    assert [name for name, secret in SECRETS.items() if secret in text] == []
    assert [
        name for name in seen["variables"] if re.match("GITHUB_(OUTPUT|ENV|PATH|STATE|STEP_SUMMARY)|INPUT_", name)
    ] == []
    assert seen["written"] == seen["guessed"] == []
    assert seen["number"] == runner.number != 0
    assert seen["user"] != "root"
    assert seen["capabilities"] == ["CapEff:\t0000000000000000"]
    assert TOKEN not in log.text


def test_it_finds_none_where_the_runner_is_the_testers_own_user_who_may_be_root(model: GitHubServer) -> None:
    workflow = Workflow(variables={"AWS_KEY": "aws-1"})
    with a_runner(as_tester=True) as machine:
        log = machine.run(workflow, model, spying(model), variables=SECRETS)
        text = (log.kept / "seen.json").read_text()

    assert json.loads(text)["variables"]["AWS_KEY"] == "aws-1"
    assert [name for name, secret in SECRETS.items() if secret in text] == []


def test_on_the_host_it_finds_no_token_either_and_fail_on_never_lets_it_through(
    runner: Runner, model: GitHubServer
) -> None:
    workflow = Workflow(inputs={"runtime": "host", "fail-on": "never", "key": "churn"})
    log = runner.run(workflow, model, spying(model), variables=SECRETS)
    assert log.ok, log.text
    text = (log.kept / "seen.json").read_text()

    assert log.outputs["verdict"] == "fail"
    assert [check.name for check in model.state.checks.values()] == ["ml-ci / churn"]
    assert len(json.loads(text)["processes"]) > 2
    assert [name for name, secret in SECRETS.items() if secret in text] == []


# --- the example, as it is


@pytest.fixture
def quickstart(tmp_path: Path) -> Iterator[GitHubServer]:
    """The demo's repository on a GitHub, with its DVC remote behind HTTP as a bucket is."""
    demo = build(tmp_path / "demo")
    handler = functools.partial(QuietHandler, directory=str(demo.remote))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as storage:
        threading.Thread(target=storage.serve_forever, daemon=True).start()
        git(demo.path, "checkout", "--quiet", demo.base)
        config = demo.path / ".dvc" / "config"
        config.write_text(config.read_text().replace(str(demo.remote), f"http://127.0.0.1:{storage.server_port}"))
        git(demo.path, "commit", "--quiet", "--all", "--message", "Data over HTTP")
        git(demo.path, "checkout", "--quiet", demo.head)
        git(demo.path, "cherry-pick", demo.base)
        bare = bare_repository(tmp_path / "origin.git", empty=True)
        git(demo.path, "push", "--quiet", str(bare), demo.base, demo.head)
        with GitHubServer(bare) as server:
            yield server
        storage.shutdown()
    assert server.violations == []


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Nobody reads it."""


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=clean_variables(), capture_output=True, check=True)


def test_the_quickstarts_pull_request_gets_its_verdict_its_changes_and_its_pictures(
    runner: Runner, quickstart: GitHubServer
) -> None:
    log = runner.run(Workflow(), quickstart, Trigger.pull_request(quickstart, quickstart.add_pull("pull-request")))

    assert log.outputs.get("verdict") == "fail", log.text
    assert {row["name"]: row["outcome"] for row in log.rows() if row["outcome"]} == {
        "accuracy": "pass",
        "roc_auc": "pass",
        "log_loss": "fail",
    }
    (comment,) = quickstart.comments()
    assert "- **Parameters**: `learning_rate` 0.1 → 1.2" in comment.body
    assert "- **Data**: `data/train.csv`" in comment.body
    pictures = re.findall(r'<img src="([^"]+)"', comment.body)
    assert [re.sub(r"[0-9a-f]{64}", "SHA", url) for url in pictures] == [
        f"{quickstart.url}/octo/model/raw/ml-ci-data/images/SHA.png"
    ] * 3
    for url in pictures:
        answer = requests.get(url, timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    # what training needs does not change with its data, so the next job finds it in the cache
    assert re.search(r"cache key ml-ci-1-Linux-\w+--[0-9a-f]{64}", log.text)
    assert (log.not_ours, log.not_removed) == ((), ())
