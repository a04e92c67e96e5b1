"""The repository itself: its branches, commits and files; who calls, and how often they still may."""

import base64

from tests.github_server.git_diff import changed_files
from tests.github_server.git_store import Entry
from tests.github_server.routes import Desk, reads
from tests.github_server.wire import Answer, Json, RefusalError, not_found, paged

LARGEST_CONTENT = 1_048_576


@reads("repos/get", "metadata")
def get_repository(desk: Desk) -> Answer:
    return Answer(200, desk.documents.full_repository())


@reads("repos/list-branches", "contents")
def list_branches(desk: Desk) -> Answer:
    page, links = paged(desk.call, desk.git.refs("refs/heads/"), f"/repositories/{desk.state.id}")
    branches: list[Json] = [
        {
            "name": ref.name.removeprefix("refs/heads/"),
            "commit": {"sha": ref.sha, "url": f"{desk.documents.api}/commits/{ref.sha}"},
            "protected": False,
        }
        for ref in page
    ]
    return Answer(200, branches, headers=links)


@reads("repos/get-branch", "contents")
def get_branch(desk: Desk) -> Answer:
    name = desk.call.parameters["branch"]
    ref = desk.git.ref(f"refs/heads/{name}")
    if ref is None:
        raise RefusalError(404, "Branch not found")
    own = f"{desk.documents.api}/branches/{name}"
    return Answer(
        200,
        {
            "name": name,
            "commit": desk.documents.commit(desk.git.commit(ref.sha)),
            "_links": {"self": own, "html": f"{desk.documents.html}/tree/{name}"},
            "protected": False,
            "protection": {"enabled": False},
            "protection_url": f"{own}/protection",
        },
    )


@reads("repos/get-commit", "contents")
def get_commit(desk: Desk) -> Answer:
    if desk.git.is_empty():
        raise RefusalError(409, "Git Repository is empty.")
    commit = desk.git.commit(desk.commit(desk.call.parameters["ref"]))
    if desk.call.accepts("application/vnd.github.sha"):
        return Answer(200, content=commit.sha.encode(), content_type="application/vnd.github.sha; charset=utf-8")
    empty_tree = desk.git.run("hash-object", "-t", "tree", "-w", "--stdin").decode().strip()
    files = changed_files(desk.git, commit.parents[0] if commit.parents else empty_tree, commit.sha)
    page, links = paged(desk.call, files, f"/repositories/{desk.state.id}", default_size=100)
    added, deleted = sum(file.additions for file in files), sum(file.deletions for file in files)
    document = desk.documents.commit(commit) | {
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": [desk.documents.file(file, commit.sha) for file in page],
    }
    return Answer(200, document, headers=links)


@reads("repos/list-commits", "contents")
def list_commits(desk: Desk) -> Answer:
    if desk.git.is_empty():
        raise RefusalError(409, "Git Repository is empty.")
    sha = desk.git.resolve(desk.call.query.get("sha", desk.state.default_branch))
    if sha is None:
        raise not_found()
    page, links = paged(desk.call, desk.git.log(sha), f"/repositories/{desk.state.id}")
    return Answer(200, [desk.documents.commit(desk.git.commit(item)) for item in page], headers=links)


@reads("repos/compare-commits-with-basehead", "contents")
def compare(desk: Desk) -> Answer:
    names = desk.call.parameters["basehead"].split("...")
    shas = [sha for sha in (desk.git.resolve(name.split(":")[-1]) for name in names) if sha]
    if len(shas) != 2:
        raise not_found()
    base, head = shas
    start = desk.git.merge_base(base, head)
    if start is None:
        raise RefusalError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead, behind = desk.git.log(f"{base}..{head}")[::-1], desk.git.log(f"{head}..{base}")
    documents, own = desk.documents, f"{desk.documents.html}/compare/{'...'.join(names)}"
    page, links = paged(desk.call, ahead, f"/repositories/{desk.state.id}", default_size=100)
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    return Answer(
        200,
        {
            "url": f"{documents.api}/compare/{'...'.join(names)}",
            "html_url": own,
            "permalink_url": f"{documents.html}/compare/{base}...{head}",
            "diff_url": f"{own}.diff",
            "patch_url": f"{own}.patch",
            "base_commit": documents.commit(desk.git.commit(base)),
            "merge_base_commit": documents.commit(desk.git.commit(start)),
            "status": status[bool(ahead), bool(behind)],
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [documents.commit(desk.git.commit(sha)) for sha in page],
            "files": [documents.file(file, head) for file in changed_files(desk.git, start, head)],
        },
        headers=links,
    )


@reads("repos/get-content", "contents")
def get_content(desk: Desk) -> Answer:
    path = desk.call.parameters.get("path", "").strip("/")
    ref = desk.call.query.get("ref", desk.state.default_branch)
    if desk.git.is_empty():
        raise RefusalError(404, "This repository is empty.")
    commit = desk.git.resolve(ref)
    if commit is None:
        raise RefusalError(404, f"No commit found for the ref {ref}")
    if not path:
        return _directory(desk, commit, "", ref)
    entry = next(iter(desk.git.tree(commit, path=path)), None)
    if entry is None:
        raise not_found()
    if entry.kind == "tree":
        return _directory(desk, commit, path, ref)
    return _file(desk, entry, ref)


@reads("rate-limit/get", "metadata")
def rate_limit(desk: Desk) -> Answer:
    rate = desk.token.rate()
    return Answer(200, {"resources": {"core": rate, "search": rate}, "rate": rate})


@reads("users/get-authenticated")
def get_user(desk: Desk) -> Answer:
    if desk.token.kind == "Bot":
        raise RefusalError(403, "Resource not accessible by integration")
    return Answer(200, desk.documents.full_user(desk.token.account))


def _directory(desk: Desk, commit: str, path: str, ref: str) -> Answer:
    inside = [
        Entry(f"{path}/{entry.path}" if path else entry.path, entry.mode, entry.kind, entry.sha, entry.size)
        for entry in desk.git.tree(f"{commit}:{path}")
    ]
    return Answer(200, [desk.documents.content(entry, ref) for entry in inside])


def _file(desk: Desk, entry: Entry, ref: str) -> Answer:
    document = desk.documents.content(entry, ref)
    if entry.kind == "commit":
        return Answer(200, document | {"submodule_git_url": f"{desk.documents.base}/submodule.git"})
    content = desk.git.blob(str(entry.sha)) or b""
    if desk.call.accepts("application/vnd.github.raw"):
        return Answer(200, content=content, content_type="application/vnd.github.raw; charset=utf-8")
    if entry.mode == "120000":
        return Answer(200, document | {"target": content.decode()})
    # Above one megabyte only the raw form has the content.
    small = len(content) <= LARGEST_CONTENT
    text = base64.encodebytes(content).decode() if small else ""
    return Answer(200, document | {"content": text, "encoding": "base64" if small else "none"})
