"""How far `dvc pull` has come, seen in the cache that it fills: DVC itself shows that to terminals only."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from ml_ci.errors import MlCiError
from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.progress import Progress
from ml_ci.records import DataVersion

WHAT = "dvc pull"
LAYOUTS = ("files/md5", "")
"""Where in the cache the files are: those that DVC 3 added, and those that DVC 2 did."""
FOLDER = ".dir"
SPARE = 100
"""A look at a cache of very many files is followed by a pause of this many times as long."""


@contextmanager
def told(
    progress: Progress, cache: Path, data: Callable[[], Sequence[DataVersion]], every: float = 1.0
) -> Iterator[None]:
    """While the block lasts, which pulls `data` into `cache`, say how much there is, and every `every` seconds how far it is."""
    over = Event()
    watching = Thread(target=_tell, args=(progress, cache, data, every, over), daemon=True, name="ml-ci-pull")
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _tell(
    progress: Progress, cache: Path, data: Callable[[], Sequence[DataVersion]], every: float, over: Event
) -> None:
    # whatever is wrong with DVC's files or its cache, DVC itself says it, and better
    with suppress(MlCiError, OSError, ValueError):
        versions = data()
        if not versions:
            return
        count, size = sum(version.files or 1 for version in versions), sum(version.size or 0 for version in versions)
        progress.line(
            f"{WHAT}: {count} file{'s' if count > 1 else ''}, {size / 1e6:,.1f} MB, less what is here already"
        )
        arrivals = Arrivals(cache, versions, since=time.time())
        here, pause = 0, every
        while not over.wait(pause):
            begin = time.monotonic()
            here = max(here, arrivals.look())  # a file that is being renamed may be overlooked
            if not arrivals.awaited:
                return
            if here:
                progress.amount(WHAT, min(here, size), size)
            pause = max(every, SPARE * (time.monotonic() - begin))


class Arrivals:
    """Which of the data is in DVC's cache; a file that is on its way counts as far as it is here.

    `since` is when the pull began, in seconds since 1970: what an earlier one left unfinished does not count.
    """

    def __init__(self, cache: Path, versions: Sequence[DataVersion], since: float) -> None:
        self._cache = cache
        self._since = since
        self._here = 0
        self.awaited = Counter(version.hash for version in versions if version.hash)
        """The hashes of what is not here yet, and how often each is part of the data."""

    def look(self) -> int:
        """The bytes of the data that are in the cache now. Raises OSError or ValueError for a cache that is not DVC's."""
        begun = set(self.awaited)
        partial = self._scan(begun)
        while more := set(self.awaited) - begun:  # what is in a folder is known once the folder's list is here
            begun |= more
            partial += self._scan(more)
        return self._here + partial

    def _scan(self, hashes: set[str]) -> int:
        """Note which of these are here; returns the bytes of unfinished files beside them."""
        partial = 0
        for layout in LAYOUTS:
            for prefix in {each[:2] for each in hashes}:
                with suppress(FileNotFoundError), os.scandir(self._cache / layout / prefix) as entries:
                    for entry in entries:
                        if prefix + entry.name in hashes:
                            self._arrived(prefix + entry.name, Path(entry.path))
                        elif entry.name.endswith(".tmp") and entry.stat().st_mtime >= self._since:
                            partial += entry.stat().st_size
        return partial

    def _arrived(self, digest: str, path: Path) -> None:
        times = self.awaited.pop(digest, 0)
        if digest.endswith(FOLDER):
            try:
                files = [str(file["md5"]) for file in parsed(path.read_bytes())]
            except DAMAGED as error:
                raise ValueError(f"{path} is no list of a folder's files") from error
            for file in files:
                self.awaited[file] += times
        else:
            self._here += times * path.stat().st_size
