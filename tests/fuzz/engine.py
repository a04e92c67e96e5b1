"""Tries inputs on a target, makes what it finds small, and keeps that."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import mutated, structured
from tests.fuzz.target import Finding, Target, tried

CORPUS = Path(__file__).parent.parent / "corpus"
_CHUNK = 500
"""Inputs of one search of Hypothesis': it remembers each of them."""


@dataclass
class Tally:
    """What came of one target: how many inputs it was given, how many of these were led by coverage, how many differ, and
    what was found, by cause.
    """

    target: str
    inputs: int = 0
    led: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)
    digests: set[bytes] = field(default_factory=set, repr=False)

    @property
    def distinct(self) -> int:
        """How many different inputs there were."""
        return len(self.digests)

    def add_digests(self, digests: Iterable[bytes]) -> None:
        """More inputs that were counted elsewhere."""
        self.digests.update(digests)

    def count(self, content: bytes, found: Finding | None) -> None:
        """One more input."""
        self.inputs += 1
        self.digests.add(hashlib.blake2b(content, digest_size=8).digest())
        if found and len(found.content) < len(self.findings.get(found.cause, found).content) + 1:
            self.findings[found.cause] = found


def by_hypothesis(target: Target, count: int, start: int, folder: Path, tally: Tally) -> None:
    """Give the target `count` inputs of Hypothesis', in searches with the seeds `start`, `start + 1`, …"""
    ceiling = tally.inputs + count
    number = start
    while tally.inputs < ceiling:

        @seed(number)
        @settings(
            max_examples=min(_CHUNK, ceiling - tally.inputs),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(structured(target))
        def search(content: bytes) -> None:
            tally.count(content, tried(target, content, folder))

        search()
        number += 1


def by_mutation(target: Target, count: int, start: int, folder: Path, tally: Tally) -> None:
    """Give the target `count` damaged examples, from this seed."""
    chance = random.Random(f"{target.name} {start}")
    for _ in range(count):
        content = mutated(target, chance)
        tally.count(content, tried(target, content, folder))


def fuzz(target: Target, count: int, start: int, folder: Path) -> Tally:
    """Half of `count` inputs are Hypothesis', half are damaged examples; what is found is made small."""
    tally, begin = Tally(target.name), time.monotonic()
    by_hypothesis(target, count - count // 2, start, folder, tally)
    by_mutation(target, count // 2, start, folder, tally)
    tally.findings = {cause: small(target, found, folder) for cause, found in tally.findings.items()}
    tally.seconds = time.monotonic() - begin
    return tally


def small(target: Target, found: Finding, folder: Path, seconds: float = 20.0) -> Finding:
    """An input of the same cause from which nothing more can be taken away; the best one after so many seconds."""
    deadline = time.monotonic() + seconds

    def same(content: bytes) -> bool:
        again = tried(target, content, folder)
        return again is not None and again.cause == found.cause

    return Finding(cause=found.cause, content=_shrunk(found.content, same, lambda: time.monotonic() > deadline))


def _shrunk(content: bytes, same: Callable[[bytes], bool], late: Callable[[], bool]) -> bytes:
    size = len(content) // 2
    while size:
        start = 0
        while start < len(content):
            if late():
                return content
            shorter = content[:start] + content[start + size :]
            if same(shorter):
                content = shorter
            else:
                start += size
        size //= 2
    return content


def keep(tally: Tally, corpus: Path = CORPUS) -> list[Path]:
    """Write what was found into the corpus, named by its content; the tests read it from there."""
    kept = []
    for found in tally.findings.values():
        path = corpus / tally.target / hashlib.sha256(found.content).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found.content)
        kept.append(path)
    return kept


def kept_inputs(target: Target, corpus: Path = CORPUS) -> Iterator[Path]:
    """What the corpus holds for a target."""
    folder = corpus / target.name
    return iter(sorted(folder.iterdir()) if folder.is_dir() else [])


def replayed(target: Target, paths: Iterable[Path], folder: Path) -> list[str]:
    """What still goes wrong with inputs that were kept: their names, each with its cause."""
    found = ((path, tried(target, path.read_bytes(), folder)) for path in paths)
    return [f"{path.name}: {finding.cause}" for path, finding in found if finding]
