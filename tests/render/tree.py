"""The tree of elements that a comment becomes, to ask questions of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.render.github_markdown import VOID, to_html


@dataclass
class Node:
    """An element with its attributes and what is in it, texts and elements in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list[Node | str] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Node]:
        """The elements of these names in it, at any depth, in order; every one where none is named."""
        for child in self.inside:
            if isinstance(child, Node):
                if not names or child.name in names:
                    yield child
                yield from child.all(*names)

    @property
    def text(self) -> str:
        """The text that a reader sees."""
        return "".join(child.text if isinstance(child, Node) else child for child in self.inside)

    def text_without(self, *names: str) -> str:
        """The text, with a blank in place of the elements of these names."""
        texts = (
            child if isinstance(child, str) else " " if child.name in names else child.text_without(*names)
            for child in self.inside
        )
        return "".join(texts)

    def shape(self, dissolved: frozenset[str] = frozenset()) -> tuple[object, ...]:
        """The elements' names as they are nested; those `dissolved` are as if they were not there."""
        found: list[object] = []
        for child in self.inside:
            if isinstance(child, Node):
                inner = child.shape(dissolved if child.name != "pre" else frozenset())
                found += inner if child.name in dissolved else [(child.name, inner)]
        return tuple(found)


class UnevenError(AssertionError):
    """An element that is not closed, or is closed by another's end."""


def tree_of(markdown: str) -> Node:
    """The comment as GitHub renders it."""
    return parse(to_html(markdown))


def parse(rendered: str) -> Node:
    """The tree of this HTML; raises UnevenError where its elements are not nested."""
    reader = _Reader()
    reader.feed(rendered)
    reader.close()
    if len(reader.open) > 1:
        raise UnevenError(f"not closed: {[node.name for node in reader.open[1:]]}")
    return reader.open[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("#root")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].name != tag:
            raise UnevenError(f"</{tag}> where {self.open[-1].name} is open")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)
