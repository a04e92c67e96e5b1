"""The data branch over many jobs: it does not grow, and nobody's pictures and records are missing."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import requests

from ml_ci.github.shortening import HISTORY
from ml_ci.records import Run
from ml_ci.report.presentation import Illustrations
from ml_ci.sources.record_store import RECORDS
from tests.data_branch import Jobs, addresses, name, png
from tests.github_server import GitHubServer
from tests.github_server.fixture import github_server, start_github  # noqa: F401

KEYS = ("churn", "fraud")


@dataclass
class Year:
    """What happened so far: the comment of each pull request and key, the runs recorded of each key, oldest first."""

    jobs: Jobs
    chance: random.Random
    numbers: Iterator[int] = field(default_factory=count)
    comments: dict[tuple[int, str], tuple[Illustrations, tuple[bytes, ...]]] = field(default_factory=dict)
    recorded: dict[str, list[Run]] = field(default_factory=lambda: {key: [] for key in KEYS})
    contents: dict[str, bytes] = field(default_factory=dict)

    def job(self) -> None:
        """One job: on main it records, on a pull request, new or old, it comments. Before it, a pull request may be closed."""
        if len(self.open_pulls) > 12:
            self.jobs.close_pull(self.chance.choice(self.open_pulls))
        key = self.chance.choice(KEYS)
        if self.chance.random() < 0.5:
            self.record(key)
        else:
            self.comment(key)

    def record(self, key: str) -> None:
        number = next(self.numbers)
        # now and then the same picture as the time before last
        images = (self.picture(), png("always the same"), png(f"every second time {number % 2}"))
        predictions = self.chance.randbytes(1500)
        run = self.jobs.record(number, *images, key=key, predictions=predictions)
        self.recorded[key].append(run)
        self.contents |= {name(image): image for image in images} | {run.commit: predictions}

    def comment(self, key: str) -> None:
        new = not self.open_pulls or self.chance.random() < 0.3
        pull = self.jobs.open_pull() if new else self.chance.choice(self.open_pulls)
        pictures = (self.picture(), self.picture(), png(f"of {key}"))
        self.comments[pull, key] = self.jobs.publish(pull, *pictures, key=key), pictures

    def picture(self) -> bytes:
        return png(self.chance.randbytes(2000))

    @property
    def open_pulls(self) -> list[int]:
        return [number for number, pull in self.jobs.github.state.pulls.items() if pull.state == "open"]

    @property
    def last(self) -> list[Run]:
        return [run for runs in self.recorded.values() for run in runs[-RECORDS:]]

    @property
    def needed(self) -> set[str]:
        """The pictures of open pull requests and of the last records."""
        shown = {name(one) for (pull, _), (_, some) in self.comments.items() if pull in self.open_pulls for one in some}
        return shown | {image.sha256 for run in self.last for image in run.images}


@pytest.mark.slow
def test_five_hundred_jobs_leave_what_is_needed_and_no_more(github_server: GitHubServer, tmp_path: Path) -> None:
    jobs = Jobs(github_server, tmp_path)
    year = Year(jobs, random.Random(4))
    before_clearing: list[int] = []

    for number in range(1, 10 * HISTORY + 1):
        year.job()
        expected = (number - 1) % HISTORY + 1
        if expected == 1:
            assert jobs.images == year.needed
        if expected == HISTORY:
            before_clearing.append(jobs.reachable_bytes())
        if expected in (1, HISTORY) or number % 5 == 0:
            assert jobs.history_length == expected
            assert year.needed <= jobs.images
    # the 501st is the last to clear up
    year.job()

    assert jobs.history_length == 1
    assert jobs.images == year.needed
    assert all(len(year.recorded[key]) > RECORDS for key in KEYS)
    every_comment_shows_its_pictures(year)
    every_record_is_whole(year)
    assert {move.before for move in github_server.forced} == {move.tip for move in github_server.forced}
    assert len(github_server.forced) == 10
    # 2 keys, 100 records each with a picture and predictions: 0.7 MB; some pull requests; and 50 commits of notes and trees
    assert max(before_clearing) < 4_000_000, before_clearing


def every_comment_shows_its_pictures(year: Year) -> None:
    with requests.Session() as session:
        for (pull, _), (shown, pictures) in year.comments.items():
            if pull in year.open_pulls:
                answers = [session.get(url, timeout=10) for url in addresses(shown)]
                assert {answer.status_code for answer in answers} == {200}
                assert {answer.content for answer in answers} == set(pictures)


def every_record_is_whole(year: Year) -> None:
    records = year.jobs.records()
    for run in year.last:
        assert records.by_commit(run.key, run.commit) == run
        assert records.predictions(run) == year.contents[run.commit]
        assert [records.image(run, image.sha256) for image in run.images] == [
            year.contents[image.sha256] for image in run.images
        ]
    kept = {path for path in year.jobs.files if path.endswith(".parquet")}
    assert kept == {f"records/{run.key}/{run.commit}.parquet" for run in year.last}
