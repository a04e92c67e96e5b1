"""`ml-ci publish`: what another machine's job has left, judged anew by the rules of this clone."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ml_ci.records import Run, write_record
from tests.command import ml_ci
from tests.github_server import GitHubServer
from tests.publishing import Files, handed, record, zipped
from tests.repository import Repository, clean_variables
from tests.runs import run

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"


class Clone:
    """A clone of the tests' GitHub with a pull request of a fork's, and an artifact of its job."""

    def __init__(self, github: GitHubServer, folder: Path) -> None:
        self.github, self.folder = github, folder
        github.git.commit_files("main", {".ml-ci.yml": CONFIG, "params.yaml": "accuracy: 0.9\n"})
        github.git.commit_files("feature", {"params.yaml": "accuracy: 0.8\n"}, on="main")
        self.pull = github.add_pull("feature", fork="mona")
        self.path = folder / "clone"
        url = str(github.git.path)
        subprocess.run(["git", "clone", "-q", url, str(self.path)], check=True, env=clean_variables())

    def artifact(self, accuracy: float = 0.8, base: Run | None = None, **more: str) -> Files:
        """Of a job on the pull request, which had trained base."""
        return handed(self.pull, self.folder, accuracy=accuracy, base=base, **more)

    def unpacked(self, files: Files) -> Path:
        """The artifact as a folder."""
        folder = self.folder / "artifact"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder

    def publish(self, *arguments: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """`ml-ci publish` in the clone."""
        return ml_ci("publish", *arguments, folder=self.path, more=more)

    def post(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """The same, posted on the pull request."""
        where = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": self.github.url, "GITHUB_SERVER_URL": self.github.url}
        return self.publish(str(folder), "--repository", "octo/model", "--pull", str(self.pull.number), more=where)

    def verdict(self) -> str:
        """As result.json says."""
        return str(json.loads((self.path / ".ml-ci" / "result.json").read_text())["verdict"])


@pytest.fixture
def clone(github_server: GitHubServer, tmp_path: Path) -> Clone:
    """A clone with `main` checked out."""
    return Clone(github_server, tmp_path)


def test_a_folder_and_an_archive_are_judged_alike(clone: Clone) -> None:
    files = clone.artifact(base=run(clone.pull.base_sha, accuracy=0.9))
    archive = clone.folder / "artifact.zip"
    archive.write_bytes(zipped(files))

    for place in (archive, clone.unpacked(files)):
        done = clone.publish(str(place))
        assert (done.returncode, clone.verdict()) == (1, "fail"), done.stderr
        assert "accuracy" in done.stdout
    assert (clone.path / ".ml-ci" / "report.html").exists()


def test_with_json_there_is_the_result_and_nothing_else(clone: Clone) -> None:
    done = clone.publish(str(clone.unpacked(clone.artifact(base=run(clone.pull.base_sha, accuracy=0.9)))), "--json")

    assert json.loads(done.stdout)["head"]["commit"] == clone.pull.head_sha


def test_the_rules_are_those_of_the_base_that_is_named(clone: Clone) -> None:
    repository = Repository(clone.path)
    repository.branch("loose").commit({".ml-ci.yml": CONFIG.replace("0.01", "0.5")})
    folder = clone.unpacked(clone.artifact(base=run(clone.pull.base_sha, accuracy=0.9)))

    assert clone.publish(str(folder), "--base", "main", "--out", "a").returncode == 1
    assert clone.publish(str(folder), "--base", "loose", "--out", "b").returncode == 0


def test_a_record_of_the_data_branch_wins(clone: Clone) -> None:
    record(clone.github, run(clone.pull.base_sha, accuracy=0.9))
    Repository(clone.path).git("fetch", "-q")
    folder = clone.unpacked(clone.artifact(base=run(clone.pull.base_sha, accuracy=0.1)))

    assert clone.publish(str(folder)).returncode == 1


def test_a_base_that_is_not_on_the_way_is_an_error_that_says_what_to_do(clone: Clone) -> None:
    head = clone.pull.head_sha
    folder = clone.unpacked(clone.artifact(compared=head, base=run(head, accuracy=0.1)))

    done = clone.publish(str(folder))

    assert (done.returncode, clone.verdict()) == (4, "error")
    assert "--base" in done.stdout


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "neither a folder nor a ZIP archive"), (".ml-ci", "is the output folder")]
)
def test_what_cannot_be_published_is_a_wrong_usage(clone: Clone, name: str, words: str) -> None:
    done = clone.publish(name)

    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_what_ml_ci_does_not_write_is_refused(clone: Clone) -> None:
    folder = clone.unpacked({"result.json": b"{}"})

    done = clone.publish(str(folder))

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (4, 1), done.stderr


def test_half_of_what_it_takes_to_post_is_an_error(clone: Clone) -> None:
    folder = clone.unpacked(clone.artifact())

    assert "--pull N" in clone.publish(str(folder), "--repository", "octo/model").stderr
    assert "GITHUB_TOKEN" in clone.publish(str(folder), "--repository", "octo/model", "--pull", "1").stderr
    assert clone.github.requests == []


def test_on_a_pull_request_comment_and_check_are_posted(clone: Clone) -> None:
    done = clone.post(clone.unpacked(clone.artifact(base=run(clone.pull.base_sha, accuracy=0.9))))

    assert done.returncode == 1, done.stderr
    (comment,) = clone.github.comments(clone.pull.number)
    (check,) = clone.github.state.checks.values()
    assert "accuracy" in comment.body
    assert (check.head_sha, check.conclusion) == (clone.pull.head_sha, "failure")


def test_what_is_of_another_commit_than_the_pull_requests_head_fails_the_check(clone: Clone) -> None:
    files = dict(clone.artifact())
    files["head.json"] = write_record(run("a" * 40, accuracy=0.99)).encode()

    done = clone.post(clone.unpacked(files))

    assert done.returncode == 4
    (check,) = clone.github.state.checks.values()
    assert check.conclusion == "failure"
