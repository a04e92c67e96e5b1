"""`comment: always|changes|failure|never`, and what a second push makes of the comment that the first one left."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import pytest

from ml_ci.github.event import Event
from ml_ci.github.outlet import GitHubOutlet
from ml_ci.github.session import connect
from ml_ci.github.workflow import Annotations
from ml_ci.result import Result
from tests.github_server import GitHubServer
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.runs import BASE, HEAD, failed, result, rule, run

Mode = Literal["always", "changes", "failure", "never"]
ACCURACY = rule("accuracy", regression=0.01)
BEFORE = run(BASE, accuracy=0.9, f1=0.5)

PASSING = result(BEFORE, run(accuracy=0.95, f1=0.5), ACCURACY)
OTHER_MOVED = result(BEFORE, run(accuracy=0.9, f1=0.6), ACCURACY)
FAILING = result(BEFORE, run(accuracy=0.5, f1=0.5), ACCURACY)
NOTHING_MOVED = result(BEFORE, run(accuracy=0.9, f1=0.5), ACCURACY, code=["train.py"])
NOISE_OF_FLOATS = result(BEFORE, run(accuracy=0.9, f1=0.1 + 0.2 + 0.2), ACCURACY)
BOTH_NAN = result(run(BASE, accuracy=0.9, f1=math.nan), run(accuracy=0.9, f1=math.nan), ACCURACY)
NO_BASE = result(None, run(accuracy=0.9), ACCURACY)
BROKEN = failed("Training failed with exit code 1.", "ValueError: no data")


class Pull:
    """A pull request, and jobs on it."""

    def __init__(self, github: GitHubServer, folder: Path) -> None:
        github.git.commit_files("feature", {"train.py": "print()\n"}, "A change")
        self.github = github
        self.number = github.add_pull(head="feature").number
        self.folder = folder

    def job(self, found: Result, mode: Mode, plots: Literal["inline", "none"] = "none") -> list[str]:
        """Publish a result; returns all comments."""
        event = Event(
            name="pull_request",
            action="synchronize",
            repository="octo/model",
            default_branch="main",
            pull_number=self.number,
            head_sha=HEAD,
            base_sha=BASE,
            base_ref="main",
            ref=f"refs/pull/{self.number}/merge",
            sha=HEAD,
            is_fork=False,
            deleted=False,
            actor="octocat",
            run_id=7,
            run_attempt=1,
            run_url="https://github.com/octo/model/actions/runs/7",
            server_url=self.github.url,
            api_url=self.github.url,
        )
        outlet = GitHubOutlet(
            event=event,
            connect=lambda: connect("t", api_url=self.github.url, repository="octo/model"),
            annotations=Annotations(lambda _: None),
            environ={},
            comment=mode,
            plots=plots,
            data_branch="ml-ci-data",
            out=self.folder / "out",
        )
        outlet.publish(found)
        return [comment.body for comment in self.github.comments(self.number)]


@pytest.fixture
def pull(github_server: GitHubServer, tmp_path: Path) -> Pull:
    return Pull(github_server, tmp_path)


@pytest.mark.parametrize(
    ("found", "modes"),
    [
        (FAILING, {"always", "changes", "failure"}),
        (BROKEN, {"always", "changes", "failure"}),
        (PASSING, {"always", "changes"}),
        (OTHER_MOVED, {"always", "changes"}),
        (NO_BASE, {"always", "changes"}),
        (NOTHING_MOVED, {"always"}),
        (NOISE_OF_FLOATS, {"always"}),
        (BOTH_NAN, {"always"}),
    ],
    ids=["fail", "error", "pass", "other moved", "no base", "nothing moved", "noise of floats", "both NaN"],
)
def test_when_there_is_a_comment(pull: Pull, found: Result, modes: set[Mode]) -> None:
    every: list[Mode] = ["never", "failure", "changes", "always"]  # the rarest first: what is there stays
    assert {mode for mode in every if pull.job(found, mode)} == modes
    assert len(pull.job(found, "always")) == 1


@pytest.mark.parametrize("found", [PASSING, NOTHING_MOVED])
@pytest.mark.parametrize("mode", ["always", "changes", "failure"])
def test_a_pass_takes_the_place_of_a_failure(pull: Pull, mode: Mode, found: Result) -> None:
    (before,) = pull.job(FAILING, mode)
    (after,) = pull.job(found, mode)
    assert "❌ Fail" in before
    assert "✅ Pass" in after
    assert "Fail" not in after


@pytest.mark.parametrize("mode", ["never", "failure"])
def test_a_pass_is_not_commented_on_where_only_failures_are(pull: Pull, mode: Mode) -> None:
    assert pull.job(PASSING, mode) == []


@pytest.mark.parametrize("mode", ["never", "failure", "changes"])
@pytest.mark.parametrize("found", [NOTHING_MOVED, NOISE_OF_FLOATS, BOTH_NAN])
def test_what_did_not_move_is_not_commented_on(pull: Pull, mode: Mode, found: Result) -> None:
    assert pull.job(found, mode) == []


def test_never_leaves_an_older_comment_alone(pull: Pull) -> None:
    (before,) = pull.job(FAILING, "always")
    assert pull.job(PASSING, "never") == [before]


def test_inline_plots_are_charts_in_the_comment(pull: Pull) -> None:
    found = result(run(BASE, accuracy=[0.5, 0.8, 0.9]), run(accuracy=[0.5, 0.8, 0.95]), ACCURACY)
    (text,) = pull.job(found, "always", plots="inline")
    assert "```mermaid" in text
    (text,) = pull.job(found, "always", plots="none")
    assert "```mermaid" not in text
