"""GitHub's door, called as the container's entrypoint calls it: the inputs, the event and the modes, on a test GitHub."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ml_ci import action
from ml_ci.github.artifact import artifact_name, artifact_page
from ml_ci.github.event import read_event
from tests.action_job import CONFIG, TOKEN, Job
from tests.github_server import GitHubServer

CHOICES = {
    "mode": "auto, compare, record, publish",
    "comment": "always, changes, failure, never",
    "plots": "auto, branch, inline, none",
    "fail-on": "regression, inconclusive, never",
}


@pytest.fixture
def job(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Job]:
    """A job whose MLflow is the worker's, as a user's own would be."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


# --- inputs


@pytest.mark.parametrize("name", sorted(CHOICES))
@pytest.mark.parametrize("value", ["Never", "alway", "true"])
def test_a_typo_in_a_choice_is_an_error_and_never_a_default(job: Job, name: str, value: str) -> None:
    done = job.on_pull_request(**{name.replace("-", "_"): value})

    assert done.code == 2
    assert done.errors == [f"the input {name} is '{value}'; it must be one of {CHOICES[name]}."]
    assert done.outputs == {"verdict": "error", "ended": "true"}
    assert job.github.requests == [seen for seen in job.github.requests if "/repos/" not in seen.path]


def test_a_key_that_can_be_no_key_is_an_error(job: Job) -> None:
    done = job.on_pull_request(key="no spaces, please")

    assert done.code == 2
    assert "the input `key`" in done.errors[0]


def test_an_empty_token_is_an_error(job: Job) -> None:
    done = job.on_pull_request(github_token=" ")

    assert done.code == 2
    assert "`github-token` is empty" in done.errors[0]


def test_a_configuration_that_is_named_must_be_there(job: Job) -> None:
    done = job.on_pull_request(config="ml/ci.yml")

    assert done.code == 2
    assert "ml/ci.yml" in done.errors[0]


def test_the_inputs_train_and_key_override_the_configuration(job: Job) -> None:
    done = job.on_pull_request(train="echo '{\"accuracy\": 0.99}' >metrics.json", key="churn")

    assert (done.code, done.outputs["verdict"]) == (0, "pass"), done.log
    assert job.check().name == "ml-ci / churn"
    (comment,) = job.github.comments()
    assert comment.body.startswith("<!-- ml_ci:comment key=churn -->")
    result = json.loads(Path(done.outputs["result"]).read_text())
    assert [(row["name"], row["head"]) for row in result["metrics"]] == [("accuracy", 0.99)]


def test_the_input_train_is_how_base_is_trained_too(job: Job) -> None:
    done = job.on_pull_request(train="echo '{\"accuracy\": 0.99}' >metrics.json")

    (row,) = json.loads(Path(done.outputs["result"]).read_text())["metrics"]
    assert (row["base"], row["head"]) == (0.99, 0.99)


def test_the_input_base_says_what_to_compare_with(job: Job) -> None:
    old = job.github.git.commit_files("old", {"params.yaml": "accuracy: 0.5\n"}, on="main")
    done = job.on_pull_request(base=old)

    result = json.loads(Path(done.outputs["result"]).read_text())
    assert (result["base"]["commit"], result["metrics"][0]["base"]) == (old, 0.5)


# --- what makes the step fail


REGRESSION = {"params.yaml": "accuracy: 0.8\n"}


def test_a_regression_fails_the_step_with_everything_said(job: Job) -> None:
    done = job.on_pull_request(REGRESSION)

    assert (done.code, done.outputs["verdict"]) == (1, "fail")
    assert len(done.errors) == 1
    assert "accuracy" in done.errors[0]
    assert (job.check().conclusion, job.check().head_sha) == ("failure", job.github.git.resolve("feature"))
    assert done.outputs["comment-url"].endswith(f"#issuecomment-{job.github.comments()[0].id}")
    assert "accuracy" in done.summary


def test_with_fail_on_never_it_fails_nothing_and_says_the_same(job: Job) -> None:
    done = job.on_pull_request(REGRESSION, fail_on="never")

    assert (done.code, done.outputs["verdict"]) == (0, "fail")
    assert done.errors == []
    assert job.check().conclusion == "success"


