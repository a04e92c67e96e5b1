"""A training that tells its secrets everywhere it can: none of them leaves the job."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.action_job import TOKEN, Done, Job
from tests.command import ml_ci, own_key
from tests.github_server import GitHubServer
from tests.repository import Repository

PASSWORD = "hunter2-Zwölf/9"
URL_PASSWORD = "geheim%21wort"
KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
GIVEN = {
    "SERVICE_PASSWORD": PASSWORD,
    "ARTIFACTS": f"https://mona:{URL_PASSWORD}@artifacts.example.com/models",
    "SIGNING_KEY": f"-----BEGIN KEY-----\n{KEY_LINE}\n-----END KEY-----",
}
SECRETS = (PASSWORD, URL_PASSWORD, "geheim!wort", KEY_LINE)
FORMS = (*SECRETS, *(base64.b64encode(each.encode()).decode().rstrip("=")[:-1] for each in SECRETS), TOKEN)

TELLS = """
import base64, json, os, pathlib, struct, zlib
found = [os.environ["SERVICE_PASSWORD"], os.environ["ARTIFACTS"], os.environ["SIGNING_KEY"].splitlines()[1], "geheim!wort"]
found += [base64.b64encode(each.encode()).decode() for each in found]
for each in found:
    print(each, flush=True)
names = [found[2], found[6]]
json.dump({"accuracy": ACCURACY, **{name: 0.5 for name in names}}, open("metrics.json", "w"))
pathlib.Path("params.yaml").write_text("accuracy: 1\\n" + "".join(f"p{n}: {json.dumps(each)}\\n" for n, each in enumerate(found)))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
png += chunk(b"tEXt", b"Comment\\0" + found[2].encode()) + chunk(b"IDAT", zlib.compress(b"\\0\\0\\0" * 2)) + chunk(b"IEND", b"")
pathlib.Path("plots").mkdir(exist_ok=True)
pathlib.Path(f"plots/{names[0]}.png").write_bytes(png)
pathlib.Path(f"plots/{names[1]}.png").write_bytes(b"no picture")
rows = ["id,y_true,y_pred,who"] + [f"{n},{n % 2},{n % 2},{names[n % 2]}" for n in range(40)]
pathlib.Path("predictions.csv").write_text("\\n".join(rows) + "\\n")
pathlib.Path("report.md").write_text("# Ours\\n\\n" + "\\n\\n".join(found) + f"\\n\\n![a](plots/{names[0]}.png)\\n")
pathlib.Path("curve.json").write_text(json.dumps([{"step": n, names[0]: n} for n in range(3)]))
"""
LOGS = """
import mlflow
with mlflow.start_run(run_name=found[0]):
    mlflow.log_metric("accuracy", ACCURACY)
    mlflow.log_metric(names[0], 1)
    for number, each in enumerate(found):
        mlflow.log_param(f"logged{number}", each)
        mlflow.set_tag(f"told{number}", each)
"""
CONFIG = """
environment: none
train: python train.py
plots: ["plots/*.png"]
report: report.md
predictions: {path: predictions.csv, slices: [who], metrics: [accuracy]}
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""
DVC = f"plots:\n  - curve.json:\n      x: step\n      y: {KEY_LINE}\n"
IGNORED = "metrics.json\nparams.yaml\nplots/\npredictions.csv\nreport.md\ncurve.json\n"


def training(accuracy: str, *, logs: bool = True, ends: str = "") -> str:
    return (TELLS + (LOGS if logs else "")).replace("ACCURACY", accuracy) + ends


@pytest.fixture
def job(
    github_server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mlflow_server: str
) -> Iterator[Job]:
    """A job in a repository whose training tells everything."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    github_server.git.commit_files("main", {"train.py": training("0.9"), ".gitignore": IGNORED, "dvc.yaml": DVC})
    made = Job(github_server, tmp_path, lambda: capsys.readouterr().out, mlflow_server)
    files = {"train.py": training("0.9"), ".gitignore": IGNORED, "dvc.yaml": DVC}
    github_server.git.commit_files("main", {**files, ".ml-ci.yml": CONFIG + own_key(tmp_path)})
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def told_to_github(github: GitHubServer) -> str:
    """All that the job sent, and all objects of the repository that it wrote to."""
    bodies = "\n".join(json.dumps(seen.body, ensure_ascii=False) for seen in github.requests if seen.method != "GET")
    command = ["git", f"--git-dir={github.git.path}"]
    listed = subprocess.run(
        [*command, "ls-tree", "-r", "refs/heads/ml-ci-data"], capture_output=True, text=True, check=False
    ).stdout
    blobs = [
        subprocess.run([*command, "cat-file", "blob", line.split()[2]], capture_output=True, check=True).stdout
        for line in listed.splitlines()
    ]
    return bodies + listed + "\n".join(blob.decode(errors="replace") for blob in blobs)


def left_in(out: Path) -> dict[str, str]:
    """Each file of the output folder but the logs, which are nobody's but the runner's, and MLflow's own store."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".log"]
    return {str(path.relative_to(out)): path.read_bytes().decode(errors="replace") for path in files}


