"""What GitHub says has happened, and what is to be done about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError
from ml_ci.github.label_set import LabelSet, label_set
from ml_ci.github.payload import Payload, parse_payload, required, sha_at, text_at, value_at, whole_number
from ml_ci.github.triggering_run import DEPENDABOT, TriggeringRun, triggering_run

__all__ = ["Activity", "Event", "Mode", "Payload", "activity", "parse_payload", "read_event", "why_nothing"]

Mode = Literal["auto", "compare", "record", "publish"]

PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")
_READ_ONLY_FOR_DEPENDABOT = ("pull_request", "push", "create", "deployment", "deployment_status")


class Activity(Enum):
    """What the action does, once it knows the event."""

    COMPARE_AND_COMMENT = "compare and comment"
    """Compare head with base, decide, and write the comment on the pull request."""
    COMPARE = "compare"
    """Compare head with base and decide; there is no pull request to write on."""
    COMPARE_WITH_LAST_RECORD = "compare with last record"
    """Train the default branch as it is, and compare with its last record: has anything drifted?"""
    RECORD = "record"
    """Train, and keep the run as a record that later pull requests find."""
    PUBLISH = "publish"
    """Write what a job without rights has found."""
    NOTHING = "nothing"
    """There is nothing left to judge: a closed pull request, a deleted branch."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event, as far as ml-ci needs it.

    `head_sha` is the commit under review: on a pull request its true head, where `sha` (GITHUB_SHA) is GitHub's merge
    of it. `base_sha` and `base_ref` are those that the event names: on a pull request the tip of the branch that it
    goes into, on a push the commit before it; None where there is none. `is_fork` says that the pull request comes
    from another repository. `deleted` says that the push removed its ref. `run_url` is the page of this attempt.
    `triggered_by` is the run that ended, on `workflow_run`, and None on any other event. `label` is there where the event is
    that a label was set. `previous_head` is the pull request's head before the push that is the event, None on any other.
    """

    name: str
    action: str | None
    repository: str
    default_branch: str
    pull_number: int | None
    head_sha: str
    base_sha: str | None
    base_ref: str | None
    ref: str
    sha: str
    is_fork: bool
    deleted: bool
    actor: str
    run_id: int
    run_attempt: int
    run_url: str
    server_url: str
    api_url: str
    triggered_by: TriggeringRun | None = None
    label: LabelSet | None = None
    previous_head: str | None = None

    @property
    def queued_pull(self) -> int | None:
        """The pull request whose turn it is in a merge queue, which GitHub tells in the name of the queue's branch only."""
        found = re.fullmatch(r"refs/heads/gh-readonly-queue/.+/pr-([1-9][0-9]{0,17})-[0-9a-f]+", self.ref)
        return int(found[1]) if found and self.name == "merge_group" else None

    @property
    def on_default_branch(self) -> bool:
        """Whether the event's ref is the default branch."""
        return self.ref == f"refs/heads/{self.default_branch}"

    @property
    def has_read_only_token(self) -> bool:
        """Whether GitHub gives this event a token that cannot write, unless the workflow's owner arranged otherwise."""
        if self.is_fork:
            return self.name == "pull_request"
        return self.name in _READ_ONLY_FOR_DEPENDABOT and self.actor == DEPENDABOT


def activity(event: Event, mode: Mode) -> Activity:  # noqa: PLR0911 - a table, one row a line
    """What to do about `event`. Raises ConfigError where the mode cannot be meant for it."""
    if _is_over(event):
        return Activity.NOTHING
    if mode == "publish":
        return _publish(event)
    if mode == "record":
        return _record(event)
    match event.name:
        case "pull_request" | "pull_request_target":
            return Activity.COMPARE_AND_COMMENT
        case "merge_group":
            return Activity.COMPARE
        case "push" if mode == "auto" and event.on_default_branch:
            return Activity.RECORD
        case "push":
            return Activity.COMPARE
        case "schedule" | "workflow_dispatch":
            return Activity.COMPARE_WITH_LAST_RECORD if event.on_default_branch else Activity.COMPARE
        case "workflow_run" if mode == "auto":
            return _publish(event)
        case _ if mode == "compare":
            return Activity.COMPARE
        case _:
            raise ConfigError(
                f"ml-ci does not know what to do on the event {event.name}: set the input `mode` to compare, record or "
                "publish, or run the workflow on pull_request, push, merge_group, workflow_run, schedule or "
                "workflow_dispatch."
            )


