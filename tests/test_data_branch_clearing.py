"""Clearing up the data branch: what goes, what stays, and that nobody's commit is overwritten by it."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
import requests

from ml_ci.errors import OutsideError
from ml_ci.github.clearing import MOST_KEYS_WITHOUT_RECORDS
from ml_ci.github.data_branch import DataBranch, image_url
from ml_ci.github.session import connect
from ml_ci.github.used_pictures import MOST_KEYS, UsedPictures, read_used, write_used
from ml_ci.sources.record_store import RECORDS, Folder, Records
from tests.data_branch import BRANCH, REF, Jobs, a_run, addresses, commit, name, png
from tests.github_server import GitHubServer, GraphQLRefusal, Html, LostAnswer, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401

HISTORY = 4
OLD, NEW, OTHER = png("old"), png("new"), png("other")


@pytest.fixture
def jobs(github_server: GitHubServer, tmp_path: Path) -> Jobs:
    return Jobs(github_server, tmp_path, history=HISTORY)


def fill(jobs: Jobs) -> None:
    """Write until the next commit is the one that clears up."""
    for number in count(1000):
        if jobs.history_length >= HISTORY:
            return
        jobs.record(number)


def clear(jobs: Jobs) -> None:
    fill(jobs)
    jobs.record(999)
    assert jobs.tip_number == 1
    assert jobs.history_length == 1


def names(*pictures: bytes) -> set[str]:
    return {name(picture) for picture in pictures}


def moved_only_from_the_tip(jobs: Jobs) -> bool:
    forced = jobs.github.forced
    return bool(forced) and all(move.before == move.tip for move in forced)


# What goes and what stays


def test_every_so_many_commits_the_history_begins_anew(jobs: Jobs) -> None:
    lengths = []
    for number in range(1, 3 * HISTORY + 2):
        jobs.record(number)
        assert jobs.tip_number == jobs.history_length
        lengths.append(jobs.history_length)
    assert lengths == [1, 2, 3, 4] * 3 + [1]
    assert len([path for path in jobs.files if path.startswith("records/default/") and len(path) > 50]) == 13
    assert moved_only_from_the_tip(jobs)


def test_pictures_that_a_comment_no_longer_shows_go(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.publish(pull, OLD, OTHER)
    jobs.publish(pull, NEW)
    jobs.publish(pull, OTHER, key="another")
    assert jobs.images == names(OLD, NEW, OTHER), "only clearing up removes"
    clear(jobs)
    assert jobs.images == names(NEW, OTHER)


def test_pictures_of_closed_pull_requests_go_unless_somebody_else_needs_them(jobs: Jobs) -> None:
    first, second = jobs.open_pull(), jobs.open_pull()
    jobs.publish(first, OLD, OTHER, NEW)
    jobs.publish(second, OTHER)
    jobs.record(1, NEW)
    jobs.close_pull(first)
    clear(jobs)
    assert jobs.images == names(OTHER, NEW)
    assert json.loads(jobs.content("pictures.json"))["pulls"] == {str(second): {"default": [name(OTHER)]}}


def test_the_pictures_of_more_open_pull_requests_than_fit_on_a_page_stay(jobs: Jobs) -> None:
    pulls = [jobs.open_pull() for _ in range(101)]
    jobs.publish(pulls[0], OLD)
    jobs.publish(pulls[-1], NEW)
    clear(jobs)
    assert jobs.images == names(OLD, NEW)
    assert jobs.github.count("GET", "/pulls") == 2


def test_open_pull_requests_are_asked_for_only_then(jobs: Jobs) -> None:
    jobs.publish(jobs.open_pull(), OLD)
    fill(jobs)
    assert jobs.github.count("GET", "/pulls") == 0


def test_a_picture_that_is_written_by_the_job_that_clears_up_stays(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.publish(pull, OLD)
    fill(jobs)
    shown = jobs.publish(pull, NEW)
    assert jobs.history_length == 1
    assert jobs.images == names(NEW)
    assert [requests.get(url, timeout=10).content for url in addresses(shown)] == [NEW]


def test_where_open_pull_requests_are_not_told_no_picture_of_theirs_goes(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.publish(pull, OLD)
    jobs.github.withhold("pull_requests", level="none")
    clear(jobs)
    assert jobs.images == names(OLD)


# What is kept of records


@pytest.mark.parametrize("where", ["branch", "laptop"])
def test_the_oldest_record_goes_with_its_predictions(jobs: Jobs, tmp_path: Path, where: str) -> None:
    folder = tmp_path / ".ml-ci"
    tree: Callable[[], DataBranch | Folder] = jobs.branch if where == "branch" else lambda: Folder(folder)
    index = json.dumps([(commit(number), "") for number in range(RECORDS)])
    old = {f"records/default/{commit(number)}.{kind}": b"{}" for number in (98, 99) for kind in ("json", "parquet")}
    tree().update(lambda _: {"records/default/index.json": index.encode(), **old}, "Before")
    run = Records(tree(), "here").add(a_run(1000), {})

    left = {path for path in old if tree().read(path) is not None}
    assert left == {f"records/default/{commit(98)}.json", f"records/default/{commit(98)}.parquet"}
    found = json.loads(tree().read("records/default/index.json") or b"")
    assert len(found) == RECORDS
    assert found[0][0] == run.commit


def test_the_images_of_records_without_a_note_of_them_are_read_from_the_records(jobs: Jobs) -> None:
    jobs.record(1, OLD)
    jobs.record(2, NEW)
    jobs.github.git.commit_files(BRANCH, {"records/default/images.json": "damaged"}, "Somebody's mistake")
    clear(jobs)
    assert jobs.images == names(OLD, NEW)
    assert json.loads(jobs.content("records/default/images.json"))[commit(1)] == [name(OLD)]


@pytest.mark.parametrize("damaged", ["{", "[]", '{"pulls": {"x": 1}}', None], ids=str)
def test_a_damaged_note_of_pictures_removes_none_that_may_be_in_use(jobs: Jobs, damaged: str | None) -> None:
    first, second = jobs.open_pull(), jobs.open_pull()
    jobs.publish(first, OLD)
    jobs.github.git.commit_files(BRANCH, {"pictures.json": damaged}, "Somebody's mistake")
    jobs.publish(second, OTHER)
    clear(jobs)
    assert jobs.images == names(OLD, OTHER), "the first pull request may show the old one"

    third = jobs.open_pull()
    jobs.publish(third, NEW)
    jobs.close_pull(third)
    clear(jobs)
    assert jobs.images == names(OLD, OTHER), "what is noted since is known"

    jobs.close_pull(first)
    jobs.close_pull(second)
    clear(jobs)
    assert jobs.images == set()


def test_a_branch_with_more_files_than_github_lists_is_not_cleared_up(jobs: Jobs) -> None:
    jobs.publish(jobs.open_pull(), OLD, OTHER)
    jobs.close_pull(1)
    fill(jobs)
    before = jobs.files
    jobs.github.state.listed = 3
    jobs.record(999)
    assert jobs.files > before
    assert jobs.tip_number == HISTORY + 1
    jobs.github.state.listed = 100_000
    jobs.record(998)
    assert jobs.history_length == 1
    assert jobs.images == set()


def test_commits_of_others_are_counted_and_their_files_stay(jobs: Jobs) -> None:
    jobs.record(1)
    for number in range(HISTORY - 1):
        jobs.github.git.commit_files(BRANCH, {f"theirs/{number}": "theirs"}, "Theirs")
    jobs.record(2)
    assert jobs.history_length == 1
    assert jobs.files >= {f"theirs/{number}" for number in range(HISTORY - 1)}


# The forced move


def test_who_writes_just_before_the_forced_move_is_not_overwritten(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.before("POST", "/graphql", lambda: jobs.github.git.commit_files(BRANCH, {"theirs": "theirs"}, "Theirs"))
    jobs.record(2, OLD)
    assert jobs.files >= {"theirs", f"records/default/{commit(1)}.json", f"records/default/{commit(2)}.json"}
    assert jobs.images == names(OLD)
    assert jobs.history_length == 1
    assert jobs.github.count("POST", "/graphql") == 2
    assert len(jobs.github.forced) == 1
    assert moved_only_from_the_tip(jobs)


def test_who_writes_while_another_clears_up_loses_the_race_and_writes_again(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.before("PATCH", "/git/refs/*", lambda: jobs.record(2, OLD))
    patient = Jobs(jobs.github, jobs.folder, history=100)
    patient.record(3)
    assert jobs.files >= {f"records/default/{commit(number)}.json" for number in (1, 2, 3)}
    assert jobs.history_length == 2
    assert jobs.tip_number == 2


def test_a_branch_that_is_deleted_just_before_the_forced_move_is_made_again(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.before("POST", "/graphql", lambda: jobs.github.git.run("update-ref", "-d", REF))
    jobs.record(2)
    assert f"records/default/{commit(2)}.json" in jobs.files
    assert jobs.history_length == 1


def test_an_answer_that_got_lost_clears_up_once(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.inject("POST", "/graphql", LostAnswer())
    jobs.record(2)
    assert jobs.history_length == 1
    assert len(jobs.github.forced) == 1
    assert jobs.github.count("POST", "/git/commits") == HISTORY + 1


def test_two_jobs_at_once_twenty_times_over_lose_nothing(jobs: Jobs) -> None:
    pulls = [jobs.open_pull(), jobs.open_pull()]
    shown: dict[int, list[str]] = {}

    def two(turn: int) -> None:
        together = Barrier(2)

        def record() -> None:
            together.wait(10)
            jobs.record(turn, png(f"of record {turn}"), predictions=b"PAR1 %d" % turn)

        def publish() -> None:
            pull = pulls[turn % 2]
            together.wait(10)
            shown[pull] = addresses(jobs.publish(pull, png(f"light {turn}"), png(f"dark {turn}")))

        with ThreadPoolExecutor(2) as pool:
            for job in [pool.submit(record), pool.submit(publish)]:
                job.result()

    for turn in range(20):
        two(turn)

    records = jobs.records()
    assert [past.commit for past in records.history("default", 100)] == [commit(turn) for turn in reversed(range(20))]
    for turn in range(20):
        run = records.by_commit("default", commit(turn))
        assert run
        assert records.predictions(run) == b"PAR1 %d" % turn
        assert records.image(run, name(png(f"of record {turn}"))) == png(f"of record {turn}")
    assert all(requests.get(url, timeout=10).status_code == 200 for urls in shown.values() for url in urls)
    assert jobs.github.count("PATCH", "/git/refs/*") + jobs.github.count("POST", "/graphql") > 40, "there were races"
    assert len(jobs.github.forced) >= 40 // HISTORY - 1
    assert moved_only_from_the_tip(jobs)
    assert jobs.history_length <= HISTORY


def test_what_belonged_to_records_that_are_gone_goes_but_for_who_accepted_what(jobs: Jobs) -> None:
    jobs.record(1)
    old = {f"records/gone/{name}.json": "[]" for name in ("index", "images", "history", "accepted")}
    jobs.github.git.commit_files(BRANCH, {**old, "records/gone/test-sets.json": "{}"})
    clear(jobs)
    assert {path for path in jobs.files if "/gone/" in path} == {
        "records/gone/accepted.json",
        "records/gone/test-sets.json",
    }
    assert {path for path in jobs.files if path.endswith(".json") and len(path) < 50 and "/default/" in path} == {
        f"records/default/{name}.json" for name in ("index", "images", "history")
    }


def test_of_keys_without_records_only_so_many_have_counts_and_those_of_open_pull_requests(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.publish(pull, NEW, key="z-of-an-open-one")
    counts = {f"records/k{number:03}/test-sets.json": "{}" for number in range(MOST_KEYS_WITHOUT_RECORDS + 30)}
    jobs.github.git.commit_files(BRANCH, {**counts, "records/z-of-an-open-one/test-sets.json": "{}"})
    clear(jobs)
    left = {path for path in jobs.files if path.endswith("test-sets.json")}
    assert len(left) == MOST_KEYS_WITHOUT_RECORDS + 1
    assert "records/z-of-an-open-one/test-sets.json" in left


def test_a_pull_request_that_makes_up_keys_keeps_the_pictures_of_the_last_ones() -> None:
    used = UsedPictures()
    for number in range(MOST_KEYS + 50):
        used = used.shown_by(1, f"key-{number}", ["a" * 64])
    used = used.shown_by(1, "key-60", ["b" * 64])
    kept = read_used(lambda _: write_used(used)).pulls[1]
    others = [f"key-{number}" for number in range(50, MOST_KEYS + 50) if number != 60]
    assert list(kept) == [*others, "key-60"]
    assert kept["key-60"] == ("b" * 64,)


# Where GitHub does not let the history be cut off


def test_a_protected_branch_is_cleared_up_and_keeps_its_history(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    jobs.github.protect(BRANCH)
    jobs.publish(jobs.open_pull(), OLD)
    jobs.close_pull(1)
    fill(jobs)
    with caplog.at_level(logging.WARNING):
        jobs.record(1, NEW)
    assert jobs.history_length == jobs.tip_number == HISTORY + 1
    assert jobs.images == names(NEW)
    assert "The history of the branch ml-ci-data could not be shortened" in caplog.text
    assert "Cannot force-push to this branch" in caplog.text
    assert jobs.github.forced == []

    jobs.github.state.protected.clear()
    jobs.record(2)
    assert jobs.history_length == 1, "it is tried again at the next write"


@pytest.mark.parametrize(
    "fault",
    [
        Html(404),
        Html(200),
        Status(404, "Not Found"),
        Status(403, "Resource not accessible by integration"),
        GraphQLRefusal("Field 'updateRefs' doesn't exist on type 'Mutation'"),
        GraphQLRefusal("Resource not accessible by integration", "FORBIDDEN"),
        GraphQLRefusal("API rate limit exceeded", "RATE_LIMITED"),
        GraphQLRefusal("Could not resolve to a node", "NOT_FOUND"),
    ],
    ids=str,
)
def test_without_graphql_the_same_update_is_an_ordinary_commit(jobs: Jobs, fault: Html | Status) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.inject("POST", "/graphql", fault, times=None)
    jobs.record(2, OLD)
    jobs.record(3, NEW)
    assert jobs.history_length == jobs.tip_number == HISTORY + 2
    assert jobs.images == names(OLD, NEW)
    assert jobs.github.forced == []
    assert jobs.github.count("POST", "/graphql") == 2


def test_who_writes_just_before_a_refusal_is_not_overwritten(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.protect(BRANCH)
    jobs.github.before("PATCH", "/git/refs/*", lambda: jobs.github.git.commit_files(BRANCH, {"theirs": "1"}, "Theirs"))
    jobs.record(2)
    assert jobs.files >= {"theirs", f"records/default/{commit(2)}.json"}
    assert jobs.github.forced == []


def test_a_token_that_may_not_write_clears_nothing_up(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    jobs.github.withhold("contents")
    with pytest.raises(OutsideError, match="`contents: write`"):
        jobs.record(2)
    assert jobs.history_length == HISTORY
    assert jobs.github.count("POST", "/graphql") == 0


# GitHub Enterprise Server


def test_an_enterprise_server_has_its_own_address_for_graphql(jobs: Jobs) -> None:
    jobs.record(1)
    fill(jobs)
    repo = connect("t", api_url=f"{jobs.github.url}/api/v3", repository="octo/model", sleep=lambda _: None)
    branch = DataBranch(lambda: repo, BRANCH, history=HISTORY)
    branch.update(lambda _: {"a": b"a"}, "On GHES")
    assert jobs.history_length == 1
    assert moved_only_from_the_tip(jobs)


def test_an_images_address_on_an_enterprise_server_under_a_path() -> None:
    assert (
        image_url("https://ghe.example.com/github/", "team/model", "ml-ci-data", "images/ab.png")
        == "https://ghe.example.com/github/team/model/raw/ml-ci-data/images/ab.png"
    )
