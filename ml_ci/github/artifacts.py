"""Artifacts of a workflow run: found by name, and fetched up to a size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.Repository import Repository


def fetch_artifact(repo: Repository, run_id: int, name: str, *, head_sha: str, target: Path) -> bool:
    """Write the newest artifact of this name of the run, which was made for `head_sha`, to `target` as a ZIP archive.

    False where there is none. Raises OutsideError; NotPermittedError where the token may not read Actions.
    """
    raise NotImplementedError
