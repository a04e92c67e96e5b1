"""Checks that a job opened and did not live to close, and how the next job knows that they are such."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.CheckRun import CheckRun
    from github.Repository import Repository

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"ml-ci/(\d{1,19})/(\d{1,9})/[0-9a-f]{16}")

TITLE = "The job ended without a verdict"
SUMMARY = (
    "The job that opened this check was ended before it had a verdict. A later run has closed it; run the job again."
)


@dataclass(frozen=True)
class Opener:
    """The job that opens a check: the workflow run, which attempt of it, and a word that no other job has."""

    run_id: int
    run_attempt: int
    word: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def external_id(self) -> str:
        """By which the check is known as this job's."""
        return f"ml-ci/{self.run_id}/{self.run_attempt}/{self.word}"


def opened_by(check: CheckRun) -> Opener | None:
    """The job that opened the check; None where that was not ml-ci, or one that did not say so."""
    found = _NAME.fullmatch(check.external_id or "")
    return Opener(int(found[1]), int(found[2]), check.external_id.rpartition("/")[2]) if found else None


def in_progress(repo: Repository, name: str, commit: str) -> list[CheckRun]:
    """All checks of this name on a commit that are not closed, whoever opened them."""
    return list(repo.get_commit(commit).get_check_runs(check_name=name, status="in_progress", filter="all"))


def close_stale(repo: Repository, name: str, commits: Iterable[str], opener: Opener) -> None:
    """Close, as failed, the checks of this name on these commits whose jobs have ended without closing them.

    A check is left alone where its job may still be at work. What GitHub refuses is no matter: the next run tries again.
    """
    from github import GithubException
    from requests import RequestException

    try:
        for commit in commits:
            for check in in_progress(repo, name, commit):
                if _is_over(repo, opened_by(check), opener):
                    output = {"title": TITLE, "summary": SUMMARY}
                    check.edit(status="completed", conclusion="failure", output=output)
    except (GithubException, RequestException) as error:
        _LOG.debug("Checks of jobs that were killed stay open.", exc_info=error)


def _is_over(repo: Repository, other: Opener | None, opener: Opener) -> bool:
    """Whether the job has ended: GitHub runs no attempt of a run before all of the one before has ended."""
    if other is None:
        return False
    if other.run_id == opener.run_id:
        return other.run_attempt < opener.run_attempt
    from github import GithubException

    try:
        return repo.get_workflow_run(other.run_id).status == "completed"
    except GithubException as error:
        if error.status not in (403, 404):
            raise
        # on a private repository the token lacks `actions: read`, or the run is deleted: other checks can still be closed
        return False
