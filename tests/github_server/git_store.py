"""A real bare git repository, through git's plumbing: what GitHub's git endpoints stand on."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ZERO = "0" * 40


class GitError(Exception):
    """git refused; the message is its standard error."""


@dataclass(frozen=True)
class Signature:
    """Who and when; `date` is ISO 8601 in UTC, as GitHub writes it."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


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

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """The standard output of `git ARGUMENTS`.

        Raises:
            GitError: git's exit code is not 0.
        """
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", f"--git-dir={self.path}", *arguments],
            input=stdin,
            capture_output=True,
            env=clean | dict(environment or {}),
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
        peeled = revision if kind == "tree" and ":" in revision else f"{revision}^{{{kind}}}"
        try:
            return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", peeled)
        except GitError:
            return None

    def kind(self, sha: str) -> str | None:
        """blob, tree, commit or tag; None where there is no such object."""
        try:
            return self.text("cat-file", "-t", sha)
        except GitError:
            return None

    def is_empty(self) -> bool:
        """Whether nothing was ever pushed."""
        return not self.text("for-each-ref", "--count=1")

    def blob(self, sha: str) -> bytes | None:
        """The content of a blob."""
        return self.run("cat-file", "blob", sha) if self.kind(sha) == "blob" else None

    def write_blob(self, content: bytes) -> str:
        return self.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()

    def tree(self, sha: str, recursive: bool = False, path: str = "") -> list[Entry]:
        """The entries of a tree (or of a commit's), or the single one at `path`; trees are listed too."""
        flags = ["-r", "-t"] if recursive else []
        listing = self.run("ls-tree", "-l", "-z", "--full-tree", *flags, sha, *(["--", path] if path else []))
        entries = []
        for line in listing.decode(errors="surrogateescape").split("\0")[:-1]:
            head, name = line.split("\t", 1)
            mode, kind, entry, size = head.split()
            entries.append(Entry(name, mode, kind, entry, int(size) if size != "-" else None))
        return entries

    def write_tree(self, base: str | None, entries: Sequence[Entry]) -> str:
        """A tree of `entries` on top of `base`; paths may hold slashes.

        Raises:
            GitError: an object is missing or of the wrong kind.
        """
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self.run("read-tree", *([base] if base else ["--empty"]), environment=index)
            for entry in entries:
                if entry.kind == "tree" and entry.sha:
                    self.run("read-tree", f"--prefix={entry.path}/", entry.sha, environment=index)
            lines = [
                f"{entry.mode if entry.sha else '0'} {entry.sha or ZERO}\t{entry.path}\0"
                for entry in entries
                if entry.kind != "tree"
            ]
            self.run("update-index", "-z", "--index-info", stdin="".join(lines).encode(), environment=index)
            return self.run("write-tree", environment=index).decode().strip()

    def commit(self, sha: str) -> Commit:
        """A commit by its full SHA.

        Raises:
            GitError: there is no such commit.
        """
        fields = "%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
        shown = self.run("show", "--no-patch", "--no-show-signature", f"--format={fields}", sha)
        tree, parents, *who, message = shown.decode(errors="replace").split("\0", 8)
        author, committer = (Signature(name, email, _iso(seconds)) for name, email, seconds in (who[:3], who[3:]))
        return Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n"))

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature | None = None
    ) -> str:
        """A new commit, on no branch yet."""
        by = committer or author
        environment = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.date,
            "GIT_COMMITTER_NAME": by.name,
            "GIT_COMMITTER_EMAIL": by.email,
            "GIT_COMMITTER_DATE": by.date,
        }
        options = [option for parent in parents for option in ("-p", parent)]
        return self.run("commit-tree", tree, *options, stdin=message.encode(), environment=environment).decode().strip()

    def refs(self, prefix: str) -> list[Ref]:
        """All refs whose name begins with `prefix`, such as `refs/heads/feat`."""
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", "refs/").splitlines()
        return [ref for ref in (Ref(*line.split(" ")) for line in lines) if ref.name.startswith(prefix)]

    def ref(self, name: str) -> Ref | None:
        """The ref of exactly this name."""
        return next((ref for ref in self.refs(name) if ref.name == name), None)

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


def _iso(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
