"""One environment in the cache, built by uv from the files of a repository."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ml_ci.errors import OutsideError
from ml_ci.sources import guard, requirements
from ml_ci.sources.interpreters import ask, callers_python, interpreter
from ml_ci.sources.process import Owner, start
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.requirements import Source
from ml_ci.sources.stream import log_tail

_COMPLETE = "ml-ci-complete"
_BUILD_SECONDS = 3600
_LAYOUT = "1"
"""Part of the hash: raise it when environments are built differently."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where environments are built and kept (`cache`), what is said of it (`log`), and who builds.

    Where this process is root, `owner` is the user that builds, since building may run the repository's own code;
    `reaper` sees that nothing of it goes on.
    """

    cache: Path
    log: Path
    in_container: bool
    owner: Owner | None = None
    reaper: Reaper | None = None


class Build:
    """One environment in the cache: `HASH/`, complete when it holds a marker, and `HASH.lock` beside it.

    It is built in its final place, because virtual environments cannot be moved; a build that was killed has no marker,
    and the next one starts anew.
    """

    def __init__(self, source: Source, variables: dict[str, str], place: Place) -> None:
        self._source = source
        self._place = place
        self.variables = _uv_variables(variables, place.cache, place.in_container)
        self._python = self._choose_python()
        self.root = place.cache / source.digest(_LAYOUT, self._python, sys.platform, platform.machine())

    def ensure(self) -> bool:
        """Make the environment unless it is there. Whether it had to be built."""
        _make_folder(self._place.cache, self._place.owner)
        if self._is_complete():
            return False
        with _locked(self.root.with_suffix(".lock")):
            if self._is_complete():
                return False
            self._build()
            return True

    def _is_complete(self) -> bool:
        # the interpreter is a link to one that may have been removed since
        return (self.root / _COMPLETE).is_file() and interpreter(self.root).exists()

    def _build(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        _forget_lost_projects(self._place.cache)
        _make_folder(self.root, self._place.owner)
        file, directory = self._source.file, self._source.directory
        if self._source.kind == "uv.lock":
            self._uv("sync", "--frozen", "--python", self._python, UV_PROJECT_ENVIRONMENT=str(self.root))
        else:
            seed = ["--seed"] if self._source.kind == "requirements" else []  # their training may call pip
            self._uv("venv", "--quiet", "--no-project", "--allow-existing", *seed, "--python", self._python, self.root)
            if self._source.kind == "requirements":
                if not requirements.is_plain(file):
                    file = requirements.rewritten(file, self.root, self._place.owner)
                # pip takes the best version of all indexes, and these files were written for pip
                strategy = self.variables.get("UV_INDEX_STRATEGY", "unsafe-best-match")
                self._install("-r", file, UV_INDEX_STRATEGY=strategy)
            elif requirements.installs_itself(directory):
                self._install("-e", directory)
            else:
                self._install("-r", file)
        local = "\n".join(str(path) for path in self._source.local)
        marker = self.root / _COMPLETE
        # what was built may have put a link there, and this process may be root
        marker.unlink(missing_ok=True)
        with marker.open("x", encoding="utf-8") as fresh:
            fresh.write(local)

    def _install(self, *arguments: str | Path, **variables: str) -> None:
        self._uv("pip", "install", "--python", interpreter(self.root), *arguments, **variables)

    def _uv(self, *arguments: str | Path, **variables: str) -> None:
        from uv import find_uv_bin

        command = [find_uv_bin(), *(str(argument) for argument in arguments)]
        own = {name: value for name, value in self.variables.items() if name != "VIRTUAL_ENV"}
        failed = run_build(command, self._source.directory, {**own, **variables}, self._place)
        if failed:
            raise OutsideError(
                f"The environment could not be built from {self._source.file} ({failed}): correct that file, or set "
                f"`environment` in .ml-ci.yml. The end of what uv said:\n{log_tail(self._place.log, lines=15)}"
            )

    def _choose_python(self) -> str:
        """What to ask uv for: the version that the repository names, else the very Python that the caller has."""
        for folder in dict.fromkeys((self._source.directory, self._source.file.parent)):
            pinned = folder / ".python-version"
            if pinned.is_file():
                named = [line.split("#")[0].strip() for line in pinned.read_text(encoding="utf-8-sig").splitlines()]
                if version := next(filter(None, named), ""):
                    return version
        wanted = requirements.requires_python(self._source)
        caller = callers_python(self.variables["PATH"])
        version = ask(caller, self.variables, owner=self._place.owner)[0] if caller else ""
        if version and (not wanted or _satisfies(version, wanted)):
            return ".".join(version.split(".")[:2])
        return wanted or f"{sys.version_info.major}.{sys.version_info.minor}"


def run_build(command: Sequence[str], directory: Path, variables: Mapping[str, str], place: Place) -> str:
    """Run a build, with its output added to the log. Returns what went wrong, empty if nothing did.

    With a reaper, all that the build started ends with it: a setup.py is anybody's code, and base is trained later.
    """
    log, reaper = place.log, place.reaper
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("ab") as output:
            mark = reaper.mark() if reaper else ""
            building = start(
                command,
                directory,
                {**variables, guard.VARIABLE: mark} if reaper else variables,
                place.owner,
                stdout=output,
                stderr=subprocess.STDOUT,
                new_session=reaper is not None,
            )
            with building, reaper.ended(building, mark) if reaper else nullcontext():
                try:
                    code = building.wait(_BUILD_SECONDS)
                except BaseException:
                    building.kill()
                    raise
    except subprocess.TimeoutExpired:
        return f"not done within {_BUILD_SECONDS // 60} minutes"
    except OSError as error:
        return f"not started: {error.strerror or error}"
    return f"exit code {code}" if code else ""


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that other jobs wait for; the system lets go of it when this process ends, however it ends."""
    with file.open("ab") as handle:
        if sys.platform != "win32":  # there, two jobs at once on one machine are the user's to keep apart
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _forget_lost_projects(cache: Path) -> None:
    """Delete environments that are only good for folders which are gone, as those of base's worktrees."""
    for marker in cache.glob(f"*/{_COMPLETE}"):
        folders = marker.read_text(encoding="utf-8").splitlines()
        if not all(Path(folder).is_dir() for folder in folders):
            shutil.rmtree(marker.parent, ignore_errors=True)


