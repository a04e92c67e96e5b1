"""What of an environment is a secret, and how nothing of it stays in what is said."""

from __future__ import annotations

import base64
import html
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest

from ml_ci.errors import TrainingError
from ml_ci.records import Image, Metric, Run
from ml_ci.secrets import Secrets

KEY = 'x7"Q/+ü&<pass word>%9'

SECRET = {
    "GITHUB_TOKEN": "ghs_0123456789abcdef",
    "HF_TOKEN": "hf_abcdefghij",
    "AWS_SECRET_ACCESS_KEY": "/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "MLFLOW_TRACKING_PASSWORD": "correct horse",
    "DB_PASSWD": "s3cr3t-db",
    "OPENAI_API_KEY": "sk-proj-1234",
    "WANDB_APIKEY": "0123456789abcdef0123",
    "RELEASE_PAT": "github_pat_11AA",
    "GDRIVE_CREDENTIALS": "opaque-credentials",
    "AZURE_STORAGE_KEY": "Zm9vYmFyYmF6",
    "azure_client_secret": "lower~case.1",
}


@pytest.mark.parametrize(("name", "value"), SECRET.items())
def test_a_name_says_that_its_value_is_a_secret(name: str, value: str) -> None:
    assert Secrets.of({name: value}).hide(f"<{value}>") == "<***>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/local/bin:/usr/bin"),
        ("PWD", "/home/runner/work"),
        ("SSH_AUTH_SOCK", "/run/agent.sock"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/runner/key.json"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("TOKENIZERS_PARALLELISM", "parallel"),
        ("MAX_TOKENS", "128000"),
        ("TOKEN_LIMIT", "128000"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("USE_PASSWORD", "true"),
        ("API_KEY", "short"),
        ("ML_CI_KEY", "churn-model"),
        ("MLFLOW_TRACKING_URI", "https://mlflow.example.com/path"),
        ("AUTHOR_NAME", "Mona Lisa"),
        ("KEYBOARD", "querty"),
        ("COMPASS", "north-west"),
    ],
)
def test_what_is_no_secret_is_left_alone(name: str, value: str) -> None:
    assert Secrets.of({name: value}).values == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("MLFLOW_TRACKING_URI", "https://mona:p%40ss-word@mlflow.example.com", ["p%40ss-word", "p@ss-word"]),
        ("DATABASE_URL", "postgresql://app:hunter22@db:5432/x?sslmode=require", ["hunter22"]),
        ("PIP_INDEX_URL", "https://0123456789abcdef0123@pypi.example.com/simple", ["0123456789abcdef0123"]),
        ("DATA", "https://x.blob.core.windows.net/c?sv=2022&sig=aB3%2Fcd%3D", ["aB3/cd="]),
        ("GIT_CONFIG_VALUE_0", "AUTHORIZATION: basic eC1hY2Nlc3M6Z2hz", ["eC1hY2Nlc3M6Z2hz"]),
        (
            "AZURE_STORAGE_CONNECTION_STRING",
            "DefaultEndpointsProtocol=https;AccountName=models;AccountKey=bW9kZWxz+Q==;EndpointSuffix=x",
            ["bW9kZWxz+Q=="],
        ),
        (
            "GCP_CREDENTIALS",
            json.dumps({"type": "service_account", "private_key": "-----BEGIN-----\nMIIEvQ\n-----END-----\n"}),
            ["MIIEvQ"],
        ),
        (
            "DEPLOY_KEY",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\nZXktdjEAAAAA\n-----END-----",
            ["ZXktdjEAAAAA"],
        ),
    ],
)
def test_a_part_of_a_value_is_a_secret_by_itself(name: str, value: str, hidden: list[str]) -> None:
    said = Secrets.of({name: value}).hide(" ".join(f"({each})" for each in hidden))

    assert said == " ".join(["(***)"] * len(hidden))


