"""What is compared with what: the commits of head and base, from a clone and from GitHub's event."""

from __future__ import annotations

from dataclasses import dataclass, field

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.event import Event
from ml_ci.sources.git import Git


@dataclass(frozen=True, kw_only=True)
class Context:
    """`head` is the true SHA of the code under review, `base` that of what it is compared with.

    `merged`: what is checked out is GitHub's merge of the two, not head itself. `dirty`: the working tree differs from
    what is checked out. `base` is None where there is no commit to compare with, and `why` says why; with `last_record`
    the newest record takes its place. `chosen` says how base was chosen where nobody named it.
    """

    head: str
    base: str | None
    merged: bool = False
    dirty: bool = False
    last_record: bool = False
    chosen: str = field(default="", compare=False)
    why: str = ""

    @property
    def exact(self) -> bool:
        """Whether what is trained is exactly the head commit's code, so that its run may become a baseline."""
        return not self.merged and not self.dirty


def in_clone(git: Git, base: str | None) -> Context:
    """A laptop's: the working tree against `base`, by default its merge-base with the default branch.

    On the default branch itself that is the commit below the changes: HEAD where there are uncommitted ones, else its
    first parent.
    """
    head, dirty = git.head(), bool(git.dirty_paths())
    if base is not None:
        return Context(head=head, base=git.resolve(base), dirty=dirty, chosen="as --base says")
    default = git.default_branch()
    if default is None:
        raise ConfigError("this clone has no origin/HEAD, main or master to compare with: name a base with --base.")
    found = git.merge_base(head, default)
    if found is None:
        raise ConfigError(
            f"HEAD and {default} have no common commit in this clone: fetch more history, or name a base with --base."
        )
    if found == head and not dirty:
        parents = git.parents(head)
        why = "" if parents else "HEAD is the first commit"
        chosen = f"the commit before HEAD, which is on {default}"
        return Context(head=head, base=_present(git, parents), chosen=chosen, why=why)
    chosen = (
        f"HEAD, as there are uncommitted changes on {default}" if found == head else f"HEAD's merge-base with {default}"
    )
    return Context(head=head, base=found, dirty=dirty, chosen=chosen)


def of_pull_request(git: Git, event: Event, base: str | None) -> Context:
    """A pull request's: GitHub's merge commit against its first parent, else what is checked out against the base."""
    checked_out, dirty = git.head(), bool(git.dirty_paths())
    parents = git.parents(checked_out)
    # on pull_request_target GITHUB_SHA is the base's tip, which may well be the merge of the pull request before
    githubs = event.name == "pull_request" and checked_out == event.sha
    merged = len(parents) == 2 and (parents[1] == event.head_sha or githubs)
    if base is not None:
        # what is checked out need not be the pull request then, so it goes by its own name
        head = parents[1] if merged else checked_out
        return Context(head=head, base=git.resolve(base), merged=merged, dirty=dirty)
    if merged:
        git.ensure(parents[0])
        return Context(head=parents[1], base=parents[0], merged=True, dirty=dirty)
    if checked_out != event.head_sha:
        # as on pull_request_target, where the checkout is the base: that would be compared with itself
        raise ConfigError(
            f"what is checked out ({checked_out[:12]}) is not the pull request ({event.head_sha[:12]}): check out its "
            "merge or its head before this step, or name the base with the input `base`."
        )
    tip = _base_of(event)
    git.ensure(tip)
    return Context(head=checked_out, base=git.merge_base(checked_out, tip) or tip, dirty=dirty)


def of_merge_group(git: Git, event: Event, base: str | None) -> Context:
    """A merge queue's: the commit to be merged against the branch that it goes to."""
    return Context(head=git.head(), base=git.resolve(base or _base_of(event)), dirty=bool(git.dirty_paths()))


def of_branch(git: Git, event: Event, base: str | None) -> Context:
    """A push's to a branch without a pull request: against its merge-base with the default branch, or its tip."""
    head = git.head()
    tip = git.resolve(base) if base else git.fetch_branch(event.default_branch)
    return Context(head=head, base=git.merge_base(head, tip) or tip, dirty=bool(git.dirty_paths()))


def alone(git: Git) -> Context:
    """Of a run that is to be recorded: there is nothing to compare it with."""
    return Context(head=git.head(), base=None, dirty=bool(git.dirty_paths()), why="only this commit is trained")


def against_last_record(git: Git) -> Context:
    """A schedule's: what is checked out, compared with the newest record."""
    why = "there is no record yet: run ml-ci on push, or `mode: record`"
    return Context(head=git.head(), base=None, dirty=bool(git.dirty_paths()), last_record=True, why=why)


def _base_of(event: Event) -> str:
    if event.base_sha is None:
        raise OutsideError(f"the event {event.name} names no base commit: name one with the input `base`.")
    return event.base_sha


def _present(git: Git, parents: tuple[str, ...]) -> str | None:
    if not parents:
        return None
    git.ensure(parents[0])
    return parents[0]
