"""The event that a label was set on a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml_ci.github.payload import Payload, text_at, value_at


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """The setting of a label that triggered the job: of which, by whom, at which commit of the pull request.

    `at` is when the pull request was last changed, UTC in ISO 8601; GitHub wrote this down at that time or later. `settled`
    says that meanwhile nobody without write access can have pushed: the branch is in this repository, or its fork is gone.
    """

    name: str
    by: str
    at: str
    head_sha: str
    settled: bool


def label_set(payload: Payload, repository: str) -> LabelSet | None:
    """What a pull request's event says of it; None where it is about something else.

    None, too, where the event does not say all that it takes: then it is no proof of anything.
    """
    paths = ("label.name", "sender.login", "pull_request.updated_at", "pull_request.head.sha")
    name, by, at, head_sha = (text_at(payload, path) for path in paths)
    head = value_at(payload, "pull_request.head")
    if text_at(payload, "action") != "labeled" or not (name and by and at and head_sha and isinstance(head, Mapping)):
        return None
    is_here = text_at(payload, "pull_request.head.repo.full_name") == repository
    is_gone = "repo" in head and head["repo"] is None
    return LabelSet(name=name, by=by, at=at, head_sha=head_sha, settled=is_here or is_gone)
