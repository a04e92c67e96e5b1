"""Single jobs by act, each on a GitHub of its own: a merge queue, a wrong configuration, trainings that look for secrets, the example."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from ml_ci.demo import build
from tests.act import TOKEN, Runner, a_runner
from tests.act_workflow import CONFIG, FILES, TRAIN, Workflow, accuracy
from tests.github_server import GitHubServer
from tests.github_server.fixture import bare_repository
from tests.repository import clean_variables
from tests.triggers import Trigger

pytestmark = [pytest.mark.container, pytest.mark.slow]


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


def test_an_image_that_is_not_ml_cis_is_no_pass_though_it_ends_well(runner: Runner, model: GitHubServer) -> None:
    name = "ml-ci-test-of-another-image"
    recipe = b'FROM python:3.13-slim\nCMD ["true"]\n'
    subprocess.run(["docker", "build", "--quiet", "--tag", name, "-"], input=recipe, check=True)
    model.git.commit_files("feature", accuracy(0.8), on="main")
    image = Workflow(inputs={"image": name})
    log = runner.run(image, model, Trigger.pull_request(model, model.add_pull("feature")))

    assert not log.ok
    assert log.outputs["verdict"] == "error"
    assert ["the input image has to be an image of ml-ci" in one.text for one in log.annotations] == [True]


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
    titles = re.findall(r"^\*\*([^*]+)\*\*<br>$", comment.body, re.MULTILINE)
    assert titles == [
        "Head − base with its interval",
        "Metrics by step",
        "Confusion matrices",
        "ROC and precision–recall",
        "Calibration",
        "plots/confusion\\_matrix.png",
    ]
    pictures = re.findall(r'(?:<img src|srcset)="([^"]+)"', comment.body)
    place = f"{quickstart.url}/octo/model/raw/ml-ci-data/images/SHA.png"
    # all but training's own image are there for dark pages, too
    assert [re.sub(r"[0-9a-f]{64}", "SHA", url) for url in pictures] == [place] * (2 * len(titles) - 1)
    for url in pictures:
        answer = requests.get(url, timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    # what training needs does not change with its data, so the next job finds it in the cache
    assert re.search(r"cache key ml-ci-1-Linux-\w+--[0-9a-f]{64}", log.text)
    assert (log.not_ours, log.not_removed) == ((), ())