def assert_silent(places: Mapping[str, str]) -> None:
    found = {place: form for place, text in places.items() for form in FORMS if form in text}
    assert found == {}


def of_action(job: Job, done: Done) -> dict[str, str]:
    log = "\n".join(line for line in done.log.splitlines() if not line.startswith("::add-mask::"))
    places = {"the log": log, "the outputs": str(done.outputs), "the summary": done.summary}
    return {**places, "GitHub": told_to_github(job.github), **left_in(job.workspace / ".ml-ci")}


@pytest.mark.parametrize("logs", [True, False], ids=["with MLflow", "by files"])
def test_a_comparison_tells_none_of_them(job: Job, logs: bool) -> None:
    done = job.on_pull_request({"train.py": training("0.95", logs=logs)})

    assert done.outputs["verdict"] == "pass", done.log
    # the whole way was gone: the comment, the pictures, the own report, the predictions and the records are there
    (comment,) = job.github.comments()
    assert "***" in comment.body
    assert "Ours" in (job.workspace / ".ml-ci" / "report.md").read_text()
    result = json.loads((job.workspace / ".ml-ci" / "result.json").read_text())
    assert "holds a secret that this job was given" in " ".join(result["warnings"])
    assert_silent(of_action(job, done))


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


def test_a_failed_training_tells_none_of_them_in_the_end_of_its_log(job: Job) -> None:
    done = job.on_pull_request({"train.py": training("0.95", ends="raise SystemExit(1)\n")})

    assert (done.code, done.outputs["verdict"]) == (3, "error")
    (comment,) = job.github.comments()
    assert "***" in comment.body
    assert_silent(of_action(job, done))


def test_a_record_tells_none_of_them(job: Job) -> None:
    sha = job.github.git.commit_files("main", {"train.py": training("0.97", logs=False)})
    job.check_out(sha)
    payload = {"ref": "refs/heads/main", "after": sha, "repository": {"default_branch": "main"}}

    done = job.run(
        {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": sha, "MLFLOW_TRACKING_URI": ""},
        payload,
    )

    assert done.code == 0, done.log
    assert "records/" in told_to_github(job.github)
    assert_silent(of_action(job, done))


def test_the_runner_is_told_of_them_before_anything_else_is_said(job: Job) -> None:
    job.github.git.commit_files("feature", {"train.py": training("0.95", logs=False)}, on="main")
    pull = job.github.add_pull("feature")
    job.check_out(pull.merge_sha)
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": pull.merge_sha or ""}

    done = job.run({**event, "GITHUB_ACTIONS": "true"}, job.github.pull_event(pull))

    lines = done.log.splitlines()
    masks = [line for line in lines if line.startswith("::add-mask::")]
    assert lines[: len(masks)] == masks
    assert {f"::add-mask::{KEY_LINE}", f"::add-mask::{TOKEN}", f"::add-mask::{PASSWORD}"} <= set(masks)


def test_a_gated_metric_that_is_called_like_a_secret_is_never_lost_in_silence(tmp_path: Path) -> None:
    config = f"environment: none\nbaseline: none\ntrain: python train.py\ngate:\n  {KEY_LINE}: {{direction: higher, min: 0.1}}\n"
    files = {"train.py": training("0.9", logs=False), ".gitignore": IGNORED, ".ml-ci.yml": config}
    repository = Repository.create(tmp_path / "repo", files)

    done = ml_ci("run", "--json", folder=repository.path, more=GIVEN)

    result = json.loads(done.stdout)
    assert (done.returncode, result["verdict"]) == (1, "fail")
    (ruled,) = [metric for metric in result["metrics"] if metric["rule"]]
    assert ruled["outcome"] == "missing"
    assert "The names of metrics hold secrets" in " ".join(result["warnings"])
    out = {**left_in(repository.path / ".ml-ci"), "standard output": done.stdout}
    assert_silent({name: text for name, text in out.items() if not name.startswith("mlflow")})


def test_an_error_before_training_tells_none_of_them(job: Job) -> None:
    config = CONFIG + f"environmnt: {KEY_LINE}\n"

    done = job.on_pull_request({".ml-ci.yml": config})

    assert done.code == 2
    assert_silent(of_action(job, done))


def test_secrets_among_the_labels_of_predictions_are_told_and_not_kept(tmp_path: Path) -> None:
    rows = "\\n".join(["id,y_true,y_pred", *(f"{number},{KEY_LINE},other" for number in range(9))])
    train = f"open('predictions.csv', 'w').write('{rows}\\n'); open('metrics.json', 'w').write('{{\"loss\": 0.9}}')\n"
    config = "environment: none\nbaseline: none\npredictions: {path: predictions.csv}\ngate: {accuracy: {min: 0.1}}\n"
    repository = Repository.create(
        tmp_path / "repo",
        {"train.py": train, ".gitignore": IGNORED, ".ml-ci.yml": config.replace("{min", "{direction: higher, min")},
    )

    done = ml_ci("run", "--json", folder=repository.path, more=GIVEN)

    result = json.loads(done.stdout)
    assert re.search(r"secret that this job was given .* is among the targets", " ".join(result["warnings"]))
    assert KEY_LINE not in done.stdout
