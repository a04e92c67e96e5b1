"""The repository's own Markdown (`report`) as training left it, with its images as PNGs.

Images are read, and nothing else that it names: a link to another file stays a link.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from string import ascii_lowercase
from urllib.parse import unquote

from ml_ci.result import MOST_OWN
from ml_ci.sources.file_text import BrokenFileError, text_of
from ml_ci.sources.images import to_pngs
from ml_ci.sources.true_place import is_own

MOST_BYTES = 200_000
"""A comment has room for 60,000, the full report for 1,000,000 of all that is in it."""

_MOST_HTML = 1_000_000
_NAMED = 5
_ELSEWHERE = re.compile(r"https?://", re.IGNORECASE)
_SCHEMES = {"http", "https", "file", "data", "ftp", "javascript", *ascii_lowercase}
"""Of addresses that are looked at, also to say that they are refused; Windows has drives of one letter."""
_NO_PATH = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\~]", re.IGNORECASE)
_HIDDEN = frozenset({".git", ".ml-ci"})


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundReport:
    """The Markdown at `path` (from the repository's top); `images` maps the address of each image of it to a PNG."""

    path: str
    text: str
    images: Mapping[str, bytes] = field(default_factory=dict)


def read_report(file: Path, top: Path, also: Sequence[Path]) -> tuple[FoundReport | None, tuple[str, ...]]:
    """The report in `file`, of the repository at `top`, and warnings of what of it cannot be shown.

    Its images are files of the repository, named from the report's own folder, or lie behind a link into one of `also`
    (DVC's cache). None where it is no text, or has more than 200 kB.
    """
    name = file.relative_to(top).as_posix()
    try:
        content = file.read_bytes() if file.stat().st_size <= MOST_BYTES else None
        if content is None:
            return None, (f"{name} has more than {MOST_BYTES // 1000} kB, so it is not shown: write less into it.",)
        text = text_of(content)
    except (OSError, BrokenFileError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return None, (f"{name} cannot be shown: {why}.",)
    images, warnings = _images(text, file, top, also)
    return FoundReport(path=name, text=text, images=images), tuple(warnings)


def addresses(text: str) -> list[str]:
    """The addresses of the images in Markdown, each once, as GitHub's parser gives them to a browser."""
    import cmarkgfm
    import nh3
    from cmarkgfm.cmark import Options

    rendered = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)[:_MOST_HTML]
    reader = _Images()
    # Python's own parser needs minutes for tags that never end; of what nh3 writes every one does
    reader.feed(nh3.clean(rendered, tags={"img"}, attributes={"img": {"src"}}, url_schemes=_SCHEMES, link_rel=None))
    reader.close()
    return list(dict.fromkeys(reader.addresses))


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = (dict(attrs).get("src") or "").strip()
        if tag == "img" and address:
            self.addresses.append(address)


def _images(text: str, file: Path, top: Path, also: Sequence[Path]) -> tuple[dict[str, bytes], list[str]]:
    name = file.relative_to(top).as_posix()
    places: dict[str, Path] = {}
    refused, missing = [], []
    for address in addresses(text):
        if _ELSEWHERE.match(address):
            continue
        path = _inside(address, file.parent, top, also)
        if path is None:
            refused.append(address)
        elif not _is_file(path):
            missing.append(address)
        else:
            places[address] = path
    warnings = []
    if refused:
        warnings.append(f"{name} names images that are not in the repository, so they are not shown: {_some(refused)}.")
    if missing:
        warnings.append(f"{name} names images that are not there: {_some(missing)}.")
    if len(places) > MOST_OWN:
        warnings.append(f"{name} has {len(places)} images: only the first {MOST_OWN} are shown.")
    shown = dict(list(places.items())[:MOST_OWN])
    found, said = to_pngs(list(dict.fromkeys(shown.values())), lambda path: path.relative_to(top).as_posix())
    pngs = {address: found.get(path.relative_to(top).as_posix()) for address, path in shown.items()}
    return {address: png[1] for address, png in pngs.items() if png}, [*warnings, *said]


def _inside(address: str, folder: Path, top: Path, also: Sequence[Path]) -> Path | None:
    """The file that an address means; None where that is not one of the repository, whatever links lead there."""
    if _NO_PATH.match(address):
        return None
    path = unquote(re.split(r"[?#]", address, maxsplit=1)[0])
    if not path or "\0" in path or "\\" in path or _NO_PATH.match(path):
        return None
    place = Path(os.path.normpath(folder / path))
    if not place.is_relative_to(top) or _HIDDEN & {part.lower() for part in place.relative_to(top).parts}:
        return None
    return place if is_own(place, top, also) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for any file
        return False


def _some(names: Iterable[str]) -> str:
    each = [name if len(name) <= 80 else name[:79] + "…" for name in names]
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return ", ".join(each[:_NAMED]) + more
