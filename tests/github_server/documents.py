"""The JSON documents of people, the repository and its git objects, with all the links that GitHub puts in them.

Every URL is made from the address by which the caller reached the server, so that a client in a container and one on the
machine can both follow it.
"""

import base64
from dataclasses import dataclass
from urllib.parse import quote

from tests.github_server.accounts import Account
from tests.github_server.git_diff import ChangedFile
from tests.github_server.git_objects import Commit, Signature
from tests.github_server.git_store import Entry, Ref
from tests.github_server.links import REPOSITORY_LINKS, USER_LINKS
from tests.github_server.state import State
from tests.github_server.wire import Document, Json

EPOCH = "2024-01-01T00:00:00Z"
ACTIONS_APP = 15368

_TRUE = ("has_issues", "has_projects", "has_wiki", "has_downloads")
_FALSE = ("fork", "archived", "disabled", "has_pages", "has_discussions")
_ZERO = (
    "forks_count",
    "stargazers_count",
    "watchers_count",
    "size",
    "open_issues_count",
    "forks",
    "open_issues",
    "watchers",
)
_NULL = ("description", "mirror_url", "homepage", "language", "license")


def node_id(kind: str, number: int | str) -> str:
    """An opaque id, as GitHub has one for everything."""
    return base64.b64encode(f"{kind}{number}".encode()).decode()


