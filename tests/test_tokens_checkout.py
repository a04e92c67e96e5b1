"""The credentials that a checkout stored: training finds none of them, and later steps of the workflow all of them."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_ci.errors import TrainingError
from ml_ci.sources.git import Credential, Git
from ml_ci.sources.reaper import Reaper
from tests.processes import WAIT, eventually
from tests.repository import Repository, clean_variables

TOKEN = "ghs_canaryCANARYcanary1234567890"
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
HEADER = f"AUTHORIZATION: basic {BASIC}"
SERVER = "https://github.example"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanaryKEY\n"


class Checkout:
    """A repository on a runner, and its RUNNER_TEMP."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository.create(folder / "work" / "model", {"train.py": "print()\n"})
        self.top = self.repository.path
        self.temp = folder / "_temp"
        self.temp.mkdir()

    @property
    def variables(self) -> dict[str, str]:
        return {**clean_variables(), "RUNNER_TEMP": str(self.temp)}

    @property
    def git(self) -> Git:
        return Git(self.top, self.variables, Credential(SERVER, TOKEN))

    def by_header(self) -> None:
        """As v4 and v5 of actions/checkout leave it."""
        self.repository.git("config", "--local", f"http.{SERVER}/.extraheader", HEADER)

    def by_included_file(self) -> None:
        """As v6 leaves it."""
        file = self.temp / "git-credentials-0b9c.config"
        file.write_text(f'[http "{SERVER}/"]\n\textraheader = {HEADER}\n')
        file.chmod(0o600)
        self.repository.git("config", "--local", f"includeIf.gitdir:{self.top}/.git.path", str(file))

    def by_deploy_key(self) -> None:
        """As it is left with the input `ssh-key`."""
        key = self.temp / "8a3e"
        key.write_text(KEY)
        key.chmod(0o600)
        (self.temp / "8a3e_known_hosts").write_text("github.example ssh-ed25519 AAAA\n")
        command = (
            '"/usr/bin/ssh" -i "$RUNNER_TEMP/8a3e" -o StrictHostKeyChecking=yes -o CheckHostIP=no '
            '-o "UserKnownHostsFile=$RUNNER_TEMP/8a3e_known_hosts"'
        )
        self.repository.git("config", "--local", "core.sshCommand", command)

    def by_address(self) -> None:
        """As scripts leave it that write the token into the remote's address."""
        self.repository.git("remote", "add", "origin", f"https://x-access-token:{TOKEN}@github.example/octo/model")
        self.repository.git(
            "config", "--local", f"url.https://{TOKEN}@github.example/.insteadOf", "git@github.example:"
        )
        self.repository.git("config", "--local", "credential.helper", f"!echo password={TOKEN}")

    def in_submodule(self) -> None:
        """A submodule with a header of its own, as `submodules: true` leaves it."""
        library = Repository.create(self.top.parent / "library", {"lib.py": "x = 1\n"})
        self.repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
        self.repository.commit()
        Repository(self.top / "lib").git("config", "--local", f"http.{SERVER}/.extraheader", HEADER)

    def files(self) -> dict[str, tuple[bytes, int, int, int]]:
        """All files that training could read, with mode and owner."""
        found = {}
        for folder in (self.top, self.temp):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.name != "index":
                    status = path.lstat()
                    found[str(path)] = (path.read_bytes(), status.st_mode, status.st_uid, status.st_gid)
        return found

    def holding(self, *secrets: str) -> list[str]:
        """The files that hold one of the secrets."""
        words = [word.encode() for word in secrets or (TOKEN, BASIC, "canaryKEY")]
        return [path for path, (content, *_) in self.files().items() if any(word in content for word in words)]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("ways", [["header"], ["included_file"], ["deploy_key"], ["address"],
                                  ["header", "included_file", "deploy_key", "address"]])  # fmt: skip
def test_no_file_holds_them_while_training_may_run_and_then_all_is_as_before(
    checkout: Checkout, ways: list[str]
) -> None:
    for way in ways:
        getattr(checkout, f"by_{way}")()
    before = checkout.files()
    assert checkout.holding()
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        assert checkout.holding() == []
        assert TOKEN not in checkout.repository.git("config", "--list")
        assert git.head()
    assert git.unfence() == ()
    assert checkout.files() == before


def test_those_of_a_submodule_are_put_aside_too(checkout: Checkout) -> None:
    checkout.in_submodule()
    before = checkout.files()
    assert [Path(path).parts[-4:] for path in checkout.holding()] == [(".git", "modules", "lib", "config")]
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        assert checkout.holding() == []
        # git goes into it to see what has changed there
        assert git.dirty_paths() == []
    git.unfence()
    assert checkout.files() == before


