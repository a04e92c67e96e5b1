"""What a checkout stored in the repository's configuration to log in with, put aside for as long as training may run.

actions/checkout writes a header with the token into `.git/config` (v4, v5), or into a file under RUNNER_TEMP that is
included from there (v6); with a deploy key, a command for ssh and the key's file. Others write the token into an
address. All of that is taken out before the first line of a stranger's code runs, and is kept in memory only: in this
process, and in the guard, which puts it back when all processes of the job are gone, however it ended.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

from ml_ci.errors import OutsideError
from ml_ci.sources.git_files import configuration_files, git_dirs
from ml_ci.sources.git_settings import Setting, listed
from ml_ci.sources.process import last_words
from ml_ci.sources.saved_file import Saved

CLOSED_TEMP = Path("/run/ml-ci/runner-temp")
"""In the container, the machine's RUNNER_TEMP, where only root gets at it (`action/container.sh`)."""

_LIST = ("config", "--list", "--show-scope", "--show-origin", "-z")


class Ask(Protocol):
    """Runs a git command in the repository (`ml_ci.sources.git.Git.run`)."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> CompletedProcess[bytes]:
        """Its answer; a non-zero exit is the caller's to judge."""


class Keeper(Protocol):
    """Who puts files back when the job is gone (`ml_ci.sources.reaper.Reaper`)."""

    def file(self, saved: Saved) -> None:
        """Remember a file as it is to be again."""


@dataclass(frozen=True, kw_only=True)
class Aside:
    """What was put aside: settings, for commands that talk to a server, and files that these need to be there.

    `outer` are the settings of the user and the machine as they were: training can write to those files too.
    """

    settings: tuple[Setting, ...] = field(default=(), repr=False)
    outer: tuple[Setting, ...] = field(default=(), repr=False)
    files: tuple[Saved, ...] = field(default=(), repr=False)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The files in their places, for the block: for one command of git's, while no training runs."""
        try:
            for saved in self.files:
                saved.put_back()
            yield
        finally:
            for saved in self.files:
                with suppress(FileNotFoundError):
                    Path(saved.path).unlink()


def put_aside(git: Ask, top: Path, common: Path, variables: Mapping[str, str], keeper: Keeper) -> Aside:
    """Take all stored credentials out of the repository's configuration, with `keeper` knowing how it was.

    Raises OutsideError where one cannot be taken out: training would see it.
    """
    effective = _list(git, top)
    own = [setting for setting in effective if setting.scope in ("local", "worktree")]
    places = {
        file for folder in git_dirs(common) for file in configuration_files(folder) if file.name.startswith("config")
    }
    present = sorted(file for file in places | {setting.file for setting in own if setting.file} if file.is_file())
    settings = [setting for file in present for setting in _of_file(git, file)]
    temp = Path(variables.get("RUNNER_TEMP") or os.devnull)
    files = _credential_files(settings, temp)
    needed = tuple(_saved(file, temp) for file in files)
    included = [setting for saved in needed if _is_settings(saved) for setting in _of_content(git, saved)]
    for file in [*present, *files]:
        keeper.file(Saved.now(str(file)))
    for setting in settings:
        if setting.is_secret or (setting.is_include and _resolved(setting, temp) in files):
            _take_out(git, setting)
    for file in files:
        file.unlink(missing_ok=True)
    _check_none_left(git, top, [file for file in present if file not in files])
    return Aside(
        settings=tuple(dict.fromkeys(setting for setting in [*settings, *included] if setting.is_secret)),
        outer=tuple(setting for setting in effective if setting.scope in ("system", "global")),
        files=needed,
    )


def _list(git: Ask, top: Path, *options: str) -> list[Setting]:
    answer = git(*_LIST, *options)
    if answer.returncode:
        raise OutsideError(f"git could not read its configuration in {top}: {last_words(answer.stderr)}.")
    return listed(answer.stdout, top)


