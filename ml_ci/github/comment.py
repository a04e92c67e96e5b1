"""The one comment on a pull request: found again, updated in place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml_ci.github.session import explained

if TYPE_CHECKING:
    from github.IssueComment import IssueComment
    from github.NamedUser import NamedUser
    from github.Organization import Organization
    from github.Repository import Repository

ACTIONS_BOT = "github-actions[bot]"
TRIES = 6
RACE = timedelta(minutes=10)
"""Between the look of one job and the making of another's comment there is no more than a job waits for GitHub."""


@dataclass(frozen=True, kw_only=True)
class PostedComment:
    """Where the comment is. `created` and `edited` are both False where it said the same already.

    `warnings` are sentences for the report's reader, one for each oddity that was met.
    """

    url: str
    created: bool
    edited: bool
    warnings: tuple[str, ...] = ()


def marker(key: str) -> str:
    """The hidden first line by which the comment of `key` is found again.

    The key is percent-encoded so that it can neither end the HTML comment nor be taken for another key.
    """
    return f"<!-- ml_ci:comment key={quote(key, safe='').replace('--', '%2D%2D')} -->"


def upsert_comment(
    repo: Repository,
    pull_number: int,
    *,
    key: str,
    body: str,
    create: bool = True,
    sleep: Callable[[float], object] = time.sleep,
) -> PostedComment | None:
    """Make the pull request's comment of `key` say `body`, which is Markdown without the marker.

    Without `create` a comment that is there is brought up to date, and None says that there was none.

    A comment is ours if it begins with the marker and we wrote it. There can be several where two jobs made one at the
    same time, or a job was killed after that: the oldest is kept up to date, and the others are deleted. Raises
    OutsideError; NotPermittedError where the token may not comment.
    """
    from github import GithubException
    from requests import RequestException

    text = f"{marker(key)}\n{body}"
    with explained(f"write the comment on pull request {pull_number}", {"pull-requests": "write"}):
        for attempt in range(TRIES):
            ours = _ours(repo, pull_number, key)
            if ours:
                return replace(_update(ours, text), created=attempt > 0)
            if not create:
                return None
            try:
                created = repo.get_issue(pull_number).create_comment(text)
            except (GithubException, RequestException) as error:
                # it may have been written though we were told nothing: look before writing another
                refused = isinstance(error, GithubException) and error.status < 500
                if refused or attempt == TRIES - 1:
                    raise
                sleep(2.0**attempt)
            else:
                return _settled(repo, pull_number, key, created, text)
        raise AssertionError("the last try returns or raises")


def _settled(repo: Repository, pull_number: int, key: str, created: IssueComment, text: str) -> PostedComment:
    """The comment that stays, where another job may have looked and made one just as we did."""
    from github import GithubException
    from requests import RequestException

    posted = PostedComment(url=created.html_url, created=True, edited=False)
    try:
        # only what changed lately: a pull request can have many pages of comments
        ours = _ours(repo, pull_number, key, since=created.created_at - RACE)
        # of two jobs that look, that of the newer comment gives way
        if not ours or ours[0].id >= created.id:
            return posted
        return replace(_update(ours, text), created=True)
    except (GithubException, RequestException):
        return posted  # it says what it should; the next run looks again


def _ours(repo: Repository, pull_number: int, key: str, since: datetime | None = None) -> list[IssueComment]:
    """Our comments of this key, the oldest first; those that were changed `since`, if that is given."""
    from github.GithubObject import NotSet

    start = marker(key)
    comments = repo.get_issue(pull_number).get_comments(since or NotSet)
    marked = [comment for comment in comments if _body(comment).startswith(start)]
    if not marked:
        return []
    author = _author(repo, marked)
    ours = [comment for comment in marked if _login(comment) == author]
    return sorted(ours, key=lambda comment: comment.id)


def _update(ours: list[IssueComment], text: str) -> PostedComment:
    oldest, *others = ours
    edited = _normal(_body(oldest)) != _normal(text)
    if edited:
        oldest.edit(text)
    warnings = tuple(warning for warning in map(_deleted, others) if warning)
    return PostedComment(url=oldest.html_url, created=False, edited=edited, warnings=warnings)


def _deleted(comment: IssueComment) -> str:
    """Delete a second comment of ours; a sentence where GitHub does not let us."""
    from github import GithubException
    from requests import RequestException

    try:
        comment.delete()
    except (GithubException, RequestException) as error:
        if isinstance(error, GithubException) and error.status == 404:
            return ""  # the other job was quicker
        return f"A second comment of ml-ci's could not be deleted ({comment.html_url}): delete it, it is out of date."
    return ""


def _author(repo: Repository, marked: list[IssueComment]) -> str:
    """Our login. A workflow's own token may not ask for it over REST, nor may that of an App."""
    from github import GithubException

    try:
        _, viewer = repo.requester.requestJsonAndCheck("GET", "/user")
        return str(viewer["login"])
    except GithubException as error:
        if error.status not in (403, 404):
            raise
    authors = [_user(comment) for comment in marked]
    other_bots = [user for user in authors if user and user.type == "Bot" and user.login != ACTIONS_BOT]
    return _app_login(repo) if other_bots else ACTIONS_BOT


def _app_login(repo: Repository) -> str:
    """The login of the token's App, which only GraphQL tells; asked for only where it could make a difference."""
    from github import GithubException

    try:
        _, answer = repo.requester.graphql_query("query { viewer { login } }", {})
    except GithubException as error:
        if error.status >= 500:
            raise
        return ACTIONS_BOT
    match answer:
        case {"data": {"viewer": {"login": str(login)}}}:
            return login if login.endswith("[bot]") else f"{login}[bot]"
        case _:
            return ACTIONS_BOT


def _login(comment: IssueComment) -> str | None:
    user = _user(comment)
    return user.login if user else None


def _user(comment: IssueComment) -> NamedUser | Organization | None:
    """The author, None where the account is gone, which PyGithub's types do not tell."""
    return comment.user


def _body(comment: IssueComment) -> str:
    return comment.body or ""


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip()
