"""The data branch, on a real repository behind GitHub's Git data API."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import requests

from ml_ci.errors import OutsideError
from ml_ci.github.data_branch import DataBranch, image_url
from ml_ci.github.session import NotPermittedError, connect
from ml_ci.sources.record_store import FileTree, Reader
from tests.github_server import GitHubServer, LostAnswer, Reset, SecondaryLimit, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.github_server.git_store import ZERO

BRANCH = "ml-ci-data"
REF = f"refs/heads/{BRANCH}"
RECORD = "records/default/1111.json"
PNG = b"\x89PNG\r\n\x1a\n\0"


class Branch:
    """The data branch as the client writes it and as git holds it. Nothing really waits."""

    def __init__(self, github: GitHubServer) -> None:
        self.github = github
        self.waits: list[float] = []
        self.numbers = count()
        self.tree: FileTree = self.connect()

    def connect(self) -> DataBranch:
        repo = connect("t", api_url=self.github.url, repository="octo/model", sleep=self.waits.append)
        return DataBranch(lambda: repo, BRANCH, sleep=self.waits.append, jitter=lambda: 0.5)

    def write(self, files: Mapping[str, bytes | None], message: str = "Record") -> None:
        self.tree.update(lambda _: files, message)

    def somebody_writes(self) -> None:
        self.github.git.commit_files(BRANCH, {f"theirs/{next(self.numbers)}": "theirs"}, "Theirs")

    @property
    def files(self) -> dict[str, bytes]:
        entries = self.github.git.tree(REF, recursive=True)
        return {entry.path: self.github.git.blob(entry.sha or "") or b"" for entry in entries if entry.kind == "blob"}

    @property
    def messages(self) -> list[str]:
        """The first lines of all commits, the oldest first."""
        return [self.github.git.commit(sha).message.splitlines()[0] for sha in reversed(self.github.git.log(REF))]

    @property
    def writes(self) -> list[str]:
        """What was sent that changes something, in order."""
        return [seen.path.rpartition("/git/")[2].split("/")[0] for seen in self.github.requests if seen.method != "GET"]


@pytest.fixture
def branch(github_server: GitHubServer) -> Branch:
    return Branch(github_server)


def test_the_first_file_makes_an_orphan_that_says_what_it_is(branch: Branch) -> None:
    main = branch.github.git.resolve("refs/heads/main")
    branch.write({RECORD: b"{}\n"}, "Record 1111")
    assert branch.files.keys() == {"README.md", "pictures.json", RECORD}
    assert b"written by ml-ci" in branch.files["README.md"]
    assert branch.messages == ["Record 1111"]
    assert branch.github.git.merge_base(REF, "refs/heads/main") is None
    assert branch.github.git.resolve("refs/heads/main") == main


def test_an_update_is_one_commit_on_top_and_keeps_the_other_files(branch: Branch) -> None:
    branch.write({RECORD: b"{}\n"}, "first")
    branch.write({"images/a.png": PNG, "images/b.png": PNG + b"b", "records/k/2.json": b"{}"}, "second")
    assert branch.messages == ["first", "second"]
    assert branch.files.keys() == {
        "README.md",
        "pictures.json",
        RECORD,
        "images/a.png",
        "images/b.png",
        "records/k/2.json",
    }
    assert branch.files["images/b.png"] == PNG + b"b"


def test_what_is_written_is_read_back(branch: Branch) -> None:
    texts = {
        "records/ä ö/1.json": "Größe → 1\r\n".encode(),
        "images/x.png": PNG * 100,
        "records/k/not-utf8.txt": b"\xff\xfe",
        "records/k/empty": b"",
        "records/k/large.json": b"[" + b"1," * 700_000 + b"1]\n",
    }
    branch.write(texts)
    assert {path: branch.tree.read(path) for path in texts} == texts


def test_a_file_that_is_not_there_is_none(branch: Branch) -> None:
    assert branch.tree.read(RECORD) is None, "no branch"
    branch.write({RECORD: b"{}\n"})
    assert branch.tree.read("records/default/2222.json") is None
    assert branch.tree.read("records/default") is None, "a folder"


def test_what_is_there_already_is_not_written_again(branch: Branch) -> None:
    branch.write({RECORD: b"{}\n", "images/a.png": PNG})
    before = len(branch.writes)
    branch.write({RECORD: b"{}\n", "images/a.png": PNG})
    branch.tree.update(lambda _: {}, "nothing")
    assert len(branch.writes) == before
    assert branch.messages == ["Record"]


def test_only_what_changed_is_sent(branch: Branch) -> None:
    branch.write({RECORD: b"{}\n", "images/a.png": PNG})
    branch.write({RECORD: b"{}\n", "images/a.png": PNG, "images/copy.png": PNG, "images/new.png": PNG + b"new"})
    assert branch.writes[4:] == ["blobs", "trees", "commits", "refs"], "one blob: the other two are there"
    assert branch.files["images/copy.png"] == PNG


def test_a_change_reads_what_the_branch_says_now(branch: Branch) -> None:
    def append(read: Reader) -> Mapping[str, bytes]:
        return {"index": (read("index") or b"") + b"line\n"}

    for _ in range(3):
        branch.tree.update(append, "append")
    assert branch.files["index"] == b"line\n" * 3


def test_who_loses_a_race_reads_again_adds_again_and_tries_again(branch: Branch) -> None:
    branch.write({"index": b"first\n"}, "first")
    theirs = {"index": "first\ntheirs\n"}
    branch.github.before(
        "PATCH", "/git/refs/*", lambda: branch.github.git.commit_files(BRANCH, theirs, "theirs"), times=1
    )

    def append(read: Reader) -> Mapping[str, bytes]:
        return {"index": (read("index") or b"") + b"ours\n", "images/a.png": PNG}

    branch.tree.update(append, "ours")
    assert branch.files["index"] == b"first\ntheirs\nours\n"
    assert branch.messages == ["first", "theirs", "ours"]
    assert branch.github.count("POST", "/git/blobs") == 1, "what was uploaded before the race is still there"
    assert not any(
        "force" in seen.body and seen.body["force"] for seen in branch.github.requests if isinstance(seen.body, dict)
    )


def test_two_who_make_the_branch_at_once_both_get_their_files_in(branch: Branch) -> None:
    branch.github.before("POST", "/git/refs", branch.somebody_writes)
    branch.write({RECORD: b"{}\n"})
    assert branch.files.keys() >= {RECORD, "theirs/0"}
    assert branch.messages == ["Theirs", "Record"]


def test_eight_who_write_at_once_all_get_their_lines_in(branch: Branch) -> None:
    def write(number: int) -> None:
        def append(read: Reader) -> Mapping[str, bytes]:
            return {"index": (read("index") or b"") + b"%d\n" % number, f"records/{number}.json": b"{}\n"}

        branch.connect().update(append, f"writer {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert sorted(branch.files["index"].split()) == [b"%d" % number for number in range(8)]
    assert len(branch.messages) == 8


def test_a_branch_that_is_deleted_meanwhile_is_made_again(branch: Branch) -> None:
    branch.write({"old": b"old\n"})
    tip = branch.github.git.resolve(REF)
    assert tip
    branch.github.before("PATCH", "/git/refs/*", lambda: branch.github.git.set_ref(REF, ZERO, tip))
    branch.write({RECORD: b"{}\n"})
    assert branch.files.keys() == {"README.md", "pictures.json", RECORD}


def test_a_race_that_is_lost_every_time_is_an_error_after_ten_minutes(branch: Branch) -> None:
    branch.write({RECORD: b"{}\n"})
    branch.github.before("PATCH", "/git/refs/*", branch.somebody_writes, times=None)
    with pytest.raises(OutsideError, match=f"{BRANCH} changed whenever ml-ci was writing to it, for 10 minutes"):
        branch.write({RECORD: b"[]\n"})
    assert 480 < sum(branch.waits) <= 600
    assert len(branch.waits) < 30


def test_a_rule_that_protects_the_branch_is_no_race(branch: Branch) -> None:
    branch.write({RECORD: b"{}\n"})
    branch.github.inject("PATCH", "/git/refs/*", Status(422, "Repository rule violations found"), times=None)
    with pytest.raises(OutsideError, match=f"write to the branch {BRANCH} .*Repository rule violations found"):
        branch.write({RECORD: b"[]\n"})
    assert branch.github.count("PATCH", "/git/refs/*") == 1


@pytest.mark.parametrize("request_", [("POST", "/git/refs"), ("PATCH", "/git/refs/*")], ids=["make", "move"])
def test_an_answer_that_got_lost_makes_no_second_commit(branch: Branch, request_: tuple[str, str]) -> None:
    branch.github.inject(*request_, LostAnswer())
    branch.write({RECORD: b"{}\n"}, "first")
    branch.write({RECORD: b"[]\n"}, "second")
    assert branch.messages == ["first", "second"]
    assert branch.files[RECORD] == b"[]\n"


@pytest.mark.parametrize("fault", [Status(502), Reset(), SecondaryLimit(retry_after=3), SecondaryLimit()], ids=str)
def test_many_images_get_there_though_uploads_fail_on_the_way(
    branch: Branch, fault: Status | Reset | SecondaryLimit
) -> None:
    images = {f"images/{number}.png": PNG + b"%d" % number for number in range(12)}
    branch.github.inject("POST", "/git/blobs", fault, times=2, skip=1)
    branch.write(images)
    assert branch.files.items() >= images.items()
    assert branch.github.count("POST", "/git/blobs") == 14
    assert branch.github.count("POST", "/git/commits") == 1


def test_a_token_that_may_not_write_is_told_what_it_needs(branch: Branch) -> None:
    branch.github.withhold("contents")
    with pytest.raises(NotPermittedError, match="`contents: write`") as caught:
        branch.write({RECORD: b"{}\n"})
    assert "permissions:\n  contents: write\n" in caught.value.hint
    assert branch.github.git.resolve(REF) is None


def test_a_branch_that_cannot_be_read_is_an_error_and_not_an_empty_branch(branch: Branch) -> None:
    branch.github.inject("GET", "/contents/*", Status(502, "Bad Gateway"), times=None)
    with pytest.raises(OutsideError, match=rf"read {RECORD} from the branch {BRANCH} \(502"):
        branch.tree.read(RECORD)


def test_an_images_address_shows_it(branch: Branch) -> None:
    path = "images/ä #1?.png"
    branch.write({path: PNG})
    shown = requests.get(image_url(branch.github.url, "octo/model", BRANCH, path), timeout=10)
    assert shown.content == PNG


def test_an_images_address_is_that_which_github_documents() -> None:
    assert (
        image_url("https://github.com", "octo/model", "data/ml ci", "images/a b.png")
        == "https://github.com/octo/model/raw/data/ml%20ci/images/a%20b.png"
    )
