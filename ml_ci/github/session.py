"""The connection to GitHub: made, kept within its limits, and its failures put into words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Literal

from ml_ci import __version__
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.patience import Patience
from ml_ci.sources.certificates import REMEDY, is_untrusted

if TYPE_CHECKING:
    from github import GithubException
    from github.Repository import Repository

Permissions = Mapping[str, Literal["read", "write"]]

TIMEOUT = 15
PATIENCE = 150.0
PAGE = 100


class NotPermittedError(OutsideError):
    """The token may not do this. `needed` are the permissions that it lacks."""

    def __init__(self, message: str, needed: Permissions) -> None:
        super().__init__(message)
        self.needed = needed

    @property
    def hint(self) -> str:
        """The `permissions:` block for the workflow, in Markdown."""
        return permissions_hint(self.needed)


def connect(
    token: str,
    *,
    api_url: str,
    repository: str,
    graphql_url: str = "",
    timeout: int = TIMEOUT,
    patience: Patience | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Repository:
    """The repository (`OWNER/NAME`) as PyGithub sees it. No request is made by this.

    `graphql_url` is what GITHUB_GRAPHQL_URL says, if anything. `timeout` is in seconds, for each request; `patience` is what all waiting is paid from, 150 s by default.
    One connection is for one thread: see `second_connection`. Raises ConfigError where the token is empty.
    """
    from github import Auth, Github, set_log_level
    from github.Repository import Repository

    from ml_ci.github.requester import CheckedRequester
    from ml_ci.github.retry import BoundedRetry

    token = checked_token(token)
    # PyGithub prints what it meets on the way; here it is either waited for or becomes one sentence
    set_log_level(logging.ERROR)
    patience = patience or Patience(PATIENCE, time.monotonic)
    client = Github(
        auth=Auth.Token(token),
        base_url=api_url.rstrip("/"),
        timeout=timeout,
        retry=BoundedRetry(patience=patience, sleep=sleep, timeout=timeout),
        per_page=PAGE,
        user_agent=f"ml-ci/{__version__}",
        # a job makes some twenty requests: PyGithub's pause of a second between writes would be all that one waits for
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
    )
    requester = CheckedRequester(told=graphql_url, **client.requester.kwargs)
    return Repository(requester, url=f"/repos/{repository}")


def checked_token(token: str) -> str:
    """The token without white space around it. Raises ConfigError where it is empty."""
    if not token.strip():
        raise ConfigError("The input `github-token` is empty: leave it out, or set it to a token that may write.")
    return token.strip()


def second_connection(repo: Repository) -> Repository:
    """The same repository over a connection of its own, because PyGithub's are not safe to share between threads."""
    from github.Repository import Repository

    requester = repo.requester
    return Repository(requester.withAuth(requester.auth), url=repo.url)


@contextmanager
def explained(doing: str, needed: Permissions) -> Iterator[None]:
    """Turn what goes wrong inside into a sentence that begins with `GitHub would not let ml-ci {doing}`, or like it.

    Raises OutsideError; NotPermittedError, with the permissions `needed`, where the token's rights are the cause.
    """
    from github import GithubException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except GithubException as error:
        raise _explain(error, doing, needed) from error
    except (RequestException, HTTPError) as error:
        if is_untrusted(_root(error)):
            raise OutsideError(
                f"GitHub's certificate is not trusted here, so ml-ci could not {doing}: {REMEDY}."
            ) from error
        raise OutsideError(
            f"GitHub could not be reached to {doing} ({_root(error)}): run the job again when it can be."
        ) from error
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError) as error:
        if not _is_of_pygithub(error):
            raise
        raise OutsideError(
            f"What answered in GitHub's place when ml-ci wanted to {doing} is not GitHub's API ({_words(error)}): "
            "check the proxy and GITHUB_API_URL, and run the job again."
        ) from error


def permissions_hint(needed: Permissions) -> str:
    """What to paste into the workflow so that its token may do what is needed, in Markdown.

    `contents: read` is always there, because naming one permission takes away all that are not named.
    """
    scopes = {"contents": "read", **needed}
    block = "\n".join(["permissions:", *(f"  {scope}: {level}" for scope, level in scopes.items())])
    return (
        f"Give the job's token its rights in the workflow file:\n\n```yaml\n{block}\n```\n\n"
        "On pull requests from forks the token can only read, whatever the workflow says; on Dependabot's it can "
        "only read unless the workflow has this block."
    )


def said(error: GithubException) -> str:
    """GitHub's own words: the message, and what it says of each field."""
    data = error.data if isinstance(error.data, Mapping) else {}
    details = data.get("errors")
    details = details if isinstance(details, list) else [details] if details else []
    parts = [str(data.get("message") or error.message or "no message")]
    for detail in details:
        if isinstance(detail, Mapping):
            parts.append(str(detail.get("message") or f"{detail.get('field')} is {detail.get('code')}"))
        else:
            parts.append(str(detail))
    return "; ".join(" ".join(part.split()).rstrip(".") for part in parts)


def _explain(error: GithubException, doing: str, needed: Permissions) -> OutsideError:
    from github import RateLimitExceededException

    words, status = said(error), error.status
    if isinstance(error, RateLimitExceededException) or status == 429:
        return OutsideError(f"GitHub would not let ml-ci {doing}, because {words}: run the job again later.")
    if status == 401:
        return OutsideError(f"GitHub did not accept the token to {doing} ({words}): check the input `github-token`.")
    if status == 403 and _lacks_rights(words):
        scopes = " and ".join(f"`{scope}: {level}`" for scope, level in needed.items())
        return NotPermittedError(
            f"The token may not {doing} ({words}): give the workflow the permission {scopes}.", needed
        )
    if status == 404:
        return OutsideError(
            f"GitHub found nothing where ml-ci wanted to {doing} ({words}): check that it exists and that the token "
            "may see it."
        )
    if status >= 500:
        return OutsideError(f"GitHub failed when asked to {doing} ({status}: {words}): run the job again later.")
    what_to_do = ": use the workflow's own token, or that of an App" if "via a GitHub App" in words else ""
    return OutsideError(f"GitHub would not let ml-ci {doing} ({status}: {words}){what_to_do}.")


def _lacks_rights(words: str) -> bool:
    return any(sign in words for sign in ("not accessible by", "Must have", "Write access"))


def _is_of_pygithub(error: BaseException) -> bool:
    """Whether PyGithub, or what reads JSON for it, stumbled over an answer; in our own code it would be a mistake of ours."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and str(frames[-1].f_globals.get("__name__")).partition(".")[0] in ("github", "json")


def _words(error: BaseException) -> str:
    """An error's own words, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _root(error: BaseException) -> str:
    """The innermost cause's words, which name it better than the wrappers around it."""
    while True:
        inner = error.__cause__ or error.__context__
        if inner is None:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        error = inner
