"""From a request to GitHub's answer: who asks, what for, whether they may, and whether both are as GitHub describes them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.github_server import (
    activity_routes,
    artifact_routes,
    check_routes,
    git_routes,
    issue_routes,
    pull_routes,
    repository_routes,
    run_routes,
)
from tests.github_server.accounts import ANONYMOUS, Token
from tests.github_server.description import Description, github_description
from tests.github_server.faults import primary_limit
from tests.github_server.git_http import git_answer
from tests.github_server.git_store import GitStore
from tests.github_server.graphql_answers import PATH as GRAPHQL
from tests.github_server.graphql_answers import GraphQL
from tests.github_server.raw import raw_file
from tests.github_server.routes import ROUTES, Desk, check_permission
from tests.github_server.socket_handler import Request
from tests.github_server.state import State
from tests.github_server.talk_documents import TalkDocuments
from tests.github_server.wire import DOCS, Answer, Call, Json, RefusalError, not_found

# Importing these is what fills ROUTES.
ROOMS = (
    activity_routes,
    artifact_routes,
    check_routes,
    git_routes,
    issue_routes,
    pull_routes,
    repository_routes,
    run_routes,
)


@dataclass
class Api:
    """GitHub's API for one repository. `violations` says what broke GitHub's description, on either side."""

    state: State
    git: GitStore
    tokens: dict[str, Token] = field(default_factory=dict)
    default_token: Token = field(default_factory=Token)
    violations: list[str] = field(default_factory=list)
    description: Description = field(default_factory=github_description)

    def read(self, request: Request) -> Call:
        """Understand a request, as far as it can be understood."""
        parts = urlsplit(request.target)
        path = GRAPHQL if parts.path == f"/api{GRAPHQL}" else self._by_name(parts.path.removeprefix("/api/v3"))
        operation, parameters = self.description.find(request.method, path) or (None, {})
        document, problem = _parsed(request.body) if operation or path == GRAPHQL else (None, None)
        return Call(
            method=request.method,
            path=path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=request.headers,
            base_url=request.base_url,
            operation=operation,
            parameters=parameters,
            document=_as_described(operation, document),
            problem=problem,
        )

    def token(self, headers: Mapping[str, str]) -> Token:
        """The token that the `Authorization` header holds; every token that nobody described is the default one."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # git sends `x-access-token:TOKEN`
            secret = base64.b64decode(secret).decode().partition(":")[2]
        return self.tokens.get(secret, self.default_token) if secret else ANONYMOUS

    def answer(self, request: Request, call: Call, token: Token) -> Answer:
        """Carry out a request."""
        return (
            self._refused(request, token)
            or git_answer(self.git, self.state, request, token)
            or artifact_routes.blob(self.state, call)
            or raw_file(self.git, self.state, call.method, call.path)
            or GraphQL(self.state, self.git, self.violations).answer(call, token)
            or self._operation(call, token)
        )

    def documents(self, base_url: str) -> TalkDocuments:
        """Builds documents with links for somebody who reaches the server at `base_url`."""
        return TalkDocuments(base_url, self.state, self.git)

    def names(self, path: str) -> tuple[str, str]:
        """The path, and what is left of it within the repository."""
        return path, path.removeprefix(f"/repos/{self.state.full_name}")

    def _refused(self, request: Request, token: Token) -> Answer | None:
        """What GitHub refuses before it looks at what is asked for."""
        if "user-agent" not in request.headers:
            message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            return Answer(403, content=message.encode(), content_type="text/html")
        if not token.valid:
            return _refusal(RefusalError(401, "Bad credentials"), DOCS)
        if not request.target.startswith("/rate_limit") and token is not ANONYMOUS and not token.spend():
            return primary_limit(token.reset, token.limit)
        return None

    def _operation(self, call: Call, token: Token) -> Answer:
        if call.operation is None:
            if not call.path.startswith(("/repos/", "/user", "/rate_limit")):
                return _refusal(not_found(), DOCS)
            return self._violated([f"{call.method} {call.path}: GitHub or this server has no such operation"])
        documentation = self.description.operation(call.operation).documentation
        repository = f"{call.parameters.get('owner')}/{call.parameters.get('repo')}"
        # of a fork only the activity is served
        elsewhere = call.operation == "repos/list-activities" and self.state.is_fork(repository)
        if "owner" in call.parameters and repository != self.state.full_name and not elsewhere:
            return _refusal(not_found(), documentation)
        if call.problem:
            return _refusal(RefusalError(400, call.problem), documentation)
        faults = list(self.description.request_faults(call.operation, call.query, call.document))
        if faults:
            return self._violated(faults)
        reply = self._handled(call.operation, call, token, documentation)
        if reply.content is None:
            faults = list(self.description.answer_faults(call.operation, reply.status, _with_a_fork(reply.document)))
        return self._violated(faults) if faults else reply

    def _handled(self, operation: str, call: Call, token: Token, documentation: str) -> Answer:
        route = ROUTES[operation]
        try:
            check_permission(route, token)
            return route.handler(Desk(call, token, self.state, self.git, self.documents(call.base_url)))
        except RefusalError as refusal:
            return _refusal(refusal, documentation)

    def _violated(self, faults: list[str]) -> Answer:
        self.violations += faults
        return Answer(500, {"message": f"against GitHub's description: {faults[0]}", "documentation_url": DOCS})

    def _by_name(self, path: str) -> str:
        number = f"/repositories/{self.state.id}"
        return f"/repos/{self.state.full_name}{path.removeprefix(number)}" if path.startswith(number) else path


def _parsed(body: bytes) -> tuple[Json, str | None]:
    if not body:
        return None, None
    try:
        document: Json = json.loads(body)
    except ValueError:
        return None, "Problems parsing JSON"
    return document, None


def _as_described(operation: str | None, body: Json) -> Json:
    # GitHub has always taken a bare list of labels too, and PyGithub sends one; the description forgot it.
    if operation in ("issues/add-labels", "issues/set-labels") and isinstance(body, list):
        return {"labels": body}
    return body


def _with_a_fork(document: Json) -> Json:
    # of a pull request whose fork was deleted GitHub has always said null here; the description forgot it
    head = document.get("head") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(head, dict) or head.get("repo", head) is not None:
        return document
    base = document["base"]
    return {**document, "head": {**head, "repo": base["repo"] if isinstance(base, dict) else None}}


def _refusal(refusal: RefusalError, documentation: str) -> Answer:
    document: dict[str, Json] = {"message": refusal.message, "documentation_url": documentation}
    if refusal.errors:
        document["errors"] = refusal.errors
    document["status"] = str(refusal.status)
    return Answer(refusal.status, document, headers=refusal.headers)
