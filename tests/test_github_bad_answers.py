"""GitHub's bad hours: answers that are none, redirects, and waits that nobody can mean. Each is one sentence."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from github.Repository import Repository

from ml_ci.errors import OutsideError
from ml_ci.github.check import open_check
from ml_ci.github.comment import marker, upsert_comment
from ml_ci.github.data_branch import DataBranch
from ml_ci.github.session import connect, explained, second_connection
from ml_ci.github.stale_checks import Opener
from tests.github_server import GitHubServer, Html, Raw
from tests.github_server.faults import Fault
from tests.github_server.fixture import github_server, start_github  # noqa: F401

COMMENTS = "/issues/*/comments"
LIMITED = b'{"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com"}'


class Github:
    """A GitHub with a pull request, and what a job does there. Nothing really waits."""

    def __init__(self, server: GitHubServer) -> None:
        self.server = server
        self.sha = server.git.commit_files("feature", {"train.py": "print()\n"}, "A change")
        self.pull = server.add_pull("feature").number
        self.waits: list[float] = []

    def connect(self) -> Repository:
        return connect("t", api_url=self.server.url, repository="octo/model", sleep=self.waits.append)

    def comment(self) -> None:
        upsert_comment(self.connect(), self.pull, key="default", body="**pass**", sleep=self.waits.append)

    def check(self) -> None:
        opener = Opener(1, 1)
        open_check(
            self.connect(), key="k", head_sha=self.sha, details_url="https://x", opener=opener, sleep=self.waits.append
        )

    def read(self) -> None:
        assert DataBranch(self.connect, sleep=self.waits.append).read("records/x.json") is not None

    def write(self) -> None:
        DataBranch(self.connect, sleep=self.waits.append).update(lambda _: {"a": b"1"}, "Write")


@pytest.fixture
def github(github_server: GitHubServer) -> Github:
    return Github(github_server)


def job_of(name: str) -> Callable[[Github], None]:
    return {"comment": Github.comment, "check": Github.check, "read": Github.read, "write": Github.write}[name]


NO_ANSWERS: dict[str, Fault] = {
    "a login page": Html(200),
    "cut JSON": Raw(200, b'{"id": 1, "body": "<!-- ml_ci:comm'),
    "a cut list": Raw(200, b'[{"id": 1, "body": "<!-- ml_ci:comm'),
    "a word": Raw(200, b'"ok"'),
    "null": Raw(200, b"null"),
    "no UTF-8": Raw(200, b"\xff\xfe{}"),
    "another object": Raw(200, b'{"status": "up"}'),
    "nothing": Raw(200, b""),
}


@pytest.mark.parametrize("answer", NO_ANSWERS)
@pytest.mark.parametrize("doing", ["comment", "check", "read", "write"])
def test_what_is_no_answer_of_githubs_is_an_error_and_never_taken_for_success(
    github: Github, doing: str, answer: str
) -> None:
    """With every request answered so, as by a proxy's login page."""
    github.server.inject("*", "*", NO_ANSWERS[answer], times=None)
    with pytest.raises(OutsideError, match=r"GitHub.*\.$"):
        job_of(doing)(github)


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_a_list_of_comments_that_is_none_makes_no_second_comment(github: Github, answer: str) -> None:
    github.comment()
    github.server.inject("GET", COMMENTS, NO_ANSWERS[answer], times=None)
    with pytest.raises(OutsideError):
        github.comment()
    assert len(github.server.comments(github.pull)) == 1


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_a_branch_that_cannot_be_read_is_not_written_anew(github: Github, answer: str) -> None:
    github.write()
    tip = github.server.git.resolve("refs/heads/ml-ci-data")
    for pattern in ("/git/ref/*", "/git/commits/*", "/git/trees/*"):
        github.server.inject("GET", pattern, NO_ANSWERS[answer], times=None)
        with pytest.raises(OutsideError):
            DataBranch(github.connect, sleep=github.waits.append).update(lambda _: {"a": b"2"}, "Write")
        github.server._plan.faults.clear()
    assert github.server.git.resolve("refs/heads/ml-ci-data") == tip


