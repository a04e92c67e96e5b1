"""Whether the label `ml-ci:accept` counts: who set it and when, by GitHub's clocks; and every way around that we thought of."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml_ci.errors import OutsideError
from ml_ci.github.acceptance import LABEL, NotAccepted, acceptance
from ml_ci.github.branch_tip import Unknown, newest
from ml_ci.github.label_set import LabelSet
from ml_ci.github.session import NotPermittedError, connect
from ml_ci.records import Accepted
from tests.github_server import GitHubServer, LostAnswer, PrimaryLimit, Status
from tests.github_server.fixture import github_server, start_github  # noqa: F401

EARLIER, PUSHED, SAME_SECOND, LATER, LAST = (f"2026-03-01T12:00:{second:02}Z" for second in (5, 10, 10, 15, 20))


class Review:
    """A pull request of mona's whose commit was pushed at `PUSHED`, and what people do to it. Hubot may write."""

    def __init__(self, github: GitHubServer, fork: str | None = None) -> None:
        self.github = github
        self.sha = github.git.commit_files("feature", {"train.py": "print(1)\n"}, "Worse", on="main")
        self.other = github.git.commit_files("another", {"train.py": "print(2)\n"}, "Fine", on="main")
        self.pull = github.add_pull(self.sha if fork else "feature", fork=fork)
        self.pull.head = "feature"
        github.state.activity.clear()
        github.state.roles.update(hubot="write", octo="admin", mary="maintain", tim="triage")
        self.pushed(PUSHED)

    def pushed(self, at: str, sha: str | None = None, *, force: bool = False) -> None:
        self.github.moved(self.pull, sha or self.sha, kind="force_push" if force else "push", at=at)

    def labelled(self, by: str, at: str = LATER, name: str = LABEL) -> None:
        self.github.label(self.pull, name, by, at=at)

    def asked(self, sha: str | None = "", said: LabelSet | None = None) -> Accepted | NotAccepted | None:
        repository = connect("t", api_url=self.github.url, repository="octo/model", sleep=lambda _: None)
        return acceptance(repository, self.pull.number, self.sha if sha == "" else sha, said=said)

    def refused(self, said: LabelSet | None = None) -> str:
        """The sentence with which it is not accepted."""
        found = self.asked(said=said)
        assert isinstance(found, NotAccepted)
        assert found.why.startswith(f"The label {LABEL} ")
        assert found.why.endswith(".")
        return found.why

    def event(self, at: str = LATER, by: str = "hubot", *, settled: bool = True, sha: str = "") -> LabelSet:
        return LabelSet(name=LABEL, by=by, at=at, head_sha=sha or self.sha, settled=settled)


@pytest.fixture
def review(github_server: GitHubServer) -> Review:
    return Review(github_server)


# What counts


@pytest.mark.parametrize("login", ["hubot", "mary", "octo"])
def test_who_may_write_accepts_what_is_there(review: Review, login: str) -> None:
    review.labelled(login)
    assert review.asked() == Accepted(by=login, at=LATER, pull=1)


def test_without_the_label_there_is_nothing_to_say_and_one_request_to_make(review: Review) -> None:
    review.labelled("hubot", name="bug")
    assert review.asked() is None
    assert [seen.path for seen in review.github.requests] == ["/repos/octo/model/pulls/1"]


def test_a_label_that_is_written_in_other_letters_is_the_same_for_github(review: Review) -> None:
    review.labelled("hubot", name="ML-CI:Accept")
    assert review.asked() == Accepted(by="hubot", at=LATER, pull=1)


@pytest.mark.parametrize("name", ["ml-ci:accepted", "ml-ci: accept", "ml-ci:áccept", "xml-ci:accept", "ml-cі:accept"])
def test_a_label_that_looks_like_it_is_none(review: Review, name: str) -> None:
    review.labelled("hubot", name=name)
    assert review.asked() is None


def test_the_author_may_accept_with_write_access(review: Review) -> None:
    review.github.state.roles["mona"] = "write"
    review.labelled("mona")
    assert review.asked() == Accepted(by="mona", at=LATER, pull=1)