@dataclass(frozen=True)
class Documents:
    """Builds documents for one caller; `base` is the server's address without a slash at the end."""

    base: str
    state: State

    @property
    def api(self) -> str:
        """The repository in the API."""
        return f"{self.base}/repos/{self.state.full_name}"

    @property
    def html(self) -> str:
        """The repository as people see it."""
        return f"{self.base}/{self.state.full_name}"

    def user(self, account: Account) -> dict[str, Json]:
        own = f"{self.base}/users/{quote(account.login)}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("User", account.id),
            "avatar_url": f"{self.base}/avatars/{account.id}",
            "gravatar_id": "",
            "url": own,
            "html_url": f"{self.base}/{quote(account.login)}",
            **{key: own + path for key, path in USER_LINKS.items()},
            "type": account.kind,
            "site_admin": False,
        }

    def full_user(self, account: Account) -> dict[str, Json]:
        """As `GET /user` gives it."""
        unknown: dict[str, Json] = dict.fromkeys(("company", "location", "email", "hireable", "bio", "name"))
        counts: dict[str, Json] = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return self.user(account) | unknown | counts | {"blog": "", "created_at": EPOCH, "updated_at": EPOCH}

    def collaborator(self, login: str, role: str, *, renamed: bool = False) -> Document:
        """Somebody with a role in the repository; `renamed`: it is another account than that which had the name before."""
        order = ("none", "read", "triage", "write", "maintain", "admin")
        names = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
        may: dict[str, Json] = {name: order.index(role) >= order.index(least) for name, least in names.items()}
        own = self.user(Account(login))
        return own | {"permissions": may, "role_name": role} | ({"id": Account(login).id + 1} if renamed else {})

    def repository(self, owner: str | None = None) -> dict[str, Json]:
        """This repository, or the fork of it that `owner` has."""
        state, who = self.state, owner or self.state.owner
        name = f"{who}/{state.name}"
        api, html = f"{self.base}/repos/{name}", f"{self.base}/{name}"
        return {
            "id": state.id if who == state.owner else state.id + Account(who).id,
            "node_id": node_id("Repository", name),
            "name": state.name,
            "full_name": name,
            "owner": self.user(Account(who)),
            "private": state.private,
            "html_url": html,
            "url": api,
            **{key: api + path for key, path in REPOSITORY_LINKS.items()},
            "git_url": f"git://{html.split('://')[1]}.git",
            "ssh_url": f"git@github.com:{name}.git",
            "clone_url": f"{html}.git",
            "svn_url": html,
            **dict.fromkeys(_TRUE, True),
            **dict.fromkeys(_FALSE, False),
            **dict.fromkeys(_ZERO, 0),
            **dict.fromkeys(_NULL),
            "fork": who != state.owner,
            "default_branch": state.default_branch,
            "visibility": "private" if state.private else "public",
            "pushed_at": EPOCH,
            "created_at": EPOCH,
            "updated_at": EPOCH,
        }

    def full_repository(self) -> dict[str, Json]:
        """As `GET /repos/OWNER/NAME` gives it."""
        return self.repository() | {"network_count": 0, "subscribers_count": 0}

    def app(self) -> Document:
        """The app that a workflow's token belongs to."""
        return {
            "id": ACTIONS_APP,
            "slug": "github-actions",
            "node_id": node_id("Integration", ACTIONS_APP),
            "owner": self.user(Account("github")),
            "name": "GitHub Actions",
            "description": "Automate your workflow from idea to production",
            "external_url": "https://help.github.com/en/actions",
            "html_url": f"{self.base}/apps/github-actions",
            "created_at": EPOCH,
            "updated_at": EPOCH,
            "permissions": {"checks": "write", "contents": "write", "issues": "write", "metadata": "read"},
            "events": ["check_run", "push", "pull_request"],
        }

    def label(self, name: str) -> Document:
        return {
            "id": Account(name).id,
            "node_id": node_id("Label", name),
            "url": f"{self.api}/labels/{quote(name)}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def blob(self, sha: str, content: bytes) -> Document:
        return {
            "sha": sha,
            "node_id": node_id("Blob", sha),
            "size": len(content),
            "url": f"{self.api}/git/blobs/{sha}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        }

    def tree(self, sha: str, entries: list[Entry]) -> Document:
        return {
            "sha": sha,
            "url": f"{self.api}/git/trees/{sha}",
            "tree": [self._entry(entry) for entry in entries[: self.state.listed]],
            "truncated": len(entries) > self.state.listed,
        }

    def _entry(self, entry: Entry) -> Document:
        document: dict[str, Json] = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        if entry.kind != "commit":
            document["url"] = f"{self.api}/git/{entry.kind}s/{entry.sha}"
        return document | ({} if entry.size is None else {"size": entry.size})

    def git_commit(self, commit: Commit) -> Document:
        """As the git data API gives it."""
        return {
            "sha": commit.sha,
            "node_id": node_id("Commit", commit.sha),
            "url": f"{self.api}/git/commits/{commit.sha}",
            "html_url": f"{self.html}/commit/{commit.sha}",
            "author": _person(commit.author),
            "committer": _person(commit.committer),
            "message": commit.message,
            "tree": self._tree_link(commit.tree),
            "parents": [
                {
                    "sha": parent,
                    "url": f"{self.api}/git/commits/{parent}",
                    "html_url": f"{self.html}/commit/{parent}",
                }
                for parent in commit.parents
            ],
            "verification": _UNSIGNED,
        }

    def commit(self, commit: Commit) -> dict[str, Json]:
        """As the commits API gives it; authors are not tied to accounts."""
        return {
            "sha": commit.sha,
            "node_id": node_id("Commit", commit.sha),
            "url": f"{self.api}/commits/{commit.sha}",
            "html_url": f"{self.html}/commit/{commit.sha}",
            "comments_url": f"{self.api}/commits/{commit.sha}/comments",
            "commit": {
                "url": f"{self.api}/git/commits/{commit.sha}",
                "author": _person(commit.author),
                "committer": _person(commit.committer),
                "message": commit.message,
                "comment_count": 0,
                "tree": self._tree_link(commit.tree),
                "verification": _UNSIGNED,
            },
            "author": None,
            "committer": None,
            "parents": [
                {"sha": parent, "url": f"{self.api}/commits/{parent}", "html_url": f"{self.html}/commit/{parent}"}
                for parent in commit.parents
            ],
        }

    def file(self, file: ChangedFile, at: str) -> Document:
        """A changed file as seen at the commit `at`."""
        path = quote(file.path)
        optional = {"patch": file.patch, "previous_filename": file.previous}
        return {
            "sha": file.sha,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": f"{self.html}/blob/{at}/{path}",
            "raw_url": f"{self.html}/raw/{at}/{path}",
            "contents_url": f"{self.api}/contents/{path}?ref={at}",
            **{key: value for key, value in optional.items() if value is not None},
        }

    def ref(self, ref: Ref) -> Document:
        return {
            "ref": ref.name,
            "node_id": node_id("Ref", ref.name),
            "url": f"{self.api}/git/{quote(ref.name)}",
            "object": {"sha": ref.sha, "type": ref.kind, "url": f"{self.api}/git/{ref.kind}s/{ref.sha}"},
        }

    def content(self, entry: Entry, ref: str) -> dict[str, Json]:
        """One entry of a directory, without any content."""
        kind = {"blob": "file", "tree": "dir", "commit": "submodule"}[entry.kind]
        path, view = quote(entry.path), "tree" if kind == "dir" else "blob"
        own = f"{self.api}/contents/{path}?ref={quote(ref, safe='')}"
        git = None if kind == "submodule" else f"{self.api}/git/{entry.kind}s/{entry.sha}"
        html = f"{self.html}/{view}/{quote(ref)}/{path}"
        return {
            "type": "symlink" if entry.mode == "120000" else kind,
            "name": entry.path.rsplit("/", 1)[-1],
            "path": entry.path,
            "sha": entry.sha,
            "size": entry.size or 0,
            "url": own,
            "git_url": git,
            "html_url": html,
            "download_url": f"{self.html}/raw/{quote(ref)}/{path}" if kind == "file" else None,
            "_links": {"self": own, "git": git, "html": html},
        }

    def _tree_link(self, sha: str) -> Document:
        return {"sha": sha, "url": f"{self.api}/git/trees/{sha}"}


_UNSIGNED: Document = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _person(signature: Signature) -> Document:
    return {"name": signature.name, "email": signature.email, "date": signature.date}
