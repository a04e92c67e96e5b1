"""`pull_request_target`, where the base is checked out unless the workflow says otherwise: it must not pass for the head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci import context
from ml_ci.errors import ConfigError
from ml_ci.github.event import Event
from ml_ci.sources.git import Git
from tests.repository import Repository, clean_variables
from tests.test_git import EVENT


@pytest.fixture
def after_a_merge(tmp_path: Path) -> tuple[Repository, Event]:
    """`main`, whose tip is the merge of an earlier pull request, and the event of the next one."""
    repository = Repository.create(tmp_path / "repo", {"train.py": "1\n"})
    repository.branch("earlier").commit({"train.py": "2\n"})
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "earlier")
    tip = repository.git("rev-parse", "HEAD")
    head = repository.branch("later").commit({"train.py": "3\n"})
    repository.git("checkout", "--quiet", "--detach", "main")
    return repository, replace(EVENT, name="pull_request_target", sha=tip, base_sha=tip, head_sha=head)


def git_of(repository: Repository) -> Git:
    """As the job has it."""
    return Git.discover(repository.path, clean_variables())


def test_the_merge_of_an_earlier_pull_request_is_not_judged_in_place_of_this_one(
    after_a_merge: tuple[Repository, Event],
) -> None:
    repository, event = after_a_merge
    with pytest.raises(ConfigError, match=r"is not the pull request.*check out"):
        context.of_pull_request(git_of(repository), event, None)


def test_with_a_named_base_what_is_checked_out_goes_by_its_own_name(after_a_merge: tuple[Repository, Event]) -> None:
    """Else the base's run would be kept as the head's."""
    repository, event = after_a_merge
    found = context.of_pull_request(git_of(repository), event, "main~1")
    assert (found.head, found.merged) == (event.base_sha, False)
