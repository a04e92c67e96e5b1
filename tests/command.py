"""The real `ml-ci` command, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import cache_folder
from tests.repository import clean_variables

TOP = Path(__file__).parent.parent
SCRIPT = Path(sys.executable).with_name("ml-ci")
COMMAND = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-P", "-c", "from ml_ci.cli import main; main()"]


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a person at a terminal, who has nothing set that ml-ci would read."""
    cleaned = {"ML_CI_CACHE": str(cache_folder()), "PYTHONPATH": str(TOP), "COLUMNS": "200", **clean_variables()}
    return cleaned | dict(more or {})


def ml_ci(
    *arguments: str, folder: Path, more: Mapping[str, str] | None = None, mlflow: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `ml-ci ARGUMENTS` in `folder` to its end; `mlflow` is a server to use, in place of one of its own."""
    own = {"MLFLOW_TRACKING_URI": mlflow} if mlflow else {}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=variables({**own, **(more or {})}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def start(*arguments: str, folder: Path, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `ml-ci ARGUMENTS` in a process group of its own, its output in the file `ml-ci.output` beside `folder`."""
    with (folder.parent / "ml-ci.output").open("ab") as output:
        return subprocess.Popen(
            # as a shell at a terminal does; whoever runs the tests may have had SIGINT ignored
            ["env", "--default-signal=INT,TERM,HUP", *COMMAND, *arguments],
            cwd=folder,
            # so that SIGABRT tells where one that does not end has got to
            env=variables({"PYTHONFAULTHANDLER": "1", **(more or {})}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            text=True,
        )


def own_key(folder: Path) -> str:
    """A line of configuration: a key that no other test has, where tests share an MLflow server."""
    return f"key: t{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}\n"


def strict(text: str) -> dict[str, object]:
    """The JSON object that is the whole of the text; NaN and infinities are no JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    document = json.loads(text, parse_constant=refuse)
    assert isinstance(document, dict)
    return document
