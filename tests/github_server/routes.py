"""How an operation of GitHub's description finds the function that carries it out, and the permission it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.github_server.accounts import ANONYMOUS, Level, Token
from tests.github_server.git_store import GitStore
from tests.github_server.pulls import follow
from tests.github_server.state import Pull, State
from tests.github_server.talk_documents import TalkDocuments
from tests.github_server.wire import Answer, Call, RefusalError, not_found


@dataclass(frozen=True)
class Desk:
    """All that a handler works with: the call, who makes it, and the repository."""

    call: Call
    token: Token
    state: State
    git: GitStore
    documents: TalkDocuments

    def pull(self, name: str) -> Pull:
        """The pull request whose number is the path parameter `name`, in step with its branches."""
        pull = self.state.pulls.get(self.call.number(name))
        if pull is None:
            raise not_found()
        follow(self.git, pull)
        return pull

    def pulls(self) -> list[Pull]:
        """All pull requests, newest first, in step with their branches."""
        for pull in self.state.pulls.values():
            follow(self.git, pull)
        return sorted(self.state.pulls.values(), key=lambda pull: -pull.number)

    def commit(self, revision: str) -> str:
        """The SHA that a branch, tag or SHA in a request means."""
        sha = self.git.resolve(revision)
        if sha is None:
            raise RefusalError(422, f"No commit found for SHA: {revision}")
        return sha


Handler: TypeAlias = Callable[[Desk], Answer]


@dataclass(frozen=True)
class Route:
    """A handler, and the permissions of which one must be given at `level`."""

    handler: Handler
    permissions: tuple[str, ...]
    level: Level


ROUTES: dict[str, Route] = {}


def reads(operation: str, *permissions: str) -> Callable[[Handler], Handler]:
    """Register a handler that needs any one of `permissions` for reading."""
    return _register(operation, permissions, "read")


def writes(operation: str, *permissions: str) -> Callable[[Handler], Handler]:
    """Register a handler that needs any one of `permissions` for writing."""
    return _register(operation, permissions, "write")


def _register(operation: str, permissions: tuple[str, ...], level: Level) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ROUTES[operation] = Route(handler, permissions, level)
        return handler

    return register


def check_permission(route: Route, token: Token) -> None:
    """Refuse a token that lacks the permission, as GitHub refuses a workflow's or a person's token.

    Raises:
        RefusalError: 403, or 401 where there is no token at all.
    """
    if token is ANONYMOUS and (route.level == "write" or not route.permissions):
        raise RefusalError(401, "Requires authentication")
    if not route.permissions or any(token.may(permission, route.level) for permission in route.permissions):
        return
    needed = "; ".join(f"{permission}={route.level}" for permission in route.permissions)
    message = f"Resource not accessible by {'integration' if token.kind == 'Bot' else 'personal access token'}"
    raise RefusalError(403, message, headers={"X-Accepted-GitHub-Permissions": needed})
