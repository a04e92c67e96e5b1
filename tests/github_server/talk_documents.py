"""The JSON documents of what people and workflows say: pull requests, comments, checks, statuses."""

from dataclasses import dataclass
from urllib.parse import quote

from tests.github_server.accounts import Account
from tests.github_server.documents import ACTIONS_APP, Documents, node_id
from tests.github_server.git_diff import changed_files
from tests.github_server.git_store import GitStore
from tests.github_server.state import CheckRun, Comment, CommitStatus, IssueEvent, Pull, RefMove
from tests.github_server.wire import Document, Json

_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


@dataclass(frozen=True)
class TalkDocuments(Documents):
    """`Documents`, and those that look into the git repository `git`."""

    git: GitStore

    def comment(self, comment: Comment) -> Document:
        url = f"{self.api}/issues/comments/{comment.id}"
        return {
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": url,
            "html_url": f"{self._thread(comment.issue)}#issuecomment-{comment.id}",
            "issue_url": f"{self.api}/issues/{comment.issue}",
            "body": comment.body,
            "user": self.user(comment.author) if comment.author else None,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": "NONE",
            "performed_via_github_app": self.app() if comment.by_app else None,
            "reactions": self._reactions(url),
        }

    def issue(self, pull: Pull) -> Document:
        """A pull request as the issue that it also is."""
        url, html = f"{self.api}/issues/{pull.number}", self._thread(pull.number)
        return {
            "id": pull.id + 1,
            "node_id": node_id("PullRequest", pull.number),
            "url": url,
            "repository_url": self.api,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": html,
            **self._subject(pull),
            "comments": len(self.state.comments_of(pull.number)),
            "pull_request": {
                "merged_at": pull.updated_at if pull.merged else None,
                "url": f"{self.api}/pulls/{pull.number}",
                "html_url": html,
                "diff_url": f"{html}.diff",
                "patch_url": f"{html}.patch",
            },
            "closed_by": None,
            "performed_via_github_app": None,
            "reactions": self._reactions(url),
            "state_reason": None,
            "timeline_url": f"{url}/timeline",
        }

    def issue_event(self, event: IssueEvent) -> Document:
        document: dict[str, Json] = {
            "id": event.id,
            "node_id": node_id("IssueEvent", event.id),
            "url": f"{self.api}/issues/events/{event.id}",
            "actor": self.user(event.actor),
            "event": event.event,
            "commit_id": None,
            "commit_url": None,
            "created_at": event.created_at,
            "performed_via_github_app": None,
        }
        return document | ({"label": {"name": event.label, "color": "ededed"}} if event.label else {})

    def ref_move(self, move: RefMove) -> Document:
        return {
            "id": move.id,
            "node_id": node_id("Push", move.id),
            "before": move.before,
            "after": move.after,
            "ref": move.ref,
            "timestamp": move.timestamp,
            "activity_type": move.kind,
            "actor": self.user(move.actor),
        }

    def pull(self, pull: Pull) -> dict[str, Json]:
        """A pull request as it stands in lists."""
        api, html = f"{self.api}/pulls/{pull.number}", self._thread(pull.number)
        issue = f"{self.api}/issues/{pull.number}"
        links = {
            "self": api,
            "html": html,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{api}/comments",
            "review_comment": f"{self.api}/pulls/comments{{/number}}",
            "commits": f"{api}/commits",
            "statuses": f"{self.api}/statuses/{pull.head_sha}",
        }
        flat = {f"{key}_url": value for key, value in links.items() if key not in ("self", "html")}
        return {
            "url": api,
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.number),
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            **flat,
            "_links": {key: {"href": value} for key, value in links.items()},
            **self._subject(pull),
            "merged_at": pull.updated_at if pull.merged else None,
            "merge_commit_sha": pull.merge_sha,
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._head(pull),
            "base": self._end(self.state.owner, pull.base, pull.base_sha),
            "auto_merge": None,
        }

    def full_pull(self, pull: Pull) -> Document:
        """A pull request as `GET .../pulls/NUMBER` gives it."""
        start = self.git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
        files = changed_files(self.git, start, pull.head_sha)
        mergeable = pull.merge_sha is not None
        return self.pull(pull) | {
            "merged": pull.merged,
            "mergeable": mergeable if pull.state == "open" else None,
            "rebaseable": mergeable,
            "mergeable_state": "clean" if mergeable else "dirty",
            "merged_by": None,
            "comments": len(self.state.comments_of(pull.number)),
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": len(self.git.log(f"{pull.base_sha}..{pull.head_sha}")),
            "additions": sum(file.additions for file in files),
            "deletions": sum(file.deletions for file in files),
            "changed_files": len(files),
        }

    def check(self, check: CheckRun) -> Document:
        url = f"{self.api}/check-runs/{check.id}"
        html = f"{self.html}/runs/{check.id}"
        return {
            "id": check.id,
            "node_id": node_id("CheckRun", check.id),
            "head_sha": check.head_sha,
            "external_id": check.external_id or "",
            "url": url,
            "html_url": html,
            "details_url": check.details_url or html,
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": check.started_at,
            "completed_at": check.completed_at,
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": len(check.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "name": check.name,
            "check_suite": {"id": ACTIONS_APP + int(check.head_sha[:7], 16)},
            "app": self.app(),
            "pull_requests": [
                self._minimal(pull)
                for pull in self.state.pulls.values()
                if pull.head_sha == check.head_sha and not pull.fork and pull.state == "open"
            ],
        }

    def annotation(self, annotation: Document, head_sha: str) -> Document:
        """An annotation as it was sent, with null where nothing was."""
        empty = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
        path = quote(str(annotation["path"]))
        return {**empty, **annotation, "blob_href": f"{self.html}/blob/{head_sha}/{path}"}

    def status(self, status: CommitStatus) -> Document:
        return self.simple_status(status) | {"creator": self.user(status.creator)}

    def simple_status(self, status: CommitStatus) -> dict[str, Json]:
        """A status as it stands in the combined one, without its author."""
        return {
            "url": f"{self.api}/statuses/{status.sha}",
            "avatar_url": f"{self.base}/avatars/{status.creator.id}",
            "id": status.id,
            "node_id": node_id("StatusContext", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }

    def _subject(self, pull: Pull) -> dict[str, Json]:
        """What a pull request and its issue have in common."""
        return {
            "number": pull.number,
            "state": pull.state,
            "locked": pull.locked,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body,
            "labels": [self.label(name) for name in pull.labels],
            "milestone": None,
            "active_lock_reason": None,
            "created_at": pull.created_at,
            "updated_at": pull.updated_at,
            "closed_at": pull.updated_at if pull.state == "closed" else None,
            "assignee": None,
            "assignees": [],
            "author_association": "CONTRIBUTOR",
            "draft": pull.draft,
        }

    def _head(self, pull: Pull) -> Document:
        end = self._end(pull.fork or self.state.owner, pull.head, pull.head_sha)
        return {**end, "repo": None} if pull.fork_is_gone else end

    def _end(self, owner: str, branch: str, sha: str) -> Document:
        return {
            "label": f"{owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(Account(owner)),
            "repo": self.repository(owner),
        }

    def _minimal(self, pull: Pull) -> Document:
        repository: Document = {"id": self.state.id, "url": self.api, "name": self.state.name}
        return {
            "id": pull.id,
            "number": pull.number,
            "url": f"{self.api}/pulls/{pull.number}",
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": repository},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": repository},
        }

    def _reactions(self, url: str) -> Document:
        return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)}

    def _thread(self, number: int) -> str:
        return f"{self.html}/{'pull' if number in self.state.pulls else 'issues'}/{number}"
