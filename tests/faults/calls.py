"""The requests that a job makes, and the faults that can meet each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.github_server import Cut, LostAnswer, Reset, SecondaryLimit, Slow, Status
from tests.github_server.faults import Fault, matches

SLOW = 1.6
"""Seconds; the jobs give a request to GitHub up after one."""

Names = tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """One request: to which server, what, and how many of that kind came before it. `pattern` has `*` for names."""

    server: str
    method: str
    pattern: str
    number: int

    @property
    def kind(self) -> str:
        """Without its number."""
        return f"{self.method} {self.pattern}"

    @property
    def is_git(self) -> bool:
        """Whether it is git's, which has no API's errors."""
        return "/info/refs" in self.pattern or "/git-upload-pack" in self.pattern


@dataclass(frozen=True)
class Kind:
    """One kind of fault. `lasting`: it meets every such request from this one on. `kills`: the job does not live on."""

    name: str
    make: Callable[[Callable[[], object]], Fault]
    lasting: bool = False
    kills: bool = False
    servers: tuple[str, ...] = ("github", "git", "mlflow", "dvc")


KINDS = (
    Kind("fails once (500)", lambda _: Status(500)),
    Kind("fails from then on (500)", lambda _: Status(500), lasting=True),
    Kind("connection reset", lambda _: Reset()),
    Kind("rate limit (403)", lambda _: SecondaryLimit(retry_after=1), servers=("github",)),
    Kind("no answer in time", lambda _: Slow(SLOW), servers=("github",)),
    Kind("done, answer lost", lambda _: LostAnswer()),
    Kind("killed before it is done", lambda kill: Cut(kill, done=False), kills=True),
    Kind("killed after it is done", lambda kill: Cut(kill, done=True), kills=True),
)


def kinds_for(call: Call) -> tuple[Kind, ...]:
    """The faults that can meet this request."""
    server = "git" if call.is_git else call.server
    return tuple(kind for kind in KINDS if server in kind.servers)


def calls(server: str, requests: Iterable[tuple[str, str]]) -> list[Call]:
    """The calls that these requests, (method, path), are."""
    seen: list[tuple[str, str]] = []
    found: list[Call] = []
    for method, whole in requests:
        path = whole.removeprefix("/repos/octo/model")
        pattern = _pattern(path)
        number = sum(matches(method, pattern, other, (earlier,)) for other, earlier in seen)
        found.append(Call(server, method, pattern, number))
        seen.append((method, path))
    return found


def _pattern(path: str) -> str:
    """A path with `*` for what differs from run to run: SHAs, ids, and the names of temporary things."""
    return re.sub(r"(?<=/)([0-9a-f]{32,64}|\d+)(?=[/.]|$)|(?<=/)[0-9a-f]{2}/[0-9a-f]{30}$", "*", path)
