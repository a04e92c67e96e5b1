"""The table of docs/faults.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.faults.calls import KINDS
from tests.faults.scenarios import ALL
from tests.faults.trial import Outcome

RESULTS = ("same verdict", "error", "put right by the next run", "wrong")


def table(outcomes: Sequence[Outcome]) -> str:
    """By job, and by kind of fault: how many, and what came of them."""
    by_job = _rows(
        [(scenario.title, [each for each in outcomes if each.scenario == scenario.name]) for scenario in ALL]
    )
    by_kind = _rows([(kind.name, [each for each in outcomes if each.kind == kind.name]) for kind in KINDS])
    by_server = _rows([(server, [each for each in outcomes if _server(each) == server]) for server in SERVERS])
    head = "| {} | faults | same verdict at once | error, with a sentence | killed | put right by the next run | did not hold |\n|---|--:|--:|--:|--:|--:|--:|\n"
    total = _row("**all**", outcomes)
    return "\n".join(
        head.format(name) + rows + total
        for name, rows in (("job", by_job), ("fault", by_kind), ("who it meets", by_server))
    )


SERVERS = ("GitHub's API", "git on GitHub", "MLflow", "the DVC remote")


def _server(outcome: Outcome) -> str:
    if outcome.call.is_git:
        return "git on GitHub"
    return {"github": "GitHub's API", "mlflow": "MLflow", "dvc": "the DVC remote"}[outcome.call.server]


def _rows(parts: Sequence[tuple[str, Sequence[Outcome]]]) -> str:
    return "".join(_row(name, outcomes) for name, outcomes in parts if outcomes)


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    counts = Counter[str]()
    for outcome in outcomes:
        for result in ("same verdict", "error", "killed"):
            counts[result] += outcome.result.startswith(result)
        counts["next"] += "next run" in outcome.result
        counts["wrong"] += bool(outcome.wrong)
    numbers = (
        len(outcomes),
        counts["same verdict"],
        counts["error"],
        counts["killed"],
        counts["next"],
        counts["wrong"],
    )
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |\n"
