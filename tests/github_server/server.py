"""The server that tests start: what they set up in it, what they inject, and what they read from its log."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.github_server.accounts import Account, Level, Token
from tests.github_server.api import Api
from tests.github_server.faults import Cut, Fault, LostAnswer, Matcher, Plan, Reset, Slow, answer, matches
from tests.github_server.git_store import ZERO, GitStore
from tests.github_server.pulls import follow
from tests.github_server.socket_handler import Listener, Request
from tests.github_server.state import Artifact, Comment, ForcedUpdate, Pull, RefMove, State
from tests.github_server.wire import Answer, Document, Json


@dataclass(frozen=True)
class Seen:
    """One request in the log; `status` is 0 where the connection was reset, `at` is in seconds of a monotonic clock."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json
    login: str
    operation: str | None
    status: int
    at: float = field(default_factory=time.monotonic)


class GitHubServer:
    """See the package's docstring for how to use it.

    Args:
        git_dir: an existing bare repository.
        repository: `OWNER/NAME`.
        host: the address to listen on.
        port: 0 takes a free one.
        public_host: the name in `url`, where `host` is not one that clients can use, such as `0.0.0.0`.
    """

    def __init__(
        self,
        git_dir: Path,
        repository: str = "octo/model",
        host: str = "127.0.0.1",
        port: int = 0,
        public_host: str | None = None,
    ) -> None:
        self.git = GitStore(git_dir)
        self.state = State(repository)
        self.api = Api(self.state, self.git)
        self.requests: list[Seen] = []
        self._plan = Plan()
        self._lock = threading.RLock()
        self._listener = Listener(host, port, self._respond, self.violations.append)
        self._public_host = public_host or ("127.0.0.1" if host == "0.0.0.0" else host)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the API, without a slash at the end: PyGithub's `base_url`, `GITHUB_API_URL`, `GITHUB_SERVER_URL`."""
        return f"http://{self._public_host}:{self.port}"

    @property
    def port(self) -> int:
        return self._listener.server_port

    @property
    def violations(self) -> list[str]:
        """What broke GitHub's description of its API, in requests or in answers, and what failed in this server."""
        return self.api.violations

    @property
    def tokens(self) -> dict[str, Token]:
        """Tokens that are not like the default one, by their secret."""
        return self.api.tokens

    @property
    def default_token(self) -> Token:
        """What every other token is worth: a workflow's, with all permissions."""
        return self.api.default_token

    def start(self) -> Self:
        """Listen; for a process of its own. Tests use the server as a context manager."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and end all connections; the state can still be read."""
        self._listener.close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # What a test sets up

    def add_pull(
        self,
        head: str,
        base: str = "main",
        title: str = "A change",
        author: str = "mona",
        fork: str | None = None,
        draft: bool = False,
        body: str | None = None,
        number: int | None = None,
    ) -> Pull:
        """Open a pull request.

        Args:
            head: a branch of the bare repository; with `fork`, any revision in it.
            number: the next free one, where none is given.
            fork: the login of the fork's owner, where it comes from one.

        Raises:
            ValueError: a branch is not there.
        """
        with self._lock:
            head_sha = self.git.resolve(head if fork else f"refs/heads/{head}")
            base_sha = self.git.resolve(f"refs/heads/{base}")
            if head_sha is None or base_sha is None:
                raise ValueError(f"no branch {head if head_sha is None else base} in {self.git.path}")
            pull = Pull(
                id=next(self.state.ids),
                number=number or max(self.state.pulls, default=0) + 1,
                title=title,
                author=Account(author),
                head=head,
                head_sha=head_sha,
                base=base,
                base_sha=base_sha,
                body=body,
                fork=fork,
                draft=draft,
            )
            next(self.state.ids)
            self.state.pulls[pull.number] = pull
            follow(self.git, pull)
            self.moved(pull, kind="branch_creation")
            return pull

    def moved(self, pull: Pull, sha: str | None = None, *, kind: str = "push", at: str = "", branch: str = "") -> None:
        """The pull request's branch came to point to `sha` (by default where it is) at the time `at`, for the activity log.

        A `force_push` is an event of the pull request as well, and nothing else of it is.
        """
        with self._lock:
            repository, after = self.state.named(pull.fork), sha or pull.head_sha
            ref = f"refs/heads/{branch or pull.head}"
            earlier = [move.after for move in self.state.activity if (move.repository, move.ref) == (repository, ref)]
            move = RefMove(
                id=next(self.state.ids),
                repository=repository,
                ref=ref,
                before=earlier[-1] if earlier else ZERO,
                after=after,
                kind=kind,
                actor=pull.author,
                **({"timestamp": at} if at else {}),
            )
            self.state.activity.append(move)
            if kind == "force_push":
                self.state.happened(pull.number, pull.author, "head_ref_force_pushed", at=at)

    def label(self, pull: Pull, name: str, by: str, *, at: str = "", remove: bool = False) -> None:
        """Somebody sets a label, or removes it; a login that ends in `[bot]` is a Bot's, `ghost` a deleted account's."""
        with self._lock:
            actor = Account(by, "Bot" if by.endswith("[bot]") else "User")
            pull.labels = [label for label in pull.labels if label != name] + ([] if remove else [name])
            self.state.happened(pull.number, actor, "unlabeled" if remove else "labeled", name, at)

    def add_comment(self, author: str | None, body: str, pull: int = 1) -> Comment:
        """A comment by `author` (a login that ends in `[bot]` is a Bot; None is a deleted account)."""
        account = None if author is None else Account(author, "Bot" if author.endswith("[bot]") else "User")
        with self._lock:
            comment = Comment(next(self.state.ids), pull, account, body)
            self.state.comments[comment.id] = comment
            return comment

    def add_artifact(self, run_id: int, name: str, content: bytes, head_sha: str) -> Artifact:
        """What a run on `head_sha` uploaded under this name: the bytes of a ZIP archive."""
        with self._lock:
            artifact = Artifact(next(self.state.ids), run_id, name, content, head_sha)
            self.state.artifacts[artifact.id] = artifact
            return artifact

    def comments(self, pull: int = 1) -> list[Comment]:
        """The comments on a pull request, oldest first."""
        return self.state.comments_of(pull)

    def withhold(self, *permissions: str, level: Level = "read") -> None:
        """Leave the default token only `level` of these permissions (`issues`, `pull_requests`, `checks`, `contents`, ...)."""
        self.default_token.permissions = {**self.default_token.permissions, **dict.fromkeys(permissions, level)}

    def protect(self, branch: str) -> None:
        """Refuse forced updates of a branch, as a rule for the branch does."""
        self.state.protected.add(f"refs/heads/{branch}")

    @property
    def forced(self) -> list[ForcedUpdate]:
        """All forced updates of refs so far, by REST or GraphQL."""
        return self.state.forced

    def inject(self, method: str, pattern: str, fault: Fault, times: int | None = 1, skip: int = 0) -> None:
        """Answer the next `times` matching requests (None: all) with a fault, after letting `skip` of them pass."""
        self._plan.faults.append((Matcher(method, pattern, times, skip), fault))

    def before(
        self, method: str, pattern: str, hook: Callable[[], object], times: int | None = 1, skip: int = 0
    ) -> None:
        """Run `hook()` before the next matching requests are carried out; it may change state or call this server."""
        self._plan.hooks.append((Matcher(method, pattern, times, skip), hook))

    def count(self, method: str, pattern: str) -> int:
        """How many requests matched so far."""
        return sum(matches(method, pattern, seen.method, self.api.names(seen.path)) for seen in self.requests)

    def pull_event(self, pull: Pull, action: str = "opened", url: str | None = None) -> Document:
        """The payload of a `pull_request` event, as in the file that `GITHUB_EVENT_PATH` names."""
        with self._lock:
            follow(self.git, pull)
            documents = self.api.documents(url or self.url)
            return {
                "action": action,
                "number": pull.number,
                "pull_request": documents.full_pull(pull),
                "repository": documents.full_repository(),
                "sender": documents.user(pull.author),
            }

    def run_event(self, pull: Pull, run_id: int = 7, conclusion: str = "success", **of_run: Json) -> Document:
        """The payload of `workflow_run` after a run on a pull request's head; fields of the run can be given."""
        with self._lock:
            follow(self.git, pull)
            documents = self.api.documents(self.url)
            run: dict[str, Json] = {
                "id": run_id,
                "name": "CI",
                "event": "pull_request",
                "status": "completed",
                "conclusion": conclusion,
                "head_sha": pull.head_sha,
                "head_branch": pull.head,
                "head_repository": documents.repository(pull.fork or self.state.owner),
                "actor": documents.user(pull.author),
                "html_url": f"{documents.html}/actions/runs/{run_id}",
                "run_attempt": 1,
                # GitHub leaves it empty for a fork's
                "pull_requests": [],
            }
            return {
                "action": "completed",
                "workflow_run": {**run, **of_run},
                "repository": documents.full_repository(),
                "sender": documents.user(pull.author),
            }

    def _respond(self, request: Request) -> Answer | None:
        call, token = self.api.read(request), self.api.token(request.headers)
        names = self.api.names(call.path)
        with self._lock:
            hooks, fault = self._plan.due(call.method, names), self._plan.fault(call.method, names)
        # Outside of the lock: a hook may call this server.
        for hook in hooks:
            hook()
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        with self._lock:
            reply = self._faulty(fault) if fault else None
            if fault is None or isinstance(fault, Slow | LostAnswer) or (isinstance(fault, Cut) and fault.done):
                reply = self.api.answer(request, call, token)
            if isinstance(fault, Cut):
                fault.cut()
            reply = None if isinstance(fault, LostAnswer | Cut) else reply
            status = reply.status if reply else 0
            seen = Seen(call.method, call.path, call.query, call.document, token.login, call.operation, status)
            self.requests.append(seen)
        return _with_limits(reply, token) if reply else None

    def _faulty(self, fault: Fault) -> Answer | None:
        return None if isinstance(fault, Slow | LostAnswer | Reset | Cut) else answer(fault)


def _with_limits(reply: Answer, token: Token) -> Answer:
    rate = {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in token.rate().items()}
    return replace(reply, headers={**rate, "X-RateLimit-Resource": "core", **reply.headers})
