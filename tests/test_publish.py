"""Publishing: what a fork's job found with a token that only reads is judged anew and posted, and nothing of it is believed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.action_job import CONFIG, Job
from tests.github_server import GitHubServer
from tests.github_server.accounts import Account
from tests.github_server.state import RefMove
from tests.publishing import RUN_ID, Fork, handed, in_models, record
from tests.runs import run

WORSE = {"params.yaml": "accuracy: 0.8\n"}
BETTER = {"params.yaml": "accuracy: 0.95\n"}
LOOSE = CONFIG.replace("0.01", "0.5")


@pytest.fixture
def fork(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Fork]:
    """Forks of the repository `octo/model`."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield Fork(Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server))
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def body(fork: Fork, pull: int = 1) -> str:
    """The one comment on a pull request."""
    (comment,) = fork.github.comments(pull)
    return comment.body


# --- the whole way


def test_a_forks_regression_is_posted_by_the_job_that_may_write(fork: Fork) -> None:
    pull = fork.open(WORSE)
    own = fork.train(pull)

    # what its own job finds is the same, and that it may not say so is no problem
    assert (own.code, own.outputs["verdict"], own.outputs["comment-url"]) == (1, "fail", "")
    assert "mode: publish" in own.log
    assert "::warning" not in own.log
    assert "permissions:" not in own.summary
    assert (fork.github.comments(), fork.github.state.checks) == ([], {})

    done = fork.publish(pull, "failure")

    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    (check,) = fork.github.state.checks.values()
    assert (check.name, check.head_sha, check.conclusion) == ("ml-ci / default", pull.head_sha, "failure")
    assert "accuracy" in body(fork)
    assert f"/actions/runs/{RUN_ID}" in body(fork)
    assert done.outputs["comment-url"].endswith(f"#issuecomment-{fork.github.comments()[0].id}")
    assert "the pull request's own job" in body(fork)


def test_a_better_model_passes_and_the_next_push_brings_the_same_comment_up_to_date(fork: Fork) -> None:
    pull = fork.open(BETTER)
    assert fork.train(pull).code == 0
    assert fork.publish(pull).code == 0
    first = fork.github.comments()[0].id

    fork.push(pull, WORSE)
    fork.train(pull)

    done = fork.publish(pull)
    assert done.code == 1, done.log
    assert [comment.id for comment in fork.github.comments()] == [first]
    assert pull.head_sha[:7] in body(fork)


def test_nothing_of_the_fork_is_run_when_it_is_published(fork: Fork, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    python = f"import pathlib; pathlib.Path({str(canary)!r}).touch()\n"
    config = f"{CONFIG}train: touch {canary}; python train.py\nreport: report.md\n"
    files = {".ml-ci.yml": config, "sitecustomize.py": python, "conftest.py": python, "mlflow.py": python}
    pull = fork.open({**WORSE, **files})
    fork.train(pull)
    canary.unlink()

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    assert not canary.exists()


def test_dependabots_pull_request_is_published_too(fork: Fork) -> None:
    pull = fork.open(WORSE, fork=None)
    fork.train(pull)
    assert fork.github.comments() == []

    assert fork.publish(pull).code == 1
    assert "accuracy" in body(fork)


# --- what there is to publish


@pytest.mark.parametrize("of_run", [{"event": "push"}, {"event": "schedule"}, {"conclusion": "action_required"}])
def test_a_run_that_has_told_of_itself_is_left_alone(fork: Fork, of_run: dict[str, str]) -> None:
    pull = fork.open(BETTER)
    done = fork.after(fork.github.run_event(pull, RUN_ID, **of_run))

    assert (done.code, done.outputs) == (0, {"ended": "true"})
    assert "::notice title=ml-ci::Nothing to publish" in done.log
    assert fork.github.requests == [seen for seen in fork.github.requests if "/repos/" not in seen.path]


def test_a_pull_request_of_the_repository_itself_is_left_alone(fork: Fork) -> None:
    pull = fork.open(BETTER, fork=None)
    done = fork.after(fork.github.run_event(pull, RUN_ID, actor={"login": "mona"}))

    assert done.code == 0
    assert "from this repository" in done.log
    assert fork.github.comments() == []


# --- whose rules


def test_a_rule_that_the_fork_loosens_does_not_count_and_is_told(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open({**WORSE, ".ml-ci.yml": LOOSE})
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, base=run(pull.base_sha, accuracy=0.9)))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail")
    assert "loosens" in body(fork)


