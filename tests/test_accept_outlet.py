"""What an accepted regression changes, and what it does not: in comment, check, annotations, files, and on the data branch."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from github.CheckRun import CheckRun as PyGithubsCheckRun
from jsonschema import Draft202012Validator
from rich.console import Console

from ml_ci.github.check import Check
from ml_ci.github.event import Event, read_event
from ml_ci.github.outlet import GitHubOutlet
from ml_ci.github.session import connect
from ml_ci.github.workflow import Annotations
from ml_ci.records import Accepted, read_record
from ml_ci.report.models_terminal import print_models
from ml_ci.report.terminal import print_result
from ml_ci.result import Result, Results
from tests.github_server import GitHubServer, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.github_server.state import CheckRun
from tests.runs import BASE, decided, failed, judged, result, rule, run

PUSHED, LATER = "2026-03-01T12:00:10Z", "2026-03-01T12:00:15Z"
ACCEPTED = Accepted(by="Hubot", at=LATER, pull=1)
ACCURACY = rule("accuracy", regression=0.01)
WORSE = result(run(BASE, accuracy=0.9), run(accuracy=0.5), ACCURACY)
BETTER = result(run(BASE, accuracy=0.9), run(accuracy=0.95), ACCURACY)
MISSING = result(run(BASE, accuracy=0.9), run(f1=0.5), ACCURACY)
UNSURE = decided(WORSE, "inconclusive", judged("accuracy", 0.9, 0.89, "inconclusive", (-0.03, 0.01)))
UNSURE_AND_HELD = replace(UNSURE, allowed=False)
BROKEN = failed("Training failed with exit code 1.", "ValueError: no data")


class Job:
    """A job on a pull request whose commit was pushed at `PUSHED`. Hubot may write, tim may not."""

    def __init__(self, github: GitHubServer, folder: Path) -> None:
        self.github, self.folder, self.log = github, folder, ""
        self.sha = github.git.commit_files("feature", {"train.py": "print()\n"}, "A change", on="main")
        self.pull = github.add_pull("feature")
        github.state.activity.clear()
        github.moved(self.pull, at=PUSHED)
        github.state.roles["Hubot"] = "write"

    def label(self, by: str = "Hubot") -> None:
        self.github.label(self.pull, "ml-ci:accept", by, at=LATER)

    def event(self) -> Event:
        return self._event("pull_request", self.github.pull_event(self.pull, "synchronize"), "refs/pull/1/merge")

    def queued(self) -> Event:
        base = self.github.git.resolve("main") or ""
        group = {"head_sha": self.sha, "base_sha": base, "base_ref": "refs/heads/main"}
        payload = {**self.github.pull_event(self.pull), "action": "checks_requested", "merge_group": group}
        return self._event("merge_group", payload, f"refs/heads/gh-readonly-queue/main/pr-1-{base}")

    def publish(
        self, *found: Result, event: Event | None = None, plots: Literal["inline", "none", "branch"] = "none"
    ) -> Results:
        """Publish one result, or those of several models, with the job's check."""
        event = event or self.event()
        outlet = GitHubOutlet(
            event=event,
            connect=lambda: connect("t", api_url=self.github.url, repository="octo/model", sleep=lambda _: None),
            annotations=Annotations(self._write),
            environ={
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                "GITHUB_OUTPUT": str(self.folder / "outputs"),
            },
            comment="always" if event.pull_number else "never",
            plots=plots,
            data_branch="ml-ci-data",
            out=self.folder / "out",
        )
        of_this_commit = [
            replace(each, head_commit=self.sha, head=replace(each.head, commit=self.sha) if each.head else None)
            for each in found
        ]
        opened: Future[PyGithubsCheckRun] = Future()
        opened.set_result(outlet.repository().create_check_run("ml-ci / default", self.sha, status="in_progress"))
        outlet.check = Check(opened, outlet.problem)
        if len(found) == 1:
            return Results(key="default", results=(outlet.publish(of_this_commit[0]),))
        parts = [outlet.write(each, self.folder / "out" / each.key) for each in of_this_commit]
        return outlet.publish_models("default", parts)

    @property
    def check(self) -> CheckRun:
        return list(self.github.state.checks.values())[-1]

    @property
    def comment(self) -> str:
        (comment,) = self.github.comments(1)
        return comment.body

    def document(self, name: str = "result.json") -> Mapping[str, object]:
        found = json.loads((self.folder / "out" / name).read_text())
        assert isinstance(found, dict)
        return found

    def kept(self, key: str = "default") -> list[Mapping[str, object]]:
        """The list of what was accepted, on the data branch; empty where there is none."""
        commit = self.github.git.resolve("refs/heads/ml-ci-data")
        place = f"records/{key}/accepted.json"
        entry = next(iter(self.github.git.tree(commit, path=place)), None) if commit else None
        found = json.loads(self.github.git.blob(entry.sha or "") or b"") if entry else []
        assert isinstance(found, list)
        return found

    def _write(self, text: str) -> None:
        self.log += text

    def _event(self, name: str, payload: Mapping[str, object], ref: str) -> Event:
        environ = {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_SHA": self.sha,
            "GITHUB_REF": ref,
            "GITHUB_REPOSITORY": "octo/model",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
        }
        return read_event(environ, payload)


