"""One SVG to one PNG.

An SVG on a pull request is anybody's. The library that draws it runs no script and has no network, but it opens image
files that the SVG names, overflows its stack on deep nesting, and draws for hours where a filter asks for that. So it is
handed a document without any address but its own parts, and runs in a confined process (`image_worker`).
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from ml_ci.sources.confined import RefusedError

_DEEPEST = 200
_ZOOM = 2.0
"""Drawn at twice its size, so that it is sharp on today's screens."""

_OWN_PART = re.compile(r"\s*(#|data:image/(png|jpeg|jpg|gif|webp)[;,])", re.IGNORECASE)
_LENGTH = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(px|pt|pc|in|cm|mm|em|ex)?\s*")
_PIXELS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "em": 16.0,
    "ex": 8.0,
}
_FALLBACK = (300.0, 150.0)
"""What browsers take where a document does not say."""


class Cleaned:
    """The same document without comments, instructions, a document type, and without addresses of anything outside of it."""

    def __init__(self, content: bytes) -> None:
        self.text: list[str] = []
        self.size = _FALLBACK
        self._depth = 0
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = lambda data: self.text.append(escape(data))
        parser.EntityDeclHandler = self._entity
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise RefusedError(f"it is no well-formed XML (line {error.lineno})") from error

    def _start(self, name: str, flat: list[str]) -> None:
        attributes = dict(zip(flat[::2], flat[1::2], strict=True))
        if self._depth == 0:
            if name.rpartition(":")[2] != "svg":
                raise RefusedError("it is XML, but no SVG")
            self.size = _sized(attributes)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RefusedError(f"its elements are nested more than {_DEEPEST} deep")
        kept = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if _stays(key, value))
        self.text.append(f"<{name}{kept}>")

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.text.append(f"</{name}>")

    def _entity(self, *_: object) -> None:
        raise RefusedError("it declares entities")


def _stays(name: str, value: str) -> bool:
    return name.rpartition(":")[2].lower() not in {"href", "src", "base"} or bool(_OWN_PART.match(value))


def _sized(attributes: dict[str, str]) -> tuple[float, float]:
    """Width and height in CSS pixels, as the root element says them, else those of its view box; it says them from now on."""
    box = [_LENGTH.fullmatch(part) for part in re.split(r"[\s,]+", attributes.get("viewBox", "").strip())]
    sides = tuple(float(part[1]) for part in box[2:] if part) if all(box) else ()
    if len(box) != 4 or len(sides) != 2 or not all(0 < side < float("inf") for side in sides):
        attributes.pop("viewBox", None)
        sides = _FALLBACK
    across, down = sides
    width, height = (_pixels(attributes.get(name, "")) for name in ("width", "height"))
    if width is None:
        width = height * across / down if height else across
    if height is None:
        height = width * down / across
    attributes |= {"width": f"{width:.9g}", "height": f"{height:.9g}"}
    return width, height


def _pixels(length: str) -> float | None:
    """A length in CSS pixels; None where it is none, or is relative to the page."""
    found = _LENGTH.fullmatch(length)
    value = float(found[1]) * _PIXELS[found[2] or ""] if found else 0.0
    return value if 0 < value < float("inf") else None


def draw(content: bytes, fonts: Path, most_width: int, most_height: int) -> bytes:
    """The picture, at twice its size where that is no more than what it may have at most. Raises RefusedError."""
    import resvg_py

    document = Cleaned(content)
    width, height = document.size
    zoom = min(_ZOOM, most_width / width, most_height / height)
    drawn = partial(
        resvg_py.svg_to_bytes,
        svg_string="".join(document.text),
        # as the page that it is made for: on a dark one, black lines on nothing would not be seen
        background="white",
        width=max(1, round(width * zoom)),
        height=max(1, round(height * zoom)),
        dpi=96,
        # the same picture on every machine
        skip_system_fonts=True,
        font_files=[str(fonts / f"{name}.ttf") for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique",
                                                           "DejaVuSansMono", "DejaVuSerif")],
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
        serif_family="DejaVu Serif",
        monospace_family="DejaVu Sans Mono",
    )  # fmt: skip
    try:
        return drawn()
    except ValueError as error:
        raise RefusedError(f"it cannot be drawn ({error})") from error
