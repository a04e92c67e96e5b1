"""When a commit became the tip of a pull request's branch, by GitHub's own log of pushes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.PullRequest import PullRequest
    from github.Repository import Repository

_FROM_HERE = "open the pull request again from a branch of this repository."
_PUSH_AGAIN = "push once more (an empty commit will do), and set it after that."
_NOT_TO_BE_HAD = (403, 404, 422)


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Why it is not known, and what helps, as the two halves of a sentence."""

    why: str
    help: str


def became_tip(pull: PullRequest) -> datetime | Unknown:
    """When the pull request's branch came to point to where it is now, for the last time. A fork's is in the fork's log.

    Raises GitHub's errors, but for those that say that there is no such log.
    """
    from github import GithubException, RateLimitExceededException

    head, home = pull.head, _home(pull)
    if home is None:
        return Unknown(why="the fork is gone, and its log of pushes with it", help=_FROM_HERE)
    is_fork, ref = home.id != pull.base.repo.id, f"refs/heads/{head.ref}"
    try:
        _, found = pull.requester.requestJsonAndCheck("GET", f"{home.url}/activity", parameters={"ref": ref})
    except RateLimitExceededException:
        raise
    except GithubException as error:
        # that this repository may not be read is a matter of the workflow's permissions
        if error.status not in _NOT_TO_BE_HAD or (error.status == 403 and not is_fork):
            raise
        if is_fork:
            return Unknown(why="the log of pushes to the fork is not for ml-ci to read", help=_FROM_HERE)
        return Unknown(
            why="this GitHub has no log of pushes",
            help="remove it and set it again in a workflow that runs on `labeled`, which then is GitHub's word for it.",
        )
    return newest(found, ref, head.sha)


def _home(pull: PullRequest) -> Repository | None:
    """The repository of its branch, None where it was deleted, which PyGithub's types do not tell."""
    return pull.head.repo


def newest(found: object, ref: str, sha: str) -> datetime | Unknown:
    """The time of the newest entry, which is the first. Where that is about another commit, the log is behind or cut off."""
    first = found[0] if isinstance(found, list) and found else None
    if not isinstance(first, Mapping) or first.get("ref") != ref or first.get("after") != sha:
        return Unknown(why="GitHub's log of pushes does not end with it", help=_PUSH_AGAIN)
    at = read_time(str(first.get("timestamp")))
    return at or Unknown(why="GitHub's log of pushes does not say when", help=_PUSH_AGAIN)


def read_time(text: str) -> datetime | None:
    """A time as GitHub writes it; None where it is no such thing."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