def _of_file(git: Ask, file: Path) -> list[Setting]:
    answer = git("config", "--file", str(file), "--no-includes", "--list", "-z")
    if answer.returncode:
        raise OutsideError(f"git could not read {file}: {last_words(answer.stderr)}.")
    return _settings(answer.stdout, file)


def _of_content(git: Ask, saved: Saved) -> list[Setting]:
    """The same of a file that is about to go, and that git, which runs as the owner, may not be able to read."""
    answer = git("config", "--file", "-", "--list", "-z", stdin=saved.content or b"")
    return _settings(answer.stdout, Path(saved.path)) if answer.returncode == 0 else []


def _settings(answer: bytes, file: Path) -> list[Setting]:
    entries = answer.decode(errors="surrogateescape").split("\0")
    pairs = [entry.partition("\n") for entry in entries if entry]
    return [Setting(scope="local", file=file, name=name, value=value) for name, _, value in pairs]


def _take_out(git: Ask, setting: Setting) -> None:
    value = setting.harmless_value if setting.is_secret else None
    change = ("--unset-all", setting.name) if value is None else ("--replace-all", setting.name, value)
    answer = git("config", "--file", str(setting.file), "--fixed-value", *change, setting.value)
    if answer.returncode not in (0, 5):  # 5: it was there twice, and both are gone
        raise OutsideError(
            f"the credential {setting.name} cannot be taken out of {setting.file}, where training would see it "
            f"({last_words(answer.stderr)}): check out with `persist-credentials: false`."
        )


def _check_none_left(git: Ask, top: Path, files: Iterable[Path]) -> None:
    left = [setting for file in files for setting in _of_file(git, file) if setting.is_secret]
    left += [each for each in _list(git, top) if each.is_secret and each.scope in ("local", "worktree")]
    if left:
        raise OutsideError(
            f"the credential {left[0].name} is still in {left[0].file}, where training would see it: "
            "check out with `persist-credentials: false`."
        )


def _credential_files(settings: Iterable[Setting], temp: Path) -> list[Path]:
    """The files under RUNNER_TEMP that settings include, and those that a command for ssh names."""
    named = []
    for setting in settings:
        if setting.is_include:
            named.append(_resolved(setting, temp))
        elif setting.name.lower() == "core.sshcommand":
            named += [_expanded(word.rpartition("=")[2], temp) for word in _words(setting.value)]
    named += [*temp.glob("git-credentials-*.config"), *_mirrored(temp)]
    return [file for file in dict.fromkeys(named) if file.is_relative_to(temp) and _is_there(file, temp)]


def _mirrored(temp: Path) -> list[Path]:
    return [temp / file.name for file in CLOSED_TEMP.glob("git-credentials-*.config")]


def _resolved(setting: Setting, temp: Path) -> Path:
    folder = setting.file.parent if setting.file else Path()
    return Path(os.path.normpath(folder / _expanded(setting.value, temp)))


def _expanded(word: str, temp: Path) -> Path:
    return Path(word.replace("$RUNNER_TEMP", str(temp)).replace("${RUNNER_TEMP}", str(temp))).expanduser()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _readable(file: Path, temp: Path) -> Path:
    """The file, or what there is of it in the container."""
    return file if file.is_file() else CLOSED_TEMP / file.relative_to(temp)


def _is_there(file: Path, temp: Path) -> bool:
    try:
        return stat.S_ISREG(_readable(file, temp).lstat().st_mode)
    except OSError:
        return False


def _is_settings(saved: Saved) -> bool:
    """Whether it is one of git's own files; the others are a key's."""
    return saved.path.endswith(".config")


def _saved(file: Path, temp: Path) -> Saved:
    """The file as it is to be where it was named, also where it is elsewhere in the container."""
    if file.is_file():
        return Saved.now(str(file))
    there, place = Saved.now(str(_readable(file, temp))), Saved.now(str(file))
    return Saved(str(file), there.content, there.mode, there.uid, there.gid, place.folder)