def test_a_forks_configuration_that_cannot_be_read_is_a_warning(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open({**WORSE, ".ml-ci.yml": "gate: [\n"})
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.95, base=run(pull.base_sha, accuracy=0.9)))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (0, "pass")
    assert "What the pull request changes in the rules is not known" in body(fork)


def test_a_configuration_of_the_base_that_cannot_be_read_is_an_error(fork: Fork, tmp_path: Path) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": "gate: {accuracy: {direction: up, min: 0.9}}\n"})
    pull = fork.open({**BETTER, ".ml-ci.yml": CONFIG})
    fork.hand_over(pull, handed(pull, tmp_path))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (2, "error")
    assert next(iter(fork.github.state.checks.values())).conclusion == "failure"


# --- base


def test_the_record_of_base_wins_over_what_was_handed_over(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(WORSE)
    record(fork.github, run(pull.base_sha, accuracy=0.9))
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, base=run(pull.base_sha, accuracy=0.1)))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail")
    (row,) = json.loads(Path(done.outputs["result"]).read_text())["metrics"]
    assert (row["base"], row["head"]) == (0.9, 0.8)
    assert "could have made up both" not in body(fork)


def test_without_a_record_the_base_that_was_handed_over_counts_and_a_warning_says_whose_word_it_is(
    fork: Fork, tmp_path: Path
) -> None:
    pull = fork.open(WORSE)
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, base=run(pull.base_sha, accuracy=0.1)))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (0, "pass")
    assert "could have made up both" in body(fork)


@pytest.mark.parametrize(("policy", "code", "verdict"), [("pass", 0, "pass"), ("fail", 1, "fail")])
def test_without_any_base_the_policy_decides(fork: Fork, tmp_path: Path, policy: str, code: int, verdict: str) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": f"{CONFIG}policy: {{no-baseline: {policy}}}\n"})
    pull = fork.open(BETTER)
    fork.hand_over(pull, handed(pull, tmp_path))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (code, verdict)
    assert "Nothing was compared" in body(fork)


def test_where_base_wants_records_only_a_record_counts(fork: Fork, tmp_path: Path) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": f"{CONFIG}baseline: found\npolicy: {{no-baseline: fail}}\n"})
    pull = fork.open(BETTER)
    fork.hand_over(pull, handed(pull, tmp_path, base=run(pull.base_sha, accuracy=0.1)))

    assert fork.publish(pull).outputs["verdict"] == "fail"
    assert "Nothing was compared" in body(fork)


def test_a_commit_before_the_base_is_no_base(fork: Fork, tmp_path: Path) -> None:
    old = fork.github.git.resolve("main") or ""
    fork.github.git.commit_files("main", {"params.yaml": "accuracy: 0.91\n"})
    pull = fork.open(WORSE)
    record(fork.github, run(old, accuracy=0.1))
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, compared=old))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (4, "error")
    assert f"compared with `{old[:12]}`" in body(fork)


@pytest.mark.parametrize("claimed", ["head", "f" * 40])
def test_a_commit_that_is_not_on_the_base_branch_is_no_base(fork: Fork, tmp_path: Path, claimed: str) -> None:
    pull = fork.open(WORSE)
    commit = pull.head_sha if claimed == "head" else claimed
    fork.hand_over(pull, handed(pull, tmp_path, compared=commit, base=run(commit, accuracy=0.1)))

    assert fork.publish(pull).outputs["verdict"] == "error"


