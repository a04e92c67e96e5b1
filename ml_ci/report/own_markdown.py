"""The repository's own Markdown, made safe to stand in a comment: it looks as it was written, and nothing else happens.

It is parsed by cmark-gfm, the parser that GitHub uses, so that it means here what it means there; what comes of that goes
through nh3, which builds the tree that a browser would, keeps an allow-list of it, and writes that tree with every element
closed. The result is put into the comment as that HTML, in blocks without a blank line, in which GitHub's parser does not
look for Markdown: so there is nothing left that two parsers could understand differently, as there would be if it were
written as Markdown again. Only blocks of code with a language leave the HTML, since GitHub draws Mermaid and colours
code where it is Markdown, and so do alerts.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from urllib.parse import unquote

from ml_ci.report import escape
from ml_ci.report.escape import Markdown
from ml_ci.report.presentation import Picture
from ml_ci.result import OwnReport

_ELEMENTS = frozenset(
    "a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img input ins kbd li ol p pre q s samp "
    "span strong sub summary sup table tbody td tfoot th thead tr ul var".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "details": {"open"},
    "pre": {"lang"},
    "input": {"type", "checked"},
    **{name: {"align"} for name in ("div", "p", "h1", "h2", "h3", "h4", "h5", "h6")},
}
_VALUES = {
    "align": r"left|center|right",
    "checked": r".*",
    "colspan": r"\d{1,3}",
    "lang": r"[\w+#.-]{1,30}",
    "open": r".*",
    "rowspan": r"\d{1,3}",
    "start": r"\d{1,9}",
    "type": r"checkbox",
    "width": r"\d{1,3}%?",
}
_GONE = {"script", "style", "template", "noscript", "title", "iframe", "object", "textarea"}
"""Elements that go with all that is in them."""

_VOID = frozenset({"br", "hr", "img", "input"})
_LINES = frozenset("blockquote br dd dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table ul".split())
"""Elements after which a line may end, so that the text can be read as it is, too."""
_LARGEST, _DEEPEST_READ, SHOWN_AS_WRITTEN = 1_000_000, 2000, 40_000
"""Characters, levels: what is beyond these would take half a minute to read, and no comment has room for it. It is shown
as it was written: so many characters of it."""
_DEEPEST = 40
"""Elements within elements; what is deeper is text. GitHub's own reader gives up at some depth, and with it the comment."""

