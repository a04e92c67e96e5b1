"""`accepted.json`: who let a pull request through although its verdict was no pass, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from ml_ci.errors import OutsideError
from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.records import Accepted

KEPT = 1000
"""So many are kept; with the oldest gone, the commits of the data branch's history are still there for a while."""


@dataclass(frozen=True, kw_only=True)
class AcceptedVerdict:
    """What was accepted (the commit under review, the verdict), by whom, on which pull request, and when."""

    commit: str
    verdict: str
    pull: int
    by: str
    at: str

    @classmethod
    def of(cls, commit: str, verdict: str, accepted: Accepted) -> Self:
        """One line of the list."""
        return cls(commit=commit, verdict=verdict, pull=accepted.pull, by=accepted.by, at=accepted.at)


def read_accepted(text: bytes | None, where: str) -> tuple[AcceptedVerdict, ...]:
    """The list; empty where there is none yet. Raises OutsideError, naming `where`, where it is damaged."""
    if text is None:
        return ()
    try:
        return tuple(
            AcceptedVerdict(
                commit=str(entry["commit"]),
                verdict=str(entry["verdict"]),
                pull=int(entry["pull"]),
                by=str(entry["by"]),
                at=str(entry["at"]),
            )
            for entry in parsed(text)
        )
    except DAMAGED as error:
        raise OutsideError(
            f"{where} is damaged: restore it from the branch's history, or delete it, and it is begun anew."
        ) from error


def with_accepted(new: AcceptedVerdict, before: Sequence[AcceptedVerdict]) -> tuple[AcceptedVerdict, ...]:
    """The list with one more in front; as it is where that is in it already, as when a job runs again."""
    return tuple(before) if new in before else (new, *before)[:KEPT]


def write_accepted(entries: Sequence[AcceptedVerdict]) -> bytes:
    """The list as JSON, a line for each, so that the branch's history is easy to read."""
    lines = ",\n".join(json.dumps(asdict(entry)) for entry in entries)
    return f"[\n{lines}\n]\n".encode()
