"""`python -m tests.faults`: every fault against every call, and the table of docs/faults.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.calls import KINDS, Call, Kind, kinds_for
from tests.faults.scenarios import ALL, Scenario
from tests.faults.table import table
from tests.faults.trial import Outcome, a_bench


def trials(
    scenarios: list[Scenario], share: int, shares: int, only: str, kinds: list[Kind], wrong: Path | None
) -> list[Outcome]:
    """Every `shares`-th trial, from the `share`-th on, on a bench of its own."""
    outcomes: list[Outcome] = []
    with a_bench() as bench:
        for scenario in scenarios:
            met: list[tuple[Call, Kind]] = [
                (call, kind)
                for call in bench.calls_of(scenario)
                if only in call.kind
                for kind in kinds_for(call)
                if kind in kinds
            ]
            for call, kind in met[share::shares]:
                began = time.monotonic()
                outcome = bench.trial(scenario, call, kind)
                outcomes.append(outcome)
                _say(outcome, time.monotonic() - began, wrong)
    return outcomes


def _say(outcome: Outcome, seconds: float, wrong: Path | None) -> None:
    call = outcome.call
    line = f"{outcome.scenario}: {call.kind} #{call.number}, {outcome.kind}: {outcome.result} ({seconds:.1f} s)\n"
    sys.stdout.write(line + "".join(f"    WRONG: {each}\n" for each in outcome.wrong[:-1]))
    sys.stdout.flush()
    if outcome.wrong and wrong:
        with wrong.open("a") as file:
            file.write(line + "\n".join(outcome.wrong) + "\n\n")


def main(arguments: list[str]) -> int:
    """Try, and print the table; the exit code says whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="trials at the same time")
    parser.add_argument("--scenario", action="append", choices=[each.name for each in ALL])
    parser.add_argument("--call", default="", metavar="TEXT", help="only calls like `POST /git/commits`")
    parser.add_argument("--kind", action="append", metavar="TEXT", help="only faults like `killed`")
    parser.add_argument("--wrong", type=Path, help="a file for what did not hold, with logs")
    parser.add_argument("--list", action="store_true", help="only say which calls there are")
    given = parser.parse_args(arguments)
    scenarios = [each for each in ALL if not given.scenario or each.name in given.scenario]
    kinds = [kind for kind in KINDS if not given.kind or any(text in kind.name for text in given.kind)]
    if given.list:
        with a_bench() as bench:
            for scenario in scenarios:
                found = Counter((call.server, call.kind) for call in bench.calls_of(scenario))
                sys.stdout.writelines(
                    f"{scenario.name}: {n} × {server} {kind}\n" for (server, kind), n in found.items()
                )
        return 0
    with ThreadPoolExecutor(given.jobs) as pool:
        shares = [
            pool.submit(trials, scenarios, share, given.jobs, given.call, kinds, given.wrong)
            for share in range(given.jobs)
        ]
        outcomes = [outcome for share in shares for outcome in share.result()]
    sys.stdout.write("\n" + table(outcomes))
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
