"""Requests to GitHub whose answers are looked at before PyGithub makes objects of them. Imports PyGithub: import this late.

A proxy's login page has status 200, too, and PyGithub makes an object without fields of it, or an empty list: a comment
that was never posted would look posted, and a second one would be made because none was seen.
"""

from __future__ import annotations

import json
from typing import Any, Self
from urllib.parse import urlsplit

from github import Auth, GithubException  # noqa: TID253 - see above
from github.Requester import Requester  # noqa: TID253

NO_CONTENT = (204, 205, 304)
FIELDS = frozenset("id node_id url sha ref name login permission total_count data errors message".split())
"""Of these every object that GitHub answers with has at least one."""


class NoAnswerError(GithubException):
    """What answered is not GitHub's API. It has a server error's status: the request may have been carried out."""

    def __init__(self, headers: dict[str, str]) -> None:
        words = "what answered is not GitHub's API; a proxy's page has such answers, and so has a wrong GITHUB_API_URL"
        super().__init__(502, {"message": words}, headers)


class CheckedRequester(Requester):
    """PyGithub's, with answers that are checked, and GraphQL's address where one is told (GITHUB_GRAPHQL_URL)."""

    def __init__(self, *, told: str = "", **settings: Any) -> None:  # noqa: ANN401 - PyGithub's own
        super().__init__(**settings)
        self._told = told
        parts = urlsplit(told)
        if told and parts.hostname == self.hostname:
            # PyGithub derives it from the API's address, and sends nothing to another path; another host gets no token
            self._Requester__graphql_prefix = parts.path
            self._Requester__graphql_url = told

    def withAuth(self, auth: Auth.Auth | None) -> Self:  # noqa: N802 - PyGithub's name
        """The same with another token, over a connection of its own."""
        return type(self)(told=self._told, **{**self.kwargs, "auth": auth})

    def requestJson(self, *arguments: Any, **settings: Any) -> tuple[int, dict[str, Any], str]:  # noqa: ANN401, N802
        """As PyGithub's. Raises NoAnswerError for an answer that says success and is none of GitHub's."""
        status, headers, output = super().requestJson(*arguments, **settings)
        if 200 <= status < 300 and status not in NO_CONTENT and not _is_answer(output):
            raise NoAnswerError(headers)
        return status, headers, output


def _is_answer(output: str | bytes) -> bool:
    """Whether it is a list, or an object as GitHub has them, in JSON."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, list) or (isinstance(answer, dict) and not FIELDS.isdisjoint(answer))