def test_mode_and_owner_are_those_of_before(checkout: Checkout) -> None:
    checkout.by_header()
    config = checkout.top / ".git" / "config"
    config.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(config, 1234, 4321)
    before = config.stat()
    with Reaper() as reaper:
        checkout.git.fence_in(reaper)
    after = config.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


JOB = """
import os, sys
from pathlib import Path
from ml_ci.sources.git import Credential, Git
from ml_ci.sources.reaper import Reaper
git = Git(Path(sys.argv[1]), os.environ, Credential("https://github.example", "t"))
with Reaper() as reaper:
    git.fence_in(reaper)
    print("ready", flush=True)
    sys.stdin.read()
    raise SystemExit(3)
"""


@pytest.fixture
def job(checkout: Checkout) -> Iterator[subprocess.Popen[str]]:
    checkout.by_header()
    checkout.by_included_file()
    variables = {**checkout.variables, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB), str(checkout.top)],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, None])
def test_they_come_back_however_the_job_dies(
    checkout: Checkout, job: subprocess.Popen[str], number: signal.Signals | None
) -> None:
    before = checkout.files()
    assert job.stdout is not None
    assert job.stdin is not None
    assert job.stdout.readline() == "ready\n"
    assert checkout.holding() == []
    if number is None:
        job.stdin.close()
    else:
        job.send_signal(number)
    job.wait(WAIT)
    assert eventually(lambda: checkout.files() == before)


def test_the_guard_is_closed_to_others_before_it_is_told_of_them(checkout: Checkout) -> None:
    checkout.by_header()
    with Reaper() as reaper:
        checkout.git.fence_in(reaper)
        assert reaper._guard is not None
        place = Path("/proc", str(reaper._guard.pid))
        assert TOKEN.encode() not in (place / "cmdline").read_bytes()
        # root's, and so nobody else's: that is how Linux shows a process that is closed to its own user
        assert (place / "environ").stat().st_uid == 0


# -- what training changes


def poisons() -> dict[str, str]:
    """What a training could write so that ml-ci's git runs a program."""
    run = "touch $TOUCHED"
    return {
        "a monitor": f"git config core.fsmonitor '{run}; false'",
        "an alias": f"git config alias.status '!{run}'",
        "a command for ssh": f"git config core.sshCommand '{run}'",
        "a filter": f"git config filter.x.clean '{run}; cat' && echo '* filter=x' >.git/info/attributes",
        "a proxy": "git config http.proxy http://127.0.0.1:1",
        "another address": f"git config url.ext::sh.insteadOf {SERVER}",
        "another server's certificate": "git config http.sslVerify false",
        "an included file": "printf '[core]\\n\\tpager = evil\\n' >evil; git config include.path ../evil",
        "another file in its place": "mv .git/config kept; ln -s ../kept .git/config; git config --file kept a.b c",
        "a link to nowhere": "ln -sf /nonexistent .git/config",
        "settings of a worktree": "git config extensions.worktreeConfig true; printf '[a]\\n\\tb = c\\n' >.git/config.worktree",
        "a folder in its place": "rm .git/config; mkdir .git/config",
        "no configuration at all": "rm .git/config",
        "attributes alone": "echo '* filter=lfs' >.git/info/attributes",
        "another repository's settings": "cp -r .git other; echo ../other >.git/commondir",
        "a hook": f"printf '#!/bin/sh\\n{run}\\n' >.git/hooks/post-checkout; chmod +x .git/hooks/post-checkout",
    }


@pytest.mark.parametrize("poison", list(poisons()))
def test_what_training_does_to_gits_configuration_is_put_back_before_git_runs(
    checkout: Checkout, tmp_path: Path, poison: str
) -> None:
    checkout.by_header()
    before = checkout.files()
    git, touched = checkout.git, tmp_path / "touched"
    with Reaper() as reaper:
        git.fence_in(reaper)
        head = git.head()
        aside = (checkout.top / ".git" / "config").read_text()
        variables = {**clean_variables(), "TOUCHED": str(touched)}
        subprocess.run(["bash", "-ec", poisons()[poison]], cwd=checkout.top, env=variables, check=True)
        touched.unlink(missing_ok=True)
        warnings = git.put_back()
        assert warnings
        assert "it was put back" in warnings[0]
        assert (checkout.top / ".git" / "config").read_text() == aside
        assert git.head() == head
        git.dirty_paths()
        assert not touched.exists()
    git.unfence()
    after = {path: seen for path, seen in checkout.files().items() if path in before}
    assert after == before


