"""`test-sets.json`: how many verdicts each test set has carried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_ci.errors import OutsideError
from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.records import Run

REMEMBERED = 1000
"""So many verdicts are remembered by name, so that the same one is not counted again; and so many test sets at all."""


@dataclass(frozen=True)
class VerdictCounts:
    """Verdicts by the test set's digest, and the newest of them by what they were about (digest, `judged`)."""

    verdicts: Mapping[str, int] = field(default_factory=dict)
    counted: tuple[tuple[str, str], ...] = ()

    def with_verdict_on(self, run: Run) -> VerdictCounts:
        """One more on the run's test set; as it is where this verdict is counted already, as when a job runs again."""
        entry = (run.test_set, judged(run))
        if not run.test_set or entry in self.counted:
            return self
        others = {digest: count for digest, count in self.verdicts.items() if digest != run.test_set}
        newest = {run.test_set: self.verdicts.get(run.test_set, 0) + 1, **others}
        return VerdictCounts(dict(list(newest.items())[:REMEMBERED]), (entry, *self.counted)[:REMEMBERED])


def judged(run: Run) -> str:
    """What a verdict was about: the commit, and where the working tree differed from it, its fingerprint as well."""
    return f"{run.commit}+{run.fingerprint}" if run.dirty else run.commit


def write_counts(counts: VerdictCounts) -> bytes:
    """The counts as JSON."""
    return json.dumps({"verdicts": dict(counts.verdicts), "counted": counts.counted}, indent=0).encode()


def read_counts(text: bytes | None, where: str) -> VerdictCounts:
    """The counts in a file, none where there is no file. Raises OutsideError, naming `where`, for anything else."""
    if text is None:
        return VerdictCounts()
    try:
        document = parsed(text)
        return VerdictCounts(
            {str(digest): int(count) for digest, count in document["verdicts"].items()},
            tuple((str(digest), str(about)) for digest, about in document["counted"]),
        )
    except DAMAGED as error:
        raise OutsideError(f"{where} is damaged: delete it from the data branch, and counting begins anew.") from error