def test_a_mistake_of_our_own_is_not_blamed_on_github() -> None:
    with pytest.raises(TypeError), explained("do it", {}):
        raise TypeError("ours")


# Redirects


def test_a_renamed_repository_is_followed_for_what_is_read(github: Github) -> None:
    """GitHub names the repository by its number there."""
    github.server.add_comment("github-actions[bot]", f"{marker('default')}\n**pass**", github.pull)
    location = f"{github.server.url}/repositories/{github.server.state.id}/issues/{github.pull}/comments"
    github.server.inject("GET", f"/repos/octo/model{COMMENTS}", Raw(301, b"{}", headers=(("Location", location),)))
    github.comment()
    assert len(github.server.comments(github.pull)) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_write_that_is_redirected_is_not_taken_for_done(github: Github, status: int) -> None:
    moved = Raw(status, b'{"message": "Moved"}', headers=(("Location", f"{github.server.url}/repositories/7"),))
    github.server.inject("POST", COMMENTS, moved, times=None)
    with pytest.raises(OutsideError, match=r"moved to .*/repositories/7"):
        github.comment()


@pytest.mark.parametrize("location", ["https://elsewhere.example/repos/x", "ftp://127.0.0.1/x", ""])
def test_a_redirect_to_somebody_else_gets_no_token(github: Github, location: str) -> None:
    moved = Raw(301, b'{"message": "Moved"}', headers=(("Location", location),) if location else ())
    github.server.inject("GET", COMMENTS, moved, times=None)
    with pytest.raises(OutsideError):
        github.comment()


# How long to wait


def limit(retry_after: str, status: int) -> Raw:
    return Raw(status, LIMITED, headers=(("Retry-After", retry_after),))


@pytest.mark.parametrize("status", [403, 429, 503])
def test_retry_after_may_be_a_date(github: Github, status: int) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=31), usegmt=True)
    github.server.inject("POST", COMMENTS if status != 503 else "/git/trees", limit(when, status))
    (github.comment if status != 503 else github.write)()
    assert github.waits == [pytest.approx(30, abs=2)]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "NaN", "0x10", "12 parsecs", "Wed, 99 Foo 2026"])
def test_a_retry_after_that_nobody_can_read_is_a_minute_or_nothing(github: Github, status: int, nonsense: str) -> None:
    github.server.inject("POST", COMMENTS, limit(nonsense, status))
    github.comment()
    assert len(github.waits) == 1
    assert 0 <= github.waits[0] <= 60


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("wait", ["999999999999", "86400", "Fri, 31 Dec 2199 23:59:59 GMT"])
def test_an_absurd_retry_after_is_not_waited_for(github: Github, status: int, wait: str) -> None:
    github.server.inject("POST", COMMENTS, limit(wait, status), times=None)
    with pytest.raises(OutsideError, match="a job waits no longer than 150 s"):
        github.comment()
    assert github.waits == []


# Refusals


def test_a_comment_that_is_taken_for_spam_is_refused_in_githubs_words(github: Github) -> None:
    body = b'{"message": "Validation Failed", "errors": [{"resource": "IssueComment", "message": "Body is spammy"}]}'
    github.server.inject("POST", COMMENTS, Raw(422, body), times=None)
    with pytest.raises(OutsideError, match="Validation Failed; Body is spammy"):
        github.comment()
    assert github.server.count("POST", COMMENTS) == 1


# Where GraphQL is


def test_graphql_is_where_the_variable_says(github: Github) -> None:
    repo = connect(
        "t",
        api_url=f"{github.server.url}/api/v3",
        graphql_url=f"{github.server.url}/graphql",
        repository="octo/model",
    )
    repo.requester.graphql_query("query { viewer { login } }", {})
    again = second_connection(repo)
    again.requester.graphql_query("query { viewer { login } }", {})
    assert [seen.path for seen in github.server.requests] == ["/graphql"] * 2


def test_without_the_variable_an_enterprise_servers_is_beside_rest(github: Github) -> None:
    repo = connect("t", api_url=f"{github.server.url}/api/v3/", repository="octo/model")
    repo.requester.graphql_query("query { viewer { login } }", {})
    assert repo.requester.graphql_url == f"{github.server.url}/api/graphql"
