"""The check run on the head commit: in progress while the job runs, and always closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from ml_ci.compare.gate import Verdict
from ml_ci.errors import MlCiError
from ml_ci.github.limits import cut_bytes, cut_lines
from ml_ci.github.session import Permissions, explained
from ml_ci.report.escape import visible

if TYPE_CHECKING:
    from github.CheckRun import CheckRun
    from github.Repository import Repository

Conclusion = Literal["success", "failure"]

SUMMARY_LIMIT = 65_535
TITLE_LIMIT = 255
NEEDED: Permissions = {"checks": "write"}
CUT = "*The rest is left out, because GitHub shows no more here. The full report is in the job's summary and comment.*"


def conclusion(verdict: Verdict, allowed: bool) -> Conclusion:
    """What the check says: `success` where the verdict lets the merge go on, as policy and `fail-on` read it.

    Never `neutral` or `skipped`: a required check takes both for success.
    """
    return "success" if allowed and verdict != "error" else "failure"


def open_check(repo: Repository, *, key: str, head_sha: str, details_url: str) -> CheckRun:
    """A check run `ml-ci / KEY` in progress on `head_sha`, the true head and not GitHub's merge of it.

    Raises OutsideError; NotPermittedError where the token may not write checks.
    """
    with explained(f"open the check on commit {head_sha[:12]}", NEEDED):
        return repo.create_check_run(
            name=f"ml-ci / {key}", head_sha=head_sha, details_url=details_url, status="in_progress"
        )


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
    on_problem: Callable[[MlCiError], object],
) -> Iterator[Check]:
    """Open the check in the background, and close it as failed if the block ends without closing it.

    So a required check does not hang when the job dies, by an exception or by the SystemExit that a signal's handler
    raises. `connect` makes a connection for the background's thread alone. `on_problem` is given what GitHub refused:
    a job whose token may not write checks goes on, and finds the same.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ml-ci-check")
    opening = pool.submit(lambda: open_check(connect(), key=key, head_sha=head_sha, details_url=details_url))
    check = Check(opening, on_problem)
    try:
        yield check
    except BaseException as error:
        if not check.is_closed:
            check.close("error", allowed=False, title="The job did not finish", summary=_last_words(error))
        raise
    else:
        if not check.is_closed:
            check.close(
                "error", allowed=False, title="The job gave no verdict", summary="ml-ci ended without a verdict."
            )
    finally:
        pool.shutdown()


def _last_words(error: BaseException) -> str:
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "The job was cancelled or ended before ml-ci had a verdict. Its log says more."
    return f"The job ended before ml-ci had a verdict: {type(error).__name__}. Its log says more."
