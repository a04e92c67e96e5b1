"""What GitHub says has happened, and what is to be done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.event import Activity, Event, Mode, Payload, activity, parse_payload, read_event, why_nothing
from ml_ci.github.triggering_run import TriggeringRun

HEAD, MERGE, BASE = "1" * 40, "2" * 40, "3" * 40
MAIN, BRANCH, TAG = "refs/heads/main", "refs/heads/feature", "refs/tags/v1"

ENVIRON = {
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REPOSITORY": "octo/model",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_SHA": MERGE,
    "GITHUB_ACTOR": "mona",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
}
REPOSITORY: Payload = {"full_name": "octo/model", "default_branch": "main"}


def pull_request(head_repository: Payload | None = REPOSITORY, action: str = "opened") -> Payload:
    return {
        "action": action,
        "repository": REPOSITORY,
        "pull_request": {
            "number": 7,
            "head": {"sha": HEAD, "ref": "feature", "repo": head_repository},
            "base": {"sha": BASE, "ref": "main", "repo": REPOSITORY},
        },
    }


def event(name: str, ref: str = MAIN, action: str | None = None, *, deleted: bool = False) -> Event:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": ref}
    pushed = read_event(environ, {"repository": REPOSITORY, "deleted": deleted})
    return replace(pushed, name=name, action=action)


RUN = TriggeringRun(
    id=41,
    event="pull_request",
    conclusion="success",
    head_sha=HEAD,
    head_branch="feature",
    head_repository="mona/model",
    head_owner="mona",
    actor="mona",
    url="https://github.com/octo/model/actions/runs/41",
    attempt=1,
)


def after_run(**of_run: str) -> Event:
    """A `workflow_run` after a run like `RUN`."""
    values: dict[str, Any] = of_run
    return replace(event("workflow_run", action="completed"), triggered_by=replace(RUN, **values))


ANYTHING: tuple[Mode, ...] = ("auto", "compare", "record", "publish")

TABLE: list[tuple[Event, Mode | tuple[Mode, ...], Activity]] = [
    (event("pull_request", action="opened"), ("auto", "compare"), Activity.COMPARE_AND_COMMENT),
    (event("pull_request", action="synchronize"), "auto", Activity.COMPARE_AND_COMMENT),
    (event("pull_request", action="reopened"), "auto", Activity.COMPARE_AND_COMMENT),
    (event("pull_request", action="closed"), ANYTHING, Activity.NOTHING),
    (event("pull_request_target", action="opened"), "auto", Activity.COMPARE_AND_COMMENT),
    (event("push", MAIN), "auto", Activity.RECORD),
    (event("push", MAIN), "compare", Activity.COMPARE),
    (event("push", BRANCH), ("auto", "compare"), Activity.COMPARE),
    (event("push", BRANCH), "record", Activity.RECORD),
    (event("push", TAG), "auto", Activity.COMPARE),
    (event("push", BRANCH, deleted=True), ANYTHING, Activity.NOTHING),
    (event("merge_group", action="checks_requested"), ("auto", "compare"), Activity.COMPARE),
    (event("merge_group", action="destroyed"), "auto", Activity.NOTHING),
    (after_run(), ("auto", "publish"), Activity.PUBLISH),
    (after_run(conclusion="cancelled"), ("auto", "publish"), Activity.PUBLISH),
    (after_run(conclusion="skipped"), ("auto", "publish"), Activity.PUBLISH),
    (after_run(head_repository="", head_owner=""), ("auto", "publish"), Activity.PUBLISH),
    (after_run(head_repository="octo/model", actor="dependabot[bot]"), ("auto", "publish"), Activity.PUBLISH),
    (after_run(head_repository="octo/model"), ("auto", "publish"), Activity.NOTHING),
    (after_run(event="push"), ("auto", "publish"), Activity.NOTHING),
    (after_run(event="schedule"), ("auto", "publish"), Activity.NOTHING),
    (after_run(event="pull_request_target"), ("auto", "publish"), Activity.NOTHING),
    (after_run(conclusion="action_required"), ("auto", "publish"), Activity.NOTHING),
    (replace(after_run(), action="requested"), ("auto", "publish"), Activity.NOTHING),
    (after_run(), "compare", Activity.COMPARE),
    (event("schedule"), ("auto", "compare"), Activity.COMPARE_WITH_LAST_RECORD),
    (event("schedule"), "record", Activity.RECORD),
    (event("workflow_dispatch", MAIN), "auto", Activity.COMPARE_WITH_LAST_RECORD),
    (event("workflow_dispatch", BRANCH), "auto", Activity.COMPARE),
    (event("workflow_dispatch"), "record", Activity.RECORD),
    (event("issue_comment"), "compare", Activity.COMPARE),
    (event("repository_dispatch"), "record", Activity.RECORD),
]


@pytest.mark.parametrize(
    ("happened", "mode", "done"),
    [
        pytest.param(happened, mode, done, id=f"{happened.name}-{happened.action}-{happened.ref}-{mode}")
        for happened, modes, done in TABLE
        for mode in (modes if isinstance(modes, tuple) else (modes,))
    ],
)
def test_each_event_has_its_activity(happened: Event, mode: Mode, done: Activity) -> None:
    assert activity(happened, mode) is done


def test_an_event_that_ml_ci_does_not_know_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match="the event issue_comment: set the input `mode`"):
        activity(event("issue_comment"), "auto")


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
def test_code_that_is_not_merged_is_never_recorded(name: str) -> None:
    with pytest.raises(ConfigError, match="not merged yet"):
        activity(event(name, action="opened"), "record")


def test_on_a_pull_request_the_head_is_the_true_head_and_not_the_merge() -> None:
    happened = read_event(ENVIRON, pull_request())
    assert (happened.head_sha, happened.sha) == (HEAD, MERGE)
    assert (happened.base_sha, happened.base_ref, happened.pull_number) == (BASE, "main", 7)
    assert happened.run_url == "https://github.com/octo/model/actions/runs/42/attempts/2"
    assert not happened.is_fork
    assert not happened.has_read_only_token


@pytest.mark.parametrize("head_repository", [{"full_name": "mona/model"}, None], ids=["fork", "deleted-fork"])
def test_a_pull_request_from_a_fork_has_a_token_that_only_reads(head_repository: Payload | None) -> None:
    happened = read_event(ENVIRON, pull_request(head_repository))
    assert happened.is_fork
    assert happened.has_read_only_token


def test_a_pull_request_of_dependabot_has_a_token_that_only_reads() -> None:
    happened = read_event({**ENVIRON, "GITHUB_ACTOR": "dependabot[bot]"}, pull_request())
    assert happened.has_read_only_token


def test_a_fork_under_pull_request_target_has_a_token_that_writes() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "pull_request_target"}
    assert not read_event(environ, pull_request({"full_name": "mona/model"})).has_read_only_token


def test_a_push_names_the_commit_before_it() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": MAIN}
    happened = read_event(environ, {"repository": REPOSITORY, "before": BASE, "after": MERGE})
    assert (happened.head_sha, happened.base_sha, happened.on_default_branch) == (MERGE, BASE, True)


def test_a_push_that_makes_a_branch_has_no_commit_before_it() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": BRANCH}
    assert read_event(environ, {"repository": REPOSITORY, "before": "0" * 40}).base_sha is None


def test_a_merge_group_is_its_own_commit_on_the_branch_that_it_goes_into() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF": "refs/heads/gh-readonly-queue/main/pr-7"}
    group = {"head_sha": MERGE, "base_sha": BASE, "base_ref": MAIN}
    happened = read_event(environ, {"action": "checks_requested", "repository": REPOSITORY, "merge_group": group})
    assert (happened.head_sha, happened.base_sha, happened.base_ref) == (MERGE, BASE, "main")


def workflow_run(**changed: object) -> Payload:
    """The payload, as far as it is read; GitHub's has a hundred more."""
    run = {
        "id": 41,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": HEAD,
        "head_branch": "feature",
        "head_repository": {"full_name": "mona/model", "owner": {"login": "mona"}},
        "actor": {"login": "mona"},
        "html_url": "https://github.com/octo/model/actions/runs/41",
        "run_attempt": 1,
        "pull_requests": [],
    }
    return {"action": "completed", "repository": REPOSITORY, "workflow_run": {**run, **changed}}


