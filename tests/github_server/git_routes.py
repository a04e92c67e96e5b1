"""GitHub's git data API on a real repository: blobs, trees, commits and refs."""

import base64
import binascii
from collections.abc import Sequence

from tests.github_server.git_objects import Signature
from tests.github_server.git_store import ZERO, Entry, GitError, Ref
from tests.github_server.graphql_answers import PROTECTED
from tests.github_server.routes import Desk, reads, writes
from tests.github_server.state import ForcedUpdate, now
from tests.github_server.wire import Answer, Document, Json, RefusalError, not_found, paged

EMPTY = "Git Repository is empty."
GIT = "contents"


@writes("git/create-blob", GIT)
def create_blob(desk: Desk) -> Answer:
    _not_empty(desk)
    content = str(desk.call.body["content"]).encode()
    if desk.call.body.get("encoding", "utf-8") == "base64":
        try:
            content = base64.b64decode(content)
        except binascii.Error as error:
            raise RefusalError(422, "Problems parsing base64 content") from error
    sha = desk.git.write_blob(content)
    return Answer(201, {"sha": sha, "url": f"{desk.documents.api}/git/blobs/{sha}"})


@reads("git/get-blob", GIT)
def get_blob(desk: Desk) -> Answer:
    _not_empty(desk)
    sha = desk.call.parameters["file_sha"]
    content = desk.git.blob(sha)
    if content is None:
        raise not_found()
    if desk.call.accepts("application/vnd.github.raw"):
        return Answer(200, content=content, content_type="application/vnd.github.raw; charset=utf-8")
    return Answer(200, desk.documents.blob(sha, content))


@writes("git/create-tree", GIT)
def create_tree(desk: Desk) -> Answer:
    _not_empty(desk)
    base = desk.call.body.get("base_tree")
    if base is not None and desk.git.resolve(str(base), "tree") is None:
        raise RefusalError(422, "base_tree is not a valid tree oid")
    wanted = desk.call.body["tree"]
    assert isinstance(wanted, Sequence)
    if not wanted:
        raise RefusalError(422, "Invalid tree info")
    entries = [_entry(desk, item) for item in wanted if isinstance(item, dict)]
    removed = {entry.path for entry in entries if entry.sha is None}
    if removed and (base is None or not removed <= {entry.path for entry in desk.git.tree(str(base), recursive=True)}):
        raise RefusalError(422, "GitRPC::BadObjectState")
    try:
        sha = desk.git.write_tree(None if base is None else str(base), entries)
    except GitError as error:
        raise RefusalError(422, "Invalid tree info") from error
    return Answer(201, desk.documents.tree(sha, desk.git.tree(sha)))


@reads("git/get-tree", GIT)
def get_tree(desk: Desk) -> Answer:
    _not_empty(desk)
    sha = desk.git.resolve(desk.call.parameters["tree_sha"], "tree")
    if sha is None:
        raise not_found()
    # Any value asks for the whole tree, even 0 or false.
    return Answer(200, desk.documents.tree(sha, desk.git.tree(sha, recursive="recursive" in desk.call.query)))


@writes("git/create-commit", GIT)
def create_commit(desk: Desk) -> Answer:
    _not_empty(desk)
    body = desk.call.body
    if desk.git.kind(str(body["tree"])) != "tree":
        raise RefusalError(422, "Tree SHA does not exist")
    parents = body.get("parents", [])
    assert isinstance(parents, Sequence)
    for parent in parents:
        if desk.git.kind(str(parent)) != "commit":
            raise RefusalError(422, "Parent SHA does not exist or is not a commit object")
    author = _signature(body.get("author"), _token_signature(desk))
    committer = _signature(body.get("committer"), author)
    sha = desk.git.write_commit(
        str(body["tree"]), [str(parent) for parent in parents], str(body["message"]), author, committer
    )
    return Answer(201, desk.documents.git_commit(desk.git.commit(sha)))


@reads("git/get-commit", GIT)
def get_commit(desk: Desk) -> Answer:
    _not_empty(desk)
    sha = desk.call.parameters["commit_sha"]
    if desk.git.kind(sha) != "commit":
        raise not_found()
    return Answer(200, desk.documents.git_commit(desk.git.commit(sha)))


