"""Old and new MLflow clients, unchanged scripts: against the embedded server, and against a user's own with a login."""

from __future__ import annotations

import base64
import json
import math
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient

from tests.command import ml_ci, own_key
from tests.conftest import RunJob
from tests.repository import Repository

NEWEST = version("mlflow")

# where there are no wheels of the libraries that the whole of an old MLflow pins, its client alone is the same one
REQUIREMENTS = {
    "2.11.3": """
mlflow==2.11.3; python_version < "3.13"
mlflow-skinny==2.11.3; python_version >= "3.13"
setuptools<81
numpy<2; python_version < "3.13"
pandas<2.3; python_version < "3.13"
matplotlib
""",
    "2.19.0": """
mlflow==2.19.0; python_version < "3.13"
mlflow-skinny==2.19.0; python_version >= "3.13"
setuptools<81
matplotlib
""",
    # the very environment of the notebook in tests/test_entry_points.py
    NEWEST: f"mlflow=={NEWEST}\nipykernel\nnbconvert\n",
}

SCRIPT = """
import math
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import mlflow

mlflow.set_experiment("churn")
with mlflow.start_run(run_name="forest", tags={"team": "mona's"}):
    mlflow.log_params({"depth": 3, "lr": 1e-05, "bootstrap": True, "note": "a | b `c`"})
    mlflow.set_tag("stage", "nightly")
    for step, loss in enumerate([3.0, 2.0, 1.5]):
        mlflow.log_metrics({"loss": loss, "accuracy": 1 - loss / 10}, step=step)
    mlflow.log_metric("out of order", 0.9, step=10)
    mlflow.log_metric("out of order", 0.5, step=5)
    for value in (0.2, 0.4, 0.3):
        mlflow.log_metric("without steps", value)
    mlflow.log_metric("up", math.inf)
    mlflow.log_metric("down", -math.inf)
    mlflow.log_metric("none", math.nan)
    mlflow.log_text("kept\\n", "notes/readme.txt")
    figure, axes = plt.subplots()
    axes.plot([3, 2, 1.5])
    mlflow.log_figure(figure, "plots/loss.png")
    with open("model.txt", "w") as file:
        file.write("weights")
    mlflow.log_artifact("model.txt")
"""


@pytest.mark.parametrize("client", [pytest.param(name, marks=pytest.mark.xdist_group(f"mlflow-{name}"))
                                    for name in ("2.11.3", "2.19.0")]
                         + [pytest.param(NEWEST, marks=pytest.mark.xdist_group("newest-mlflow"))])  # fmt: skip
def test_what_a_client_logs_arrives_whole(client: str, tmp_path: Path, run_job: RunJob, mlflow_server: str) -> None:
    files = {
        "train.py": SCRIPT,
        "requirements.txt": REQUIREMENTS[client],
        ".gitignore": "model.txt\n",
        ".ml-ci.yml": "baseline: none\n",
    }
    result = run_job(Repository.create(tmp_path / "repo", files))
    head = result.head
    assert head is not None, result.failure
    packages = head.environment.packages
    assert packages.get("mlflow", packages.get("mlflow-skinny")) == client
    assert head.params == {"depth": "3", "lr": "1e-05", "bootstrap": "True", "note": "a | b `c`"}
    metrics = {name: (metric.value, metric.history) for name, metric in head.metrics.items()}
    assert math.isnan(metrics.pop("none")[0])
    assert metrics == {
        "loss": (1.5, ((0, 3.0), (1, 2.0), (2, 1.5))),
        "accuracy": (0.85, ((0, 0.7), (1, 0.8), (2, 0.85))),
        "out of order": (0.9, ((5, 0.5), (10, 0.9))),
        "without steps": (0.3, ((0, 0.2), (1, 0.4), (2, 0.3))),
        "up": (math.inf, ((0, math.inf),)),
        "down": (-math.inf, ((0, -math.inf),)),
    }
    server = MlflowClient(mlflow_server)
    tags = server.get_run(head.run_id or "").data.tags
    assert (tags["team"], tags["stage"], tags["mlflow.runName"]) == ("mona's", "nightly", "forest")
    assert (tags["ml_ci.key"], tags["ml_ci.commit"]) == ("default", head.commit)
    assert (tags["ml_ci.fingerprint"], tags["ml_ci.record"]) == (head.fingerprint, "exact")
    assert artifacts(server, head.run_id or "", tmp_path) == {
        "notes/readme.txt": b"kept\n",
        "model.txt": b"weights",
        "plots/loss.png": b"\x89PNG\r\n\x1a\n",
    }


def artifacts(server: MlflowClient, run_id: str, folder: Path) -> dict[str, bytes]:
    """What the script logged, by path; of images their first eight bytes."""
    target = folder / "artifacts"
    target.mkdir()
    server.download_artifacts(run_id, "", str(target))
    files = [file for file in target.rglob("*") if file.is_file() and "ml-ci" not in file.parts]
    return {
        file.relative_to(target).as_posix(): file.read_bytes()[: 8 if file.suffix == ".png" else None] for file in files
    }


# -- a user's own server, behind a login

