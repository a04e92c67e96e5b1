"""What the repository on this GitHub holds beside its git objects."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from tests.github_server.accounts import Account
from tests.github_server.wire import Document


def now() -> str:
    """The time as GitHub writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Comment:
    """A comment on an issue or pull request. `author` is None where the account was deleted."""

    id: int
    issue: int
    author: Account | None
    body: str
    by_app: bool = False
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass
class Pull:
    """A pull request.

    Its SHAs follow its branches while it is open. `merge_sha` is GitHub's test merge; None where there are conflicts.
    `fork` is the login of the owner of the fork that it comes from; where `fork_is_gone`, it was deleted since.
    """

    id: int
    number: int
    title: str
    author: Account
    head: str
    head_sha: str
    base: str
    base_sha: str
    merge_sha: str | None = None
    body: str | None = None
    fork: str | None = None
    fork_is_gone: bool = False
    draft: bool = False
    locked: bool = False
    state: Literal["open", "closed"] = "open"
    merged: bool = False
    labels: list[str] = field(default_factory=list)
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass(frozen=True)
class IssueEvent:
    """Something that was done to a pull request: `labeled` with a `label`, `head_ref_force_pushed`, …"""

    id: int
    issue: int
    actor: Account
    event: str
    label: str | None = None
    created_at: str = field(default_factory=now)


@dataclass(frozen=True)
class RefMove:
    """One entry of a repository's activity: a ref that came to point to `after`. `repository` is `OWNER/NAME`."""

    id: int
    repository: str
    ref: str
    before: str
    after: str
    kind: str
    actor: Account
    timestamp: str = field(default_factory=now)


@dataclass
class CheckRun:
    """A check run; `output` is as it was sent, without its annotations."""

    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    details_url: str | None
    external_id: str | None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Document] = field(default_factory=list)


@dataclass
class CommitStatus:
    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: str = field(default_factory=now)


@dataclass
class Artifact:
    """What a workflow run uploaded: the bytes of a ZIP archive. `said_size` is what GitHub says that it has, if not its own."""

    id: int
    run_id: int
    name: str
    content: bytes
    head_sha: str
    expired: bool = False
    said_size: int | None = None
    created_at: str = field(default_factory=now)


@dataclass(frozen=True)
class ForcedUpdate:
    """A ref that was moved to what does not descend from it: `before` is where the caller said that it was, None where
    nothing was said; `tip` is where it really was."""

    ref: str
    before: str | None
    tip: str
    after: str


@dataclass
class State:
    """One repository: `OWNER/NAME` and all that was said and checked in it. `protected` refs take no forced updates.

    `listed` is how many entries of a tree are listed before the rest is cut off. `roles` are people's in the repository
    (`admin`, `maintain`, `write`, `triage`, `read`). `hidden` repositories, which are forks, are private or gone;
    `taken` are names of people that others have by now.
    """

    full_name: str
    default_branch: str = "main"
    private: bool = False
    comments: dict[int, Comment] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    checks: dict[int, CheckRun] = field(default_factory=dict)
    artifacts: dict[int, Artifact] = field(default_factory=dict)
    runs: dict[int, str] = field(default_factory=dict)
    """Runs of workflows, with their status."""
    statuses: list[CommitStatus] = field(default_factory=list)
    issue_events: list[IssueEvent] = field(default_factory=list)
    activity: list[RefMove] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    listed: int = 100_000
    protected: set[str] = field(default_factory=set)
    forced: list[ForcedUpdate] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(2_000_000_001))

    @property
    def owner(self) -> str:
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.split("/")[1]

    @property
    def id(self) -> int:
        """GitHub's links in `Link` headers name a repository by this."""
        return 4_200_001

    def named(self, owner: str | None) -> str:
        """`OWNER/NAME` of this repository, or of the fork of it that `owner` has."""
        return f"{owner or self.owner}/{self.name}"

    def is_fork(self, full_name: str) -> bool:
        """Whether this is a fork from which a pull request came."""
        return full_name in {self.named(pull.fork) for pull in self.pulls.values() if pull.fork}

    def happened(self, issue: int, actor: Account, event: str, label: str | None = None, at: str = "") -> None:
        """Take note of what was done to a pull request."""
        self.issue_events.append(IssueEvent(next(self.ids), issue, actor, event, label, at or now()))

    def comments_of(self, issue: int) -> list[Comment]:
        """Oldest first."""
        return [comment for comment in self.comments.values() if comment.issue == issue]