ENDED = {**ENVIRON, "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": MAIN}


def test_a_workflow_run_is_about_the_commit_of_the_run_that_ended() -> None:
    happened = read_event(ENDED, workflow_run())
    assert (happened.head_sha, happened.triggered_by, happened.has_read_only_token) == (HEAD, RUN, False)


def test_of_a_fork_that_is_gone_there_is_no_name() -> None:
    run = read_event(ENDED, workflow_run(head_repository=None)).triggered_by
    assert run == replace(RUN, head_repository="", head_owner="")


@pytest.mark.parametrize(
    ("field", "value"), [("id", "41"), ("id", True), ("head_sha", "main"), ("event", None), ("run_attempt", -1)]
)
def test_a_run_that_lacks_what_it_must_have_is_an_error_that_names_it(field: str, value: object) -> None:
    with pytest.raises(OutsideError, match=rf"workflow_run\.{field}"):
        read_event(ENDED, workflow_run(**{field: value}))


@pytest.mark.parametrize("name", ["pull_request", "push", "merge_group", "workflow_dispatch"])
def test_publishing_belongs_to_the_event_workflow_run(name: str) -> None:
    with pytest.raises(ConfigError, match="on workflow_run"):
        activity(event(name), "publish")


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        (after_run(event="push"), "is no pull request's, so it has told of itself"),
        (after_run(head_repository="octo/model"), "is from this repository, so it has told of itself"),
        (after_run(conclusion="action_required"), "waits for a maintainer's approval"),
        (event("pull_request", action="closed"), "Nothing to do on pull_request (closed)."),
    ],
)
def test_where_nothing_is_done_a_sentence_says_why(happened: Event, why: str) -> None:
    assert why in why_nothing(happened)


