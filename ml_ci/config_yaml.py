"""YAML text to a tree in which every value knows its line.

Only plain data is let through: tags, anchors, aliases, merge keys, duplicate keys and further documents are refused.
Nothing is converted, so that YAML's own ideas of `no`, `1:30` or `010` never reach a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from unicodedata import category

from ml_ci.errors import ConfigError

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16

_TAB_IN_INDENT = re.compile(r"[ ]*\t")
# What PyYAML says, what it means to a person, and whether the cause is where it began to read rather than where it stopped.
_PLAIN_WORDS = (
    ("found undefined tag handle", "YAML tags are not allowed here; put a value that starts with ! in quotes", False),
    ("while scanning a tag", "YAML tags are not allowed here; put a value that starts with ! in quotes", False),
    ("while scanning an alias", 'a value that starts with * must stand in quotes, such as "*.png"', False),
    ("while scanning an anchor", "a value that starts with & must stand in quotes", False),
    ("cannot start any token", "a value may not start with this character unless it stands in quotes", False),
    (
        "mapping values are not allowed here",
        'there is a ":" too many; put text that holds ": " in quotes, or mend the indentation',
        False,
    ),
    ("could not find expected ':'", 'a ":" is missing after this key', True),
    ("expected ',' or '", 'this bracket is not closed, or a "," is missing in it', True),
    ("expected the node content", "a value or a closing bracket is missing here", False),
    ("found unexpected end of stream", "this quote is not closed", True),
    ("expected <block end>", "the indentation does not fit the lines above, or text follows a closing quote", False),
)


@dataclass(frozen=True)
class Place:
    """A line of a file; lines count from 1."""

    name: str
    line: int

    def error(self, sentence: str) -> ConfigError:
        """The error that says `sentence` about this line; not raised here."""
        return ConfigError(f"{self}: {sentence}")

    def __str__(self) -> str:
        return f"{printable(self.name)}:{self.line}"


@dataclass(frozen=True)
class Scalar:
    """Text as it is written; `plain` says that it stands without quotes."""

    text: str
    plain: bool
    place: Place


@dataclass(frozen=True)
class Items:
    """A list."""

    values: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Field:
    """One key with its value; `place` is that of the key."""

    key: str
    value: Node
    place: Place


@dataclass(frozen=True)
class Fields:
    """A mapping, in the order of the file."""

    fields: Mapping[str, Field]
    place: Place


Node = Scalar | Items | Fields


def quoted(text: str) -> str:
    """The text in quotes, safe to stand in a one-line message: cut at 60 characters, control characters spelled out."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return f'"{printable(short)}"'


def printable(text: str) -> str:
    """The text with every character spelled out that is not seen: ends of lines, control characters, lone surrogates, and
    those that turn the direction of the text around them.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or category(letter) == "Zs" else letter.encode("unicode_escape").decode()
        for letter in text
    )


def document(text: str | bytes, name: str) -> Fields:
    """The mapping that the text holds. Raises ConfigError, naming `name` and the line, where it is anything else."""
    import yaml

    content = _decoded(text, name)
    try:
        loader = yaml.SafeLoader(content)
        return _Tree(loader, name).document()
    except yaml.reader.ReaderError as error:
        place = Place(name, content.count("\n", 0, error.position) + 1)
        raise place.error("there is a control character that YAML does not allow; take it out.") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, content, name) from error
    except (ValueError, OverflowError) as error:  # PyYAML lets these through for "\UFFFFFFFF"
        line = loader.line + 1
        raise Place(name, line).error("an escape in double quotes names no character; take it out.") from error


def _decoded(text: str | bytes, name: str) -> str:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(content) > MAX_BYTES:
        raise Place(name, 1).error(f"the file is larger than {MAX_BYTES // 1024} KiB; is it the right one?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(name, content.count(b"\n", 0, error.start) + 1)
        what = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"
        raise place.error(f"the file is {what}; save it as UTF-8.") from error


def _syntax_error(error: yaml.MarkedYAMLError, content: str, name: str) -> ConfigError:
    began, stopped = error.context_mark, error.problem_mark or error.context_mark
    lines = content.splitlines() or [""]
    if stopped and _TAB_IN_INDENT.match(lines[min(stopped.line, len(lines) - 1)]):
        return Place(name, stopped.line + 1).error("there is a tab in the indentation; YAML wants spaces.")
    said = f"{error.context or ''}: {error.problem or ''}"
    fallback = printable(" ".join((error.problem or "it cannot be read").split()))
    ours, from_start = next((found[1:] for found in _PLAIN_WORDS if found[0] in said), (fallback, False))
    mark = began if from_start and began else stopped
    # An error at the end of the file lies after its last line, where nobody can look.
    line, column = (min(mark.line, len(lines) - 1), mark.column) if mark else (0, 0)
    return Place(name, line + 1).error(f"not valid YAML at column {column + 1}: {ours}.")


class _Events(Protocol):
    """PyYAML's loader as it is used here: its own stubs leave `get_event` without types."""

    def get_event(self) -> yaml.Event: ...

    def check_event(self, kind: type[yaml.Event], /) -> bool: ...