def test_the_input_base_names_the_only_commit_that_may_be_compared_with(fork: Fork, tmp_path: Path) -> None:
    old = fork.github.git.resolve("main") or ""
    fork.github.git.commit_files("main", {"params.yaml": "accuracy: 0.91\n"})
    pull = fork.open(BETTER)
    fork.hand_over(pull, handed(pull, tmp_path, compared=old, base=run(old, accuracy=0.9)))

    assert fork.publish(pull, base=old).outputs["verdict"] == "pass"
    assert fork.publish(pull, base="main").outputs["verdict"] == "error"


# --- which pull request


def test_the_same_commit_in_two_forks_is_told_apart_by_the_repository(fork: Fork, tmp_path: Path) -> None:
    monas = fork.open(BETTER)
    eves = fork.github.add_pull("feature", fork="eve", author="eve")
    fork.hand_over(eves, handed(eves, tmp_path, base=run(eves.base_sha, accuracy=0.9)))

    fork.publish(eves)

    assert (len(fork.github.comments(eves.number)), fork.github.comments(monas.number)) == (1, [])


@pytest.mark.parametrize("into", [0, 1])
def test_of_two_pull_requests_with_one_head_none_is_let_through_by_the_others_base(
    fork: Fork, tmp_path: Path, into: int
) -> None:
    fork.github.git.commit_files("stable", {"params.yaml": "accuracy: 0.7\n"}, on="main")
    onto_main = fork.open(WORSE)
    onto_stable = fork.github.add_pull("feature", base="stable", fork="mona")
    pull = (onto_main, onto_stable)[into]
    base = run(onto_stable.base_sha, accuracy=0.7)
    fork.hand_over(pull, handed(onto_stable, tmp_path, accuracy=0.8, base=base))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (4, "error")
    (check,) = fork.github.state.checks.values()
    assert (check.conclusion, f"#{onto_main.number}" in (check.title or "")) == ("failure", True)
    assert fork.github.comments(onto_main.number) == fork.github.comments(onto_stable.number) == []


def test_a_branch_without_a_configuration_is_no_way_around_the_default_branchs_rules(
    fork: Fork, tmp_path: Path
) -> None:
    fork.github.git.commit_files("old", {".ml-ci.yml": None}, on="main")
    pull = fork.open({**WORSE, ".ml-ci.yml": "train: python train.py\n"}, base="old")
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, base=run(pull.base_sha, accuracy=0.9)))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail")
    (check,) = fork.github.state.checks.values()
    assert check.conclusion == "failure"


def test_another_pull_requests_artifact_is_refused(fork: Fork, tmp_path: Path) -> None:
    other = fork.open(BETTER, branch="other")
    pull = fork.open(WORSE)
    files = handed(other, tmp_path, base=run(other.base_sha, accuracy=0.9))
    fork.hand_over(pull, files)

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (4, "error")
    assert other.head_sha in body(fork, pull.number)
    assert fork.github.comments(other.number) == []


