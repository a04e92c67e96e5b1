"""What both doors set up around a job, and take down after it: places, the locks, the reaper."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ml_ci.errors import MlCiError, OutsideError
from ml_ci.progress import Progress
from ml_ci.secrets import Secrets
from ml_ci.side import Workshop
from ml_ci.sources.disk import disk_explained
from ml_ci.sources.git import Git
from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.output_folder import OutputFolder, hand_over
from ml_ci.sources.process import Owner
from ml_ci.sources.reaper import Reaper, common_git_dir
from ml_ci.sources.tracking import Tracking

CLEANED_UP = 20.0
"""Seconds within which a guard has ended and deleted everything (`guard.GRACE`, and files to delete)."""


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Where what is worth keeping between jobs is kept: ML_CI_CACHE, else the user's cache folder."""
    own = variables.get("ML_CI_CACHE")
    shared = variables.get("XDG_CACHE_HOME")
    return Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "ml-ci"


@contextmanager
def workshop(
    git: Git,
    out: Path,
    variables: Mapping[str, str],
    progress: Progress,
    *,
    in_container: bool = False,
    hidden: Secrets | None = None,
) -> Iterator[tuple[Workshop, Path]]:
    """A workshop for one job, and a temporary folder for it; whatever happens, both are tidy afterwards.

    `hidden` is what nothing may be said of, where that is more than the secrets among `variables`. An error that leaves
    the block says none of it. Raises OutsideError where another job is at work in this repository.
    """
    hidden = hidden or Secrets.of(variables)
    with (
        _one_at_a_time(common_git_dir(git.top)) as lock,
        _unfenced_at_last(git, progress),
        Reaper(lock) as reaper,
        OutputFolder(out, git.owner) as folder,
        disk_explained(),
    ):
        if git.credential:
            # a machine of GitHub's, and code that nobody may have read; a laptop's clone is its owner's business
            git.fence_in(reaper)
        temporary = _temporary_folder(variables, reaper)
        cache = cache_folder(variables)
        if git.owner:
            os.chown(temporary, git.owner.uid, git.owner.gid)
            _make_for(cache / "envs", git.owner)
            if in_container:
                _introduce(git.owner, variables.get("HOME", "/"))
        try:
            yield (
                Workshop(
                    variables={**variables, **reaper.marker},
                    cache=cache,
                    out=out,
                    reaper=reaper,
                    owner=git.owner if in_container else None,
                    progress=progress,
                    in_container=in_container,
                    secrets=hidden,
                    unexchanged=folder.unexchanged,
                ),
                temporary,
            )
        except MlCiError as error:
            hidden.in_error(error)
            raise
        finally:
            if git.owner:
                _give_back(cache / "envs", git.owner)


@contextmanager
def _unfenced_at_last(git: Git, progress: Progress) -> Iterator[None]:
    """After the reaper, which puts everything back, see that it did."""
    try:
        yield
    finally:
        for warning in git.unfence():
            progress.line(f"Warning: {warning}")


@contextmanager
def tracking(shop: Workshop) -> Iterator[Tracking]:
    """The user's MLflow, asked once whether it answers; else an embedded server, which gets up meanwhile."""
    uri = shop.variables.get("MLFLOW_TRACKING_URI")
    if uri:
        own = Tracking(uri, shop.variables, shared=True)
        own.check()
        yield own
        return
    with MlflowServer(shop.out / "mlflow", shop.variables, shop.reaper, shop.owner) as server:
        try:
            yield Tracking(server.uri, shop.variables, shared=False, state=server.state)
        except OutsideError:
            # if the server has died, that is the reason, and its log says why
            server.check()
            raise


def output_folder(git: Git, out: Path) -> OutputFolder:
    """The output folder of a job in this clone."""
    return OutputFolder(out, git.owner)


@contextmanager
def _one_at_a_time(git_dir: Path) -> Iterator[int | None]:
    """Two locks that the kernel gives back however this process ends; they leave no file, since they are on folders.

    The first is this job's. The second, which is the block's value, is the guard's too: whoever gets the first one but
    not the second comes after a job that was killed, and waits until that is cleaned up.
    """
    if sys.platform == "win32":
        yield None
        return
    with _lock(git_dir, 0) as mine, _lock(git_dir / "objects", CLEANED_UP if mine is not None else 0) as guards:
        if mine is None:
            raise OutsideError(f"another ml-ci is at work in {git_dir.parent}: wait for it, or end it.")
        if guards is None:
            raise OutsideError(f"what an ml-ci that was killed in {git_dir.parent} had started does not end: end it.")
        yield guards


@contextmanager
def _lock(folder: Path, patience: float) -> Iterator[int | None]:
    """The folder's lock, as its descriptor; None where it could not be had within `patience` seconds."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    end = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    yield None
                    return
                time.sleep(0.05)
            else:
                yield descriptor
                return
    finally:
        os.close(descriptor)


def _temporary_folder(variables: Mapping[str, str], reaper: Reaper) -> Path:
    """A new folder for this job only, known to the reaper before it is there."""
    path = Path(variables.get("RUNNER_TEMP") or tempfile.gettempdir()) / f"ml-ci-{secrets.token_hex(8)}"
    reaper.folder(path)
    path.mkdir(mode=0o700)
    return path


def _make_for(folder: Path, owner: Owner) -> None:
    """A folder that the owner may write to: uv, which runs as the owner, puts Pythons and environments there."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        os.chown(each, owner.uid, owner.gid)


def _introduce(owner: Owner, home: str) -> None:
    """Give the owner a name in the container: DVC, ssh and `getpass` refuse to work for a user that has none."""
    import pwd

    try:
        pwd.getpwuid(owner.uid)
    except KeyError:
        with Path("/etc/passwd").open("a", encoding="utf-8") as file:
            file.write(f"runner:x:{owner.uid}:{owner.gid}::{home}:/bin/bash\n")


def _give_back(folder: Path, owner: Owner) -> None:
    """What root made of the folder of environments; what is deeper in there was written by uv, as the owner."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        hand_over(descriptor, owner, depth=3)
    finally:
        os.close(descriptor)
