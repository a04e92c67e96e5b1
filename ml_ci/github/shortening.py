"""How the data branch's history stays short: commits are numbered, and the last one of so many takes the place of all."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.GitCommit import GitCommit
    from github.Repository import Repository

HISTORY = 50
"""Commits: what is kept to look back at, and how often the branch is cleared up."""

_LOG = logging.getLogger(__name__)
_NUMBER = re.compile(r"\n\nMl-Ci-Commit: ([1-9]\d{0,8})\s*\Z")


class Moved(Enum):
    """What became of a ref that was to be moved."""

    DONE = "it is where it was to go"
    LOST = "somebody else moved it before"
    REFUSED = "it is where it was"


def numbered(message: str, number: int) -> str:
    """The message of the branch's commit of this number, counted from the last one without a parent."""
    return f"{message}\n\nMl-Ci-Commit: {number}"


def number_of(repo: Repository, commit: GitCommit) -> int:
    """The number of the branch's newest commit; if it is not ml-ci's, its commits are counted, up to a page of them."""
    if match := _NUMBER.search(commit.message):
        return int(match[1])
    return len(repo.get_commits(sha=commit.sha).get_page(0))


def replace_tip(repo: Repository, branch: str, before: str, after: str) -> Moved:
    """Move the branch from the commit `before`, and from no other, to `after`, which does not descend from it.

    REST has only a force that overwrites whatever is there; GraphQL's `updateRefs` compares first.
    """
    from github import GithubException
    from requests import RequestException

    update = {"name": f"refs/heads/{branch}", "beforeOid": before, "afterOid": after, "force": True}
    try:
        _, answer = repo.requester.graphql_query(
            "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }",
            {"input": {"repositoryId": repo.node_id, "refUpdates": [update]}},
        )
        if _confirmed(answer):
            return Moved.DONE
        why = "its answer is not GraphQL's"
    except (GithubException, RequestException) as error:
        why = str(error)
    return _looked(repo, branch, before, after, why)


def _confirmed(answer: Mapping[str, object]) -> bool:
    data = answer.get("data")
    return isinstance(data, dict) and isinstance(data.get("updateRefs"), dict)


def _looked(repo: Repository, branch: str, before: str, after: str, why: str) -> Moved:
    """What became of the ref, where the answer does not tell: GitHub has no documented words for each refusal."""
    from github import UnknownObjectException

    ref = repo.get_git_ref(f"heads/{branch}")
    try:
        ref.update()
    except UnknownObjectException:
        return Moved.LOST
    now = ref.object.sha
    if now == before:
        said = " ".join(why.split())[:300]
        _LOG.warning(
            "The history of the branch %s could not be shortened, so it grows by one commit (%s).", branch, said
        )
        return Moved.REFUSED
    return Moved.DONE if now == after else Moved.LOST
