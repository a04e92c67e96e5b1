"""Fifty jobs at once against one repository: fifty records, and one comment for each pull request and key."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ml_ci.github.comment import marker, upsert_comment
from ml_ci.github.data_branch import DataBranch
from ml_ci.github.session import connect
from ml_ci.records import read_record
from ml_ci.sources.record_store import Records
from tests.action_job import CONFIG, TOKEN
from tests.conftest import cache_folder
from tests.data_branch import BRANCH, Jobs, a_run, commit, name, png
from tests.faults.forks import Order
from tests.github_server import GitHubServer
from tests.github_server.fixture import github_server, start_github  # noqa: F401
from tests.repository import WRITES_ACCURACY, clean_variables

JOBS = 50
TOP = Path(__file__).parents[1]


@pytest.fixture
def jobs(github_server: GitHubServer, tmp_path: Path) -> Jobs:
    return Jobs(github_server, tmp_path)


def at_once(job: Callable[[int], object], number: int = JOBS) -> None:
    """Run all of them, and let none begin before all are there."""
    together = Barrier(number)

    def run(which: int) -> None:
        together.wait(60)
        job(which)

    with ThreadPoolExecutor(number) as pool:
        # list() so that a failed job raises here
        list(pool.map(run, range(number)))


def connected(github: GitHubServer) -> Records:
    """A job of its own. A request takes some hundredths of a second here, so waits are fractions of GitHub's."""
    repo = connect("t", api_url=github.url, repository="octo/model")
    return Records(DataBranch(lambda: repo, BRANCH, sleep=lambda wait: time.sleep(wait / 20)), f"the branch {BRANCH}")


def test_fifty_records_at_once_are_all_there(jobs: Jobs) -> None:
    """Half of them of one key, whose index all of these write; each of the others of a key of its own."""

    def key(number: int) -> str:
        return "default" if number % 2 else f"key-{number}"

    def record(number: int) -> None:
        picture = png(f"of {number}")
        predictions = b"PAR1 %d" % number
        run = a_run(number, picture, key=key(number), predictions=predictions)
        connected(jobs.github).add(run, {name(picture): picture}, predictions, recorded=True)

    at_once(record)

    files = jobs.files
    for number in range(JOBS):
        path = f"records/{key(number)}/{commit(number)}"
        kept = read_record(jobs.content(f"{path}.json"), path)
        assert kept.commit == commit(number)
        assert f"{path}.parquet" in files
        assert name(png(f"of {number}")) in jobs.images
    one_key = {commit(number) for number in range(1, JOBS, 2)}
    assert {entry[0] for entry in json.loads(jobs.content("records/default/index.json"))} == one_key
    assert {past.commit for past in jobs.records().history("default", 100)} == one_key
    lost = jobs.github.count("PATCH", "/git/refs/*") - JOBS
    assert lost > 0, "there were races"
    assert lost < 10 * JOBS, "and not more of them than the hour's requests are enough for"


def test_fifty_jobs_at_once_leave_one_comment_for_each_pull_request_and_key(jobs: Jobs) -> None:
    """Five pull requests, each with five keys, each of which two jobs judge at once."""
    pulls = [jobs.open_pull() for _ in range(5)]

    def judge(number: int) -> None:
        pull, key = pulls[number % 5], f"key-{number // 5 % 5}"
        repo = connect("t", api_url=jobs.github.url, repository="octo/model")
        upsert_comment(repo, pull, key=key, body=f"job {number}")

    at_once(judge)

    found = Counter((each.issue, each.body.splitlines()[0]) for pull in pulls for each in jobs.github.comments(pull))
    assert found == {(pull, marker(f"key-{key}")): 1 for pull in pulls for key in range(5)}


def test_real_jobs_on_three_commits_at_once_leave_three_records(
    github_server: GitHubServer, tmp_path: Path, mlflow_server: str
) -> None:
    """Each a process of its own, as three pushes one after the other begin them."""
    files = {"train.py": WRITES_ACCURACY, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\n"}
    pushed = [
        github_server.git.commit_files("main", {**files, "params.yaml": f"accuracy: 0.{number}\n"})
        for number in (7, 8, 9)
    ]
    processes = [a_push(github_server, tmp_path / f"job-{sha[:7]}", sha, mlflow_server) for sha in pushed]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    for out in printed:
        assert json.loads(out.splitlines()[-1]) == {"code": 0}, [log.read_text() for log in tmp_path.glob("*/log")]
    records = Records(DataBranch(lambda: connect("t", api_url=github_server.url, repository="octo/model")), "it")
    assert {past.commit for past in records.history("default", 10)} == set(pushed)
    for sha in pushed:
        kept = records.by_commit("default", sha)
        assert kept
        assert kept.metrics["accuracy"].value in (0.7, 0.8, 0.9)


def a_push(github: GitHubServer, folder: Path, sha: str, mlflow: str) -> subprocess.Popen[str]:
    """A job that records this commit."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    for arguments in (
        ["init", "--quiet"],
        ["remote", "add", "origin", f"{github.url}/octo/model"],
        ["fetch", "--quiet", "--depth=1", "origin", sha],
        ["checkout", "--quiet", "--detach", sha],
    ):
        subprocess.run(["git", *arguments], cwd=workspace, env=clean_variables(), check=True)
    event = folder / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}, "before": "0" * 40}))
    environ = {
        **clean_variables(),
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": sha,
        "GITHUB_API_URL": github.url,
        "GITHUB_SERVER_URL": github.url,
        "GITHUB_REPOSITORY": "octo/model",
        "GITHUB_RUN_ID": "7",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_WORKSPACE": str(workspace),
        "ML_CI_CACHE": str(cache_folder()),
        "INPUT_GITHUB_TOKEN": TOKEN,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.forks", str(folder / "modules")],
        cwd=TOP,
        env={**clean_variables(), "PYTHONPATH": str(TOP)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(Order(environ, str(folder / "log"), mlflow).text() + "\n")
    process.stdin.flush()
    return process
