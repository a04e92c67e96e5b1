"""What the action uploads: files that ml-ci wrote, by the names that its own documents have, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture

from ml_ci.records import KeptPredictions
from ml_ci.report.files import write_models, write_output
from ml_ci.report.presentation import Presentation
from ml_ci.sources.archive import LARGEST_PARQUET, MOST_ENTRIES
from tests.runs import BASE, result, run

SCRIPT = Path(__file__).parents[1] / "action" / "artifact.sh"
NAME = "ml-ci-default"
PARQUET = b"the predictions"
HANDED_OVER = {"result.json", "head.json", "base.json", "head.parquet", "base.parquet", "report.md", "report.html"}


def reported(out: Path, key: str = "default") -> str:
    """An output folder as ml-ci writes it, with predictions and an image; returns the image's SHA-256."""
    out.mkdir(parents=True)
    picture = out / "picture.png"
    Picture.new("RGB", (4, 4), "red").save(picture)
    sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
    (out / "images").mkdir()
    picture.rename(out / "images" / f"{sha256}.png")
    for side in ("head", "base"):
        (out / f"{side}.parquet").write_bytes(PARQUET)
    kept = KeptPredictions(sha256=hashlib.sha256(PARQUET).hexdigest(), rows=1)
    base, head = (
        replace(found, key=key, predictions=kept)
        for found in (run(BASE, loss=[3, 2]), run(loss=[3, 1], images={"a.png": sha256}))
    )
    images = {sha256: out / "images" / f"{sha256}.png"}
    write_output(result(base, head, images=images), Presentation(version="1"), out)
    return sha256


def gathered(tmp_path: Path, path: str = "/usr/bin:/bin") -> tuple[dict[str, bytes], str, str]:
    """The artifact's files, the step's outputs, and what it printed."""
    (tmp_path / "output").write_text("")
    variables = {
        "PATH": path,
        "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "ML_CI_ARTIFACT": NAME,
    }
    done = subprocess.run(["bash", SCRIPT], env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "temp" / "ml-ci" / "artifact"
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    files = {
        path.relative_to(folder / NAME).as_posix(): path.read_bytes()
        for path in (folder / NAME).rglob("*")
        if path.is_file()
    }
    return files, (tmp_path / "output").read_text(), done.stdout


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / ".ml-ci"


def test_an_artifact_holds_what_a_reader_and_a_trusted_job_need(tmp_path: Path, out: Path) -> None:
    sha256 = reported(out)

    files, outputs, _ = gathered(tmp_path)

    plots = {"curves.png", "curves-dark.png", "image-a.png"}
    assert set(files) == HANDED_OVER | {f"images/{sha256}.png"} | {f"plots/{name}" for name in plots}
    assert files["head.parquet"] == PARQUET
    folder = tmp_path / "temp" / "ml-ci" / "artifact" / NAME
    assert outputs == f"folder={folder}\npage={folder}.html\n"
    assert folder.with_suffix(".html").read_bytes() == files["report.html"]


def test_neither_logs_nor_stores_nor_what_training_left_is_in_it(tmp_path: Path, out: Path) -> None:
    reported(out)
    before = set(gathered(tmp_path)[0])
    for name in (
        *("train-head.log", "mlflow/report.html", "records/default/head.json", "notes.txt", "plots/secret.png"),
        *(f"images/{'0' * 64}.png", "images/x.png", "other/head.json", "other/report.html", "report.html.bak"),
    ):
        (out / name).parent.mkdir(exist_ok=True, parents=True)
        (out / name).write_text("not ml-ci's")

    assert set(gathered(tmp_path)[0]) == before


def test_of_several_models_each_has_its_folder(tmp_path: Path, out: Path) -> None:
    presentation, parts = Presentation(version="1"), []
    for key in ("churn", "fraud"):
        found = replace(result(run(BASE, loss=[3, 2]), replace(run(loss=[3, 1]), key=key)), key=key)
        parts.append(write_output(found, presentation, out / key))
    write_models("default", parts, presentation, out)
    (out / "old").mkdir()
    (out / "old" / "head.json").write_text("an earlier job's")

    files, _, _ = gathered(tmp_path)

    own = {"result.json", "head.json", "base.json", "report.md", "report.html", "plots/curves.png"}
    own |= {"plots/curves-dark.png"}
    whole = {"result.json", "report.md", "report.html"}
    assert set(files) == whole | {f"{key}/{name}" for key in ("churn", "fraud") for name in own}


@pytest.mark.parametrize(
    "place", ["head.json", "head.parquet", "report.html", "images", "plots", "plots/curves.png", "result.json"]
)
def test_no_link_that_training_left_leads_into_it(tmp_path: Path, out: Path, place: str) -> None:
    reported(out)
    elsewhere = tmp_path / "secret"
    (out / place).rename(elsewhere)
    (out / place).symlink_to(elsewhere)

    files, _, _ = gathered(tmp_path)

    assert not [name for name in files if name == place or name.startswith(f"{place}/")]


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path, out: Path) -> None:
    reported(tmp_path / "elsewhere")
    out.parent.mkdir()
    out.symlink_to(tmp_path / "elsewhere")
    assert gathered(tmp_path)[:2] == ({}, "")


