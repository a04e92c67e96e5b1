"""Checks that a killed job left open: closed by the next run, and only where the job is over for sure."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import json

import pytest

from ml_ci.errors import MlCiError
from ml_ci.github.check import check_run, open_check
from ml_ci.github.session import connect
from ml_ci.github.stale_checks import TITLE, Opener
from tests.github_server import GitHubServer, LostAnswer, Raw, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.github_server.state import CheckRun

PAGE = "https://github.com/octo/model/actions/runs/42"


class Commits:
    """Two commits of a pull request, and jobs on them. Nothing really waits."""

    def __init__(self, github: GitHubServer) -> None:
        self.github = github
        self.old = github.git.commit_files("feature", {"train.py": "print()\n"}, "A change")
        self.new = github.git.commit_files("feature", {"train.py": "print(1)\n"}, "Another")
        self.problems: list[MlCiError] = []

    def killed(self, run_id: int, attempt: int, commit: str, key: str = "churn") -> CheckRun:
        """A job that opens its check, and is no more."""
        repo = connect("t", api_url=self.github.url, repository="octo/model")
        opener = Opener(run_id, attempt)
        opened = open_check(repo, key=key, head_sha=commit, details_url=PAGE, opener=opener)
        return self.github.state.checks[opened.id]

    def says_of_run(self, run_id: int, status: str) -> None:
        """What GitHub answers when it is asked about this run."""
        content = json.dumps({"id": run_id, "status": status}).encode()
        self.github.inject("GET", f"*/actions/runs/{run_id}", Raw(200, content), times=None)

    def next_run(self, run_id: int, attempt: int, *, previous_head: str | None = None) -> CheckRun:
        """A job that comes to its verdict."""
        before = set(self.github.state.checks)
        with check_run(
            lambda: connect("t", api_url=self.github.url, repository="octo/model", sleep=lambda _: None),
            key="churn",
            head_sha=self.new,
            details_url=PAGE,
            opener=Opener(run_id, attempt),
            previous_head=previous_head,
            on_problem=self.problems.append,
            sleep=lambda _: None,
        ) as check:
            check.close("pass", allowed=True, title="pass", summary="pass")
        (new,) = set(self.github.state.checks) - before
        assert self.problems == []
        return self.github.state.checks[new]


@pytest.fixture
def commits(github_server: GitHubServer) -> Commits:
    return Commits(github_server)


def test_a_second_attempt_closes_what_the_first_left_open(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.new)
    assert left.status == "in_progress"
    done = commits.next_run(7, 2)
    assert (left.status, left.conclusion, left.title) == ("completed", "failure", TITLE)
    assert (done.status, done.conclusion) == ("completed", "success")


def test_on_the_head_before_a_push_it_is_closed_too(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.old)
    commits.next_run(7, 2, previous_head=commits.old)
    assert (left.status, left.conclusion) == ("completed", "failure")


def test_a_check_of_a_job_that_may_be_at_work_is_left_alone(commits: Commits) -> None:
    """The same attempt of the same run has several jobs."""
    left = commits.killed(7, 2, commits.new)
    commits.next_run(7, 2)
    assert left.status == "in_progress"


def test_after_a_push_another_run_closes_what_a_run_that_has_ended_left_open(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.old)
    commits.says_of_run(7, "completed")
    commits.next_run(8, 1, previous_head=commits.old)
    assert (left.status, left.conclusion) == ("completed", "failure")


def test_and_leaves_alone_what_a_run_that_has_not_ended_may_still_close(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.old)
    commits.says_of_run(7, "in_progress")
    commits.next_run(8, 1, previous_head=commits.old)
    assert left.status == "in_progress"


def test_where_the_token_may_not_ask_about_other_runs_those_of_its_own_are_closed_all_the_same(
    commits: Commits,
) -> None:
    own, foreign = commits.killed(7, 1, commits.new), commits.killed(6, 1, commits.new)
    refusal = Status(403, "Resource not accessible by integration")
    commits.github.inject("GET", "*/actions/runs/6", refusal, times=None)
    commits.next_run(7, 2)
    assert (foreign.status, own.status) == ("in_progress", "completed")


@pytest.mark.parametrize(
    ("status", "left_as"), [("completed", "completed"), ("in_progress", "in_progress"), (None, "in_progress")]
)
def test_a_check_of_another_run_is_closed_if_github_says_that_the_run_is_over(
    commits: Commits, status: str | None, left_as: str
) -> None:
    """GitHub does not say it of a run that is deleted, nor to a token without `actions: read` on a private repository."""
    if status:
        commits.github.state.runs[6] = status
    left = commits.killed(6, 1, commits.old)
    commits.next_run(7, 1, previous_head=commits.old)
    assert left.status == left_as


def test_checks_of_other_keys_are_left_alone(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.new, key="fraud")
    commits.next_run(7, 2)
    assert left.status == "in_progress"


def test_a_check_that_does_not_say_who_opened_it_is_left_alone(commits: Commits) -> None:
    left = commits.killed(7, 1, commits.new)
    left.external_id = "7"
    commits.next_run(7, 2)
    assert left.status == "in_progress"


@pytest.mark.parametrize("fault", [Status(500), Status(403, "Resource not accessible by integration")], ids=str)
def test_a_github_that_does_not_tell_of_other_checks_is_no_problem(commits: Commits, fault: Status) -> None:
    commits.github.inject("GET", "/commits/*/check-runs", fault, times=None)
    assert commits.next_run(7, 2).conclusion == "success"


@pytest.mark.parametrize("fault", [LostAnswer(), Status(500)], ids=str)
def test_a_check_whose_opening_was_not_confirmed_is_not_opened_twice(
    commits: Commits, fault: LostAnswer | Status
) -> None:
    commits.github.inject("POST", "/check-runs", fault)
    assert commits.next_run(7, 1).conclusion == "success"
    assert len(commits.github.state.checks) == 1
