"""What can go wrong between a client and GitHub, made to happen on purpose."""

import fnmatch
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.github_server.wire import DOCS, Answer

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "For more on scraping GitHub and how it may affect your rights, please review our Terms of Service "
    "(https://docs.github.com/en/site-policy/github-terms/github-terms-of-service)"
)
UNICORN = (
    b"<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head><body><p>No server</p></body></html>\n"
)


@dataclass(frozen=True)
class Status:
    """A JSON error with this status, such as 500, 502 or 503."""

    status: int
    message: str = "Server Error"


@dataclass(frozen=True)
class GraphQLRefusal:
    """GraphQL's way to say no: status 200, and errors in the answer. `kind` is None where the query itself is refused."""

    message: str
    kind: str | None = None


@dataclass(frozen=True)
class Html:
    """GitHub's unicorn page: HTML where JSON is expected."""

    status: int = 502


@dataclass(frozen=True)
class SecondaryLimit:
    """Too much at once: 403 or 429, with `Retry-After` in seconds or, as GitHub may, without."""

    retry_after: int | None = None
    status: int = 403


@dataclass(frozen=True)
class PrimaryLimit:
    """The hour's requests are spent: `x-ratelimit-remaining: 0`, to be set back in `reset_in` seconds."""

    reset_in: int = 1
    status: int = 403


@dataclass(frozen=True)
class Reset:
    """The connection is reset before the request is carried out."""


@dataclass(frozen=True)
class LostAnswer:
    """The request is carried out, then the connection is reset: a client that tries again does it twice."""


@dataclass(frozen=True)
class Slow:
    """The right answer, after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Raw:
    """Any answer at all: cut JSON, a redirect, headers that nobody can read."""

    status: int
    content: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cut:
    """`cut()` is called, and the connection is reset: before the request is carried out, or after that where it is `done`."""

    cut: Callable[[], object]
    done: bool


Fault: TypeAlias = (
    Status | GraphQLRefusal | Html | SecondaryLimit | PrimaryLimit | Reset | LostAnswer | Slow | Raw | Cut
)


@dataclass
class Matcher:
    """Matches requests by method (`*`: any) and path pattern, `times` of them, after letting `skip` pass."""

    method: str
    pattern: str
    times: int | None = 1
    skip: int = 0

    def takes(self, method: str, paths: tuple[str, ...]) -> bool:
        """Whether this request is one of those; counts it if so."""
        if not matches(self.method, self.pattern, method, paths) or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


def matches(method_pattern: str, pattern: str, method: str, paths: tuple[str, ...]) -> bool:
    """Whether a request matches; `paths` are the names that its path goes by."""
    return method_pattern in ("*", method) and any(fnmatch.fnmatchcase(path, pattern) for path in paths)


@dataclass
class Plan:
    """The faults and hooks that are still to come."""

    faults: list[tuple[Matcher, Fault]] = field(default_factory=list)
    hooks: list[tuple[Matcher, Callable[[], object]]] = field(default_factory=list)

    def fault(self, method: str, paths: tuple[str, ...]) -> Fault | None:
        """The first fault that is meant for this request."""
        return next((fault for matcher, fault in self.faults if matcher.takes(method, paths)), None)

    def due(self, method: str, paths: tuple[str, ...]) -> list[Callable[[], object]]:
        """The functions to run before this request."""
        return [hook for matcher, hook in self.hooks if matcher.takes(method, paths)]


def answer(fault: Status | GraphQLRefusal | Html | SecondaryLimit | PrimaryLimit | Raw) -> Answer:
    """What GitHub says when this happens."""
    match fault:
        case Raw(status, content, content_type):
            return Answer(status, content=content, content_type=content_type, headers=dict(fault.headers))
        case Html(status):
            return Answer(status, content=UNICORN, content_type="text/html; charset=utf-8")
        case GraphQLRefusal(message, kind):
            error = {"message": message, "path": ["updateRefs"]} | ({"type": kind} if kind else {})
            return Answer(200, {"data": None, "errors": [error]})
        case Status(status, message):
            return Answer(status, {"message": message, "documentation_url": DOCS, "status": str(status)})
        case SecondaryLimit(retry_after, status):
            link = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            return Answer(
                status, {"message": SECONDARY, "documentation_url": link, "status": str(status)}, headers=headers
            )
        case PrimaryLimit(reset_in, status):
            return primary_limit(int(time.time()) + reset_in, limit=1000, status=status)


def primary_limit(reset: int, limit: int, status: int = 403) -> Answer:
    """The answer once the hour's requests are spent, until `reset` (seconds since 1970)."""
    link = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
    message = "API rate limit exceeded for installation ID 1. If you reach out to GitHub Support for help, please include the request ID."
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Used": str(limit),
        "X-RateLimit-Reset": str(reset),
        "X-RateLimit-Resource": "core",
    }
    return Answer(status, {"message": message, "documentation_url": link, "status": str(status)}, headers=headers)
