"""Files as entries of a git tree: short text goes with the tree, other content is uploaded before."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ml_ci.github.session import second_connection

if TYPE_CHECKING:
    from github.InputGitTreeElement import InputGitTreeElement
    from github.Repository import Repository

UPLOADS = 4
INLINE_LIMIT = 200_000


class TreeEntries:
    """Makes entries, and uploads what they need; content that it uploaded once is not uploaded again."""

    def __init__(self) -> None:
        self._uploaded: set[str] = set()

    def make(
        self, repo: Repository, files: Mapping[str, bytes | None], present: Collection[str]
    ) -> list[InputGitTreeElement]:
        """The entries of these files, None being one to be removed; `present` are the blobs that the repository has."""
        from github import InputGitTreeElement

        entries: list[InputGitTreeElement] = []
        uploads: dict[str, bytes] = {}
        for path, content in sorted(files.items()):
            if content is None:
                entries.append(InputGitTreeElement(path, "100644", "blob", sha=None))
                continue
            sha, text = blob_sha(content), _text(content)
            if text is not None and sha not in present:
                entries.append(InputGitTreeElement(path, "100644", "blob", content=text))
                continue
            if sha not in present and sha not in self._uploaded:
                uploads[sha] = content
            entries.append(InputGitTreeElement(path, "100644", "blob", sha=sha))
        _upload(repo, list(uploads.values()))
        self._uploaded.update(uploads)
        return entries


def blob_sha(content: bytes) -> str:
    """The name that git gives to this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _upload(repo: Repository, contents: list[bytes]) -> None:
    if len(contents) <= 1:
        _upload_all(repo, contents)
        return
    shares = [contents[start::UPLOADS] for start in range(min(UPLOADS, len(contents)))]
    with ThreadPoolExecutor(max_workers=len(shares)) as pool:
        # list() so that a failed upload raises here
        list(pool.map(lambda share: _upload_all(second_connection(repo), share), shares))


def _upload_all(repo: Repository, contents: list[bytes]) -> None:
    for content in contents:
        repo.create_git_blob(base64.b64encode(content).decode(), "base64")


def _text(content: bytes) -> str | None:
    if len(content) > INLINE_LIMIT or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
