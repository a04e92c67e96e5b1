"""`action/image.sh` where there is no image to be had. Docker is a script here: no test may fill the engine's disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "action" / "image.sh"


def ask(folder: Path, docker: str, **variables: str) -> tuple[int, str, str, str]:
    """Exit code, standard output, the error annotation, and the step's outputs, with this shell script as `docker`."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(0o755)
    output = folder / "output"
    output.touch()
    done = subprocess.run(
        ["bash", SCRIPT],
        env={"PATH": f"{program.parent}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(output), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("::error")]
    return done.returncode, done.stdout, "".join(errors), output.read_text()


FULL = "write /var/lib/docker/tmp/GetImageBlob: no space left on device"


@pytest.mark.parametrize(
    ("docker", "variables"),
    [
        pytest.param(f'[ "$1" = build ] && echo "{FULL}" >&2; exit 1', {}, id="while it is built"),
        pytest.param(
            f'[ "$1" = pull ] && echo "{FULL}" >&2; exit 1', {"INPUT_IMAGE": "own:1"}, id="while it is pulled"
        ),
    ],
)
def test_no_space_for_the_image_is_said_with_what_to_do(tmp_path: Path, docker: str, variables: dict[str, str]) -> None:
    code, image, error, outputs = ask(tmp_path, docker, **variables)
    assert (code, image, outputs) == (4, "", "verdict=error\n")
    assert "since the Docker engine's disk is full: free space on it" in error


def test_an_image_that_is_nowhere_is_said_with_the_name_of_the_input(tmp_path: Path) -> None:
    code, image, error, _ = ask(tmp_path, "echo 'manifest unknown' >&2; exit 1", INPUT_IMAGE="own:1")
    assert (code, image) == (4, "")
    assert "The image 'own:1' can be neither pulled nor found here: check the input image" in error
    assert "disk" not in error


def test_one_that_cannot_be_pulled_but_is_here_is_taken(tmp_path: Path) -> None:
    code, image, error, _ = ask(tmp_path, '[ "$1" = image ]', INPUT_IMAGE="own:1")
    assert (code, image, error) == (0, "own:1\n", "")
