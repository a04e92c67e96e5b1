"""Artifacts of a workflow run: found by name, and fetched up to a size."""

from __future__ import annotations

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
_CHUNK = 1 << 16
_NEEDED: Permissions = {"actions": "read"}
_DOING = "read the artifacts of the pull request's workflow run"


def fetch_artifact(repo: Repository, run_id: int, name: str, *, head_sha: str, target: Path) -> bool:
    """Write the newest artifact of this name of the run, which was made for `head_sha`, to `target` as a ZIP archive.

    False where there is none. Raises OutsideError; NotPermittedError where the token may not read Actions.
    """
    with explained(_DOING, _NEEDED):
        found = _newest(repo, run_id, name, head_sha)
        if found is None:
            return False
        headers, _ = repo.requester.requestJsonAndCheck("GET", f"{repo.url}/actions/artifacts/{found.id}/zip")
        address = str(headers.get("location", ""))
        _download(_checked(address, repo), target)
    return True


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


def _checked(address: str, repo: Repository) -> str:
    """The address of the archive, which is another host's. Raises OutsideError where anybody on the way could change it."""
    parts = urlsplit(address)
    if not parts.hostname or parts.scheme not in ("https", urlsplit(repo.url).scheme):
        raise OutsideError("GitHub did not say where the pull request's artifact is: run the job again later.")
    return address


def _download(address: str, target: Path) -> None:
    """Fetch the archive without the token, which is nobody's business but GitHub's."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    with requests.Session() as session:
        # else requests would look for a password of this host in ~/.netrc
        session.auth = _nobody
        session.max_redirects = 3
        retry = Retry(total=_TRIES, backoff_factor=1, status_forcelist=range(500, 600), raise_on_status=False)
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        with session.get(address, stream=True, timeout=_TIMEOUT) as answer, target.open("wb") as file:
            answer.raise_for_status()
            size = 0
            for chunk in answer.iter_content(_CHUNK):
                size += len(chunk)
                if size > LARGEST_ARCHIVE:
                    raise _too_large(size)
                file.write(chunk)


def _nobody(request: PreparedRequest) -> PreparedRequest:
    return request


def _too_large(size: int) -> OutsideError:
    return OutsideError(
        f"The pull request's artifact has {size / 1e6:.0f} MB, and at most {LARGEST_ARCHIVE / 1e6:.0f} MB are read: let "
        "training leave fewer or smaller images and predictions."
    )