def read_event(environ: Mapping[str, str], payload: Payload) -> Event:
    """The event of this job, from the variables that the runner sets and the event file's content.

    Raises ConfigError where this is no GitHub Actions job, OutsideError where the event lacks what it must have.
    """
    name, sha, ref = (_variable(environ, f"GITHUB_{part}") for part in ("EVENT_NAME", "SHA", "REF"))
    repository, server_url = _variable(environ, "GITHUB_REPOSITORY"), _variable(environ, "GITHUB_SERVER_URL")
    run_id, run_attempt = _number(environ, "GITHUB_RUN_ID"), _number(environ, "GITHUB_RUN_ATTEMPT")
    head_sha, base_sha, base_ref = _commits(name, payload, sha)
    return Event(
        name=name,
        action=text_at(payload, "action"),
        repository=repository,
        default_branch=_default_branch(name, payload, ref),
        pull_number=_pull_number(name, payload),
        head_sha=head_sha,
        base_sha=base_sha,
        base_ref=base_ref,
        ref=ref,
        sha=sha,
        is_fork=name in PULL_REQUEST_EVENTS and text_at(payload, "pull_request.head.repo.full_name") != repository,
        deleted=name == "push" and value_at(payload, "deleted") is True,
        actor=environ.get("GITHUB_ACTOR", ""),
        run_id=run_id,
        run_attempt=run_attempt,
        run_url=f"{server_url}/{repository}/actions/runs/{run_id}/attempts/{run_attempt}",
        server_url=server_url,
        api_url=_variable(environ, "GITHUB_API_URL"),
        previous_head=text_at(payload, "before") if name in PULL_REQUEST_EVENTS else None,
        triggered_by=triggering_run(name, payload),
        label=label_set(payload, repository) if name in PULL_REQUEST_EVENTS else None,
    )


def _is_over(event: Event) -> bool:
    if event.name in PULL_REQUEST_EVENTS:
        return event.action == "closed"
    return event.deleted or (event.name == "merge_group" and event.action == "destroyed")


def _record(event: Event) -> Activity:
    # a record is what later pull requests are judged by, so code that nobody has merged must not write one
    if event.name in PULL_REQUEST_EVENTS:
        raise ConfigError(
            f"The input `mode` is record, but the event is {event.name}, whose code is not merged yet: run ml-ci with "
            "mode auto or compare here, and with record on push."
        )
    return Activity.RECORD


def _publish(event: Event) -> Activity:
    run = event.triggered_by
    if run is None:
        raise ConfigError(
            f"The input `mode` is publish, but the event is {event.name}: publish belongs into a workflow of its own, on "
            "workflow_run (docs/forks.md)."
        )
    if event.action != "completed" or run.waits_for_approval:
        return Activity.NOTHING
    return Activity.PUBLISH if run.left_something_to_publish(event.repository) else Activity.NOTHING


def why_nothing(event: Event) -> str:
    """One sentence: why there is nothing to do on this event."""
    run = event.triggered_by
    if run is None or event.action != "completed":
        return f"Nothing to do on {event.name} ({event.action})."
    if run.waits_for_approval:
        return f"Nothing to publish: the run {run.url} waits for a maintainer's approval, and has run nothing yet."
    whose = "from this repository" if run.event == "pull_request" else "no pull request's"
    return f"Nothing to publish: the run {run.url} (on {run.event}) is {whose}, so it has told of itself."


def _commits(name: str, payload: Payload, sha: str) -> tuple[str, str | None, str | None]:
    """Head's SHA, base's SHA, base's branch."""
    match name:
        case "pull_request" | "pull_request_target":
            where = "pull_request"
            return (
                sha_at(name, payload, f"{where}.head.sha"),
                sha_at(name, payload, f"{where}.base.sha"),
                required(name, payload, f"{where}.base.ref"),
            )
        case "merge_group":
            base_ref = required(name, payload, "merge_group.base_ref").removeprefix("refs/heads/")
            head_sha = sha_at(name, payload, "merge_group.head_sha")
            return head_sha, sha_at(name, payload, "merge_group.base_sha"), base_ref
        case "workflow_run":
            return sha_at(name, payload, "workflow_run.head_sha"), None, None
        case "push":
            before = sha_at(name, payload, "before") if text_at(payload, "before") else ""
            # a push that makes a branch comes "after" a commit of zeros
            return sha, before if before.strip("0") else None, None
        case _:
            return sha, None, None


def _default_branch(name: str, payload: Payload, ref: str) -> str:
    branch = text_at(payload, "repository.default_branch")
    if branch is None and name == "schedule":
        # a schedule runs on the default branch only, and its payload does not always describe the repository
        return ref.removeprefix("refs/heads/")
    return branch or required(name, payload, "repository.default_branch")


def _pull_number(name: str, payload: Payload) -> int | None:
    if name not in PULL_REQUEST_EVENTS:
        return None
    return whole_number(name, payload, "pull_request.number")


def _variable(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set, so this is no GitHub Actions job: outside of one, use `ml-ci run`.")
    return value


def _number(environ: Mapping[str, str], name: str) -> int:
    value = _variable(environ, name)
    if not (value.isascii() and value.isdecimal() and len(value) < 20):
        raise ConfigError(
            f"{name} is {quoted(value)}, which is not a number: outside of GitHub Actions, use `ml-ci run`."
        )
    return int(value)
