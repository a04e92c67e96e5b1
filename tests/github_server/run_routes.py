"""Runs of workflows: whether they are at work still."""

from tests.github_server.documents import node_id
from tests.github_server.routes import Desk, reads
from tests.github_server.state import now
from tests.github_server.wire import Answer, Document, not_found


@reads("actions/get-workflow-run", "actions")
def get_run(desk: Desk) -> Answer:
    number = desk.call.number("run_id")
    status = desk.state.runs.get(number)
    if status is None:
        raise not_found()
    return Answer(200, _document(desk, number, status))


def _document(desk: Desk, number: int, status: str) -> Document:
    url = f"{desk.documents.api}/actions/runs/{number}"
    links = {f"{name}_url": f"{url}/{name}" for name in ("jobs", "logs", "cancel", "rerun", "artifacts")}
    return {
        "id": number,
        "node_id": node_id("WorkflowRun", number),
        "head_branch": "feature",
        "head_sha": desk.git.resolve("HEAD") or "",
        "run_number": 1,
        "display_title": "A change",
        "event": "pull_request",
        "status": status,
        "conclusion": "failure" if status == "completed" else None,
        "path": ".github/workflows/ci.yml",
        "workflow_id": 1,
        "url": url,
        "html_url": f"{desk.documents.html}/actions/runs/{number}",
        "created_at": now(),
        "updated_at": now(),
        "head_commit": None,
        "head_repository": desk.documents.repository(),
        "repository": desk.documents.repository(),
        "check_suite_url": f"{desk.documents.api}/check-suites/1",
        "workflow_url": f"{desk.documents.api}/actions/workflows/1",
        "pull_requests": [],
        **links,
    }
