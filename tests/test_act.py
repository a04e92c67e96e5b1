"""The action as users run it: real workflow files, by act, with the real container, on a test GitHub.

A story of one repository: a pull request is opened, discussed and pushed to, is merged, and others come after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.act import Runner
from tests.act_log import JobLog
from tests.act_workflow import FILES, Workflow, accuracy
from tests.github_server import GitHubServer
from tests.github_server.accounts import ACTIONS_BOT
from tests.github_server.fixture import bare_repository
from tests.github_server.state import CheckRun, Comment, Pull
from tests.triggers import Trigger

pytestmark = [pytest.mark.container, pytest.mark.slow, pytest.mark.xdist_group("act")]


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """The GitHub of the story."""
    with GitHubServer(bare_repository(tmp_path_factory.mktemp("github") / "origin.git")) as server:
        server.git.commit_files("main", FILES | accuracy(0.9))
        yield server
    assert server.violations == []


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One job of the story, and what GitHub held after it: the pull request's comments, the checks by commit."""

    log: JobLog
    pull: Pull
    comments: list[Comment]
    checks: dict[str, list[CheckRun]]

    @property
    def ours(self) -> Comment:
        """The comment that ml-ci wrote."""
        (comment,) = [each for each in self.comments if each.author and each.author.login == ACTIONS_BOT]
        return comment


def chapter(log: JobLog, github: GitHubServer, pull: Pull) -> Chapter:
    """What is seen now, kept as it is."""
    checks: dict[str, list[CheckRun]] = {}
    for check in github.state.checks.values():
        checks.setdefault(check.head_sha, []).append(replace(check))
    comments = [replace(comment) for comment in github.comments(pull.number)]
    return Chapter(log=log, pull=replace(pull), comments=comments, checks=checks)


@pytest.fixture(scope="module")
def opened(runner: Runner, github: GitHubServer) -> Chapter:
    """A pull request is opened."""
    github.git.commit_files("feature", accuracy(0.95), on="main")
    pull = github.add_pull("feature")
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull)), github, pull)


@pytest.fixture(scope="module")
def pushed(runner: Runner, github: GitHubServer, opened: Chapter) -> Chapter:
    """It is discussed at length, by somebody who quotes our comment too, and pushed to."""
    for number in range(44):
        github.add_comment("mona", f"What about {number}?")
    github.add_comment("mona", opened.ours.body)
    github.git.commit_files("feature", accuracy(0.96))
    pull = github.state.pulls[1]
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull, "synchronize")), github, pull)


@pytest.fixture(scope="module")
def recorded(runner: Runner, github: GitHubServer, pushed: Chapter) -> Chapter:
    """It is merged, which is a push to main."""
    before = pushed.pull.base_sha
    github.git.commit_files("main", accuracy(0.96))
    log = runner.run(Workflow(), github, Trigger.push(github, before))
    return chapter(log, github, pushed.pull)


@pytest.fixture(scope="module")
def regressed(runner: Runner, github: GitHubServer, recorded: Chapter) -> Chapter:
    """The next pull request makes the model worse."""
    assert recorded.log.ok
    github.git.commit_files("worse", accuracy(0.8), on="main")
    pull = github.add_pull("worse")
    return chapter(runner.run(Workflow(), github, Trigger.pull_request(github, pull)), github, pull)


# --- a pull request is opened


def test_opening_a_pull_request_gives_one_comment(opened: Chapter) -> None:
    assert opened.log.ok, opened.log.text
    (comment,) = opened.comments
    assert comment.author
    assert comment.author.login == ACTIONS_BOT
    assert "| `accuracy` |   0.90 |   0.95 |" in comment.body
    assert opened.log.outputs["comment-url"].endswith(f"/octo/model/pull/1#issuecomment-{comment.id}")


def test_and_one_check_on_the_true_head_and_none_on_githubs_merge(opened: Chapter) -> None:
    assert list(opened.checks) == [opened.pull.head_sha]
    (check,) = opened.checks[opened.pull.head_sha]
    assert (check.name, check.status, check.conclusion) == ("ml-ci / default", "completed", "success")
    assert opened.log.sha == opened.pull.merge_sha != opened.pull.head_sha


def test_and_outputs_a_summary_and_the_output_folder(opened: Chapter) -> None:
    assert opened.log.outputs["verdict"] == "pass"
    assert opened.log.result["verdict"] == "pass"
    assert opened.log.summary.replace("\u00a0", " ").count("| `accuracy` |   0.90 |   0.95 |") == 1
    assert {"result.json", "report.md", "report.html", "base.json", "head.json"} <= {
        path.name for path in (opened.log.kept / ".ml-ci").iterdir()
    }


def test_without_a_record_the_base_is_trained_and_the_comment_says_so(opened: Chapter) -> None:
    assert opened.log.side("base")["origin"] == "trained"
    assert f"Base [`{opened.pull.base_sha[:9]}`]" in opened.ours.body
    assert "trained now" in opened.ours.body