LOGIN = {"MLFLOW_TRACKING_USERNAME": "mona", "MLFLOW_TRACKING_PASSWORD": "octocat-1"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "t-123"}
TRAIN = """
import mlflow, pathlib
from mlflow import MlflowClient

# what a colleague's notebook does at the same moment
client = MlflowClient()
foreign = client.create_run("0", run_name="a colleague's").info.run_id
client.log_metric(foreign, "accuracy", 0.99)
client.set_terminated(foreign)

with mlflow.start_run():
    mlflow.log_metric("accuracy", float(pathlib.Path("params.yaml").read_text().split()[1]))
"""


class Doorkeeper(BaseHTTPRequestHandler):
    """Lets nobody through to MLflow without a login, as `mlflow server --app-name basic-auth` and DagsHub do."""

    protocol_version = "HTTP/1.1"
    server: Door

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") not in self.server.accepted:
            # as MLflow 3.17 answers
            text = b"You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html"
            self._answer(401, {"WWW-Authenticate": 'Basic realm="mlflow"'}, text)
            return
        connection = HTTPConnection(self.server.behind, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Authorization")}
        connection.request(self.command, self.path, body, headers | {"Authorization": self.server.own_login})
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() == "content-type"}
        self._answer(answer.status, kept, answer.read())
        connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - as http.server looks for them

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


class Door(ThreadingHTTPServer):
    """The address that people are given."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Doorkeeper)
        login, _, self.behind = behind.rpartition("@")
        self.own_login = f"Basic {base64.b64encode(login.encode()).decode()}"
        basic = base64.b64encode(":".join(LOGIN.values()).encode()).decode()
        self.accepted = (f"Basic {basic}", f"Bearer {TOKEN['MLFLOW_TRACKING_TOKEN']}")


@pytest.fixture
def server_with_login(mlflow_server: str) -> Iterator[str]:
    """A user's MLflow, for which one needs LOGIN or TOKEN."""
    with Door(urlsplit(mlflow_server).netloc) as door:
        thread = Thread(target=door.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{door.server_port}"
        door.shutdown()
        thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A branch that changes accuracy from 0.90 to 0.91."""
    key = own_key(tmp_path)
    gate = "gate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
    files = {"train.py": TRAIN, "params.yaml": "accuracy: 0.90\n", ".ml-ci.yml": f"environment: none\n{key}{gate}"}
    made = Repository.create(tmp_path / "repo", files)
    made.branch("change").commit({"params.yaml": "accuracy: 0.91\n"})
    return made


def outcome(text: str) -> dict[str, object]:
    document = json.loads(text)
    (row,) = document["metrics"]
    return {
        "verdict": document["verdict"],
        "accuracy": (row["base"], row["head"]),
        "origins": (document["base"]["origin"], document["head"]["origin"]),
    }


def test_base_is_found_on_the_users_server_once_it_was_recorded_and_a_colleagues_run_is_never_taken(
    repository: Repository, server_with_login: str
) -> None:
    repository.git("checkout", "--quiet", "main")
    recorded = ml_ci("record", folder=repository.path, mlflow=server_with_login, more=LOGIN)
    assert recorded.returncode == 0, recorded.stderr
    repository.git("checkout", "--quiet", "change")
    # so that nothing but the server can know of it
    found = ml_ci("run", "--json", "--out", "out", folder=repository.path, mlflow=server_with_login, more=LOGIN)
    assert found.returncode == 0, found.stderr
    assert outcome(found.stdout) == {
        "verdict": "pass",
        "accuracy": (0.90, 0.91),
        "origins": ("found", "trained"),
    }
    assert "octocat-1" not in found.stdout + found.stderr


def test_a_token_opens_the_door_too(tmp_path: Path, server_with_login: str, mlflow_server: str) -> None:
    client = MlflowClient(mlflow_server)
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "accuracy", 0.9)
    client.set_terminated(run_id)
    compared = ml_ci("compare", "--json", run_id, run_id, folder=tmp_path, mlflow=server_with_login, more=TOKEN)
    assert compared.returncode == 0, compared.stderr
    assert outcome(compared.stdout)["accuracy"] == (0.9, 0.9)


def test_a_wrong_password_is_an_error_within_seconds_that_names_the_variables(
    repository: Repository, server_with_login: str
) -> None:
    wrong = LOGIN | {"MLFLOW_TRACKING_PASSWORD": "guessed-wrong"}
    said, seconds = refused(repository, server_with_login, wrong)
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in said
    assert "guessed-wrong" not in said
    assert seconds < 30


def test_a_server_that_is_down_is_an_error_before_anything_is_trained(repository: Repository) -> None:
    with closed_port() as port:
        said, seconds = refused(repository, f"http://127.0.0.1:{port}", {})
    assert f"127.0.0.1:{port}" in said
    assert "MLFLOW_TRACKING_URI" in said
    assert seconds < 30
    assert not list((repository.path / ".ml-ci").glob("train-*.log"))


def refused(repository: Repository, address: str, variables: dict[str, str]) -> tuple[str, float]:
    """What is said by a job that cannot reach its MLflow, and after how many seconds."""
    begin = time.monotonic()
    done = ml_ci("run", "--quiet", folder=repository.path, mlflow=address, more=variables)
    assert done.returncode == 4, done.stderr
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return " ".join(text.split()), time.monotonic() - begin


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