def test_the_last_of_hundreds_of_events_counts(review: Review) -> None:
    for number in range(230):
        review.labelled("tim", EARLIER, name=f"label-{number}")
    review.labelled("hubot")
    assert review.asked() == Accepted(by="hubot", at=LATER, pull=1)


def test_a_forks_pushes_are_in_the_forks_log(github_server: GitHubServer) -> None:
    review = Review(github_server, fork="mona")
    review.labelled("hubot")
    assert review.asked() == Accepted(by="hubot", at=LATER, pull=1)
    assert github_server.count("GET", "/repos/mona/model/activity") == 1


def test_in_a_merge_queue_it_is_about_where_the_pull_request_is(review: Review) -> None:
    review.labelled("hubot")
    assert review.asked(sha=None) == Accepted(by="hubot", at=LATER, pull=1)


# Who


@pytest.mark.parametrize("login", ["tim", "mona", "a-stranger", "ghost"])
def test_who_may_not_write_does_not_accept(review: Review, login: str) -> None:
    """GitHub lets `triage` set labels."""
    review.labelled(login)
    assert f"was set by @{login}, who may not write to this repository" in review.refused()


@pytest.mark.parametrize("login", ["renovate[bot]", "github-actions[bot]"])
def test_a_program_does_not_accept(review: Review, login: str) -> None:
    """Such as one that sets labels by the files which a pull request changes."""
    review.github.state.roles[login] = "admin"
    review.labelled(login)
    assert "only people accept" in review.refused()


def test_what_was_removed_and_set_by_somebody_else_is_theirs(review: Review) -> None:
    review.labelled("hubot", LATER)
    review.github.label(review.pull, LABEL, "hubot", at=LATER, remove=True)
    review.labelled("tim", LAST)
    assert "was set by @tim" in review.refused()


def test_it_counts_again_when_somebody_with_write_access_sets_it_after_that(review: Review) -> None:
    review.labelled("tim", LATER)
    review.labelled("hubot", LAST)
    assert review.asked() == Accepted(by="hubot", at=LAST, pull=1)


def test_a_label_that_was_removed_does_not_count(review: Review) -> None:
    review.labelled("hubot")
    review.github.label(review.pull, LABEL, "tim", at=LAST, remove=True)
    assert review.asked() is None


def test_a_label_that_got_its_name_later_was_set_by_nobody(review: Review) -> None:
    """Hubot set another one, and somebody gave that the name of ours."""
    review.labelled("hubot", name="needs-review")
    review.pull.labels[:] = [LABEL]
    assert "has nobody's name to it" in review.refused()


def test_nor_does_a_setting_count_that_was_taken_back_before_another_label_got_the_name(review: Review) -> None:
    review.labelled("hubot", LATER)
    review.github.label(review.pull, LABEL, "hubot", at=LAST, remove=True)
    review.pull.labels[:] = [LABEL]
    assert "has nobody's name to it" in review.refused()


def test_a_name_that_somebody_else_has_by_now_is_not_who_set_it(review: Review) -> None:
    """The account was renamed, and its old name taken: rights are asked for by name."""
    review.labelled("hubot")
    review.github.state.taken.add("hubot")
    assert "may not write" in review.refused()


# When


def test_before_the_commit_it_is_about_another_one(review: Review) -> None:
    review.labelled("hubot", EARLIER)
    assert review.refused() == (
        f"The label {LABEL} was set by @hubot before the commit {review.sha[:9]} was pushed: remove it and set it again, "
        "if this is accepted, too."
    )


def test_the_same_second_is_not_after(review: Review) -> None:
    review.labelled("hubot", SAME_SECOND)
    assert "before the commit" in review.refused()


def test_the_dates_that_a_commit_gives_itself_are_not_looked_at(review: Review) -> None:
    """It was committed today by its own word, which is after the label, and before it by GitHub's log."""
    review.labelled("hubot", "2020-01-01T00:00:00Z")
    assert "before the commit" in review.refused()