def test_a_models_folder_that_is_a_link_is_not_entered(tmp_path: Path, out: Path) -> None:
    found = replace(result(run(BASE, loss=[3, 2]), replace(run(loss=[3, 1]), key="churn")), key="churn")
    part = write_output(found, Presentation(), out / "churn")
    write_models("default", [part], Presentation(), out)
    (out / "churn").rename(tmp_path / "elsewhere")
    (out / "churn").symlink_to(tmp_path / "elsewhere")
    assert set(gathered(tmp_path)[0]) == {"result.json", "report.md", "report.html"}


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path, out: Path) -> None:
    reported(out)
    (out / "head.json").unlink()
    os.mkfifo(out / "head.json")
    assert "head.json" not in gathered(tmp_path)[0]


def test_a_file_that_becomes_a_link_while_it_is_copied_is_not_followed(tmp_path: Path, out: Path) -> None:
    """`cp` is stood in for by one that changes the file first, as a process that training left behind could."""
    reported(out)
    (tmp_path / "secret").write_text("secret")
    own = tmp_path / "bin" / "cp"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\n[ "$2" != ./head.json ] || ln -sf {tmp_path / "secret"} head.json\nexec /bin/cp "$@"\n')
    own.chmod(0o755)
    files, _, _ = gathered(tmp_path, f"{own.parent}:/usr/bin:/bin")
    assert "head.json" not in files
    assert "base.json" in files
    assert b"secret" not in files.values()


def test_a_name_of_a_plot_that_leads_elsewhere_is_none(tmp_path: Path, out: Path) -> None:
    reported(out)
    (out / "x.png").write_text("not a plot")
    document = json.loads((out / "result.json").read_text())
    document["plots"] = [{"name": "x", "path": path, "alt": ""} for path in ("plots/../x.png", "/etc/x.png", "x.png")]
    document["warnings"] = ['"path": "plots/secret.png"', '\n      "key": "images",\n']
    (out / "result.json").write_text(json.dumps(document, indent=2))
    (out / "plots" / "secret.png").write_text("secret")
    assert not [name for name in gathered(tmp_path)[0] if "secret" in name or name.endswith("/x.png")]


def test_what_is_too_large_for_the_job_that_publishes_stays_behind_and_it_is_said(tmp_path: Path, out: Path) -> None:
    reported(out)
    with (out / "head.parquet").open("r+b") as file:
        file.truncate(LARGEST_PARQUET + 1)
    files, outputs, printed = gathered(tmp_path)
    assert "head.parquet" not in files
    assert "base.parquet" in files
    assert "folder=" in outputs
    assert printed.startswith("::warning title=ml-ci::")


def test_the_script_takes_no_more_than_the_job_that_publishes_reads() -> None:
    text = SCRIPT.read_text()
    assert f"largest={LARGEST_PARQUET} most_bytes=95000000 most_files=2000" in text
    assert MOST_ENTRIES >= 2000


def test_without_a_result_there_is_no_artifact(tmp_path: Path, out: Path) -> None:
    (tmp_path / "workspace").mkdir()
    assert gathered(tmp_path)[:2] == ({}, "")
    reported(out)
    (out / "result.json").unlink()  # it is written last: the job was ended before
    assert gathered(tmp_path)[1] == ""
    shutil.rmtree(out)
    assert gathered(tmp_path)[:2] == ({}, "")