@pytest.fixture
def job(github_server: GitHubServer, tmp_path: Path) -> Job:
    return Job(github_server, tmp_path)


def test_an_accepted_regression_goes_through_and_stays_a_fail(job: Job) -> None:
    job.label()
    found = job.publish(WORSE)
    assert (found.verdict, found.exit_code) == ("fail", 0)
    assert found.results[0].accepted == ACCEPTED
    assert (job.folder / "outputs").read_text().splitlines()[0] == "verdict=fail"


def test_the_comments_first_line_says_by_whom_and_what_got_worse(job: Job) -> None:
    job.label()
    job.publish(WORSE)
    first = job.comment.splitlines()[1]
    assert first.startswith("### ❌ Fail, accepted by `@Hubot`: ")
    assert "accuracy" in first
    assert "0.9" in first
    assert "0.5" in first
    assert (
        "with the label ml-ci:accept on pull request 1 at 2026-03-01 12:00 UTC. It holds the merge back no longer."
        in job.comment
    )
    assert (job.folder / "summary").read_text().startswith(first)


def test_the_check_succeeds_and_its_title_says_by_whom(job: Job) -> None:
    job.label()
    job.publish(WORSE)
    assert job.check.conclusion == "success"
    assert (job.check.title or "").startswith("Accepted by @Hubot: accuracy")


def test_it_is_annotated_as_a_warning_and_not_as_an_error(job: Job) -> None:
    job.label()
    job.publish(WORSE)
    assert "::warning title=ml-ci / default%3A fail%2C accepted by @Hubot::accuracy" in job.log
    assert "::error" not in job.log


def test_who_and_when_are_in_the_files_and_the_record(job: Job) -> None:
    job.label()
    job.publish(WORSE)
    assert job.document()["accepted"] == {"by": "Hubot", "at": LATER, "pull": 1}
    assert read_record((job.folder / "out" / "head.json").read_text(), "head.json").accepted == ACCEPTED
    page = (job.folder / "out" / "report.html").read_text()
    assert "<b>Fail, accepted by @Hubot</b>: accuracy" in page


@pytest.mark.parametrize("plots", ["none", "inline", "branch"])
def test_a_list_on_the_data_branch_keeps_it(job: Job, plots: Literal["none", "inline", "branch"]) -> None:
    job.label()
    job.publish(WORSE, plots=plots)
    entry = {"commit": job.sha, "verdict": "fail", "pull": 1, "by": "Hubot", "at": LATER}
    assert job.kept() == [entry]
    assert len(job.github.git.log("ml-ci-data")) == 1
    job.publish(WORSE, plots=plots)
    assert job.kept() == [entry]


