"""What an environment is built from: the files that say so, read with everything that they refer to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from ml_ci.config_yaml import printable, quoted
from ml_ci.errors import ConfigError
from ml_ci.sources.file_text import BrokenFileError, read_text
from ml_ci.sources.owners_file import write_as_owner
from ml_ci.sources.process import Owner
from ml_ci.sources.true_place import is_file, is_folder

Kind = Literal["uv.lock", "requirements", "pyproject"]

CONDA = ("environment.yml", "environment.yaml", "conda-lock.yml")
_UNREAD = (*CONDA, "Pipfile", "setup.py", "poetry.lock", "pixi.toml")
_REFERENCE = re.compile(r"\s*(-r|--requirement|-c|--constraint)(?:\s+|=)?(\S.*?)\s*(?:\s#.*)?")
_LOCAL = re.compile(
    r"\s*(?:(?P<editable>-e|--editable)(?:\s+|=))?(?:file:)?(?P<path>\.{1,2}(?:/[^\s;\[#]*)?|\.?/[^\s;\[#]+|[^\s;\[#@:]+/[^\s;\[#@:]*)(?:\[.*)?\s*(?:[;#].*)?"
)
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "uv.lock")
_MOST_FILES, _MOST_BYTES = 20_000, 4_000_000_000
"""Of one local project: what is named may be `/`."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files that an environment is built from.

    `file` is the one that decides, `directory` where uv is run. `contents` are all files that count, by path. `local`
    are the projects that are installed from their folders: such an environment is only good for these very folders.
    """

    kind: Kind
    file: Path
    directory: Path
    contents: dict[Path, bytes] = field(default_factory=dict)
    local: tuple[Path, ...] = ()

    def digest(self, *more: str) -> str:
        """A hash of all that counts."""
        # paths themselves only count for local projects: a worktree with the same files shares the environment
        parts = [self.kind, *more, *(str(path) for path in self.local)]
        parts += [hashlib.sha256(content).hexdigest() for content in self.contents.values()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def find_source(directory: Path, top: Path) -> Source | None:
    """What `environment: auto` builds from: a uv.lock, requirements.txt or pyproject.toml, nearest to `directory`.

    Raises ConfigError for a pyproject.toml whose dependencies only Poetry can read.
    """
    for folder in dict.fromkeys((directory, top)):
        project = _project(folder)
        if (folder / "uv.lock").is_file() and project is not None:
            return _from_lock(folder, folder)
        if (folder / "requirements.txt").is_file():
            return from_requirements(folder / "requirements.txt", folder)
        if project is None:
            continue
        if folder != top and (top / "uv.lock").is_file() and _section(_project(top), "tool", "uv", "workspace"):
            return _from_lock(top, folder)
        if "project" in project:
            return _from_pyproject(folder)
        if _section(project, "tool", "poetry"):
            raise ConfigError(
                f"{folder / 'pyproject.toml'} has its dependencies in [tool.poetry], which only Poetry reads: commit a "
                "requirements.txt (`poetry export`), or set `environment: {command: ...}` in .ml-ci.yml."
            )
    return None


def unread_files(directory: Path, top: Path) -> list[str]:
    """Files that speak of an environment which `auto` does not build, by name."""
    folders = dict.fromkeys((directory, top))
    others = {path.name for folder in folders for path in folder.glob("requirements*.txt")}
    return [name for name in (*_UNREAD, *sorted(others)) if any((folder / name).is_file() for folder in folders)]


def from_requirements(file: Path, directory: Path) -> Source:
    """The source that a requirements file is, with all the files that it refers to. Raises ConfigError."""
    contents: dict[Path, bytes] = {}
    local: list[Path] = []
    for path, line in lines(file):
        contents[path] = contents.get(path, b"") + line.encode() + b"\n"
        match = _LOCAL.fullmatch(line)
        place = (directory / match["path"]).resolve() if match else None
        if match and place and is_folder(place):
            local.append(place)
            whole = (each for each in _project_files(place) if not match["editable"] or each.name in _PROJECT_FILES)
            contents |= _read(whole, place)
        elif place and is_file(place):
            contents |= _read([place], place)
    return Source(
        kind="requirements", file=file, directory=directory, contents=contents or {file: b""}, local=tuple(local)
    )


def lines(file: Path, seen: tuple[Path, ...] = ()) -> Iterator[tuple[Path, str]]:
    """The lines of a requirements file and of those that it refers to, in their places, with the file each is from."""
    try:
        text = read_text(file)
    except BrokenFileError as error:
        place = f"{file}, line {error.line}," if error.line else file
        raise ConfigError(f"{place} cannot be read as requirements: {error}.") from error
    for line in text.replace("\\\n", " ").split("\n"):
        yield file, line
        match = _REFERENCE.fullmatch(line)
        if match and "://" not in match[2]:
            other = (file.parent / match[2].strip("'\"")).resolve()
            if not is_file(other):
                raise ConfigError(
                    f"{file} refers to {printable(match[2][:200])}, which does not exist: commit it, or remove the line."
                )
            if other not in seen:
                yield from lines(other, (*seen, file.resolve()))


def is_plain(file: Path) -> bool:
    """Whether uv can read a requirements file, and those that it refers to, as they are: UTF-8 without a mark."""
    for path in {path for path, _ in lines(file)}:
        data = path.read_bytes()
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        if b"\0" in data or data.startswith(b"\xef\xbb\xbf"):
            return False
    return True


def rewritten(file: Path, folder: Path, owner: Owner | None = None) -> Path:
    """The requirements as UTF-8 files of `owner` in `folder`, which refer to each other. Returns the first."""
    text: dict[Path, list[str]] = {}
    for path, line in lines(file):
        text.setdefault(path.resolve(), []).append(line)
    names = {path: folder / f"requirements-{index}.txt" for index, path in enumerate(text)}
    for path, kept in text.items():
        out = []
        for line in kept:
            match = _REFERENCE.fullmatch(line)
            other = (path.parent / match[2].strip("'\"")).resolve() if match else None
            out.append(f"{match[1]} {names[other].name}" if match and other in names else line)
        # what ran while the folder was made may have put links there
        write_as_owner(names[path], "\n".join(out) + "\n", owner)
    return names[file.resolve()]


def requires_python(source: Source) -> str:
    """What the project says of Python's version, such as `>=3.11`; empty where it does not."""
    said = _section(_project(source.directory), "project").get("requires-python", "")
    return str(said)


