"""Where records are kept: a tree of files that can be read, and changed as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from ml_ci.errors import OutsideError
from ml_ci.records import Run, read_record, write_record
from ml_ci.sources.git import Git

INDEX_LENGTH = 1000


class FileTree(Protocol):
    """A branch, or a folder, as records see it. Paths are relative and separated by `/`."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it is not there. Raises OutsideError where that cannot be known."""

    def update(self, change: Callable[[Callable[[str], bytes | None]], Mapping[str, bytes]], message: str) -> None:
        """Write the files that `change` returns, all of them or none; `message` says why.

        `change` is given a reader of the present content. It may be called again, on newer content, when somebody else
        wrote in between; so it must have no effect but its answer. Raises OutsideError where writing is not possible.
        """


class RunStore(Protocol):
    """Where base runs are looked for."""

    @property
    def name(self) -> str:
        """The place in words, for the report."""

    def by_commit(self, key: str, commit: str) -> Run | None:
        """The newest run of exactly this commit's code, None where there is none."""

    def by_fingerprint(self, key: str, fingerprint: str) -> Run | None:
        """The newest run whose inputs were equal, None where there is none."""

    def latest(self, key: str) -> Run | None:
        """The newest run of all, None where there is none."""

    def image(self, run: Run, sha256: str) -> bytes | None:
        """An image of one of its runs, None where it was not kept."""


class Records:
    """Runs as records in a tree of files: `records/KEY/SHA.json`, `images/SHA256.png`, and an index for each key.

    The index, `records/KEY/index.json`, holds `[commit, fingerprint]` pairs, newest first. It is what makes a record
    findable by its fingerprint without reading all of them.
    """

    def __init__(self, tree: FileTree, name: str) -> None:
        self._tree = tree
        self.name = name

    def by_commit(self, key: str, commit: str) -> Run | None:
        """The record of this commit."""
        path = _path(key, commit)
        text = self._tree.read(path)
        return read_record(text, f"{path} in {self.name}") if text is not None else None

    def by_fingerprint(self, key: str, fingerprint: str) -> Run | None:
        """The newest record whose inputs were equal."""
        for commit, known in _index(self._tree.read, key):
            if known == fingerprint:
                run = self.by_commit(key, commit)
                if run and run.fingerprint == fingerprint:
                    return run
        return None

    def latest(self, key: str) -> Run | None:
        """The newest record of all."""
        runs = (self.by_commit(key, commit) for commit, _ in _index(self._tree.read, key))
        return next((run for run in runs if run), None)

    def image(self, run: Run, sha256: str) -> bytes | None:  # noqa: ARG002 - here they are kept by content alone
        """An image by the SHA-256 of its content."""
        return self._tree.read(f"images/{sha256}.png")

    def add(self, run: Run, images: Mapping[str, bytes]) -> None:
        """Keep a run, with its images by SHA-256. A run of the same commit takes the place of the one before."""

        def change(read: Callable[[str], bytes | None]) -> dict[str, bytes]:
            others = [entry for entry in _index(read, run.key) if entry[0] != run.commit]
            index = [(run.commit, run.fingerprint), *others][:INDEX_LENGTH]
            files = {f"images/{sha256}.png": content for sha256, content in images.items()}
            files[_path(run.key, run.commit)] = write_record(run).encode()
            files[f"records/{run.key}/index.json"] = json.dumps(index, indent=0).encode()
            return files

        self._tree.update(change, f"Record {run.key} at {run.commit[:12]}")


class Folder:
    """A folder as a tree of files: the records of a laptop, in the output folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it is not there."""
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None

    def update(self, change: Callable[[Callable[[str], bytes | None]], Mapping[str, bytes]], message: str) -> None:
        """Write the files, each of them whole."""
        del message  # a folder keeps no history
        for path, content in change(self.read).items():
            target = self._root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=target.parent, delete=False) as file:
                file.write(content)
            Path(file.name).replace(target)


class FetchedBranch:
    """The data branch as this clone last fetched it; read-only, and without a request."""

    def __init__(self, git: Git, branch: str) -> None:
        self._git = git
        self._ref = f"refs/remotes/origin/{branch}"

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it, or the branch, is not there."""
        return self._git.read(self._ref, path)

    def update(self, change: Callable[[Callable[[str], bytes | None]], Mapping[str, bytes]], message: str) -> None:
        """Refused: raises OutsideError."""
        del change, message
        raise OutsideError("the data branch is written by the action, not from a clone.")


def _path(key: str, commit: str) -> str:
    return f"records/{key}/{commit}.json"


def _index(read: Callable[[str], bytes | None], key: str) -> list[tuple[str, str]]:
    text = read(f"records/{key}/index.json")
    if text is None:
        return []
    try:
        return [(str(commit), str(fingerprint)) for commit, fingerprint in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise OutsideError(
            f"records/{key}/index.json is damaged: delete it from the data branch, and it is made anew."
        ) from error
