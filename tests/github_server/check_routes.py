"""Check runs and commit statuses."""

from tests.github_server.routes import Desk, reads, writes
from tests.github_server.state import CheckRun, CommitStatus, now
from tests.github_server.wire import Answer, Document, Json, RefusalError, not_found, paged

_TEXTS = ("details_url", "external_id", "name", "status", "started_at", "completed_at")


@writes("checks/create", "checks")
def create_check(desk: Desk) -> Answer:
    body = desk.call.body
    sha = desk.git.resolve(str(body["head_sha"]))
    if sha is None:
        raise RefusalError(422, f"No commit found for SHA: {body['head_sha']}")
    if desk.token.kind != "Bot":
        raise RefusalError(403, "You must authenticate via a GitHub App.")
    check = CheckRun(
        id=next(desk.state.ids),
        name=str(body["name"]),
        head_sha=sha,
        status="queued",
        conclusion=None,
        started_at=now(),
        completed_at=None,
        details_url=None,
        external_id=None,
    )
    _take(check, body)
    desk.state.checks[check.id] = check
    desk.pulls()
    return Answer(201, desk.documents.check(check))


@writes("checks/update", "checks")
def update_check(desk: Desk) -> Answer:
    check = _check(desk)
    _take(check, desk.call.body)
    return Answer(200, desk.documents.check(check))


@reads("checks/get", "checks")
def get_check(desk: Desk) -> Answer:
    return Answer(200, desk.documents.check(_check(desk)))


@reads("checks/list-annotations", "checks")
def list_annotations(desk: Desk) -> Answer:
    check = _check(desk)
    page, links = paged(desk.call, check.annotations, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.annotation(item, check.head_sha) for item in page], headers=links)


@reads("checks/list-for-ref", "checks")
def list_checks(desk: Desk) -> Answer:
    query, sha = desk.call.query, desk.commit(desk.call.parameters["ref"])
    found = [check for check in reversed(desk.state.checks.values()) if check.head_sha == sha]
    if query.get("filter", "latest") == "latest":
        newest = {check.name: check for check in reversed(found)}
        found = [check for check in found if newest[check.name] is check]
    found = [
        check
        for check in found
        if query.get("check_name", check.name) == check.name and query.get("status", check.status) == check.status
    ]
    page, links = paged(desk.call, found, f"/repositories/{desk.state.id}")
    checks = [desk.documents.check(check) for check in page]
    return Answer(200, {"total_count": len(found), "check_runs": checks}, headers=links)


@writes("repos/create-commit-status", "statuses")
def create_status(desk: Desk) -> Answer:
    body = desk.call.body
    status = CommitStatus(
        id=next(desk.state.ids),
        sha=desk.commit(desk.call.parameters["sha"]),
        state=str(body["state"]),
        context=str(body.get("context", "default")),
        description=_text(body.get("description")),
        target_url=_text(body.get("target_url")),
        creator=desk.token.account,
    )
    desk.state.statuses.append(status)
    return Answer(201, desk.documents.status(status))


@reads("repos/list-commit-statuses-for-ref", "statuses")
def list_statuses(desk: Desk) -> Answer:
    sha = desk.commit(desk.call.parameters["ref"])
    found = [status for status in reversed(desk.state.statuses) if status.sha == sha]
    page, links = paged(desk.call, found, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.status(status) for status in page], headers=links)


@reads("repos/get-combined-status-for-ref", "statuses")
def combined_status(desk: Desk) -> Answer:
    sha = desk.commit(desk.call.parameters["ref"])
    latest = {status.context: status for status in desk.state.statuses if status.sha == sha}
    states = {status.state for status in latest.values()}
    together = "success" if states == {"success"} else "pending"
    documents = desk.documents
    return Answer(
        200,
        {
            "state": "failure" if states & {"error", "failure"} else together,
            "statuses": [documents.simple_status(status) for status in latest.values()],
            "sha": sha,
            "total_count": len(latest),
            "repository": documents.repository(),
            "commit_url": f"{documents.api}/commits/{sha}",
            "url": f"{documents.api}/commits/{sha}/status",
        },
    )


def _check(desk: Desk) -> CheckRun:
    check = desk.state.checks.get(desk.call.number("check_run_id"))
    if check is None:
        raise not_found()
    return check


def _take(check: CheckRun, body: Document) -> None:
    for key in _TEXTS:
        if key in body:
            setattr(check, key, body[key])
    if check.status == "completed" and not body.get("conclusion") and not check.conclusion:
        error = {"resource": "CheckRun", "code": "missing_field", "field": "conclusion"}
        raise RefusalError(422, "Validation Failed", errors=[error])
    if body.get("conclusion"):
        check.conclusion, check.status = str(body["conclusion"]), "completed"
        check.completed_at = check.completed_at or now()
    output = body.get("output")
    if isinstance(output, dict):
        check.title = _text(output.get("title", check.title))
        check.summary = _text(output.get("summary", check.summary))
        check.text = _text(output.get("text", check.text))
        # Unlike the rest of the output, annotations are added to those of earlier requests.
        check.annotations += output.get("annotations", [])


def _text(value: Json) -> str | None:
    return None if value is None else str(value)
