"""Head's training, a stranger's code, runs before base's: it must not choose base's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_ci.errors import TrainingError
from ml_ci.sources.untouched import Untouched
from tests.action_job import Job
from tests.repository import WRITES_ACCURACY
from tests.test_action import job  # noqa: F401

CHEATS = """
import glob, json, os, time
pattern = os.environ["RUNNER_TEMP"] + "/ml-ci-*/ml-ci-base-*/*/train.py"
end = time.monotonic() + 60
while not glob.glob(pattern) and time.monotonic() < end:  # base is checked out meanwhile
    time.sleep(0.05)
for place in glob.glob(pattern):
    with open(place, "w") as file:
        file.write("import json; json.dump({'accuracy': 0.1}, open('metrics.json', 'w'))")
    os.utime(place, ns=(0, 0))
json.dump({"accuracy": 0.5}, open("metrics.json", "w"))
"""


def test_a_training_that_rewrites_bases_code_is_no_pass(job: Job, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "temp").mkdir()
    # other tests' runs, in the same MLflow, are not to be found in place of base's
    job.github.git.commit_files("main", {".ml-ci.yml": "baseline: train\n"})
    job.github.git.commit_files("feature", {"train.py": CHEATS}, on="main")
    pull = job.github.add_pull("feature")
    job.check_out(pull.merge_sha)
    event = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/1/merge",
        "RUNNER_TEMP": str(tmp_path / "temp"),
    }
    done = job.run({**event, "GITHUB_SHA": pull.merge_sha or ""}, job.github.pull_event(pull))

    assert (done.code, done.outputs["verdict"]) == (3, "error")
    assert "files that only the base's training uses were changed (train.py)" in done.log
    assert job.check().conclusion == "failure"


@pytest.mark.parametrize("change", ["written", "added", "removed", "replaced", "linked"])
def test_every_kind_of_change_is_seen(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "base"
    (folder / "deep").mkdir(parents=True)
    file = folder / "deep" / "train.py"
    file.write_text(WRITES_ACCURACY)
    watched = Untouched([folder])
    watched.check()
    match change:
        case "written":
            file.write_text(WRITES_ACCURACY[::-1])
        case "added":
            (folder / "sitecustomize.py").touch()
        case "removed":
            file.unlink()
        case "replaced":
            other = tmp_path / "other"
            other.write_text(WRITES_ACCURACY)
            other.replace(file)
        case _:
            (folder / "deep").rename(tmp_path / "deep")
            (folder / "deep").symlink_to(tmp_path / "deep")
    with pytest.raises(TrainingError, match="the base's numbers would be head's to choose"):
        watched.check()