def test_with_fail_on_never_a_broken_training_still_fails(job: Job) -> None:
    done = job.on_pull_request({"train.py": "raise SystemExit('no data')\n"}, fail_on="never")

    assert (done.code, done.outputs["verdict"]) == (3, "error")
    assert job.check().conclusion == "failure"
    assert "no data" in job.github.comments()[0].body


# --- the comment


def comments_after(job: Job, head: str, comment: str) -> int:
    job.on_pull_request({"params.yaml": f"accuracy: {head}\n", "notes.md": "words\n"}, comment=comment)
    return len(job.github.comments())


def test_with_comment_never_there_is_none(job: Job) -> None:
    assert comments_after(job, "0.8", "never") == 0


def test_with_comment_failure_there_is_one_for_a_failure(job: Job) -> None:
    assert comments_after(job, "0.8", "failure") == 1


def test_with_comment_failure_there_is_none_for_a_pass(job: Job) -> None:
    assert comments_after(job, "0.95", "failure") == 0


def test_with_comment_changes_there_is_none_where_no_metric_moved(job: Job) -> None:
    assert comments_after(job, "0.9", "changes") == 0


# --- the plots

CURVE = """
from pathlib import Path

accuracy = float(Path("params.yaml").read_text().split()[-1])
Path("metrics.csv").write_text("step,accuracy\\n0,0.1\\n1,0.5\\n2,%s\\n" % accuracy)
"""


@pytest.mark.parametrize(
    ("plots", "withheld", "shown"),
    [
        ("auto", (), "picture"),
        ("branch", (), "picture"),
        ("inline", (), "chart"),
        ("none", (), ""),
        ("auto", ("contents",), "chart"),
        ("branch", ("contents",), "chart"),
    ],
)
def test_plots_are_pictures_or_charts_or_nothing(job: Job, plots: str, withheld: tuple[str, ...], shown: str) -> None:
    config = f"{CONFIG}metrics: [metrics.csv]\n"
    job.github.git.commit_files("main", {"train.py": CURVE, ".ml-ci.yml": config, ".gitignore": "metrics.csv\n"})
    job.github.withhold(*withheld)
    done = job.on_pull_request(plots=plots)

    assert (done.code, done.outputs["verdict"]) == (0, "pass"), done.log
    text = job.github.comments()[0].body
    pictures = re.findall(r'(?:srcset|src)="([^"]+)"', text)
    assert [requests.get(url, timeout=10).content[:4] for url in pictures] == [b"\x89PNG"] * 2 * (shown == "picture")
    assert ("```mermaid" in text) == (shown == "chart")
    assert (
        ("permissions:" in done.summary)
        == ("contents: write" in done.summary)
        == (plots == "branch" and bool(withheld))
    )
    assert (Path(done.outputs["report"]).parent / "plots" / "curves-dark.png").is_file()


# --- the artifact


@pytest.mark.parametrize(
    "files", [REGRESSION, {"params.yaml": "accuracy: 0.95\n"}, {"train.py": "raise SystemExit(1)\n"}]
)
def test_a_verdict_of_each_kind_has_a_report_to_upload_and_the_comment_links_to_it(
    job: Job, files: dict[str, str]
) -> None:
    done = job.on_pull_request(files, key="churn")

    assert done.outputs["artifact"] == "ml-ci-churn"
    (comment,) = job.github.comments()
    assert f"[full report]({job.github.url}/octo/model/actions/runs/7#artifacts)" in comment.body


def test_where_nothing_is_compared_there_is_nothing_to_upload(job: Job) -> None:
    sha = job.github.git.resolve("main")
    job.check_out(sha)
    event = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": sha or ""}
    done = job.run(event, {"before": "0" * 40, "after": sha, "repository": {"default_branch": "main"}})

    assert (done.code, done.outputs["verdict"]) == (0, "pass"), done.log
    assert "artifact" not in done.outputs


