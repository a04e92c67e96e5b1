"""Where records are kept: a tree of files that can be read, and changed as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.records import Past, Run, read_record, write_record
from ml_ci.sources.accepted_list import AcceptedVerdict, read_accepted, with_accepted, write_accepted
from ml_ci.sources.git import Git
from ml_ci.sources.history import past_of, read_history, with_newest, write_history
from ml_ci.sources.record_images import read_images, write_images
from ml_ci.sources.verdict_counts import VerdictCounts, read_counts, write_counts

RECORDS = 100
"""So many records of a key are kept; the oldest goes with its predictions."""
_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}")
_NOT_KEPT = "The predictions were not kept with the record:"
PREDICTIONS_BYTES = 5_000_000
"""A branch that gets so much with each commit is still quick to fetch; more than this belongs into MLflow."""

Reader = Callable[[str], bytes | None]
Change = Callable[[Reader], Mapping[str, bytes | None]]
"""What to write, given what is there: the content of each path, None for one that is to go."""


class FileTree(Protocol):
    """A branch, or a folder, as records see it. Paths are relative and separated by `/`."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it is not there. Raises OutsideError where that cannot be known."""

    def update(self, change: Change, message: str) -> None:
        """Write and remove the files that `change` says, all of them or none; `message` says why.

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

    def predictions(self, run: Run) -> bytes | None:
        """The Parquet file of one of its runs as it is there, None where it was not kept; nobody has verified it."""

    def history(self, key: str, count: int) -> tuple[Past, ...]:
        """What the last `count` recorded runs measured, newest first."""


class Records:
    """Runs as records in a tree of files: `records/KEY/SHA.json`, `images/SHA256.png`, and an index for each key.

    The index, `records/KEY/index.json`, holds `[commit, fingerprint]` pairs, newest first. It is what makes a record
    findable by its fingerprint without reading all of them. Beside it are the predictions of each record (`SHA.parquet`),
    which images each needs (`images.json`), the branch's history (`history.json`), how many verdicts each test set
    has carried (`test-sets.json`), and who accepted one (`accepted.json`). The last `RECORDS` of each key are kept.
    """

    def __init__(self, tree: FileTree, name: str) -> None:
        self._tree = tree
        self.name = name

    def by_commit(self, key: str, commit: str) -> Run | None:
        """The record of this commit. Raises OutsideError for a file in its place that is no such record."""
        path = _path(key, commit)
        text = self._tree.read(path)
        if text is None:
            return None
        where = f"{path} in {self.name}"
        try:
            run = read_record(text, where)
        except ConfigError as error:
            raise OutsideError(f"{error} Delete it, and it is made anew.") from error
        if (run.key, run.commit, run.status) != (key, commit, "FINISHED"):
            raise OutsideError(
                f"{where} is the record of another run ({quoted(run.key)} at {quoted(run.commit)}, {quoted(run.status)}): "
                "delete it, and it is made anew."
            )
        return run

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
        return self._tree.read(image_path(sha256))

    def predictions(self, run: Run) -> bytes | None:
        """The Parquet file beside the record."""
        return self._tree.read(_predictions(run.key, run.commit)) if run.predictions else None

    def history(self, key: str, count: int) -> tuple[Past, ...]:
        """What the last runs of `ml-ci record` measured, in one read. Raises OutsideError where the file is damaged."""
        return self._history(self._tree.read, key)[:count]

    def add(
        self,
        run: Run,
        images: Mapping[str, bytes],
        predictions: bytes | None = None,
        *,
        recorded: bool = False,
        judged: Collection[str] = (),
    ) -> Run:
        """Keep a run, with its images by SHA-256 and its predictions as Parquet; returns it as it is kept.

        A run of the same commit takes the place of the one before. `recorded` says that it is what its branch has now,
        and so a line of its history, in which the metrics named in `judged` have their place. Predictions of more than `PREDICTIONS_BYTES` are left out, and a warning of the run
        says so.
        """
        kept = predictions if predictions is None or len(predictions) <= PREDICTIONS_BYTES else None
        if predictions is not None and kept is None:
            run = replace(run, warnings=(*run.warnings, _too_large(predictions)))
        if kept is None:
            run = replace(run, predictions=None)

        def change(read: Reader) -> dict[str, bytes | None]:
            files: dict[str, bytes | None] = {image_path(sha256): content for sha256, content in images.items()}
            files[_path(run.key, run.commit)] = write_record(run).encode()
            files[_predictions(run.key, run.commit)] = kept
            files |= _indexed(run, read)
            if recorded:
                history = with_newest(past_of(run, judged), self._history(read, run.key))
                files[f"records/{run.key}/history.json"] = write_history(history)
            return files

        self._tree.update(change, f"Record {run.key} at {run.commit[:12]}")
        return run

    def verdict_counts(self, key: str) -> VerdictCounts:
        """How many verdicts each test set has carried. Raises OutsideError where that cannot be known."""
        return self._counts(self._tree.read, key)

    def count_verdict(self, *runs: Run) -> None:
        """Count a verdict on each run's test set, once. Raises OutsideError where it cannot be written."""
        about = ", ".join(f"{run.commit[:12]} as {run.key}" for run in runs)
        self._tree.update(
            lambda read: {path: content for run in runs for path, content in self.counted(run, read).items()},
            f"Verdict on {about}: its test set is used",
        )

    def counted(self, run: Run, read: Reader) -> dict[str, bytes]:
        """What `count_verdict` writes, for a caller that has more to write in the same update."""
        counts = self._counts(read, run.key)
        more = counts.with_verdict_on(run)
        return {} if more == counts else {f"records/{run.key}/test-sets.json": write_counts(more)}

    def accepted(self, run: Run, verdict: str, read: Reader) -> dict[str, bytes]:
        """What is to be written so that it stays known who accepted this verdict; nothing where nobody did."""
        if run.accepted is None:
            return {}
        path = f"records/{run.key}/accepted.json"
        before = read_accepted(read(path), f"{path} in {self.name}")
        more = with_accepted(AcceptedVerdict.of(run.commit, verdict, run.accepted), before)
        return {} if more == before else {path: write_accepted(more)}

    def _history(self, read: Reader, key: str) -> tuple[Past, ...]:
        path = f"records/{key}/history.json"
        return read_history(read(path), f"{path} in {self.name}")

    def _counts(self, read: Reader, key: str) -> VerdictCounts:
        path = f"records/{key}/test-sets.json"
        return read_counts(read(path), f"{path} in {self.name}")


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

    def update(self, change: Change, message: str) -> None:
        """Write the files, each of them whole, and remove those that are to go."""
        del message  # a folder keeps no history
        for path, content in change(self.read).items():
            target = self._root / path
            if content is None:
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=target.parent, delete=False) as file:
                temporary = Path(file.name)
            try:
                temporary.write_bytes(content)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)


