"""Pull requests in step with the branches that they stand for."""

from tests.github_server.git_store import ZERO, GitStore
from tests.github_server.state import Pull


def follow(git: GitStore, pull: Pull) -> None:
    """Take over what was pushed to an open pull request's branches, and move GitHub's own refs for it:
    `refs/pull/N/head`, and `refs/pull/N/merge` where the two can be merged."""
    if pull.state == "closed":
        return
    before = (pull.head_sha, pull.base_sha)
    if pull.fork is None:
        pull.head_sha = git.resolve(f"refs/heads/{pull.head}") or pull.head_sha
    pull.base_sha = git.resolve(f"refs/heads/{pull.base}") or pull.base_sha
    if pull.merge_sha and before == (pull.head_sha, pull.base_sha):
        return
    pull.merge_sha = git.merge(pull.base_sha, pull.head_sha)
    prefix = f"refs/pull/{pull.number}/"
    present = {ref.name: ref.sha for ref in git.refs(prefix)}
    wanted = {f"{prefix}head": pull.head_sha, f"{prefix}merge": pull.merge_sha}
    for name, sha in wanted.items():
        if sha and present.get(name) != sha:
            git.set_ref(name, sha, present.get(name, ZERO))
