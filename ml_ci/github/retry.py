"""Which requests to GitHub are tried again, and after how long. Imports PyGithub: import this when it is needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from github import GithubException, GithubRetry, RateLimitExceededException  # noqa: TID253 - see above
from urllib3 import BaseHTTPResponse, HTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, MaxRetryError, NewConnectionError, ReadTimeoutError

from ml_ci.github.patience import Patience
from ml_ci.sources.certificates import is_untrusted

TRIES = 6
LIMITED = 429
MOVED = (307, 308)
"""How GitHub answers a write to a repository that was renamed; PyGithub takes it for success."""
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})
TWICE_IS_TWO = ("/comments", "/check-runs")
"""What there are two of when the same request is carried out twice; a git object is the same one, a ref is refused."""
LONGEST_BACKOFF = 16.0
NOTED_WAIT = 5.0
LOG = logging.getLogger(__name__)


class BoundedRetry(GithubRetry):
    """PyGithub's retries, with three changes.

    All waiting comes out of one `Patience`; what would not fit is an error at once. A limit may be a 429 as well as a
    403. A comment or a check is not made again when it may have been made: who makes one looks first.

    `timeout` is the seconds after which a request was given up; `limit_wait` is how long GitHub asks clients to wait
    after a secondary limit that does not say.
    """

    def __init__(
        self,
        *,
        patience: Patience,
        sleep: Callable[[float], object],
        timeout: float,
        limit_wait: float = 60.0,
        wait: float = 0.0,
        **settings: Any,  # noqa: ANN401 - urllib3's own
    ) -> None:
        self.patience, self.timeout, self.wait = patience, timeout, wait
        self._sleep = sleep
        settings.setdefault("total", TRIES - 1)
        settings.setdefault("status_forcelist", [*range(500, 600), LIMITED, *MOVED])
        settings.setdefault("allowed_methods", METHODS)
        settings.setdefault("raise_on_status", False)
        settings.setdefault("secondary_rate_wait", limit_wait)
        super().__init__(**settings)

    def new(self, **settings: Any) -> Self:  # noqa: ANN401
        """The same, with these settings changed: urllib3 makes one for each try."""
        return super().new(patience=self.patience, sleep=self._sleep, timeout=self.timeout, **settings)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """The state for the next try. Raises what ends the request, if there is to be none."""
        if response is not None and response.status in MOVED:
            raise _refused(response, f": it was moved to {response.headers.get('Location', 'another address')}")
        if error is not None and is_untrusted(str(error)):
            raise error
        if method == "POST" and url and url.endswith(TWICE_IS_TWO):
            if response is not None and response.status >= 500:
                raise _refused(response)
            if error and not isinstance(error, NewConnectionError | ConnectTimeoutError):
                raise error
        try:
            # PyGithub names the one class that it meets, where urllib3 promises no more than the base
            answer = cast("HTTPResponse | None", response)
            following = super().increment(method, url, answer, error, _pool, _stacktrace)
        except MaxRetryError:
            if response is not None and response.status == 403:
                # GithubRetry has read the body, so the answer itself can tell no more
                raise _limited(response, f"still, after {TRIES} tries") from None
            raise
        retry = cast("Self", following)
        retry.wait = self._wait(retry, response)
        lost = self.timeout if isinstance(error, ConnectTimeoutError | ReadTimeoutError) else 0.0
        if self.patience.spend(retry.wait, lost):
            return retry
        if response is None:
            pool = cast("ConnectionPool", _pool)  # urllib3 always hands it over, though it may be left out
            raise MaxRetryError(pool, url or "", error) from error
        raise self._too_long(response, retry.wait)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:  # noqa: ARG002 - urllib3's own
        """Wait before this try, and say so where a person would wonder."""
        if self.wait >= NOTED_WAIT:
            LOG.warning("GitHub cannot answer now; trying again in %.0f s.", self.wait)
        self._sleep(self.wait)

    def _wait(self, retry: GithubRetry, response: BaseHTTPResponse | None) -> float:
        """Seconds until the next try: what GitHub asks for, else twice as long each time."""
        asked = retry.get_backoff_time()
        if response is not None:
            after = self._asked_for(response)
            if after is not None:
                return after
            if response.status == LIMITED:
                return _until_reset(response) or self.secondary_rate_wait
        return max(asked, min(2.0 ** (len(retry.history) - 1), LONGEST_BACKOFF))

    def _asked_for(self, response: BaseHTTPResponse) -> float | None:
        """What Retry-After says, in seconds or as a date; None where it says nothing that can be understood."""
        try:
            return self.get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None

    def _too_long(self, response: BaseHTTPResponse, wait: float) -> GithubException:
        bound = f"and a job waits no longer than {self.patience.seconds:.0f} s for GitHub in all"
        if response.status in (403, LIMITED):
            return _limited(response, f"asks to wait {wait:.0f} s, {bound}")
        return _refused(response, f", {bound}")


def _until_reset(response: BaseHTTPResponse) -> float | None:
    """Seconds until the hour's requests are there again, None if that is not the limit that was met."""
    reset = response.headers.get("X-RateLimit-Reset", "")
    if response.headers.get("X-RateLimit-Remaining") != "0" or not reset.isdecimal():
        return None
    return max(int(reset) - time.time(), 0.0) + 1.0


def _refused(response: BaseHTTPResponse, more: str = "") -> GithubException:
    response.drain_conn()
    reason = f"{response.reason or 'Server Error'}{more}"
    return GithubException(response.status, {"message": reason}, dict(response.headers))


def _limited(response: BaseHTTPResponse, more: str) -> GithubException:
    response.drain_conn()
    return RateLimitExceededException(
        response.status, {"message": f"its rate limit is reached: GitHub {more}"}, dict(response.headers)
    )
