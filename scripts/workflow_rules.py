"""Rules of the house for whatever GitHub runs, beyond those of actionlint and zizmor.

    workflow_rules.py [FOLDER]

looks at action.yml, .github/workflows, examples and the workflows that README and docs show. It ends with 1 if one breaks a
rule:

- Every `uses:` is pinned by a full SHA with its version beside it, and an action has one SHA and one version everywhere.
  Only `OWNER/ml-ci`, which is us, may stand with a major version, and only where users copy from.
- No `${{ }}` in a script, no `pull_request_target`.
- A workflow file gives no permissions to all of its jobs; a job names its own and has a time limit; no checkout leaves its token.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import yaml

PINNED = re.compile(r"(?P<action>[\w./-]+)@(?P<sha>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)")
OURS = re.compile(r"OWNER/ml-ci@(v\d+|[0-9a-f]{40} # v\d+\.\d+\.\d+)")
USES = re.compile(r"^\s*(?:- )?uses:\s*(.+?)\s*$")
SHORTEST = "examples/quickstart/.github/workflows/ml-ci.yml"
"""README shows it; a time limit would be one more thing to read."""


Step = TypedDict("Step", {"uses": str, "run": str, "with": dict[str, object]}, total=False)
Steps = TypedDict("Steps", {"permissions": object, "timeout-minutes": object, "steps": list[Step]}, total=False)


class Workflow(TypedDict, total=False):
    """A workflow file, or an action's."""

    on: object
    permissions: object
    jobs: dict[str, Steps]
    runs: Steps


def main(top: Path) -> int:
    """Print what is wrong; returns the exit code."""
    workflows = sorted([*top.glob(".github/workflows/*.y*ml"), *_examples(top)])
    actions = sorted(top.glob("**/action.y*ml")) if (top / "action.yml").exists() else []
    actions = [path for path in actions if ".venv" not in path.parts]
    shown = sorted([*top.glob("*.md"), *top.glob("docs/*.md"), *top.glob("examples/**/*.md")])
    wrong = [*_pins(top, [*workflows, *actions, *shown])]
    for path in workflows:
        wrong += [f"{path.relative_to(top)}: {what}" for what in _of_workflow(path, top)]
    for path in actions:
        wrong += [f"{path.relative_to(top)}: {what}" for what in _of_steps(_document(path).get("runs", {}))]
    for line in wrong:
        print(line, file=sys.stderr)
    if not workflows:
        print(f"no workflow in {top}", file=sys.stderr)
    return 1 if wrong or not workflows else 0


def _examples(top: Path) -> Iterator[Path]:
    yield from top.glob("examples/workflows/**/*.y*ml")
    yield from top.glob("examples/*/.github/workflows/*.y*ml")


def _pins(top: Path, files: list[Path]) -> Iterator[str]:
    """What is not pinned, and what is pinned in two ways."""
    pins: dict[str, dict[str, str]] = defaultdict(dict)
    for path in files:
        ours_may_move = path.suffix == ".md" or "examples" in path.relative_to(top).parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            uses = USES.match(line)
            if not uses or (ours_may_move and OURS.match(uses[1])):
                continue
            where, pin = f"{path.relative_to(top)}:{number}", PINNED.fullmatch(uses[1])
            if pin is None:
                yield f"{where}: `uses: {uses[1]}` is not pinned; write `ACTION@SHA # vX.Y.Z`, with all 40 digits"
            else:
                pins[pin["action"]][f"{pin['sha']} # {pin['version']}"] = where
    for action, found in sorted(pins.items()):
        if len(found) > 1:
            places = ", ".join(f"{pin} ({where})" for pin, where in sorted(found.items()))
            yield f"{action} is pinned in {len(found)} ways: {places}"


def _of_workflow(path: Path, top: Path) -> Iterator[str]:
    document = _document(path)
    on = document.get("on")
    if "pull_request_target" in (on if isinstance(on, dict | list) else [on]):
        yield "it runs on pull_request_target, which gives a stranger's pull request a token that can write"
    if document.get("permissions") != {}:
        yield "`permissions` of the whole file must be {}: each job names its own"
    for name, job in document.get("jobs", {}).items():
        if not isinstance(job.get("permissions"), dict):
            yield f"job {name} does not name its permissions one by one"
        if "timeout-minutes" not in job and str(path.relative_to(top)) != SHORTEST:
            yield f"job {name} has no timeout-minutes"
        yield from (f"job {name}: {what}" for what in _of_steps(job))


def _of_steps(job: Steps) -> Iterator[str]:
    for number, step in enumerate(job.get("steps", []), start=1):
        if "${{" in step.get("run", ""):
            yield f"step {number} has an expression in its script; hand it over by `env:`"
        keeps = str(step.get("with", {}).get("persist-credentials", True)).lower() != "false"
        if step.get("uses", "").startswith("actions/checkout@") and keeps:
            yield f"step {number} leaves the token in the checkout; set `persist-credentials: false`"


def _document(path: Path) -> Workflow:
    # not YAML 1.1, which reads the key `on` as a boolean
    loaded: Workflow = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only
    return loaded


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