def test_a_pull_request_that_has_moved_on_before_is_left_alone(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    event = fork.github.run_event(pull, RUN_ID)
    fork.hand_over(pull, handed(pull, tmp_path))
    fork.push(pull, WORSE)

    done = fork.after(event)

    assert (done.code, "Nothing is published" in done.log) == (0, True)
    assert (fork.github.comments(), fork.github.state.checks) == ([], {})


def test_a_pull_request_that_moves_on_meanwhile_keeps_the_comment_that_it_has(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    judged = pull.head_sha
    fork.hand_over(pull, handed(pull, tmp_path, base=run(pull.base_sha, accuracy=0.9)))

    event = fork.github.run_event(pull, RUN_ID)
    fork.github.before("GET", "/actions/artifacts/*", lambda: fork.push(pull, WORSE))

    done = fork.after(event)

    assert (done.code, fork.github.comments()) == (0, [])
    assert "has moved on" in done.log
    (check,) = fork.github.state.checks.values()
    assert (check.head_sha, check.conclusion) == (judged, "success")


def test_a_closed_pull_request_is_left_alone(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    fork.hand_over(pull, handed(pull, tmp_path))
    pull.state = "closed"

    assert fork.publish(pull).code == 0
    assert (fork.github.comments(), fork.github.state.checks) == ([], {})


def moved_at(fork: Fork, before: str, minute: int) -> None:
    """Push to `main`, which was at `before`, so many minutes after the hour in which a run began."""
    after = fork.github.git.commit_files("main", {"params.yaml": "accuracy: 0.92\n"})
    at = f"2026-01-01T12:{minute:02}:00Z"
    fork.github.state.activity.append(
        RefMove(1, "octo/model", "refs/heads/main", before, after, "push", Account("mona"), at)
    )


@pytest.mark.parametrize(("began", "verdict"), [("12:10:00", "pass"), ("12:59:00", "error")])
def test_a_base_that_moved_on_while_the_job_ran_is_still_its_base_also_where_it_now_conflicts(
    fork: Fork, tmp_path: Path, began: str, verdict: str
) -> None:
    pull = fork.open(BETTER)
    before = pull.base_sha
    fork.hand_over(pull, handed(pull, tmp_path, base=run(before, accuracy=0.9)))
    moved_at(fork, before, minute=30)
    fork.github.git.commit_files("feature", BETTER)

    event = fork.github.run_event(pull, RUN_ID, created_at=f"2026-01-01T{began}Z")

    # the tests' GitHub always compares with the branch's tip; the real one may, or may not
    assert (pull.base_sha != before, pull.merge_sha is None) == (True, True)
    assert fork.after(event).outputs["verdict"] == verdict


# --- nothing handed over


@pytest.mark.parametrize(
    ("conclusion", "words"),
    [
        ("cancelled", "was cancelled"),
        ("skipped", "was skipped"),
        ("failure", "failed"),
        ("success", "ended"),
        ("startup_failure", "failed"),
    ],
)
def test_a_run_that_left_no_artifact_is_never_a_pass(fork: Fork, conclusion: str, words: str) -> None:
    pull = fork.open(BETTER)

    done = fork.publish(pull, conclusion)

    assert (done.code, done.outputs["verdict"]) == (4, "error")
    (check,) = fork.github.state.checks.values()
    assert (check.name, check.conclusion) == ("ml-ci / default", "failure")
    assert f"own job {words} and left no artifact" in body(fork)


def test_an_artifact_of_another_commit_is_none(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    files = handed(pull, tmp_path)
    first = pull.head_sha
    fork.push(pull, WORSE)
    fork.hand_over(pull, files)
    next(iter(fork.github.state.artifacts.values())).head_sha = first

    assert fork.publish(pull).outputs["verdict"] == "error"


def test_a_failed_training_is_an_error_with_what_it_said_as_text(fork: Fork) -> None:
    pull = fork.open({"train.py": "raise SystemExit('no data')\n"})
    own = fork.train(pull)
    assert own.code == 3

    done = fork.publish(pull, "failure")

    assert (done.code, done.outputs["verdict"]) == (3, "error")
    assert "own job has no result to judge" in body(fork)
    assert f"/actions/runs/{RUN_ID}" in body(fork)


def test_what_a_failure_says_is_short_and_only_text(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    words = "<img src=x> [click](https://evil.example) @everyone " + "x" * 5000 + "END"
    fork.hand_over(pull, handed(pull, tmp_path, failure=words))

    assert fork.publish(pull).code == 3
    text = body(fork)
    assert "END" not in text
    assert "<img src=x>" not in text.replace("`<img`", "")
    assert "](https://evil.example)" not in text.replace("`[click](https://evil.example)`", "")


# --- keys, models, what makes it fail


def test_the_input_key_names_artifact_check_and_comment(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    files = handed(pull, tmp_path, key="churn", base=run(pull.base_sha, accuracy=0.9))
    fork.hand_over(pull, files, key="churn")

    assert fork.publish(pull, key="churn").outputs["verdict"] == "pass"
    assert body(fork).startswith("<!-- ml_ci:comment key=churn -->")
    assert [check.name for check in fork.github.state.checks.values()] == ["ml-ci / churn"]
    assert fork.publish(pull).outputs["verdict"] == "error"


def test_a_key_that_the_fork_changes_is_not_the_bases(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open({**WORSE, ".ml-ci.yml": f"{CONFIG}key: other\n"})
    files = handed(pull, tmp_path, key="other")
    fork.hand_over(pull, files, key="other")

    assert fork.publish(pull).outputs["verdict"] == "error"


MODELS = f"{CONFIG}models:\n  churn: {{train: python train.py}}\n  fraud: {{train: python train.py}}\n"


def test_of_several_models_one_that_was_not_handed_over_is_an_error(fork: Fork, tmp_path: Path) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": MODELS})
    pull = fork.open(BETTER)
    record(fork.github, run(pull.base_sha, accuracy=0.9))
    base = run(pull.base_sha, accuracy=0.9)
    churn = handed(pull, tmp_path, key="churn", base=base)
    fork.hand_over(pull, in_models({"churn": churn}))

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (4, "error"), done.log
    models = json.loads(Path(done.outputs["result"]).read_text())["models"]
    assert {model["key"]: model["verdict"] for model in models} == {"churn": "pass", "fraud": "error"}
    assert "fraud" in body(fork)


def test_a_model_that_the_fork_renames_or_takes_out_is_asked_for_as_base_calls_it(fork: Fork, tmp_path: Path) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": MODELS})
    pull = fork.open({**BETTER, ".ml-ci.yml": f"{CONFIG}models:\n  churn: {{key: new}}\n"})
    fork.hand_over(pull, in_models({"new": handed(pull, tmp_path, key="new")}))

    done = fork.publish(pull)

    models = json.loads(Path(done.outputs["result"]).read_text())["models"]
    assert {model["key"]: model["verdict"] for model in models} == {"churn": "error", "fraud": "error"}
    assert "What was handed over of new is not shown" in done.log


def test_several_models_of_a_fork_the_whole_way(fork: Fork) -> None:
    other = "import json; json.dump({'accuracy': 0.5}, open('metrics.json', 'w'))"
    models = f"{CONFIG}models:\n  churn: {{train: python train.py}}\n  fraud: {{train: python other.py}}\n"
    fork.github.git.commit_files("main", {".ml-ci.yml": models, "other.py": other})
    pull = fork.open(WORSE)
    own = fork.train(pull)

    done = fork.publish(pull, "failure")

    assert (own.outputs["verdict"], done.outputs["verdict"], done.code) == ("fail", "fail", 1), done.log
    found = json.loads(Path(done.outputs["result"]).read_text())["models"]
    assert {model["key"]: model["verdict"] for model in found} == {"churn": "fail", "fraud": "pass"}


def test_fail_on_counts_here_too(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(WORSE)
    fork.hand_over(pull, handed(pull, tmp_path, accuracy=0.8, base=run(pull.base_sha, accuracy=0.9)))

    done = fork.publish(pull, fail_on="never")

    assert (done.code, done.outputs["verdict"]) == (0, "fail")
    assert next(iter(fork.github.state.checks.values())).conclusion == "success"


def test_a_token_that_may_not_read_artifacts_is_told_what_it_lacks(fork: Fork, tmp_path: Path) -> None:
    pull = fork.open(BETTER)
    fork.hand_over(pull, handed(pull, tmp_path))
    fork.github.withhold("actions", level="none")

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (4, "error")
    assert "`actions: read`" in done.errors[0]
