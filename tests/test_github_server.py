"""The tests' GitHub, driven by the real PyGithub, git and HTTP: it must behave as GitHub does, down to what it refuses."""
# ruff: noqa: F811 (pytest's fixtures are named like the arguments that take them)

import base64
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from github import Auth, Github, GithubException, GithubRetry, InputGitTreeElement, RateLimitExceededException
from github.GithubException import BadCredentialsException, UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository

from tests.github_server import (
    GitHubServer,
    Html,
    LostAnswer,
    PrimaryLimit,
    Reset,
    SecondaryLimit,
    Slow,
    Status,
    Token,
)
from tests.github_server.description import github_description
from tests.github_server.fixture import bare_repository, github_server, start_github  # noqa: F401
from tests.github_server.routes import ROUTES
from tests.github_server.trim_openapi import OPERATIONS

ROOT = Path(__file__).parent.parent


def client(server: GitHubServer, token: str | None = "workflow", retry: GithubRetry | None = None) -> Github:
    auth = Auth.Token(token) if token else None
    return Github(
        base_url=server.url, auth=auth, retry=retry, seconds_between_requests=None, seconds_between_writes=None
    )


def repository(server: GitHubServer, token: str | None = "workflow", retry: GithubRetry | None = None) -> Repository:
    return client(server, token, retry).get_repo("octo/model")


def pull_request(server: GitHubServer, files: dict[str, bytes | str | None] | None = None) -> PullRequest:
    server.git.commit_files("feature", files or {"train.py": "print(1)\n"}, "Train", on="main")
    server.add_pull("feature")
    return repository(server).get_pull(1)


def refused(error: pytest.ExceptionInfo[GithubException]) -> tuple[int, str]:
    return error.value.status, error.value.data["message"]


# The repository, its branches, commits and files


def test_every_operation_of_the_trimmed_description_is_served() -> None:
    assert set(ROUTES) == OPERATIONS == github_description().operations


def test_the_trimmed_description_goes_with_its_licence() -> None:
    info = json.loads((ROOT / "tests/github_server/openapi.json").read_text())["info"]
    assert info["license"]["name"] == "MIT"
    assert "Permission is hereby granted" in info["x-license-text"]


def test_a_repository_tells_its_name_and_default_branch(github_server: GitHubServer) -> None:
    found = repository(github_server)
    assert (found.full_name, found.default_branch, found.owner.login) == ("octo/model", "main", "octo")


def test_another_repository_is_not_found(github_server: GitHubServer) -> None:
    with pytest.raises(UnknownObjectException):
        client(github_server).get_repo("octo/other")


def test_a_branch_points_at_the_real_commit(github_server: GitHubServer) -> None:
    sha = github_server.git.commit_files("feature/a", {"x": "1"}, on="main")
    found = repository(github_server)
    assert found.get_branch("feature/a").commit.sha == sha
    assert {branch.name for branch in found.get_branches()} == {"main", "feature/a"}
    with pytest.raises(UnknownObjectException, match="404"):
        found.get_branch("nowhere")


def test_a_commit_has_its_files_and_parents(github_server: GitHubServer) -> None:
    first = github_server.git.text("rev-parse", "main")
    second = github_server.git.commit_files("main", {"a.txt": "one\ntwo\n"}, "Add a")
    commit = repository(github_server).get_commit("main")
    assert (commit.sha, commit.commit.message, [parent.sha for parent in commit.parents]) == (second, "Add a", [first])
    assert [(file.filename, file.status, file.additions) for file in commit.files] == [("a.txt", "added", 2)]
    assert [commit.sha for commit in repository(github_server).get_commits()] == [second, first]
    assert repository(github_server).get_commit(first).files[0].filename == "README.md"


def test_two_commits_are_compared_from_their_merge_base(github_server: GitHubServer) -> None:
    base = github_server.git.text("rev-parse", "main")
    head = github_server.git.commit_files("feature", {"a.txt": "a\n"}, on="main")
    github_server.git.commit_files("main", {"b.txt": "b\n"})
    comparison = repository(github_server).compare("main", "feature")
    assert (comparison.status, comparison.ahead_by, comparison.behind_by) == ("diverged", 1, 1)
    assert (comparison.merge_base_commit.sha, [commit.sha for commit in comparison.commits]) == (base, [head])
    assert [file.filename for file in comparison.files] == ["a.txt"]


