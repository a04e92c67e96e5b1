"""Git's objects as bytes: trees, commits, and how they lie on disk. Starting git for each would take most of a test's time."""

import hashlib
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "040000"


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


def write_loose(objects: Path, kind: str, content: bytes) -> str:
    """Put an object into the folder `objects` of a repository, and return its SHA."""
    whole = b"%s %d\0" % (kind.encode(), len(content)) + content
    sha = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = objects / sha[:2] / sha[2:]
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(zlib.compress(whole))
        Path(file.name).replace(path)
    return sha


def kind_of(mode: str) -> str:
    return {FOLDER: "tree", "160000": "commit"}.get(mode, "blob")


def read_tree(content: bytes) -> dict[str, tuple[str, str]]:
    """Mode and SHA by name, in the tree's own order."""
    found = {}
    while content:
        head, _, rest = content.partition(b"\0")
        mode, _, name = head.partition(b" ")
        found[name.decode(errors="surrogateescape")] = mode.decode().zfill(6), rest[:20].hex()
        content = rest[20:]
    return found


def tree_bytes(entries: Mapping[str, tuple[str, str]]) -> bytes:
    """A tree; git sorts folders as if their names ended with a slash."""
    names = {name: name.encode(errors="surrogateescape") for name in entries}
    order = sorted(entries, key=lambda name: names[name] + (b"/" if entries[name][0] == FOLDER else b""))
    return b"".join(
        b"%s %s\0%s" % (entries[name][0].lstrip("0").encode(), names[name], bytes.fromhex(entries[name][1]))
        for name in order
    )


def read_commit(sha: str, content: bytes) -> Commit:
    """A commit without what it may have besides, such as a signature."""
    head, _, message = content.decode(errors="replace").partition("\n\n")
    lines = [line.partition(" ")[::2] for line in head.split("\n") if not line.startswith(" ")]
    fields = dict(lines)
    return Commit(
        sha=sha,
        tree=fields["tree"],
        parents=tuple(value for key, value in lines if key == "parent"),
        author=_signature(fields["author"]),
        committer=_signature(fields["committer"]),
        message=message.rstrip("\n"),
    )


def commit_bytes(tree: str, parents: tuple[str, ...], author: Signature, committer: Signature, message: str) -> bytes:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_written(author)}", f"committer {_written(committer)}"]
    return ("\n".join(lines) + f"\n\n{message}").encode()


def _signature(text: str) -> Signature:
    name, _, rest = text.partition(" <")
    email, _, when = rest.partition("> ")
    date = datetime.fromtimestamp(int(when.split()[0]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Signature(name, email, date)


def _written(who: Signature) -> str:
    return f"{who.name} <{who.email}> {int(datetime.fromisoformat(who.date).timestamp())} +0000"
