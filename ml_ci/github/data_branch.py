"""The data branch: files on an orphan branch, written through GitHub's Git data API."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml_ci.errors import OutsideError
from ml_ci.github.session import Permissions, explained, said, second_connection

if TYPE_CHECKING:
    from github import GithubException
    from github.GitCommit import GitCommit
    from github.GitRef import GitRef
    from github.GitTree import GitTree
    from github.InputGitTreeElement import InputGitTreeElement
    from github.Repository import Repository

TRIES = 8
UPLOADS = 4
INLINE_LIMIT = 200_000
NEEDED: Permissions = {"contents": "write"}
README = """# Data of ml-ci

This branch is written by ml-ci, not by people. It shares no history with the code.

- `records/KEY/SHA.json`: what the training of one commit left behind. Pull requests are compared with it.
- `records/KEY/SHA.parquet`: its predictions.
- `records/KEY/test-sets.json`: how many verdicts each test set has carried.
- `images/SHA256.png`: plots that comments on pull requests show.

Deleting this branch breaks the pictures in old comments, and the next pull request trains its base again; no more.
"""

Reader = Callable[[str], bytes | None]
Change = Callable[[Reader], Mapping[str, bytes]]


def image_url(server_url: str, repository: str, branch: str, path: str) -> str:
    """The address at which the reader of a comment sees a file of the branch, also in a private repository."""
    return f"{server_url.rstrip('/')}/{quote(repository)}/raw/{quote(branch)}/{quote(path)}"


@dataclass(frozen=True)
class _Tip:
    """The branch as it was read: the ref, its commit, the commit's tree, and each path's blob.

    A huge tree is listed in part only: then a path that is not in `blobs` may be there all the same.
    """

    ref: GitRef
    commit: GitCommit
    tree: GitTree
    blobs: Mapping[str, str]

    def may_have(self, path: str) -> bool:
        return path in self.blobs or self.tree.truncated


class DataBranch:
    """A `FileTree` on a branch of the repository, made as an orphan when the first file is written.

    Every update is one commit on the tip that was read, and the ref moves only from that tip: who loses the race reads
    again and tries again. Nobody's commit is ever overwritten.
    """

    def __init__(
        self,
        connect: Callable[[], Repository],
        branch: str = "ml-ci-data",
        *,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.branch = branch
        self._connect = connect
        self._sleep = sleep
        self._jitter = jitter
        self._uploaded: set[str] = set()

    @cached_property
    def _repo(self) -> Repository:
        return self._connect()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it, or the branch, is not there. Raises OutsideError."""
        with explained(f"read {path} from the branch {self.branch}", {"contents": "read"}):
            return self._read(path, self.branch)

    def update(self, change: Change, message: str) -> None:
        """Write what `change` returns, as one commit; none where every file says that already.

        `change` is called again on newer content after a lost race. Raises OutsideError after so many lost races that
        something else must be wrong; NotPermittedError where the token may not write contents.
        """
        for attempt in range(TRIES):
            if self._try(change, message):
                return
            self._sleep((0.1 + self._jitter()) * min(2.0**attempt, 8.0))
        raise OutsideError(
            f"The branch {self.branch} changed {TRIES} times while ml-ci was writing to it: run the job again when "
            "fewer jobs write."
        )

    def _try(self, change: Change, message: str) -> bool:
        """Write once; False if somebody else wrote in between."""
        with explained(f"write to the branch {self.branch}", NEEDED):
            tip = self._tip()
            files = dict(change(lambda path: self._read(path, tip.commit.sha) if tip and tip.may_have(path) else None))
            present = tip.blobs if tip else {}
            changed = {path: content for path, content in files.items() if present.get(path) != _blob_sha(content)}
            if not changed:
                return True
            if tip is None:
                changed.setdefault("README.md", README.encode())
            return self._commit(tip, changed, message)

    def _tip(self) -> _Tip | None:
        ref = self._ref()
        if ref is None:
            return None
        commit = self._repo.get_git_commit(ref.object.sha)
        tree = self._repo.get_git_tree(commit.tree.sha, recursive=True)
        return _Tip(ref, commit, tree, {entry.path: entry.sha for entry in tree.tree if entry.type == "blob"})

    def _ref(self) -> GitRef | None:
        """The branch's ref, already fetched."""
        from github import UnknownObjectException

        ref = self._repo.get_git_ref(f"heads/{self.branch}")
        try:
            ref.update()
        except UnknownObjectException:
            return None
        return ref

    def _read(self, path: str, ref: str) -> bytes | None:
        from github import GithubException

        try:
            found = self._repo.get_contents(path, ref=ref)
        except GithubException as error:
            if error.status != 404:
                raise
            return None
        if isinstance(found, list):
            return None
        # over 1 MB, contents come without their content
        encoded = found.content if found.encoding == "base64" else self._repo.get_git_blob(found.sha).content
        return base64.b64decode(encoded)

    def _commit(self, tip: _Tip | None, files: Mapping[str, bytes], message: str) -> bool:
        from github import GithubException

        entries = self._entries(files, set(tip.blobs.values()) if tip else set())
        tree = self._repo.create_git_tree(entries, tip.tree) if tip else self._repo.create_git_tree(entries)
        if tip and tree.sha == tip.tree.sha:
            return True
        commit = self._repo.create_git_commit(message, tree, [tip.commit] if tip else [])
        try:
            if tip:
                tip.ref.edit(commit.sha, force=False)
            else:
                self._repo.create_git_ref(f"refs/heads/{self.branch}", commit.sha)
        except GithubException as error:
            if not self._lost_race(error, tip):
                raise
            return False
        return True

    def _lost_race(self, error: GithubException, tip: _Tip | None) -> bool:
        """Whether the ref was not where it had been read; a rule that protects the branch is refused with 422 too.

        GitHub's words are asked first, because what it says of a ref just after a race may still be old.
        """
        if error.status not in (409, 422):
            return False
        if any(sign in said(error) for sign in ("fast forward", "already exists", "does not exist")):
            return True
        now = self._ref()
        return (now.object.sha if now else None) != (tip.commit.sha if tip else None)

    def _entries(self, files: Mapping[str, bytes], present: set[str]) -> list[InputGitTreeElement]:
        """The tree's new entries. Short text goes with the tree; other content is uploaded, unless it is there."""
        from github import InputGitTreeElement

        entries: list[InputGitTreeElement] = []
        uploads: dict[str, bytes] = {}
        for path, content in sorted(files.items()):
            sha, text = _blob_sha(content), _text(content)
            if text is not None and sha not in present:
                entries.append(InputGitTreeElement(path, "100644", "blob", content=text))
                continue
            if sha not in present and sha not in self._uploaded:
                uploads[sha] = content
            entries.append(InputGitTreeElement(path, "100644", "blob", sha=sha))
        self._upload(list(uploads.values()))
        self._uploaded.update(uploads)
        return entries

    def _upload(self, contents: list[bytes]) -> None:
        if len(contents) <= 1:
            for content in contents:
                _upload(self._repo, content)
            return
        shares = [contents[start::UPLOADS] for start in range(min(UPLOADS, len(contents)))]
        with ThreadPoolExecutor(max_workers=len(shares)) as pool:
            # list() so that a failed upload raises here
            list(pool.map(lambda share: _upload_all(second_connection(self._repo), share), shares))


def _upload_all(repo: Repository, contents: list[bytes]) -> None:
    for content in contents:
        _upload(repo, content)


def _upload(repo: Repository, content: bytes) -> None:
    repo.create_git_blob(base64.b64encode(content).decode(), "base64")


def _blob_sha(content: bytes) -> str:
    """The name that git gives to this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _text(content: bytes) -> str | None:
    if len(content) > INLINE_LIMIT or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
