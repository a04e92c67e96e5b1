"""Who may do what in the repository, and when its branches moved."""

from tests.github_server.routes import Desk, reads
from tests.github_server.wire import Answer, RefusalError, not_found

_BASE_ROLES = {"maintain": "write", "triage": "read"}
"""What the older field says of the roles that it does not know."""


@reads("repos/get-collaborator-permission-level", "metadata")
def get_permission(desk: Desk) -> Answer:
    login = desk.call.parameters["username"]
    if desk.token.kind == "User" and not desk.token.may("contents", "write"):
        raise RefusalError(403, "Must have push access to view collaborator permission.")
    if login.endswith("[bot]"):
        raise RefusalError(404, f"{login} is not a user")
    role = desk.state.roles.get(login, "none" if desk.state.private else "read")
    return Answer(
        200,
        {
            "permission": _BASE_ROLES.get(role, role),
            "role_name": role,
            "user": desk.documents.collaborator(login, role, renamed=login in desk.state.taken),
        },
    )


@reads("repos/list-activities", "contents")
def list_activity(desk: Desk) -> Answer:
    """Newest first unless it is asked for the other way round; pages are found by a cursor, not by number."""
    query, repository = desk.call.query, f"{desk.call.parameters['owner']}/{desk.call.parameters['repo']}"
    if repository in desk.state.hidden:
        raise not_found()
    ref = query.get("ref")
    found = [
        move
        for move in desk.state.activity
        if move.repository == repository and ref in (None, move.ref, move.ref.removeprefix("refs/heads/"))
    ]
    if query.get("direction", "desc") == "desc":
        found.reverse()
    start, size = int(query.get("after", "0")), min(int(query.get("per_page", "30")), 100)
    end = start + size
    others = "".join(f"{key}={value}&" for key, value in query.items() if key != "after")
    link = f'<{desk.call.base_url}{desk.call.path}?{others}after={end}>; rel="next"'
    page = [desk.documents.ref_move(move) for move in found[start:end]]
    return Answer(200, page, headers={"Link": link} if end < len(found) else {})
