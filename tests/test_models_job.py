"""Several models, trained for real: from the command line, and by the action on a pull request."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_ci.cli_job import why_not_opened
from ml_ci.errors import OutsideError
from ml_ci.several import SharedTracking
from ml_ci.sources.tracking import Tracking
from tests.action_job import Job
from tests.command import COMMAND, ml_ci, own_key, strict, variables
from tests.github_server import GitHubServer
from tests.render.github_markdown import text_of, to_html
from tests.repository import WRITES_ACCURACY, Repository
from tests.triggers import Trigger

GATE = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
CRASHES = "raise SystemExit('out of luck')\n"


def config_of(keys: Mapping[str, str], more: str = "") -> str:
    """Models by the folder that each is in, with their keys."""
    entries = "".join(f"  {name}: {{working-directory: {name}, key: {key}}}\n" for name, key in keys.items())
    return f"{GATE}{more}models:\n{entries}"


def model(name: str, accuracy: float, train: str = WRITES_ACCURACY) -> dict[str, str]:
    """The files of one model."""
    return {f"{name}/train.py": train, f"{name}/params.yaml": f"accuracy: {accuracy}\n"}


class Clone:
    """A repository of several models on a branch, and `ml-ci` in it. Its keys are its own, as MLflow is shared."""

    def __init__(self, path: Path, mlflow: str, names: tuple[str, ...]) -> None:
        prefix = own_key(path).split()[1]
        self.keys = {name: f"{prefix}-{name}" for name in names}
        self.path = path
        self._mlflow = mlflow

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.path / ".ml-ci"

    def make(self, base: Mapping[str, str], head: Mapping[str, str]) -> Repository:
        """`main` with these files, and the branch `change` with those."""
        common = {".ml-ci.yml": config_of(self.keys), ".gitignore": "metrics.json\n"}
        repository = Repository.create(self.path, {**common, **base})
        repository.branch("change").commit(head)
        return repository

    def ml_ci(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        return ml_ci(*arguments, folder=self.path, mlflow=self._mlflow)

    def verdicts(self) -> dict[str, str]:
        """Each model's, from result.json."""
        document = json.loads((self.out / "result.json").read_text())
        return {
            name: found["verdict"]
            for found in document["models"]
            for name in self.keys
            if self.keys[name] == found["key"]
        }


@pytest.fixture
def clone(tmp_path: Path, mlflow_server: str) -> Clone:
    """Of two models."""
    return Clone(tmp_path / "repo", mlflow_server, ("churn", "fraud"))


TWO = {**model("churn", 0.9), **model("fraud", 0.9)}


# -- the command line


def test_one_that_got_worse_fails_the_job_and_the_other_passes_in_it(clone: Clone) -> None:
    repository = clone.make(TWO, {**model("churn", 0.8), **model("fraud", 0.95)})
    answer = clone.ml_ci("run")
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout.split("\n")[0].replace("\u00a0", " ") == (
        f"❌ Fail: 1 of 2 models fails: {clone.keys['churn']} by accuracy 0.9 → 0.8."
    )
    assert clone.verdicts() == {"churn": "fail", "fraud": "pass"}
    assert repository.status() == ""
    for key in clone.keys.values():
        names = {path.name for path in (clone.out / key).iterdir()}
        assert {"result.json", "report.md", "report.html", "base.json", "head.json", "train-head.log"} <= names
    assert {"result.json", "report.md", "report.html"} <= {path.name for path in clone.out.iterdir()}


def test_one_whose_training_crashes_does_not_stop_the_others(clone: Clone) -> None:
    clone.make(TWO, {**model("churn", 0.9, CRASHES), **model("fraud", 0.95)})
    answer = clone.ml_ci("run", "--json")
    assert answer.returncode == 3, answer.stderr
    assert strict(answer.stdout)["verdict"] == "error"
    assert clone.verdicts() == {"churn": "error", "fraud": "pass"}
    assert "out of luck" in (clone.out / "report.md").read_text()


