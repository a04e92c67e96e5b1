"""The workflows of `examples/workflows`, as they are, by act: each with a token that may do just what its job asks for."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

import pytest
import yaml

from tests.act import Runner
from tests.act_log import JobLog
from tests.act_workflow import CONFIG, FILES, KEEP, TOP, Workflow, accuracy
from tests.github_server import GitHubServer
from tests.github_server.accounts import PERMISSIONS, Level
from tests.github_server.state import Pull
from tests.triggers import Trigger

EXAMPLES = TOP / "examples" / "workflows"
FILES_OF_EXAMPLES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.yml"))
SCOPES: Mapping[str, tuple[str, ...]] = {"pull-requests": ("pull_requests", "issues")}
"""What a workflow's permission is called by the API, where that is another name."""


Job = TypedDict(
    "Job",
    {
        "runs-on": object,
        "permissions": dict[str, Level],
        "strategy": dict[str, dict[str, list[str]]],
        "steps": list[dict[str, object]],
    },
    total=False,
)


class Example:
    """One of the files: what is copied by users. `job` is the one that a test is about, the only one by default."""

    def __init__(self, name: str, job: str = "") -> None:
        document = yaml.safe_load((EXAMPLES / name).read_text())
        # YAML 1.1 reads the key `on` as a boolean
        self.document = {"name": document["name"], "on": document[True], **document}
        del self.document[True]
        self.jobs = cast("dict[str, Job]", self.document["jobs"])
        self.job = self.jobs[job or next(iter(self.jobs))]

    def workflow(self) -> Workflow:
        """The file, with a step after ml-ci that keeps what a test wants to see."""
        for job in self.jobs.values():
            job["steps"][-1]["id"] = "ml-ci"
            job["steps"].append({"if": "always()", "shell": "bash", "run": KEEP})
        return Workflow(text=yaml.safe_dump(self.document, sort_keys=False))

    def granted(self, *, fork: bool = False) -> dict[str, Level]:
        """What the job's token may do: what it asks for, and of that on a fork's pull request only reading."""
        asked = self.job["permissions"]
        granted: dict[str, Level] = dict.fromkeys(PERMISSIONS, "none")
        for scope, level in asked.items():
            granted |= dict.fromkeys(SCOPES.get(scope, (scope,)), "read" if fork else level)
        return granted | {"metadata": "read"}


def run(
    runner: Runner, github: GitHubServer, example: Example, trigger: Trigger, granted: dict[str, Level] | None = None
) -> JobLog:
    """Run an example on an event, with a token that has the job's permissions."""
    before = github.default_token.permissions
    github.default_token.permissions = granted or example.granted()
    log = runner.run(example.workflow(), github, trigger)
    github.default_token.permissions = before
    return log


@pytest.fixture
def model(github_server: GitHubServer) -> GitHubServer:
    """A GitHub of one test, with a model of 0.9 on main."""
    github_server.git.commit_files("main", FILES | accuracy(0.9))
    return github_server


def a_pull(github: GitHubServer, value: float, **more: str) -> Pull:
    """A pull request that gives the model this accuracy."""
    github.git.commit_files("feature", accuracy(value), on="main")
    return github.add_pull("feature", **more)  # type: ignore[arg-type]


def labelled(github: GitHubServer, pull: Pull, label: str) -> Trigger:
    """The event that a label was set."""
    trigger = Trigger.pull_request(github, pull, "labeled")
    return Trigger(**{**vars(trigger), "payload": {**trigger.payload, "label": {"name": label}}})


# --- what all of them have


@pytest.mark.parametrize("name", FILES_OF_EXAMPLES)
def test_an_example_says_in_at_most_eight_lines_what_it_is_for(name: str) -> None:
    lines = (EXAMPLES / name).read_text().splitlines()
    comment = lines[: next(number for number, line in enumerate(lines) if line.startswith("name:"))]

    assert 0 < len(comment) <= 8
    assert all(line.startswith("# ") for line in comment)
    assert "Change:" in "\n".join(comment)


@pytest.mark.parametrize("name", FILES_OF_EXAMPLES)
def test_no_label_but_ours_cancels_a_training(name: str) -> None:
    """GitHub takes a run's concurrency group before it looks at a job's `if`."""
    document = Example(name).document
    types = (cast("dict[str, dict[str, list[str]]]", document["on"]).get("pull_request") or {}).get("types", [])
    group = str(cast("dict[str, object]", document["concurrency"])["group"])

    assert ("labeled" in types) == ("unlabeled" in types) == ("github.event.label.name != 'ml-ci:accept'" in group)


