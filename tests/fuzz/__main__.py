"""`make fuzz`: so many inputs over all targets, in two processes, and a table of what came of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click
from tabulate import tabulate

from tests.fuzz import guided, work
from tests.fuzz.engine import Tally, keep
from tests.fuzz.targets import all_targets


def main(arguments: Sequence[str]) -> int:
    """Fuzz; 1 if something was found, which is then in the corpus, made small."""
    asked = _parsed(arguments)
    targets = [all_targets()[name] for name in asked.targets or all_targets()]
    begin = time.monotonic()
    share, rest = divmod(asked.inputs, len(targets))
    counts = [share + (number < rest) for number in range(len(targets))]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=work.bounded) as pool:
        tallies = []
        waiting = [
            pool.submit(work.done, target.name, count, asked.seed)
            for target, count in zip(targets, counts, strict=True)
        ]
        for each in waiting:
            tallies.append(each.result())
            _say(tallies[-1])
    kept = [path for tally in tallies for path in keep(tally)]
    _table(tallies, time.monotonic() - begin, asked.seed)
    for path in kept:
        click.echo(f"kept: {path}")
    return 1 if kept else 0


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=30_000, help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other inputs (default: %(default)s)")
    parser.add_argument("--targets", nargs="*", choices=list(all_targets()), help="these only")
    return parser.parse_args(arguments)


def _say(tally: Tally) -> None:
    click.echo(f"{tally.target}: {tally.inputs:,} inputs in {tally.seconds:.0f} s")
    for found in tally.findings.values():
        click.echo(f"  {found.cause}: {found.content[:200]!r}")


def _table(tallies: Sequence[Tally], seconds: float, seed: int) -> None:
    rows = [
        [each.target, each.inputs, each.distinct, each.led, f"{each.seconds:.0f}", len(each.findings)]
        for each in tallies
    ]
    whole = [
        sum(tally.inputs for tally in tallies),
        sum(tally.distinct for tally in tallies),
        sum(tally.led for tally in tallies),
    ]
    rows.append(["all", *whole, f"{seconds:.0f}", sum(len(tally.findings) for tally in tallies)])
    click.echo(tabulate(rows, ["target", "inputs", "distinct", "by coverage", "seconds", "findings"], intfmt=","))
    click.echo(f"seed {seed}; {guided.said()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
