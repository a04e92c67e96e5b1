"""What of the data branch is no longer needed: pictures of closed pull requests, and of records that are gone."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from ml_ci.github.used_pictures import USED, read_used, write_used
from ml_ci.sources.record_images import images_of, read_images, write_images
from ml_ci.sources.record_store import Reader, image_path, images_path

if TYPE_CHECKING:
    from github.Repository import Repository

_LOG = logging.getLogger(__name__)
_PICTURE = re.compile(r"images/([0-9a-f]{64})\.png")
_RECORD = re.compile(r"records/([^/]+)/([0-9a-f]{40}|[0-9a-f]{64})\.json")
_NOTES = re.compile(r"records/([^/]+)/(index|images|history|test-sets)\.json")
MOST_KEYS_WITHOUT_RECORDS = 200
"""So many may have a count of their verdicts: those of pull requests, and of who keeps records in MLflow."""


def open_pulls(repo: Repository) -> frozenset[int] | None:
    """The numbers of all open pull requests; None where GitHub does not tell."""
    from github import GithubException

    try:
        return frozenset(pull.number for pull in repo.get_pulls(state="open"))
    except GithubException as error:
        _LOG.warning(
            "Pictures of closed pull requests stay, as GitHub does not tell which are open (%s).", error.status
        )
        return None


def no_longer_needed(paths: Collection[str], read: Reader, pulls: Collection[int] | None) -> dict[str, bytes | None]:
    """What clears the branch up: None for each picture and each left-over note that goes, and the notes that change with that.

    `paths` are all files there will be, `read` gives their content. A picture stays that the comment of an open pull
    request shows, that a record needs, or of which that cannot be known. `pulls` are the open pull requests; None where
    these are not known, and then no pull request is taken for closed.
    """
    pictures = {match[1] for path in paths if (match := _PICTURE.fullmatch(path))}
    notes, needed = _records(paths, read)
    before = read_used(read)
    used = before if pulls is None else before.while_open(pulls)
    if not used.complete:
        if pulls is None:
            return notes
        used = used.completed(pictures - needed, pulls)
    if used != before:
        notes[USED] = write_used(used)
    gone = pictures - needed - used.named
    notes |= dict.fromkeys(_left_over(paths, {key for keys in used.pulls.values() for key in keys}))
    return {**notes, **dict.fromkeys(image_path(name) for name in sorted(gone))}


def _left_over(paths: Collection[str], open_keys: Collection[str]) -> list[str]:
    """The notes of keys that have no record; their counts only where there are too many, and none of `open_keys`."""
    recorded = {match[1] for path in paths if (match := _RECORD.fullmatch(path))}
    notes = [(match[1], match[2], path) for path in sorted(paths) if (match := _NOTES.fullmatch(path))]
    others = [(key, kind, path) for key, kind, path in notes if key not in recorded]
    counts = [path for key, kind, path in others if kind == "test-sets" and key not in open_keys]
    return [path for _, kind, path in others if kind != "test-sets"] + counts[MOST_KEYS_WITHOUT_RECORDS:]


def _records(paths: Collection[str], read: Reader) -> tuple[dict[str, bytes | None], set[str]]:
    """The images that records need, and for each key whose note of that was wrong, the right one."""
    keys: dict[str, list[str]] = {}
    for path in sorted(paths):
        if match := _RECORD.fullmatch(path):
            keys.setdefault(match[1], []).append(match[2])
    notes: dict[str, bytes | None] = {}
    needed: set[str] = set()
    for key, commits in keys.items():
        known = read_images(read(images_path(key)))
        right = {
            commit: known[commit] if commit in known else images_of(read(f"records/{key}/{commit}.json"))
            for commit in commits
        }
        if right != known:
            notes[images_path(key)] = write_images(right)
        needed.update(*right.values())
    return notes, needed
