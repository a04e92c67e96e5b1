"""Training's own images, base beside head in one picture. They are shown, never judged: most differ from run to run.

Around them the picture is transparent, and what is written there can be read on light pages and on dark ones. So one
picture serves both, and half as much is published.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MOST_PIXELS = 40_000_000
_WIDTH, _MOST_HEIGHT, _GAP, _LABEL = 640, 900, 24, 34
_INK, _PALE, _NOTHING = (118, 118, 118, 255), (118, 118, 118, 40), (118, 118, 118, 0)
"""One grey at three strengths: 4.5 times as dark as white, 4.2 times as light as GitHub's dark pages. Nothing has it, too,
since the edges of letters are mixed with it."""


class UnreadableImageError(Exception):
    """An image that cannot be shown; the message ends a sentence."""


def draw_pair(base: Path | None, head: Path | None, target: Path, *, with_base: bool) -> int:
    """Write base beside head as one PNG to `target`, head alone unless `with_base`; returns its width in pixels.

    A side that is None is an empty panel that says so. Raises UnreadableImageError for a side that is no image of a
    common format, is damaged, or has more than 40 million pixels, and where no side is at hand.
    """
    if base is None and head is None:
        raise UnreadableImageError("its bytes are not at hand")
    sides = [("base", base), ("head", head)] if with_base else [("head", head)]
    panels = [(label, _read(path) if path else None) for label, path in sides]
    sheet = _compose(panels)
    # of noise, as photographs have it, a third of the time of level 6 for a fiftieth more bytes
    sheet.save(target, compress_level=4)
    return sheet.width


def _read(path: Path) -> Image:
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), Image.open(path, formats=_FORMATS) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.width * image.height > _MOST_PIXELS:
                raise UnreadableImageError(f"it has {image.width} × {image.height} pixels, which is too many")
            image.draft("RGB", (_WIDTH, _MOST_HEIGHT))
            return _on_white(image)
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"it is not one of {', '.join(_FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("it has too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # what Pillow raises for damaged files, by format
        raise UnreadableImageError("it is damaged") from error


def _on_white(image: Image) -> Image:
    """The image in RGB and no larger than its panel; what was transparent is white, as it is on the web's page."""
    from PIL import Image

    picture = image.convert("RGBA") if image.mode in {"RGBA", "LA", "PA", "P"} else image.convert("RGB")
    picture.thumbnail((_WIDTH, _MOST_HEIGHT), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        return white
    return picture


def _compose(panels: list[tuple[str, Image | None]]) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    height = max((picture.height for _, picture in panels if picture), default=200)
    width = max((picture.width for _, picture in panels if picture), default=_WIDTH)
    sheet = Image.new("RGBA", (len(panels) * (width + _GAP) - _GAP, height + _LABEL), _NOTHING)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=20)
    for index, (label, picture) in enumerate(panels):
        left = index * (width + _GAP)
        draw.text((left + 4, 4), label, fill=_INK, font=font)
        if picture is None:
            draw.rectangle((left, _LABEL, left + width - 1, _LABEL + height - 1), fill=_PALE)
            draw.text((left + width / 2, _LABEL + height / 2), "not there", fill=_INK, font=font, anchor="mm")
        else:
            sheet.paste(picture, (left, _LABEL))
    return sheet
