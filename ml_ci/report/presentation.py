"""What a report needs to know beyond the result: where it will be read, and what it can link to."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FULL_WIDTH = 800
"""CSS pixels: about what a comment has room for."""

_MOST_BYTES = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_SHA = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """Where the report is read. Everything is optional: on a laptop there is nothing to link to.

    `repository` is `OWNER/NAME` on the server `server_url`. `run_url` is the workflow run's page and `report_url` that of
    the full report, where they exist. `reproduce` holds the shell lines that repeat this comparison elsewhere, see
    `reproduce_lines`. `version` is ml-ci's own.
    """

    repository: str | None = None
    server_url: str = "https://github.com"
    pull: int | None = None
    run_url: str | None = None
    report_url: str | None = None
    reproduce: tuple[str, ...] = ()
    version: str = ""

    def commit_url(self, sha: str) -> str | None:
        """The page of a commit; None where there is no repository, or where `sha` is not a commit's."""
        if self.repository is None or not _SHA.fullmatch(sha):
            return None
        return f"{self.server_url}/{self.repository}/commit/{sha}"


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture that the report shows. `path` is the PNG; `alt` says in words and numbers what is on it.

    `dark` is the same for a dark page, None where one picture serves both. `width` is what it is shown at, in CSS pixels.
    """

    name: str
    path: Path
    title: str
    alt: str
    width: int
    dark: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The PNGs of it."""
        return (self.path, self.dark) if self.dark else (self.path,)


def png_of(path: Path) -> bytes:
    """The bytes of a plot's file. Raises OSError where it is a link, or no PNG.

    It may be another one than was drawn: of several models the next one's training ran since, and a link of its making
    could lead to what only this process may read.
    """
    # a pipe in its place would keep a reader waiting; each flag is there on some systems only
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_MOST_BYTES + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    if not content.startswith(_PNG) or len(content) > _MOST_BYTES:
        raise OSError(errno.EINVAL, "a plot in it is no PNG any more, as something else wrote there", str(path))
    return content


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot at the address where the reader's browser will find it; `dark_url` is that of the one for a dark page."""

    title: str
    alt: str
    url: str
    width: int
    dark_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot as text, where there can be no pictures: `mermaid` is the source that GitHub draws it from, escaped."""

    title: str
    alt: str
    mermaid: str


@dataclass(frozen=True, kw_only=True)
class Illustrations:
    """What a report shows besides words: pictures, or charts in their place. `own` are the images of the repository's own
    Markdown, by the address that it gives them. `sparklines` says that curves are shown in the tables, in block letters.
    """

    pictures: tuple[Picture, ...] = ()
    charts: tuple[Chart, ...] = ()
    own: Mapping[str, Picture] = field(default_factory=dict)
    sparklines: bool = False


def illustrations(plots: Iterable[Plot], own: Mapping[str, Plot], url: Callable[[Path], str | None]) -> Illustrations:
    """The plots, and the images of the repository's own Markdown, with the addresses of their files."""
    found = {address: picture(plot, url) for address, plot in own.items()}
    return Illustrations(
        pictures=pictures(plots, url), own={address: shown for address, shown in found.items() if shown}
    )


def pictures(plots: Iterable[Plot], url: Callable[[Path], str | None]) -> tuple[Picture, ...]:
    """The plots with the addresses of their files, in order; one that has no address is left out."""
    return tuple(found for plot in plots if (found := picture(plot, url)))


def picture(plot: Plot, url: Callable[[Path], str | None]) -> Picture | None:
    """The plot with the address of its file; None where it has none."""
    address = url(plot.path)
    if address is None:
        return None
    dark = url(plot.dark) if plot.dark else None
    return Picture(title=plot.title, alt=plot.alt, url=address, width=plot.width, dark_url=dark)


def reproduce_lines(
    *, base: str, pull: int | None = None, head: str | None = None, model: str | None = None
) -> tuple[str, ...]:
    """The shell lines that repeat a comparison in a clone: fetch both sides, check out head, run against base.

    `model` is the one of several that is to be compared.
    """
    wanted = f"pull/{pull}/head" if pull is not None else head
    run = f"ml-ci run --base {base}" + (f" --model {model}" if model else "")
    if wanted is None:
        return (run,)
    target = head or "FETCH_HEAD"
    return (f"git fetch origin {base} {wanted}", f"git checkout {target}", run)
