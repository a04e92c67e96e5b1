"""The pull request that a workflow run was about, and what GitHub itself says of it: never what that run says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_ci.compare.comparison import Change
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.payload import moment, value_at
from ml_ci.github.session import PAGE, explained, said
from ml_ci.github.triggering_run import TriggeringRun

if TYPE_CHECKING:
    from github.PullRequest import PullRequest
    from github.Repository import Repository

_SHA = re.compile("[0-9a-f]{40}")
_DESCENDS = ("identical", "ahead")
_MERGED_BEFORE = timedelta(minutes=10)
"""GitHub merges a pull request with its base for a test some time before the run begins."""
MOST_FILES = 3000
"""As many files of a pull request as GitHub lists."""


@dataclass(frozen=True, kw_only=True)
class Pull:
    """An open pull request: its head commit, and the branch that it goes into.

    `base_sha` is the commit of that branch that GitHub last compared it with, `base_tip` the branch's newest one.
    """

    number: int
    head_sha: str
    base_ref: str
    base_sha: str
    base_tip: str

    @property
    def head_ref(self) -> str:
        """Where this repository has the pull request's head, also that of a fork."""
        return f"refs/pull/{self.number}/head"


class Pulls:
    """Pull requests of one repository. Each method raises OutsideError, NotPermittedError where rights are missing."""

    def __init__(self, repository: Callable[[], Repository]) -> None:
        self._repository = repository

    def of_run(self, run: TriggeringRun) -> list[Pull]:
        """The open ones whose head is exactly what this run ran on: that commit, of that repository.

        A fork's branch is asked for by its name, since GitHub's list of a commit's pull requests does not know forks. A
        commit may be in two forks, and one branch may have several pull requests, into different branches.
        """
        if not (run.head_owner and run.head_branch):
            return []
        with explained("list the pull requests", {"pull-requests": "read"}):
            listed = list(self._repository().get_pulls(state="open", head=f"{run.head_owner}:{run.head_branch}"))
            return [self._pull(one) for one in listed if one.head.sha == run.head_sha and _is_of(one, run)]

    def numbered(self, number: int) -> Pull:
        """The one with this number. Raises ConfigError where it is not open."""
        with explained(f"read pull request {number}", {"pull-requests": "read"}):
            found = self._repository().get_pull(number)
            if found.state != "open":
                raise ConfigError(f"pull request {number} is not open: nothing is published on it.")
            return self._pull(found)

    def is_current(self, pull: Pull) -> bool:
        """Whether it is still open, with the same head, into the same branch."""
        with explained(f"read pull request {pull.number}", {"pull-requests": "read"}):
            now = self._repository().get_pull(pull.number)
            return (now.state, now.head.sha, now.base.ref) == ("open", pull.head_sha, pull.base_ref)

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit or ref; None where there is no such file."""
        from github import GithubException

        with explained(f"read {path} at {commit[:40]}", {"contents": "read"}):
            try:
                found = self._repository().get_contents(path, ref=commit)
            except GithubException as error:
                if error.status == 404 and "No commit" not in said(error):
                    return None
                raise
        if isinstance(found, list) or found.type != "file":
            return None
        if found.encoding != "base64":
            raise OutsideError(f"{path} at {commit[:40]} is too large to be a configuration: make it smaller.")
        return found.decoded_content

    def commit(self, revision: str) -> str:
        """The SHA of a branch, a tag or a commit."""
        with explained(f"find the base {revision!r}", {"contents": "read"}):
            return self._repository().get_commit(revision).sha

    def is_base(self, pull: Pull, commit: str, run: TriggeringRun) -> bool:
        """Whether it is what the run may have compared the pull request with: on its base branch, and not before the commit
        that GitHub compares it with, unless it was the branch's tip when the run began.

        Whoever opened it could else choose an old commit, whose model was worse.
        """
        if not _SHA.fullmatch(commit) or not self._descends(pull.base_tip, commit):
            return False  # GitHub would take a name for a branch, also of a fork
        return self._descends(commit, pull.base_sha) or self._was_tip(pull, commit, run)

    def code(self, pull: Pull) -> tuple[Change, ...]:
        """The files that it changes, by path; a side is None where the file is not there, and else empty."""
        with explained(f"list the files of pull request {pull.number}", {"pull-requests": "read"}):
            files = list(self._repository().get_pull(pull.number).get_files())
        changes: dict[str, Change] = {}
        for file in files[:MOST_FILES]:
            before = file.previous_filename if file.status == "renamed" else file.filename
            if file.status == "renamed":
                changes[before] = Change(name=before, base="", head=None)
            is_new = file.status in ("added", "renamed", "copied")
            gone = None if file.status == "removed" else ""
            changes[file.filename] = Change(name=file.filename, base=None if is_new else "", head=gone)
        return tuple(changes[path] for path in sorted(changes))

    def _was_tip(self, pull: Pull, commit: str, run: TriggeringRun) -> bool:
        """Whether the branch moved on from the commit only after the run began, by GitHub's own log of pushes."""
        from github import GithubException

        if run.created is None:
            return False
        repository, parameters = self._repository(), {"ref": f"refs/heads/{pull.base_ref}", "per_page": PAGE}
        with explained(f"read when {pull.base_ref} moved", {"contents": "read"}):
            try:
                _, moves = repository.requester.requestJsonAndCheck(
                    "GET", f"{repository.url}/activity", parameters=parameters
                )
            except GithubException as error:
                # a server that keeps no such log
                if error.status in (404, 422):
                    return False
                raise
        since = run.created - _MERGED_BEFORE
        left = [moment(value_at(move, "timestamp")) for move in moves if value_at(move, "before") == commit]
        return any(at is not None and at >= since for at in left)

    def _descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor`, or comes after it."""
        from github import GithubException

        if commit == ancestor:
            return True
        with explained(f"compare {ancestor[:12]} with {commit[:12]}", {"contents": "read"}):
            try:
                return self._repository().compare(ancestor, commit, comparison_commits_per_page=1).status in _DESCENDS
            except GithubException as error:
                # no such commit, or none that they have in common
                if error.status in (404, 422):
                    return False
                raise

    def _pull(self, found: PullRequest) -> Pull:
        ref = found.base.ref
        tip = self._repository().get_branch(ref).commit.sha
        return Pull(number=found.number, head_sha=found.head.sha, base_ref=ref, base_sha=found.base.sha, base_tip=tip)


def _is_of(found: PullRequest, run: TriggeringRun) -> bool:
    """Whether its head is in the run's repository; GitHub has none for a fork that is gone, which PyGithub's types hide."""
    repository: Repository | None = found.head.repo
    return repository is not None and repository.full_name == run.head_repository