@pytest.mark.parametrize("name", FILES_OF_EXAMPLES)
def test_a_job_that_is_skipped_is_not_what_a_pull_request_needs(name: str) -> None:
    """GitHub counts a skipped job as passed: none may bear the check's name, and who copies the file reads which to require."""
    example = Example(name)
    jobs = cast("dict[str, dict[str, str]]", example.document["jobs"])

    assert [job["name"] for job in jobs.values() if job["name"].startswith("ml-ci /")] == []
    if "pull_request" in cast("dict[str, object]", example.document["on"]):
        assert re.search(r"# In the rules of `main` require .*check", (EXAMPLES / name).read_text())


def test_the_publishing_workflow_waits_for_the_other_one_and_checks_out_nothing() -> None:
    first, second = Example("public-forks/ml-ci.yml"), Example("public-forks/ml-ci-publish.yml")

    on = cast("dict[str, dict[str, list[str]]]", second.document["on"])
    assert on == {"workflow_run": {"workflows": [first.document["name"]], "types": ["completed"]}}
    assert [step["uses"] for step in second.job["steps"]] == ["OWNER/ml-ci@v1"]
    assert second.granted() == Example("private.yml").granted() | {"actions": "read"}


# --- each of them, run


@pytest.mark.container
@pytest.mark.slow
def test_private_compares_a_pull_request_and_records_a_push(runner: Runner, model: GitHubServer) -> None:
    pull = a_pull(model, 0.95)
    log = run(runner, model, Example("private.yml"), Trigger.pull_request(model, pull))

    assert log.ok, log.text
    assert ["| `accuracy` |   0.90 |   0.95 |" in comment.body for comment in model.comments()] == [True]
    assert conclusions(model) == [("ml-ci / default", pull.head_sha, "success")]
    assert warnings(log) == []

    before = model.git.commit_files("main", accuracy(0.95))
    pushed = run(runner, model, Example("private.yml"), Trigger.push(model, before))

    assert pushed.ok, pushed.text
    record = json.loads(model.git.text("show", f"ml-ci-data:records/default/{pushed.sha}.json"))
    assert record["metrics"]["accuracy"]["value"] == 0.95


@pytest.mark.container
@pytest.mark.slow
def test_private_does_nothing_for_a_label_of_anybodys_and_lets_through_for_ours(
    runner: Runner, model: GitHubServer
) -> None:
    pull = a_pull(model, 0.8)
    model.moved(pull, at="2026-01-01T00:00:00Z")
    model.state.roles["olga"] = "write"
    model.label(pull, "bug", "olga")
    log = run(runner, model, Example("private.yml"), labelled(model, pull, "bug"))
    assert log.ok, log.text
    assert calls(model) == 0

    model.label(pull, "ml-ci:accept", "olga")
    log = run(runner, model, Example("private.yml"), labelled(model, pull, "ml-ci:accept"))

    assert log.ok, log.text
    assert conclusions(model) == [("ml-ci / default", pull.head_sha, "success")]
    (comment,) = model.comments()
    assert ("accepted by" in comment.body, "olga" in comment.body) == (True, True)
    assert ["0.9 → 0.8" in text for text in warnings(log)] == [True]


@pytest.mark.container
@pytest.mark.slow
def test_public_records_a_push_with_nothing_but_the_right_to_write_records(runner: Runner, model: GitHubServer) -> None:
    example = Example("public-forks/ml-ci.yml", "record")
    log = run(runner, model, example, Trigger.push(model, "0" * 40))

    assert log.ok, log.text
    assert model.git.resolve("refs/heads/ml-ci-data")
    assert (warnings(log), conclusions(model)) == ([], [])


@pytest.mark.container
@pytest.mark.slow
def test_a_forks_pull_request_is_judged_by_one_job_and_published_by_the_other(
    runner: Runner, model: GitHubServer
) -> None:
    """act has no artifacts, so the test carries them from the one job to the other."""
    first, second = "public-forks/ml-ci.yml", "public-forks/ml-ci-publish.yml"
    run(runner, model, Example(first, "record"), Trigger.push(model, "0" * 40))
    pull = a_pull(model, 0.8, fork="stranger", author="stranger")
    trained = run(
        runner, model, Example(first), Trigger.pull_request(model, pull), granted=Example(first).granted(fork=True)
    )
    assert not trained.ok
    assert (trained.outputs["verdict"], warnings(trained)) == ("fail", [])
    assert (conclusions(model), model.comments()) == ([], [])

    model.add_artifact(7, "ml-ci-default", archive(trained.artifacts / "ml-ci-default"), pull.head_sha)
    after = Trigger.workflow_run(model, pull, 7, "failure")
    published = run(runner, model, Example(second), after)

    assert not published.ok
    assert "Training" not in published.text
    assert conclusions(model) == [("ml-ci / default", pull.head_sha, "failure")]
    (comment,) = model.comments(pull.number)
    assert "accuracy fell by 0.1 (0.9 → 0.8); allowed is at most 0.01" in comment.body
    assert warnings(published) == []

    # the label counts when the second workflow is run again, and nothing is trained for it
    model.moved(pull, at="2026-01-01T00:00:00Z")
    model.state.roles["olga"] = "write"
    model.label(pull, "ml-ci:accept", "olga")
    again = run(runner, model, Example(second), after)

    assert again.ok, again.text
    assert {conclusion for _, _, conclusion in conclusions(model)[-1:]} == {"success"}
    (comment,) = model.comments(pull.number)
    assert "accepted by" in comment.body