def test_a_commit_that_was_there_before_and_came_back_is_new(review: Review) -> None:
    """Accepted was the one between."""
    review.pushed("2026-03-01T12:00:12Z", review.other, force=True)
    review.labelled("hubot", LATER)
    review.pushed(LAST, force=True)
    assert "before its branch was force-pushed" in review.refused()


def test_a_log_that_does_not_show_the_last_push_yet_is_not_believed(review: Review) -> None:
    """The branch went to another commit and came back; of this GitHub's log knows the first half only."""
    review.pushed("2026-03-01T12:00:12Z", review.other)
    review.labelled("hubot", LATER)
    assert "GitHub's log of pushes does not end with it: push once more" in review.refused()


def test_nor_one_that_shows_nothing_of_coming_back_where_the_pull_request_does(review: Review) -> None:
    review.labelled("hubot", LATER)
    review.github.state.happened(1, review.pull.author, "head_ref_force_pushed", at=LAST)
    assert "before its branch was force-pushed" in review.refused()


def test_the_same_commit_on_another_branch_proves_nothing(review: Review) -> None:
    review.github.state.activity.clear()
    review.github.moved(review.pull, at=EARLIER, branch="feature-2")
    review.labelled("hubot")
    assert "does not end with it" in review.refused()


def test_nor_does_it_in_a_fork_whose_branch_has_the_same_name(review: Review) -> None:
    stranger = review.github.add_pull(review.sha, fork="mallory")
    stranger.head = "feature"
    review.github.state.activity.clear()
    review.github.moved(stranger, at=EARLIER)
    review.labelled("hubot")
    assert "does not end with it" in review.refused()


@pytest.mark.parametrize("event", ["base_ref_changed", "automatic_base_change_succeeded"])
def test_against_another_base_it_is_another_regression(review: Review, event: str) -> None:
    """Whoever opened a pull request may change what it goes into."""
    review.labelled("hubot", LATER)
    review.github.state.happened(1, review.pull.author, event, at=LAST)
    assert "before its base was changed" in review.refused()


def test_an_old_job_that_runs_again_asks_about_its_own_commit(review: Review) -> None:
    """The pull request is somewhere else by now, where it was accepted."""
    review.labelled("hubot")
    found = review.asked(sha=review.other)
    assert isinstance(found, NotAccepted)
    assert f"is not asked for {review.other[:9]}" in found.why


# Where the log of pushes cannot be read


def hidden_fork(github: GitHubServer) -> Review:
    review = Review(github, fork="mona")
    review.github.state.hidden.add("mona/model")
    review.labelled("hubot")
    return review


def deleted_fork(github: GitHubServer) -> Review:
    review = Review(github, fork="mona")
    review.pull.fork_is_gone = True
    review.labelled("hubot")
    return review


def old_server(github: GitHubServer) -> Review:
    review = Review(github)
    github.inject("GET", "/activity", Status(404, "Not Found"), times=None)
    review.labelled("hubot")
    return review


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (deleted_fork, "the fork is gone, and its log of pushes with it: open the pull request again from a branch"),
        (
            hidden_fork,
            "the log of pushes to the fork is not for ml-ci to read: open the pull request again from a branch",
        ),
        (
            old_server,
            "this GitHub has no log of pushes: remove it and set it again in a workflow that runs on `labeled`",
        ),
    ],
)
def test_what_is_not_known_is_not_accepted_and_a_sentence_says_what_helps(
    github_server: GitHubServer, make: Callable[[GitHubServer], Review], words: str
) -> None:
    review = make(github_server)
    assert f"whether after the commit {review.sha[:9]} is not known, since {words}" in review.refused()


@pytest.mark.parametrize("make", [deleted_fork, old_server])
def test_then_the_event_that_it_was_set_at_this_commit_is_githubs_word_for_it(
    github_server: GitHubServer, make: Callable[[GitHubServer], Review]
) -> None:
    review = make(github_server)
    assert review.asked(said=review.event()) == Accepted(by="hubot", at=LATER, pull=1)


