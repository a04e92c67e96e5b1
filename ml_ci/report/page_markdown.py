"""The repository's own Markdown as HTML for report.html: what it looks like is kept, what it could do is not."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from ml_ci.report import escape
from ml_ci.report.presentation import Picture
from ml_ci.result import OwnReport

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MOST = 300_000
"""Characters of it that are shown: more is a book, and no report."""

_ELEMENTS = frozenset(
    "a b blockquote br code dd del details dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s samp strong sub "
    "summary sup table tbody td tfoot th thead tr ul var div span".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "details": {"open"},
}
_GONE = {"script", "style", "template", "noscript", "title", "iframe", "object"}
"""Elements that go with all that is in them."""
_WEB = re.compile(r"https?://", re.IGNORECASE)
_ALIGNED = re.compile(r'style="text-align:(left|center|right)"')
_HEADING = re.compile(r"(</?h)([1-6])\b")


def own_html(report: OwnReport, pictures: Mapping[str, Picture]) -> str:
    """The report as HTML that asks nothing of the network and runs nothing.

    `pictures` are its own images by the address that it gives them, each with a `data:` address. An image from
    elsewhere becomes a link to it, and a link to a file of the repository its text, as that file is not here.
    """
    import nh3

    text = report.text[:MOST]
    rendered = _ALIGNED.sub(r'align="\1"', _parser().render(text))
    clean = nh3.clean(
        rendered,
        tags=set(_ELEMENTS),
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=_without_places,
        link_rel="noopener noreferrer nofollow",
    )
    images = _Images(pictures)
    images.feed(_HEADING.sub(_below, clean))
    images.close()
    cut = "<p>… the rest is left out.</p>" if len(report.text) > MOST else ""
    return "".join(images.out) + cut


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # HTML is taken as it is here because it is made safe afterwards, together with all that Markdown makes
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _without_places(element: str, attribute: str, value: str) -> str | None:
    """A link without an address on the web leads nowhere from this page."""
    if (element, attribute) == ("a", "href"):
        return value if _WEB.match(value) or value.startswith("mailto:") else None
    return value


def _below(heading: re.Match[str]) -> str:
    """The page has headings of the first and the second level itself."""
    return f"{heading[1]}{min(int(heading[2]) + 2, 6)}"


class _Images(HTMLParser):
    """Writes what nh3 made again, with each image in the page, or a link in its place. nh3 has closed and quoted all."""

    def __init__(self, pictures: Mapping[str, Picture]) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._pictures = pictures
        self._in_link = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_link += tag == "a"
        self.out.append(self._image(dict(attrs)) if tag == "img" else self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_link -= tag == "a"
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(_visible(data))

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(html.escape(_visible(html.unescape(f"&#{name};"))))

    def _image(self, attributes: Mapping[str, str | None]) -> str:
        source, alt = attributes.get("src") or "", html.escape(_visible(attributes.get("alt") or ""))
        picture = self._pictures.get(source)
        if picture is not None:
            width = attributes.get("width") or ""
            shown = f' width="{width}"' if re.fullmatch(r"\d{1,4}", width) else ""
            return f'<img src="{html.escape(picture.url)}" alt="{alt}"{shown}>'
        if not _WEB.match(source) or self._in_link:
            return alt
        link = html.escape(source)
        return f'<a href="{link}" rel="noopener noreferrer nofollow">{alt or link}</a>'


def _visible(text: str) -> str:
    return "\n".join(escape.visible(line) for line in text.split("\n"))
