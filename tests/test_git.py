"""Git: which commits are compared, what the working tree holds, and that nothing of the user's is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml_ci import context
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.event import Event
from ml_ci.sources.git import Credential, Git
from ml_ci.sources.process import Owner
from tests.repository import Repository, clean_variables

NOBODY = 12345


class Unguarded:
    """No guard is needed where nobody kills the test."""

    def worktree(self, repository: Path, path: Path) -> None:
        """Nothing to remember."""

    def worktree_done(self, path: Path) -> None:
        """Nothing to forget."""


def git_of(repository: Repository, **variables: str) -> Git:
    return Git.discover(repository.path, clean_variables() | variables)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two commits on `main`."""
    made = Repository.create(tmp_path / "repo", {"train.py": "1\n"})
    made.commit({"train.py": "2\n"})
    return made


def clone(origin: Repository, path: Path, *arguments: str) -> Repository:
    """A clone over git's own transport, which is what `--depth` needs."""
    address = origin.path.as_uri()
    subprocess.run(
        ["git", "clone", "--quiet", *arguments, address, str(path)],
        env=clean_variables(),
        check=True,
        capture_output=True,
    )
    return Repository(path)


def is_shallow(repository: Repository) -> bool:
    return repository.git("rev-parse", "--is-shallow-repository") == "true"


# -- a laptop: head and base


def test_a_branch_is_compared_with_where_it_left_the_default_branch(repository: Repository) -> None:
    base = repository.git("rev-parse", "HEAD")
    head = repository.branch("change").commit({"train.py": "3\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"other.py": "main went on\n"})
    repository.git("checkout", "--quiet", "change")
    assert context.in_clone(git_of(repository), None) == context.Context(head=head, base=base)


def test_changes_on_the_default_branch_are_compared_with_its_last_commit(repository: Repository) -> None:
    head = repository.git("rev-parse", "HEAD")
    repository.write({"train.py": "3\n"})
    found = context.in_clone(git_of(repository), None)
    assert (found.head, found.base, found.dirty, found.exact) == (head, head, True, False)


def test_the_default_branch_as_it_is_is_compared_with_its_first_parent(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.branch("other").commit({"other.py": "\n"})
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "other")
    found = context.in_clone(git_of(repository), None)
    assert (found.base, found.exact) == (first, True)


def test_an_untracked_file_is_a_change_and_an_ignored_one_is_not(repository: Repository) -> None:
    repository.commit({".gitignore": "*.log\n"})
    repository.write({"train.log": "words\n"})
    assert not context.in_clone(git_of(repository), None).dirty
    repository.write({"features.py": "1\n"})
    assert context.in_clone(git_of(repository), None).dirty


def test_the_default_branch_is_the_one_that_origin_names(repository: Repository, tmp_path: Path) -> None:
    repository.git("branch", "--move", "main", "trunk")
    mine = clone(repository, tmp_path / "mine")
    base = mine.git("rev-parse", "HEAD")
    mine.branch("main").commit({"train.py": "a local branch that is called main\n"})
    assert context.in_clone(git_of(mine), None).base == base


def test_a_detached_head_is_compared_like_a_branch(repository: Repository) -> None:
    base = repository.git("rev-parse", "HEAD")
    head = repository.branch("change").commit({"train.py": "3\n"})
    repository.git("checkout", "--quiet", "--detach")
    repository.git("branch", "--quiet", "-D", "change")
    assert context.in_clone(git_of(repository), None) == context.Context(head=head, base=base)


@pytest.mark.parametrize("name", ["HEAD~1", "main~1", "v1", "sha"])
def test_a_base_can_be_named(repository: Repository, name: str) -> None:
    first = repository.git("rev-parse", "HEAD~1")
    repository.git("tag", "v1", first)
    assert context.in_clone(git_of(repository), first if name == "sha" else name).base == first


def test_a_base_can_be_a_branch_that_only_origin_has(repository: Repository, tmp_path: Path) -> None:
    tip = repository.branch("release").commit({"train.py": "3\n"})
    repository.git("checkout", "--quiet", "main")
    assert context.in_clone(git_of(clone(repository, tmp_path / "mine")), "release").base == tip


@pytest.mark.parametrize("name", ["nowhere", "--help", "-h", "", "main:train.py", "0" * 40])
def test_a_base_that_git_does_not_know_is_an_error(repository: Repository, name: str) -> None:
    with pytest.raises((ConfigError, OutsideError)):
        context.in_clone(git_of(repository), name)


def test_a_folder_that_is_in_no_repository_and_a_repository_without_a_commit_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not in a git repository"):
        Git.discover(tmp_path, clean_variables())
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "new")], env=clean_variables(), check=True)
    with pytest.raises(ConfigError, match=r"no commit yet"):
        context.in_clone(git_of(Repository(tmp_path / "new")), None)


