"""The workflows that `act` runs: the example's, with what a test wants of it, and stand-ins for GitHub's own actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.repository import WRITES_ACCURACY

TOP = Path(__file__).parents[1]
EXAMPLE = TOP / "examples/quickstart/.github/workflows/ml-ci.yml"

TRAIN = "train: python3 train.py\n"
CONFIG = TRAIN + "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
FILES = {"train.py": WRITES_ACCURACY, ".ml-ci.yml": CONFIG, ".gitignore": "metrics.json\nseen.json\n"}
"""A repository whose training writes what params.yaml says, and its configuration."""

CHECKOUT = """
name: checkout
inputs: {fetch-depth: {default: "1"}, persist-credentials: {default: "true"}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {DEPTH: "${{ inputs.fetch-depth }}"}
      run: |
        git init --quiet --initial-branch=main .
        git remote add origin "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"
        options=(--no-tags --prune --no-recurse-submodules)
        [ "$DEPTH" = 0 ] || options+=("--depth=$DEPTH")
        git fetch --quiet "${options[@]}" origin "+$GITHUB_SHA:refs/remotes/${GITHUB_REF#refs/}"
        git checkout --quiet --force "refs/remotes/${GITHUB_REF#refs/}"
"""
"""What actions/checkout does with these inputs, without Node's packages."""

CACHE = """
name: cache
inputs: {path: {default: ""}, key: {default: ""}, restore-keys: {default: ""}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {KEY: "${{ inputs.key }}"}
      run: echo "cache key $KEY"
"""
"""actions/cache that never has anything: every job is the first one, but for what stays in the runner's HOME."""

UPLOAD = """
name: upload-artifact
inputs:
  name: {default: artifact}
  path: {required: true}
  archive: {default: "true"}
  overwrite: {default: "false"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: "${{ inputs.name }}"
        SOURCE: "${{ inputs.path }}"
        ARCHIVE: "${{ inputs.archive }}"
        OVERWRITE: "${{ inputs.overwrite }}"
      run: |
        target=$KEPT/artifacts/$NAME
        [ "$ARCHIVE" = true ] || target=$KEPT/artifacts/$(basename "$SOURCE")
        mkdir -p "$KEPT/artifacts"
        [ ! -e "$target" ] || [ "$OVERWRITE" = true ]
        rm -rf "$target"
        cp -r "$SOURCE" "$target"
"""
"""actions/upload-artifact: a folder under its name, or without an archive a file under its own; names are unique."""

KEEP = """
        find "$GITHUB_WORKSPACE" "$HOME/.cache/ml-ci" ! -user "$(id -u)" >"$KEPT/not-ours.txt"
        cp -r . "$KEPT/workspace"
        find . -mindepth 1 -delete
        find . -mindepth 1 >"$KEPT/not-removed.txt"
"""


def accuracy(value: float) -> dict[str, str]:
    """The change that gives the model this accuracy."""
    return {"params.yaml": f"accuracy: {value}\n"}


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A workflow with ml-ci in it, and a step after it that keeps what the test wants to see.

    `inputs` are the action's. `steps` go before ml-ci. `variables` are the step's own, as a user gives it secrets.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def render(self) -> str:
        """The file's content: of the example's workflow, the step of ml-ci with these inputs and a step after it."""
        document = yaml.safe_load(EXAMPLE.read_text())
        # YAML 1.1 reads the key `on` as a boolean
        del document[True]
        document["on"] = ["pull_request", "push", "merge_group", "schedule"]
        steps = document["jobs"]["ml-ci"]["steps"]
        steps[-1] |= {"id": "ml-ci"}
        if self.inputs:
            steps[-1]["with"] = dict(self.inputs)
        if self.variables:
            steps[-1]["env"] = dict(self.variables)
        steps.append({"if": "always()", "shell": "bash", "run": KEEP})
        return yaml.safe_dump(document, sort_keys=False)


def used_actions(*files: Path) -> list[str]:
    """What the steps of these workflows, or of these actions, say after `uses:`."""
    return [step["uses"] for file in files for step in _steps(file) if "uses" in step]


def _steps(file: Path) -> list[dict[str, str]]:
    document = yaml.safe_load(file.read_text())
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]
