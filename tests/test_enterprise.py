"""GitHub Enterprise Server, a company's proxy, and certificates by an authority that nobody else knows."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ml_ci.errors import ConfigError
from ml_ci.sources.certificates import trusted, trusting
from tests.action_job import CONFIG, TOKEN
from tests.conftest import cache_folder
from tests.enterprise import Authority, Proxy, over_tls
from tests.github_server import GitHubServer
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.github_server.state import Pull
from tests.repository import LOGS_ACCURACY, clean_variables

TOP = Path(__file__).parents[1]
SETTINGS = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
SERVER = "https://github.company.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Company:
    """A pull request on its GitHub, which is worse than its base, and a self-hosted runner with a checkout of it."""

    def __init__(self, github: GitHubServer, proxy: Proxy, folder: Path, login: str) -> None:
        files = {"train.py": LOGS_ACCURACY, ".ml-ci.yml": CONFIG}
        github.git.commit_files("main", {**files, "params.yaml": "accuracy: 0.9\n"})
        github.git.commit_files("feature", {"params.yaml": "accuracy: 0.8\n"}, on="main")
        self.github = github
        self.proxy = proxy
        self.mlflow = f"https://{login}@mlflow.company.example"
        self.folder = folder
        self.pull: Pull = github.add_pull("feature")
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True)
        self._git("init", "--quiet")
        self._git("fetch", "--quiet", "--depth=1", f"{github.url}/octo/model", self.pull.merge_sha or "")
        self._git("checkout", "--quiet", "--detach", "FETCH_HEAD")
        self._git("remote", "add", "origin", f"{SERVER}/octo/model")

    def job(self, **certificates: str) -> subprocess.CompletedProcess[str]:
        """The job as the host runtime starts it."""
        (self.folder / "event.json").write_text(json.dumps(self.github.pull_event(self.pull, url=f"{SERVER}/api/v3")))
        environ = {name: value for name, value in clean_variables().items() if name not in SETTINGS} | {
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_REF": "refs/pull/1/merge",
            "GITHUB_SHA": self.pull.merge_sha or "",
            "GITHUB_API_URL": f"{SERVER}/api/v3",
            "GITHUB_SERVER_URL": SERVER,
            "GITHUB_GRAPHQL_URL": f"{SERVER}/api/graphql",
            "GITHUB_REPOSITORY": "octo/model",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.folder),
            "MLFLOW_TRACKING_URI": self.mlflow,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "ML_CI_CACHE": str(cache_folder()),
            "INPUT_GITHUB_TOKEN": TOKEN,
            "HTTPS_PROXY": self.proxy.url,
            "NO_PROXY": "",
            **certificates,
        }
        return subprocess.run(
            [sys.executable, "-u", str(TOP / "entrypoint.py")],
            env=environ,
            cwd=self.workspace,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.workspace, env=clean_variables(), check=True)


@pytest.fixture
def company(github_server: GitHubServer, tmp_path: Path, mlflow_server: str, authority: Authority) -> Iterator[Company]:
    github, mlflow = "github.company.example", "mlflow.company.example"
    with (
        over_tls(github_server.url, authority.context(github)) as at,
        over_tls(mlflow_server, authority.context(mlflow), host="localhost") as there,
        Proxy({github: at, mlflow: there}) as proxy,
    ):
        yield Company(github_server, proxy, tmp_path / "runner", urlsplit(mlflow_server).netloc.rpartition("@")[0])


def test_a_whole_job_trusts_what_the_runner_trusts_and_goes_by_the_proxy(
    company: Company, authority: Authority
) -> None:
    """Requests to GitHub, git's fetch of the base, and training's MLflow."""
    before = company.github.count("POST", "*/git-upload-pack")
    done = company.job(NODE_EXTRA_CA_CERTS=str(authority.certificate))
    assert done.returncode == 1, done.stdout + done.stderr
    (comment,) = company.github.comments()
    assert "accuracy" in comment.body
    (check,) = company.github.state.checks.values()
    assert check.conclusion == "failure"
    assert set(company.proxy.asked) == {"github.company.example", "mlflow.company.example"}
    assert company.github.count("POST", "*/git-upload-pack") == before + 1


def test_a_certificate_that_is_not_trusted_is_one_sentence_with_the_variable_to_set(company: Company) -> None:
    done = company.job()
    assert done.returncode == 4, done.stdout + done.stderr
    remedy = "set NODE_EXTRA_CA_CERTS to a file with the certificate of the authority that signed it."
    errors = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    assert len(errors) == 1
    assert errors[0].endswith(remedy)
    assert "GitHub's certificate is not trusted here" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert company.github.comments() == []


# The files


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_where_nothing_is_said_nothing_is_changed(tmp_path: Path) -> None:
    assert trusting({"HTTPS_PROXY": "http://proxy"}, tmp_path) == {}


def test_extra_authorities_are_added_to_the_usual_ones(tmp_path: Path) -> None:
    import certifi

    found = trusting({"NODE_EXTRA_CA_CERTS": written(tmp_path / "extra.pem", PEM)}, tmp_path / "made")
    assert found.keys() == {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"}
    for path in found.values():
        assert Path(path).read_text().endswith(f"\n{PEM}")
        assert Path(path).read_text().count("BEGIN CERTIFICATE") > 50
    assert Path(found["REQUESTS_CA_BUNDLE"]).read_text().startswith(certifi.contents().rstrip())


def test_extra_authorities_are_added_to_those_that_are_named(tmp_path: Path) -> None:
    named = {name: written(tmp_path / name, PEM.replace("AAAA", name)) for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO")}
    found = trusting({**named, "NODE_EXTRA_CA_CERTS": written(tmp_path / "extra.pem", PEM)}, tmp_path / "made")
    texts = {name: Path(path).read_text() for name, path in found.items()}
    assert {
        name: [part in text for part in ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "AAAA")] for name, text in texts.items()
    } == {
        "REQUESTS_CA_BUNDLE": [True, False, True],
        "SSL_CERT_FILE": [True, False, True],
        "GIT_SSL_CAINFO": [False, True, True],
    }


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_what_one_program_trusts_at_github_git_and_requests_trust_too(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "all.pem", PEM)
    expected = {"REQUESTS_CA_BUNDLE": path, "GIT_SSL_CAINFO": path}
    assert trusting({name: path}, tmp_path) == {key: value for key, value in expected.items() if key != name}


def test_what_gits_configuration_trusts_is_kept(tmp_path: Path) -> None:
    """`GIT_SSL_CAINFO` would come before it."""
    gits, extra = written(tmp_path / "git.pem", PEM.replace("AAAA", "GITS")), written(tmp_path / "extra.pem", PEM)
    config = written(tmp_path / "gitconfig", f"[http]\n\tsslCAInfo = {gits}\n")
    variables = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": config, "GITHUB_WORKSPACE": str(tmp_path)}
    with trusted({**variables, "REQUESTS_CA_BUNDLE": extra}) as found:
        assert found == {}
    with trusted({**variables, "NODE_EXTRA_CA_CERTS": extra}) as found:
        text = Path(found["GIT_SSL_CAINFO"]).read_text()
        assert os.environ["GIT_SSL_CAINFO"] == found["GIT_SSL_CAINFO"]
        assert ["GITS" in text, "AAAA" in text, text.count("BEGIN")] == [True, True, 2]
    assert not Path(found["GIT_SSL_CAINFO"]).exists()


@pytest.mark.parametrize(("text", "words"), [(None, "cannot be read"), ("no certificate\n", "no certificate in PEM")])
def test_a_file_without_certificates_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "extra.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=f"^NODE_EXTRA_CA_CERTS names .*{words}"):
        trusting({"NODE_EXTRA_CA_CERTS": str(path)}, tmp_path / "made")
