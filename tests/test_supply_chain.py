"""What comes from elsewhere is pinned, and `make lint` notices where it is not: actions, images, packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
GOOD = f"""\
name: good
on: push
permissions: {{}}
concurrency: {{group: good, cancel-in-progress: false}}
jobs:
  a:
    name: A
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read # the code
    steps:
      - uses: {CHECKOUT}
        with:
          persist-credentials: false
      - run: echo "$TITLE"
        env:
          TITLE: ${{{{ github.event.head_commit.message }}}}
"""
CHECKS = ("workflow-rules", "zizmor", "zizmor-examples")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """This repository, as far as its workflows are linted, with an empty history."""
    files = (".github", "scripts", "action.yml", "examples", "README.md")
    for name in files:
        (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(TOOLS)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def lint(house: Path, *checks: str) -> subprocess.CompletedProcess[str]:
    """`make lint`, of these checks only; without a token, so that nobody on the network is asked."""
    environment = {name: value for name, value in os.environ.items() if name != "GH_TOKEN"}
    command = [str(house / "scripts" / "lint.sh"), *checks]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_workflow_that_keeps_the_rules_is_let_through(house: Path) -> None:
    (house / ".github" / "workflows" / "good.yml").write_text(GOOD)
    (house / "examples" / "workflows" / "good.yml").write_text(GOOD)

    answer = lint(house, *CHECKS)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("folder", [".github/workflows", "examples/workflows", "examples/workflows/deeper"])
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (CHECKOUT, "actions/checkout@v6", "is not pinned"),
        (CHECKOUT, "actions/checkout@main # v6.0.2", "is not pinned"),
        (CHECKOUT, CHECKOUT.replace("de0fac2e45", "de0fac2"), "is not pinned"),
        (CHECKOUT, CHECKOUT.partition(" #")[0], "is not pinned"),
        (CHECKOUT, CHECKOUT.replace("@d", "@a"), "pinned in 2 ways"),
        (CHECKOUT, CHECKOUT.replace("v6.0.2", "v6.0.1"), "pinned in 2 ways"),
        (CHECKOUT, "OWNER/other@v1", "is not pinned"),
        ('"$TITLE"', "${{ github.event.head_commit.message }}", "has an expression in its script"),
        ('"$TITLE"', "${{ github.run_id }}", "has an expression in its script"),
        ("on: push", "on: pull_request_target", "pull_request_target"),
        ("on: push", "on: {push: , pull_request_target: }", "pull_request_target"),
        ("permissions: {}\n", "", "`permissions` of the whole file must be {}"),
        ("permissions: {}\n", "permissions: write-all\n", "`permissions` of the whole file must be {}"),
        ("    permissions:\n      contents: read # the code\n", "", "does not name its permissions"),
        ("    timeout-minutes: 5\n", "", "has no timeout-minutes"),
        ("persist-credentials: false", "fetch-depth: 2", "leaves the token in the checkout"),
        ("persist-credentials: false", 'persist-credentials: "true"', "leaves the token in the checkout"),
    ],
)
def test_a_workflow_that_breaks_a_rule_fails_the_lint(
    house: Path, folder: str, before: str, after: str, said: str
) -> None:
    path = house / folder / "bad.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(GOOD.replace(before, after, 1))

    answer = lint(house, "workflow-rules")

    assert answer.returncode == 1
    assert said in answer.stderr
    assert f"{folder}/bad.yml" in answer.stderr


def test_zizmor_finds_them_too(house: Path) -> None:
    for folder in (".github/workflows", "examples/workflows"):
        (house / folder / "bad.yml").write_text(GOOD.replace(CHECKOUT, "actions/checkout@v6"))

    answer = lint(house, "zizmor", "zizmor-examples")

    assert answer.returncode == 1
    assert answer.stdout.count("error[unpinned-uses]") == 2
    assert "lint: failed: zizmor zizmor-examples" in answer.stderr


def test_what_readme_shows_is_held_to_the_same_pins(house: Path) -> None:
    readme = house / "README.md"
    readme.write_text(readme.read_text().replace("actions/checkout@de0f", "actions/checkout@0000"))

    answer = lint(house, "workflow-rules")

    assert answer.returncode == 1
    assert "README.md:" in answer.stderr


def test_a_check_that_does_not_exist_is_an_error_and_not_a_pass(house: Path) -> None:
    assert lint(house, "workflow-rule").returncode == 2


def test_where_no_vulnerability_service_answers_it_is_said_in_one_line(tmp_path: Path) -> None:
    """pip-audit itself calls an index that knows nothing a success."""
    where = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **where}
    command = [sys.executable, str(TOP / "scripts" / "audit.py")]
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "pip-audit: not run: no vulnerability service answers here.\n"


# --- the image


def test_the_image_is_built_from_hashes_and_from_debians_packages_only() -> None:
    text = (TOP / "Dockerfile").read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("RUN ")]
    installs = [
        part for line in commands for part in line.split("&&") if re.search(r"\b(pip|uv) .*\b(install|sync)\b", part)
    ]

    assert len(installs) == 2
    assert [part for part in installs if "--require-hashes" not in part] == []
    assert not re.search(r"(?m)^ADD |curl +-|wget |https?://", text)
    # a release hands in its base by digest, and there is no other one
    assert set(re.findall(r"(?m)^FROM (\S+)", text)) == {"${BASE}"}


FAKE_DOCKER = """#!/usr/bin/env bash
# A registry that knows one base by its digest, and what is pushed by another.
echo "$*" >>"$CALLS"
case "$*" in
*RepoDigests*python:*) echo "python@sha256:$(printf 'b%.0s' {1..64})" ;;
*RepoDigests*) echo "ghcr.io/octo/ml-ci@sha256:$(printf 'a%.0s' {1..64})" ;;
esac
"""


def test_a_release_builds_on_the_bases_digest_and_pins_its_own(tmp_path: Path) -> None:
    """Docker's registry is not to be had here, so a program that writes down what it is asked stands in for docker."""
    (tmp_path / "docker").write_text(FAKE_DOCKER)
    (tmp_path / "docker").chmod(0o755)
    output, calls = tmp_path / "output", tmp_path / "calls"
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "octo/ml-ci",
    }
    script = TOP / "scripts" / "release-image.sh"
    subprocess.run([script, "ghcr.io/octo/ml-ci", "1.2.3"], env=variables, check=True)

    (build,) = [line for line in calls.read_text().splitlines() if line.startswith("build ")]
    assert f"--build-arg BASE=python@sha256:{'b' * 64} " in build
    assert output.read_text() == f"name=ghcr.io/octo/ml-ci\ndigest=sha256:{'a' * 64}\n"


def test_the_release_attests_what_it_has_pushed_and_pins_the_same() -> None:
    steps = yaml.safe_load((TOP / ".github" / "workflows" / "release.yml").read_text())["jobs"]["image"]["steps"]
    digest = "${{ steps.push.outputs.digest }}"
    (attest,) = [step for step in steps if step.get("uses", "").startswith("actions/attest-build-provenance@")]
    (pin,) = [step for step in steps if "release-pin.sh" in step.get("run", "")]

    assert attest["with"]["subject-digest"] == pin["env"]["DIGEST"] == digest
    assert steps.index(attest) < steps.index(pin)
