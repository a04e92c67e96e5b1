"""The repository's own Markdown as HTML for report.html: what it looks like is kept, what it could do is not."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser

from ml_ci.report import escape
from ml_ci.report.own_markdown import SHOWN_AS_WRITTEN, clean_html
from ml_ci.report.presentation import Picture
from ml_ci.result import OwnReport

_WEB = re.compile(r"https?://", re.IGNORECASE)
_ALERT = re.compile(
    r"(<blockquote[^>]*>\s*<p[^>]*>)\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(?:<br>)?", re.IGNORECASE
)
"""How GitHub's Markdown begins an alert. What of a text looks so is escaped by then, and in no element of its own."""
_DEEPEST = 40
"""Elements within elements; what is deeper is text."""
_VOID = frozenset({"br", "hr"})


def own_html(report: OwnReport, pictures: Mapping[str, Picture]) -> str:
    """The report as HTML that asks nothing of the network and runs nothing.

    `pictures` are its own images by the address that it gives them, each with a `data:` address. An image from
    elsewhere becomes a link to it, and a link to a file of the repository its text, as that file is not here.
    """
    found = clean_html(report)
    if found is None:
        return f"<pre>{html.escape(_visible(report.text[:SHOWN_AS_WRITTEN]))}</pre>"
    writer = _Writer(pictures)
    writer.feed(found)
    writer.close()
    return _ALERT.sub(lambda found: f"{found[1]}<b>{found[2].title()}</b><br>", "".join(writer.out))


class _Writer(HTMLParser):
    """Writes what `clean_html` made again, for the page. It is well-formed: every element in it ends."""

    def __init__(self, pictures: Mapping[str, Picture]) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._pictures = pictures
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.out.append(self._image(attributes))
        elif tag == "input":
            self.out.append("☑" if "checked" in attributes else "☐")
        elif tag in _VOID:
            self.out.append(f"<{tag}>")
        else:
            name = _name(tag) if len(self._open) < _DEEPEST else ""
            self._open.append(name)
            self.out.append(_begin(name, attributes) if name else "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - it is the one that was opened last
        name = self._open.pop()
        self.out.append(f"</{name}>" if name else "")

    def handle_data(self, data: str) -> None:
        self.out.append(html.escape(_visible(data)))

    def _image(self, attributes: Mapping[str, str]) -> str:
        source, alt = attributes.get("src", ""), html.escape(_visible(attributes.get("alt", "")))
        picture = self._pictures.get(source)
        if picture is not None:
            width = f' width="{html.escape(attributes["width"])}"' if "width" in attributes else ""
            return f'<img src="{html.escape(picture.url)}" alt="{alt}"{width}>'
        if not _WEB.match(source) or "a" in self._open:
            return f"<em>(an image that is not shown: {alt or 'without a description'})</em>"
        return f"{_begin('a', {'href': source})}{alt or html.escape(source)}</a>"


def _begin(name: str, attributes: Mapping[str, str]) -> str:
    kept = {key: value for key, value in attributes.items() if key not in ("href", "lang")}
    address = attributes.get("href", "")
    if _WEB.match(address) or address.startswith("mailto:"):
        kept |= {"href": address, "rel": "noopener noreferrer nofollow"}
    said = "".join(f' {key}="{html.escape(_visible(value))}"' for key, value in kept.items())
    return f"<{name}{said}>"


def _name(tag: str) -> str:
    """The page has headings of the first and the second level itself."""
    return f"h{min(int(tag[1]) + 2, 6)}" if re.fullmatch("h[1-6]", tag) else tag


def _visible(text: str) -> str:
    return "\n".join(escape.visible(line) for line in text.split("\n"))