class _Tree:
    """Builds the tree from PyYAML's events, so that a bomb is refused before anything is made of it."""

    def __init__(self, events: _Events, name: str) -> None:
        self._events = events
        self._name = name

    def document(self) -> Fields:
        import yaml

        self._next()
        empty = Place(self._name, 1).error(
            'the file says nothing; write at least one key, such as "train: python train.py", or delete the file.'
        )
        if self._at(yaml.StreamEndEvent):
            raise empty
        self._next()
        node = self._node(1)
        if isinstance(node, Scalar) and node.plain and not node.text:
            raise empty
        if not isinstance(node, Fields):
            raise node.place.error('the file must be a mapping of keys, such as "train: python train.py".')
        self._next()
        if not self._at(yaml.StreamEndEvent):
            raise self._place(self._next()).error(
                'a second document starts here; the file may hold one, without "---".'
            )
        return node

    def _next(self) -> yaml.Event:
        return self._events.get_event()

    def _at(self, kind: type[yaml.Event]) -> bool:
        return self._events.check_event(kind)

    def _place(self, event: yaml.Event) -> Place:
        return Place(self._name, event.start_mark.line + 1 if event.start_mark else 1)

    def _node(self, depth: int) -> Node:
        import yaml

        event = self._next()
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            raise place.error('YAML aliases are not allowed here; put text that starts with * in quotes: "*.png".')
        if getattr(event, "anchor", None):
            raise place.error("YAML anchors are not allowed here; put text that starts with & in quotes.")
        if getattr(event, "tag", None):
            raise place.error("YAML tags are not allowed here; put text that starts with ! in quotes.")
        if depth > MAX_DEPTH:
            raise place.error(f"this is nested more than {MAX_DEPTH} levels deep, and no key here needs that.")
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(self._values(depth), place)
        if isinstance(event, yaml.MappingStartEvent):
            return Fields(self._fields(depth), place)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, event.style is None, place)
        raise TypeError(f"PyYAML gave {event!r} where only a value can stand")

    def _values(self, depth: int) -> tuple[Node, ...]:
        import yaml

        values = []
        while not self._at(yaml.SequenceEndEvent):
            values.append(self._node(depth + 1))
        self._next()
        return tuple(values)

    def _fields(self, depth: int) -> dict[str, Field]:
        import yaml

        fields: dict[str, Field] = {}
        while not self._at(yaml.MappingEndEvent):
            key = self._node(depth + 1)
            if not isinstance(key, Scalar):
                raise key.place.error("a key must be a word, not a list or a mapping.")
            if key.plain and key.text == "<<":
                raise key.place.error('merge keys ("<<") are not allowed here; write the keys out.')
            if key.text in fields:
                before = fields[key.text].place.line
                raise key.place.error(f"{quoted(key.text)} stands here twice, first in line {before}; take one out.")
            fields[key.text] = Field(key.text, self._node(depth + 1), key.place)
        self._next()
        return fields
