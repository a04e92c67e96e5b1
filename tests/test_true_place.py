"""Which files are the repository's to publish, when links and DVC's settings, which are anybody's, say where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_ci.sources.dvc_plots import read_plots
from ml_ci.sources.true_place import is_own

OBJECT = "ab/" + "0" * 30


def linked(top: Path, target: Path) -> Path:
    """A link in the repository to a file, which is made where there is none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    link = top / "link.csv"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.mark.parametrize(
    "name", [OBJECT, f"files/md5/{OBJECT}", f"files/md5/{OBJECT}.dir", f"files/sha256/ab/{'0' * 62}"]
)
def test_what_dvc_keeps_in_its_cache_is_the_repositorys(tmp_path: Path, name: str) -> None:
    assert is_own(linked(tmp_path / "repo", tmp_path / "cache" / name), tmp_path / "repo", [tmp_path / "cache"])


@pytest.mark.parametrize("name", ["1/environ", ".ssh/id_rsa", "files/md5/ab/secret", f"{OBJECT}/more", "token"])
def test_other_files_of_what_is_said_to_be_dvcs_cache_are_not(tmp_path: Path, name: str) -> None:
    assert not is_own(linked(tmp_path / "repo", tmp_path / "home" / name), tmp_path / "repo", [tmp_path / "home"])


def test_a_link_that_is_called_as_in_the_cache_is_followed_further(tmp_path: Path) -> None:
    link = linked(tmp_path / "repo", tmp_path / "secret")
    between = tmp_path / "cache" / OBJECT
    between.parent.mkdir(parents=True)
    link.rename(between)
    assert not is_own(linked(tmp_path / "repo", between), tmp_path / "repo", [tmp_path / "cache"])


@pytest.mark.parametrize("folder", [".git", ".GIT", ".ml-ci"])
def test_gits_own_folder_and_ours_are_not_the_repositorys(tmp_path: Path, folder: str) -> None:
    assert not is_own(linked(tmp_path, tmp_path / folder / "config"), tmp_path)


def test_no_environment_is_drawn_where_a_pull_request_says_that_dvcs_cache_is_proc(tmp_path: Path) -> None:
    """The job's own environment has the token."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[cache]\n    dir = /proc\n")
    form = 'plots:\n  - secret.csv: {x: "0", y: "0", template: confusion, header: false}\n'
    (tmp_path / "dvc.yaml").write_text(form)
    (tmp_path / "secret.csv").symlink_to("/proc/self/environ")
    assert read_plots(tmp_path, tmp_path, lambda _: True)[0] == ()