def test_of_a_key_file_in_json_only_what_is_secret_is_hidden() -> None:
    found = Secrets.of({"GCP_CREDENTIALS": '{"type": "service_account", "client_secret": "abcdefgh"}'})

    assert found.hide("a service_account with abcdefgh") == "a service_account with ***"


def form(text: str, kind: str) -> str:
    match kind:
        case "JSON":
            return json.dumps(text)[1:-1]
        case "JSON of UTF-8":
            return json.dumps(text, ensure_ascii=False)[1:-1]
        case "address":
            return quote(text, safe="")
        case "form":
            return quote_plus(text)
        case "HTML":
            return html.escape(text)
        case _:
            return repr(text)[1:-1]


@pytest.mark.parametrize("kind", ["JSON", "JSON of UTF-8", "address", "form", "HTML", "Python"])
def test_a_secret_is_hidden_as_programs_write_it(kind: str) -> None:
    assert Secrets.of({"API_KEY": KEY}).hide(f"a {form(KEY, kind)} b") == "a *** b"


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("secret", ["abcdefgh", "abcdefghi", "abcdefghij", KEY])
def test_in_base64_at_most_a_character_and_its_bits_are_left_at_each_end(before: int, after: int, secret: str) -> None:
    text = b"\xff" * before + secret.encode() + b"\xff" * after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        said = Secrets.of({"API_KEY": secret}).hide(encode(text).decode())

        assert "***" in said
        begin, end = said.split("***")
        assert len(begin) <= (before * 8 + 5) // 6 + 1
        assert len(end.rstrip("=")) <= (after * 8 + 5) // 6 + 1


def test_two_secrets_that_overlap_leave_nothing_of_either() -> None:
    found = Secrets.of({"A_TOKEN": "abcdefgh", "B_TOKEN": "efghijkl", "C_TOKEN": "bcdefg"})

    assert found.hide("1 abcdefghijkl 2 abcdefgh 3 bcdefg 4") == "1 *** 2 *** 3 *** 4"


@dataclass(frozen=True)
class Found:
    name: str
    metrics: dict[str, Metric]
    lines: tuple[str, ...]
    count: int = 3


def test_whatever_holds_text_is_hidden_and_names_that_become_one_stay_apart() -> None:
    found = Secrets.of({"A_TOKEN": "hunter22", "B_TOKEN": "hunter33"})
    metrics = {"hunter22": Metric(value=1.0), "hunter33": Metric(value=2.0), "f1": Metric(value=3.0, source="hunter22")}

    clean = found.hidden(Found(name="a hunter22", metrics=metrics, lines=("hunter33", "fine")))

    assert clean.name == "a ***"
    assert {name: metric.value for name, metric in clean.metrics.items()} == {"***": 1.0, "*** 2": 2.0, "f1": 3.0}
    assert clean.metrics["f1"].source == "***"
    assert clean.lines == ("***", "fine")


def test_what_holds_no_secret_is_the_very_same_thing() -> None:
    run = Run(commit="a" * 40, metrics={"accuracy": Metric(value=0.9)}, images=(Image(path="a.png", sha256="b"),))

    assert Secrets.of({"A_TOKEN": "hunter22"}).hidden(run) is run


def test_an_error_is_hidden_with_its_log() -> None:
    error = TrainingError("it said hunter22", "hunter22\nend")

    Secrets.of({"A_TOKEN": "hunter22"}).in_error(error)

    assert (str(error), error.log_tail) == ("it said ***", "***\nend")


def test_the_secrets_are_in_no_repr() -> None:
    assert "hunter22" not in repr(Secrets.of({"A_TOKEN": "hunter22"}))


def test_ten_megabytes_and_a_million_points_take_seconds_at_most() -> None:
    found = Secrets.of(SECRET)
    text = base64.b64encode(bytes(range(256)) * 30_000).decode()
    points = tuple((step, 0.5) for step in range(100_000))
    run = Run(commit="a" * 40, metrics={f"m{number}": Metric(value=0.5, history=points) for number in range(10)})

    begin = time.process_time()
    found.hide(text)
    found.hidden(run)

    assert time.process_time() - begin < 5
