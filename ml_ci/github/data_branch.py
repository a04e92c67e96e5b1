"""The data branch: files on an orphan branch, written through GitHub's Git data API."""

from __future__ import annotations

import base64
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml_ci.errors import OutsideError
from ml_ci.github.clearing import no_longer_needed, open_pulls
from ml_ci.github.session import Permissions, explained, said
from ml_ci.github.shortening import HISTORY, Moved, number_of, numbered, replace_tip
from ml_ci.github.tree_entries import TreeEntries, blob_sha
from ml_ci.github.used_pictures import USED, UsedPictures, write_used
from ml_ci.sources.record_store import Change

if TYPE_CHECKING:
    from github import GithubException
    from github.GitCommit import GitCommit
    from github.GitRef import GitRef
    from github.GitTree import GitTree
    from github.Repository import Repository

WINDOW, LONGEST_WINDOW = 2.0, 120.0
"""Seconds within which who lost a race tries again: at first, four times as many each time, and at most. Fifty jobs that
write at once get through with some four tries each; shorter waits would spend the hour's requests on lost races."""
RACE_PATIENCE = 600.0
"""Seconds that one update waits after lost races, in all. What it writes may have been trained for hours."""
NEEDED: Permissions = {"contents": "write"}
README = """# Data of ml-ci

This branch is written by ml-ci, not by people. It shares no history with the code.

- `records/KEY/SHA.json`: what the training of one commit left behind. Pull requests are compared with it.
- `records/KEY/SHA.parquet`: its predictions.
- `records/KEY/index.json`, `images.json`, `history.json`: which records there are, which images they need, what they measured.
- `records/KEY/test-sets.json`: how many verdicts each test set has carried.
- `images/SHA256.png`: plots that comments on pull requests show, and images of records.
- `pictures.json`: which of them each pull request shows.

It is cleared up by itself: the last 100 records of each key stay, and the pictures that these or an open pull request
need. Its history is cut off every 50 commits, so a clone of it has to fetch, not to pull.

Deleting this branch breaks the pictures in old comments, and the next pull request trains its base again; no more.
"""

_BEGINNING: Mapping[str, bytes] = {"README.md": README.encode(), USED: write_used(UsedPictures())}
"""What is on the branch from the first."""

_LOG = logging.getLogger(__name__)


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

    The commit after the `history`-th is different: with the same update the branch is cleared up, and the commit has no
    parent, so that those before it are let go.
    """

    def __init__(
        self,
        connect: Callable[[], Repository],
        branch: str = "ml-ci-data",
        *,
        history: int = HISTORY,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.branch = branch
        self._connect = connect
        self._history = history
        self._sleep = sleep
        self._jitter = jitter
        self._entries = TreeEntries()
        self._contents: dict[str, bytes] = {}

    @cached_property
    def _repo(self) -> Repository:
        return self._connect()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it, or the branch, is not there. Raises OutsideError."""
        with explained(f"read {path} from the branch {self.branch}", {"contents": "read"}):
            return self._read(path, self.branch)

    def update(self, change: Change, message: str) -> None:
        """Write and remove what `change` returns, as one commit; none where the branch is like that already.

        `change` is called again on newer content after a lost race. Raises OutsideError where races were lost for
        `RACE_PATIENCE`; NotPermittedError where the token may not write contents.
        """
        window, left = WINDOW, RACE_PATIENCE
        while not self._try(change, message):
            wait = (0.1 + self._jitter()) * window
            if wait > left:
                raise OutsideError(
                    f"The branch {self.branch} changed whenever ml-ci was writing to it, for {RACE_PATIENCE / 60:.0f} "
                    "minutes: run the job again when fewer jobs write."
                )
            self._sleep(wait)
            window, left = min(4 * window, LONGEST_WINDOW), left - wait

    def _try(self, change: Change, message: str) -> bool:
        """Write once; False if somebody else wrote in between."""
        with explained(f"write to the branch {self.branch}", NEEDED):
            tip = self._tip()
            changed = _changed(tip, change(lambda path: self._read_at(tip, path)))
            if not changed:
                return True
            if tip is None:
                return self._begin({**_BEGINNING, **changed}, message)
            number = number_of(self._repo, tip.commit) + 1
            if number <= self._history or not _is_whole(tip, self.branch):
                return self._commit(tip, self._tree(tip, changed), numbered(message, number))
            return self._clear(tip, changed, message, number)

    def _clear(self, tip: _Tip, changed: Mapping[str, bytes | None], message: str, number: int) -> bool:
        """Write once, and with it clear up, and let go of the history if GitHub lets us."""
        there = {**dict.fromkeys(tip.blobs, b""), **changed}
        cleared = no_longer_needed(
            {path for path, content in there.items() if content is not None},
            lambda path: changed[path] if path in changed else self._read_at(tip, path),
            open_pulls(self._repo),
        )
        written = {path for path, content in changed.items() if content is not None}
        kept = {path: content for path, content in cleared.items() if content is not None or path not in written}
        tree = self._tree(tip, {**changed, **kept})
        alone = self._repo.create_git_commit(numbered(message, 1), tree, [])
        match replace_tip(self._repo, self.branch, tip.commit.sha, alone.sha):
            case Moved.REFUSED:
                return self._commit(tip, tree, numbered(message, number))
            case moved:
                return moved is Moved.DONE

    def _tree(self, tip: _Tip | None, files: Mapping[str, bytes | None]) -> GitTree:
        entries = self._entries.make(self._repo, files, set(tip.blobs.values()) if tip else set())
        return self._repo.create_git_tree(entries, tip.tree) if tip else self._repo.create_git_tree(entries)

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

    def _read_at(self, tip: _Tip | None, path: str) -> bytes | None:
        if tip is None:
            return _BEGINNING.get(path)
        if not tip.may_have(path):
            return None
        if path not in tip.blobs:
            return self._read(path, tip.commit.sha)
        # after a lost race most files are what they were, and every request counts against the hour's; by its name, so
        # that a file which is there can never be taken for one that is not
        version = tip.blobs[path]
        if version not in self._contents:
            self._contents[version] = base64.b64decode(self._repo.get_git_blob(version).content)
        return self._contents[version]

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

    def _begin(self, files: Mapping[str, bytes | None], message: str) -> bool:
        """Make the branch; False if somebody else made it before."""
        from github import GithubException

        commit = self._repo.create_git_commit(numbered(message, 1), self._tree(None, files), [])
        try:
            self._repo.create_git_ref(f"refs/heads/{self.branch}", commit.sha)
        except GithubException as error:
            if not self._lost_race(error, None):
                raise
            return False
        return True

    def _commit(self, tip: _Tip, tree: GitTree, message: str) -> bool:
        """Put a commit on top of the tip; False if that is no longer the tip."""
        from github import GithubException

        if tree.sha == tip.tree.sha:
            return True
        commit = self._repo.create_git_commit(message, tree, [tip.commit])
        try:
            tip.ref.edit(commit.sha, force=False)
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


def _changed(tip: _Tip | None, files: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """Of these files those that are not like that already."""
    present = tip.blobs if tip else {}
    return {
        path: content
        for path, content in files.items()
        if (path in present if content is None else present.get(path) != blob_sha(content))
    }


def _is_whole(tip: _Tip, branch: str) -> bool:
    """Whether all files of the branch are known: of others nobody can say whether they are needed."""
    if tip.tree.truncated:
        _LOG.warning("The branch %s has more files than GitHub lists, so it is not cleared up.", branch)
    return not tip.tree.truncated