def test_from_a_sub_folder_the_repository_is_found(repository: Repository) -> None:
    (repository.path / "a" / "b").mkdir(parents=True)
    assert Git.discover(repository.path / "a" / "b", clean_variables()).top == repository.path


def test_without_a_default_branch_a_base_has_to_be_named(repository: Repository) -> None:
    repository.git("branch", "--move", "main", "work")
    with pytest.raises(ConfigError, match=r"--base"):
        context.in_clone(git_of(repository), None)


# -- a pull request


EVENT = Event(
    name="pull_request",
    action="synchronize",
    repository="mona/churn",
    default_branch="main",
    pull_number=7,
    head_sha="",
    base_sha="",
    base_ref="main",
    ref="refs/pull/7/merge",
    sha="",
    is_fork=False,
    deleted=False,
    actor="mona",
    run_id=1,
    run_attempt=1,
    run_url="https://github.example/mona/churn/actions/runs/1",
    server_url="https://github.example",
    api_url="https://api.github.example",
)


@pytest.fixture
def pull_request(repository: Repository) -> tuple[Repository, Event]:
    """`main` went on after the branch; GitHub's merge of both is checked out, detached."""
    head = repository.branch("change").commit({"train.py": "3\n"})
    repository.git("checkout", "--quiet", "main")
    old = repository.git("rev-parse", "HEAD")
    base = repository.commit({"other.py": "main went on\n"})
    repository.git("checkout", "--quiet", "--detach")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", head)
    merge = repository.git("rev-parse", "HEAD")
    assert old != base
    return repository, replace(EVENT, head_sha=head, base_sha=base, sha=merge)


def test_githubs_merge_is_compared_with_its_first_parent_under_the_name_of_the_head(
    pull_request: tuple[Repository, Event],
) -> None:
    repository, event = pull_request
    found = context.of_pull_request(git_of(repository), event, None)
    assert (found.head, found.base, found.merged, found.exact) == (event.head_sha, event.base_sha, True, False)


def test_the_first_parent_counts_where_main_has_gone_on_since_the_event(pull_request: tuple[Repository, Event]) -> None:
    repository, event = pull_request
    found = context.of_pull_request(git_of(repository), replace(event, base_sha="f" * 40), None)
    assert found.base == event.base_sha


def test_a_shallow_checkout_of_the_merge_gets_the_base_and_nothing_more(
    pull_request: tuple[Repository, Event], tmp_path: Path
) -> None:
    origin, event = pull_request
    origin.git("update-ref", "refs/heads/merge", event.sha)
    mine = clone(origin, tmp_path / "mine", "--depth=1", "--branch=merge")
    mine.git("checkout", "--quiet", "--detach")
    git = git_of(mine)
    found = context.of_pull_request(git, event, None)
    assert (found.head, found.base) == (event.head_sha, event.base_sha)
    assert event.base_sha is not None
    assert git.has(event.base_sha)
    assert not git.has(event.head_sha)
    assert mine.git("rev-list", "--all", "--count", event.base_sha, event.sha) == "2"
    assert is_shallow(mine)


def test_the_head_itself_may_be_checked_out(pull_request: tuple[Repository, Event]) -> None:
    repository, event = pull_request
    repository.git("checkout", "--quiet", event.head_sha)
    found = context.of_pull_request(git_of(repository), event, None)
    assert (found.head, found.base) == (event.head_sha, repository.git("merge-base", event.head_sha, "main"))
    assert found.exact


def test_the_base_is_never_compared_with_itself(pull_request: tuple[Repository, Event]) -> None:
    """What `pull_request_target` checks out."""
    repository, event = pull_request
    repository.git("checkout", "--quiet", "main")
    with pytest.raises(ConfigError, match=r"is not the pull request.*check out"):
        context.of_pull_request(git_of(repository), replace(event, sha=event.base_sha or ""), None)


def test_a_named_base_counts_on_a_pull_request_too(pull_request: tuple[Repository, Event]) -> None:
    repository, event = pull_request
    found = context.of_pull_request(git_of(repository), event, "main~1")
    assert (found.head, found.base, found.merged) == (event.head_sha, repository.git("rev-parse", "main~1"), True)


