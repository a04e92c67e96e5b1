"""Artifacts of a workflow run: found by name, and fetched up to a size."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ml_ci.errors import OutsideError
from ml_ci.github.session import Permissions, explained

if TYPE_CHECKING:
    from github.Artifact import Artifact
    from github.Repository import Repository
    from requests import PreparedRequest

LARGEST_ARCHIVE = 100_000_000
"""Bytes of an archive that is fetched."""
_TRIES = 3
_TIMEOUT = 30
"""Seconds without a byte."""
_CLOCK = 300.0
"""Seconds for all of it."""
_CHUNK = 1 << 16
_NEEDED: Permissions = {"actions": "read"}
_DOING = "read the artifacts of the pull request's workflow run"


def fetch_artifact(
    repo: Repository,
    run_id: int,
    name: str,
    *,
    head_sha: str,
    target: Path,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Write the newest artifact of this name of the run, which was made for `head_sha`, to `target` as a ZIP archive.

    False where there is none. Raises OutsideError; NotPermittedError where the token may not read Actions.
    """
    with explained(_DOING, _NEEDED):
        found = _newest(repo, run_id, name, head_sha)
        if found is None:
            return False
        for again in range(_TRIES):
            if again:
                sleep(2.0**again)
            # the address holds for a minute, so each try has one of its own
            address = _address(repo, found.id)
            why = _download(address, target, found.digest, repo.requester.kwargs.get("verify", True))
            if not why:
                return True
    raise OutsideError(
        f"GitHub's store of artifacts did not give what the pull request's job handed over ({why}, {_TRIES} times): run "
        "this job again later."
    )


def _newest(repo: Repository, run_id: int, name: str, head_sha: str) -> Artifact | None:
    """The run's artifact of exactly this name and commit that is still there; a run that is repeated leaves one each time."""
    from github.Artifact import Artifact
    from github.PaginatedList import PaginatedList

    listed = PaginatedList(
        Artifact,
        repo.requester,
        f"{repo.url}/actions/runs/{run_id}/artifacts",
        {"name": name},
        list_item="artifacts",
    )
    ours = [
        artifact
        for artifact in listed
        if artifact.name == name and not artifact.expired and _commit(artifact) == head_sha
    ]
    newest = max(ours, key=lambda artifact: (artifact.created_at, artifact.id), default=None)
    if newest is not None and newest.size_in_bytes > LARGEST_ARCHIVE:
        raise _too_large(newest.size_in_bytes)
    return newest


def _commit(artifact: Artifact) -> str | None:
    # PyGithub would ask for the run of an artifact that names none
    run = artifact.raw_data.get("workflow_run")
    return run.get("head_sha") if run else None


def _address(repo: Repository, artifact: int) -> str:
    """Where the archive is, which is another host's. Raises OutsideError where anybody on the way could change it."""
    headers, _ = repo.requester.requestJsonAndCheck("GET", f"{repo.url}/actions/artifacts/{artifact}/zip")
    address = str(headers.get("location", ""))
    parts = urlsplit(address)
    if not parts.hostname or parts.scheme not in ("https", urlsplit(repo.requester.base_url).scheme):
        raise OutsideError("GitHub did not say where the pull request's artifact is: run this job again later.")
    return address


def _download(address: str, target: Path, digest: str | None, verify: bool | str) -> str:
    """Fetch the archive without the token, which is nobody's business but GitHub's; returns why it did not work.

    No word of it is the address, which whoever has it can use.
    """
    import requests

    end = time.monotonic() + _CLOCK
    with requests.Session() as session:
        # else requests would look for a password of this host in ~/.netrc
        session.auth = _nobody
        session.verify = verify
        session.max_redirects = 3
        try:
            with session.get(address, stream=True, timeout=_TIMEOUT) as answer:
                if answer.status_code != 200:
                    return f"its answer was {answer.status_code}"
                found = hashlib.sha256()
                size = 0
                with target.open("wb") as file:
                    for chunk in answer.iter_content(_CHUNK):
                        size += len(chunk)
                        if size > LARGEST_ARCHIVE:
                            raise _too_large(size)
                        if time.monotonic() > end:
                            return f"it took more than {_CLOCK:.0f} seconds"
                        found.update(chunk)
                        file.write(chunk)
        except requests.RequestException as error:
            return f"{type(error).__name__}"
    if digest and digest.startswith("sha256:") and digest != f"sha256:{found.hexdigest()}":
        return "what it gave has another SHA-256 than GitHub says"
    return ""


def _nobody(request: PreparedRequest) -> PreparedRequest:
    return request


def _too_large(size: int) -> OutsideError:
    return OutsideError(
        f"The pull request's artifact has {size / 1e6:.0f} MB, and at most {LARGEST_ARCHIVE / 1e6:.0f} MB are read: let "
        "training leave fewer or smaller images and predictions."
    )
