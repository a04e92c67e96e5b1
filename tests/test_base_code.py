"""Base is trained with base's code, whatever the caller's environment leads to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunJob
from tests.repository import Repository, clean_variables

CONFIG = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
USES_PACKAGE = """
import json
from churn.model import ACCURACY
with open("metrics.json", "w") as file:
    json.dump({"accuracy": ACCURACY}, file)
"""
USES_VARIABLE = """
import json, os, pathlib
accuracy = float(pathlib.Path(os.environ["SETTINGS"], "accuracy.txt").read_text())
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": accuracy}))
"""


def with_a_package(path: Path, package: str) -> Repository:
    """A package in the folder `package`, whose accuracy falls from 0.9 to 0.5 on the branch."""
    model = f"{package}/model.py"
    files = {
        "train/run.py": USES_PACKAGE,
        f"{package}/__init__.py": "",
        model: "ACCURACY = 0.9\n",
        ".ml-ci.yml": CONFIG + "train: python train/run.py\n",
        ".gitignore": "metrics.json\n__pycache__/\n*.egg-info/\n",
    }
    repository = Repository.create(path, files)
    repository.branch("change").commit({model: "ACCURACY = 0.5\n"})
    return repository


def test_a_pythonpath_into_the_working_tree_leads_into_the_base_for_the_base(tmp_path: Path, run_job: RunJob) -> None:
    repository = with_a_package(tmp_path / "repo", "src/churn")
    result = run_job(repository, variables={"PYTHONPATH": f"/nowhere{os.pathsep}{repository.path / 'src'}"})
    assert result.verdict == "fail", result.decision


def test_a_link_to_the_working_tree_is_seen_through(tmp_path: Path, run_job: RunJob) -> None:
    repository = with_a_package(tmp_path / "repo", "src/churn")
    (tmp_path / "link").symlink_to(repository.path)
    result = run_job(repository, variables={"PYTHONPATH": str(tmp_path / "link" / "src")})
    assert result.verdict == "fail", result.decision


def test_any_variable_that_names_a_folder_of_the_repository_names_the_bases(tmp_path: Path, run_job: RunJob) -> None:
    files = {
        "train.py": USES_VARIABLE,
        "conf/accuracy.txt": "0.9",
        ".ml-ci.yml": CONFIG,
        ".gitignore": "metrics.json\n",
    }
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({"conf/accuracy.txt": "0.5"})
    result = run_job(repository, variables={"SETTINGS": str(repository.path / "conf")})
    assert result.verdict == "fail", result.decision


@pytest.mark.parametrize("package", ["churn", "src/churn"])
def test_an_editable_install_of_the_working_tree_is_the_bases_for_the_base(
    tmp_path: Path, run_job: RunJob, package: str
) -> None:
    """setuptools makes a finder for a package at the top, and a `.pth` for one in `src`."""
    repository = with_a_package(tmp_path / "repo", package)
    root = tmp_path / "venv"
    uv(tmp_path, "venv", "--quiet", "--python", sys.executable, str(root))
    project = '[project]\nname = "churn"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\n'
    where = "" if package == "churn" else '[tool.setuptools.packages.find]\nwhere = ["src"]\n'
    packages = '[tool.setuptools]\npackages = ["churn"]\n' if package == "churn" else where
    (repository.path / "pyproject.toml").write_text(project + 'build-backend = "setuptools.build_meta"\n' + packages)
    uv(tmp_path, "pip", "install", "--quiet", "--python", str(root / "bin/python"), "-e", str(repository.path))
    variables = {"VIRTUAL_ENV": str(root), "PATH": f"{root / 'bin'}{os.pathsep}{clean_variables()['PATH']}"}
    result = run_job(repository, variables=variables)
    assert result.verdict == "fail", result.decision


def uv(folder: Path, *arguments: str) -> None:
    """uv, as ml-ci has it."""
    from uv import find_uv_bin

    subprocess.run([find_uv_bin(), *arguments], cwd=folder, env=clean_variables(), check=True)
