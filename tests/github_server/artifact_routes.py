"""Artifacts of workflow runs: listed by the API, and fetched from another place, which wants no token."""

from hashlib import sha256

from tests.github_server.documents import node_id
from tests.github_server.routes import Desk, reads
from tests.github_server.state import Artifact, State
from tests.github_server.wire import Answer, Call, Document, RefusalError, not_found, paged

_BLOBS = "/blobs/artifacts/"


@reads("actions/list-workflow-run-artifacts", "actions")
def list_artifacts(desk: Desk) -> Answer:
    run, query = desk.call.number("run_id"), desk.call.query
    found = [
        artifact
        for artifact in reversed(desk.state.artifacts.values())
        if artifact.run_id == run and query.get("name", artifact.name) == artifact.name
    ]
    page, links = paged(desk.call, found, f"/repositories/{desk.state.id}")
    documents = [_document(desk, artifact) for artifact in page]
    return Answer(200, {"total_count": len(found), "artifacts": documents}, headers=links)


@reads("actions/download-artifact", "actions")
def download_artifact(desk: Desk) -> Answer:
    artifact = desk.state.artifacts.get(desk.call.number("artifact_id"))
    if artifact is None or desk.call.parameters["archive_format"] != "zip":
        raise not_found()
    if artifact.expired:
        raise RefusalError(410, "Artifact has expired")
    return Answer(302, content=b"", headers={"Location": f"{desk.documents.base}{_BLOBS}{artifact.id}?sig=x"})


def blob(state: State, call: Call) -> Answer | None:
    """The archive, as the store behind GitHub gives it, which takes no token; None where the path is of another kind."""
    if call.method != "GET" or not call.path.startswith(_BLOBS):
        return None
    artifact = state.artifacts.get(int(call.path.removeprefix(_BLOBS)))
    if artifact is None or "authorization" in call.headers:
        return Answer(403 if artifact else 404, content=b"<Error/>", content_type="application/xml")
    return Answer(200, content=artifact.content, content_type="application/zip")


def _document(desk: Desk, artifact: Artifact) -> Document:
    url = f"{desk.documents.api}/actions/artifacts/{artifact.id}"
    run: Document = {
        "id": artifact.run_id,
        "repository_id": desk.state.id,
        "head_repository_id": desk.state.id,
        "head_branch": "feature",
        "head_sha": artifact.head_sha,
    }
    return {
        "id": artifact.id,
        "node_id": node_id("Artifact", artifact.id),
        "name": artifact.name,
        "size_in_bytes": artifact.said_size if artifact.said_size is not None else len(artifact.content),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.expired,
        "created_at": artifact.created_at,
        "updated_at": artifact.created_at,
        "expires_at": "2099-01-01T00:00:00Z",
        "digest": f"sha256:{sha256(artifact.content).hexdigest()}",
        "workflow_run": run,
    }