def test_contents_are_a_file_a_directory_or_raw_bytes(github_server: GitHubServer) -> None:
    github_server.git.commit_files("main", {"data/ü b.bin": b"\x00\xff", "data/c.txt": "c"})
    found = repository(github_server)
    file = found.get_contents("data/ü b.bin", ref="main")
    assert not isinstance(file, list)
    assert file.decoded_content == b"\x00\xff"
    folder = found.get_contents("data")
    assert isinstance(folder, list)
    assert sorted(entry.path for entry in folder) == ["data/c.txt", "data/ü b.bin"]
    root = found.get_contents("")
    assert isinstance(root, list)
    assert sorted((entry.name, entry.type) for entry in root) == [("README.md", "file"), ("data", "dir")]
    raw = requests.get(
        f"{github_server.url}/repos/octo/model/contents/data/c.txt",
        headers={"Accept": "application/vnd.github.raw+json"},
        timeout=10,
    )
    assert raw.content == b"c"


def test_a_missing_file_or_ref_is_not_found(github_server: GitHubServer) -> None:
    with pytest.raises(UnknownObjectException):
        repository(github_server).get_contents("nothing.txt")
    with pytest.raises(GithubException) as error:
        repository(github_server).get_contents("README.md", ref="nowhere")
    assert refused(error) == (404, "No commit found for the ref nowhere")


def test_a_file_over_one_megabyte_has_no_content_but_a_download_url(github_server: GitHubServer) -> None:
    big = b"x" * (1024 * 1024 + 1)
    github_server.git.commit_files("main", {"big.bin": big})
    file = repository(github_server).get_contents("big.bin")
    assert not isinstance(file, list)
    assert (file.encoding, file.size) == ("none", len(big))
    assert requests.get(str(file.download_url), timeout=10).content == big


def test_github_com_serves_raw_files_also_from_branches_with_slashes(github_server: GitHubServer) -> None:
    github_server.git.commit_files("plots/now", {"images/a.png": b"\x89PNG"})
    answer = requests.get(f"{github_server.url}/octo/model/raw/plots/now/images/a.png", timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"\x89PNG", "image/png")
    assert requests.get(f"{github_server.url}/octo/model/raw/main/none.png", timeout=10).status_code == 404


# Pull requests


def test_a_pull_request_counts_what_it_changes(github_server: GitHubServer) -> None:
    pull = pull_request(github_server, {"train.py": "a\nb\n", "README.md": None})
    assert (pull.number, pull.head.ref, pull.base.ref, pull.state, pull.user.login) == (
        1,
        "feature",
        "main",
        "open",
        "mona",
    )
    assert (pull.changed_files, pull.additions, pull.deletions, pull.commits, pull.mergeable) == (2, 2, 1, 1, True)
    assert sorted((file.filename, file.status) for file in pull.get_files()) == [
        ("README.md", "removed"),
        ("train.py", "added"),
    ]


