"""The artifact of a workflow run, fetched from a GitHub that pages, redirects, refuses and breaks off."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from github.Repository import Repository

from ml_ci.errors import OutsideError
from ml_ci.github import artifacts
from ml_ci.github.artifacts import fetch_artifact
from ml_ci.github.session import NotPermittedError, connect
from ml_ci.sources.archive import LARGEST_ARCHIVE
from tests.github_server import GitHubServer, Reset, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401

SHA, OTHER = "1" * 40, "2" * 40
RUN, NAME = 7, "ml-ci-default"
ZIP = "/actions/artifacts/*/zip"


def connected(github: GitHubServer) -> Repository:
    return connect("the-token", api_url=github.url, repository="octo/model", sleep=lambda _: None)


def fetched(github: GitHubServer, target: Path, name: str = NAME, run: int = RUN) -> bytes | None:
    there = fetch_artifact(connected(github), run, name, head_sha=SHA, target=target, sleep=lambda _: None)
    return target.read_bytes() if there else None


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "artifact.zip"


def test_the_newest_of_exactly_this_name_and_commit_is_taken(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"first", SHA)
    github_server.add_artifact(RUN, NAME, b"second", SHA)
    github_server.add_artifact(RUN, f"{NAME}-2", b"another name", SHA)
    github_server.add_artifact(RUN, NAME, b"another commit", OTHER)
    github_server.add_artifact(8, NAME, b"another run", SHA)
    assert fetched(github_server, target) == b"second"


def test_an_artifact_that_is_expired_is_not_there(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"x", SHA).expired = True
    assert fetched(github_server, target) is None


def test_without_one_of_this_commit_there_is_none(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"x", OTHER)
    assert fetched(github_server, target) is None
    assert not target.exists()


def test_it_is_found_behind_two_hundred_others(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"ours", SHA)
    for _ in range(201):
        github_server.add_artifact(RUN, NAME, b"others", OTHER)
    assert fetched(github_server, target) == b"ours"


class Blobs(BaseHTTPRequestHandler):
    """A store on another host: what it was asked with is kept; it gives as many bytes as it says, or fewer."""

    seen: list[dict[str, str]]
    answers: list[tuple[int, bytes, int]]

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers))
        status, content, said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(said))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing."""


@contextmanager
def blobs(*answers: tuple[int, bytes, int]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of such a store on `localhost`, which is another host than 127.0.0.1, and the headers it was sent."""
    handler = type("Handler", (Blobs,), {"seen": [], "answers": list(answers)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/zip?sig=SIGNED", handler.seen  # type: ignore[attr-defined]
        server.shutdown()


def from_store(store: str, target: Path, digest: str | None = None) -> str:
    return artifacts._download(store, target, digest, True)


def test_the_store_is_never_shown_the_token(github_server: GitHubServer, target: Path) -> None:
    """This GitHub's own store refuses whoever has one, as the real one does."""
    github_server.add_artifact(RUN, NAME, b"x", SHA)
    assert fetched(github_server, target) == b"x"
    assert github_server.count("GET", "/blobs/artifacts/*") == 1


def test_nor_a_password_that_somebody_noted_for_it(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with blobs((200, b"zip", 3)) as (store, seen):
        assert from_store(store, target) == ""
    assert [name for name in seen[0] if name.lower() == "authorization"] == []


def test_more_bytes_than_a_hundred_megabytes_are_not_asked_for(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"x", SHA).said_size = LARGEST_ARCHIVE + 1
    with pytest.raises(OutsideError, match="at most 100 MB are read"):
        fetched(github_server, target)
    assert github_server.count("GET", ZIP) == 0


def test_nor_read_where_the_store_says_otherwise(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "LARGEST_ARCHIVE", 1_000_000)
    with blobs((200, b"0" * 3_000_000, 3_000_000)) as (store, _), pytest.raises(OutsideError, match="are read"):
        from_store(store, target)
    assert target.stat().st_size <= 1_000_000


def test_both_ends_have_the_same_limit() -> None:
    assert artifacts.LARGEST_ARCHIVE == LARGEST_ARCHIVE


def test_a_download_that_breaks_off_is_no_artifact(target: Path) -> None:
    with blobs((200, b"half", 8)) as (store, _):
        assert from_store(store, target) in {"ChunkedEncodingError", "ConnectionError"}


def test_bytes_that_are_not_what_github_says_are_no_artifact(target: Path) -> None:
    with blobs((200, b"other", 5)) as (store, _):
        assert from_store(store, target, "sha256:" + "0" * 64) == "what it gave has another SHA-256 than GitHub says"


def test_a_bad_moment_of_githubs_is_waited_for(github_server: GitHubServer, target: Path) -> None:
    github_server.add_artifact(RUN, NAME, b"x", SHA)
    github_server.inject("GET", "/actions/runs/*/artifacts", Status(502))
    github_server.inject("GET", ZIP, Reset())
    github_server.inject("GET", "/blobs/*", Status(503), times=2)
    assert fetched(github_server, target) == b"x"


def test_a_store_that_stays_away_is_a_sentence_without_the_signed_address(
    github_server: GitHubServer, target: Path
) -> None:
    github_server.add_artifact(RUN, NAME, b"x", SHA)
    github_server.inject("GET", "/blobs/*", Status(503), times=None)
    with pytest.raises(OutsideError, match=r"its answer was 503, 3 times\): run this job again") as caught:
        fetched(github_server, target)
    assert "sig=" not in str(caught.value)


def test_without_the_right_to_read_actions_it_is_said_which_one_is_missing(
    github_server: GitHubServer, target: Path
) -> None:
    github_server.add_artifact(RUN, NAME, b"x", SHA)
    github_server.default_token.permissions = {**github_server.default_token.permissions, "actions": "none"}
    with pytest.raises(NotPermittedError, match="`actions: read`") as caught:
        fetched(github_server, target)
    assert "actions: read" in caught.value.hint
