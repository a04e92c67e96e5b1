"""GitHub's GraphQL endpoint, as far as `schema.graphql` goes: who calls, and refs that move from where they are said to be."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate

from tests.github_server.accounts import ANONYMOUS, Token
from tests.github_server.documents import node_id
from tests.github_server.git_store import ZERO, GitError, GitStore
from tests.github_server.state import ForcedUpdate, State
from tests.github_server.wire import Answer, Call, Document, Json

SCHEMA = Path(__file__).with_name("schema.graphql")
PATH = "/graphql"
DOCS = "https://docs.github.com/graphql"
PROTECTED = "Cannot force-push to this branch"


@functools.cache
def github_schema() -> GraphQLSchema:
    """The one schema of a process."""
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class GraphQL:
    """Answers queries. Like GitHub, it says with status 200 what it refuses."""

    state: State
    git: GitStore
    violations: list[str]

    def answer(self, call: Call, token: Token) -> Answer | None:
        """The answer to a query; None where the request is for something else."""
        if (call.method, call.path) != ("POST", PATH):
            return None
        if token is ANONYMOUS:
            message = "This endpoint requires you to be authenticated."
            return Answer(401, {"message": message, "documentation_url": DOCS, "status": "401"})
        query, variables = call.body.get("query"), call.body.get("variables", {})
        if not isinstance(query, str) or not isinstance(variables, dict):
            return self._violated("a request has a query, and variables that are an object")
        try:
            return self._carried_out(query, variables, token)
        except GraphQLError as error:
            return self._violated(str(error))

    def _carried_out(self, query: str, variables: dict[str, Json], token: Token) -> Answer:
        """Carry out a query. Raises GraphQLError where it is against the schema."""
        document = parse(query)
        for wrong in validate(github_schema(), document):
            raise wrong
        root = {
            "id": "Q",
            "updateRefs": lambda _, input: self._update_refs(input, token),  # noqa: A006
            "viewer": {"login": token.account.login},
        }
        result = execute_sync(github_schema(), document, root, variable_values=variables)
        answer: dict[str, Json] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_refusal(refused) for refused in result.errors]
        return Answer(200, answer)

    def _update_refs(self, wanted: Mapping[str, Json], token: Token) -> Document:
        if wanted["repositoryId"] != node_id("Repository", self.state.full_name):
            raise RefusedError(
                "NOT_FOUND", f"Could not resolve to a node with the global id of '{wanted['repositoryId']}'"
            )
        if not token.may("contents", "write"):
            whose = "integration" if token.kind == "Bot" else "personal access token"
            raise RefusedError("FORBIDDEN", f"Resource not accessible by {whose}")
        updates = wanted["refUpdates"]
        assert isinstance(updates, Sequence)
        moves = [self._move(update) for update in updates if isinstance(update, dict)]
        lines = [f"update {move.ref} {move.after} {move.tip}\n" for move in moves]
        try:
            self.git.run("update-ref", "--stdin", stdin="".join(["start\n", *lines, "commit\n"]).encode())
        except GitError as error:
            raise RefusedError("UNPROCESSABLE", "Reference update failed") from error
        self.state.forced += [move for move in moves if not self._is_forward(move)]
        return {"clientMutationId": wanted.get("clientMutationId")}

    def _move(self, update: Mapping[str, Json]) -> ForcedUpdate:
        """What one update comes to. GitHub does not document its words for a ref that is elsewhere; these are ours."""
        ref, after, before = str(update["name"]), str(update["afterOid"]), update.get("beforeOid")
        found = self.git.ref(ref)
        tip = found.sha if found else ZERO
        if before is not None and before != tip:
            raise RefusedError("UNPROCESSABLE", f"Reference {ref} is at {tip}, not at {before}")
        if after != ZERO and self.git.kind(after) != "commit":
            raise RefusedError("UNPROCESSABLE", f"Object {after} does not exist")
        move = ForcedUpdate(ref, None if before is None else str(before), tip, after)
        if not self._is_forward(move):
            if ref in self.state.protected:
                raise RefusedError("UNPROCESSABLE", PROTECTED)
            if not update.get("force"):
                raise RefusedError("UNPROCESSABLE", "Update is not a fast forward")
        return move

    def _is_forward(self, move: ForcedUpdate) -> bool:
        return move.tip == ZERO or (move.after != ZERO and self.git.is_ancestor(move.tip, move.after))

    def _violated(self, fault: str) -> Answer:
        self.violations.append(f"against GitHub's GraphQL schema: {fault}")
        return Answer(500, {"message": self.violations[-1], "documentation_url": DOCS, "status": "500"})


class RefusedError(Exception):
    """GitHub says no, with one of its types of errors."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _refusal(error: GraphQLError) -> Document:
    if not isinstance(error.original_error, RefusedError):
        raise error
    locations: list[Json] = [{"line": place.line, "column": place.column} for place in error.locations or []]
    return {
        "type": error.original_error.kind,
        "path": list(error.path or []),
        "locations": locations,
        "message": error.message,
    }