def test_what_one_model_left_in_the_working_tree_is_no_change_for_the_next(clone: Clone) -> None:
    repository = clone.make(TWO, {**model("churn", 0.95), **model("fraud", 0.95), ".gitignore": ""})
    assert clone.ml_ci("run").returncode == 0
    assert repository.status()
    heads = [json.loads((clone.out / key / "result.json").read_text())["head"] for key in clone.keys.values()]
    assert [head["dirty"] for head in heads] == [False, False]


def test_a_base_without_models_is_trained_as_heads_configuration_says(clone: Clone) -> None:
    before = {".ml-ci.yml": f"{GATE}train: python churn/train.py\n"}
    clone.make({**TWO, **before}, {".ml-ci.yml": config_of(clone.keys), **model("churn", 0.8)})
    answer = clone.ml_ci("run")
    assert clone.verdicts() == {"churn": "fail", "fraud": "pass"}, answer.stderr


def test_a_model_that_is_new_on_head_has_nothing_to_be_compared_with(clone: Clone) -> None:
    clone.make(model("churn", 0.9), model("fraud", 0.5))
    answer = clone.ml_ci("run")
    assert answer.returncode == 0, answer.stderr
    words = f"1 of 2 models passes, but was not compared: {clone.keys['fraud']}."
    assert words in " ".join(answer.stdout.split())


def test_one_model_alone_is_run_by_its_name_and_leaves_no_other_behind(clone: Clone) -> None:
    clone.make(TWO, {**model("churn", 0.8), **model("fraud", 0.95)})
    assert clone.ml_ci("run", "--quiet").returncode == 1
    answer = clone.ml_ci("run", "--model", "fraud")
    assert answer.returncode == 0, answer.stderr
    document = json.loads((clone.out / "result.json").read_text())
    assert (document["key"], document["verdict"], document["models"]) == (clone.keys["fraud"], "pass", [])
    assert not (clone.out / clone.keys["churn"] / "result.json").exists()
    assert "--model fraud" in (clone.out / "report.md").read_text()


def test_a_model_that_is_not_there_is_wrong_usage(clone: Clone) -> None:
    clone.make(TWO, {})
    for command in (["run"], ["record"], ["compare", "a.json", "b.json"]):
        answer = clone.ml_ci(*command, "--model", "frod")
        assert answer.returncode == 2
        assert 'no model "frod"' in answer.stderr


def test_all_models_are_recorded_and_found_by_the_next_job(clone: Clone) -> None:
    repository = clone.make(TWO, {})
    repository.git("checkout", "--quiet", "main")
    answer = clone.ml_ci("record")
    assert answer.returncode == 0, answer.stderr
    assert all(f" as {key}: 1 metrics." in answer.stdout for key in clone.keys.values())
    repository.git("checkout", "--quiet", "change")
    repository.commit({**model("churn", 0.8), **model("fraud", 0.95)})
    assert clone.ml_ci("run").returncode == 1
    models = json.loads((clone.out / "result.json").read_text())["models"]
    assert [found["base"]["origin"] for found in models] == ["found", "found"]


def test_one_that_cannot_be_recorded_does_not_keep_the_other_from_it(clone: Clone) -> None:
    clone.make({**model("churn", 0.9, CRASHES), **model("fraud", 0.9)}, {})
    answer = clone.ml_ci("record")
    assert answer.returncode == 3
    assert f"as {clone.keys['fraud']}: 1 metrics." in answer.stdout
    assert f"ml-ci: error: {clone.keys['churn']}: Training" in answer.stderr


def test_two_records_are_compared_by_the_rules_of_their_model(clone: Clone) -> None:
    clone.make(TWO, {**model("churn", 0.8), **model("fraud", 0.95)})
    clone.ml_ci("run", "--quiet")
    folder = clone.out / clone.keys["churn"]
    answer = clone.ml_ci("compare", str(folder / "base.json"), str(folder / "head.json"), "--out", "compared", "--json")
    assert answer.returncode == 1, answer.stderr
    assert strict(answer.stdout)["key"] == clone.keys["churn"]


def test_metrics_files_do_not_say_of_which_model_they_are(clone: Clone) -> None:
    clone.make({**TWO, "a.json": '{"accuracy": 0.9}', "b.json": '{"accuracy": 0.8}'}, {})
    answer = clone.ml_ci("compare", "a.json", "b.json")
    assert answer.returncode == 2
    assert "name one with --model" in answer.stderr
    assert clone.ml_ci("compare", "a.json", "b.json", "--model", "churn").returncode == 1


