"""What must hold after a job that a fault met, and after the next run. Each function gives what does not hold, in words."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ml_ci.errors import MlCiError
from ml_ci.records import read_record
from ml_ci.sources.history import read_history
from tests.faults.scenarios import Place, Scenario

BRANCH = "refs/heads/ml-ci-data"
_RECORD = re.compile(r"records/([^/]+)/([0-9a-f]{40})\.json")
_CRASHES = ("Traceback (most recent call last)", "Exception ignored", "Exception in thread")


def of_the_job(scenario: Scenario, place: Place, code: int, log: Path) -> list[str]:
    """After a job that was not killed: the right verdict, or an error that says so, and no traceback."""
    text = log.read_text(errors="replace")
    verdict = place.outputs().get("verdict", "")
    wrong = [f"the log has {crash!r}" for crash in _CRASHES if crash in text]
    if (code, verdict) == (scenario.code, scenario.verdict):
        return wrong
    if verdict != "error" or code not in (3, 4):
        return [*wrong, f"exit code {code}, verdict {verdict!r}"]
    errors = re.findall(r"(?m)^::error[^:]*::(.*)$", text)
    if len(errors) != 1 or not errors[0].rstrip().endswith("."):
        wrong.append(f"not one sentence: {errors}")
    return wrong


def always(scenario: Scenario, place: Place) -> list[str]:
    """At any time: no record is torn. A second comment may be there only until the next run."""
    return _records(scenario, place)


def once_it_is_over(scenario: Scenario, place: Place) -> list[str]:
    """When the last run came to its end: one comment, no check left in progress, the record."""
    wrong = []
    if scenario.on_pull_request:
        comments = [each.body for each in place.github.comments() if each.body.startswith("<!-- ml_ci:comment")]
        checks = list(place.github.state.checks.values())
        if len(comments) != 1:
            wrong.append(f"{len(comments)} comments")
        wrong += [f"a check is {each.status}" for each in checks if each.status != "completed"]
        wrong += ["no check"] * (not checks)
        if checks and checks[-1].conclusion != ("success" if scenario.code == 0 else "failure"):
            wrong.append(f"the check says {checks[-1].conclusion}")
    elif f"records/default/{place.sha}.json" not in _files(place):
        wrong.append("the record is lost")
    return wrong


def _records(scenario: Scenario, place: Place) -> list[str]:
    """Every record parses, and is in the index, whose images are there; the index names none that is not there."""
    files = _files(place)
    wrong: list[str] = []
    records = {match[2] for path in files if (match := _RECORD.fullmatch(path))}
    if scenario.recorded and not scenario.shared and not records:
        wrong.append("the record that was there is lost")
    for commit in records:
        try:
            run = read_record(_content(place, f"records/default/{commit}.json"), commit)
        except MlCiError as error:
            wrong.append(f"a torn record: {error}")
            continue
        wrong += [f"an image is lost: {each.path}" for each in run.images if f"images/{each.sha256}.png" not in files]
    if records:
        index = {commit for commit, _ in json.loads(_content(place, "records/default/index.json"))}
        past = read_history(_content(place, "records/default/history.json"), "history.json")
        if not index == records == {each.commit for each in past}:
            wrong.append(f"{len(records)} records, {len(index)} in the index, {len(past)} in the history")
    return wrong


def _files(place: Place) -> set[str]:
    git = place.github.git
    if git.resolve(BRANCH) is None:
        return set()
    return {entry.path for entry in git.tree(BRANCH, recursive=True) if entry.kind == "blob"}


def _content(place: Place, path: str) -> bytes:
    return place.github.git.run("show", f"{BRANCH}:{path}")
