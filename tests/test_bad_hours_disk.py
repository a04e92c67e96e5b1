"""The disk is full, at each place that a job writes to: one sentence, exit code 4, and nothing half-written.

The disk is a real one, of a few kilobytes, in a mount namespace of the job's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ml_ci.records import read_record
from tests.command import COMMAND, own_key, strict, variables
from tests.repository import WRITES_ACCURACY, Repository

GATE = "gate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
FULL = "(No space left on device)"


def repository(folder: Path, config: str = "baseline: none\n", train: str = WRITES_ACCURACY) -> Repository:
    files: dict[str, str | bytes] = {
        "train.py": train,
        "params.yaml": "accuracy: 0.9\n",
        "large.bin": os.urandom(400_000),
        ".ml-ci.yml": f"environment: none\n{own_key(folder)}{config}{GATE}policy: {{rules: head}}\n",
        ".gitignore": "metrics.json\n",
    }
    made = Repository.create(folder / "repo", files)
    made.branch("change").commit({"params.yaml": "accuracy: 0.95\n"})
    return made


def on_a_small_disk(
    made: Repository, place: Path, size: str, more: Mapping[str, str] | None = None, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """`ml-ci run` with a disk of this size at `place`; what was written there is put beside it, as `NAME.after`."""
    place.mkdir(parents=True, exist_ok=True)
    mount = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && { shift; place=$1; shift; "$@"; code=$?; cp -a "$place" "$place.after"; exit $code; }'
    return subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            mount,
            "sh",
            size,
            str(place),
            *COMMAND,
            *(arguments or ("run",)),
            "--quiet",
        ],
        cwd=made.path,
        env=variables(more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert FULL in said or "the disk is full" in said, said
    return said


def test_it_fills_while_training_talks(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path, train=WRITES_ACCURACY + "print('x' * 1_000_000)\n")

    done = on_a_small_disk(made, made.path / ".ml-ci", "200k", {"MLFLOW_TRACKING_URI": mlflow_server})

    assert "the output folder" in one_sentence(done).lower()
    assert not (made.path / ".ml-ci.after" / "result.json").exists()


def test_it_fills_while_the_report_is_written(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path)

    done = on_a_small_disk(made, made.path / ".ml-ci", "40k", {"MLFLOW_TRACKING_URI": mlflow_server})

    assert "the output folder" in one_sentence(done).lower()
    left = made.path / ".ml-ci.after"
    assert not (left / "result.json").exists(), "whoever finds it expects everything that it names"
    for record in left.rglob("head.json"):
        read_record(record.read_bytes(), "head.json")
    assert not [path for path in left.iterdir() if path.name.startswith((".result", ".report", ".head"))]


def test_it_fills_while_the_embedded_mlflow_makes_its_store(tmp_path: Path) -> None:
    done = on_a_small_disk(repository(tmp_path), tmp_path / "repo" / ".ml-ci", "100k")

    one_sentence(done)


def test_it_fills_while_a_record_is_written(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path)
    records = made.path / ".ml-ci" / "records"

    done = on_a_small_disk(made, records, "4k", {"MLFLOW_TRACKING_URI": mlflow_server}, "run", "--json")

    assert done.returncode == 0, done.stderr
    result = strict(done.stdout)
    assert result["verdict"] == "pass"
    assert "A run could not be kept as a baseline" in str(result["warnings"])
    assert FULL.strip("()") in str(result["warnings"])
    left = [path for path in (made.path / ".ml-ci" / "records.after").rglob("*") if path.is_file()]
    for path in left:
        strict('{"found": ' + path.read_text() + "}")
    assert all(path.suffix == ".json" for path in left), left


def test_it_fills_while_the_base_is_checked_out(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path, config="baseline: train\n")

    more = {"MLFLOW_TRACKING_URI": mlflow_server, "TMPDIR": str(tmp_path / "small")}
    done = on_a_small_disk(made, tmp_path / "small", "200k", more)

    one_sentence(done)
    assert made.git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert list((tmp_path / "small.after").iterdir()) == []


def test_it_fills_while_data_is_pulled(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path)
    made.dvc("init", "--quiet")
    made.write({"data.bin": os.urandom(900_000)})
    made.dvc("add", "--quiet", "data.bin")
    made.dvc("remote", "add", "--quiet", "--default", "storage", str(tmp_path / "storage"))
    made.dvc("push", "--quiet")
    made.commit()
    shutil.rmtree(made.path / ".dvc" / "cache")
    (made.path / "data.bin").unlink()

    done = on_a_small_disk(made, made.path / ".dvc" / "cache", "300k", {"MLFLOW_TRACKING_URI": mlflow_server})

    assert "`dvc pull` could not bring data.bin (the disk is full): free some space" in " ".join(
        one_sentence(done).split()
    )
    assert not (made.path / "metrics.json").exists()


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path, mlflow_server: str) -> None:
    made = repository(tmp_path, train=WRITES_ACCURACY + "for _ in range(300): print('x' * 1_000)\n")

    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 100 && exec "$@"', "bash", *COMMAND, "run", "--quiet"],
        cwd=made.path,
        env=variables({"MLFLOW_TRACKING_URI": mlflow_server}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 4, done.stdout + done.stderr
    assert "raise the limit on the size of files (`ulimit -f`)" in " ".join((done.stdout + done.stderr).split())