@reads("git/get-ref", GIT)
def get_ref(desk: Desk) -> Answer:
    _not_empty(desk)
    ref = desk.git.ref(f"refs/{desk.call.parameters['ref']}")
    if ref is None:
        raise not_found()
    return Answer(200, desk.documents.ref(ref))


@reads("git/list-matching-refs", GIT)
def list_matching_refs(desk: Desk) -> Answer:
    _not_empty(desk)
    found = desk.git.refs(f"refs/{desk.call.parameters.get('ref', '')}")
    page, links = paged(desk.call, found, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.ref(ref) for ref in page], headers=links)


@writes("git/create-ref", GIT)
def create_ref(desk: Desk) -> Answer:
    _not_empty(desk)
    name, sha = str(desk.call.body["ref"]), str(desk.call.body["sha"])
    if not name.startswith("refs/") or name.count("/") < 2:
        raise RefusalError(422, "Reference name must contain at least three slash-separated components.")
    if desk.git.ref(name):
        raise RefusalError(422, "Reference already exists")
    document = _move(desk, name, sha, ZERO)
    return Answer(201, document, headers={"Location": str(document["url"])})


@writes("git/update-ref", GIT)
def update_ref(desk: Desk) -> Answer:
    _not_empty(desk)
    name, sha = f"refs/{desk.call.parameters['ref']}", str(desk.call.body["sha"])
    old = desk.git.ref(name)
    if old is None:
        raise RefusalError(422, "Reference does not exist")
    if desk.git.kind(sha) != "commit":
        raise RefusalError(422, "Object does not exist")
    forced = not desk.git.is_ancestor(old.sha, sha)
    if forced and not desk.call.body.get("force"):
        raise RefusalError(422, "Update is not a fast forward")
    if forced and name in desk.state.protected:
        raise RefusalError(422, PROTECTED)
    document = _move(desk, name, sha, old.sha)
    if forced:
        desk.state.forced.append(ForcedUpdate(name, None, old.sha, sha))
    return Answer(200, document)


@writes("git/delete-ref", GIT)
def delete_ref(desk: Desk) -> Answer:
    _not_empty(desk)
    ref = desk.git.ref(f"refs/{desk.call.parameters['ref']}")
    if ref is None:
        raise RefusalError(422, "Reference does not exist")
    desk.git.set_ref(ref.name, ZERO, ref.sha)
    return Answer(204)


def _not_empty(desk: Desk) -> None:
    if desk.git.is_empty():
        raise RefusalError(409, EMPTY)


def _move(desk: Desk, name: str, sha: str, old: str) -> Document:
    kind = desk.git.kind(sha)
    if kind is None:
        raise RefusalError(422, "Object does not exist")
    try:
        desk.git.set_ref(name, sha, old)
    except GitError as error:
        # Another push came first, or git does not take the name.
        raise RefusalError(422, "Reference update failed") from error
    return desk.documents.ref(Ref(name, sha, kind))


def _entry(desk: Desk, item: Document) -> Entry:
    path, mode = str(item.get("path", "")), str(item.get("mode", "100644"))
    if not path or path.startswith("/") or ".." in path.split("/") or ".git" in path.split("/"):
        raise RefusalError(422, "tree.path contains a malformed path component")
    if "content" in item:
        return Entry(path, mode, "blob", desk.git.write_blob(str(item["content"]).encode()))
    if "sha" not in item:
        raise RefusalError(422, "Must supply either tree.sha or tree.content")
    if item["sha"] is None:
        return Entry(path, mode, "blob", None)
    sha, kind = str(item["sha"]), str(item.get("type", "blob"))
    if kind != "commit" and desk.git.kind(sha) != kind:
        raise RefusalError(422, f"tree.sha {sha} is not a valid {kind}")
    return Entry(path, mode, kind, sha)


def _token_signature(desk: Desk) -> Signature:
    account = desk.token.account
    return Signature(account.login, f"{account.id}+{account.login}@users.noreply.github.com", now())


def _signature(given: Json, otherwise: Signature) -> Signature:
    if not isinstance(given, dict):
        return otherwise
    return Signature(
        name=str(given.get("name", otherwise.name)),
        email=str(given.get("email", otherwise.email)),
        date=str(given.get("date", now())),
    )
