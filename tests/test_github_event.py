"""What GitHub says has happened, and what is to be done about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.event import Activity, Event, Mode, Payload, activity, parse_payload, read_event

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
    (event("workflow_run", action="completed"), ("auto", "publish"), Activity.PUBLISH),
    (event("workflow_run", action="requested"), "auto", Activity.NOTHING),
    (event("workflow_run", action="completed"), "compare", Activity.COMPARE),
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


def test_a_workflow_run_is_about_the_commit_of_the_run_that_ended() -> None:
    environ = {**ENVIRON, "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": MAIN}
    payload = {"action": "completed", "repository": REPOSITORY, "workflow_run": {"head_sha": HEAD, "pull_requests": []}}
    assert read_event(environ, payload).head_sha == HEAD


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