def _make_folder(folder: Path, owner: Owner | None) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if owner:
        for each in missing:
            # a link may stand there by now, and where it leads is not the owner's
            os.chown(each, owner.uid, owner.gid, follow_symlinks=False)


def _satisfies(version: str, wanted: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(wanted).contains(version, prereleases=True)
    except InvalidSpecifier:
        return False


def _uv_variables(variables: dict[str, str], cache: Path, in_container: bool) -> dict[str, str]:
    """`variables` with pip's settings in uv's words, which does not read pip's; uv's own come first."""
    changed = dict(variables)
    pips = {
        "UV_DEFAULT_INDEX": (("UV_INDEX_URL",), variables.get("PIP_INDEX_URL", "")),
        "UV_INDEX": (("UV_EXTRA_INDEX_URL",), variables.get("PIP_EXTRA_INDEX_URL", "")),
        "UV_FIND_LINKS": ((), ",".join(variables.get("PIP_FIND_LINKS", "").split())),
        "SSL_CERT_FILE": ((), variables.get("PIP_CERT", "")),
    }
    for name, (aliases, value) in pips.items():
        if value and not any(each in variables for each in (name, *aliases)):
            changed[name] = value
    if in_container:
        # the root user's folders are closed to training, and only the cache is kept for the next job
        changed.setdefault("UV_PYTHON_INSTALL_DIR", str(cache / "python"))
        changed.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    return changed
