"""Data under DVC: `dvc pull` of what training needs, and what is here afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import PIPE, CompletedProcess

from ml_ci.errors import OutsideError
from ml_ci.records import DataVersion
from ml_ci.sources import process
from ml_ci.sources.data_check import remove_false
from ml_ci.sources.dvc_failures import why_not_brought
from ml_ci.sources.dvc_files import outputs, versions
from ml_ci.sources.dvc_settings import write_local_settings
from ml_ci.sources.process import Owner, last_words, owner_of
from ml_ci.sources.stalled import StalledError, finish

_DVC = (sys.executable, "-I", "-m", "dvc")
PATIENCE = 600.0
"""Seconds in which a pull may bring nothing. DVC's own patience is a minute for each of five tries at each of its questions."""


@dataclass(frozen=True)
class Pulled:
    """What `dvc pull` left: data that is not what DVC tracks, by path with a hash of its content, and warnings.

    `said` are DVC's closing words, such as `50 files fetched`.
    """

    changed: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    said: str = ""


def find_dvc(directory: Path, top: Path) -> Path | None:
    """The root of the DVC repository that `directory` is in: the nearest `.dvc` folder up to the top; else None."""
    for folder in (directory, *directory.parents):
        if (folder / ".dvc").is_dir():
            return folder
        if folder == top:
            return None
    return None