def test_a_branch_without_a_pull_request_is_compared_with_the_default_branch_as_origin_has_it(
    repository: Repository, tmp_path: Path
) -> None:
    mine = clone(repository, tmp_path / "mine")
    base = mine.git("rev-parse", "HEAD")
    head = mine.branch("change").commit({"train.py": "3\n"})
    repository.commit({"other.py": "main went on\n"})
    found = context.of_branch(git_of(mine), replace(EVENT, name="push", pull_number=None, head_sha=head), None)
    assert (found.head, found.base) == (head, base)


# -- fetching


def test_a_shallow_clone_fetches_the_one_commit_that_it_lacks(repository: Repository, tmp_path: Path) -> None:
    second = repository.git("rev-parse", "HEAD")
    for number in range(3):
        repository.commit({"train.py": f"more {number}\n"})
    mine = clone(repository, tmp_path / "mine", "--depth=1")
    git = git_of(mine)
    assert not git.has(second)
    git.ensure(second)
    assert git.files_at(second).keys() == {"train.py"}
    assert mine.git("rev-list", "--count", "HEAD", second) == "2"
    assert is_shallow(mine)


def test_a_full_clone_never_becomes_a_shallow_one(repository: Repository, tmp_path: Path) -> None:
    mine = clone(repository, tmp_path / "mine")
    tip = repository.branch("later").commit({"train.py": "4\n"})
    git_of(mine).ensure(tip)
    assert not is_shallow(mine)
    assert mine.git("rev-list", "--count", tip) == "3"


def test_a_fetch_leaves_no_trace_but_the_commit(repository: Repository, tmp_path: Path) -> None:
    mine = clone(repository, tmp_path / "mine")
    before = mine.git("for-each-ref")
    tip = repository.branch("later").commit({"train.py": "4\n"})
    repository.git("tag", "v1")
    git_of(mine).ensure(tip)
    assert mine.git("for-each-ref") == before
    assert not (mine.path / ".git" / "FETCH_HEAD").exists()


def test_a_commit_that_origin_does_not_have_is_an_error_that_says_what_to_do(
    repository: Repository, tmp_path: Path
) -> None:
    mine = clone(repository, tmp_path / "mine", "--depth=1")
    with pytest.raises(OutsideError, match=r"ffffffffffff could not be fetched.*fetch-depth: 0"):
        git_of(mine).ensure("f" * 40)


def test_a_credential_never_shows(repository: Repository) -> None:
    secret = Credential("https://github.example", "ghs_secret")
    git = Git(repository.path, clean_variables(), secret)
    assert "ghs_secret" not in repr(secret)
    # it reaches git only where git talks to the server, and only by its environment
    assert not any("extraheader" in value for value in git.variables.values())
    assert {name for name, _ in secret.settings()} == {"http.https://github.example/.extraheader"}


# -- what the working tree holds


def hashed(content: str) -> str:
    """The name that git gives to this content."""
    answer = subprocess.run(["git", "hash-object", "--stdin"], input=content.encode(), capture_output=True, check=True)
    return answer.stdout.decode().strip()


def test_tracked_changed_untracked_and_deleted_files_are_what_they_are_now(repository: Repository) -> None:
    repository.commit({"a.py": "a\n", "b.py": "b\n", "c.py": "c\n", ".gitignore": "*.log\n"})
    repository.write({"b.py": "changed\n", "new/d.py": "d\n", "e.log": "e\n"})
    (repository.path / "c.py").unlink()
    assert git_of(repository).working_files() == {
        ".gitignore": hashed("*.log\n"),
        "a.py": hashed("a\n"),
        "b.py": hashed("changed\n"),
        "new/d.py": hashed("d\n"),
        "train.py": hashed("2\n"),
    }


