"""The one comment, on a GitHub that pages, limits, fails and refuses."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from github.Repository import Repository

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.comment import PostedComment, marker, upsert_comment
from ml_ci.github.patience import Patience
from ml_ci.github.session import NotPermittedError, connect, permissions_hint
from tests.github_server import GitHubServer, Html, LostAnswer, PrimaryLimit, Reset, SecondaryLimit, Slow, Status, Token
from tests.github_server.fixture import github_server, start_github  # noqa: F401

COMMENTS = "/issues/*/comments"
BOT = "github-actions[bot]"


class Pull:
    """A pull request, what is said on it, and how long the client waited (nothing really waits)."""

    def __init__(self, github: GitHubServer) -> None:
        github.git.commit_files("feature", {"train.py": "print()\n"}, "A change")
        self.github = github
        self.url = github.url
        self.number = github.add_pull(head="feature").number
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(seconds)

    def connect(self, token: str = "t", patience: float = 150, timeout: int = 10) -> Repository:
        return connect(
            token,
            api_url=self.url,
            repository="octo/model",
            timeout=timeout,
            patience=Patience(patience, lambda: self.now),
            sleep=self.wait,
        )

    def say(
        self, body: str, key: str = "default", token: str = "t", patience: float = 150, timeout: int = 10
    ) -> PostedComment:
        repo = self.connect(token, patience, timeout)
        posted = upsert_comment(repo, self.number, key=key, body=body, sleep=self.wait)
        assert posted is not None
        return posted

    @property
    def said(self) -> list[str]:
        return [comment.body for comment in self.github.comments(self.number)]


@pytest.fixture
def pull(github_server: GitHubServer) -> Pull:
    return Pull(github_server)


def test_the_first_time_a_comment_is_made(pull: Pull) -> None:
    posted = pull.say("**pass**")
    assert pull.said == ["<!-- ml_ci:comment key=default -->\n**pass**"]
    assert (posted.created, posted.edited) == (True, False)
    assert posted.url.endswith(f"#issuecomment-{pull.github.comments(pull.number)[0].id}")


def test_a_second_push_updates_the_comment_in_place(pull: Pull) -> None:
    first = pull.say("**pass**")
    second = pull.say("**fail**")
    assert pull.said == ["<!-- ml_ci:comment key=default -->\n**fail**"]
    assert (second.url, second.created, second.edited) == (first.url, False, True)


def test_a_comment_that_is_not_worth_making_is_made_by_nobody_but_one_that_is_there_is_updated(pull: Pull) -> None:
    assert upsert_comment(pull.connect(), pull.number, key="default", body="same", create=False) is None
    assert pull.said == []
    pull.say("**fail**")
    upsert_comment(pull.connect(), pull.number, key="default", body="same", create=False)
    assert pull.said == [f"{marker('default')}\nsame"]


def test_45_foreign_comments_in_between_change_nothing(pull: Pull) -> None:
    pull.say("**pass**")
    for number in range(45):
        pull.github.add_comment("mona", f"comment {number}", pull.number)
    pull.say("**fail**")
    assert sum("ml_ci:comment" in body for body in pull.said) == 1
    assert pull.said[0].endswith("**fail**")


def test_our_comment_is_found_behind_245_foreign_ones(pull: Pull) -> None:
    for number in range(245):
        pull.github.add_comment("mona", f"comment {number}", pull.number).updated_at = "2024-02-29T12:00:00Z"
    pull.say("**pass**")
    pull.say("**fail**")
    assert len(pull.said) == 246
    assert pull.said[-1].endswith("**fail**")
    assert pull.github.count("GET", COMMENTS) == 7, "three pages of 100, twice, and what is new"


def test_a_comment_that_says_the_same_is_not_edited(pull: Pull) -> None:
    pull.say("**pass**\n")
    again = pull.say("**pass**\n")
    assert (again.created, again.edited) == (False, False)
    assert pull.github.count("PATCH", "*") == 0


def test_a_marker_that_somebody_else_quotes_is_left_alone(pull: Pull) -> None:
    theirs = f"{marker('default')}\nI say pass!"
    for author in ("mona", "other-app[bot]", None):
        pull.github.add_comment(author, theirs, pull.number)
    pull.say("**fail**")
    pull.say("**pass**")
    assert pull.said == [theirs, theirs, theirs, f"{marker('default')}\n**pass**"]


def test_a_marker_that_we_quote_further_down_is_not_our_comment(pull: Pull) -> None:
    pull.github.add_comment(BOT, f"Another tool cites:\n> {marker('default')}", pull.number)
    assert pull.say("**pass**").created


def test_with_a_personal_token_the_author_is_whoever_it_belongs_to(pull: Pull) -> None:
    pull.github.tokens["personal"] = Token(login="mona", kind="User")
    pull.say("**pass**")
    assert pull.say("**pass**", token="personal").created
    assert not pull.say("**fail**", token="personal").created
    assert [comment.author.login for comment in pull.github.comments(pull.number) if comment.author] == [BOT, "mona"]


class Viewer(BaseHTTPRequestHandler):
    """Passes requests on to `github`, but tells an App its login, which real GitHub does over GraphQL only."""

    github: str

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/graphql":
            status, content = 200, b'{"data": {"viewer": {"login": "our-app[bot]"}}}'
        else:
            passed = requests.request(self.command, self.github + self.path, headers=self.headers, data=body, timeout=9)  # type: ignore[arg-type]
            status, content = passed.status_code, passed.content
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def test_with_a_token_of_an_app_the_author_is_the_app(pull: Pull) -> None:
    pull.github.tokens["app"] = Token(login="our-app[bot]", kind="Bot")
    handler = type("Handler", (Viewer,), {"github": pull.github.url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as front:
        threading.Thread(target=front.serve_forever, args=(0.01,), daemon=True).start()
        pull.url = f"http://127.0.0.1:{front.server_port}"
        pull.say("**pass**", token="app")
        pull.say("**fail**", token="app")
        front.shutdown()
    assert pull.said == [f"{marker('default')}\n**fail**"]


def test_each_key_has_its_comment(pull: Pull) -> None:
    for key in ("churn", "churn-2", "churn"):
        pull.say("**pass**", key=key)
    assert pull.said == [f"{marker('churn')}\n**pass**", f"{marker('churn-2')}\n**pass**"]


@pytest.mark.parametrize("key", ["--> <b>", "a--b", "--", "ä/ö", "->", "a%2D%2Db", "--!>"])
def test_no_key_breaks_out_of_the_hidden_marker(pull: Pull, key: str) -> None:
    line = marker(key)
    inside = line.removeprefix("<!-- ").removesuffix(" -->")
    assert not {"--", ">", "<", "\n"} & {inside[at : at + size] for at in range(len(inside)) for size in (1, 2)}
    pull.say("**pass**", key=key)
    assert not pull.say("**fail**", key=key).created


def test_different_keys_have_different_markers() -> None:
    keys = ["a--b", "a%2D%2Db", "a-b", "a b", "a+b", "A", "a"]
    assert len({marker(key) for key in keys}) == len(keys)


def test_where_several_are_ours_the_oldest_is_kept_up_to_date_and_the_others_go(pull: Pull) -> None:
    for body in ("old", "older job's twin", "another"):
        pull.github.add_comment(BOT, f"{marker('default')}\n{body}", pull.number)
    theirs = pull.github.add_comment("mona", f"{marker('default')}\nquoted", pull.number)
    posted = pull.say("**pass**")
    assert pull.said == [f"{marker('default')}\n**pass**", theirs.body]
    assert posted.warnings == ()


def test_a_second_comment_that_cannot_be_deleted_is_named(pull: Pull) -> None:
    first, twin = (pull.github.add_comment(BOT, f"{marker('default')}\n{body}", pull.number) for body in "ab")
    pull.github.inject("DELETE", "/issues/comments/*", Status(422, "Locked"), times=None)
    posted = pull.say("**pass**")
    assert posted.url.endswith(f"#issuecomment-{first.id}")
    (warning,) = posted.warnings
    assert warning.endswith(f"#issuecomment-{twin.id}): delete it, it is out of date.")


def test_of_two_jobs_that_both_found_none_the_newer_comment_gives_way(pull: Pull) -> None:
    pull.github.before("POST", COMMENTS, lambda: pull.github.add_comment(BOT, f"{marker('default')}\ntheirs", 1))
    posted = pull.say("**ours**")
    assert pull.said == [f"{marker('default')}\n**ours**"]
    (comment,) = pull.github.comments(pull.number)
    assert posted.url.endswith(f"#issuecomment-{comment.id}")
    assert posted.created


def test_a_comment_that_was_made_stays_where_looking_again_fails(pull: Pull) -> None:
    pull.github.inject("GET", COMMENTS, Status(422, "Locked"), times=None, skip=1)
    assert pull.say("**ours**").created
    assert pull.said == [f"{marker('default')}\n**ours**"]


def test_two_jobs_at_once_ten_times_over_leave_one_comment(pull: Pull) -> None:
    for turn in range(10):
        together = threading.Barrier(2)
        pull.github.before("POST", COMMENTS, partial(together.wait, 10), times=2)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(pull.say, key=f"key-{turn}"), ["of one job", "of the other"]))
    assert [body.splitlines()[0] for body in pull.said] == [marker(f"key-{turn}") for turn in range(10)]


def test_a_token_that_may_not_comment_is_told_what_to_paste(pull: Pull) -> None:
    pull.github.withhold("issues", "pull_requests")
    with pytest.raises(NotPermittedError, match="Resource not accessible by integration") as caught:
        pull.say("**pass**")
    assert "`pull-requests: write`" in str(caught.value)
    assert "permissions:\n  contents: read\n  pull-requests: write\n" in caught.value.hint
    assert "forks" in caught.value.hint
    assert "Dependabot" in caught.value.hint
    assert pull.waits == []


def test_the_hint_names_everything_that_is_needed_once() -> None:
    hint = permissions_hint({"checks": "write", "contents": "write"})
    assert "permissions:\n  contents: write\n  checks: write\n" in hint


def test_a_body_over_githubs_limit_is_refused_in_githubs_words(pull: Pull) -> None:
    with pytest.raises(OutsideError, match=r"write the comment on pull request 1 \(422: .*65536"):
        pull.say("x" * 65_536)


def test_a_pull_request_that_is_not_there_is_named(pull: Pull) -> None:
    pull.number = 99
    with pytest.raises(OutsideError, match="pull request 99"):
        pull.say("**pass**")


def test_a_token_that_github_does_not_know_is_named(pull: Pull) -> None:
    pull.github.tokens["old"] = Token(valid=False)
    with pytest.raises(OutsideError, match=r"Bad credentials.*`github-token`"):
        pull.say("**pass**", token="old")


def test_no_token_at_all_is_an_error_of_the_configuration(pull: Pull) -> None:
    with pytest.raises(ConfigError, match="`github-token` is empty"):
        pull.say("**pass**", token=" \n")


@pytest.mark.parametrize("fault", [Status(500), Status(502), Status(503), Html(502), Reset()], ids=str)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_short_outage_is_waited_for(pull: Pull, method: str, fault: Status | Html | Reset) -> None:
    if method == "PATCH":
        pull.say("**pass**")
    pull.github.inject(method, "/issues/*comments*", fault, times=2)
    pull.say("**fail**")
    assert pull.said == [f"{marker('default')}\n**fail**"]
    assert pull.waits == [1, 2]


@pytest.mark.parametrize("fault", [LostAnswer(), Slow(1.5)], ids=["lost-answer", "slow-answer"])
def test_a_comment_whose_making_was_not_confirmed_is_not_made_twice(pull: Pull, fault: LostAnswer | Slow) -> None:
    pull.github.inject("POST", COMMENTS, fault)
    # the slow server carries the request out after the client has given up, and before it looks
    pull.github.before("GET", COMMENTS, lambda: until(lambda: bool(pull.said)), skip=1)
    posted = pull.say("**pass**", timeout=1)
    assert pull.said == [f"{marker('default')}\n**pass**"]
    assert posted.created


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)


def test_a_long_outage_is_an_error_and_bounded(pull: Pull) -> None:
    pull.github.inject("*", "*", Status(502, "Bad Gateway"), times=None)
    with pytest.raises(OutsideError, match=r"failed when asked to write the comment on pull request 1 \(502"):
        pull.say("**pass**")
    assert pull.waits == [1, 2, 4, 8, 16]


def test_no_github_at_all_is_an_error_and_bounded(pull: Pull) -> None:
    pull.github.close()
    with pytest.raises(OutsideError, match=r"could not be reached to write the comment.*refused"):
        pull.say("**pass**")
    assert pull.waits == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_that_says_how_long_is_waited_for_that_long(pull: Pull, status: int) -> None:
    pull.github.inject("POST", COMMENTS, SecondaryLimit(retry_after=7, status=status))
    pull.say("**pass**")
    assert pull.said == [f"{marker('default')}\n**pass**"]
    assert pull.waits == [7]


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_that_does_not_say_is_waited_for_a_minute(pull: Pull, status: int) -> None:
    pull.github.inject("POST", COMMENTS, SecondaryLimit(status=status))
    pull.say("**pass**")
    assert pull.said == [f"{marker('default')}\n**pass**"]
    assert pull.waits == [60]


@pytest.mark.parametrize("status", [403, 429])
def test_a_primary_limit_that_ends_soon_is_waited_for(pull: Pull, status: int) -> None:
    pull.github.inject("GET", COMMENTS, PrimaryLimit(reset_in=20, status=status))
    pull.say("**pass**")
    assert pull.said == [f"{marker('default')}\n**pass**"]
    assert pull.waits == [pytest.approx(21, abs=1.5)]


@pytest.mark.parametrize(
    "limit",
    [
        PrimaryLimit(reset_in=2400),
        PrimaryLimit(reset_in=2400, status=429),
        SecondaryLimit(retry_after=2400),
        SecondaryLimit(retry_after=2400, status=429),
    ],
    ids=str,
)
def test_a_limit_of_forty_minutes_is_not_waited_for(pull: Pull, limit: PrimaryLimit | SecondaryLimit) -> None:
    pull.github.inject("GET", COMMENTS, limit, times=None)
    with pytest.raises(OutsideError, match=r"asks to wait 2\d\d\d s, and a job waits no longer than 150 s"):
        pull.say("**pass**")
    assert pull.waits == []


@pytest.mark.parametrize("limit", [SecondaryLimit(), SecondaryLimit(status=429), SecondaryLimit(retry_after=60)])
def test_a_limit_that_does_not_end_is_not_waited_for_for_ever(pull: Pull, limit: SecondaryLimit) -> None:
    pull.github.inject("POST", COMMENTS, limit, times=None)
    with pytest.raises(OutsideError, match="rate limit"):
        pull.say("**pass**")
    assert pull.waits == [60, 60]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_of_no_seconds_is_tried_six_times(pull: Pull, status: int) -> None:
    pull.github.inject("POST", COMMENTS, SecondaryLimit(retry_after=0, status=status), times=None)
    with pytest.raises(OutsideError, match="rate limit"):
        pull.say("**pass**")
    assert pull.github.count("POST", COMMENTS) == 6


def test_a_server_that_does_not_answer_uses_up_patience_by_its_timeouts(pull: Pull) -> None:
    pull.github.inject("GET", COMMENTS, Slow(1.2), times=None)
    with pytest.raises(OutsideError, match="could not be reached to write the comment"):
        pull.say("**pass**", timeout=1, patience=2.5)
    assert pull.waits == [1]


def test_waits_of_several_threads_at_once_are_paid_for_once() -> None:
    patience = Patience(100, lambda: 1000.0)
    assert [patience.spend(60) for _ in range(4)] == [True] * 4
    assert patience.spend(100)
    assert not patience.spend(101)