def test_where_somebody_without_write_access_may_have_pushed_before_it_was_written_down_it_is_not(
    github_server: GitHubServer,
) -> None:
    """GitHub writes an event down a moment after it: a push that waited for the label would be in it."""
    review = hidden_fork(github_server)
    assert "is not known" in review.refused(review.event(settled=False))


def test_nor_is_the_event_of_another_commit_of_another_label_or_of_somebody_else(github_server: GitHubServer) -> None:
    review = old_server(github_server)
    others = (
        review.event(sha=review.other),
        LabelSet(name="bug", by="hubot", at=LATER, head_sha=review.sha, settled=True),
        review.event(by="octo"),
        review.event(at="yesterday"),
    )
    assert all("is not known" in review.refused(said) for said in others)


def test_nor_that_of_an_earlier_setting_which_was_taken_back_when_its_job_runs_again(
    github_server: GitHubServer,
) -> None:
    review = old_server(github_server)
    review.github.label(review.pull, LABEL, "hubot", at=LATER, remove=True)
    review.labelled("hubot", LAST)
    assert "is not known" in review.refused(review.event(at=LATER))


def test_the_log_is_believed_where_it_says_something_else_than_the_event(review: Review) -> None:
    review.labelled("hubot", EARLIER)
    assert "before the commit" in review.refused(review.event(at=LATER))


def test_the_event_makes_nobody_somebody_who_may_write(github_server: GitHubServer) -> None:
    review = old_server(github_server)
    review.labelled("tim", LAST)
    assert "may not write" in review.refused(review.event(at=LAST, by="tim"))


# Bad hours


@pytest.mark.parametrize("path", ["/pulls/1", "/issues/1/events", "/collaborators/hubot/permission", "/activity"])
def test_an_answer_that_never_comes_is_an_error_and_no_yes(review: Review, path: str) -> None:
    review.labelled("hubot")
    review.github.inject("GET", path, Status(502), times=None)
    with pytest.raises(OutsideError, match="see who set the label ml-ci:accept on pull request 1"):
        review.asked()


def test_a_forks_log_that_fails_is_an_error_too_and_not_a_log_that_is_not_there(github_server: GitHubServer) -> None:
    review = Review(github_server, fork="mona")
    review.labelled("hubot")
    github_server.inject("GET", "/repos/mona/model/activity", PrimaryLimit(reset_in=100_000), times=None)
    with pytest.raises(OutsideError, match="rate limit"):
        review.asked()


def test_an_answer_that_is_lost_is_asked_for_again(review: Review) -> None:
    review.labelled("hubot")
    review.github.inject("GET", "/activity", LostAnswer())
    assert review.asked() == Accepted(by="hubot", at=LATER, pull=1)


@pytest.mark.parametrize("permission", ["pull_requests", "contents"])
def test_a_token_that_may_not_ask_says_which_permission_it_takes(review: Review, permission: str) -> None:
    review.github.withhold("issues", "pull_requests" if permission == "pull_requests" else permission, level="none")
    review.labelled("hubot")
    with pytest.raises(NotPermittedError, match="give the workflow the permission `contents: read` and `pull-requests"):
        review.asked()


# A log that is not as GitHub describes it


@pytest.mark.parametrize(
    "entry",
    [
        {"ref": "refs/heads/feature", "after": "a" * 40, "timestamp": "yesterday"},
        {"ref": "refs/heads/feature", "after": "a" * 40, "timestamp": "2026-03-01T12:00:10"},
        {"ref": "refs/heads/feature", "after": "a" * 40},
        {"ref": "refs/heads/other", "after": "a" * 40, "timestamp": PUSHED},
        "an entry",
        None,
    ],
)
def test_an_entry_that_says_too_little_says_nothing(entry: object) -> None:
    assert isinstance(newest([entry], "refs/heads/feature", "a" * 40), Unknown)
    assert isinstance(newest({"message": "no"}, "refs/heads/feature", "a" * 40), Unknown)
