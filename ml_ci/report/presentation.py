"""What a report needs to know beyond the result: where it will be read, and what it can link to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FULL_WIDTH = 800
"""CSS pixels: about what a comment has room for."""

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

    `width` is what it is shown at, in CSS pixels.
    """

    name: str
    path: Path
    title: str
    alt: str
    width: int


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot at the address where the reader's browser will find it."""

    title: str
    alt: str
    url: str
    width: int


def pictures(plots: Iterable[Plot], url: Callable[[Plot], str | None]) -> tuple[Picture, ...]:
    """The plots with their addresses, in order; one that has no address is left out."""
    found = ((plot, url(plot)) for plot in plots)
    return tuple(
        Picture(title=plot.title, alt=plot.alt, url=address, width=plot.width) for plot, address in found if address
    )


def reproduce_lines(*, base: str, pull: int | None = None, head: str | None = None) -> tuple[str, ...]:
    """The shell lines that repeat a comparison in a clone: fetch both sides, check out head, run against base."""
    wanted = f"pull/{pull}/head" if pull is not None else head
    if wanted is None:
        return (f"ml-ci run --base {base}",)
    target = head or "FETCH_HEAD"
    return (f"git fetch origin {base} {wanted}", f"git checkout {target}", f"ml-ci run --base {base}")
