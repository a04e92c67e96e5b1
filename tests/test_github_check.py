"""The check run: in progress while the job runs, and always closed."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from ml_ci.compare.gate import Verdict
from ml_ci.errors import MlCiError, OutsideError, TrainingError
from ml_ci.github.check import Check, check_run, close_check, conclusion, open_check
from ml_ci.github.session import NotPermittedError, connect
from ml_ci.github.stale_checks import Opener
from tests.github_server import GitHubServer, Status, Token
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.github_server.state import CheckRun

PAGE = "https://github.com/octo/model/actions/runs/42"


class Head:
    """A commit that a check can stand on, the checks on it, and what went wrong. Nothing really waits."""

    def __init__(self, github: GitHubServer) -> None:
        self.github = github
        self.sha = github.git.commit_files("feature", {"train.py": "print()\n"}, "A change")
        self.problems: list[MlCiError] = []
        self.waits: list[float] = []
        self.token = "t"
        self.opener = Opener(42, 1)

    def running(self) -> AbstractContextManager[Check]:
        return check_run(
            lambda: connect(self.token, api_url=self.github.url, repository="octo/model", sleep=self.waits.append),
            key="churn",
            head_sha=self.sha,
            details_url=PAGE,
            opener=self.opener,
            previous_head=None,
            on_problem=self.problems.append,
            sleep=self.waits.append,
        )

    @property
    def check(self) -> CheckRun:
        (check,) = self.github.state.checks.values()
        return check


@pytest.fixture
def head(github_server: GitHubServer) -> Head:
    return Head(github_server)


@pytest.mark.parametrize(
    ("verdict", "allowed", "expected"),
    [
        ("pass", True, "success"),
        ("inconclusive", True, "success"),
        ("inconclusive", False, "failure"),
        ("fail", False, "failure"),
        ("fail", True, "success"),
        ("error", False, "failure"),
        ("error", True, "failure"),
    ],
)
def test_each_verdict_has_its_conclusion(verdict: Verdict, allowed: bool, expected: str) -> None:
    assert conclusion(verdict, allowed) == expected


def test_the_check_is_in_progress_while_the_job_runs_and_then_says_what_it_found(head: Head) -> None:
    repo = connect("t", api_url=head.github.url, repository="octo/model")
    check = open_check(repo, key="churn", head_sha=head.sha, details_url=PAGE, opener=Opener(42, 1))
    opened = head.check
    assert (opened.name, opened.head_sha, opened.status, opened.conclusion, opened.details_url) == (
        "ml-ci / churn",
        head.sha,
        "in_progress",
        None,
        PAGE,
    )
    close_check(check, conclusion="success", title="accuracy\nrose", summary="| a |\n", details_url=PAGE + "/job/1")
    assert (head.check.status, head.check.conclusion, head.check.title) == ("completed", "success", "accuracy rose")
    assert (head.check.summary, head.check.details_url) == ("| a |\n", PAGE + "/job/1")


def test_a_job_that_comes_to_its_verdict_closes_its_check_once(head: Head) -> None:
    with head.running() as check:
        check.close("fail", allowed=False, title="accuracy fell", summary="# Why")
    assert (head.check.conclusion, head.check.title, head.check.summary) == ("failure", "accuracy fell", "# Why")
    assert head.check.details_url == PAGE
    assert head.github.count("PATCH", "/check-runs/*") == 1
    assert head.problems == []


@pytest.mark.parametrize(
    "death", [SystemExit(143), KeyboardInterrupt(), TrainingError("x"), ZeroDivisionError()], ids=repr
)
def test_a_job_that_dies_leaves_a_failed_check_and_not_a_waiting_one(head: Head, death: BaseException) -> None:
    with pytest.raises(type(death)), head.running():
        raise death
    assert (head.check.status, head.check.conclusion) == ("completed", "failure")
    assert head.check.title == "The job did not finish"


def test_a_job_that_forgets_its_check_leaves_a_failed_one(head: Head) -> None:
    with head.running():
        pass
    assert (head.check.status, head.check.conclusion) == ("completed", "failure")


def test_a_job_that_is_ended_while_it_closes_its_check_leaves_it_closed(head: Head) -> None:
    def ended(problem: MlCiError) -> None:
        if not head.problems:
            head.problems.append(problem)
            raise SystemExit(143)

    running = check_run(
        lambda: connect("t", api_url=head.github.url, repository="octo/model", sleep=head.waits.append),
        key="churn",
        head_sha=head.sha,
        details_url=PAGE,
        opener=head.opener,
        previous_head=None,
        on_problem=ended,
    )
    head.github.inject("PATCH", "/check-runs/*", Status(422, "Invalid request"))
    with pytest.raises(SystemExit), running as check:
        check.close("pass", allowed=True, title="pass", summary="pass")
    assert (head.check.status, head.check.conclusion) == ("completed", "failure")


def test_a_death_after_the_verdict_does_not_change_it(head: Head) -> None:
    def job() -> None:
        with head.running() as check:
            check.close("pass", allowed=True, title="pass", summary="pass")
            raise SystemExit(0)

    with pytest.raises(SystemExit):
        job()
    assert head.check.conclusion == "success"


def test_a_token_that_may_not_write_checks_does_not_stop_the_job(head: Head) -> None:
    head.github.withhold("checks")
    with head.running() as check:
        check.close("pass", allowed=True, title="pass", summary="pass")
    (problem,) = head.problems
    assert isinstance(problem, NotPermittedError)
    assert "`checks: write`" in str(problem)
    assert "permissions:\n  contents: read\n  checks: write\n" in problem.hint


def test_a_personal_token_is_told_that_checks_are_for_apps(head: Head) -> None:
    head.github.tokens["personal"] = Token(login="mona", kind="User")
    head.token = "personal"
    with head.running() as check:
        check.close("pass", allowed=True, title="pass", summary="pass")
    assert "use the workflow's own token, or that of an App" in str(head.problems[0])


def test_a_commit_that_github_does_not_have_is_named(head: Head) -> None:
    repo = connect("t", api_url=head.github.url, repository="octo/model")
    with pytest.raises(OutsideError, match=r"open the check on commit ffffffffffff .*No commit found"):
        open_check(repo, key="churn", head_sha="f" * 40, details_url=PAGE, opener=Opener(42, 1))


@pytest.mark.parametrize(("method", "pattern"), [("POST", "/check-runs"), ("PATCH", "/check-runs/*")])
def test_a_short_outage_is_waited_for(head: Head, method: str, pattern: str) -> None:
    head.github.inject(method, pattern, Status(503), times=2)
    with head.running() as check:
        check.close("pass", allowed=True, title="pass", summary="pass")
    assert head.check.conclusion == "success"
    assert head.waits == [1, 2]


@pytest.mark.parametrize("line", ["| accuracy | 0.9 |\n", "| größe → é | 0.9 |\n"])
def test_a_long_summary_is_cut_at_a_whole_line_and_says_so(head: Head, line: str) -> None:
    with head.running() as check:
        check.close("pass", allowed=True, title="t" * 1000, summary=line * 10_000)
    assert head.problems == []
    assert head.check.summary
    assert head.check.title
    assert 65_000 < len(head.check.summary.encode()) <= 65_535
    *rows, _, note = head.check.summary.rstrip("\n").split("\n")
    assert set(rows) == {line.rstrip("\n")}
    assert note.startswith("*The rest is left out")
    assert len(head.check.title) <= 255


def test_a_summary_at_the_limit_is_whole(head: Head) -> None:
    with head.running() as check:
        check.close("pass", allowed=True, title="pass", summary="x" * 65_535)
    assert head.check.summary == "x" * 65_535


def test_opening_does_not_hold_up_the_job(head: Head) -> None:
    at_work = threading.Event()
    head.github.before("POST", "/check-runs", lambda: at_work.wait(10))
    with head.running() as check:
        assert head.github.state.checks == {}, "the job is at work, and the check is not open yet"
        at_work.set()
        check.close("pass", allowed=True, title="pass", summary="pass")
    assert head.check.conclusion == "success"
