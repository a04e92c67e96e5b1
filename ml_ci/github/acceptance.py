"""The label by which somebody with write access accepts a regression: who set it, when, and whether that counts.

All times are of GitHub's clock. A commit's own dates are its author's to choose, so none of them is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml_ci.github.branch_tip import Unknown, became_tip, read_time
from ml_ci.github.label_set import LabelSet
from ml_ci.github.session import Permissions, explained
from ml_ci.records import Accepted

if TYPE_CHECKING:
    from github.IssueEvent import IssueEvent
    from github.NamedUser import NamedUser
    from github.Organization import Organization
    from github.PullRequest import PullRequest
    from github.Repository import Repository

LABEL = "ml-ci:accept"
NEEDED: Permissions = {"contents": "read", "pull-requests": "read"}

_MAY_WRITE = ("admin", "maintain", "write")
_MOVED = {
    "head_ref_force_pushed": "its branch was force-pushed",
    "base_ref_changed": "its base was changed",
    "automatic_base_change_succeeded": "its base was changed",
}
"""Events of a pull request after which another thing is judged than was there to be accepted."""


@dataclass(frozen=True, kw_only=True)
class NotAccepted:
    """The label is there, and does not count; `why` is a sentence that says what to do."""

    why: str


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """That the label was set, for the last time: by whom, when, and by a program or a person."""

    by: str
    account: int
    at: datetime
    by_person: bool


def acceptance(
    repo: Repository, pull_number: int, head_sha: str | None, *, said: LabelSet | None = None
) -> Accepted | NotAccepted | None:
    """Whether the label on this pull request lets `head_sha` through; None where there is no such label.

    Without a `head_sha` it is about the commit where the pull request is now: a merge queue's event does not name it.
    `said` is the event that a label was set, if that is what triggered the job: it takes the place of the log of pushes
    where that cannot be read.

    Raises OutsideError where GitHub does not tell; NotPermittedError where the token may not ask.
    """
    with explained(f"see who set the label {LABEL} on pull request {pull_number}", NEEDED):
        pull = repo.get_pull(pull_number)
        if not any(_is_ours(label.name) for label in pull.labels):
            return None
        sha = head_sha or pull.head.sha
        if pull.head.sha != sha:
            return _not(
                f"is not asked for {_short(sha)}, as the pull request is at {_short(pull.head.sha)} by now: see there."
            )
        events = list(repo.get_issue(pull_number).get_events())
        setting = _last_setting(events)
        why = _refused(repo, events, setting) if setting else "has nobody's name to it: remove it, and set it again."
        if setting is None or why:
            return _not(why)
        why = _too_early(pull, setting, said)
    return _not(why) if why else Accepted(by=setting.by, at=_written(setting.at), pull=pull_number)


def _last_setting(events: list[IssueEvent]) -> _Setting | None:
    """Who set the label that is there now; None where that is not known, as of a label that had another name then."""
    ours = [event for event in events if event.event in ("labeled", "unlabeled") and _is_ours(event.label.name)]
    last = max(ours, key=lambda event: (event.created_at, event.id), default=None)
    actor = _actor(last) if last and last.event == "labeled" else None
    if last is None or actor is None:
        return None
    # an App may be at the command of anybody, as those are that label by the files that a pull request changes
    person = actor.type == "User" and not actor.login.endswith("[bot]")
    return _Setting(by=actor.login, account=actor.id, at=last.created_at, by_person=person)


def _refused(repo: Repository, events: list[IssueEvent], setting: _Setting) -> str:
    """Why it does not count, whenever its commit was pushed; empty where nothing speaks against it."""
    set_by = f"was set by @{setting.by}"
    if not setting.by_person:
        return f"{set_by}, and only people accept: somebody with write access has to remove it and set it again."
    if not _may_write(repo, setting):
        return f"{set_by}, who may not write to this repository: somebody with write access has to remove it and set it again."
    # the same second is not after: which of the two came first is not known
    moved = next(
        (_MOVED[event.event] for event in events if event.event in _MOVED and event.created_at >= setting.at), ""
    )
    return f"{set_by} before {moved}: remove it and set it again, if this is accepted, too." if moved else ""


def _too_early(pull: PullRequest, setting: _Setting, said: LabelSet | None) -> str:
    """Why it is not after the commit; empty where it is."""
    sha, tip = pull.head.sha, became_tip(pull)
    if isinstance(tip, Unknown):
        if said and _is_proof(said, setting, sha):
            return ""
        return f"was set by @{setting.by}; whether after the commit {_short(sha)} is not known, since {tip.why}: {tip.help}"
    if setting.at > tip:
        return ""
    return (
        f"was set by @{setting.by} before the commit {_short(sha)} was pushed: remove it and set it again, if this is "
        "accepted, too."
    )


def _is_proof(said: LabelSet, setting: _Setting, sha: str) -> bool:
    """Whether the event is about this very setting of the label, and that was at this commit.

    An older event, of a job that is run again, was written down before.
    """
    at = read_time(said.at)
    about_this = _is_ours(said.name) and said.by == setting.by and at is not None and at >= setting.at
    return said.settled and about_this and said.head_sha == sha


def _may_write(repo: Repository, setting: _Setting) -> bool:
    from github import UnknownObjectException

    try:
        _, found = repo.requester.requestJsonAndCheck(
            "GET", f"{repo.url}/collaborators/{quote(setting.by, safe='')}/permission"
        )
    except UnknownObjectException:
        return False  # no such account any more, or none that can have rights
    # the name may be somebody else's by now
    account = found.get("user") if isinstance(found, dict) else None
    is_same = isinstance(account, dict) and account.get("id") == setting.account
    return is_same and found.get("permission") in _MAY_WRITE


def _actor(event: IssueEvent) -> NamedUser | Organization | None:
    """Who did it, None where the account is gone, which PyGithub's types do not tell."""
    return event.actor


def _is_ours(name: str) -> bool:
    """As GitHub's labels are: without regard to case."""
    return name.lower() == LABEL


def _not(why: str) -> NotAccepted:
    return NotAccepted(why=f"The label {LABEL} {why}")


def _short(sha: str) -> str:
    return sha[:9]


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
