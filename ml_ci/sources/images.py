"""Training's images as PNGs that can be published: of bounded size, and made anew from their pixels.

Nothing else of a file goes into the PNG: no metadata, no profile, nothing that is hidden behind its end. So what is kept
and shown is a picture, whatever the file was called.
"""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.sources import svg_worker

if TYPE_CHECKING:
    from PIL.Image import Image

PNG_BYTES = 5_000_000
"""GitHub's image proxy shows nothing larger."""
MOST_IMAGES = 100
"""So many of one training are kept."""

_WIDTH, _HEIGHT = 1600, 3200
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MOST_BYTES = 50_000_000
_MOST_PIXELS = 40_000_000
_MOST_SCANS = 100
"""Passes over a JPEG, of which a usual one has ten at most: some bytes more for each, and hours for some hundred thousand."""
_SVG_SECONDS = 10
_PATIENCE = 20


class UnreadableImageError(Exception):
    """A file cannot be shown as an image; the message ends a sentence."""


def to_png(path: Path) -> bytes:
    """The image as a PNG of at most 1600 × 3200 pixels and 5 MB.

    PNG, JPEG, WebP, GIF (its first picture), BMP, told by content; and SVG, which is drawn at twice its size. Raises
    UnreadableImageError for whatever is none of these, is damaged, or is too large to be looked at.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnreadableImageError(f"it has more than {_MOST_BYTES / 1e6:.0f} MB")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"it cannot be read ({error.strerror})") from error
    if path.suffix.lower() == ".svg" or content[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<svg", b"<?xml")):
        content = _drawn(content)
    return _encoded(_pixels(content))


def to_pngs(paths: Sequence[Path], name: Callable[[Path], str]) -> tuple[dict[str, tuple[str, bytes]], tuple[str, ...]]:
    """PNGs of these images by name, each with its SHA-256, and a warning for each file that has none.

    At most `MOST_IMAGES`, the first ones; a warning says how many there are. After 20 seconds no further one is begun.
    """
    warnings = []
    if len(paths) > MOST_IMAGES:
        warnings.append(f"Training wrote {len(paths)} images: only the first {MOST_IMAGES} are kept.")
    found: dict[str, tuple[str, bytes]] = {}
    convert = partial(_png_or_why, deadline=time.monotonic() + _PATIENCE)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for path, content in zip(paths, pool.map(convert, paths[:MOST_IMAGES]), strict=False):
            if isinstance(content, str):
                warnings.append(f"The image {name(path)} cannot be shown: {content}.")
            else:
                found[name(path)] = (hashlib.sha256(content).hexdigest(), content)
    return found, tuple(warnings)


def _png_or_why(path: Path, deadline: float) -> bytes | str:
    if time.monotonic() > deadline:
        return f"the images before it took more than {_PATIENCE} seconds"
    try:
        return to_png(path)
    except UnreadableImageError as error:
        return str(error)


def _pixels(content: bytes) -> Image:
    """The picture, upright, in 8 bits for each colour, not larger than it may be."""
    import warnings

    from PIL import Image, ImageOps, UnidentifiedImageError

    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise UnreadableImageError(f"it is drawn in more than {_MOST_SCANS} passes, which takes too long")
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=_FORMATS) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.width * image.height > _MOST_PIXELS:
                raise UnreadableImageError(f"it has {image.width} × {image.height} pixels, which is too many")
            image.draft("RGB", (_WIDTH, _HEIGHT))
            picture = _eight_bits(ImageOps.exif_transpose(image))
            picture.thumbnail((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return picture
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"it is not one of {', '.join(_FORMATS)}, SVG") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("it has too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # what Pillow raises for damaged files, by format
        raise UnreadableImageError("it is damaged") from error


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


def _drawn(content: bytes) -> bytes:
    """The PNG of an SVG, from a process that may not do what this one may (`svg_worker` says why)."""
    from matplotlib import get_data_path

    fonts = Path(get_data_path()) / "fonts" / "ttf"
    try:
        done = subprocess.run(
            [sys.executable, "-I", svg_worker.__file__, str(fonts), str(_WIDTH), str(_HEIGHT)],
            input=content,
            capture_output=True,
            check=False,
            timeout=_SVG_SECONDS,
            # nothing that this process knows; Windows starts no program without SYSTEMROOT
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableImageError("it takes too long to draw") from error
    if done.returncode == svg_worker.REFUSED:
        raise UnreadableImageError(done.stderr.decode(errors="replace")[:200])
    if done.returncode != 0:
        raise UnreadableImageError("it cannot be drawn, or not within its limits of time and memory")
    return done.stdout
