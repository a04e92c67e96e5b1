"""The files that tell git what to do: whoever writes to one of them has git run programs, or talk to another server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg"),
    *("commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update"),
    *("proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc"),
    *("post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change"),
)
_FILES = (
    *("config", "config.worktree", "commondir", "gitdir", "info/attributes", "info/grafts"),
    *("objects/info/alternates", *(f"hooks/{name}" for name in _HOOKS)),
)
"""In a git directory (gitrepository-layout(5)); also those that are not there and mean something once they are."""


def git_dir_of(top: Path) -> Path:
    """The git directory of a working tree."""
    entry = top / ".git"
    if not entry.is_file():
        return entry
    return Path(os.path.normpath(top / entry.read_text(encoding="utf-8").removeprefix("gitdir:").strip()))


def git_dirs(common: Path) -> Iterator[Path]:
    """The git directories in a repository's: its own, those of its worktrees, and of the submodules of all of them."""
    yield common
    for folder in ("modules", "worktrees"):
        for place, folders, names in os.walk(common / folder):
            if "HEAD" in names:
                yield Path(place)
                # a submodule's own are deeper in it
                folders[:] = [name for name in folders if name == "modules"]


def configuration_files(git_dir: Path) -> Iterator[Path]:
    """The files of one git directory, there or not; of a folder that is not there, the folder."""
    for name in _FILES:
        folder, _, _ = name.rpartition("/")
        yield git_dir / (name if not folder or (git_dir / folder).is_dir() else folder.split("/")[0])


def work_tree_file(git_dir: Path) -> Path | None:
    """The file `.git` of a linked worktree, by which git finds this directory from there."""
    note = git_dir / "gitdir"
    if not note.is_file():
        return None
    return Path(os.path.normpath(git_dir / note.read_text(encoding="utf-8").strip()))


def digest_of(folder: Path) -> str:
    """SHA-256 of all files below a folder but git's own, as hexadecimal digits; git is not asked."""
    digest = hashlib.sha256()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for path in (Path(place, name) for name in sorted(names)):
            digest.update(f"{path.relative_to(folder)}\0".encode(errors="surrogateescape"))
            if path.is_symlink():
                digest.update(os.fsencode(path.readlink()))
            elif path.is_file():
                with path.open("rb") as content:
                    digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
