"""What a published verdict stands on: predictions that were handed over are examined again, and missed where they are not."""

from __future__ import annotations

import io
import json
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.action_job import Done, Job
from tests.github_server import GitHubServer
from tests.github_server.state import Pull
from tests.predicting import CONFIG, PREDICTIONS, PREDICTS
from tests.publishing import Files, Fork, zipped

IGNORED = "metrics.json\npredictions.csv\n"


@pytest.fixture
def fork(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Fork]:
    """Forks of a repository whose model leaves predictions of 400 examples, 40 of them wrong."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    found = Fork(Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server))
    files = {".ml-ci.yml": CONFIG + PREDICTIONS, "train.py": PREDICTS, ".gitignore": IGNORED}
    github_server.git.commit_files("main", {**files, "params.yaml": "count: 400\nwrong: 40\n"})
    yield found
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def trained(fork: Fork, wrong: int, more: str = "") -> Pull:
    """A pull request whose model predicts so many wrongly, and its job's artifact."""
    pull = fork.open({"params.yaml": f"count: 400\nwrong: {wrong}\n{more}"})
    fork.train(pull)
    return pull


def handed_over(fork: Fork) -> Files:
    """The files of the one artifact."""
    (artifact,) = fork.github.state.artifacts.values()
    with zipfile.ZipFile(io.BytesIO(artifact.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def exchange(fork: Fork, files: Files) -> None:
    """Put these files into the artifact in place of its own."""
    (artifact,) = fork.github.state.artifacts.values()
    artifact.content = zipped(files)


def row(done: Done) -> dict[str, object]:
    """What result.json says of accuracy."""
    found = json.loads(Path(done.outputs["result"]).read_text())["metrics"]
    (accuracy,) = [each for each in found if each["name"] == "accuracy"]
    assert isinstance(accuracy, dict)
    return accuracy


def test_the_verdict_stands_on_the_same_examples_as_that_of_the_forks_own_job(fork: Fork) -> None:
    pull = trained(fork, wrong=60)
    own = json.loads((fork.job.workspace / ".ml-ci" / "result.json").read_text())["metrics"]

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    published = row(done)
    assert (published["base"], published["head"]) == (0.9, 0.85)
    assert "400" in str(published["evidence"])
    assert published in own


def test_without_the_predictions_the_metric_that_they_give_is_missing(fork: Fork) -> None:
    pull = trained(fork, wrong=60)
    head = json.loads(handed_over(fork)["head.json"])
    head["predictions"] = None
    head["metrics"]["accuracy"]["value"] = 0.99
    files = {name: content for name, content in handed_over(fork).items() if name != "head.parquet"}
    exchange(fork, {**files, "head.json": json.dumps(head).encode()})

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    assert row(done)["outcome"] == "missing"


def test_a_metric_that_its_predictions_do_not_give_is_computed_again(fork: Fork) -> None:
    pull = trained(fork, wrong=60)
    head = json.loads(handed_over(fork)["head.json"])
    head["metrics"]["accuracy"]["value"] = 0.99
    exchange(fork, {**handed_over(fork), "head.json": json.dumps(head).encode()})

    done = fork.publish(pull)

    assert (done.outputs["verdict"], row(done)["head"]) == ("fail", 0.85)


def test_a_change_of_nothing_that_training_reads_is_the_bases_run(fork: Fork) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": CONFIG + PREDICTIONS + "inputs: [train.py, params.yaml]\n"})
    pull = fork.open({"notes.md": "words\n"})
    fork.train(pull)

    done = fork.publish(pull)

    assert (done.code, done.outputs["verdict"]) == (0, "pass"), done.log
    assert json.loads(Path(done.outputs["result"]).read_text())["head"]["origin"] == "same-inputs"


def test_who_says_so_of_other_numbers_is_not_believed(fork: Fork) -> None:
    fork.github.git.commit_files("main", {".ml-ci.yml": CONFIG + PREDICTIONS + "inputs: [train.py, params.yaml]\n"})
    pull = fork.open({"notes.md": "words\n"})
    fork.train(pull)
    head = json.loads(handed_over(fork)["head.json"])
    head["metrics"]["loss"]["value"] = 1.0
    exchange(fork, {**handed_over(fork), "head.json": json.dumps(head).encode()})

    done = fork.publish(pull)

    assert json.loads(Path(done.outputs["result"]).read_text())["head"]["origin"] == "trained"
