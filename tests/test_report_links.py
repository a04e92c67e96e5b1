"""Links that training left in the output folder: nothing is written to where they lead, and nothing is shown of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci.errors import OutsideError
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.result import OwnReport
from tests.runs import BASE, result, run

COMPARED = result(run(BASE, loss=[3, 2, 1]), run(loss=[3, 2, 0.5]))


def test_a_plot_is_not_written_to_where_a_link_in_its_place_leads(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / "out" / "plots").mkdir(parents=True)
    for name in ("curves.png", "curves-dark.png"):
        (tmp_path / "out" / "plots" / name).symlink_to(tmp_path / "theirs")
    write_output(COMPARED, Presentation(), tmp_path / "out")
    assert (tmp_path / "theirs").read_text() == "kept"


def test_a_folder_of_plots_that_is_a_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "plots").symlink_to(tmp_path / "theirs")
    with pytest.raises(OutsideError, match="its folder for plots is a link"):
        write_output(COMPARED, Presentation(), tmp_path / "out")


def test_an_image_of_the_report_that_became_a_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("TOKEN")
    (tmp_path / "a.png").symlink_to(tmp_path / "secret")
    report = OwnReport(path="r.md", text="![a](a.png)", images={"a.png": tmp_path / "a.png"})
    with pytest.raises(OutsideError):
        write_output(replace(COMPARED, report=report), Presentation(), tmp_path / "out")