class FetchedBranch:
    """The data branch as this clone last fetched it; read-only, and without a request."""

    def __init__(self, git: Git, branch: str) -> None:
        self._git = git
        self._ref = f"refs/remotes/origin/{branch}"

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where it, or the branch, is not there."""
        return self._git.read(self._ref, path)

    def update(self, change: Change, message: str) -> None:
        """Refused: raises OutsideError."""
        del change, message
        raise OutsideError("the data branch is written by the action, not from a clone.")


def too_large_to_keep(run: Run) -> bool:
    """Whether the run of a record had predictions, and they were more than a record may have."""
    return any(warning.startswith(_NOT_KEPT) for warning in run.warnings)


def image_path(sha256: str) -> str:
    """Where an image is, by the SHA-256 of its content."""
    return f"images/{sha256}.png"


def images_path(key: str) -> str:
    """Where it is noted which images the records of a key need."""
    return f"records/{key}/images.json"


def _path(key: str, commit: str) -> str:
    return f"records/{key}/{commit}.json"


def _predictions(key: str, commit: str) -> str:
    return f"records/{key}/{commit}.parquet"


def _too_large(predictions: bytes) -> str:
    return (
        f"{_NOT_KEPT} {len(predictions) / 1e6:.1f} MB are more than the "
        f"{PREDICTIONS_BYTES / 1e6:.0f} MB that a record may have, so the next comparison with it has weaker evidence. "
        "Evaluate on fewer examples, or give ml-ci an MLflow server."
    )


def _indexed(run: Run, read: Reader) -> dict[str, bytes | None]:
    """The key's index and its images with one more run in front; what falls off at the end goes."""
    others = [entry for entry in _index(read, run.key) if entry[0] != run.commit]
    index = [(run.commit, run.fingerprint), *others][:RECORDS]
    kept = {commit for commit, _ in index}
    images = read_images(read(images_path(run.key))) | {run.commit: tuple(image.sha256 for image in run.images)}
    gone = [path(run.key, commit) for commit, _ in others if commit not in kept for path in (_path, _predictions)]
    return {
        **dict.fromkeys(gone),
        f"records/{run.key}/index.json": json.dumps(index, indent=0).encode(),
        images_path(run.key): write_images({commit: found for commit, found in images.items() if commit in kept}),
    }


def _sha(commit: object) -> str:
    """A commit's name, which becomes a part of a path. Raises ValueError for what can be no part of one."""
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ValueError(commit)
    return commit


def _index(read: Reader, key: str) -> list[tuple[str, str]]:
    text = read(f"records/{key}/index.json")
    if text is None:
        return []
    try:
        return [(_sha(commit), str(fingerprint)) for commit, fingerprint in parsed(text)]
    except DAMAGED as error:
        raise OutsideError(
            f"records/{key}/index.json is damaged: delete it from the data branch, and it is made anew."
        ) from error
