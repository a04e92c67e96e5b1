"""The server: from a request on a socket to GitHub's answer, with faults, permissions, limits and the log in between."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.github_server import check_routes, git_routes, issue_routes, pull_routes, repository_routes
from tests.github_server.accounts import Account, Level, Token
from tests.github_server.description import Description, github_description
from tests.github_server.faults import Fault, LostAnswer, Matcher, Plan, Reset, Slow, answer, matches, primary_limit
from tests.github_server.git_store import GitStore
from tests.github_server.pulls import follow
from tests.github_server.raw import raw_file
from tests.github_server.routes import ROUTES, Desk, check_permission
from tests.github_server.socket_handler import Handler, Request
from tests.github_server.state import Comment, Pull, State
from tests.github_server.talk_documents import TalkDocuments
from tests.github_server.wire import DOCS, Answer, Call, Document, Json, Refusal, not_found

__all__ = ["GitHubServer", "Seen"]

# Importing these is what fills ROUTES.
_ROOMS = (check_routes, git_routes, issue_routes, pull_routes, repository_routes)


@dataclass(frozen=True)
class Seen:
    """One request in the log; `status` is 0 where the connection was reset, `at` seconds of a monotonic clock."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json
    login: str | None
    operation: str | None
    status: int
    at: float = field(default_factory=time.monotonic)