def _content_hash(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(str(file.relative_to(path)).encode() + b"\0")
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Status:
    """What `dvc data status` says, by path relative to the root; folders end in `/`, and so their files follow them."""

    modified: frozenset[str]
    deleted: frozenset[str]
    not_in_cache: frozenset[str]

    @property
    def changed(self) -> list[str]:
        """Tracked data, as a whole, whose content is not what its `.dvc` file or `dvc.lock` says."""
        folders = tuple(path for path in self.modified if path.endswith("/"))
        return sorted(path.rstrip("/") for path in self.modified if path in folders or not path.startswith(folders))

    @property
    def blocked(self) -> list[str]:
        """What is in the cache and not in the working tree."""
        return sorted(path for path in self.deleted if path not in self.not_in_cache)

    def missing(self, source: DataVersion, root: Path) -> list[str]:
        """Of one source, what is neither here nor in the cache; all of it where that cannot be known."""
        folder = f"{source.path}/"
        if not (root / source.path).exists() or (folder in self.not_in_cache and folder in self.modified):
            return [source.path]
        return sorted(path for path in self.deleted & self.not_in_cache if path.startswith(folder))


def _not_brought(said: bytes) -> list[str]:
    """What DVC names as missing from cache and remote, where that is all that it complains of."""
    _, found, names = said.decode(errors="replace").partition("Checkout failed for following targets:")
    names, asked, _ = names.partition("Is your cache up to date?")
    return sorted(name.strip() for name in names.splitlines() if name.strip()) if found and asked else []


def _is_wanted(source: str, targets: list[str]) -> bool:
    """Whether a pull of these targets brings the source, or something in it; every source where there are no targets."""
    if not targets:
        return True
    names = (source, f"{source}.dvc")
    return any(target in names or target.startswith(f"{source}/") for target in targets)


class Dvc:
    """One DVC repository, driven by ml-ci's own `dvc`; `variables` is the environment, with the remote's credentials."""

    def __init__(self, root: Path, variables: Mapping[str, str], patience: float = PATIENCE) -> None:
        self.root = root
        self._patience = patience
        self.owner: Owner | None = owner_of(root)
        self.variables = {**variables, "DVC_NO_ANALYTICS": "1"}

    def pull(self, targets: tuple[str, ...] = (), directory: Path | None = None) -> Pulled:
        """`dvc pull`, once; `targets` are relative to `directory`.

        What a stage makes may be missing from the remote, since training makes it again, and data that was changed by
        hand stays as it is; both are warnings. Raises OutsideError if source data is missing afterwards, or is not what
        its hash says.
        """
        begin = time.time()
        answer = self._bring("pull", *(("--", *targets) if targets else ()), directory=directory)
        if b"Everything is up to date." not in answer.stdout:
            self._check_hashes(begin)
        if answer.returncode == 0:
            said = last_words(answer.stdout).rsplit(" / ", 1)[-1]
            return replace(self.as_it_is() if targets else Pulled(), said=said)
        status = self._status()
        if status.blocked:
            # DVC brought everything, and then put nothing in its place because of the one file that was changed by hand
            self.run("checkout", "--", *status.blocked)
            status = self._status()
        reason, remedy = why_not_brought(answer.stderr)
        sources = [source for source in self.sources() if _is_wanted(source.path, self._from_root(targets, directory))]
        missing = [path for source in sources for path in status.missing(source, self.root)]
        if missing:
            names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise OutsideError(f"`dvc pull` could not bring {names} ({reason}): {remedy}.")
        pulled = self._pulled(status)
        if pulled.changed:
            return pulled
        made = _not_brought(answer.stderr)
        if made:
            names = ", ".join(made[:5]) + (f" and {len(made) - 5} more" if len(made) > 5 else "")
            told = f"`dvc pull` did not bring {names}, which a stage makes: training makes it again."
            return Pulled(warnings=(told,))
        return Pulled(warnings=(f"`dvc pull` did not bring everything, but all source data is here: {reason}",))

    def _check_hashes(self, since: float) -> None:
        """Raise OutsideError where DVC let something into the cache that is not what it is called by."""
        false = remove_false(self._cache(), since)
        if false:
            self._mistrust()
            named = {version.hash: version.path for version in self.sources()}
            names = ", ".join(named.get(digest, digest) for digest in false[:5])
            more = f" and {len(false) - 5} more" if len(false) > 5 else ""
            raise OutsideError(
                f"`dvc pull` brought {names}{more} with another content than the hash in the repository says: the remote is "
                "damaged, or is not the one that the data was pushed to; check .dvc/config, and `dvc push` where the data is."
            )

    def _mistrust(self) -> None:
        """Let DVC hash its sources anew, where it has noted that they are what it fetched: it knows them by their times."""
        for source in self.sources():
            place = self.root / source.path
            for file in place.rglob("*") if place.is_dir() else [place]:
                if file.is_file():
                    os.utime(file)

    def as_it_is(self) -> Pulled:
        """What is here without a pull."""
        return self._pulled(self._status())

    def sources(self) -> tuple[DataVersion, ...]:
        """What `.dvc` files name, by its path relative to the root: data that no stage makes."""
        return versions(self._files("*.dvc"), self._read)

    def wanted(
        self, files: Iterable[str], top: Path, targets: tuple[str, ...], directory: Path
    ) -> tuple[DataVersion, ...]:
        """What a `pull` of these targets is to bring, by its path relative to the root; what stages made included.

        `files` are those that git knows, relative to its `top`. Raises OutsideError for one that is not what DVC writes.
        """
        # DVC's repository may be a part of git's
        below = f"{self.root.relative_to(top).as_posix()}/".removeprefix("./")
        inside = {file.removeprefix(below) for file in files if file.startswith(below)}
        names = self._from_root(targets, directory)
        return tuple(
            version
            for version in outputs(inside, self._read)
            if version.path not in inside and _is_wanted(version.path, names)
        )

    def _files(self, *patterns: str) -> list[str]:
        found = (file for pattern in patterns for file in self.root.rglob(pattern) if file.is_file())
        return [str(file) for file in (each.relative_to(self.root) for each in found) if ".dvc" not in file.parts[:-1]]

    def _pulled(self, status: _Status) -> Pulled:
        changed = {path: _content_hash(self.root / path) for path in status.changed}
        return Pulled(
            changed=changed,
            warnings=tuple(f"{path} is not what DVC tracks; training used it as it is." for path in changed),
        )

    def _status(self) -> _Status:
        answer = self.run("data", "status", "--json", "--granular")
        if answer.returncode:
            # mostly a broken file, which DVC does not name where its output is not a terminal
            versions(self._files("*.dvc", "dvc.lock"), self._read)
            raise OutsideError(f"`dvc data status` failed in {self.root}: {last_words(answer.stderr)}.")
        document = json.loads(answer.stdout)
        uncommitted = document.get("uncommitted") or {}
        return _Status(
            modified=frozenset(uncommitted.get("modified") or ()),
            deleted=frozenset(uncommitted.get("deleted") or ()),
            not_in_cache=frozenset(document.get("not_in_cache") or ()),
        )

    def _from_root(self, targets: tuple[str, ...], directory: Path | None) -> list[str]:
        return [os.path.relpath((directory or self.root) / target, self.root) for target in targets]

    def up_to_date(self, stages: Iterable[str], directory: Path) -> set[str]:
        """Those of the stages that `dvc status` shows as unchanged, with all stages that they depend on.

        It is asked about stages, since of a file it looks at the last stage only.
        """
        wanted = set(stages)
        if not wanted:
            return set()
        answer = self.run("status", "--with-deps", "--json", "--", *sorted(wanted), directory=directory)
        if answer.returncode == 0 and not json.loads(answer.stdout or b"{}"):
            return wanted
        # it names the stage that has changed, and not which of these depend on that
        return set() if len(wanted) == 1 else {stage for each in wanted for stage in self.up_to_date([each], directory)}

    def share_cache(self, other: Path) -> None:
        """Let the DVC repository of a worktree use this one's cache, remotes and credentials."""
        write_local_settings(self.root, other, self._cache(), self.owner)

    def _cache(self) -> Path:
        """Where DVC has its cache by its own word: there is more than one way to say it."""
        return self.root / (self.run("cache", "dir").stdout.decode().strip() or ".dvc/cache")

    def _read(self, path: str) -> bytes | None:
        return (self.root / path).read_bytes()

    def _bring(self, *arguments: str, directory: Path | None) -> CompletedProcess[bytes]:
        """As `run`, for what may take hours: ended where it waits for somebody who never answers. Raises OutsideError."""
        command = [*_DVC, *arguments]
        with process.start(
            command, directory or self.root, self.variables, self.owner, stdout=PIPE, stderr=PIPE
        ) as program:
            try:
                output, errors = finish(program, patience=self._patience)
            except StalledError as error:
                raise OutsideError(
                    f"`dvc pull` brought nothing for {self._patience / 60:.0f} minutes, so it was ended: the remote accepts "
                    "connections and does not answer; check it, and run the job again."
                ) from error
        return CompletedProcess(command, program.returncode, output, errors)

    def run(self, *arguments: str, directory: Path | None = None) -> CompletedProcess[bytes]:
        """Run a command of ml-ci's own DVC, at the root or in a directory below it."""
        return process.run(
            [*_DVC, *arguments],
            directory=directory or self.root,
            variables=self.variables,
            owner=self.owner,
            timeout=24 * 3600,
        )
