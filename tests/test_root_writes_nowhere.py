"""Where the job is root and training is not, nothing that training may bring about is done with root's rights."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_ci.errors import OutsideError
from ml_ci.sources import requirements
from ml_ci.sources.dvc_settings import cache_folder, write_local_settings
from ml_ci.sources.process import Owner

OTHER = Owner(4343, 4343)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the other user's, which pytest's own are closed to."""
    path = Path(tempfile.mkdtemp(prefix="ml-ci-test-", dir="/var/tmp"))
    os.chown(path, OTHER.uid, OTHER.gid)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A file that only root may read and write."""
    file = tmp_path / "roots"
    file.write_text("root's")
    file.chmod(0o600)
    return file


def untouched(file: Path) -> bool:
    return file.read_text() == "root's" and file.stat().st_uid == 0


def test_dvcs_settings_for_base_are_not_written_through_a_link_that_heads_training_left(
    folder: Path, closed: Path
) -> None:
    for side in ("head", "base"):
        (folder / side / ".dvc").mkdir(parents=True)
        os.chown(folder / side / ".dvc", OTHER.uid, OTHER.gid)
    (folder / "base" / ".dvc" / "config.local").symlink_to(closed)
    with pytest.raises(OutsideError, match=r"could not be written as its owner"):
        write_local_settings(folder / "head", folder / "base", folder / "cache", OTHER)
    assert untouched(closed)


@pytest.mark.parametrize("name", ["config", "config.local"])
def test_dvcs_settings_are_not_read_through_a_link_to_what_only_root_may_read(
    folder: Path, closed: Path, name: str
) -> None:
    """What is read is written for base, where training may read it."""
    closed.write_text("['remote \"r\"']\npassword = root's\n")
    for side in ("head", "base"):
        (folder / side / ".dvc").mkdir(parents=True)
        for made in (folder / side, folder / side / ".dvc"):
            os.chown(made, OTHER.uid, OTHER.gid)
    (folder / ("head" if name == "config.local" else "base") / ".dvc" / name).symlink_to(closed)
    with pytest.raises(OutsideError, match="may not read"):
        write_local_settings(folder / "head", folder / "base", folder / "cache", OTHER)
    assert not (folder / "base" / ".dvc" / "config.local").exists()


def test_a_pipe_in_place_of_dvcs_settings_is_not_waited_for(folder: Path) -> None:
    (folder / ".dvc").mkdir()
    os.mkfifo(folder / ".dvc" / "config")
    with pytest.raises(OutsideError, match="no settings file"):
        cache_folder(folder)


def test_requirements_are_not_rewritten_through_a_link_that_the_environments_build_left(
    folder: Path, closed: Path
) -> None:
    file = folder / "requirements.txt"
    file.write_bytes("numpy\n".encode("utf-16"))
    (folder / "requirements-0.txt").symlink_to(closed)
    with pytest.raises(OutsideError, match=r"could not be written as its owner"):
        requirements.rewritten(file, folder, OTHER)
    assert untouched(closed)
