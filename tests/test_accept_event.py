"""Jobs that a label triggers: what the event says of it, and the whole job on a test GitHub."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci.github.event import read_event
from ml_ci.github.label_set import LabelSet, label_set
from tests.action_job import Done, Job
from tests.github_server import GitHubServer, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.test_github_event import ENVIRON, HEAD, REPOSITORY, event, pull_request

AT = "2026-03-01T12:00:15Z"
GONE = None
FORK: Mapping[str, object] = {"full_name": "mona/model"}


def labelled(
    home: Mapping[str, object] | None = REPOSITORY, changed: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The payload of `labeled`, with these parts of it changed."""
    payload = {**pull_request(home, "labeled"), "label": {"name": "bug"}, "sender": {"login": "mona"}}
    pull = payload["pull_request"]
    assert isinstance(pull, dict)
    return {**payload, "pull_request": {**pull, "updated_at": AT}, **(changed or {})}


def test_the_event_says_which_label_was_set_by_whom_and_where() -> None:
    assert read_event(ENVIRON, labelled()).label == LabelSet(name="bug", by="mona", at=AT, head_sha=HEAD, settled=True)


@pytest.mark.parametrize(("home", "settled"), [(REPOSITORY, True), (GONE, True), (FORK, False)])
def test_only_to_a_fork_that_is_there_can_strangers_push(home: Mapping[str, object] | None, settled: bool) -> None:
    found = label_set(labelled(home), "octo/model")
    assert found is not None
    assert found.settled is settled


def test_where_the_event_does_not_say_where_the_branch_is_strangers_may_push() -> None:
    payload = labelled()
    pull = payload["pull_request"]
    assert isinstance(pull, dict)
    found = label_set({**payload, "pull_request": {**pull, "head": {"sha": HEAD}}}, "octo/model")
    assert found is not None
    assert not found.settled


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "unlabeled"},
        {"action": "synchronize"},
        {"label": None},
        {"label": {"name": 7}},
        {"sender": None},
        {"pull_request": {"updated_at": AT}},
        {"pull_request": {"updated_at": AT, "head": "feature"}},
        {"pull_request": {"head": {"sha": HEAD, "repo": None}}},
    ],
)
def test_an_event_that_says_less_is_no_proof(changed: dict[str, object]) -> None:
    assert label_set(labelled(changed=changed), "octo/model") is None


def test_a_label_on_an_issue_is_none_on_a_pull_request() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "issues"}
    assert read_event(environ, {**labelled(), "repository": REPOSITORY}).label is None


@pytest.mark.parametrize(
    ("ref", "pull"),
    [
        ("refs/heads/gh-readonly-queue/main/pr-104-0a1b2c3d", 104),
        ("refs/heads/gh-readonly-queue/release/2.0/pr-7-0a1b2c3d", 7),
        ("refs/heads/gh-readonly-queue/pr-1-abc/pr-7-0a1b2c3d", 7),
        ("refs/heads/gh-readonly-queue/main/pr-104", None),
        ("refs/heads/gh-readonly-queue/main/pr-0-0a1b2c3d", None),
        ("refs/heads/gh-readonly-queue/main/pr-x-0a1b2c3d", None),
        ("refs/heads/gh-readonly-queue/main/pr-" + "9" * 30 + "-0a1b2c3d", None),
        ("refs/heads/my/gh-readonly-queue/main/pr-7-0a1b2c3d", None),
        ("refs/tags/gh-readonly-queue/main/pr-7-0a1b2c3d", None),
    ],
)
def test_a_queues_branch_says_whose_turn_it_is(ref: str, pull: int | None) -> None:
    assert event("merge_group", ref).queued_pull == pull
    assert event("push", ref).queued_pull is None


# The whole job


class Labelled:
    """Jobs on a pull request that makes the model worse, and that a label triggers. Hubot may write."""

    def __init__(self, github: GitHubServer, job: Job) -> None:
        self._github, self._job = github, job
        github.git.commit_files("feature", {"params.yaml": "accuracy: 0.8\n"}, on="main")
        self.pull = github.add_pull("feature")
        github.state.activity[:] = [replace(move, timestamp="2026-03-01T12:00:00Z") for move in github.state.activity]
        github.state.roles["hubot"] = "write"
        job.check_out(self.pull.merge_sha)

    def by(self, name: str) -> Done:
        """Hubot sets a label, and the job of that event runs."""
        self._github.label(self.pull, name, "hubot", at=AT)
        self.pull.updated_at = AT
        payload = {
            **self._github.pull_event(self.pull, "labeled"),
            "label": {"name": name},
            "sender": {"login": "hubot"},
        }
        event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge"}
        return self._job.run({**event, "GITHUB_SHA": self.pull.merge_sha or ""}, payload)


@pytest.fixture
def labelled_pull(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Labelled]:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield Labelled(github_server, Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server))
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_the_job_that_the_label_triggers_lets_the_regression_through(
    labelled_pull: Labelled, github_server: GitHubServer
) -> None:
    done = labelled_pull.by("ml-ci:accept")
    (check,) = github_server.state.checks.values()
    (comment,) = github_server.comments(1)
    assert (done.code, done.outputs["verdict"], check.conclusion) == (0, "fail", "success")
    assert "### ❌ Fail, accepted by `@hubot`: accuracy" in comment.body


def test_so_it_does_on_a_server_without_a_log_of_pushes(labelled_pull: Labelled, github_server: GitHubServer) -> None:
    github_server.inject("GET", "/activity", Status(404, "Not Found"), times=None)
    assert labelled_pull.by("ml-ci:accept").code == 0


def test_the_job_that_another_label_triggers_holds_it_back(
    labelled_pull: Labelled, github_server: GitHubServer
) -> None:
    done = labelled_pull.by("bug")
    (check,) = github_server.state.checks.values()
    assert (done.code, done.outputs["verdict"], check.conclusion) == (1, "fail", "failure")
