"""What the label makes of a job's results: asked for where it matters, once for all models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ml_ci.errors import MlCiError
from ml_ci.github.acceptance import NotAccepted, acceptance
from ml_ci.github.event import Event
from ml_ci.records import Accepted
from ml_ci.result import Result

if TYPE_CHECKING:
    from github.Repository import Repository


class Accepting:
    """One job's question whether somebody accepted what it found; `problem` is told where GitHub does not answer."""

    def __init__(
        self, *, event: Event, repository: Callable[[], Repository], problem: Callable[[MlCiError], None]
    ) -> None:
        self._event = event
        self._repository = repository
        self._problem = problem
        self._asked = False
        self._answer: Accepted | NotAccepted | None = None

    def told(self, result: Result) -> Result:
        """The result with who accepted it. Nobody is asked where nothing holds the merge back, or nothing was judged."""
        # whatever a record says of it that somebody handed over
        head = replace(result.head, accepted=None) if result.head else None
        result = replace(result, head=head, accepted=None, not_accepted="")
        if result.failure or result.allowed or head is None:
            return result
        answer = self._ask()
        if isinstance(answer, NotAccepted):
            return replace(result, not_accepted=answer.why)
        if answer is None:
            return result
        return replace(result, head=replace(head, accepted=answer), accepted=answer, allowed=True)

    def _ask(self) -> Accepted | NotAccepted | None:
        """What the label says; what GitHub does not tell is no yes."""
        if not self._asked:
            self._asked, event = True, self._event
            number = event.pull_number or event.queued_pull
            try:
                if number is not None:
                    # in a merge queue the commit under review is not the pull request's own
                    head_sha = event.head_sha if event.pull_number else None
                    self._answer = acceptance(self._repository(), number, head_sha, said=event.label)
            except MlCiError as error:
                self._problem(error)
                self._answer = NotAccepted(why=str(error))
        return self._answer