class GitHubServer:
    """See the package's docstring for how to use it.

    Args:
        git_dir: an existing bare repository.
        repository: `OWNER/NAME`.
        host, port: where to listen; port 0 takes a free one.
        public_host: the name in `url` where it differs from `host` (which `0.0.0.0` always does).
    """

    def __init__(
        self,
        git_dir: Path,
        repository: str = "octo/model",
        host: str = "127.0.0.1",
        port: int = 0,
        public_host: str | None = None,
        description: Description | None = None,
    ) -> None:
        self.git = GitStore(git_dir)
        self.state = State(repository)
        self.tokens: dict[str, Token] = {}
        self.default_token = Token()
        self.requests: list[Seen] = []
        self.violations: list[str] = []
        self._plan = Plan()
        self._lock = threading.RLock()
        self._description = description or github_description()
        self._http = ThreadingHTTPServer((host, port), Handler, bind_and_activate=True)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._http.answer = self.respond  # type: ignore[attr-defined]
        self._public_host = public_host or ("127.0.0.1" if host == "0.0.0.0" else host)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the API, without a slash at the end: PyGithub's `base_url`, `GITHUB_API_URL`, `GITHUB_SERVER_URL`."""
        return f"http://{self._public_host}:{self._http.server_address[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening; the state can still be read."""
        self._http.shutdown()
        self._http.server_close()
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
    ) -> Pull:
        """Open a pull request.

        Args:
            head: a branch of the bare repository; with `fork`, any revision in it.
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
                number=max(self.state.pulls, default=0) + 1,
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
            return pull

    def add_comment(self, author: str | None, body: str, pull: int = 1) -> Comment:
        """A comment by `author` (a login that ends in `[bot]` is a Bot; None is a deleted account)."""
        account = None if author is None else Account(author, "Bot" if author.endswith("[bot]") else "User")
        with self._lock:
            comment = Comment(next(self.state.ids), pull, account, body)
            self.state.comments[comment.id] = comment
            return comment

    def comments(self, pull: int = 1) -> list[Comment]:
        """The comments on a pull request, oldest first."""
        return self.state.comments_of(pull)

    def withhold(self, *permissions: str, level: Level = "read") -> None:
        """Leave the default token only `level` of these permissions (`issues`, `pull_requests`, `checks`, `contents`, ...)."""
        self.default_token.permissions = {**self.default_token.permissions, **dict.fromkeys(permissions, level)}

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
        return sum(matches(method, pattern, seen.method, self._names(seen.path)) for seen in self.requests)

    def pull_event(self, pull: Pull, action: str = "opened", url: str | None = None) -> Document:
        """The payload of a `pull_request` event, as in the file that `GITHUB_EVENT_PATH` names."""
        with self._lock:
            follow(self.git, pull)
            documents = self._documents(url or self.url)
            return {
                "action": action,
                "number": pull.number,
                "pull_request": documents.full_pull(pull),
                "repository": documents.full_repository(),
                "sender": documents.user(pull.author),
            }

    # What happens to a request

    def respond(self, request: Request) -> Answer | None:
        """GitHub's answer to a request; None resets the connection."""
        parts = urlsplit(request.target)
        path = self._by_name(parts.path.removeprefix("/api/v3"))
        token = self._token(request.headers)
        names = self._names(path)
        for hook in self._plan.due(request.method, names):
            hook()
        fault = self._plan.fault(request.method, names)
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body, problem = _parsed(request.body)
        found = self._description.find(request.method, path)
        operation = found[0] if found else None
        reply: Answer | None
        if isinstance(fault, Reset):
            reply = None
        elif fault is not None and not isinstance(fault, Slow | LostAnswer):
            reply = answer(fault)
        else:
            with self._lock:
                call = Call(request.method, path, query, request.headers, {}, request.base_url)
                reply = self._refused(request, token) or self._carried_out(call, body, problem, found, token)
                reply = None if isinstance(fault, LostAnswer) else reply
        status = reply.status if reply else 0
        login = token.login if token else None
        self.requests.append(Seen(request.method, path, query, body, login, operation, status))
        return _with_limits(reply, token) if reply else None

    def _carried_out(
        self, call: Call, body: Json, problem: str | None, found: tuple[str, dict[str, str]] | None, token: Token | None
    ) -> Answer:
        if found is None:
            return raw_file(self.git, self.state, call.method, call.path) or self._unserved(call)
        name, parameters = found
        if "owner" in parameters and f"{parameters['owner']}/{parameters['repo']}" != self.state.full_name:
            return _refusal(not_found(), self._description.operation(name).documentation)
        if problem:
            return _refusal(Refusal(400, problem), DOCS)
        body = _as_described(name, body)
        faults = list(self._description.request_faults(name, call.query, body))
        if faults:
            return self._violated(faults)
        known = Call(
            call.method,
            call.path,
            call.query,
            call.headers,
            body if isinstance(body, dict) else {},
            call.base_url,
            parameters,
        )
        reply = self._handled(name, known, token or Token(login="", kind="User", permissions={}))
        if reply.content is None:
            faults = list(self._description.answer_faults(name, reply.status, reply.document))
        return self._violated(faults) if faults else reply

    def _handled(self, name: str, call: Call, token: Token) -> Answer:
        route = ROUTES[name]
        desk = Desk(call, token, self.state, self.git, self._documents(call.base_url))
        try:
            if not token.login and (route.level == "write" or not route.permissions):
                raise Refusal(401, "Requires authentication")
            check_permission(route, token)
            return route.handler(desk)
        except Refusal as refusal:
            return _refusal(refusal, self._description.operation(name).documentation)

    def _refused(self, request: Request, token: Token | None) -> Answer | None:
        """What GitHub refuses before it looks at what is asked for."""
        if "user-agent" not in request.headers:
            message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            return Answer(403, content=message.encode(), content_type="text/html")
        if token is not None and not token.valid:
            return _refusal(Refusal(401, "Bad credentials"), DOCS)
        if token is not None and not request.target.startswith("/rate_limit") and not token.spend():
            return primary_limit(token.reset, token.limit)
        return None

    def _unserved(self, call: Call) -> Answer:
        if not call.path.startswith(("/repos/", "/user", "/rate_limit")):
            return _refusal(not_found(), DOCS)
        return self._violated([f"{call.method} {call.path}: no such operation, or one that this server does not have"])

    def _violated(self, faults: list[str]) -> Answer:
        self.violations += faults
        return Answer(500, {"message": f"against GitHub's description: {faults[0]}", "documentation_url": DOCS})

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        words = headers.get("authorization", "").split()
        return self.tokens.get(words[-1], self.default_token) if words else None

    def _documents(self, base_url: str) -> TalkDocuments:
        return TalkDocuments(base_url, self.state, self.git)

    def _by_name(self, path: str) -> str:
        number = f"/repositories/{self.state.id}"
        return f"/repos/{self.state.full_name}{path.removeprefix(number)}" if path.startswith(number) else path

    def _names(self, path: str) -> tuple[str, ...]:
        return path, path.removeprefix(f"/repos/{self.state.full_name}")


def _parsed(body: bytes) -> tuple[Json, str | None]:
    if not body:
        return None, None
    try:
        document: Json = json.loads(body)
    except ValueError:
        return None, "Problems parsing JSON"
    return document, None


def _as_described(name: str, body: Json) -> Json:
    # GitHub has always taken a bare list of labels too, and PyGithub sends one; the description forgot it.
    if name in ("issues/add-labels", "issues/set-labels") and isinstance(body, list):
        return {"labels": body}
    return body


def _refusal(refusal: Refusal, documentation: str) -> Answer:
    document: dict[str, Json] = {"message": refusal.message, "documentation_url": documentation}
    if refusal.errors:
        document["errors"] = refusal.errors
    document["status"] = str(refusal.status)
    return Answer(refusal.status, document, headers=refusal.headers)


def _with_limits(reply: Answer, token: Token | None) -> Answer:
    rate = (token or Token(limit=60)).rate()
    headers = {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in rate.items()}
    return Answer(
        reply.status,
        reply.document,
        reply.content,
        reply.content_type,
        {**headers, "X-RateLimit-Resource": "core", **reply.headers},
    )