def test_staged_renamed_and_conflicting_files_are_what_they_are_now(repository: Repository) -> None:
    repository.branch("one").commit({"train.py": "one\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"train.py": "two\n", "old.py": "same\n"})
    subprocess.run(
        ["git", "merge", "one"], cwd=repository.path, env=clean_variables(), capture_output=True, check=False
    )
    repository.git("mv", "old.py", "new.py")
    content = (repository.path / "train.py").read_text()
    assert "<<<<<<<" in content
    assert git_of(repository).working_files() == {"new.py": hashed("same\n"), "train.py": hashed(content)}


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_to_overlook_is_not_overlooked(repository: Repository, flag: str) -> None:
    repository.git("update-index", flag, "train.py")
    repository.write({"train.py": "a laptop's own\n"})
    assert repository.status() == ""
    git = git_of(repository)
    assert git.working_files() == {"train.py": hashed("a laptop's own\n")}
    assert context.in_clone(git, None).dirty


ODD = [
    "with space.py",
    'quote".py',
    "back\\slash.py",
    "new\nline.py",
    "tab\t.py",
    "-leading",
    "--help",
    "ünï.py",
    "模型.py",
]


def test_odd_names_are_no_trouble_whether_tracked_changed_or_new(repository: Repository) -> None:
    repository.commit(dict.fromkeys(ODD, "1\n"))
    repository.write(dict.fromkeys(ODD[::2], "2\n"))
    repository.write({f"new {name}": "3\n" for name in ODD})
    expected = {name: hashed("1\n") for name in ODD[1::2]} | {name: hashed("2\n") for name in ODD[::2]}
    expected |= {f"new {name}": hashed("3\n") for name in ODD} | {"train.py": hashed("2\n")}
    git = git_of(repository)
    assert git.working_files() == expected
    assert git.files_at("HEAD") == {name: hashed("1\n") for name in ODD} | {"train.py": hashed("2\n")}
    assert git.read("HEAD", "new\nline.py") == b"1\n"


def test_links_count_by_where_they_lead(repository: Repository) -> None:
    (repository.path / "link").symlink_to("train.py")
    repository.commit()
    before = git_of(repository).working_files()["link"]
    (repository.path / "link").unlink()
    (repository.path / "link").symlink_to("elsewhere")
    assert git_of(repository).working_files()["link"] != before


def with_submodule(repository: Repository, path: Path, *settings: str) -> Repository:
    library = Repository.create(path, {"library.py": "1\n"})
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    for setting in settings:
        repository.git("config", "--file", ".gitmodules", f"submodule.lib.{setting}", "all")
    repository.commit()
    return Repository(repository.path / "lib")


@pytest.mark.parametrize("settings", [(), ("ignore",)])
def test_a_change_in_a_submodule_is_seen_even_where_status_is_told_to_ignore_it(
    repository: Repository, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    module = with_submodule(repository, tmp_path / "library", *settings)
    states = [git_of(repository).working_files()["lib"]]
    assert states == [module.git("rev-parse", "HEAD")]
    for change in ({"library.py": "2\n"}, {"library.py": "3\n"}, {"new.py": "1\n"}):
        module.write(change)
        states.append(git_of(repository).working_files()["lib"])
    module.commit()
    states.append(git_of(repository).working_files()["lib"])
    assert len(set(states)) == 5


def test_a_submodule_is_filled_in_the_worktree_with_the_commit_that_it_had(
    repository: Repository, tmp_path: Path
) -> None:
    module = with_submodule(repository, tmp_path / "library")
    base = repository.git("rev-parse", "HEAD")
    module.commit({"library.py": "2\n"})
    repository.commit()
    with git_of(repository).worktree(base, tmp_path / "temporary", Unguarded()) as worktree:
        assert (worktree / "lib" / "library.py").read_text() == "1\n"
    assert (module.path / "library.py").read_text() == "2\n"


def test_a_repository_within_that_has_no_commit_yet_is_no_trouble(repository: Repository) -> None:
    subprocess.run(["git", "init", "--quiet", str(repository.path / "scratch")], env=clean_variables(), check=True)
    repository.write({"scratch/a.py": "1\n"})
    before = git_of(repository).working_files()
    repository.write({"scratch/a.py": "2\n"})
    assert before.keys() - {"train.py"}
    assert git_of(repository).working_files() != before


# -- nothing of the user's is touched


def photograph(folder: Path) -> dict[str, bytes]:
    """Every file in .git but objects, which git only ever adds."""
    files = (file for file in (folder / ".git").rglob("*") if file.is_file() and "objects" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_neither_the_repository_nor_anybodys_configuration_is_changed(repository: Repository, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = home / ".gitconfig"
    settings.write_text("[user]\n\tname = Mona\n[status]\n\tshowUntrackedFiles = no\n[core]\n\tquotePath = true\n")
    head = repository.branch("change").commit({"train.py": "3\n"})
    repository.write({"train.py": "4\n", "new.py": "1\n"})
    repository.git("add", "new.py")
    os.utime(repository.path / ".git" / "index", (0, 0))
    before, content = photograph(repository.path), settings.read_bytes()
    variables = {name: value for name, value in clean_variables().items() if name != "GIT_CONFIG_GLOBAL"}
    git = Git.discover(repository.path, variables | {"HOME": str(home)})
    found = context.in_clone(git, None)
    git.working_files()
    with git.worktree(found.base or "", tmp_path / "temporary", Unguarded()) as worktree:
        assert (worktree / "train.py").read_text() == "2\n"
        assert Git(worktree, git.variables).head() == found.base
    assert photograph(repository.path) == before
    assert settings.read_bytes() == content
    assert (found.head, sorted(git.dirty_paths())) == (head, ["new.py", "train.py"])
    assert not any((tmp_path / "temporary").iterdir())


def test_a_worktree_that_a_killed_job_left_behind_is_removed_by_the_next(
    repository: Repository, tmp_path: Path
) -> None:
    left = tmp_path / "ml-ci-base-0123456789ab" / "repo"
    own = tmp_path / "mine"
    repository.git("worktree", "add", "--quiet", "--detach", str(left))
    repository.git("worktree", "add", "--quiet", "--detach", str(own))
    with git_of(repository).worktree("HEAD", tmp_path / "temporary", Unguarded()):
        assert not left.exists()
    assert (own / "train.py").exists()
    assert repository.git("worktree", "list").count("\n") == 1


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_a_git_hook_that_starts_the_job_does_not_lead_it_astray(
    repository: Repository, tmp_path: Path, place: str
) -> None:
    """Git sets these for its hooks; the base's worktree has other ones."""
    folder = repository.path if place == "here" else Repository.create(tmp_path / "other", {"a": "b"}).path
    hooks = {"GIT_DIR": str(folder / ".git"), "GIT_INDEX_FILE": str(folder / ".git" / "index"), "GIT_PREFIX": ""}
    git = git_of(repository, **hooks)
    first = repository.git("rev-parse", "HEAD~1")
    assert context.in_clone(git, None).base == first
    with git.worktree(first, tmp_path / "temporary", Unguarded()) as worktree:
        assert Git(worktree, git.variables).working_files() == {"train.py": hashed("1\n")}
        assert Git(worktree, git.variables).head() == first


# -- a repository of somebody else's, as a container's root finds it


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="ml-ci-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_root_acts_for_the_owner_of_the_repository(open_folder: Path) -> None:
    made = Repository.create(open_folder / "repo", {"train.py": "1\n"})
    first = made.commit({"train.py": "2\n"})
    made.write({"new.py": "1\n"})
    as_root = os.geteuid() == 0
    if as_root:
        give(made.path)
        (open_folder / "temporary").mkdir()
        os.chown(open_folder / "temporary", NOBODY, NOBODY)
    git = git_of(made, HOME="/nonexistent")
    assert git.owner == (Owner(NOBODY, NOBODY) if as_root else None)
    assert git.head() == first
    assert git.working_files()["new.py"] == hashed("1\n")
    with git.worktree(first, open_folder / "temporary", Unguarded()) as worktree:
        assert (worktree / "train.py").stat().st_uid == made.path.stat().st_uid
        assert Git(worktree, git.variables).dirty_paths() == []
    owners = {file.lstat().st_uid for file in made.path.rglob("*")}
    assert owners == {made.path.stat().st_uid}


def test_safe_directory_is_said_for_this_repository_alone_and_to_this_process_alone(repository: Repository) -> None:
    settings = configuration(git_of(repository).variables)
    assert settings["safe.directory"] == str(repository.path)
    mine = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Mona"}
    assert configuration(git_of(repository, **mine).variables)["user.name"] == "Mona"


def configuration(variables: Mapping[str, str]) -> dict[str, str]:
    """The settings that git takes from its environment."""
    count = int(variables["GIT_CONFIG_COUNT"])
    return {variables[f"GIT_CONFIG_KEY_{n}"]: variables[f"GIT_CONFIG_VALUE_{n}"] for n in range(count)}


def give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def test_a_workflows_checkout_of_one_commit_still_knows_a_base_by_its_branch(
    repository: Repository, tmp_path: Path
) -> None:
    base = repository.git("rev-parse", "main")
    repository.branch("change").commit({"train.py": "3\n"})
    mine = clone(repository, tmp_path / "mine", "--depth=1", "--branch=change")
    git = Git.discover(mine.path, clean_variables(), Credential("https://github.example", "token"))
    assert git.resolve("main") == base
    with pytest.raises(ConfigError, match='does not know the revision "nowhere"'):
        git.resolve("nowhere")
