"""The user's MLflow has a bad hour: a sentence and an exit code within bounded time, and a verdict that is out stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_ci import context, job
from ml_ci.config_reader import load
from ml_ci.job import Tools
from ml_ci.result import Result
from ml_ci.sources.git import Git
from ml_ci.sources.outputs import outputs_of
from ml_ci.workshop import tracking, workshop
from tests.command import ml_ci, own_key, strict
from tests.conftest import Silent, cache_folder
from tests.misbehaving import Act, Handler, Misbehaving, answer, cut, gone, redirect, reset, silence, slow
from tests.repository import LOGS_ACCURACY, WRITES_ACCURACY, Repository, clean_variables

LOGIN = "<!DOCTYPE html><html><title>Sign in</title><form><input type=password></form></html>"
PROXY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
SQLITE = '{"error_code": "INTERNAL_ERROR", "message": "(sqlite3.OperationalError) database or disk is full"}'
GATE = "gate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"

BROKEN = "the connection broke off"
NO_MLFLOW = "check MLFLOW_TRACKING_URI: it has to be MLflow's own address"
FAULTS: dict[str, tuple[Act, str]] = {
    "accepts and never answers": (silence, "it did not answer in time"),
    "is slower than anybody waits": (slow(15), "it did not answer in time"),
    "resets the connection": (reset, BROKEN),
    "is cut off in its answer": (cut, BROKEN),
    "shows a login page": (answer(200, LOGIN, "text/html"), "an HTML page, as a login or a proxy has it"),
    "has a proxy that says 502": (answer(502, PROXY, "text/html"), "status 502"),
    "has no room (500)": (
        answer(500, SQLITE, "application/json"),
        "status 500): look at the server's log, free its disk",
    ),
    "has no room (507)": (answer(507, "Insufficient Storage"), "status 507 (Insufficient Storage)"),
    "is too old for what is asked": (answer(404, "Not Found"), "status 404 (Not Found)"),
    "says JSON that is no object": (answer(200, "[1, 2]", "application/json"), NO_MLFLOW),
    "says JSON of another kind": (answer(200, '{"experiments": 7, "runs": 7, "run": 7}'), "MLFLOW_TRACKING_URI"),
    "asks for a login (401)": (answer(401, "", WWW_Authenticate="Basic"), "MLFLOW_TRACKING_USERNAME"),
    "refuses the login (403)": (answer(403, "Permission denied"), "MLFLOW_TRACKING_USERNAME"),
    "redirects for ever": (redirect, "it redirects without end"),
    "asks to be left alone": (answer(429, "", Retry_After="600"), "status 429"),
}
"""What each request is answered with, and what the sentence has of it."""

SLOW = ("accepts and never answers", "is slower than anybody waits")
REDIRECTS = 31
"""A request, and as many redirects as Python's requests follows (DEFAULT_REDIRECT_LIMIT)."""

BeginJob = Callable[[str], Result]


