"""One image to one PNG, made anew from its pixels: what `images` has done in a confined process.

The request is one byte, `VECTOR` or `PIXELS`, and the file; the answer is the PNG.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.sources.confined import RefusedError, allow, serve

if TYPE_CHECKING:
    from PIL.Image import Image

VECTOR, PIXELS = b"v", b"p"
PNG_BYTES = 5_000_000
"""GitHub's image proxy shows nothing larger."""
WIDTH, HEIGHT = 1600, 3200

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MOST_PIXELS = 40_000_000
_MOST_SCANS = 100
"""Passes over a JPEG, of which a usual one has ten at most: some bytes more for each, and hours for some hundred thousand."""
_MEMORY = 1_500_000_000
_DRAWING_SECONDS, _SECONDS = 3, 10


def main() -> None:
    """Answer standard input."""
    serve(_png, memory=_MEMORY)


def _png(request: bytes) -> bytes:
    kind, content = request[:1], request[1:]
    if kind == VECTOR:
        from ml_ci.sources.svg_drawing import draw

        allow(_DRAWING_SECONDS)
        content = draw(content, _fonts(), WIDTH, HEIGHT)
    allow(_SECONDS)
    return _encoded(_pixels(content))


def _fonts() -> Path:
    """The folder of matplotlib's fonts, found without importing it."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise RefusedError("there are no fonts to draw it with")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


def _pixels(content: bytes) -> Image:
    """The picture, upright, in 8 bits for each colour, not larger than it may be."""
    import warnings

    from PIL import Image, ImageOps, UnidentifiedImageError

    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise RefusedError(f"it is drawn in more than {_MOST_SCANS} passes, which takes too long")
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=_FORMATS) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.width * image.height > _MOST_PIXELS:
                raise RefusedError(f"it has {image.width} × {image.height} pixels, which is too many")
            image.draft("RGB", (WIDTH, HEIGHT))
            picture = _eight_bits(ImageOps.exif_transpose(image))
            picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return picture
    except UnidentifiedImageError as error:
        raise RefusedError(f"it is not one of {', '.join(_FORMATS)}, SVG") from error
    except Image.DecompressionBombError as error:
        raise RefusedError("it has too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # what Pillow raises for damaged files, by format
        raise RefusedError("it is damaged") from error


def _eight_bits(image: Image) -> Image:
    if image.mode.startswith("I"):
        # 16 bits of grey; Pillow's own conversion would make all that is brighter than 255 of 65,535 white
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in {"1", "L"} else "RGB")
    picture = image.convert("RGBA")
    opaque = picture.getchannel("A").getextrema() == (255, 255)
    return picture.convert("RGB") if opaque else picture


def _encoded(picture: Image) -> bytes:
    """The PNG; a picture of noise is made smaller until it fits."""
    picture.info = {}
    while True:
        target = BytesIO()
        # of noise, as photographs have it, two fifths of the time of level 6
        picture.save(target, "PNG", compress_level=4)
        size = target.tell()
        if size <= PNG_BYTES:
            return target.getvalue()
        shrunk = 0.95 * math.sqrt(PNG_BYTES / size)
        picture = picture.resize((max(1, int(picture.width * shrunk)), max(1, int(picture.height * shrunk))))