def test_dependabots_push_has_a_token_that_only_reads_and_what_follows_its_run_has_not() -> None:
    dependabot = {**ENVIRON, "GITHUB_ACTOR": "dependabot[bot]"}
    pushed = read_event({**dependabot, "GITHUB_EVENT_NAME": "push"}, {"repository": REPOSITORY})
    ended = read_event({**dependabot, "GITHUB_EVENT_NAME": "workflow_run"}, workflow_run())
    assert (pushed.has_read_only_token, ended.has_read_only_token) == (True, False)


def test_a_schedule_runs_on_the_default_branch_even_if_its_payload_is_bare() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "schedule", "GITHUB_REF": "refs/heads/trunk"}
    assert read_event(environ, {"schedule": "0 3 * * *"}).default_branch == "trunk"


@pytest.mark.parametrize("name", sorted(ENVIRON.keys() - {"GITHUB_ACTOR"}))
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    environ = {key: value for key, value in ENVIRON.items() if key != name}
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        read_event(environ, pull_request())


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({}, "pull_request.head.sha"),
        ({"pull_request": []}, "pull_request.head.sha"),
        ({"pull_request": {"head": {"sha": HEAD}}}, "pull_request.base.sha"),
        ({**pull_request(), "repository": {}}, "repository.default_branch"),
    ],
)
def test_what_the_event_file_lacks_is_named(payload: Payload, path: str) -> None:
    with pytest.raises(OutsideError, match=f"has no text at {path}"):
        read_event(ENVIRON, payload)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff"])
def test_an_event_file_that_is_no_json_object_is_named(text: str | bytes) -> None:
    with pytest.raises(OutsideError, match=r"event\.json \(GITHUB_EVENT_PATH\)"):
        parse_payload(text, "event.json")