@pytest.mark.parametrize(
    ("server", "takes"),
    [
        ("https://github.com", True),
        ("https://octo.ghe.com", True),
        ("https://git.example.com", False),
        ("https://github.com.example.org", False),
    ],
)
def test_enterprise_server_takes_no_artifacts_of_this_kind(server: str, takes: bool) -> None:
    environ = {
        "GITHUB_EVENT_NAME": "workflow_dispatch",
        "GITHUB_REPOSITORY": "octo/model",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_RUN_ID": "7",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_SHA": "1" * 40,
        "GITHUB_SERVER_URL": server,
        "GITHUB_API_URL": f"{server}/api",
    }
    event = read_event(environ, {"repository": {"default_branch": "main"}})

    assert artifact_name("default", event) == ("ml-ci-default" if takes else "")
    run = f"{server}/octo/model/actions/runs/7"
    assert artifact_page(event) == (f"{run}#artifacts" if takes else f"{run}/attempts/1")


# --- what GitHub refuses changes no verdict


def test_a_read_only_token_leaves_the_verdict_the_summary_and_a_hint(job: Job) -> None:
    job.github.withhold("issues", "pull_requests", "checks", "contents")
    done = job.on_pull_request(REGRESSION)

    assert (done.code, done.outputs["verdict"], done.outputs["comment-url"]) == (1, "fail", "")
    assert "> permissions:\n>   contents: read\n" in done.summary
    assert "pull-requests: write" in done.summary
    assert "checks: write" in done.summary
    assert "Resource not accessible" in done.log
    assert (job.github.comments(), job.github.state.checks) == ([], {})


# --- configuration errors


def test_a_configuration_error_fails_the_check_and_is_on_the_pull_request(job: Job) -> None:
    done = job.on_pull_request({".ml-ci.yml": "gate:\n  accuracy: {direction: up, min: 0.9}\n"})

    assert (done.code, done.outputs["verdict"]) == (2, "error")
    assert ".ml-ci.yml" in done.errors[0]
    assert (job.check().conclusion, job.check().name) == ("failure", "ml-ci / default")
    (comment,) = job.github.comments()
    assert "direction" in comment.body
    assert job.github.comments()[0].body.count("ml_ci:comment") == 1


def test_a_check_out_that_is_not_the_pull_request_is_an_error_on_it(job: Job) -> None:
    main = job.github.git.resolve("main")
    job.github.git.commit_files("feature", {"params.yaml": "accuracy: 0.95\n"}, on="main")
    pull = job.github.add_pull("feature")
    job.check_out(main)
    event = {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": main or ""}
    done = job.run(event, job.github.pull_event(pull))

    assert done.code == 2
    assert "is not the pull request" in done.errors[0]
    assert job.check().conclusion == "failure"


# --- events and modes


def test_a_closed_pull_request_is_left_alone(job: Job) -> None:
    job.github.git.commit_files("feature", {"params.yaml": "accuracy: 0.95\n"}, on="main")
    pull = job.github.add_pull("feature")
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": "0" * 40}
    done = job.run(event, job.github.pull_event(pull, "closed"))

    assert (done.code, done.outputs, job.github.state.checks) == (0, {"ended": "true"}, {})
    assert "::notice title=ml-ci::Nothing to do on pull_request (closed)." in done.log


def test_an_unknown_event_is_an_error_that_says_what_to_set(job: Job) -> None:
    repository = {"repository": {"default_branch": "main"}}
    done = job.run({"GITHUB_EVENT_NAME": "fork", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": "0" * 40}, repository)

    assert done.code == 2
    assert "does not know what to do on the event fork" in done.errors[0]


def test_mode_record_on_a_pull_request_is_an_error(job: Job) -> None:
    done = job.on_pull_request(mode="record")

    assert done.code == 2
    assert "not merged yet" in done.errors[0]
    assert job.github.state.checks == {}


def test_outside_of_a_workflow_it_says_to_use_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = action.main({"INPUT_GITHUB_TOKEN": TOKEN})

    assert code == 2
    assert "use `ml-ci run`" in capsys.readouterr().out
