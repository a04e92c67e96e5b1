"""Inputs for a target: documents that are nearly right, right ones that were damaged, and bytes of no kind at all."""

from __future__ import annotations

import json
import random
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.target import Target

ODD = (
    *(
        "",
        " ",
        "~",
        "null",
        "true",
        "no",
        "0",
        "-1",
        "1e999",
        "-1e999",
        "NaN",
        ".inf",
        "-.inf",
        "1_000",
        "0x1F",
        "1:30",
    ),
    *(
        "2024-13-45",
        "1" * 400,
        "1" * 5000,
        "9" * 40 + "e-300",
        "\ufeff",
        "\u0000",
        "\ud800",
        "\u202e",
        "\u2028",
        "\x85",
    ),
    *(
        "::add-mask::x",
        "##[error]x",
        "%0A::error::x",
        "$(id)",
        "../x",
        "/etc/passwd",
        "--upload-pack=x",
        "<b>",
        "|",
        "`",
    ),
    *(
        "*x",
        "&x",
        "!!python/object:os.system",
        "<<",
        "- ",
        ": ",
        "? ",
        "---",
        "...",
        "\t",
        "\r",
        "\n",
        "{{",
        "${x}",
        "%YAML",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        '"',
        "'",
        "\\",
        "\\u",
        "\\ud800",
        "#",
        "=",
        ";",
        "\x1b[31m",
        "e",
        "E",
        "é",
        "𝔸",
        "👩‍👩‍👧",
    ),
)
_TEXT = st.text(max_size=20)
_NUMBERS = st.one_of(
    st.integers(), st.floats(), st.integers(-3, 3), st.sampled_from([10**400, -(10**400), 2**63, 1e-320])
)
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@cache
def structured(target: Target) -> SearchStrategy[bytes]:
    """What Hypothesis makes up for a target."""
    words = st.sampled_from([*target.words, *ODD]) if target.words else st.sampled_from(ODD)
    made_up = {"yaml": _document(target).map(_yaml), "json": _document(target).map(_json)}
    kinds = [_damaged(target, words), st.lists(st.one_of(words, _TEXT), max_size=12).map("".join).map(_bytes)]
    if target.kind in made_up:
        kinds += [made_up[target.kind], made_up[target.kind]]
    return st.one_of(*kinds, st.binary(max_size=60))


def _document(target: Target) -> SearchStrategy[Json]:
    words = st.sampled_from(target.words or ("x",))
    leaves: SearchStrategy[Json] = st.one_of(
        words,
        st.none(),
        st.booleans(),
        _NUMBERS,
        st.sampled_from(ODD),
        _TEXT,
        st.sampled_from(["0.9", "2%", "a/b.csv"]),
    )
    keys = st.one_of(words, words, words, _TEXT)
    inner: SearchStrategy[Json] = st.recursive(
        leaves,
        lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(keys, inside, max_size=4)),
        max_leaves=12,
    )
    return st.one_of(st.dictionaries(keys, inner, max_size=6), st.dictionaries(keys, inner, max_size=6), inner)


def _json(document: Json) -> bytes:
    try:
        return _bytes(json.dumps(document, ensure_ascii=False))
    except ValueError:  # a number of more than 4,300 digits
        return b"1" * 5000


def _yaml(document: Json, depth: int = 0) -> bytes:
    """Block style as people write it; a tenth of a document's texts are left without quotes by their own look."""
    return _bytes("\n".join(_lines(document, depth)))


def _lines(document: Json, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(document, dict) and document:
        return [line for key, value in document.items() for line in _entry(f"{pad}{_plain(key)}:", value, depth)]
    if isinstance(document, list) and document:
        return [line for value in document for line in _entry(f"{pad}-", value, depth)]
    return [pad + _scalar(document)]


def _entry(start: str, value: Json, depth: int) -> list[str]:
    if isinstance(value, dict | list) and value:
        return [start, *_lines(value, depth + 1)]
    return [f"{start} {_scalar(value)}"]


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return _plain(value)
    return _json(value).decode(errors="replace")


def _plain(text: str) -> str:
    return text if text.isprintable() and len(text) % 10 else json.dumps(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def _damaged(draw: st.DrawFn, target: Target, words: SearchStrategy[str]) -> bytes:
    content = draw(st.sampled_from(target.examples))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(content))), draw(st.integers(0, 12))
        piece = draw(
            st.one_of(words.map(_bytes), st.binary(max_size=4), st.just(b""), st.just(content[start : start + 30]))
        )
        content = content[:start] + piece + content[start + length :]
    return content


def mutated(target: Target, chance: random.Random) -> bytes:
    """A right input that was damaged in one to eight places: a hundred times faster than Hypothesis, for long nights."""
    content = chance.choice(target.examples)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        start = chance.randrange(len(content) + 1)
        length = chance.choice((0, 0, 1, 1, 2, 4, 8, 30))
        content = content[:start] + _piece(target, content, chance) + content[start + length :]
    return content[:100_000]


def _piece(target: Target, content: bytes, chance: random.Random) -> bytes:
    match chance.randrange(6):
        case 0:
            return b""
        case 1:
            return chance.randbytes(chance.choice((1, 1, 2, 4)))
        case 2:
            start = chance.randrange(len(content) + 1)
            return content[start : start + chance.choice((4, 16, 64))]
        case 3 if target.words:
            return _bytes(chance.choice(target.words))
        case 4:
            return _bytes(chance.choice(ODD)) * chance.choice((1, 1, 1, 1, 1, 2, 10, 50, 1000, 20_000))
        case _:
            other = chance.choice(target.examples)
            start = chance.randrange(len(other) + 1)
            return other[start : start + chance.choice((4, 16, 64))]
