"""Markdown to HTML as GitHub does it: cmark-gfm (GitHub's own parser), then its allow-list of elements and attributes."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

_ELEMENTS = frozenset(
    "h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot "
    "blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details source span".split()
)
_ATTRIBUTES = frozenset(
    "href src alt title width height align open start colspan rowspan class lang media srcset".split()
)
VOID = frozenset({"br", "hr", "img", "source"})
_ALERT = re.compile(r"<blockquote>\s*<p>\[!(NOTE|WARNING)\]\s*(?:<br ?/?>)?\s*")


def to_html(markdown: str) -> str:
    """The HTML of a comment's body."""
    sanitizer = _Sanitizer()
    sanitizer.feed(unsanitized(markdown))
    sanitizer.close()
    return _ALERT.sub(_alert, "".join(sanitizer.out)).replace("<p></p>", "")


def unsanitized(markdown: str) -> str:
    """What the parser makes of it, before the allow-list mends what is left open."""
    return str(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))


def text_of(rendered: str) -> str:
    """The text that a reader sees."""
    reader = _Text()
    reader.feed(rendered)
    reader.close()
    return "".join(reader.out)


def _alert(found: re.Match[str]) -> str:
    kind = found[1]
    return f'<blockquote class="markdown-alert markdown-alert-{kind.lower()}"><p class="markdown-alert-title">{kind.title()}</p><p>'


class _Sanitizer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _ELEMENTS:
            return
        kept = "".join(f' {name}="{html.escape(value or "")}"' for name, value in attrs if name in _ATTRIBUTES)
        self.out.append(f"<{tag}{kept}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open:
                closed = self.open.pop()
                self.out.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        self.out.append(html.escape(data, quote=False))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []

    def handle_data(self, data: str) -> None:
        self.out.append(data)