def test_one_server_is_started_for_all_models(tmp_path: Path) -> None:
    """Without an MLflow of the user's: a second server would have a log of its own, and write the first one's anew."""
    clone = Clone(tmp_path / "repo", "", ("churn", "fraud"))
    logs = 'import os, pathlib\npathlib.Path("metrics.json").write_text(\'{"accuracy": 0.9}\')\n'
    logs += 'print("uri", os.environ["MLFLOW_TRACKING_URI"])\n'
    clone.make({**model("churn", 0.9, logs), **model("fraud", 0.9, logs)}, {"notes": "", "churn/x": "", "fraud/x": ""})
    answer = ml_ci("run", folder=clone.path)
    assert answer.returncode == 0, answer.stderr
    addresses = {line.split()[-1] for line in answer.stderr.splitlines() if line.strip().startswith("uri ")}
    assert len(addresses) == 1
    assert answer.stderr.count("uri ") >= 2


# -- the MLflow that they share


class Opened:
    """Counts how often an MLflow is begun and ended; the first `refused` times it cannot be."""

    def __init__(self, refused: int = 0) -> None:
        self.begun = 0
        self.ended = 0
        self._refused = refused

    @contextmanager
    def __call__(self) -> Iterator[Tracking]:
        self.begun += 1
        if self.begun <= self._refused:
            raise OutsideError("MLflow does not answer.")
        try:
            yield Tracking("http://127.0.0.1:1", {}, shared=False)
        except OutsideError as error:
            raise OutsideError("the embedded MLflow server ended.") from error
        finally:
            self.ended += 1


def test_it_is_begun_by_the_first_that_needs_it_and_ended_once() -> None:
    opened = Opened()
    with SharedTracking(opened) as shared:
        assert opened.begun == 0
        with shared.for_one() as first:
            pass
        with shared.for_one() as second:
            pass
        assert first is second
    assert (opened.begun, opened.ended) == (1, 1)


def test_one_that_does_not_answer_is_asked_once_and_told_to_every_model() -> None:
    opened = Opened(refused=1)
    with SharedTracking(opened) as shared:
        for _ in range(3):
            with pytest.raises(OutsideError, match="does not answer"), shared.for_one():
                pass
    assert opened.begun == 1


def test_a_server_that_died_says_so_and_the_next_model_gets_another() -> None:
    opened = Opened()
    with SharedTracking(opened) as shared:
        with pytest.raises(OutsideError, match="the embedded MLflow server ended"), shared.for_one():
            raise OutsideError("connection refused")
        with shared.for_one():
            pass
    assert (opened.begun, opened.ended) == (2, 2)


# -- opening the page


