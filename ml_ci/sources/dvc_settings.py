"""DVC's settings, and those of a worktree: the same cache and credentials, and remotes that relative paths still lead to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from configparser import Error as ParserError
from configparser import RawConfigParser
from io import StringIO
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources.owners_file import read_as_owner, write_as_owner
from ml_ci.sources.process import Owner


def write_local_settings(home: Path, worktree: Path, cache: Path, owner: Owner | None) -> None:
    """Write the `.dvc/config.local` of a worktree's DVC repository, whose like in the user's working tree is `home`.

    It holds `cache`, what the user's own config.local says (credentials), and, with absolute paths, what either file
    gives as a path relative to `.dvc`: a remote in a folder beside the repository is beside the user's working tree,
    not beside the worktree. Raises OutsideError for a file that DVC could not read either.
    """
    own = _read(home / ".dvc" / "config.local")
    settings = _parser()
    for source in (_read(worktree / ".dvc" / "config"), own):
        for section, name, value in _relative_paths(source, home / ".dvc"):
            _set(settings, section, name, value)
    for section in own.sections():
        for name, value in own.items(section):
            if not settings.has_option(section, name):
                _set(settings, section, name, value)
    _set(settings, "cache", "dir", str(cache))
    text = StringIO()
    settings.write(text)
    # head's training had the time to put a link there
    write_as_owner(worktree / ".dvc" / "config.local", text.getvalue(), owner)


def cache_folder(root: Path) -> Path:
    """Where the files of DVC's cache are, as the repository's settings say: outputs may be links that lead there."""
    for name in ("config.local", "config"):
        value = _read(root / ".dvc" / name).get("cache", "dir", fallback="").strip("\"'")
        if value:
            return root / ".dvc" / value
    return root / ".dvc" / "cache"


def _relative_paths(settings: RawConfigParser, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Section, name and absolute value of the settings that hold a path relative to `folder`, and lead to something."""
    for section in settings.sections():
        for name, value in settings.items(section):
            if name == "url" or name.endswith(("path", "file")):
                path = value.strip("\"'")
                place = os.path.normpath(folder / path)
                # os.path, since a name that is too long leads nowhere, and pathlib raises for it
                if path and "://" not in path and not Path(path).is_absolute() and os.path.exists(place):  # noqa: PTH110
                    yield section, name, place


def _read(file: Path) -> RawConfigParser:
    settings = _parser()
    try:
        settings.read_string(read_as_owner(file, _owner_of(file)))
    except ParserError as error:
        raise OutsideError(
            f"{file} is not what DVC writes ({str(error).splitlines()[0]}): correct it, `dvc config --list` has to work."
        ) from error
    return settings


def _owner_of(file: Path) -> int:
    """Whose repository it is: the owner of the folder that holds `.dvc`."""
    try:
        return file.parent.parent.stat().st_uid
    except OSError:
        return -1


def _parser() -> RawConfigParser:
    settings = RawConfigParser(strict=False, default_section="", comment_prefixes=("#",), delimiters=("=",))
    settings.optionxform = str  # type: ignore[assignment,method-assign] # names are kept as written
    return settings


def _set(settings: RawConfigParser, section: str, name: str, value: str) -> None:
    if not settings.has_section(section):
        settings.add_section(section)
    settings.set(section, name, value)
