"""Training that exchanges the output folder, or something in it, for a way to elsewhere: nothing is written or read there.

Some jobs are root here, and train as another user, as in the container.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_ci.errors import ConfigError
from ml_ci.sources.output_folder import OutputFolder, hand_over
from ml_ci.sources.process import Owner
from tests.command import ml_ci, strict
from tests.conftest import RunJob
from tests.repository import Repository

OTHER = 1201
"""A user that this machine has no name for."""

TRAIN = """
import json, os, pathlib, shutil
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.9}))
out, outside = pathlib.Path(".ml-ci"), pathlib.Path(os.environ["OUTSIDE"])
"""
CONFIG = """
environment: none
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""
LINKS = {
    "the folder": "shutil.rmtree(out); out.symlink_to(outside)",
    "the folder, renamed": "out.rename('aside'); out.symlink_to(outside)",
    "the folder, a file": "shutil.rmtree(out); out.write_text('mine')",
    "the folder, another one": "out.rename('aside'); out.mkdir(); (out / 'plots').symlink_to(outside)",
    "plots": "(out / 'plots').symlink_to(outside)",
    "images": "(out / 'images').symlink_to(outside)",
    "records": "(out / 'records').symlink_to(outside)",
    "report.md": "(out / 'report.md').symlink_to(outside / 'file')",
    "head.json": "(out / 'head.json').symlink_to(outside / 'file')",
    "result.json, a pipe": "os.mkfifo(out / 'result.json')",
    "the log of the training after it": "(out / 'train-base.log').symlink_to(outside / 'file')",
    "the log of the training after it, a pipe": "os.mkfifo(out / 'train-base.log')",
    "a hard link": "os.link(outside / 'file', out / 'train-base.log')",
}


def repository(folder: Path, exchange: str, config: str = CONFIG) -> Repository:
    files = {"train.py": TRAIN + exchange + "\n", ".ml-ci.yml": config, ".gitignore": "metrics.json\naside/\n"}
    made = Repository.create(folder, files)
    made.branch("change").commit({"train.py": TRAIN + exchange + "\nprint('new')\n"})
    return made


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is nobody's business, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("untouched")
    return folder


