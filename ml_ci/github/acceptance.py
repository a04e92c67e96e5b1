"""The label by which somebody with write access accepts a regression: who set it, when, and whether that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.records import Accepted

if TYPE_CHECKING:
    from github.Repository import Repository

LABEL = "ml-ci:accept"


@dataclass(frozen=True, kw_only=True)
class NotAccepted:
    """The label is there, and does not count; `why` is a sentence that says what to do."""

    why: str


def acceptance(repo: Repository, pull_number: int, head_sha: str) -> Accepted | NotAccepted | None:
    """Whether the label on this pull request lets `head_sha` through; None where there is no such label.

    Raises OutsideError where GitHub does not tell.
    """
    raise NotImplementedError
