"""The workflow run that a `workflow_run` event is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ml_ci.github.payload import Payload, moment, required, sha_at, text_at, whole_number

DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True, kw_only=True)
class TriggeringRun:
    """The workflow run that ended, and that a `workflow_run` event is about.

    `event` is what had triggered it, `conclusion` how it ended (`success`, `failure`, `cancelled`, …). Its head is the
    commit `head_sha` on the branch `head_branch` of `head_repository`, a repository that `head_owner` owns; these two are
    empty where the repository is gone. `actor` is who triggered it, `url` its page,
    and `created` when, by GitHub's clock, also of one that was run again later.
    """

    id: int
    event: str
    conclusion: str
    head_sha: str
    head_branch: str
    head_repository: str
    head_owner: str
    actor: str
    url: str
    attempt: int
    created: datetime | None = None

    @property
    def waits_for_approval(self) -> bool:
        """Whether it has run nothing yet: a maintainer has to let a stranger's first pull request run."""
        return self.conclusion == "action_required"

    def left_something_to_publish(self, repository: str) -> bool:
        """Whether it was a pull request's job whose token could only read; any other job has told of itself."""
        return self.event == "pull_request" and (self.head_repository != repository or self.actor == DEPENDABOT)


def triggering_run(name: str, payload: Payload) -> TriggeringRun | None:
    """Of the event; None where it is another one. Raises OutsideError where it lacks what it must have."""
    if name != "workflow_run":
        return None

    def needed(path: str) -> str:
        return required(name, payload, f"workflow_run.{path}")

    def optional(path: str) -> str:
        return text_at(payload, f"workflow_run.{path}") or ""

    return TriggeringRun(
        id=whole_number(name, payload, "workflow_run.id"),
        event=needed("event"),
        # it has none while it is running, or waits to
        conclusion=optional("conclusion"),
        head_sha=sha_at(name, payload, "workflow_run.head_sha"),
        head_branch=optional("head_branch"),
        head_repository=optional("head_repository.full_name"),
        head_owner=optional("head_repository.owner.login"),
        actor=optional("actor.login"),
        url=needed("html_url"),
        attempt=whole_number(name, payload, "workflow_run.run_attempt"),
        created=moment(optional("created_at")),
    )
