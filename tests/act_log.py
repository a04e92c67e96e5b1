"""What a job left, by `act`'s own log: outputs, summary, annotations, and the workspace as it was afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What a step says to whoever looks at the job's page."""

    level: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class JobLog:
    """What is left of a job. `sha` was its GITHUB_SHA; `kept` is the workspace as it was after ml-ci's step.

    `artifacts` is the folder of what was uploaded, by name.
    """

    ok: bool
    sha: str
    text: str
    outputs: Mapping[str, str]
    summary: str
    annotations: tuple[Annotation, ...]
    seconds: float
    kept: Path
    artifacts: Path

    @property
    def not_ours(self) -> tuple[str, ...]:
        """Files that the job left in the workspace or the cache, and that are not the runner's own."""
        return _lines(self.kept.parent / "not-ours.txt")

    @property
    def not_removed(self) -> tuple[str, ...]:
        """Files that the runner could not remove from the workspace."""
        return _lines(self.kept.parent / "not-removed.txt")

    @property
    def result(self) -> Mapping[str, object]:
        """result.json."""
        found: Mapping[str, object] = json.loads((self.kept / ".ml-ci" / "result.json").read_text())
        return found

    def artifact(self, name: str) -> set[str]:
        """The files of an artifact."""
        folder = self.artifacts / name
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def side(self, name: Literal["base", "head"]) -> dict[str, object]:
        """What result.json says of one side."""
        side = self.result[name]
        assert isinstance(side, dict)
        return side

    def rows(self) -> list[dict[str, object]]:
        """The metrics of result.json."""
        rows = self.result["metrics"]
        assert isinstance(rows, list)
        return rows


def read_log(done: subprocess.CompletedProcess[str], sha: str, seconds: float, kept: Path) -> JobLog:
    """The job by act's own log, one JSON object a line."""
    text, outputs, summary, annotations = [], {}, "", []
    for line in done.stdout.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            text.append(line)
            continue
        text.append(str(entry.get("msg", "")).rstrip("\n"))
        of_action = entry.get("stepID") == ["ml-ci"]
        match entry.get("command"):
            case "set-output" if of_action:
                outputs[entry["name"]] = entry["arg"]
            case "summary" if entry.get("stepID", [])[:1] == ["ml-ci"]:  # one of the action's own steps
                summary += entry["content"]
            case "error" | "warning" | "notice" as level:
                title = entry.get("kvPairs", {}).get("title", "")
                annotations.append(Annotation(level=level, title=title, text=entry["arg"]))
    return JobLog(
        ok=done.returncode == 0,
        sha=sha,
        text="\n".join([*text, done.stderr]),
        outputs=outputs,
        summary=summary,
        annotations=tuple(annotations),
        seconds=seconds,
        kept=kept / "workspace",
        artifacts=kept / "artifacts",
    )


def _lines(file: Path) -> tuple[str, ...]:
    assert file.exists(), "the workflow's last step did not run"
    return tuple(file.read_text().splitlines())