def test_the_newest_is_first_in_it(job: Job) -> None:
    job.label()
    job.publish(WORSE)
    job.label()
    job.github.state.issue_events[-1] = replace(job.github.state.issue_events[-1], created_at="2026-03-01T13:00:00Z")
    job.publish(UNSURE_AND_HELD)
    assert [(entry["verdict"], entry["at"]) for entry in job.kept()] == [
        ("inconclusive", "2026-03-01T13:00:00Z"),
        ("fail", LATER),
    ]


def test_an_inconclusive_verdict_that_the_policy_holds_back_can_be_accepted(job: Job) -> None:
    job.label()
    found = job.publish(UNSURE_AND_HELD)
    assert (found.verdict, found.exit_code, job.check.conclusion) == ("inconclusive", 0, "success")


def test_a_gated_metric_that_is_missing_can_be_accepted_since_it_is_seen_and_named(job: Job) -> None:
    job.label()
    found = job.publish(MISSING)
    assert (found.verdict, found.exit_code) == ("fail", 0)
    assert "accuracy" in job.comment.splitlines()[1]


def test_an_error_cannot_be_accepted_and_nobody_is_asked(job: Job) -> None:
    job.label()
    found = job.publish(BROKEN)
    assert (found.exit_code, found.results[0].accepted, job.check.conclusion) == (3, None, "failure")
    assert job.github.count("GET", "/issues/1/events") == 0


@pytest.mark.parametrize("found", [BETTER, UNSURE, replace(WORSE, allowed=True)])
def test_where_nothing_holds_the_merge_back_nobody_is_asked(job: Job, found: Result) -> None:
    """A pass; what the policy lets pass; `fail-on: never`."""
    job.label()
    published = job.publish(found)
    assert published.exit_code == 0
    assert published.results[0].accepted is None
    assert job.github.count("GET", "/issues/1/events") == 0
    assert job.kept() == []


def test_without_the_label_a_regression_is_held_back_as_ever(job: Job) -> None:
    found = job.publish(WORSE)
    assert (found.exit_code, job.check.conclusion, job.document()["accepted"]) == (1, "failure", None)
    assert "accept" not in job.comment
    assert job.kept() == []


def test_a_label_that_does_not_count_is_explained_below_the_first_line(job: Job) -> None:
    job.label(by="tim")
    found = job.publish(WORSE)
    why = "The label ml-ci:accept was set by @tim, who may not write to this repository"
    assert (found.exit_code, job.check.conclusion) == (1, "failure")
    assert job.comment.splitlines()[1].startswith("### ❌ Fail: accuracy")
    assert why.replace("@tim", "`@tim`") in "\n".join(job.comment.splitlines()[:5])
    assert f"::warning title=ml-ci::{why}" in job.log
    assert any(why in str(text) for text in job.document()["warnings"])  # type: ignore[attr-defined]
    assert job.kept() == []


def test_what_a_handed_over_record_says_of_it_is_not_believed(job: Job) -> None:
    claimed = replace(WORSE, head=replace(run(accuracy=0.5), accepted=ACCEPTED), accepted=ACCEPTED)
    found = job.publish(claimed)
    assert (found.exit_code, found.results[0].accepted) == (1, None)
    assert read_record((job.folder / "out" / "head.json").read_text(), "head.json").accepted is None


def test_where_github_does_not_tell_it_is_not_accepted_and_a_warning_says_so(job: Job) -> None:
    job.label()
    job.github.inject("GET", "/issues/1/events", Status(503), times=None)
    found = job.publish(WORSE)
    assert (found.exit_code, job.check.conclusion) == (1, "failure")
    assert "::warning title=ml-ci::GitHub failed when asked to see who set the label ml-ci:accept" in job.log


def test_a_token_that_may_not_ask_gets_the_permissions_to_paste(job: Job) -> None:
    job.label()
    job.github.withhold("contents", level="none")
    found = job.publish(WORSE)
    assert found.exit_code == 1
    assert "pull-requests: read" in (job.folder / "summary").read_text()


def test_that_it_could_not_be_written_down_is_a_warning_and_it_counts(job: Job) -> None:
    job.label()
    job.github.withhold("contents")
    found = job.publish(WORSE)
    assert found.exit_code == 0
    assert "give the workflow the permission `contents: write`" in job.log