@pytest.fixture
def mlflow(
    mlflow_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Misbehaving]:
    """The worker's MLflow as a server of the user's. Where its fault is to be slow, it is waited for five seconds at a time."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5" if parameters.get("what") in SLOW else "60")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with Misbehaving(mlflow_server) as server:
        yield server


def run(folder: Path, uri: str, train: str = WRITES_ACCURACY, config: str = "baseline: none\n") -> Result:
    """A job with this MLflow."""
    text = f"environment: none\n{own_key(folder)}{config}{GATE}policy: {{rules: head}}\n"
    files = {"train.py": train, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": text, ".gitignore": "metrics.json\n"}
    repository = Repository.create(folder / "repo", files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.95\n"})
    own = {"ML_CI_CACHE": str(cache_folder()), "MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    everything = clean_variables() | own
    git = Git.discover(repository.path, everything)
    settings = load(None, git.top)
    git = git.knowing(outputs_of(settings, git.top))
    with workshop(git, git.top / ".ml-ci", everything, Silent()) as (shop, temporary):
        tools = Tools(git=git, shop=shop, tracking=tracking(shop), stores=(), keep=None, temporary=temporary)
        return job.run(context.in_clone(git, None), settings, tools, lambda _: None)


def tries(mlflow: Misbehaving) -> int:
    """How many requests met a fault: each of them is waited for as long as is set, or its sentence is another one."""
    return sum(rule.seen for rule in mlflow.rules)


def once(act: Act) -> Act:
    """What `act` does, for the first request."""
    acts = iter([act])

    def first(request: Handler) -> bool:
        return next(acts, lambda _: False)(request)

    return first


def sentence(result: Result, code: int = 4) -> str:
    assert result.failure is not None, result.decision
    assert result.failure.exit_code == code, result.failure
    assert (result.verdict, result.decision) == ("error", None)
    assert "\n" not in result.failure.message
    assert result.failure.message.endswith(".")
    return result.failure.message


@pytest.mark.parametrize("what", FAULTS)
def test_a_server_that_from_the_beginning(what: str, tmp_path: Path, mlflow: Misbehaving) -> None:
    act, says = FAULTS[what]
    mlflow.on("*", act)

    result = run(tmp_path, mlflow.url)

    said = sentence(result)
    assert mlflow.address in said
    assert says in said
    assert tries(mlflow) <= (REDIRECTS if act is redirect else 2)
    assert not (tmp_path / "repo" / "metrics.json").exists(), "training was begun, though nobody could have compared it"


@pytest.mark.parametrize("what", FAULTS)
def test_a_server_that_after_training(what: str, tmp_path: Path, mlflow: Misbehaving) -> None:
    act, says = FAULTS[what]
    mlflow.on("*/runs/search", act)

    result = run(tmp_path, mlflow.url)

    said = sentence(result)
    assert mlflow.address in said
    assert says in said
    assert tries(mlflow) <= (REDIRECTS if act is redirect else 2)


@pytest.mark.parametrize("what", [what for what in FAULTS if what != "says JSON of another kind"])
def test_a_server_that_when_the_run_is_to_be_kept_costs_a_warning_and_no_verdict(
    what: str, tmp_path: Path, mlflow: Misbehaving
) -> None:
    act, _ = FAULTS[what]
    mlflow.on("*/runs/log-batch", act)

    result = run(tmp_path, mlflow.url)

    assert (result.verdict, result.exit_code) == ("pass", 0), result.failure
    (warning,) = [each for each in result.warnings if each.startswith("A run could not be kept as a baseline")]
    assert mlflow.address in warning
    assert tries(mlflow) <= (REDIRECTS if act is redirect else 2)


@pytest.mark.parametrize(
    ("uri", "why", "code"),
    [
        ("http://127.0.0.1:9", "the connection was refused", 4),
        ("https://127.0.0.1:9", "the connection was refused", 4),
        ("http://mlflow.invalid:5000", "there is no server of this name", 4),
        ("http://[::1", "is no address", 2),
    ],
)
@pytest.mark.usefixtures("mlflow")
def test_a_server_that_is_nowhere(uri: str, why: str, code: int, tmp_path: Path) -> None:
    result = run(tmp_path, uri)

    said = sentence(result, code)
    assert why in said
    assert "MLFLOW_TRACKING_URI" in said


def test_a_web_server_that_answers_anything_with_an_empty_object_is_no_mlflow(
    tmp_path: Path, mlflow: Misbehaving
) -> None:
    mlflow.on("*", answer(200, '{"hello": ["world"]}', "application/json"))

    result = run(tmp_path, mlflow.url)

    assert sentence(result) == f"what answers at {mlflow.address} is no MLflow server: check MLFLOW_TRACKING_URI."


def test_a_server_that_answers_late_but_in_time_is_waited_for(tmp_path: Path, mlflow: Misbehaving) -> None:
    mlflow.on("*", slow(0.3))

    result = run(tmp_path, mlflow.url)

    assert result.verdict == "pass", result.failure


def test_one_reset_and_one_502_are_tried_again(tmp_path: Path, mlflow: Misbehaving) -> None:
    mlflow.on("*/experiments/search", once(reset))
    mlflow.on("*/runs/search", once(answer(502, PROXY)))

    result = run(tmp_path, mlflow.url)

    assert result.verdict == "pass", result.failure


def test_a_server_that_goes_away_while_training_logs_to_it_is_a_failed_training(
    tmp_path: Path, mlflow: Misbehaving
) -> None:
    mlflow.on("*/runs/log-metric", gone)
    mlflow.on("*/runs/log-batch", gone)

    result = run(tmp_path, mlflow.url, LOGS_ACCURACY)

    assert "ended with exit code 1" in sentence(result, 3)
    assert result.failure is not None
    assert "mlflow" in result.failure.log_tail.lower()


def test_a_server_that_goes_away_between_training_and_comparison(tmp_path: Path, mlflow: Misbehaving) -> None:
    trained = tmp_path / "trained"
    mlflow.on("*/runs/search", lambda request: trained.exists() and gone(request))

    result = run(tmp_path, mlflow.url, f"{LOGS_ACCURACY}\nopen({str(trained)!r}, 'w').close()\n")

    assert mlflow.address in sentence(result)


def test_a_run_that_could_not_be_kept_whole_is_nobodys_baseline(tmp_path: Path, mlflow: Misbehaving) -> None:
    from mlflow import MlflowClient

    mlflow.on("*/artifacts/*", answer(507, "Insufficient Storage"))

    result = run(tmp_path, mlflow.url)

    assert result.verdict == "pass", result.failure
    assert any("could not be kept" in warning for warning in result.warnings)
    assert result.head is not None
    tags = MlflowClient(mlflow.target).get_run(result.head.run_id or "").data.tags
    assert "ml_ci.record" not in tags


KILLS = """
import os, psutil, urllib.parse
port = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"]).port
for each in psutil.net_connections("tcp"):
    if each.laddr.port == port and each.status == "LISTEN" and each.pid:
        psutil.Process(each.pid).kill()
"""


@pytest.mark.parametrize(("train", "code"), [(LOGS_ACCURACY + KILLS, 4), (WRITES_ACCURACY + KILLS, 0)])
def test_an_embedded_server_that_dies(tmp_path: Path, train: str, code: int) -> None:
    config = f"environment: none\nbaseline: none\n{GATE}"
    files = {"train.py": train, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": config, ".gitignore": "metrics.json\n"}
    repository = Repository.create(tmp_path / "repo", files)

    done = ml_ci("run", "--json", folder=repository.path)

    result = strict(done.stdout)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    told = (repository.path / ".ml-ci" / "report.md").read_text() if code else str(result["warnings"])
    assert re.search(r"the embedded MLflow server ended with exit code \\?-9|could not be kept as a baseline", told)