@pytest.mark.parametrize(
    ("environ", "terminal", "platform", "why"),
    [
        ({"DISPLAY": ":0"}, True, "linux", ""),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, "linux", ""),
        ({}, True, "darwin", ""),
        ({}, True, "win32", ""),
        ({}, True, "linux", "there is no display"),
        ({"DISPLAY": ":0"}, False, "linux", "this is no terminal"),
        ({"DISPLAY": ":0", "CI": "true"}, True, "linux", "this is a CI job"),
        ({"DISPLAY": ":0", "CI": "false"}, True, "linux", ""),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(
    environ: Mapping[str, str], terminal: bool, platform: str, why: str
) -> None:
    assert why_not_opened(environ, terminal=terminal, platform=platform) == why


def test_open_shows_the_page_at_a_terminal(tmp_path: Path) -> None:
    """With a browser of the test's, which writes down what it is asked for."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    browser = bin_folder / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/opened\n')
    browser.chmod(0o755)
    for name, accuracy in (("a", 0.9), ("b", 0.8)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"accuracy": accuracy}))
    master, slave = pty.openpty()
    own = {"DISPLAY": ":0", "CI": "", "PATH": f"{bin_folder}{os.pathsep}{variables()['PATH']}"}
    subprocess.run(
        [*COMMAND, "compare", "a.json", "b.json", "--out", "out", "--open"],
        cwd=tmp_path, env=variables(own), stdin=slave, stdout=slave, stderr=subprocess.PIPE, check=True, timeout=300,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    assert (tmp_path / "opened").read_text().strip().endswith("out/report.html")


def test_open_without_a_terminal_says_where_the_page_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text('{"accuracy": 0.9}')
    answer = ml_ci("compare", "a.json", "b.json", "--out", "out", "--open", folder=tmp_path, more={"CI": ""})
    assert answer.returncode == 0, answer.stderr
    assert "The report was not opened, as this is no terminal: out/report.html" in answer.stderr


# -- the action


@pytest.fixture
def job(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Job]:
    """A job on GitHub whose MLflow is the worker's."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def on_github(job: Job, tmp_path: Path) -> dict[str, str]:
    """Two models on `main`; their keys."""
    prefix = own_key(tmp_path).split()[1]
    keys = {name: f"{prefix}-{name}" for name in ("churn", "fraud")}
    files = {**TWO, ".ml-ci.yml": config_of(keys), ".gitignore": "metrics.json\n"}
    job.github.git.commit_files("main", files)
    return keys


def test_a_pull_request_gets_one_comment_one_check_and_one_set_of_outputs(job: Job, tmp_path: Path) -> None:
    keys = on_github(job, tmp_path)
    done = job.on_pull_request({**model("churn", 0.8), **model("fraud", 0.95)}, key="nightly")
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    (comment,) = job.github.comments()
    assert comment.body.startswith("<!-- ml_ci:comment key=nightly -->")
    text = text_of(to_html(comment.body)).replace("\u00a0", " ")
    assert f"❌ nightly · Fail: 1 of 2 models fails: {keys['churn']} by accuracy 0.9 → 0.8." in text
    assert (job.check().name, job.check().conclusion) == ("ml-ci / nightly", "failure")
    assert keys["churn"] in done.summary
    document = json.loads(Path(done.outputs["result"]).read_text())
    assert {found["key"]: found["verdict"] for found in document["models"]} == {
        keys["churn"]: "fail",
        keys["fraud"]: "pass",
    }
    assert Path(done.outputs["report"]).name == "report.md"
    assert (done.outputs["run-id"], done.outputs["base-run-id"]) == ("", "")
    assert done.errors[0].startswith("1 of 2 models fails")


def test_a_crash_of_one_model_is_told_beside_the_others_verdict(job: Job, tmp_path: Path) -> None:
    keys = on_github(job, tmp_path)
    done = job.on_pull_request({**model("churn", 0.9, CRASHES), **model("fraud", 0.95)})
    assert (done.code, done.outputs["verdict"]) == (3, "error"), done.log
    (comment,) = job.github.comments()
    assert "out of luck" in comment.body
    assert f"✅ <code>{keys['fraud']}</code>: Pass" in comment.body


def test_with_fail_on_never_a_worse_model_fails_nothing(job: Job, tmp_path: Path) -> None:
    on_github(job, tmp_path)
    done = job.on_pull_request({**model("churn", 0.8)}, fail_on="never")
    assert (done.code, done.outputs["verdict"]) == (0, "fail"), done.log
    assert job.check().conclusion == "success"


def test_the_input_train_is_an_error_where_there_are_several(job: Job, tmp_path: Path) -> None:
    on_github(job, tmp_path)
    done = job.on_pull_request({"notes": ""}, train="python train.py")
    assert done.code == 2
    assert "the input `train` says how one model is trained" in done.errors[0]


def test_a_push_records_every_model_that_can_be_trained_and_names_the_one_that_cannot(job: Job, tmp_path: Path) -> None:
    keys = on_github(job, tmp_path)
    before = job.github.git.resolve("main")
    assert before
    job.github.git.commit_files("main", model("churn", 0.9, CRASHES))
    pushed = Trigger.push(job.github, before)
    job.check_out(pushed.sha)
    event = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": pushed.ref, "GITHUB_SHA": pushed.sha}
    done = job.run(event, pushed.payload)
    assert (done.code, done.outputs["verdict"]) == (3, "error"), done.log
    assert f"`{keys['fraud']}`." in done.summary
    assert f"`{keys['churn']}` was not recorded: Training" in done.summary
    assert len(done.errors) == 1