def test_in_a_merge_queue_the_pull_requests_label_counts(job: Job) -> None:
    """Else what was accepted could never be merged through one."""
    job.label()
    found = job.publish(WORSE, event=job.queued())
    assert (found.verdict, found.exit_code, found.results[0].accepted) == ("fail", 0, ACCEPTED)
    assert job.check.conclusion == "success"


@pytest.mark.parametrize("ref", ["refs/heads/gh-readonly-queue/main", "refs/heads/pr-1-abc", "refs/heads/main"])
def test_in_a_queue_of_another_name_there_is_no_pull_request_to_ask(job: Job, ref: str) -> None:
    job.label()
    assert job.publish(WORSE, event=replace(job.queued(), ref=ref)).exit_code == 1


def test_a_branch_that_is_named_like_a_queue_is_none(job: Job) -> None:
    job.label()
    pushed = replace(job.queued(), name="push")
    assert pushed.queued_pull is None
    assert job.publish(WORSE, event=pushed).exit_code == 1


def test_one_label_accepts_all_models_and_is_asked_for_once(job: Job) -> None:
    job.label()
    models = [_named("churn", WORSE), _named("ads", BETTER), _named("fraud", UNSURE_AND_HELD)]
    found = job.publish(*models)
    assert (found.verdict, found.exit_code, job.check.conclusion) == ("fail", 0, "success")
    assert [each.accepted for each in found.results] == [ACCEPTED, None, ACCEPTED]
    assert job.github.count("GET", "/issues/1/events") == 1
    assert (job.check.title or "").startswith("Accepted by @Hubot: 1 of 3 models fails: churn")
    assert job.comment.splitlines()[1].startswith("### ❌ Fail, accepted by `@Hubot`: 1 of 3 models fails: `churn`")
    assert "One label accepts all models" in job.comment
    assert "❌ **Fail, accepted**" in job.comment
    assert job.document()["accepted"] == {"by": "Hubot", "at": LATER, "pull": 1}
    assert (job.kept("churn")[0]["verdict"], job.kept("fraud")[0]["verdict"]) == ("fail", "inconclusive")
    assert job.kept("ads") == []


def test_a_model_that_could_not_be_judged_is_held_back_whoever_accepts_the_others(job: Job) -> None:
    job.label()
    found = job.publish(_named("churn", WORSE), _named("ads", BROKEN))
    assert (found.verdict, found.exit_code, job.check.conclusion) == ("error", 3, "failure")
    assert "What could not be judged is nothing that can be accepted." in job.comment


def _named(key: str, found: Result) -> Result:
    return replace(found, key=key, head=replace(found.head, key=key) if found.head else None)


def test_with_a_strict_policy_the_sentence_says_first_that_it_holds_the_merge_back(job: Job) -> None:
    job.label(by="tim")
    job.publish(UNSURE_AND_HELD)
    assert "The policy holds the merge back. The label ml-ci:accept was set by" in job.comment


def test_a_person_at_a_terminal_reads_it_first(job: Job) -> None:
    job.label()
    single, several = io.StringIO(), io.StringIO()
    print_result(job.publish(WORSE).results[0], Console(file=single, width=200))
    print_models(job.publish(_named("churn", WORSE), _named("ads", BETTER)), Console(file=several, width=200))
    told = (single.getvalue(), several.getvalue())
    assert told[0].startswith("❌ Fail, accepted by @Hubot: accuracy")
    assert told[1].startswith("❌ Fail, accepted by @Hubot: 1 of 2 models fails: churn")
    assert all("with the label ml-ci:accept on pull request 1" in text for text in told)


def test_the_documents_are_as_their_schema_says(job: Job) -> None:
    job.label()
    schema = json.loads((Path(__file__).parent.parent / "docs" / "result.schema.json").read_text())
    job.publish(WORSE)
    Draft202012Validator(schema).validate(job.document())
    job.publish(_named("churn", WORSE), _named("ads", BETTER))
    Draft202012Validator(schema).validate(job.document())
