"""Git: which commit is head, which is base, what differs, and a worktree of the base.

Nothing here touches the user's index, working tree or configuration. What a shallow clone lacks is fetched by
its SHA.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

from ml_ci.config_pass_env import PLACES
from ml_ci.config_yaml import quoted
from ml_ci.errors import ConfigError, OutsideError, TrainingError
from ml_ci.sources import process
from ml_ci.sources.certificates import REMEDY, is_untrusted
from ml_ci.sources.disk import if_full
from ml_ci.sources.git_credentials import Keeper
from ml_ci.sources.git_fence import Fence
from ml_ci.sources.git_files import digest_of
from ml_ci.sources.git_settings import Pairs, given_by, with_settings
from ml_ci.sources.outputs import Outputs
from ml_ci.sources.process import Owner, last_words, owner_of

_REMEDY = "check the remote, or check out with `fetch-depth: 0`."
SUBMODULE = "160000"
EXECUTABLE = "100755"
PAUSES = (1.0, 3.0)
"""Seconds before the remote is asked again."""
_PASSING = re.compile(
    rb"(?i)returned error: (5\d\d|429)|reset by peer|timed out|could not resolve host|couldn't connect|refused"
    rb"|empty reply|early eof|unexpected disconnect|hung up|rpc failed"
)
_SHA = re.compile(r"[0-9a-f]{40}")
_KEPT = 300_000
"""Bytes of a file that is read once: more than a configuration may have."""
WORKTREE_PREFIX = "ml-ci-base-"
SETTINGS = {
    "core.quotePath": "false",
    "gc.auto": "0",
    # hooks and monitors are a person's, for that person's own checkouts: they may fail, write, or stay behind
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
}


@dataclass(frozen=True)
class Credential:
    """A token for fetching over HTTPS from `server_url`; it reaches git through its environment only."""

    server_url: str
    token: str

    def settings(self) -> Pairs:
        """The setting that actions/checkout makes in the repository's configuration, for one process only.

        The empty one comes first: it drops any other header for this server, which takes no two of them.
        """
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        name = f"http.{self.server_url}/.extraheader"
        return ((name, ""), (name, f"AUTHORIZATION: basic {basic}"))

    def __repr__(self) -> str:
        return f"Credential({self.server_url!r})"


class Guard(Protocol):
    """Who cleans up if this process is killed (`ml_ci.sources.reaper.Reaper`)."""

    def worktree(self, repository: Path, path: Path) -> None:
        """Remember a worktree that must not be left behind."""

    def worktree_done(self, path: Path) -> None:
        """Forget it: it is gone."""


class Git:
    """One repository, by the top of its working tree."""

    def __init__(self, top: Path, variables: Mapping[str, str], credential: Credential | None = None) -> None:
        self.top = top
        self.owner: Owner | None = owner_of(top)
        self.credential = credential
        self.outputs: Outputs | None = None
        self.fence: Fence | None = None
        self._read: dict[tuple[str, str], bytes] = {}
        own = {name: value for name, value in variables.items() if name not in PLACES}
        self.variables = {
            **with_settings(own, [*given_by(own), ("safe.directory", str(top)), *SETTINGS.items()]),
            "GIT_TERMINAL_PROMPT": "0",
            # else `git status` writes what it saw into the user's index
            "GIT_OPTIONAL_LOCKS": "0",
            # training could put other objects in the place of those that are asked for
            "GIT_NO_REPLACE_OBJECTS": "1",
        }

    def at(self, folder: Path) -> Git:
        """Another working tree of the same job: a worktree, or a submodule."""
        other = Git(folder, self.variables, self.credential)
        other.fence = self.fence
        return other

    def fence_in(self, keeper: Keeper) -> None:
        """From now on let no training see the checkout's credentials, nor change what git does (`Fence`).

        `keeper` knows how it all was, and puts it back when the job is over.
        """
        self.fence = Fence(self.run, self.top, self.variables, keeper)

    def unfence(self) -> tuple[str, ...]:
        """After the job see to it that all is as it was; what could not be put back, in words."""
        fence, self.fence = self.fence, None
        return fence.close() if fence else ()

    def put_back(self) -> tuple[str, ...]:
        """Put git's configuration back as it was before training, and say so; nothing where there is no fence.

        Raises TrainingError where the repository is not there any more.
        """
        if self.fence is None:
            return ()
        self.fence.check(self.top)
        return self.fence.said()

    def knowing(self, outputs: Outputs) -> Git:
        """The same repository, in which these files are what training wrote."""
        other = copy(self)
        other.outputs = outputs
        return other

    def marked(self, variables: Mapping[str, str]) -> Git:
        """The same repository, for a job whose processes carry these variables."""
        other = copy(self)
        other.variables = {**self.variables, **variables}
        return other

    @classmethod
    def discover(cls, folder: Path, variables: Mapping[str, str], credential: Credential | None = None) -> Git:
        """The repository that `folder` is in. Raises ConfigError where there is none."""
        folder = folder.resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / ".git").exists():
                return cls(candidate, variables, credential)
        raise ConfigError(f"{folder} is not in a git repository: run ml-ci inside of the repository to check.")

    # -- commits

    def head(self) -> str:
        """The SHA of the commit that is checked out."""
        answer = self.run("rev-parse", "--verify", "HEAD^{commit}")
        if answer.returncode:
            raise ConfigError(f"{self.top} has no commit yet: commit something first.")
        return answer.stdout.decode().strip()

    def resolve(self, revision: str) -> str:
        """The SHA of a revision; a full SHA that is not here is fetched, and so is a branch in a workflow's checkout.

        Raises ConfigError for an unknown one.
        """
        if len(revision) == 40 and all(digit in "0123456789abcdef" for digit in revision):
            self.ensure(revision)
        for name in (revision, f"origin/{revision}"):
            answer = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if answer.returncode == 0:
                return answer.stdout.decode().strip()
        if self.credential:
            # actions/checkout brings one commit, and no names of branches
            with suppress(OutsideError):
                return self.fetch_branch(revision)
        raise ConfigError(f"git does not know the revision {quoted(revision)}: fetch it, or name another base.")

    def has(self, sha: str) -> bool:
        """Whether the commit is in this clone."""
        return self.run("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def ensure(self, sha: str) -> None:
        """Fetch the one commit if this clone lacks it. Raises OutsideError if the remote does not give it."""
        if self.has(sha):
            return
        shallow = self._text("rev-parse", "--is-shallow-repository").strip() == "true"
        # a depth would turn a full clone into a shallow one
        depth = ["--depth=1"] if shallow else []
        options = ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *depth]
        answer = self._ask_remote("fetch", *options, "--", "origin", sha)
        if answer.returncode or not self.has(sha):
            raise OutsideError(
                f"commit {sha[:12]} could not be fetched from origin ({last_words(answer.stderr)}): "
                + (f"{REMEDY}." if is_untrusted(last_words(answer.stderr)) else _REMEDY)
            )

    def fetch_branch(self, name: str) -> str:
        """The SHA of a branch's tip on origin, fetched. Raises OutsideError if origin does not give it."""
        answer = self._ask_remote("ls-remote", "--exit-code", "origin", f"refs/heads/{name}")
        if answer.returncode:
            raise OutsideError(
                f"origin did not name its branch {quoted(name)} ({last_words(answer.stderr)}): check the remote."
            )
        # git takes the name for the end of one: `refs/heads/refs/heads/main` fits as well, and may come first
        refs = [line.split("\t") for line in answer.stdout.decode(errors="replace").splitlines()]
        tip = next((sha for sha, ref in refs if ref == f"refs/heads/{name}"), None)
        if tip is None:
            raise OutsideError(f"origin has no branch {quoted(name)}: name one that it has.")
        self.ensure(tip)
        return tip

    def parents(self, sha: str) -> tuple[str, ...]:
        """The parents as the commit names them, also where a shallow clone has cut them off."""
        header = self._text("cat-file", "commit", sha).split("\n\n", 1)[0]
        return tuple(line.split()[1] for line in header.splitlines() if line.startswith("parent "))

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None where this clone knows none."""
        answer = self.run("merge-base", one, other)
        return answer.stdout.decode().strip() or None

    def default_branch(self) -> str | None:
        """A name for the default branch's commit: origin's HEAD, else the usual names; None if there is none."""
        answer = self.run("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        names = [answer.stdout.decode().strip()] if answer.returncode == 0 else []
        for name in (*names, "origin/main", "origin/master", "main", "master"):
            if self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").returncode == 0:
                return name
        return None

    # -- contents

    def files_at(self, commit: str) -> dict[str, str]:
        """Every tracked file of a commit with the SHA of its content, and `+x` after it where it is executable."""
        listing = self._text("ls-tree", "-r", "-z", "--full-tree", commit)
        entries = (entry.split("\t", 1) for entry in listing.split("\0") if entry)
        return {path: head.split()[2] + _mark(head.split()[0]) for head, path in entries}

    def working_files(self) -> dict[str, str]:
        """Every file of the working tree that git would know, with the SHA that its content has now, as in `files_at`.

        Untracked files that are not ignored count, since training can read them; deleted ones do not.
        """
        files = {path: sha + _mark(mode) for path, (_, mode, sha) in self._index().items()}
        changed = self.dirty_paths()
        for path in changed:
            files.pop(path, None)
        present = [path for path in changed if (self.top / path).is_file() and not (self.top / path).is_symlink()]
        marks = [_mark(EXECUTABLE if os.access(self.top / path, os.X_OK) else "") for path in present]
        files.update({path: sha + mark for path, sha, mark in zip(present, self._hashes(present), marks, strict=True)})
        for path in changed:
            place = self.top / path
            if place.is_symlink():
                files[path] = f"link:{place.readlink()}"
            elif place.is_dir():
                files[path] = self._submodule_state(place)
        return files

    def dirty_paths(self) -> list[str]:
        """Paths whose working-tree content differs from HEAD, and untracked ones that are not ignored.

        What an earlier training wrote is no change: else every run would be one of another working tree.
        """
        options = ["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"]
        changed = [(entry[:2], entry[3:]) for entry in self._text("status", *options).split("\0") if entry]
        return [path for letters, path in changed if not self._is_output(path, letters)] + self._overlooked()

    def _is_output(self, path: str, letters: str) -> bool:
        return self.outputs is not None and self.outputs.has(path, tracked=letters != "??")

    def _index(self) -> dict[str, tuple[str, str, str]]:
        """Git's letter for each tracked file, its mode, and the SHA of the content that is to be committed."""
        entries = (entry.split("\t", 1) for entry in self._text("ls-files", "-s", "-v", "-z").split("\0") if entry)
        return {path: (letter, mode, sha) for head, path in entries for letter, mode, sha, _ in [head.split()]}

    def _overlooked(self) -> list[str]:
        """Changed files that `git status` was told not to look at: marked as assume-unchanged or skip-worktree."""
        told = {path: sha for path, (letter, _, sha) in self._index().items() if letter.islower() or letter == "S"}
        present = [path for path in told if (self.top / path).is_file()]
        return [path for path, sha in zip(present, self._hashes(present), strict=True) if sha != told[path]]

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit (or ref), None where it is not there.

        What a commit holds is asked for once: git takes an object as it lies there, and training can write to that.
        """
        if (commit, path) in self._read:
            return self._read[commit, path]
        answer = self.run("cat-file", "blob", f"{commit}:{path}")
        content = answer.stdout if answer.returncode == 0 else None
        if _SHA.fullmatch(commit) and content is not None and len(content) <= _KEPT:
            self._read[commit, path] = content
        return content

    # -- a worktree of the base

    @contextmanager
    def worktree(self, commit: str, parent: Path, guard: Guard) -> Iterator[Path]:
        """A detached worktree of `commit` in a folder of its own under `parent`, gone when the block ends."""
        path = parent / f"{WORKTREE_PREFIX}{commit[:12]}" / self.top.name
        self.remove_stale_worktrees()
        guard.worktree(self.top, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.owner:
            os.chown(path.parent, self.owner.uid, self.owner.gid, follow_symlinks=False)
        try:
            answer = self.run("worktree", "add", "--detach", "--force", str(path), commit)
            if answer.returncode:
                raise OutsideError(
                    f"git could not check out the base {commit[:12]}: {last_words(answer.stderr)}{if_full(parent)}."
                )
            self._accept_configuration()
            self._fill_submodules(path, commit)
            yield path
        finally:
            with suppress(TrainingError):  # it is said where training ended; the guard deletes what stays
                self.run("worktree", "remove", "--force", "--force", str(path))
                self.run("worktree", "prune")
            shutil.rmtree(path.parent, ignore_errors=True)
            guard.worktree_done(path)

    def remove_stale_worktrees(self) -> None:
        """Remove what a job that was killed together with its guard has left behind."""
        for line in self._text("worktree", "list", "--porcelain").splitlines():
            kind, _, path = line.partition(" ")
            if kind == "worktree" and Path(path).parent.name.startswith(WORKTREE_PREFIX):
                self.run("worktree", "remove", "--force", "--force", path)
        self.run("worktree", "prune")

    def _fill_submodules(self, worktree: Path, commit: str) -> None:
        """Give the worktree its submodules' files out of the clones that are here; else let git fetch them."""
        listing = self._text("ls-tree", "-r", "-z", "--full-tree", commit)
        for entry in filter(None, listing.split("\0")):
            head, path = entry.split("\t", 1)
            mode, _, sha = head.split()[:3]
            if mode != SUBMODULE:
                continue
            clone = self.top / path
            if (clone / ".git").exists():
                if self.at(clone).write_files(worktree / path, sha):
                    continue
            elif not clone.is_dir() or not any(clone.iterdir()):
                continue  # not checked out for head either, so training does without it
            answer = self.at(worktree).run("submodule", "update", "--init", "--recursive", "--", path, remote=True)
            if answer.returncode:
                raise OutsideError(f"the base's submodule {path} could not be fetched: {last_words(answer.stderr)}.")
            self._accept_configuration()

    def _accept_configuration(self) -> None:
        if self.fence:
            self.fence.accept()

    def write_files(self, folder: Path, sha: str) -> bool:
        """Write the files of this repository's commit, and of its submodules, into `folder`; False if it is not here.

        By an index of its own: `git archive` would leave out what .gitattributes keeps from releases.
        """
        if not self.has(sha):
            return False
        index = folder.parent / f".{folder.name}.index"
        own = self.marked({"GIT_INDEX_FILE": str(index)})
        for arguments in (["read-tree", sha], ["checkout-index", "--all", "--force", f"--prefix={folder}/"]):
            answer = own.run(*arguments)
            if answer.returncode:
                raise OutsideError(f"git could not check out {sha[:12]} of {self.top}: {last_words(answer.stderr)}.")
        index.unlink()
        self._fill_submodules(folder, sha)
        return True

    # -- plumbing

    def _hashes(self, paths: list[str]) -> list[str]:
        if not paths:
            return []
        # the filters of .gitattributes apply
        answer = self.run("hash-object", "--stdin-paths", stdin=b"\n".join(map(_quoted, paths)))
        if answer.returncode:
            raise OutsideError(f"git could not hash the working tree: {last_words(answer.stderr)}.")
        return answer.stdout.decode().split()

    def _submodule_state(self, folder: Path) -> str:
        if not (folder / ".git").exists():
            return "absent"
        if self.fence and not self.fence.knows(folder):
            # made by training: git would do there whatever its settings say
            return digest_of(folder)
        module = self.at(folder)
        commit = module.run("rev-parse", "--verify", "--quiet", "HEAD").stdout.decode().strip() or "no commit"
        return ":".join([commit, *(f"{path}={sha}" for path, sha in sorted(module.dirty_hashes().items()))])

    def dirty_hashes(self) -> dict[str, str]:
        """The paths of `dirty_paths`, each with the SHA that its content has now, or `deleted`."""
        files = self.working_files()
        return {path: files.get(path, "deleted") for path in self.dirty_paths()}

    def _text(self, *arguments: str) -> str:
        answer = self.run(*arguments)
        if answer.returncode:
            raise OutsideError(f"git {arguments[0]} failed in {self.top}: {last_words(answer.stderr)}.")
        return answer.stdout.decode(errors="surrogateescape")

    def _ask_remote(self, *arguments: str) -> CompletedProcess[bytes]:
        """Run a command that talks to the remote; again where its server or the connection failed."""
        for pause in PAUSES:
            answer = self.run(*arguments, remote=True)
            if answer.returncode == 0 or not _PASSING.search(answer.stderr):
                return answer
            time.sleep(pause)
        return self.run(*arguments, remote=True)

    def run(self, *arguments: str, remote: bool = False, stdin: bytes = b"") -> CompletedProcess[bytes]:
        """Run a git command here; only with `remote`, as it talks to a server, it gets credentials."""
        if self.fence:
            self.fence.check(self.top)
        with self._environment(remote=remote) as variables:
            return process.run(
                ["git", *arguments], directory=self.top, variables=variables, owner=self.owner, stdin=stdin, timeout=600
            )

    @contextmanager
    def _environment(self, *, remote: bool) -> Iterator[Mapping[str, str]]:
        own = self.credential.settings() if remote and self.credential else ()
        server = self.credential.server_url if self.credential else None
        if self.fence is None:
            yield with_settings(self.variables, [*given_by(self.variables), *own])
        elif not remote:
            yield self.fence.variables(self.variables)
        else:
            with self.fence.to_server(self.variables, server) as variables:
                yield with_settings(variables, [*given_by(variables), *own])


def _mark(mode: str) -> str:
    """Whether a file can be run is part of what training gets, and no part of its content's SHA."""
    return "+x" if mode == EXECUTABLE else ""


def _quoted(path: str) -> bytes:
    """A path as git reads it where each line is one: in quotes, since a name may hold any byte but NUL."""
    return b'"%s"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
