"""The comment cannot be posted: verdict, summary, outputs and exit code are the same, and a warning says why."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_ci import action
from tests.action_job import Done, Job
from tests.github_server import GitHubServer
from tests.github_server.faults import Fault, Html, PrimaryLimit, Reset, SecondaryLimit, Status

COMMENTS = "/issues/*/comments"
PERMISSIONS = "permissions:"
ARCHIVED = Status(403, "Repository was archived so is read-only.")
FAULTS: dict[str, tuple[Fault, str, bool]] = {
    "the token may not": (Status(403, "Resource not accessible by integration"), "Resource not accessible", True),
    "the repository is archived": (ARCHIVED, "archived", False),
    "the conversation is locked": (Status(403, "Unable to create comment because issue is locked."), "locked", False),
    "the token does not see it": (Status(404, "Not Found"), "Not Found", False),
    "it is refused": (Status(422, "Validation Failed"), "Validation Failed", False),
    "GitHub fails": (Status(500), "500", False),
    "GitHub is overloaded": (Html(502), "502", False),
    "the connection breaks": (Reset(), "", False),
    "the hour's requests are spent": (PrimaryLimit(reset_in=3000), "", False),
    "it was too much at once": (SecondaryLimit(), "", False),
}
"""What GitHub answers, a word of the warning, and whether the block to paste helps."""


@pytest.fixture
def job(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Job]:
    """A job that does not really wait for GitHub."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    made = Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server)
    made.outside = action.Outside(timeout=2, sleep=lambda _: None)
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def warnings(done: Done) -> str:
    return "\n".join(re.findall(r"(?m)^::warning[^:]*::(.*)$", done.log))


def verdict(job: Job) -> str:
    found = json.loads((job.workspace / ".ml-ci" / "result.json").read_text())
    return str(found["verdict"])


JUDGED = {
    "pass": ({"params.yaml": "accuracy: 0.95\n"}, 0),
    "fail": ({"params.yaml": "accuracy: 0.5\n"}, 1),
    "error": ({"train.py": "raise SystemExit(1)\n"}, 3),
}


def assert_all_but_the_comment(job: Job, done: Done, word: str, code: int) -> None:
    assert (done.code, done.outputs["verdict"], verdict(job)) == (code, word, word)
    assert done.outputs["comment-url"] == ""
    assert done.outputs["result"].endswith("result.json")
    check = job.check()
    assert (check.status, check.conclusion) == ("completed", "success" if word == "pass" else "failure")
    assert "Traceback" not in done.log


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whatever_github_answers_all_else_is_as_it_would_be(what: str, method: str, job: Job) -> None:
    fault, says, helps = FAULTS[what]
    job.github.inject(method, COMMENTS, fault, times=None)

    done = job.on_pull_request()

    assert_all_but_the_comment(job, done, "pass", 0)
    assert job.github.comments() == []
    assert "comment on pull request 1" in warnings(done), done.log
    assert says in warnings(done)
    assert "accuracy" in done.summary
    assert (PERMISSIONS in done.summary and "pull-requests: write" in done.summary) == helps


@pytest.mark.parametrize("word", JUDGED)
def test_each_verdict_and_its_exit_code_stay(word: str, job: Job) -> None:
    files, code = JUDGED[word]
    job.github.inject("POST", COMMENTS, Status(403, "Resource not accessible by integration"), times=None)

    done = job.on_pull_request(files)

    assert_all_but_the_comment(job, done, word, code)
    assert PERMISSIONS in done.summary


def test_a_comment_that_is_there_stays_as_it_was_where_it_cannot_be_updated(job: Job) -> None:
    job.on_pull_request()
    (before,) = (comment.body for comment in job.github.comments())
    job.github.inject("PATCH", "/issues/comments/*", ARCHIVED, times=None)
    job.github.git.commit_files("feature", {"params.yaml": "accuracy: 0.5\n"})
    (pull,) = job.github.state.pulls.values()
    payload = job.github.pull_event(pull)
    shutil.rmtree(job.workspace)
    job.check_out(pull.merge_sha)
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": pull.merge_sha or ""}

    done = job.run(event, payload)

    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    assert [comment.body for comment in job.github.comments()] == [before]
    assert "archived" in warnings(done)
