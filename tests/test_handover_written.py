"""The output folder holds what somebody else needs to judge anew: both records, and both sides' predictions beside them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from ml_ci.records import Run, read_record
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.result import Result
from ml_ci.sources.kept_predictions import from_parquet
from tests.command import ml_ci, strict
from tests.conftest import RunJob
from tests.handed_over import parquet, with_predictions
from tests.predicting import CONFIG, PREDICTIONS, predicting
from tests.runs import BASE, failed, result, run

SAME = "count: 100, wrong: 10"
WORSE = "count: 100, wrong: 30"


def wrong(path: Path) -> int:
    """How many of the predictions in the file are wrong."""
    found = from_parquet(path.read_bytes(), path.name)
    assert found.target is not None
    assert found.prediction is not None
    return sum(one != other for one, other in zip(found.target.tolist(), found.prediction.tolist(), strict=True))


def names(run: Run | None, path: Path) -> bool:
    """Whether the run's record names this file."""
    assert run is not None
    assert run.predictions is not None
    return run.predictions.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def reported(result: Result, folder: Path) -> Path:
    """As a door writes it, after the job."""
    assert result.failure is None
    write_output(result, Presentation(version="1"), folder)
    return folder


def test_both_sides_predictions_are_beside_their_records(tmp_path: Path, run_job: RunJob) -> None:
    repository = predicting(tmp_path / "repo", SAME, WORSE)
    found = run_job(repository)
    out = reported(found, repository.path / ".ml-ci")
    assert (wrong(out / "base.parquet"), wrong(out / "head.parquet")) == (10, 30)
    assert names(found.base.run, out / "base.parquet")
    assert names(found.head, out / "head.parquet")
    assert (out / "head.parquet").stat().st_mode & 0o777 == 0o644


def test_what_was_kept_with_a_base_that_was_found_is_there_too_and_compare_reads_both(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = predicting(tmp_path / "repo", SAME, WORSE)
    run_job(repository)
    found = run_job(repository)
    assert found.base.origin == "found"
    out = reported(found, repository.path / ".ml-ci")
    assert names(found.base.run, out / "base.parquet")
    # away from the repository, and from the records in its output folder
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("base.json", "head.json", "base.parquet", "head.parquet"):
        (elsewhere / name).write_bytes((out / name).read_bytes())
    (elsewhere / ".ml-ci.yml").write_bytes((repository.path / ".ml-ci.yml").read_bytes())
    answer = ml_ci("compare", "--json", "base.json", "head.json", folder=elsewhere)
    rows: Any = strict(answer.stdout)["metrics"]
    row = next(row for row in rows if row["name"] == "accuracy")
    assert (answer.returncode, row["outcome"]) == (1, "fail")
    assert "100 examples" in row["evidence"]


@pytest.mark.parametrize("times", [1, 2], ids=["base is trained now", "base is found"])
def test_a_head_that_is_base_by_another_name_has_its_predictions(tmp_path: Path, run_job: RunJob, times: int) -> None:
    config = CONFIG + PREDICTIONS + "inputs: [train.py, params.yaml]\n"
    repository = predicting(tmp_path / "repo", SAME, config=config)
    repository.branch("change").commit({"README.md": "nothing that training reads\n"})
    found = [run_job(repository) for _ in range(times)][-1]
    assert (found.head_origin, found.base.origin) == ("same-inputs", "trained" if times == 1 else "found")
    out = reported(found, repository.path / ".ml-ci")
    assert names(found.head, out / "head.parquet")
    assert (out / "head.parquet").read_bytes() == (out / "base.parquet").read_bytes()


# -- an earlier job's


def test_an_earlier_jobs_predictions_are_forgotten(tmp_path: Path) -> None:
    for side in ("head", "base"):
        (tmp_path / f"{side}.parquet").write_bytes(parquet(wrong=1))
    write_output(result(run(BASE, loss=1.0), run(loss=2.0)), Presentation(), tmp_path)
    assert not list(tmp_path.glob("*.parquet"))
    (tmp_path / "head.parquet").write_bytes(parquet(wrong=1))
    write_output(failed("Training failed."), Presentation(), tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_what_is_not_what_a_record_names_is_not_this_jobs(tmp_path: Path) -> None:
    head, other = parquet(wrong=1), parquet(wrong=2)
    (tmp_path / "head.parquet").write_bytes(head)
    (tmp_path / "base.parquet").write_bytes(other)
    base = with_predictions(run(BASE, loss=1.0), parquet(wrong=3))
    write_output(result(base, with_predictions(run(loss=2.0), head)), Presentation(), tmp_path)
    assert (tmp_path / "head.parquet").read_bytes() == head
    assert not (tmp_path / "base.parquet").exists()
    assert read_record((tmp_path / "base.json").read_bytes(), "base.json").predictions is not None


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_link_or_a_pipe_in_their_place_goes(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(parquet())
    out = tmp_path / "out"
    out.mkdir()
    if kind == "link":
        (out / "head.parquet").symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(out / "head.parquet")
    write_output(result(None, with_predictions(run(loss=2.0), parquet())), Presentation(), out)
    assert not os.path.lexists(out / "head.parquet")
    assert (tmp_path / "secret").exists()
