"""A real bare git repository, through git's plumbing: what GitHub's git endpoints stand on."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.github_server.git_objects import (
    FOLDER,
    Commit,
    Signature,
    commit_bytes,
    kind_of,
    read_commit,
    read_tree,
    tree_bytes,
    write_loose,
)
from tests.github_server.object_reader import ObjectReader

ZERO = "0" * 40
_PLAIN_REF = re.compile(r"refs/[^\s^~:?*\[\\@]+")
"""A name that git takes for no more than a name."""


class GitError(Exception):
    """git refused; the message is its standard error."""


@dataclass(frozen=True)
class Entry:
    """One entry of a tree. `size` is that of a blob in bytes; `sha` is None in a request that deletes the path."""

    path: str
    mode: str
    kind: str
    sha: str | None
    size: int | None = None


@dataclass(frozen=True)
class Ref:
    name: str
    sha: str
    kind: str


class GitStore:
    """A bare repository on disk. All methods are safe to call from several threads."""

    def __init__(self, git_dir: Path) -> None:
        self.path = git_dir
        self._command = ["git", "-c", "safe.directory=*", f"--git-dir={git_dir.absolute()}"]
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        self._environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        self._objects = ObjectReader(self._command, self._environment)
        self._was_empty = True
        # objects never change, so what was read once is true for good
        self._trees: dict[str, Mapping[str, tuple[str, str]]] = {}
        self._sizes: dict[str, int] = {}

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """The standard output of `git ARGUMENTS`.

        Raises:
            GitError: git's exit code is not 0.
        """
        done = subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            capture_output=True,
            env=self._environment | dict(environment or {}),
            check=False,
        )
        if done.returncode:
            raise GitError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def text(self, *arguments: str) -> str:
        """As `run`, decoded and stripped."""
        return self.run(*arguments).decode(errors="surrogateescape").strip()

    def resolve(self, revision: str, kind: str = "commit") -> str | None:
        """The object that a SHA, branch, tag, `refs/...` or `REVISION:FOLDER` names, peeled to `kind`; None where there is none."""
        # git cannot peel what has a path: the suffix would be part of it.
        found = self._objects.find(revision if kind == "tree" and ":" in revision else f"{revision}^{{{kind}}}")
        return found[0] if found and found[1] == kind else None

    def kind(self, sha: str) -> str | None:
        """blob, tree, commit or tag; None where there is no such object."""
        found = self._objects.find(sha)
        return found[1] if found else None

    def is_empty(self) -> bool:
        """Whether nothing was ever pushed."""
        if self._was_empty:
            self._was_empty = not self.text("for-each-ref", "--count=1")
        return self._was_empty

    def blob(self, sha: str) -> bytes | None:
        """The content of a blob."""
        return self._objects.content(sha) if self.kind(sha) == "blob" else None

    def write_blob(self, content: bytes) -> str:
        return self._write("blob", content)

    def tree(self, sha: str, recursive: bool = False, path: str = "") -> list[Entry]:
        """The entries of a tree (or of a commit's), or the single one at `path`; trees are listed too."""
        top = self.resolve(sha, "tree")
        if top is None:
            raise GitError(f"no tree {sha}")
        if not path:
            return list(self._entries(top, "", recursive))
        folder, _, name = path.rstrip("/").rpartition("/")
        within = self.resolve(f"{top}:{folder}", "tree") if folder else top
        found = self._names(within).get(name) if within else None
        return [self._entry(path.rstrip("/"), *found)] if found else []

    def _entries(self, tree: str, prefix: str, recursive: bool) -> Iterator[Entry]:
        for name, (mode, sha) in self._names(tree).items():
            yield self._entry(prefix + name, mode, sha)
            if recursive and mode == FOLDER:
                yield from self._entries(sha, f"{prefix}{name}/", recursive)

    def _entry(self, path: str, mode: str, sha: str) -> Entry:
        return Entry(path, mode, kind_of(mode), sha, self._size(sha) if kind_of(mode) == "blob" else None)

    def _names(self, tree: str) -> Mapping[str, tuple[str, str]]:
        if tree not in self._trees:
            self._trees[tree] = read_tree(self._objects.content(tree) or b"")
        return self._trees[tree]

    def _size(self, blob: str) -> int:
        if blob not in self._sizes:
            self._sizes[blob] = len(self._objects.content(blob) or b"")
        return self._sizes[blob]

    def write_tree(self, base: str | None, entries: Sequence[Entry]) -> str:
        """A tree of `entries` on top of `base`; paths may hold slashes.

        Raises:
            GitError: an object is missing or of the wrong kind.
        """
        start = self.resolve(base, "tree") if base else None
        if base and start is None:
            raise GitError(f"no tree {base}")
        return self._write_tree(start, [(entry.path.split("/"), entry) for entry in entries]) or self._write(
            "tree", b""
        )

    def _write_tree(self, base: str | None, entries: Sequence[tuple[list[str], Entry]]) -> str | None:
        """The tree, None where nothing is left in it."""
        names = dict(self._names(base)) if base else {}
        below: dict[str, list[tuple[list[str], Entry]]] = {}
        for (name, *rest), entry in entries:
            if rest:
                below.setdefault(name, []).append((rest, entry))
            elif entry.sha:
                names[name] = (entry.mode, entry.sha)
            else:
                names.pop(name, None)
        for name, inner in below.items():
            mode, sha = names.pop(name, ("", ""))
            if folder := self._write_tree(sha if mode == FOLDER else None, inner):
                names[name] = (FOLDER, folder)
        return self._write("tree", tree_bytes(names)) if names else None

    def _write(self, kind: str, content: bytes) -> str:
        return write_loose(self.path / "objects", kind, content)

    def commit(self, sha: str) -> Commit:
        """A commit by its full SHA.

        Raises:
            GitError: there is no such commit.
        """
        content = self._objects.content(sha) if self.kind(sha) == "commit" else None
        if content is None:
            raise GitError(f"no commit {sha}")
        return read_commit(sha, content)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature | None = None
    ) -> str:
        """A new commit, on no branch yet."""
        return self._write("commit", commit_bytes(tree, tuple(parents), author, committer or author, message))

    def refs(self, prefix: str) -> list[Ref]:
        """All refs whose name begins with `prefix`, such as `refs/heads/feat`."""
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", "refs/").splitlines()
        return [ref for ref in (Ref(*line.split(" ")) for line in lines) if ref.name.startswith(prefix)]

    def ref(self, name: str) -> Ref | None:
        """The ref of exactly this name."""
        found = self._objects.find(name) if _PLAIN_REF.fullmatch(name) else None
        return Ref(name, *found) if found else None

    def set_ref(self, name: str, new: str, old: str) -> None:
        """Move a ref from `old` to `new`, one of which may be `ZERO`: it is not there yet, or is deleted.

        Raises:
            GitError: it is not at `old` any more, or the name is not a valid one.
        """
        if new == ZERO:
            self.run("update-ref", "-d", name, old)
        else:
            self.run("update-ref", name, new, old)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether moving a ref from `old` to `new` is a fast-forward."""
        if old in self.commit(new).parents:
            return True
        try:
            self.run("merge-base", "--is-ancestor", old, new)
        except GitError:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.text("merge-base", one, other)
        except GitError:
            return None

    def merge(self, base: str, head: str) -> str | None:
        """GitHub's test merge of `head` into `base`: parents base, head. None where they conflict."""
        try:
            tree = self.text("merge-tree", "--write-tree", base, head)
        except GitError:
            return None
        # The same two commits always give the same merge.
        who = Signature("GitHub", "noreply@github.com", self.commit(head).committer.date)
        return self.write_commit(tree, [base, head], f"Merge {head} into {base}", who)

    def log(self, revisions: str) -> list[str]:
        """SHAs of `A..B` or of everything behind a commit, newest first."""
        return self.text("rev-list", "--topo-order", revisions).split()

    def commit_files(
        self, branch: str, files: Mapping[str, bytes | str | None], message: str = "change", on: str | None = None
    ) -> str:
        """Commit `files` (None deletes) to a branch as if somebody had pushed, and return the new SHA.

        The parent is the branch's tip; for a new branch it is `on`, or nothing at all.
        """
        tip = self.resolve(f"refs/heads/{branch}")
        parent = tip or (self.resolve(on) if on else None)
        entries = [
            Entry(path, "100644", "blob", None if content is None else self.write_blob(_bytes(content)))
            for path, content in files.items()
        ]
        tree = self.write_tree(parent, entries)
        who = Signature("Mona", "mona@example.com", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        sha = self.write_commit(tree, [parent] if parent else [], message, who)
        self.set_ref(f"refs/heads/{branch}", sha, tip or ZERO)
        return sha


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
