"""What GitHub says has happened, and what is to be done about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ml_ci.errors import ConfigError, OutsideError

Mode = Literal["auto", "compare", "record", "publish"]
Payload = Mapping[str, object]

PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")


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

    @property
    def on_default_branch(self) -> bool:
        """Whether the event's ref is the default branch."""
        return self.ref == f"refs/heads/{self.default_branch}"

    @property
    def has_read_only_token(self) -> bool:
        """Whether GitHub gives this event a token that cannot write, unless the workflow's owner arranged otherwise."""
        return self.name != "pull_request_target" and (self.is_fork or self.actor == "dependabot[bot]")


def activity(event: Event, mode: Mode) -> Activity:  # noqa: PLR0911 - a table, one row a line
    """What to do about `event`. Raises ConfigError where the mode cannot be meant for it."""
    if _is_over(event):
        return Activity.NOTHING
    if mode == "publish":
        return Activity.PUBLISH
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
            return Activity.PUBLISH if event.action == "completed" else Activity.NOTHING
        case _ if mode == "compare":
            return Activity.COMPARE
        case _:
            raise ConfigError(
                f"ml-ci does not know what to do on the event {event.name}: set the input `mode` to compare, record or "
                "publish, or run the workflow on pull_request, push, merge_group, workflow_run, schedule or "
                "workflow_dispatch."
            )


def parse_payload(text: str | bytes, where: str) -> Payload:
    """The event file's content. Raises OutsideError, naming `where`, if it is not a JSON object."""
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise OutsideError(f"The event file {where} (GITHUB_EVENT_PATH) is not JSON: {error}.") from error
    if not isinstance(payload, dict):
        raise OutsideError(f"The event file {where} (GITHUB_EVENT_PATH) does not hold a JSON object.")
    return payload


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
        action=_text(payload, "action"),
        repository=repository,
        default_branch=_default_branch(name, payload, ref),
        pull_number=_pull_number(name, payload),
        head_sha=head_sha,
        base_sha=base_sha,
        base_ref=base_ref,
        ref=ref,
        sha=sha,
        is_fork=name in PULL_REQUEST_EVENTS and _text(payload, "pull_request.head.repo.full_name") != repository,
        deleted=name == "push" and _at(payload, "deleted") is True,
        actor=environ.get("GITHUB_ACTOR", ""),
        run_id=run_id,
        run_attempt=run_attempt,
        run_url=f"{server_url}/{repository}/actions/runs/{run_id}/attempts/{run_attempt}",
        server_url=server_url,
        api_url=_variable(environ, "GITHUB_API_URL"),
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


def _commits(name: str, payload: Payload, sha: str) -> tuple[str, str | None, str | None]:
    """Head's SHA, base's SHA, base's branch."""
    match name:
        case "pull_request" | "pull_request_target":
            where = "pull_request"
            return (
                _required(name, payload, f"{where}.head.sha"),
                _required(name, payload, f"{where}.base.sha"),
                _required(name, payload, f"{where}.base.ref"),
            )
        case "merge_group":
            base_ref = _required(name, payload, "merge_group.base_ref").removeprefix("refs/heads/")
            head_sha = _required(name, payload, "merge_group.head_sha")
            return head_sha, _required(name, payload, "merge_group.base_sha"), base_ref
        case "workflow_run":
            return _required(name, payload, "workflow_run.head_sha"), None, None
        case "push":
            before = _text(payload, "before")
            # a push that makes a branch comes "after" a commit of zeros
            return sha, before if before and before.strip("0") else None, None
        case _:
            return sha, None, None


def _default_branch(name: str, payload: Payload, ref: str) -> str:
    branch = _text(payload, "repository.default_branch")
    if branch is None and name == "schedule":
        # a schedule runs on the default branch only, and its payload does not always describe the repository
        return ref.removeprefix("refs/heads/")
    return branch or _required(name, payload, "repository.default_branch")


def _pull_number(name: str, payload: Payload) -> int | None:
    if name not in PULL_REQUEST_EVENTS:
        return None
    number = _at(payload, "pull_request.number")
    if not isinstance(number, int):
        raise OutsideError(f"The event file of {name} (GITHUB_EVENT_PATH) has no number at pull_request.number.")
    return number


def _variable(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set, so this is no GitHub Actions job: outside of one, use `ml-ci run`.")
    return value


def _number(environ: Mapping[str, str], name: str) -> int:
    value = _variable(environ, name)
    if not value.isdecimal():
        raise ConfigError(f"{name} is {value!r}, which is not a number: outside of GitHub Actions, use `ml-ci run`.")
    return int(value)


def _required(name: str, payload: Payload, path: str) -> str:
    value = _text(payload, path)
    if value is None:
        raise OutsideError(f"The event file of {name} (GITHUB_EVENT_PATH) has no text at {path}.")
    return value


def _text(payload: Payload, path: str) -> str | None:
    value = _at(payload, path)
    return value if isinstance(value, str) and value else None


def _at(payload: Payload, path: str) -> object:
    value: object = payload
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