def archive(folder: Path) -> bytes:
    """A folder as actions/upload-artifact packs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return packed.getvalue()


@pytest.mark.container
@pytest.mark.slow
def test_the_merge_queue_has_a_check_on_its_own_commit(runner: Runner, model: GitHubServer) -> None:
    queue = "gh-readonly-queue/main/pr-1"
    sha = model.git.commit_files(queue, accuracy(0.95), on="main")
    log = run(runner, model, Example("merge-queue.yml"), Trigger.merge_group(model, queue))

    assert log.ok, log.text
    assert conclusions(model) == [("ml-ci / default", sha, "success")]
    assert (warnings(log), model.comments()) == ([], [])


@pytest.mark.container
@pytest.mark.slow
def test_the_schedule_compares_with_the_last_record_and_writes_nothing(runner: Runner, model: GitHubServer) -> None:
    run(runner, model, Example("private.yml"), Trigger.push(model, "0" * 40))
    model.git.commit_files("main", accuracy(0.7))
    tip = model.git.resolve("refs/heads/ml-ci-data")
    log = run(runner, model, Example("schedule.yml"), Trigger.schedule(model))

    assert not log.ok
    assert [(row["base"], row["head"]) for row in log.rows()] == [(0.9, 0.7)]
    assert warnings(log) == []
    assert model.git.resolve("refs/heads/ml-ci-data") == tip
    assert conclusions(model) == []


@pytest.mark.container
@pytest.mark.slow
def test_of_a_matrix_each_model_has_its_own_comment_and_check(runner: Runner, model: GitHubServer) -> None:
    for name in ("churn", "fraud"):
        model.git.commit_files("main", {f"{name}/.ml-ci.yml": CONFIG})
    pull = a_pull(model, 0.95)
    for name in ("churn", "fraud"):
        example = Example("matrix.yml")
        # the two machines of the matrix, one after the other
        example.job["strategy"]["matrix"]["model"] = [name]
        log = run(runner, model, example, Trigger.pull_request(model, pull))
        assert log.ok, log.text
        assert warnings(log) == []

    assert conclusions(model) == [(f"ml-ci / {name}", pull.head_sha, "success") for name in ("churn", "fraud")]
    assert len(model.comments()) == 2


@pytest.mark.container
@pytest.mark.slow
def test_on_a_machine_of_ones_own_it_runs_on_the_host_and_not_for_a_fork(runner: Runner, model: GitHubServer) -> None:
    fork = Trigger.pull_request(model, a_pull(model, 0.95, fork="stranger"))
    log = run(runner, model, on_this_machine(), fork)
    assert log.ok, log.text
    assert calls(model) == 0

    pull = a_pull(model, 0.96)
    log = run(runner, model, on_this_machine(), Trigger.pull_request(model, pull))

    assert log.ok, log.text
    assert "ml-ci: image" not in log.text
    assert conclusions(model) == [("ml-ci / default", pull.head_sha, "success")]


def on_this_machine() -> Example:
    """The example for a GPU, on this machine, which has none."""
    example = Example("self-hosted-gpu.yml")
    example.job["runs-on"] = "ubuntu-latest"
    return example


def calls(github: GitHubServer) -> int:
    """How often anything was asked of the API; the runner itself only fetches."""
    return sum(seen.operation is not None for seen in github.requests)


def conclusions(github: GitHubServer) -> list[tuple[str, str, str | None]]:
    """The checks: name, commit, and how they ended."""
    return sorted((check.name, check.head_sha, check.conclusion) for check in github.state.checks.values())


def warnings(log: JobLog) -> list[str]:
    """What the job's page warns of."""
    return [each.text for each in log.annotations if each.level == "warning"]
