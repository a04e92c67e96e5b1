"""Readers of what GitHub and the data branch hold: events, and the branch's documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

from ml_ci.errors import MlCiError
from ml_ci.github.clearing import no_longer_needed
from ml_ci.github.event import Mode, activity, parse_payload, read_event
from ml_ci.github.used_pictures import UsedPictures, read_used, write_used
from ml_ci.sources.history import read_history, write_history
from ml_ci.sources.record_images import images_of, read_images, write_images
from ml_ci.sources.record_store import Folder, Records
from ml_ci.sources.verdict_counts import read_counts, write_counts
from tests.fuzz.target import Target, check_sentence
from tests.runs import BASE, HEAD, run

T = TypeVar("T")

_ENVIRON = {
    "GITHUB_SHA": HEAD,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REPOSITORY": "octo/model",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "1",
}
EVENTS = (
    "pull_request",
    "pull_request_target",
    "push",
    "merge_group",
    "workflow_run",
    "schedule",
    "workflow_dispatch",
    "release",
)
_REPO = {"full_name": "octo/model", "default_branch": "main"}
_PAYLOADS: tuple[dict[str, object], ...] = (
    {
        "action": "opened",
        "repository": _REPO,
        "pull_request": {
            "number": 1,
            "head": {"sha": HEAD, "ref": "feature", "repo": {"full_name": "octo/model"}},
            "base": {"sha": BASE, "ref": "main"},
        },
    },
    {"repository": _REPO, "before": BASE, "after": HEAD, "ref": "refs/heads/main", "deleted": False},
    {
        "action": "checks_requested",
        "repository": _REPO,
        "merge_group": {"head_sha": HEAD, "base_sha": BASE, "base_ref": "refs/heads/main"},
    },
    {
        "action": "completed",
        "repository": _REPO,
        "workflow_run": {
            "id": 9,
            "head_sha": HEAD,
            "head_branch": "feature",
            "event": "pull_request",
            "head_repository": {"full_name": "stranger/model"},
            "pull_requests": [],
        },
    },
)
_EVENT_WORDS = (
    *("action", "opened", "closed", "completed", "destroyed", "repository", "full_name", "default_branch", "main"),
    *(
        "pull_request",
        "number",
        "head",
        "base",
        "sha",
        "ref",
        "repo",
        "merge_group",
        "head_sha",
        "base_sha",
        "base_ref",
    ),
    *(
        "workflow_run",
        "before",
        "after",
        "deleted",
        "id",
        "event",
        "head_repository",
        "head_branch",
        "pull_requests",
        HEAD,
    ),
)


def _read_event(content: bytes, _: Path) -> None:
    """Whatever the payload says, and under whatever event's name: an event, or a sentence."""
    payload = parse_payload(content, "event.json")
    for name in EVENTS:
        try:
            event = read_event({**_ENVIRON, "GITHUB_EVENT_NAME": name}, payload)
        except MlCiError as error:
            check_sentence(error)
            continue
        for sha in (event.head_sha, event.base_sha):
            assert sha is None or (len(sha) in (40, 64) and set(sha) <= set("0123456789abcdef")), sha
        for mode in get_args(Mode):
            try:
                activity(event, mode)
            except MlCiError as error:
                check_sentence(error)


def _variables(content: bytes, _: Path) -> None:
    """The runner's variables, one a line."""
    lines = content.decode(errors="replace").split("\n")
    given = dict(line.split("=", 1) for line in lines if "=" in line)
    read_event({**_ENVIRON, "GITHUB_EVENT_NAME": "push", **given}, _PAYLOADS[1])


# -- the data branch


def _round_trip(read_one: Callable[[bytes], T], write: Callable[[T], bytes]) -> Callable[[bytes, Path], None]:
    def check(content: bytes, _: Path) -> None:
        written = write(read_one(content))
        assert write(read_one(written)) == written

    return check


def _read_index(content: bytes, folder: Path) -> None:
    place = folder / "records" / "default"
    place.mkdir(parents=True, exist_ok=True)
    (place / "index.json").write_bytes(content)
    records = Records(Folder(folder), "a folder")
    assert records.by_fingerprint("default", "sha256:0") is None
    assert records.latest("default") is None


def _read_branch(content: bytes, _: Path) -> None:
    """What is cleared up of a branch with this content in every note and record: never what anybody needs."""
    name = "a" * 64
    paths = [f"images/{name}.png", f"records/default/{HEAD}.json", "pictures.json", "README.md"]
    gone = no_longer_needed(paths, lambda _: content, frozenset({1}))
    assert f"records/default/{HEAD}.json" not in gone
    if name in read_used(lambda _: content).while_open({1}).named or name in images_of(content):
        assert f"images/{name}.png" not in gone


_HISTORY = json.dumps(
    [{"commit": HEAD, "started": "2025-01-01", "test_set": "x", "metrics": {"a": 1.5, "b": "NaN"}}]
).encode()
_COUNTS = json.dumps({"verdicts": {"x": 3}, "counted": [["x", HEAD]]}).encode()
_USED = write_used(UsedPictures(pulls={1: {"default": ("a" * 64,)}}, held=("b" * 64,), held_for=(1, 2)))
_IMAGES = json.dumps({HEAD: ["a" * 64]}).encode()
_INDEX = json.dumps([[HEAD, "sha256:1"], [BASE, "sha256:2"]]).encode()


def _used(text: bytes) -> UsedPictures:
    return read_used(lambda _: text)


def targets() -> tuple[Target, ...]:
    """All of them."""
    from ml_ci.records import write_record

    record = write_record(run(accuracy=0.9, images={"a.png": "a" * 64})).encode()
    words = (
        "commit",
        "started",
        "test_set",
        "metrics",
        "verdicts",
        "counted",
        "pulls",
        "held",
        "pictures",
        "complete",
        "a" * 64,
        HEAD,
    )
    return (
        Target(
            name="event",
            read=_read_event,
            examples=tuple(json.dumps(payload).encode() for payload in _PAYLOADS),
            words=_EVENT_WORDS,
            kind="json",
        ),
        Target(
            name="event-variables",
            read=_variables,
            examples=(b"GITHUB_RUN_ID=7\nGITHUB_REF=refs/heads/main\n", b"GITHUB_EVENT_NAME=push\nGITHUB_SHA=0\n"),
            words=(*_ENVIRON, *EVENTS, "=", "\n"),
        ),
        Target(
            name="history",
            read=_round_trip(lambda text: read_history(text, "h"), write_history),
            examples=(_HISTORY,),
            words=words,
            kind="json",
        ),
        Target(
            name="test-sets",
            read=_round_trip(lambda text: read_counts(text, "t"), write_counts),
            examples=(_COUNTS,),
            words=words,
            kind="json",
        ),
        Target(name="pictures", read=_round_trip(_used, write_used), examples=(_USED,), words=words, kind="json"),
        Target(
            name="images", read=_round_trip(read_images, write_images), examples=(_IMAGES,), words=words, kind="json"
        ),
        Target(name="index", read=_read_index, examples=(_INDEX,), words=words, kind="json"),
        Target(
            name="branch",
            read=_read_branch,
            examples=(_USED, _IMAGES, record),
            words=(*words, "images", "sha256"),
            kind="json",
        ),
    )
