"""A fork's regression that somebody with write access accepts: the job that publishes lets it through, and says who did."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.publishing import Fork
from tests.test_publish import WORSE, body, fork  # noqa: F401

PUSHED, LABELED = "2026-03-01T12:00:10Z", "2026-03-01T12:00:15Z"


@pytest.mark.parametrize(
    ("role", "code", "conclusion"), [("write", 0, "success"), ("triage", 1, "failure"), ("read", 1, "failure")]
)
def test_the_label_counts_if_its_setter_may_write(fork: Fork, role: str, code: int, conclusion: str) -> None:
    pull = fork.open(WORSE)
    fork.train(pull)
    fork.github.state.activity.clear()
    fork.github.moved(pull, at=PUSHED)
    fork.github.state.roles["Hubot"] = role
    fork.github.label(pull, "ml-ci:accept", "Hubot", at=LABELED)

    done = fork.publish(pull, "failure")

    assert (done.code, done.outputs["verdict"]) == (code, "fail")
    (check,) = fork.github.state.checks.values()
    assert check.conclusion == conclusion
    accepted = json.loads(Path(done.outputs["result"]).read_text())["accepted"]
    assert accepted == ({"by": "Hubot", "at": "2026-03-01T12:00:15Z", "pull": 1} if role == "write" else None)
    assert "Hubot" in body(fork)


def test_a_label_from_before_the_forks_last_push_does_not_count(fork: Fork) -> None:
    pull = fork.open(WORSE)
    fork.train(pull)
    fork.github.state.activity.clear()
    fork.github.moved(pull, at=LABELED)
    fork.github.state.roles["Hubot"] = "write"
    fork.github.label(pull, "ml-ci:accept", "Hubot", at=PUSHED)

    done = fork.publish(pull, "failure")

    assert (done.code, done.outputs["verdict"]) == (1, "fail")
    assert [check.conclusion for check in fork.github.state.checks.values()] == ["failure"]