def installs_itself(folder: Path) -> bool:
    """Whether the project in `folder` is a package, as uv sees it: it has a build system."""
    project = _project(folder) or {}
    return bool(_section(project, "tool", "uv").get("package", "build-system" in project))


def _from_lock(root: Path, directory: Path) -> Source:
    lock = root / "uv.lock"
    contents = {lock: lock.read_bytes()}
    members = re.findall(rb'(editable|directory|virtual|path) = "([^"]+)"', contents[lock])
    local = []
    for how, name in members:
        place = (root / name.decode()).resolve()
        if how in (b"editable", b"directory") and is_folder(place):
            local.append(place)
        if is_file(place / "pyproject.toml"):
            contents[place / "pyproject.toml"] = (place / "pyproject.toml").read_bytes()
    for name in dict.fromkeys((root / "pyproject.toml", directory / "pyproject.toml", root / "uv.toml")):
        if is_file(name):
            contents[name] = name.read_bytes()
    if directory != root:
        local.append(directory.resolve())  # uv installs this member and not the others
    return Source(kind="uv.lock", file=lock, directory=directory, contents=contents, local=tuple(local))


def _from_pyproject(folder: Path) -> Source:
    file = folder / "pyproject.toml"
    counting = [folder / name for name in _PROJECT_FILES if (folder / name).is_file()]
    return Source(
        kind="pyproject",
        file=file,
        directory=folder,
        contents={path: path.read_bytes() for path in counting},
        local=(folder.resolve(),) if installs_itself(folder) else (),
    )


def _read(paths: Iterable[Path], named: Path) -> dict[Path, bytes]:
    """The content of what a line of the requirements names: a project or a package, and not, say, the whole machine."""
    found: dict[Path, bytes] = {}
    room = _MOST_BYTES
    try:
        for path in paths:
            room -= path.stat().st_size
            if room < 0:
                raise _too_much(named)
            found[path] = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{quoted(str(named))}, which the requirements name, cannot be read ({error.strerror})."
        ) from error
    return found


def _too_much(named: Path) -> ConfigError:
    return ConfigError(
        f"{quoted(str(named))}, which the requirements name, has more than {_MOST_FILES:,} files or {_MOST_BYTES / 1e9:.0f} GB: "
        "name the folder of the project."
    )


def _project_files(folder: Path) -> Iterator[Path]:
    there = list(islice(folder.rglob("*"), _MOST_FILES + 1))
    if len(there) > _MOST_FILES:
        raise _too_much(folder)
    for path in sorted(there):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def _project(folder: Path) -> dict[str, object] | None:
    import tomllib

    file = folder / "pyproject.toml"
    try:
        return tomllib.loads(read_text(file)) if file.is_file() else None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error
    except BrokenFileError as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from error


def _section(document: dict[str, object] | None, *names: str) -> dict[str, object]:
    section: object = document
    for name in names:
        section = section.get(name) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else {}