@pytest.mark.parametrize(
    "command", ["mv .git x; ln -s x .git", "mv .git x; cp -r x .git", "rm -rf .git", "rm -rf .git; git init -q"]
)
def test_where_training_replaces_the_repository_git_does_not_run_and_no_credential_is_written(
    checkout: Checkout, command: str
) -> None:
    checkout.by_header()
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        subprocess.run(["bash", "-ec", command], cwd=checkout.top, env=clean_variables(), check=True)
        with pytest.raises(TrainingError, match="replaced or removed"):
            git.head()
    assert git.unfence() != ()
    assert checkout.holding() == []


def test_settings_of_the_user_that_training_changes_do_not_count(checkout: Checkout, tmp_path: Path) -> None:
    own = tmp_path / "gitconfig"
    own.write_text("[user]\n\tname = Octo\n")
    variables = {**checkout.variables, "GIT_CONFIG_GLOBAL": str(own)}
    git = Git(checkout.top, variables, Credential(SERVER, TOKEN))
    with Reaper() as reaper:
        git.fence_in(reaper)
        own.write_text("[user]\n\tname = Evil\n[core]\n\tsshCommand = evil\n")
        listed = git.run("config", "--list", remote=True).stdout.decode()
    assert "user.name=Octo" in listed
    assert "vil" not in listed
    # it is the user's file, and may be another job's
    assert "Evil" in own.read_text()


def test_git_does_not_run_in_a_repository_that_training_made(checkout: Checkout, tmp_path: Path) -> None:
    git, touched = checkout.git, tmp_path / "touched"
    with Reaper() as reaper:
        git.fence_in(reaper)
        nested = Repository.create(checkout.top / "nested", {"a": "1\n", ".gitattributes": "* filter=x\n"})
        nested.git("config", "filter.x.clean", f"touch {touched}; cat")
        (nested.path / "a").write_text("2\n")
        git.working_files()
    assert not touched.exists()


def test_what_base_said_before_training_is_what_it_says_afterwards(checkout: Checkout) -> None:
    commit = checkout.repository.commit({".ml-ci.yml": "repeats: 3\n"})
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        assert git.read(commit, ".ml-ci.yml") == b"repeats: 3\n"
        name = checkout.repository.git("rev-parse", f"{commit}:.ml-ci.yml")
        place = checkout.top / ".git" / "objects" / name[:2] / name[2:]
        place.chmod(0o600)
        place.write_bytes(zlib.compress(b"blob 11\0repeats: 1\n"))
        # git itself would say so now
        assert checkout.repository.git("cat-file", "blob", name) == "repeats: 1"
        assert git.marked({}).read(commit, ".ml-ci.yml") == b"repeats: 3\n"


# -- what talks to a server


def test_only_a_command_that_talks_to_the_server_gets_the_token(checkout: Checkout) -> None:
    checkout.by_header()
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        assert BASIC not in git.run("config", "--list").stdout.decode()
        headers = (
            git.run("config", "--get-all", f"http.{SERVER}/.extraheader", remote=True).stdout.decode().splitlines()
        )
    # after the empty one, which drops those before it, there is one only: the server takes no two
    assert headers == ["", HEADER]


def test_a_deploy_key_is_there_for_a_fetch_and_for_nothing_else(checkout: Checkout) -> None:
    checkout.by_deploy_key()
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        show = ["-c", f"alias.show-key=!cat {checkout.temp}/8a3e", "show-key"]
        assert git.run(*show).stdout.decode() == ""
        assert git.run(*show, remote=True).stdout.decode() == KEY
        assert "$RUNNER_TEMP/8a3e" in git.run("config", "core.sshCommand", remote=True).stdout.decode()
        assert not (checkout.temp / "8a3e").exists()
    assert (checkout.temp / "8a3e").read_text() == KEY


def test_an_address_with_a_token_is_asked_with_it(checkout: Checkout) -> None:
    checkout.by_address()
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        assert git.run("remote", "get-url", "origin").stdout == b"https://github.example/octo/model\n"
        asked = git.run("ls-remote", "--get-url", "origin", remote=True).stdout.decode().strip()
    assert asked == f"https://x-access-token:{TOKEN}@github.example/octo/model"


def test_a_worktree_of_base_is_known_and_may_not_be_led_elsewhere(checkout: Checkout, tmp_path: Path) -> None:
    git = checkout.git
    with Reaper() as reaper:
        git.fence_in(reaper)
        with git.worktree(git.head(), checkout.temp, reaper) as path:
            base = git.at(path)
            assert base.head() == git.head()
            (path / ".git").write_text(f"gitdir: {tmp_path / 'evil'}\n")
            assert base.head() == git.head()
            assert base.put_back() != ()
    assert git.unfence() == ()
    assert checkout.repository.git("worktree", "list").count("\n") == 0
