"""The embedded MLflow server's login: this job's training has it without a change, whatever else it has; nobody else does."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from mlflow import MlflowClient

from ml_ci.sources.mlflow_logins import accepted, split_login
from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.tracking import Tracking
from tests.repository import clean_variables

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
LOGS = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_metric("accuracy", 0.9)
    mlflow.log_text("kept", "notes/a.txt")
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/a.txt") == "kept"
print("RUN", run.info.run_id)
"""
IDENTITY = Identity(key="default", commit="0" * 40, attempt="a1", fingerprint="f", exact=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """The server of a job whose user has a login for an MLflow of their own."""
    home = tmp_path_factory.mktemp("home")
    (home / ".mlflow").mkdir()
    (home / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = p%%w\n"
    )
    (home / ".netrc").write_text("default login someone password else\n")
    (home / ".netrc").chmod(0o600)
    variables = {
        **clean_variables(),
        "HOME": str(home),
        "MLFLOW_TRACKING_USERNAME": "mona",
        "MLFLOW_TRACKING_PASSWORD": "pw",
        "MLFLOW_TRACKING_TOKEN": "own-token",
    }
    with Reaper() as reaper, MlflowServer(tmp_path_factory.mktemp("mlflow"), variables, reaper) as running:
        running.wait()
        yield running


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def asked(server: MlflowServer, path: str, authorization: str | None) -> int:
    """The status of an answer to a request with this header."""
    plain, _ = split_login(server.uri)
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": authorization} if authorization is not None else {}
        return session.get(plain + path, headers=headers, timeout=30).status_code


WRITES = [SEARCH, "/api/2.0/mlflow-artifacts/artifacts?path=0", "/ajax-api/2.0/mlflow/experiments/search", "/", "/version",
          "/graphql", "/health/../api/2.0/mlflow/experiments/search"]  # fmt: skip


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer ", "Bearer another", basic("ml-ci", ""), basic("mona", "no")]
)
def test_without_the_login_nothing_is_to_be_had(server: MlflowServer, path: str, authorization: str | None) -> None:
    assert asked(server, path, authorization) == 401


def test_whether_it_is_up_is_no_secret(server: MlflowServer) -> None:
    assert asked(server, "/health", None) == 200


@pytest.mark.parametrize(
    "own", [basic("mona", "pw"), basic("file", "p%w"), basic("someone", "else"), "Bearer own-token"]
)
def test_what_a_client_of_the_users_sends_is_taken_too(server: MlflowServer, own: str) -> None:
    assert asked(server, SEARCH, own) == 200
    assert asked(server, SEARCH, f"Bearer {split_login(server.uri)[1]}") == 200


@pytest.mark.parametrize("more", [
    {}, {"MLFLOW_TRACKING_USERNAME": "mona", "MLFLOW_TRACKING_PASSWORD": "pw"}, {"MLFLOW_TRACKING_TOKEN": "own-token"},
    {"HOME": "with files"}, {"HOME": "with files", "MLFLOW_TRACKING_USERNAME": "mona", "MLFLOW_TRACKING_PASSWORD": "pw"},
], ids=["nothing", "password", "token", "files", "both"])  # fmt: skip
def test_training_logs_and_reads_artifacts_with_whatever_it_has(
    server: MlflowServer, tmp_path: Path, more: Mapping[str, str]
) -> None:
    home = str(server.store.parents[1] / "home0") if "HOME" in more else str(tmp_path)
    tracking = Tracking(server.uri, {}, shared=False)
    variables = tracking.variables({**clean_variables(), **more, "HOME": home}, IDENTITY)
    assert "@" not in variables["MLFLOW_TRACKING_URI"]
    said = subprocess.run(
        [sys.executable, "-c", LOGS], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    run = said.stdout.split("RUN ")[1].split()[0]
    assert MlflowClient(server.uri).get_run(run).data.metrics == {"accuracy": 0.9}


def test_a_token_of_the_users_is_kept_for_the_server_that_a_script_names_itself(server: MlflowServer) -> None:
    tracking = Tracking(server.uri, {}, shared=False)
    assert tracking.variables({"MLFLOW_TRACKING_TOKEN": "own-token"}, IDENTITY)["MLFLOW_TRACKING_TOKEN"] == "own-token"
    assert tracking.variables({}, IDENTITY)["MLFLOW_TRACKING_TOKEN"] == split_login(server.uri)[1]


def test_for_the_users_own_server_nothing_is_set() -> None:
    tracking = Tracking("https://user:pw@mlflow.example", {}, shared=True)
    variables = tracking.variables({}, IDENTITY)
    assert variables["MLFLOW_TRACKING_URI"] == "https://user:pw@mlflow.example"
    assert "MLFLOW_TRACKING_TOKEN" not in variables


def test_the_server_shows_no_login_to_the_machine_and_knows_no_secret_of_the_users(server: MlflowServer) -> None:
    place = Path("/proc", str(server._process.pid))
    # root's, and so nobody else's: that is how Linux shows a process that is closed to its own user
    assert (place / "environ").stat().st_uid == 0
    shown = (place / "environ").read_bytes() + (place / "cmdline").read_bytes() + server.log.read_bytes()
    for secret in (split_login(server.uri)[1], "own-token", "p%w", "MLFLOW_TRACKING_PASSWORD"):
        assert secret.encode() not in shown


def test_each_job_has_a_token_of_its_own(server: MlflowServer, tmp_path: Path) -> None:
    with Reaper() as reaper, MlflowServer(tmp_path, clean_variables(), reaper) as other:
        assert split_login(other.uri)[1] != split_login(server.uri)[1]
        other.wait()
        assert asked(other, SEARCH, f"Bearer {split_login(server.uri)[1]}") == 401
        assert asked(other, SEARCH, basic("mona", "pw")) == 401


@contextmanager
def connected(server: MlflowServer) -> Iterator[socket.socket]:
    parts = urlsplit(server.uri)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0), 10)) as connection:
        yield connection


def test_a_web_socket_is_refused(server: MlflowServer) -> None:
    request = (
        "GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with connected(server) as connection:
        connection.sendall(request.encode())
        assert connection.recv(100).split()[1] in (b"401", b"403")


def test_a_broken_file_of_logins_is_none(tmp_path: Path) -> None:
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_bytes(b"\xff\xfe no section")
    (tmp_path / ".netrc").write_text("machine machine machine")
    only = accepted("t", {"HOME": str(tmp_path)}, "127.0.0.1")
    assert only == ["Bearer t", basic("ml-ci", "t")]