_ACTIVE = re.compile(
    r"""
      [@#$]                                  # mentions, mail addresses, user@sha; issues, org/repo#1; mathematics
    | \bGH-                                  # issues
    | \b(?=\d*[a-f])[0-9a-f]{7,40}\b         # commits
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LINK = re.compile(r"://|www\.", re.IGNORECASE)
"""In words that are no link: it was none in what was written."""
_REFERENCE = re.compile(r"/(?:issues|pulls?|discussions|commits?|compare)/", re.IGNORECASE)
"""In a link: GitHub notes on that page that it was mentioned here."""
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters; those that turn the direction of text around could turn what stands beside them, too."""
_BEGINS_BLOCK = re.compile(
    r"</?(?:blockquote|dd|details|div|dl|dt|h[1-6]|hr|li|ol|p|summary|table|tbody|td|tfoot|th|thead|tr|ul)[\s/>]"
)
"""The begin of an HTML block that ends at the next blank line, and nowhere else (CommonMark 0.31, 4.6, kind 6)."""
_ALERT = re.compile(r"\s*\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(.*)", re.DOTALL)


def safe(report: OwnReport, pictures: Mapping[str, Picture]) -> Markdown:
    """The report as Markdown that is closed in itself, to be put between blank lines at the top level of a comment.

    `pictures` are its images by the address that it gives them; one that is not among them, and not on the web, is shown
    as its words. Empty where the report says nothing.
    """
    found = clean_html(report)
    if found is None:
        return escape.fence(report.text[:SHOWN_AS_WRITTEN], SHOWN_AS_WRITTEN, 1000, "markdown")
    tree = _Tree()
    tree.feed(found)
    tree.close()
    return _Writer(pictures, tree.largest).write(tree.top)


def clean_html(report: OwnReport) -> str | None:
    """The report as HTML of which an allow-list is left, every element closed; None where it is too large or too deep.

    Its links lead to the web or nowhere, and its images are where it says: what becomes of these is the caller's to do.
    """
    import cmarkgfm
    import nh3
    from cmarkgfm.cmark import Options

    rendered = cmarkgfm.github_flavored_markdown_to_html(_UNSEEN.sub("", report.text), Options.CMARK_OPT_UNSAFE)
    if len(rendered) > _LARGEST or _depth(rendered) > _DEEPEST_READ:
        return None
    return nh3.clean(
        rendered,
        tags=set(_ELEMENTS),
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=_valid,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


def _depth(rendered: str) -> int:
    """How deep its elements are nested at most, where none that is left open ends by itself."""
    still = Counter[str]()
    deepest = depth = 0
    for end, name in re.findall(r"<(/?)([a-z][a-z0-9]*)", rendered.lower()):
        if name not in _VOID and (not end or still[name]):
            step = -1 if end else 1
            still[name] += step
            depth += step
            deepest = max(deepest, depth)
    return deepest


def _valid(_: str, attribute: str, value: str) -> str | None:
    form = _VALUES.get(attribute)
    return value if form is None or re.fullmatch(form, value) else None


@dataclass
class _Element:
    tag: str
    attributes: Mapping[str, str]
    children: list[_Element | str] = field(default_factory=list)

    def add(self, child: _Element | str) -> None:
        """Text that stands side by side is one text: a word in it may only be active as a whole."""
        if isinstance(child, str) and self.children and isinstance(self.children[-1], str):
            self.children[-1] += child
        else:
            self.children.append(child)

    @property
    def is_fence(self) -> bool:
        return self.tag == "pre" and "lang" in self.attributes

    def alert(self) -> tuple[str, _Element] | None:
        """The kind of alert that a quotation is by its first words, and the quotation without them."""
        blocks = [child for child in self.children if not isinstance(child, str) or child.strip()]
        first = blocks[0] if blocks else ""
        if self.tag != "blockquote" or isinstance(first, str) or first.tag != "p" or not first.children:
            return None
        words, *rest = first.children
        found = _ALERT.fullmatch(words) if isinstance(words, str) else None
        if found is None:
            return None
        return found[1], _Element("div", {}, [_Element("p", {}, [found[2], *rest]), *blocks[1:]])


class _Tree(HTMLParser):
    """What nh3 wrote, as a tree of at most `_DEEPEST` levels. It is well-formed: every element in it ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top = _Element("div", {})
        self.largest = 4
        """The level of its largest heading, or 4."""
        self._open = [self.top]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if re.fullmatch(r"h[1-4]", tag):
            self.largest = min(self.largest, int(tag[1]))
        element = _Element(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self._open[-1].add(element)
            return
        if len(self._open) < _DEEPEST:
            self._open[-1].add(element)
            self._open.append(element)
        else:
            self._open.append(self._open[-1])

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - it is the one that was opened last
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].add(data)


class _Writer:
    """Writes the tree. `largest` is the level of the heading that is to be as large as the largest there may be."""

    def __init__(self, pictures: Mapping[str, Picture], largest: int) -> None:
        self._pictures = pictures
        self._lower = 4 - largest
        self._blocks: list[str] = []
        self._html: list[str] = []

    def write(self, top: _Element) -> Markdown:
        """The Markdown of it all."""
        self._outside(top)
        self._end_block()
        empty = not re.sub(r"</?div>|\s", "", "".join(self._blocks))
        return Markdown("" if empty else "\n\n".join(self._blocks))

    def _outside(self, parent: _Element) -> None:
        """What may hold Markdown again: the top level, and what is folded there."""
        self._html.append(self._begin(parent))
        for child in parent.children:
            if isinstance(child, str):
                self._html.append(_text(child))
            elif child.is_fence:
                self._own_block(_fence(child))
            elif alert := child.alert():
                kind, quotation = alert
                self._own_block(f"> [!{kind}]\n> {self._within(quotation)}")
            elif child.tag in ("div", "details"):
                self._outside(child)
            else:
                self._html.append(self._within(child))
            self._html.append("\n" if isinstance(child, _Element) and child.tag in _LINES else "")
        self._html.append(f"</{parent.tag}>\n")

    def _own_block(self, markdown: str) -> None:
        self._end_block()
        self._blocks.append(markdown)

    def _end_block(self) -> None:
        block = re.sub(r"\s*\n\s*", "\n", "".join(self._html)).strip()
        self._html.clear()
        if block and not _BEGINS_BLOCK.match(block):
            block = f"<div></div>{block}"
        self._blocks += [block] if block else []

    def _within(self, element: _Element, *, code: bool = False) -> str:
        """The element on one line, in which there is no Markdown."""
        if element.tag == "img":
            return self._image(element.attributes)
        if element.tag == "input":
            # no box: in a comment readers could tick it, and that would change the comment
            return "☑" if "checked" in element.attributes else "☐"
        if element.tag in _VOID:
            return f"<{element.tag}>"
        code = code or element.tag in ("code", "pre")
        address = element.attributes.get("href", "")
        refers = bool(_REFERENCE.search(unquote(address) + "/"))
        write = _verbatim if code else partial(_text, link=bool(address) and not refers)
        inside = "".join(
            write(child) if isinstance(child, str) else self._within(child, code=code) for child in element.children
        )
        if refers:
            return inside if _verbatim(address) in inside else f"{inside} (<code>{_verbatim(address)}</code>)"
        return f"{self._begin(element)}{inside}</{self._name(element)}>"

    def _name(self, element: _Element) -> str:
        return f"h{min(int(element.tag[1]) + self._lower, 6)}" if re.fullmatch(r"h[1-6]", element.tag) else element.tag

    def _begin(self, element: _Element) -> str:
        said = "".join(f' {name}="{_verbatim(value)}"' for name, value in element.attributes.items())
        return f"<{self._name(element)}{said}>"

    def _image(self, attributes: Mapping[str, str]) -> str:
        source = attributes.get("src", "").strip()
        picture = self._pictures.get(source)
        if picture is None and not _WEB.match(source):
            words = _text(attributes.get("alt") or attributes.get("title") or "without a description")
            return f"<em>(an image that is not shown: {words})</em>"
        kept = {"src": picture.url if picture else source, "alt": "", **attributes}
        kept["src"] = picture.url if picture else source
        return self._begin(_Element("img", kept))


def _fence(element: _Element) -> str:
    """A block of code that nothing in it can close."""
    text = _UNSEEN.sub("", _words(element)).replace("\r", "").removesuffix("\n")
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{element.attributes['lang']}\n{text}\n{ticks}"


def _words(element: _Element) -> str:
    return "".join(child if isinstance(child, str) else _words(child) for child in element.children)


def _text(text: str, *, link: bool = False) -> str:
    """Text in which the words that GitHub would act on are code. In a `link` an address is just words."""
    words = _SPACE.sub(" ", text).split(" ")
    active = [_ACTIVE.search(word) or (not link and _LINK.search(word)) for word in words]
    return " ".join(_inert(word) if acts else _verbatim(word) for word, acts in zip(words, active, strict=True))


def _inert(word: str) -> str:
    core = word.rstrip(",;.:!?)")
    return f"<code>{_verbatim(core)}</code>{_verbatim(word[len(core) :])}"


def _verbatim(text: str) -> str:
    """The text as a part of HTML: on one line, whatever is in it, and closing nothing."""
    return html.escape(_UNSEEN.sub("", text), quote=True).replace("\r", "").replace("\n", "&#10;")