def test_the_job_leaves_only_files_that_the_runner_can_remove(opened: Chapter) -> None:
    assert opened.log.not_ours == ()
    assert opened.log.not_removed == ()


# --- it is discussed and pushed to


def test_a_second_push_updates_the_comment_among_45_others(opened: Chapter, pushed: Chapter) -> None:
    assert pushed.log.ok, pushed.log.text
    assert len(pushed.comments) == 1 + 45
    assert pushed.ours.id == opened.ours.id
    assert "| `accuracy` |   0.90 |   0.96 |" in pushed.ours.body


def test_comments_of_others_stay_as_they_are_also_where_they_quote_ours(opened: Chapter, pushed: Chapter) -> None:
    others = [comment.body for comment in pushed.comments if comment.id != pushed.ours.id]
    assert others == [*(f"What about {number}?" for number in range(44)), opened.ours.body]


def test_each_head_has_its_own_check(opened: Chapter, pushed: Chapter) -> None:
    assert {sha: len(checks) for sha, checks in pushed.checks.items()} == {
        opened.pull.head_sha: 1,
        pushed.pull.head_sha: 1,
    }


# --- it is merged


def test_a_push_to_main_records(github: GitHubServer, recorded: Chapter) -> None:
    assert recorded.log.ok, recorded.log.text
    sha = recorded.log.sha
    record = json.loads(github.git.text("show", f"ml-ci-data:records/default/{sha}.json"))
    assert record["metrics"]["accuracy"]["value"] == 0.96
    assert f"Recorded the run of {sha}" in recorded.log.summary


def test_a_push_to_main_comments_on_nothing(pushed: Chapter, recorded: Chapter) -> None:
    assert recorded.comments == pushed.comments
    assert recorded.checks == pushed.checks


# --- the next pull request


def test_the_next_pull_request_finds_the_record_and_does_not_train_the_base(regressed: Chapter) -> None:
    assert regressed.log.side("base") | {"origin": "found", "commit": regressed.pull.base_sha} == regressed.log.side(
        "base"
    )
    assert "Training head" in regressed.log.text
    assert "Training base" not in regressed.log.text


def test_a_regression_fails_the_step_with_the_comment_written(regressed: Chapter) -> None:
    assert not regressed.log.ok
    assert "exit status 1" in regressed.log.text
    (comment,) = regressed.comments
    assert "| `accuracy` |   0.96 |   0.80 |" in comment.body
    assert regressed.log.outputs["verdict"] == regressed.log.result["verdict"] == "fail"
    assert regressed.checks[regressed.pull.head_sha][0].conclusion == "failure"
    assert [each.level for each in regressed.log.annotations] == ["error"]


def test_a_token_that_may_only_read_leaves_the_same_verdict_and_a_hint(
    runner: Runner, github: GitHubServer, regressed: Chapter
) -> None:
    permissions = github.default_token.permissions
    github.withhold("issues", "pull_requests", "checks", "contents")
    log = runner.run(Workflow(), github, Trigger.pull_request(github, github.state.pulls[2]))
    github.default_token.permissions = permissions

    assert not log.ok
    assert log.outputs["verdict"] == "fail"
    assert log.outputs["comment-url"] == ""
    assert log.result["metrics"] == regressed.log.result["metrics"]
    assert "permissions:\n>   contents: read\n" in log.summary
    assert "pull-requests: write" in log.summary
    assert github.comments(2) == regressed.comments
    assert "Resource not accessible by integration" in " ".join(each.text for each in log.annotations)


def test_a_schedule_compares_main_with_the_last_record(
    runner: Runner, github: GitHubServer, recorded: Chapter, regressed: Chapter
) -> None:
    last = regressed.pull.base_sha
    github.git.commit_files("main", accuracy(0.7))
    log = runner.run(Workflow(), github, Trigger.schedule(github))

    assert not log.ok
    assert (log.side("base")["commit"], log.side("base")["origin"]) == (last, "found")
    assert [(row["base"], row["head"]) for row in log.rows()] == [(0.96, 0.7)]
    assert github.comments(1) == recorded.comments


def test_the_report_is_an_artifact_of_the_run_but_where_nothing_was_compared(
    opened: Chapter, recorded: Chapter
) -> None:
    assert {"report.html", "report.md", "result.json", "base.json", "head.json"} <= opened.log.artifact("ml-ci-default")
    page = opened.log.artifacts / "ml-ci-default.html"
    assert page.read_bytes() == (opened.log.kept / ".ml-ci" / "report.html").read_bytes()
    assert re.search(r"\[full report\]\(http\S+/actions/runs/\d+#artifacts\)", opened.ours.body)
    assert not recorded.log.artifacts.exists()
