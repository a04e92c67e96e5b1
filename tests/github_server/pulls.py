"""Pull requests in step with the branches that they stand for."""

from tests.github_server.git_store import ZERO, GitStore
from tests.github_server.state import Pull


def follow(git: GitStore, pull: Pull) -> None:
    """Take over what was pushed to an open pull request's branches, and move GitHub's own refs for it:
    `refs/pull/N/head`, and `refs/pull/N/merge` where the two can be merged."""
    if pull.state == "open":
        if pull.fork is None:
            pull.head_sha = git.resolve(f"refs/heads/{pull.head}") or pull.head_sha
        pull.base_sha = git.resolve(f"refs/heads/{pull.base}") or pull.base_sha
    wanted = {f"refs/pull/{pull.number}/head": pull.head_sha}
    present = {ref.name: ref.sha for ref in git.refs(f"refs/pull/{pull.number}/")}
    merge_name = f"refs/pull/{pull.number}/merge"
    if pull.state == "open":
        merge = git.merge(pull.base_sha, pull.head_sha)
        if merge:
            wanted[merge_name] = merge
    for name, sha in wanted.items():
        if present.get(name) != sha:
            git.set_ref(name, sha, present.get(name, ZERO))
