"""A selection of `python -m tests.faults`, in which every fault meets every outside call of a job (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.calls import KINDS, Call, Kind, kinds_for
from tests.faults.scenarios import ALL, Scenario
from tests.faults.trial import Bench, a_bench

WRITES = ("POST", "PATCH", "PUT")
KILLS = [kind for kind in KINDS if kind.kills]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One for each worker, since it has an MLflow server."""
    with a_bench() as made:
        yield made


def selection(scenario: Scenario, calls: list[Call]) -> list[tuple[Call, Kind]]:
    """To each call another fault than to the one before; and at each write to GitHub the job is killed."""
    if scenario.name == "trained":
        # what the others do not do: pictures on the data branch
        calls = [call for call in calls if call.pattern.startswith("/git/")]
    turns = [(call, kinds_for(call)[number % len(kinds_for(call))]) for number, call in enumerate(calls)]
    kills = [
        (call, kind)
        for call in calls
        for kind in KILLS
        if call.server == "github" and not call.is_git and call.method in WRITES
    ]
    return [*turns, *(pair for pair in kills if pair not in turns)]


@pytest.mark.parametrize("scenario", [each for each in ALL if each.name != "mlflow"], ids=lambda each: each.name)
def test_whatever_fails_nothing_is_lost_or_said_twice_and_no_verdict_is_wrong(bench: Bench, scenario: Scenario) -> None:
    calls = bench.calls_of(scenario)
    outcomes = [bench.trial(scenario, call, kind) for call, kind in selection(scenario, calls)]
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    assert outcomes
    assert not wrong, "\n\n".join(
        f"{each.call.kind} #{each.call.number}, {each.kind}: {each.result}\n" + "\n".join(each.wrong) for each in wrong
    )