def untouched(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == ["file"] and (folder / "file").read_text() == "untouched"


@pytest.mark.parametrize("what", LINKS)
def test_what_is_exchanged_while_training_runs_is_named_and_nothing_is_written_there(
    what: str, tmp_path: Path, outside: Path, run_job: RunJob
) -> None:
    made = repository(tmp_path / "repo", LINKS[what])

    result = run_job(made, variables={"OUTSIDE": str(outside)})

    assert result.failure is not None
    assert result.failure.exit_code == 3
    assert "where only ml-ci writes, so this run counts for nothing" in result.failure.message
    assert untouched(outside)


def test_so_it_is_where_training_fails_besides(tmp_path: Path, outside: Path, run_job: RunJob) -> None:
    made = repository(tmp_path / "repo", LINKS["plots"] + "\nprint('the end')\nraise SystemExit(7)")

    result = run_job(made, variables={"OUTSIDE": str(outside)})

    assert result.failure is not None
    assert "exit code 7" in result.failure.message
    assert "Besides, the repository's own code put a link" in result.failure.message
    assert "the end" in result.failure.log_tail


@pytest.mark.parametrize("what", ["the folder", "the folder, another one", "plots", "result.json, a pipe"])
def test_the_report_of_it_is_written_where_it_belongs(what: str, tmp_path: Path, outside: Path) -> None:
    made = repository(tmp_path / "repo", LINKS[what])

    done = ml_ci("run", "--json", folder=made.path, more={"OUTSIDE": str(outside)})

    assert done.returncode == 3, done.stderr
    assert strict(done.stdout)["verdict"] == "error"
    assert "Traceback" not in done.stderr
    assert "this run counts for nothing" in (made.path / ".ml-ci" / "report.md").read_text()
    assert untouched(outside)


def test_a_pipe_that_an_earlier_job_left_holds_up_nobody(tmp_path: Path, outside: Path) -> None:
    made = repository(tmp_path / "repo", "")
    (made.path / ".ml-ci" / "plots").mkdir(parents=True)
    (made.path / ".ml-ci" / ".gitignore").write_text("*\n")
    for name in ("result.json", "head.json", "train-head.log", "environment-head.log"):
        os.mkfifo(made.path / ".ml-ci" / name)

    done = ml_ci("run", "--json", folder=made.path, more={"OUTSIDE": str(outside)})

    assert (done.returncode, strict(done.stdout)["verdict"]) == (0, "pass"), done.stderr


def test_in_a_folder_with_files_of_the_users_their_links_stay(tmp_path: Path, outside: Path, run_job: RunJob) -> None:
    made = repository(tmp_path / "repo", "(pathlib.Path('out') / 'latest').symlink_to(outside)")
    (made.path / "out").mkdir()
    (made.path / "out" / "best").symlink_to(outside)
    with (made.path / ".git" / "info" / "exclude").open("a") as file:
        file.write("out/\n")

    result = run_job(made, variables={"OUTSIDE": str(outside)}, out=made.path / "out")

    assert result.head is not None, result.failure
    assert (made.path / "out" / "best").is_symlink()
    assert (made.path / "out" / "latest").is_symlink()
    assert untouched(outside)


def test_the_folder_of_the_next_model_is_none_that_training_made_a_link_of(tmp_path: Path, outside: Path) -> None:
    exchange = "(pathlib.Path('../.ml-ci') / 'b').symlink_to(outside)"
    config = "environment: none\nbaseline: none\nmodels:\n  a: {working-directory: a}\n  b: {working-directory: b}\n"
    train = {"a/train.py": TRAIN + exchange + "\n", "b/train.py": TRAIN}
    made = Repository.create(tmp_path / "repo", {**train, ".ml-ci.yml": config, ".gitignore": "metrics.json\n"})

    done = ml_ci("run", "--json", folder=made.path, more={"OUTSIDE": str(outside)})

    assert done.returncode == 3, done.stderr
    assert "this run counts for nothing" in done.stdout
    assert untouched(outside)


# --- where the job is root, and training is not


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the other user's, who may go there."""
    folder = Path(tempfile.mkdtemp(prefix="ml-ci-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def owned(made: Repository) -> Repository:
    for folder, folders, names in os.walk(made.path):
        for name in (".", *folders, *names):
            os.chown(Path(folder, name), OTHER, OTHER, follow_symlinks=False)
    return made


# in the shell, since a Python of root's may be where nobody else can read it
OF_ANOTHER = {
    "the folder": "mv .ml-ci aside && ln -s /root .ml-ci",
    "plots": "ln -s /root .ml-ci/plots",
    "a folder that was open to all": "mv .ml-ci/images aside",
    "a log": "ln -s /root/x .ml-ci/train-base.log",
}


@pytest.mark.parametrize("what", OF_ANOTHER)
def test_another_user_can_exchange_nothing_but_the_folder_itself(what: str, place: Path, run_job: RunJob) -> None:
    command = f"train: >-\n  echo '{{\"accuracy\": 0.9}}' >metrics.json && {OF_ANOTHER[what]}\n"
    made = owned(repository(place / "repo", "", CONFIG + command))
    for folder in (made.path / ".ml-ci", made.path / ".ml-ci" / "images"):
        folder.mkdir()
        folder.chmod(0o777)
        os.chown(folder, OTHER, OTHER)
    (made.path / ".ml-ci" / ".gitignore").write_text("*\n")

    # a Python of root's may be where nobody else can run it
    result = run_job(made, variables={"PATH": "/usr/bin:/bin", "VIRTUAL_ENV": ""})

    assert result.failure is not None
    reason = "removed" if what == "the folder" else "ended with exit code 1"
    assert reason in result.failure.message, result.failure
    if what != "the folder":
        assert "Permission denied" in result.failure.log_tail
    # afterwards all of it is the owner's to delete
    left = [path.lstat().st_uid for path in (made.path / ".ml-ci").rglob("*")]
    assert set(left) == {OTHER}


def test_a_job_that_is_root_does_not_write_through_a_link(place: Path, outside: Path) -> None:
    (place / ".ml-ci").symlink_to(outside)

    with pytest.raises(ConfigError, match="is a link, and ml-ci, which is root here, would write to where that leads"):
        OutputFolder(place / ".ml-ci", Owner(OTHER, OTHER)).__enter__()

    assert untouched(outside)


def test_what_an_earlier_job_left_in_the_folder_leads_nowhere(place: Path, outside: Path) -> None:
    out = place / ".ml-ci"
    (out / "mlflow" / "3.17.2" / "artifacts").mkdir(parents=True)
    for name in ("plots", "mlflow/3.17.2/artifacts/1", "train-head.log"):
        (out / name).symlink_to(outside)
    os.link(outside / "file", out / "base.json")

    with OutputFolder(out, Owner(OTHER, OTHER)):
        assert [path for path in out.rglob("*") if not path.is_dir()] == []


def test_handing_over_follows_no_link_and_leaves_files_with_another_name(place: Path, outside: Path) -> None:
    out = place / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "own").write_text("")
    (out / "deep" / "link").symlink_to(outside / "file")
    (out / "folder").symlink_to(outside)
    os.link(outside / "file", out / "second")
    descriptor = os.open(out, os.O_RDONLY)

    hand_over(descriptor, Owner(OTHER, OTHER))

    os.close(descriptor)
    assert {(out / name).lstat().st_uid for name in (".", "deep", "deep/own", "deep/link")} == {OTHER}
    assert (outside.stat().st_uid, (outside / "file").stat().st_uid) == (0, 0)
