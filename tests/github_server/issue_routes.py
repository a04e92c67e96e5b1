"""Comments and labels of issues and pull requests."""

from tests.github_server.accounts import ACTIONS_BOT
from tests.github_server.routes import Desk, reads, writes
from tests.github_server.state import Comment, Pull, now
from tests.github_server.wire import Answer, RefusalError, not_found, paged

LONGEST_BODY = 65_536
TALK = ("issues", "pull_requests")


@reads("issues/get", *TALK)
def get_issue(desk: Desk) -> Answer:
    return Answer(200, desk.documents.issue(desk.pull("issue_number")))


@reads("issues/list-comments", *TALK)
def list_comments(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    since = desk.call.query.get("since", "")
    found = [comment for comment in desk.state.comments_of(pull.number) if comment.updated_at >= since]
    return _comments(desk, found)


@reads("issues/list-comments-for-repo", *TALK)
def list_all_comments(desk: Desk) -> Answer:
    since = desk.call.query.get("since", "")
    found = [comment for comment in desk.state.comments.values() if comment.updated_at >= since]
    if "sort" in desk.call.query:
        newest_first = desk.call.query.get("direction", "desc") == "desc"
        by_update = desk.call.query["sort"] == "updated"
        found.sort(key=lambda comment: comment.updated_at if by_update else comment.created_at, reverse=newest_first)
    return _comments(desk, found)


@writes("issues/create-comment", *TALK)
def create_comment(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    if pull.locked:
        raise RefusalError(403, "Unable to create comment because issue is locked.")
    comment = Comment(
        id=next(desk.state.ids),
        issue=pull.number,
        author=desk.token.account,
        body=_body(desk),
        by_app=desk.token.login == ACTIONS_BOT,
    )
    desk.state.comments[comment.id] = comment
    document = desk.documents.comment(comment)
    return Answer(201, document, headers={"Location": str(document["url"])})


@reads("issues/get-comment", *TALK)
def get_comment(desk: Desk) -> Answer:
    return Answer(200, desk.documents.comment(_comment(desk)))


@writes("issues/update-comment", *TALK)
def update_comment(desk: Desk) -> Answer:
    comment = _comment(desk)
    _own(desk, comment)
    comment.body, comment.updated_at = _body(desk), now()
    return Answer(200, desk.documents.comment(comment))


@writes("issues/delete-comment", *TALK)
def delete_comment(desk: Desk) -> Answer:
    comment = _comment(desk)
    _own(desk, comment)
    del desk.state.comments[comment.id]
    return Answer(204)


@reads("issues/list-labels-on-issue", *TALK)
def list_labels(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    names, links = paged(desk.call, pull.labels, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.label(name) for name in names], headers=links)


@writes("issues/add-labels", *TALK)
def add_labels(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    _label(desk, pull, [*pull.labels, *_labels(desk)])
    return _all_labels(desk, pull)


@writes("issues/set-labels", *TALK)
def set_labels(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    _label(desk, pull, _labels(desk))
    return _all_labels(desk, pull)


@writes("issues/remove-label", *TALK)
def remove_label(desk: Desk) -> Answer:
    pull = desk.pull("issue_number")
    name = desk.call.parameters["name"]
    if name not in pull.labels:
        raise RefusalError(404, "Label does not exist")
    _label(desk, pull, [other for other in pull.labels if other != name])
    return _all_labels(desk, pull)


@writes("issues/remove-all-labels", *TALK)
def remove_labels(desk: Desk) -> Answer:
    _label(desk, desk.pull("issue_number"), [])
    return Answer(204)


@reads("issues/list-events", *TALK)
def list_events(desk: Desk) -> Answer:
    number = desk.pull("issue_number").number
    found = [event for event in desk.state.issue_events if event.issue == number]
    page, links = paged(desk.call, found, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.issue_event(event) for event in page], headers=links)


def _comments(desk: Desk, comments: list[Comment]) -> Answer:
    page, links = paged(desk.call, comments, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.comment(comment) for comment in page], headers=links)


def _comment(desk: Desk) -> Comment:
    comment = desk.state.comments.get(desk.call.number("comment_id"))
    if comment is None:
        raise not_found()
    return comment


def _own(desk: Desk, comment: Comment) -> None:
    # A workflow's token may write to everybody's comments, a person without write access only to their own.
    if desk.token.kind == "User" and comment.author != desk.token.account and not desk.token.may("contents", "write"):
        raise RefusalError(403, "Must have admin rights to Repository.")


def _body(desk: Desk) -> str:
    body = str(desk.call.body["body"])
    problem = None
    if len(body) > LONGEST_BODY:
        problem = f"Body is too long (maximum is {LONGEST_BODY} characters)"
    elif not body.strip():
        problem = "Body cannot be blank"
    if problem:
        error = {"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": problem}
        raise RefusalError(422, "Validation Failed", errors=[error])
    return body


def _labels(desk: Desk) -> list[str]:
    labels = desk.call.body.get("labels", [])
    assert isinstance(labels, list)
    return [label if isinstance(label, str) else str(label["name"]) for label in labels]


def _label(desk: Desk, pull: Pull, names: list[str]) -> None:
    """Give the pull request just these labels, and take note of who did what."""
    before, pull.labels = pull.labels, list(dict.fromkeys(names))
    for event, labels in (("labeled", pull.labels), ("unlabeled", before)):
        for name in labels:
            if name not in (before if event == "labeled" else pull.labels):
                desk.state.happened(pull.number, desk.token.account, event, name)


def _all_labels(desk: Desk, pull: Pull) -> Answer:
    return Answer(200, [desk.documents.label(name) for name in pull.labels])
