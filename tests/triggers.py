"""What GitHub tells a runner when something happens in a repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.github_server import GitHubServer
from tests.github_server.state import Pull
from tests.github_server.wire import Document


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What GitHub tells a runner of an event: its name, the payload, the ref, and the commit to check out."""

    event: str
    payload: Mapping[str, object]
    ref: str
    sha: str

    @classmethod
    def pull_request(cls, github: GitHubServer, pull: Pull, action: str = "opened") -> Trigger:
        """A pull request that was opened or pushed to (`synchronize`)."""
        payload = github.pull_event(pull, action)
        assert pull.merge_sha, "the pull request has conflicts"
        return cls(event="pull_request", payload=payload, ref=f"refs/pull/{pull.number}/merge", sha=pull.merge_sha)

    @classmethod
    def push(cls, github: GitHubServer, before: str, branch: str = "main") -> Trigger:
        """A push to a branch, whose tip was `before`."""
        sha, ref = _tip(github, branch), f"refs/heads/{branch}"
        return cls(event="push", ref=ref, sha=sha, payload={**_of(github), "ref": ref, "before": before, "after": sha})

    @classmethod
    def merge_group(cls, github: GitHubServer, branch: str) -> Trigger:
        """A merge queue's branch, on its way to main."""
        sha, ref = _tip(github, branch), f"refs/heads/{branch}"
        group = {"head_sha": sha, "head_ref": ref, "base_sha": _tip(github, "main"), "base_ref": "refs/heads/main"}
        payload = {**_of(github), "action": "checks_requested", "merge_group": group}
        return cls(event="merge_group", ref=ref, sha=sha, payload=payload)

    @classmethod
    def schedule(cls, github: GitHubServer) -> Trigger:
        """The hour has come, on main."""
        payload = {**_of(github), "schedule": "0 4 * * *"}
        return cls(event="schedule", ref="refs/heads/main", sha=_tip(github, "main"), payload=payload)

    @classmethod
    def workflow_run(cls, github: GitHubServer, pull: Pull, run_id: int, conclusion: str) -> Trigger:
        """Another workflow's run on a pull request has ended; this one runs on main, whatever that was about."""
        payload = github.run_event(pull, run_id, conclusion)
        return cls(event="workflow_run", payload=payload, ref="refs/heads/main", sha=_tip(github, "main"))


def _tip(github: GitHubServer, branch: str) -> str:
    sha = github.git.resolve(f"refs/heads/{branch}")
    assert sha, f"no branch {branch}"
    return sha


def _of(github: GitHubServer) -> Document:
    return {"repository": github.api.documents(github.url).full_repository()}
