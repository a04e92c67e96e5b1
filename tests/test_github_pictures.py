"""The pictures of a comment: where they are published, what takes their place, and what is too much."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from ml_ci.github import pictures as limits
from ml_ci.github.pictures import Drawn, PlotsMode
from ml_ci.github.session import NotPermittedError
from ml_ci.report.charts import as_text
from ml_ci.report.presentation import Illustrations, Plot
from ml_ci.result import TestSetUse
from tests.data_branch import REF, Jobs, a_result, a_run, addresses, commit, name, png
from tests.github_server import GitHubServer, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401


@pytest.fixture
def jobs(github_server: GitHubServer, tmp_path: Path) -> Jobs:
    return Jobs(github_server, tmp_path)


def plot(jobs: Jobs, light: str, dark: str | None = None, size: int = 0) -> Plot:
    path = jobs.file(png(light) + b"\0" * size)
    return Plot(name=light, path=path, title=light, alt=light, width=800, dark=jobs.file(png(dark)) if dark else None)


def shown(illustrations: Illustrations) -> list[bytes]:
    return [requests.get(url, timeout=10).content for url in addresses(illustrations)]


def commits(jobs: Jobs) -> int:
    return jobs.history_length if jobs.github.git.resolve(REF) else 0


def test_plots_for_light_and_dark_pages_and_the_reports_own_images_are_one_commit(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    result = replace(
        a_result(head=replace(a_run(1), test_set="sha256:examples")),
        test_set=TestSetUse(digest="sha256:examples", verdicts=1),
    )
    plots, own = [plot(jobs, "curve", "curve at night"), plot(jobs, "roc")], {"fig/a.png": plot(jobs, "own")}
    found = jobs.pictures(pull).publish(plots, own, result)

    assert shown(found) == [png(text) for text in ("curve", "curve at night", "roc", "own")]
    assert found.own.keys() == {"fig/a.png"}
    assert [picture.alt for picture in found.pictures] == ["curve", "roc"]
    assert commits(jobs) == 1
    assert b'"sha256:examples": 1' in jobs.content("records/default/test-sets.json")


def test_several_models_are_one_commit_and_each_gets_its_own(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    models: list[Drawn] = [([plot(jobs, key)], {}, a_result(key)) for key in ("churn", "fraud", "credit")]
    found = jobs.pictures(pull).publish_all(models)

    assert [shown(one) for one in found] == [[png(key)] for key in ("churn", "fraud", "credit")]
    assert commits(jobs) == 1
    jobs.close_pull(pull)


@pytest.mark.parametrize("kind", ["link", "text", "gone", "pipe"])
def test_a_plot_that_another_models_training_exchanged_is_not_published(jobs: Jobs, tmp_path: Path, kind: str) -> None:
    """A link of its making may lead to what only this process can read."""
    pull = jobs.open_pull()
    drawn, kept = plot(jobs, "curve"), plot(jobs, "roc")
    secret = tmp_path / "environ"
    secret.write_bytes(b"TOKEN=secret")
    drawn.path.unlink()
    if kind == "link":
        drawn.path.symlink_to(secret)
    elif kind == "text":
        drawn.path.write_bytes(secret.read_bytes())
    elif kind == "pipe":
        os.mkfifo(drawn.path)
    found = jobs.pictures(pull).publish([drawn, kept], {}, a_result())
    assert shown(found) == [png("roc")]
    (problem,) = jobs.problems
    assert str(problem) == (
        "The comment shows 1 of 2 pictures: 1 not, because something else wrote to the file, or removed it, after ml-ci "
        "had drawn it."
    )


def test_the_same_pictures_again_are_no_commit(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    first, second = jobs.publish(pull, png("same")), jobs.publish(pull, png("same"))
    assert first == second
    assert commits(jobs) == 1


def test_a_comment_without_pictures_lets_go_of_those_that_it_had(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.publish(pull, png("one"))
    assert name(png("one")).encode() in jobs.content("pictures.json")
    jobs.pictures(pull).publish([], {}, a_result())
    assert name(png("one")).encode() not in jobs.content("pictures.json")


@pytest.mark.parametrize("plots", ["auto", "branch"])
def test_a_token_that_may_not_write_gets_text_and_only_branch_complains(jobs: Jobs, plots: PlotsMode) -> None:
    jobs.github.withhold("contents")
    found = jobs.publish(jobs.open_pull(), png("one"), plots=plots)
    assert found == as_text(a_result())
    assert [type(problem) for problem in jobs.problems] == ([NotPermittedError] if plots == "branch" else [])
    if plots == "branch":
        assert "`contents: write`" in str(jobs.problems[0])


@pytest.mark.parametrize("plots", ["auto", "branch"])
def test_a_github_that_fails_is_always_said(jobs: Jobs, plots: PlotsMode) -> None:
    jobs.github.inject("POST", "/git/trees", Status(422, "Not today"), times=None)
    found = jobs.publish(jobs.open_pull(), png("one"), plots=plots)
    assert found == as_text(a_result())
    assert ["Not today" in str(problem) for problem in jobs.problems] == [True]


def test_inline_writes_no_picture_and_none_shows_nothing(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    assert jobs.publish(pull, png("one"), plots="inline") == as_text(a_result())
    assert jobs.publish(pull, png("one"), plots="none") == Illustrations()
    assert commits(jobs) == 0


def test_without_a_pull_request_there_is_nobody_to_show_pictures_to(jobs: Jobs) -> None:
    assert jobs.publish(None, png("one")) == as_text(a_result())
    assert commits(jobs) == 0


@pytest.mark.parametrize("plots", ["inline", "none"])
def test_verdicts_of_several_models_are_counted_in_one_commit_also_without_pictures(
    jobs: Jobs, plots: PlotsMode
) -> None:
    results = [
        replace(a_result(key, replace(a_run(1, key=key), test_set=key)), test_set=TestSetUse(digest=key, verdicts=1))
        for key in ("churn", "fraud")
    ]
    jobs.pictures(jobs.open_pull(), plots).publish_all([([], {}, result) for result in results])
    assert commits(jobs) == 1
    assert jobs.files >= {"records/churn/test-sets.json", "records/fraud/test-sets.json"}


def test_more_pictures_than_a_job_may_publish_are_left_out_and_that_is_said(jobs: Jobs) -> None:
    models: list[Drawn] = [
        ([plot(jobs, f"{key} {number}") for number in range(20)], {}, a_result(key)) for key in ("churn", "fraud")
    ]
    found = jobs.pictures(jobs.open_pull()).publish_all(models)
    assert [[picture.alt for picture in one.pictures] for one in found] == [
        [f"{key} {number}" for number in range(limits.MOST_PICTURES // 2)] for key in ("churn", "fraud")
    ]
    (problem,) = jobs.problems
    assert str(problem).startswith("The comment shows 30 of 40 pictures")
    assert "10 not, because a job publishes at most 30, and at most 20 MB." in str(problem)
    assert str(problem).endswith("is in the full report.")


def test_a_picture_that_is_too_large_to_be_shown_makes_room_for_others(jobs: Jobs) -> None:
    plots = [plot(jobs, "huge", size=limits.LARGEST_PICTURE), *(plot(jobs, f"{n}", size=4_500_000) for n in range(6))]
    found = jobs.pictures(jobs.open_pull()).publish(plots, {}, a_result())
    assert [picture.alt for picture in found.pictures] == ["0", "1", "2", "3"], "20 MB hold four of these"
    (problem,) = jobs.problems
    assert (
        "4 of 7 pictures: 2 not, because a job publishes at most 30, and at most 20 MB; 1 not, because GitHub"
        in str(problem)
    )


def test_what_a_job_said_of_its_pictures_holds_after_lost_races(jobs: Jobs) -> None:
    pull = jobs.open_pull()
    jobs.record(1)
    jobs.github.before("PATCH", "/git/refs/*", lambda: jobs.publish(pull, png("theirs"), key="fraud"))
    found = jobs.publish(pull, png("ours"), key="churn")
    assert shown(found) == [png("ours")]
    note = jobs.content("pictures.json").decode()
    assert name(png("ours")) in note
    assert name(png("theirs")) in note
    assert jobs.github.git.log(REF)[-1]
    assert jobs.content(f"records/default/{commit(1)}.json")
