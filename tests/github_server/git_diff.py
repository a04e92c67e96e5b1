"""What changed between two commits, as GitHub's `files` list shows it."""

from dataclasses import dataclass

from tests.github_server.git_store import ZERO, GitStore

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True)
class ChangedFile:
    """One file. `patch` begins at the first `@@`; it is None for a binary file."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def changed_files(git: GitStore, old: str, new: str) -> list[ChangedFile]:
    """The files that differ from `old` to `new`, renames found."""
    raw = git.run("diff", "--raw", "-z", "--no-abbrev", "-M", old, new).decode(errors="surrogateescape").split("\0")
    files = []
    while len(raw) > 1:
        _, _, before, after, letter = raw.pop(0).split(" ")
        name = raw.pop(0)
        previous = name if letter[0] in "RC" else None
        path = raw.pop(0) if previous else name
        paths = [path, previous] if previous else [path]
        patch = git.run("diff", "-M", old, new, "--", *paths).decode(errors="replace")
        start = patch.find("\n@@")
        body = patch[start + 1 :].rstrip("\n") if start >= 0 else None
        lines = (body or "").split("\n")
        files.append(
            ChangedFile(
                path=path,
                previous=previous,
                status=_STATUS[letter[0]],
                sha=before if after == ZERO else after,
                additions=sum(line.startswith("+") for line in lines),
                deletions=sum(line.startswith("-") for line in lines),
                patch=body,
            )
        )
    return files
