"""Posting on a pull request from a command line: its comment and its check."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_ci.errors import ConfigError
from ml_ci.github.workflow import Annotations, Level
from ml_ci.report.escape import visible

if TYPE_CHECKING:
    from github.Repository import Repository

    from ml_ci.github.event import Event
    from ml_ci.github.outlet import GitHubOutlet
    from ml_ci.github.pulls import Pull


@dataclass(frozen=True, kw_only=True)
class Target:
    """The pull request to post on: its repository (`OWNER/NAME`), its number, and a token that may."""

    repository: str
    pull: int
    token: str = field(repr=False)

    def connect(self) -> Repository:
        """The repository, on the server that the environment names as a workflow's does."""
        from ml_ci.github.session import connect

        return connect(self.token, api_url=_api_url(), repository=self.repository)


def target(repository: str | None, pull: int | None) -> Target | None:
    """Where to post; None where nobody asks for it. Raises ConfigError for half of what it takes."""
    if repository is None and pull is None:
        return None
    if repository is None or pull is None:
        raise ConfigError(
            "to post on a pull request takes --repository OWNER/NAME and --pull N: give both, or neither."
        )
    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise ConfigError("to post on a pull request takes a token: set GITHUB_TOKEN to one that may write there.")
    return Target(repository=repository, pull=pull, token=token)


def open_pull(where: Target) -> Pull:
    """The pull request as GitHub has it. Raises ConfigError where it is not open."""
    from ml_ci.github.pulls import Pulls

    return Pulls(where.connect).numbered(where.pull)


@contextmanager
def posting(where: Target, pull: Pull, key: str, out: Path, *, quiet: bool) -> Iterator[GitHubOutlet]:
    """The way to the pull request, with its check open for the block."""
    from ml_ci.github.check import check_run
    from ml_ci.github.outlet import GitHubOutlet
    from ml_ci.github.pulls import Pulls
    from ml_ci.github.session import second_connection
    from ml_ci.github.stale_checks import Opener

    event = _event(where, pull)
    pulls = Pulls(where.connect)

    def may_comment() -> bool:
        current = pulls.is_current(pull)
        if not current:
            click.echo(f"ml-ci: the pull request has moved on from {pull.head_sha[:12]}: nothing is posted.", err=True)
        return current

    outlet = GitHubOutlet(
        event=event,
        connect=where.connect,
        annotations=_Said(quiet=quiet),
        environ={},
        comment="always",
        plots="auto",
        data_branch="ml-ci-data",
        out=out,
        may_comment=may_comment,
    )
    with check_run(
        lambda: second_connection(outlet.repository()),
        key=key,
        head_sha=pull.head_sha,
        details_url=event.run_url,
        opener=Opener(event.run_id, event.run_attempt),
        previous_head=None,
        on_problem=outlet.problem,
    ) as outlet.check:
        yield outlet


class _Said(Annotations):
    """What would be annotations of a workflow's step, as lines on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(lambda _: None)
        self._quiet = quiet

    def add(
        self, level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
    ) -> None:
        """A line, unless it is what the verdict says anyway."""
        del file, line
        if not self._quiet and level == "warning" and title == "ml-ci":
            click.echo(f"ml-ci: warning: {visible(message)}", err=True)


def _event(where: Target, pull: Pull) -> Event:
    """An event of the pull request; where this is no workflow's job, its page takes the place of the run's."""
    from ml_ci.github.event import Event

    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    run, attempt = (os.environ.get(f"GITHUB_RUN_{part}", "") for part in ("ID", "ATTEMPT"))
    page = f"{server}/{where.repository}"
    return Event(
        name="publish",
        action=None,
        repository=where.repository,
        default_branch=pull.base_ref,
        pull_number=pull.number,
        head_sha=pull.head_sha,
        base_sha=pull.base_sha,
        base_ref=pull.base_ref,
        ref=pull.head_ref,
        sha=pull.head_sha,
        is_fork=False,
        deleted=False,
        actor="",
        run_id=int(run) if run.isdecimal() else 0,
        run_attempt=int(attempt) if attempt.isdecimal() else 1,
        run_url=f"{page}/actions/runs/{run}" if run.isdecimal() else f"{page}/pull/{pull.number}",
        server_url=server,
        api_url=_api_url(),
    )


def _api_url() -> str:
    return os.environ.get("GITHUB_API_URL", "https://api.github.com")
