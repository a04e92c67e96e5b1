"""The check run on the head commit: in progress while the job runs, and always closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from ml_ci.compare.gate import Verdict
from ml_ci.errors import MlCiError
from ml_ci.github.limits import cut_bytes, cut_lines
from ml_ci.github.session import Permissions, explained
from ml_ci.github.stale_checks import Opener, close_stale, in_progress
from ml_ci.report.escape import visible

if TYPE_CHECKING:
    from github.CheckRun import CheckRun
    from github.Repository import Repository

Conclusion = Literal["success", "failure"]

SUMMARY_LIMIT = 65_535
TITLE_LIMIT = 255
TRIES = 6
NEEDED: Permissions = {"checks": "write"}
CUT = "*The rest is left out, because GitHub shows no more here. The full report is in the job's summary and comment.*"


def conclusion(verdict: Verdict, allowed: bool) -> Conclusion:
    """What the check says: `success` where the verdict lets the merge go on, as policy and `fail-on` read it.

    Never `neutral` or `skipped`: a required check takes both for success.
    """
    return "success" if allowed and verdict != "error" else "failure"


def check_name(key: str) -> str:
    """What is to be made a required check: a job's own name would count as passed when the job is skipped."""
    return f"ml-ci / {key}"


def open_check(
    repo: Repository,
    *,
    key: str,
    head_sha: str,
    details_url: str,
    opener: Opener,
    sleep: Callable[[float], object] = time.sleep,
) -> CheckRun:
    """A check run `ml-ci / KEY` in progress on `head_sha`, the true head and not GitHub's merge of it.

    Raises OutsideError; NotPermittedError where the token may not write checks.
    """
    from github import GithubException
    from requests import RequestException

    name, known_as = check_name(key), opener.external_id
    with explained(f"open the check on commit {head_sha[:12]}", NEEDED):
        for attempt in range(TRIES):
            try:
                return repo.create_check_run(
                    name=name, head_sha=head_sha, details_url=details_url, external_id=known_as, status="in_progress"
                )
            except (GithubException, RequestException) as error:
                refused = isinstance(error, GithubException) and error.status < 500
                if refused or attempt == TRIES - 1:
                    raise
                sleep(2.0**attempt)
            # it may have been opened though we were told nothing: a second one would never be closed
            for check in in_progress(repo, name, head_sha):
                if check.external_id == known_as:
                    return check
        raise AssertionError("the last try returns or raises")


def close_check(
    check: CheckRun, *, conclusion: Conclusion, title: str, summary: str, details_url: str | None = None
) -> None:
    """Conclude the check; `title` is one line, `summary` is Markdown and cut at whole lines where it is too long.

    Raises OutsideError; NotPermittedError where the token may not write checks.
    """
    from github.GithubObject import NotSet

    output = {
        "title": cut_bytes(" ".join(title.split()), TITLE_LIMIT),
        "summary": cut_lines(summary, SUMMARY_LIMIT, CUT),
    }
    with explained("close the check", NEEDED):
        check.edit(status="completed", conclusion=conclusion, output=output, details_url=details_url or NotSet)


class Check:
    """A check run that is being opened, or is open, or could not be. It never changes what the job finds."""

    def __init__(self, opening: Future[CheckRun], on_problem: Callable[[MlCiError], object]) -> None:
        self._opening = opening
        self._on_problem = on_problem
        self.is_closed = False

    def close(
        self, verdict: Verdict, *, allowed: bool, title: str, summary: str, details_url: str | None = None
    ) -> None:
        """Say what the job found; a failure to say it goes to `on_problem`."""
        try:
            check = self._opening.result()
            close_check(
                check,
                conclusion=conclusion(verdict, allowed),
                # names are in it: none of their characters may hide, or turn the text around
                title=visible(title),
                summary=summary,
                details_url=details_url,
            )
        except MlCiError as problem:
            self._on_problem(problem)
        # not before: a signal in the middle must not leave it open
        self.is_closed = True


@contextmanager
def check_run(
    connect: Callable[[], Repository],
    *,
    key: str,
    head_sha: str,
    details_url: str,
    opener: Opener,
    previous_head: str | None,
    on_problem: Callable[[MlCiError], object],
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Check]:
    """Open the check in the background, and close it as failed if the block ends without closing it.

    So a required check does not hang when the job dies, by an exception or by the SystemExit that a signal's handler
    raises. What a job that was killed left open, on this commit or on `previous_head`, is closed in the background, too.
    `connect` makes a connection for one thread alone. `on_problem` is given what GitHub refused: a job whose token may
    not write checks goes on, and finds the same.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ml-ci-check")
    opening = pool.submit(
        lambda: open_check(connect(), key=key, head_sha=head_sha, details_url=details_url, opener=opener, sleep=sleep)
    )
    commits = dict.fromkeys(commit for commit in (head_sha, previous_head) if commit)
    pool.submit(_tidy, opening, connect, check_name(key), commits, opener)
    check = Check(opening, on_problem)
    try:
        yield check
    except BaseException as error:
        if not check.is_closed:
            check.close("error", allowed=False, title="The job did not finish", summary=_last_words(error))
        # a runner gives a cancelled job seconds
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        if not check.is_closed:
            check.close(
                "error", allowed=False, title="The job gave no verdict", summary="ml-ci ended without a verdict."
            )
        pool.shutdown()


def _tidy(
    opening: Future[CheckRun], connect: Callable[[], Repository], name: str, commits: Iterable[str], opener: Opener
) -> None:
    """Close what jobs that were killed left open. A token that may not open a check may not close one either."""
    if opening.exception() is None:
        # not over the connection of the check that is open, which another thread closes
        close_stale(connect(), name, commits, opener)


def _last_words(error: BaseException) -> str:
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "The job was cancelled or ended before ml-ci had a verdict. Its log says more."
    return f"The job ended before ml-ci had a verdict: {type(error).__name__}. Its log says more."
