"""Pull requests, their files and their commits."""

from tests.github_server.git_diff import changed_files
from tests.github_server.routes import Desk, reads
from tests.github_server.state import Pull
from tests.github_server.wire import Answer, paged


@reads("pulls/get", "pull_requests")
def get_pull(desk: Desk) -> Answer:
    return Answer(200, desk.documents.full_pull(desk.pull("pull_number")))


@reads("pulls/list", "pull_requests")
def list_pulls(desk: Desk) -> Answer:
    query = desk.call.query
    found = [
        pull
        for pull in desk.pulls()
        if query.get("state", "open") in (pull.state, "all")
        and query.get("base", pull.base) == pull.base
        and query.get("head", _label(desk, pull)) == _label(desk, pull)
    ]
    if query.get("sort") == "updated":
        found.sort(key=lambda pull: pull.updated_at, reverse=True)
    # Newest first is the rule; oldest first where a sort is asked for without a direction that says otherwise.
    if query.get("direction") == "asc" or ("sort" in query and query["sort"] != "created" and "direction" not in query):
        found.reverse()
    return _pulls(desk, found)


@reads("repos/list-pull-requests-associated-with-commit", "pull_requests")
def list_pulls_of_commit(desk: Desk) -> Answer:
    sha = desk.commit(desk.call.parameters["commit_sha"])
    found = [
        pull
        for pull in desk.pulls()
        if sha == pull.head_sha or sha in desk.git.log(f"{pull.base_sha}..{pull.head_sha}")
    ]
    return _pulls(desk, found)


@reads("pulls/list-files", "pull_requests")
def list_files(desk: Desk) -> Answer:
    pull = desk.pull("pull_number")
    start = desk.git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    files = changed_files(desk.git, start, pull.head_sha)
    page, links = paged(desk.call, files, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.file(file, pull.head_sha) for file in page], headers=links)


@reads("pulls/list-commits", "pull_requests")
def list_commits(desk: Desk) -> Answer:
    pull = desk.pull("pull_number")
    shas = desk.git.log(f"{pull.base_sha}..{pull.head_sha}")[::-1]
    page, links = paged(desk.call, shas, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.commit(desk.git.commit(sha)) for sha in page], headers=links)


def _label(desk: Desk, pull: Pull) -> str:
    return f"{pull.fork or desk.state.owner}:{pull.head}"


def _pulls(desk: Desk, pulls: list[Pull]) -> Answer:
    page, links = paged(desk.call, pulls, f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.pull(pull) for pull in page], headers=links)