def test_a_pull_request_follows_its_branch_and_its_merge_commit_is_real(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    pushed = github_server.git.commit_files("feature", {"train.py": "print(2)\n"})
    pull.update()
    assert pull.head.sha == pushed
    parents = github_server.git.text("rev-parse", f"{pull.merge_commit_sha}^1", f"{pull.merge_commit_sha}^2").split()
    assert parents == [pull.base.sha, pushed]
    assert github_server.git.resolve("refs/pull/1/merge") == pull.merge_commit_sha


def test_pull_requests_that_conflict_cannot_be_merged(github_server: GitHubServer) -> None:
    pull = pull_request(github_server, {"README.md": "mine\n"})
    github_server.git.commit_files("main", {"README.md": "theirs\n"})
    pull.update()
    assert (pull.mergeable, pull.mergeable_state) == (False, "dirty")


def test_pull_requests_are_listed_by_state_base_head_and_commit(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    github_server.git.commit_files("other", {"x": "1"}, on="main")
    github_server.add_pull("other").state = "closed"
    found = repository(github_server)
    assert [item.number for item in found.get_pulls()] == [1]
    assert [item.number for item in found.get_pulls(state="all")] == [2, 1]
    assert [item.number for item in found.get_pulls(head="octo:feature")] == [1]
    assert list(found.get_pulls(base="develop")) == []
    assert [item.number for item in found.get_commit(pull.head.sha).get_pulls()] == [1]
    assert [commit.sha for commit in pull.get_commits()] == [pull.head.sha]


def test_a_pull_request_from_a_fork_names_the_fork(github_server: GitHubServer) -> None:
    sha = github_server.git.commit_files("from-a-fork", {"x": "1"}, on="main")
    github_server.add_pull(sha, fork="stranger")
    pull = repository(github_server).get_pull(1)
    assert (pull.head.repo.full_name, pull.head.repo.fork, pull.base.repo.full_name) == (
        "stranger/model",
        True,
        "octo/model",
    )


def test_the_event_file_is_what_the_api_says(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    event = json.loads(json.dumps(github_server.pull_event(github_server.state.pulls[1], "synchronize")))
    assert (event["action"], event["number"], event["repository"]["full_name"]) == ("synchronize", 1, "octo/model")
    assert event["pull_request"] == pull.raw_data


# Comments


def test_a_comment_is_made_changed_and_deleted(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    comment = pull.create_issue_comment("<!-- ml_ci:x --> first")
    assert (comment.user.login, comment.user.type) == ("github-actions[bot]", "Bot")
    comment.edit("second")
    assert pull.get_issue_comment(comment.id).body == "second"
    assert [item.body for item in repository(github_server).get_issues_comments()] == ["second"]
    comment.delete()
    assert list(pull.get_issue_comments()) == []
    with pytest.raises(UnknownObjectException):
        pull.get_issue_comment(comment.id)


def test_comments_come_in_pages_of_thirty_oldest_first(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    for number in range(65):
        github_server.add_comment("mona", f"comment {number}")
    assert [item.body for item in pull.get_issue_comments()] == [f"comment {number}" for number in range(65)]
    assert github_server.count("GET", "/issues/1/comments") == 3


def test_links_name_the_repository_by_number_and_all_four_neighbours(github_server: GitHubServer) -> None:
    pull_request(github_server)
    for number in range(250):
        github_server.add_comment("mona", str(number))
    url = f"{github_server.url}/repos/octo/model/issues/1/comments"
    answer = requests.get(url, params={"per_page": 100, "page": 2}, timeout=10)
    pages = {name: re.findall(r"[?&]page=(\d+)", link["url"])[0] for name, link in answer.links.items()}
    assert pages == {"prev": "1", "next": "3", "last": "3", "first": "1"}
    assert "/repositories/" in answer.links["next"]["url"]
    last = requests.get(answer.links["next"]["url"], timeout=10)
    assert [item["body"] for item in last.json()] == [str(number) for number in range(200, 250)]
    assert set(last.links) == {"prev", "first"}


def test_no_page_is_larger_than_a_hundred(github_server: GitHubServer) -> None:
    pull_request(github_server)
    for number in range(101):
        github_server.add_comment("mona", str(number))
    url = f"{github_server.url}/repos/octo/model/issues/1/comments?per_page=500"
    assert len(requests.get(url, timeout=10).json()) == 100


def test_a_body_of_65536_characters_fits_and_one_more_does_not(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    comment = pull.create_issue_comment("é" * 65_536)
    for write in (pull.create_issue_comment, comment.edit):
        with pytest.raises(GithubException) as error:
            write("x" * 65_537)
        assert refused(error) == (422, "Validation Failed")
        assert error.value.data["errors"][0]["message"] == "Body is too long (maximum is 65536 characters)"


def test_comments_have_the_author_whose_token_it_was(github_server: GitHubServer) -> None:
    pull_request(github_server)
    github_server.tokens["hers"] = Token(login="mona", kind="User")
    comment = repository(github_server, "hers").get_pull(1).create_issue_comment("hello")
    assert (comment.user.login, comment.user.type) == ("mona", "User")
    github_server.add_comment("dependabot[bot]", "bump")
    github_server.add_comment(None, "gone")
    authors = [item["user"] for item in requests.get(comment.issue_url + "/comments", timeout=10).json()]
    assert [author and (author["login"], author["type"]) for author in authors] == [
        ("mona", "User"),
        ("dependabot[bot]", "Bot"),
        None,
    ]


def test_labels_are_added_replaced_and_removed(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    pull.add_to_labels("model", "data")
    pull.add_to_labels("data")
    assert [label.name for label in pull.get_labels()] == ["model", "data"]
    pull.remove_from_labels("model")
    assert [label.name for label in repository(github_server).get_issue(1).labels] == ["data"]
    pull.set_labels("approved")
    assert [label.name for label in pull.get_labels()] == ["approved"]
    pull.delete_labels()
    assert list(pull.get_labels()) == []


# Check runs and statuses


def test_a_check_run_is_opened_and_closed(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    check = repository(github_server).create_check_run("ml-ci / default", pull.head.sha, status="in_progress")
    assert (check.raw_data["status"], check.raw_data["conclusion"], check.raw_data["completed_at"]) == (
        "in_progress",
        None,
        None,
    )
    check.edit(conclusion="failure", output={"title": "accuracy fell", "summary": "0.9 → 0.8"})
    again = repository(github_server).get_check_run(check.id)
    assert (again.status, again.conclusion, again.output.title) == ("completed", "failure", "accuracy fell")
    assert again.completed_at is not None
    assert [item.number for item in again.pull_requests] == [1]
    assert again.app.slug == "github-actions"


def test_annotations_add_up_over_requests(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    note: dict[str, str | int] = {
        "path": "train.py",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "warning",
        "message": "lower accuracy",
    }
    first: dict[str, str | list[dict[str, str | int]]] = {"title": "t", "summary": "s", "annotations": [note] * 50}
    check = repository(github_server).create_check_run("ml-ci", pull.head.sha, output=first)
    check.edit(output={"title": "t", "summary": "s", "annotations": [note]})
    assert check.output.annotations_count == 51
    assert [item.path for item in check.get_annotations()] == ["train.py"] * 51


def test_the_latest_check_of_each_name_is_listed_for_a_commit(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    found = repository(github_server)
    found.create_check_run("a", pull.head.sha, conclusion="failure")
    latest = found.create_check_run("a", pull.head.sha, conclusion="success")
    found.create_check_run("b", pull.head.sha, conclusion="neutral")
    commit = found.get_commit(pull.head.sha)
    assert [check.conclusion for check in commit.get_check_runs()] == ["neutral", "success"]
    assert [check.id for check in commit.get_check_runs(check_name="a")] == [latest.id]
    assert commit.get_check_runs(filter="all").totalCount == 3


def test_a_check_for_an_unknown_commit_is_refused(github_server: GitHubServer) -> None:
    with pytest.raises(GithubException) as error:
        repository(github_server).create_check_run("a", "0" * 40)
    assert refused(error) == (422, f"No commit found for SHA: {'0' * 40}")


def test_only_apps_make_check_runs(github_server: GitHubServer) -> None:
    github_server.tokens["hers"] = Token(login="mona", kind="User")
    with pytest.raises(GithubException) as error:
        repository(github_server, "hers").create_check_run("a", github_server.git.text("rev-parse", "main"))
    assert refused(error) == (403, "You must authenticate via a GitHub App.")


def test_the_combined_status_is_the_worst_of_the_latest(github_server: GitHubServer) -> None:
    commit = repository(github_server).get_commit("main")
    assert commit.get_combined_status().state == "pending"
    commit.create_status("failure", context="a")
    commit.create_status("success", context="a", description="fine", target_url="https://example.com/1")
    assert commit.get_combined_status().state == "success"
    commit.create_status("error", context="b")
    assert commit.get_combined_status().state == "failure"
    assert [status.context for status in commit.get_statuses()] == ["b", "a", "a"]


# Git data


def test_blobs_keep_their_bytes_and_have_gits_own_names(github_server: GitHubServer) -> None:
    found = repository(github_server)
    blob = found.create_git_blob(base64.b64encode(b"\x00\x01").decode(), "base64")
    expected = subprocess.run(
        ["git", "hash-object", "--stdin"], input=b"\x00\x01", capture_output=True, check=True
    ).stdout
    assert blob.sha == expected.decode().strip()
    assert base64.b64decode(found.get_git_blob(blob.sha).content) == b"\x00\x01"
    with pytest.raises(UnknownObjectException):
        found.get_git_blob("0" * 40)


def test_a_file_is_added_through_blob_tree_commit_and_ref(github_server: GitHubServer) -> None:
    found = repository(github_server)
    main = found.get_git_ref("heads/main")
    parent = found.get_git_commit(main.object.sha)
    entries = [
        InputGitTreeElement("records/default/a.json", "100644", "blob", content="{}"),
        InputGitTreeElement("records/b.json", "100644", "blob", sha=found.create_git_blob("b", "utf-8").sha),
    ]
    tree = found.create_git_tree(entries, parent.tree)
    commit = found.create_git_commit("Record", tree, [parent])
    main.edit(commit.sha)
    assert github_server.git.text("ls-tree", "-r", "--name-only", "main").splitlines() == [
        "README.md",
        "records/b.json",
        "records/default/a.json",
    ]
    assert found.get_git_commit(commit.sha).author.name == "github-actions[bot]"
    whole = found.get_git_tree("main", recursive=True)
    assert {(entry.path, entry.type) for entry in whole.tree} == {
        ("README.md", "blob"),
        ("records", "tree"),
        ("records/b.json", "blob"),
        ("records/default", "tree"),
        ("records/default/a.json", "blob"),
    }
    assert [entry.path for entry in found.get_git_tree("main:records/default").tree] == ["a.json"]
    removal = found.create_git_tree([InputGitTreeElement("records/b.json", "100644", "blob", sha=None)], whole)
    assert [entry.path for entry in found.get_git_tree(removal.sha, recursive=True).tree if entry.type == "blob"] == [
        "README.md",
        "records/default/a.json",
    ]


def test_an_orphan_branch_is_made_without_parents(github_server: GitHubServer) -> None:
    found = repository(github_server)
    tree = found.create_git_tree([InputGitTreeElement("README.md", "100644", "blob", content="data")])
    commit = found.create_git_commit("First", tree, [])
    ref = found.create_git_ref("refs/heads/ml-ci-data", commit.sha)
    assert (ref.ref, ref.object.sha) == ("refs/heads/ml-ci-data", commit.sha)
    assert github_server.git.log("ml-ci-data") == [commit.sha]
    assert [item.ref for item in found.get_git_matching_refs("heads/ml-ci")] == ["refs/heads/ml-ci-data"]


def test_a_ref_is_created_once(github_server: GitHubServer) -> None:
    found = repository(github_server)
    sha = found.get_branch("main").commit.sha
    with pytest.raises(GithubException) as error:
        found.create_git_ref("refs/heads/main", sha)
    assert refused(error) == (422, "Reference already exists")
    with pytest.raises(GithubException) as error:
        found.create_git_ref("refs/heads/new", "0" * 40)
    assert refused(error) == (422, "Object does not exist")
    with pytest.raises(GithubException) as error:
        found.create_git_ref("heads/new", sha)
    assert refused(error) == (422, "Reference name must contain at least three slash-separated components.")
    found.create_git_ref("refs/heads/ml-ci-data", sha)
    with pytest.raises(GithubException) as error:
        found.create_git_ref("refs/heads/ml-ci-data/under", sha)
    assert refused(error) == (422, "Reference update failed")
    with pytest.raises(UnknownObjectException):
        found.get_git_ref("heads/none").object  # noqa: B018 (PyGithub asks when it is read)


def test_a_push_in_between_makes_an_update_no_fast_forward(github_server: GitHubServer) -> None:
    found = repository(github_server)
    main = found.get_git_ref("heads/main")
    parent = found.get_git_commit(main.object.sha)
    commit = found.create_git_commit("Mine", parent.tree, [parent])
    github_server.before("PATCH", "/git/refs/*", lambda: github_server.git.commit_files("main", {"theirs": "1"}))
    with pytest.raises(GithubException) as error:
        main.edit(commit.sha)
    assert refused(error) == (422, "Update is not a fast forward")
    assert github_server.git.text("show", "main:theirs") == "1"
    main.edit(commit.sha, force=True)
    assert github_server.git.text("rev-parse", "main") == commit.sha


def test_a_ref_that_is_gone_cannot_be_updated(github_server: GitHubServer) -> None:
    found = repository(github_server)
    ref = found.create_git_ref("refs/heads/short", found.get_branch("main").commit.sha)
    ref.delete()
    with pytest.raises(GithubException) as error:
        ref.edit(found.get_branch("main").commit.sha)
    assert refused(error) == (422, "Reference does not exist")


def test_an_empty_repository_answers_409(start_github: Callable[..., GitHubServer], tmp_path: Path) -> None:
    server = start_github(git_dir=bare_repository(tmp_path / "empty.git", empty=True))
    found = repository(server)
    for ask in (
        lambda: found.create_git_blob("x", "utf-8"),
        lambda: found.get_git_ref("heads/main").object,
        lambda: list(found.get_commits()),
    ):
        with pytest.raises(GithubException) as error:
            ask()
        assert refused(error) == (409, "Git Repository is empty.")


def test_a_tree_with_an_unknown_blob_is_refused(github_server: GitHubServer) -> None:
    entry = InputGitTreeElement("a", "100644", "blob", sha="1" * 40)
    with pytest.raises(GithubException) as error:
        repository(github_server).create_git_tree([entry])
    assert refused(error) == (422, f"tree.sha {'1' * 40} is not a valid blob")


def test_git_itself_clones_fetches_one_commit_and_pushes(github_server: GitHubServer, tmp_path: Path) -> None:
    first = github_server.git.text("rev-parse", "main")
    github_server.git.commit_files("main", {"a": "1"})
    remote = f"{github_server.url.replace('http://', 'http://x-access-token:secret@')}/octo/model.git"

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("clone", "-q", "--depth=1", remote, "clone")
    git("-C", "clone", "fetch", "-q", "--depth=1", "origin", first)
    assert git("-C", "clone", "cat-file", "-t", first) == "commit"
    git("-C", "clone", "commit", "-q", "--allow-empty", "-m", "pushed")
    git("-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/pushed")
    assert github_server.git.resolve("pushed") == git("-C", "clone", "rev-parse", "HEAD")
    github_server.withhold("contents")
    with pytest.raises(subprocess.CalledProcessError):
        git("-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/refused")


# Who may do what


@pytest.mark.parametrize("withheld", ["checks", "contents", "statuses"])
def test_each_permission_can_be_withheld_alone(github_server: GitHubServer, withheld: str) -> None:
    pull = pull_request(github_server)
    found = repository(github_server)
    github_server.withhold(withheld)
    writes: dict[str, Callable[[], object]] = {
        "checks": lambda: found.create_check_run("a", pull.head.sha),
        "contents": lambda: found.create_git_blob("x", "utf-8"),
        "statuses": lambda: found.get_commit(pull.head.sha).create_status("success"),
    }
    for permission, write in writes.items():
        if permission == withheld:
            with pytest.raises(GithubException) as error:
                write()
            assert refused(error) == (403, "Resource not accessible by integration")
            assert error.value.data["documentation_url"].startswith("https://docs.github.com/rest/")
        else:
            write()
    pull.create_issue_comment("still possible")


def test_a_comment_on_a_pull_request_needs_one_of_two_permissions(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    github_server.withhold("issues")
    pull.create_issue_comment("pull-requests: write is enough")
    github_server.withhold("pull_requests")
    with pytest.raises(GithubException) as error:
        pull.create_issue_comment("none is left")
    assert refused(error) == (403, "Resource not accessible by integration")
    assert error.value.data["documentation_url"].endswith("/rest/issues/comments#create-an-issue-comment")
    assert len(list(pull.get_issue_comments())) == 1


def test_a_workflows_token_has_no_user(github_server: GitHubServer) -> None:
    with pytest.raises(GithubException) as error:
        client(github_server).get_user().login  # noqa: B018 (PyGithub asks when it is read)
    assert refused(error) == (403, "Resource not accessible by integration")
    github_server.tokens["hers"] = Token(login="mona", kind="User")
    assert client(github_server, "hers").get_user().login == "mona"


def test_a_bad_token_and_none_at_all_are_told_apart(github_server: GitHubServer) -> None:
    pull_request(github_server)
    github_server.tokens["expired"] = Token(valid=False)
    with pytest.raises(BadCredentialsException):
        repository(github_server, "expired")
    anonymous = repository(github_server, None).get_pull(1)
    with pytest.raises(GithubException) as error:
        anonymous.create_issue_comment("hello")
    assert refused(error) == (401, "Requires authentication")


# Limits and faults


def test_the_rate_limit_counts_down_and_then_refuses(github_server: GitHubServer) -> None:
    github_server.tokens["few"] = Token(limit=3)
    found = client(github_server, "few")
    found.get_repo("octo/model").get_branch("main")
    assert found.rate_limiting == (1, 3)
    found.get_repo("octo/model")
    with pytest.raises(RateLimitExceededException) as error:
        found.get_repo("octo/model")
    assert error.value.status == 403
    headers = error.value.headers or {}
    assert headers["x-ratelimit-remaining"] == "0"
    assert 3500 < int(headers["x-ratelimit-reset"]) - time.time() < 3700
    assert found.get_rate_limit().rate.remaining == 0


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_pass_when_tried_again(github_server: GitHubServer, status: int) -> None:
    github_server.inject("GET", "/repos/octo/model", Status(status), times=2)
    found = repository(github_server, retry=GithubRetry(total=3, backoff_factor=0))
    assert found.name == "model"
    assert [seen.status for seen in github_server.requests] == [status, status, 200]


def test_html_is_not_json(github_server: GitHubServer) -> None:
    github_server.inject("GET", "*", Html(502))
    answer = requests.get(f"{github_server.url}/repos/octo/model", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_a_reset_connection_carries_nothing_out(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    github_server.inject("POST", "/issues/*/comments", Reset())
    with pytest.raises(requests.ConnectionError, match="reset"):
        pull.create_issue_comment("hello")
    assert github_server.comments() == []


def test_a_lost_answer_has_been_carried_out(github_server: GitHubServer) -> None:
    pull = pull_request(github_server)
    github_server.inject("POST", "/issues/*/comments", LostAnswer())
    with pytest.raises(requests.ConnectionError, match="reset"):
        pull.create_issue_comment("hello")
    assert [comment.body for comment in github_server.comments()] == ["hello"]


def test_secondary_limits_say_when_to_come_back_or_not(github_server: GitHubServer) -> None:
    github_server.inject("GET", "*", SecondaryLimit(retry_after=1))
    started = time.monotonic()
    assert repository(github_server, retry=GithubRetry(total=1)).name == "model"
    assert time.monotonic() - started >= 1
    github_server.inject("GET", "*", SecondaryLimit())
    with pytest.raises(RateLimitExceededException) as error:
        repository(github_server)
    assert "retry-after" not in (error.value.headers or {})
    github_server.inject("GET", "*", SecondaryLimit(status=429, retry_after=7))
    answer = requests.get(f"{github_server.url}/repos/octo/model", timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["message"].startswith("You have exceeded a secondary rate limit")


def test_the_primary_limit_is_over_at_its_reset(github_server: GitHubServer) -> None:
    github_server.inject("GET", "*", PrimaryLimit(reset_in=0))
    started = time.monotonic()
    assert repository(github_server, retry=GithubRetry(total=1)).name == "model"
    assert time.monotonic() - started < 5
    assert [seen.status for seen in github_server.requests] == [403, 200]


def test_a_slow_answer_is_right_but_late(github_server: GitHubServer) -> None:
    github_server.inject("GET", "*", Slow(0.3))
    started = time.monotonic()
    assert repository(github_server).name == "model"
    assert time.monotonic() - started >= 0.3


def test_faults_can_wait_for_later_requests_and_stay_forever(github_server: GitHubServer) -> None:
    github_server.inject("GET", "/repos/octo/model", Status(503), times=None, skip=1)
    repository(github_server)
    for _ in range(3):
        with pytest.raises(GithubException, match="503"):
            repository(github_server)


# What it watches over


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("POST", "/repos/octo/model/check-runs", {"name": "a"}, "'head_sha' is a required property"),
        ("POST", "/repos/octo/model/check-runs", {"name": 1, "head_sha": "a"}, "1 is not of type 'string'"),
        ("POST", "/repos/octo/model/git/refs", {"ref": "refs/heads/a", "sha": "b", "forced": True}, "'forced'"),
        ("POST", "/repos/octo/model/statuses/main", {"state": "fine"}, "'fine' is not one of"),
        ("GET", "/repos/octo/model/pulls?state=merged", None, "'merged' is not one of"),
        ("GET", "/repos/octo/model/pulls?colour=red", None, "no query parameter 'colour'"),
        ("PATCH", "/repos/octo/model/git/ref/heads/main", {"sha": "a"}, "no such operation"),
        ("POST", "/repos/octo/model/issues/1/comments", None, "needs a request body"),
    ],
)
def test_a_request_against_the_description_is_a_violation(
    tmp_path: Path, method: str, path: str, body: dict[str, str | int] | None, complaint: str
) -> None:
    with GitHubServer(bare_repository(tmp_path / "github.git")) as server:
        headers = {"Authorization": "Bearer t"}
        answer = requests.request(method, server.url + path, json=body, headers=headers, timeout=10)
        assert answer.status_code == 500
        assert complaint in server.violations[0]


def test_an_answer_against_the_description_is_a_violation_too(tmp_path: Path) -> None:
    with GitHubServer(bare_repository(tmp_path / "github.git")) as server:
        server.git.commit_files("feature", {"a": "1"}, on="main")
        server.add_pull("feature").created_at = "yesterday"
        assert requests.get(f"{server.url}/repos/octo/model/pulls/1", timeout=10).status_code == 500
        assert "'yesterday' is not a 'date-time'" in server.violations[0]


def test_a_request_without_user_agent_is_refused(github_server: GitHubServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", github_server.port, timeout=10)
    connection.request("GET", "/repos/octo/model")
    assert connection.getresponse().status == 403
    connection.close()


def test_the_log_holds_who_asked_for_what(github_server: GitHubServer) -> None:
    pull_request(github_server).create_issue_comment("hello")
    seen = github_server.requests[-1]
    assert (seen.method, seen.path, seen.body, seen.login, seen.operation, seen.status) == (
        "POST",
        "/repos/octo/model/issues/1/comments",
        {"body": "hello"},
        "github-actions[bot]",
        "issues/create-comment",
        201,
    )


def test_nothing_answers_once_it_is_closed(tmp_path: Path) -> None:
    with GitHubServer(bare_repository(tmp_path / "github.git")) as server, requests.Session() as session:
        assert session.get(f"{server.url}/rate_limit", timeout=10).ok
        server.close()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/rate_limit", timeout=10)


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    where = bare_repository(tmp_path / "github.git")
    command = [
        sys.executable,
        "-m",
        "tests.github_server",
        "--git-dir",
        str(where),
        "--repo",
        "o/r",
        "--host",
        "0.0.0.0",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/repos/o/r", timeout=10).json()["full_name"] == "o/r"
        assert requests.get(f"{url}/repos/o/r/pulls?state=merged", timeout=10).status_code == 500
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "'merged' is not one of" in errors


def test_a_client_finds_it_by_any_name(start_github: Callable[..., GitHubServer]) -> None:
    server = start_github(host="0.0.0.0")
    found = requests.get(f"http://localhost:{server.port}/repos/octo/model", timeout=10).json()
    assert urlsplit(found["url"]).netloc == f"localhost:{server.port}"


# GraphQL


def update_refs(server: GitHubServer, **update: str | bool) -> dict[str, Any]:
    found = repository(server)
    query = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"
    given = {
        "repositoryId": found.node_id,
        "refUpdates": [{"name": "refs/heads/main", **update}],
        "clientMutationId": "1",
    }
    return graphql(server, query, {"input": given})


def graphql(server: GitHubServer, query: str, variables: dict[str, Any], path: str = "/graphql") -> dict[str, Any]:
    body: dict[str, Any] = {"query": query, "variables": variables}
    answer = requests.post(server.url + path, json=body, headers={"Authorization": "bearer t"}, timeout=10)
    found: dict[str, Any] = answer.json()
    return {**found, "status": answer.status_code}


def an_orphan(server: GitHubServer) -> str:
    return server.git.commit_files("orphan", {"a": "1"}, "Orphan")


def test_a_ref_is_moved_from_where_the_caller_says_that_it_is(github_server: GitHubServer) -> None:
    tip, orphan = github_server.git.text("rev-parse", "main"), an_orphan(github_server)
    done = update_refs(github_server, beforeOid=tip, afterOid=orphan, force=True)
    assert done == {"status": 200, "data": {"updateRefs": {"clientMutationId": "1"}}}
    assert github_server.git.text("rev-parse", "main") == orphan
    assert [(move.before, move.tip, move.after) for move in github_server.forced] == [(tip, tip, orphan)]


def test_a_ref_that_is_elsewhere_is_not_moved(github_server: GitHubServer) -> None:
    tip, orphan = github_server.git.text("rev-parse", "main"), an_orphan(github_server)
    refused = update_refs(github_server, beforeOid=orphan, afterOid=orphan, force=True)
    assert (refused["status"], refused["data"]) == (200, {"updateRefs": None})
    assert refused["errors"][0]["type"] == "UNPROCESSABLE"
    assert github_server.git.text("rev-parse", "main") == tip
    assert github_server.forced == []


def test_no_fast_forward_has_to_be_forced_and_a_protected_branch_takes_none(github_server: GitHubServer) -> None:
    tip, orphan = github_server.git.text("rev-parse", "main"), an_orphan(github_server)
    assert "fast forward" in update_refs(github_server, beforeOid=tip, afterOid=orphan)["errors"][0]["message"]
    github_server.protect("main")
    refused = update_refs(github_server, beforeOid=tip, afterOid=orphan, force=True)
    assert "Cannot force-push" in refused["errors"][0]["message"]
    with pytest.raises(GithubException, match="Cannot force-push"):
        repository(github_server).get_git_ref("heads/main").edit(orphan, force=True)
    assert github_server.git.text("rev-parse", "main") == tip


def test_a_token_without_rights_is_told_so_with_status_200(github_server: GitHubServer) -> None:
    github_server.withhold("contents")
    refused = update_refs(github_server, afterOid=an_orphan(github_server), force=True)
    assert (refused["status"], refused["errors"][0]["type"]) == (200, "FORBIDDEN")


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("mutation { updateRef { id } }", {}),
        ("mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }", {"input": {"a": 1}}),
        ("mutation {", {}),
    ],
    ids=["field", "input", "syntax"],
)
def test_a_query_against_githubs_schema_is_a_violation(tmp_path: Path, query: str, variables: dict[str, Any]) -> None:
    with GitHubServer(bare_repository(tmp_path / "bare.git")) as server:
        assert graphql(server, query, variables)["status"] == 500
        assert len(server.violations) == 1


def test_graphql_tells_a_workflows_token_its_login(github_server: GitHubServer) -> None:
    found = graphql(github_server, "query { viewer { login } }", {})
    assert found["data"] == {"viewer": {"login": "github-actions[bot]"}}


def test_an_enterprise_server_has_graphql_beside_rest(github_server: GitHubServer) -> None:
    assert graphql(github_server, "{ id }", {}, "/api/graphql") == {"status": 200, "data": {"id": "Q"}}


def test_the_trimmed_schema_goes_with_its_licence() -> None:
    head = (ROOT / "tests/github_server/schema.graphql").read_text().partition("scalar")[0]
    assert "MIT" in head
    assert "Permission is hereby granted" in head


def test_what_is_not_there_cannot_be_removed(github_server: GitHubServer) -> None:
    found = repository(github_server)
    whole = found.get_git_tree("main")
    with pytest.raises(GithubException) as error:
        found.create_git_tree([InputGitTreeElement("nothing", "100644", "blob", sha=None)], whole)
    assert refused(error) == (422, "GitRPC::BadObjectState")


def test_a_tree_with_more_files_than_are_listed_says_so(github_server: GitHubServer) -> None:
    github_server.git.commit_files("main", {"a": "1", "b": "2", "c": "3"})
    github_server.state.listed = 2
    found = repository(github_server).get_git_tree("main", recursive=True)
    assert (len(found.tree), found.truncated) == (2, True)
