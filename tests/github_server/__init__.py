"""A GitHub for the tests: a small stateful server that stands in for api.github.com.

    with GitHubServer(git_dir=bare, repository="octo/model") as github:
        pull = github.add_pull(head="feature")            # a branch that is in the bare repository
        github.add_comment("somebody", "hello", pull.number)
        client = Github(base_url=github.url, auth=Auth.Token("t"))

- In pytest: the fixtures of `fixture.py` (`github_server`, `start_github`), which assert `violations == []` at the end.
- As a process: `python -m tests.github_server --git-dir BARE --port 0 --host 0.0.0.0 --repo octo/model --pull feature:main`.
- `POST /graphql` knows `viewer { login }` and the mutation `updateRefs`; queries are checked against GitHub's schema. `github.forced` lists every
  forced update of a ref, with where the ref was; `github.protect(branch)` refuses them.
- Git endpoints stand on the real bare repository `git_dir`; `github.git` is it (`commit_files`, `resolve`, ...).
- Every request and answer is checked against GitHub's OpenAPI description; what breaks it is in `github.violations`, and a
  request that breaks it is answered with 500.
- Any token is `github-actions[bot]` with all permissions. Others: `github.tokens["t"] = Token(login="mona", kind="User")`;
  read-only: `github.withhold("issues", "pull_requests", "checks", "contents")`, or `Token(permissions={"checks": "read"})`.
- `github.inject("POST", "/issues/*/comments", SecondaryLimit(retry_after=1), times=2)`: see `faults.py` for the others.
- `github.before("PATCH", "/git/refs/*", function)` runs `function()` once before that request, to lose a race on purpose.
- `github.requests` is the log of all requests; `github.count("POST", "/issues/*/comments")` counts in it.
- Patterns match the path after `/repos/OWNER/REPO`, or the whole path; `*` also matches `/`.
- `github.url` serves the API, `github.url + "/OWNER/REPO/raw/BRANCH/PATH"` files as github.com does, and
  `github.url + "/OWNER/REPO.git"` git itself, for clone, fetch and push.
- `github.label(pull, "bug", by="mona")` sets a label, `github.state.roles["mona"] = "write"` says what she may do, and
  `github.moved(pull, sha, kind="force_push")` is an entry of the activity log; each takes the time as `at`.
- `github.pull_event(pull, "opened")` is the payload of the event, for `GITHUB_EVENT_PATH`.
"""

from tests.github_server.accounts import Account, Token
from tests.github_server.faults import (
    Cut,
    GraphQLRefusal,
    Html,
    LostAnswer,
    PrimaryLimit,
    Raw,
    Reset,
    SecondaryLimit,
    Slow,
    Status,
)
from tests.github_server.server import GitHubServer

__all__ = [
    "Account",
    "Cut",
    "GitHubServer",
    "GraphQLRefusal",
    "Html",
    "LostAnswer",
    "PrimaryLimit",
    "Raw",
    "Reset",
    "SecondaryLimit",
    "Slow",
    "Status",
    "Token",
]
