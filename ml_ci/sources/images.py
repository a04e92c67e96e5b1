"""Training's images as PNGs that can be published: of bounded size, and made anew from their pixels.

Nothing else of a file goes into the PNG: no metadata, no profile, nothing that is hidden behind its end. So what is kept
and shown is a picture, whatever the file was called. The files are anybody's: none is read in this process.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from ml_ci.sources.confined import Confined, DiedError, RefusedError
from ml_ci.sources.image_worker import HEIGHT, PIXELS, PNG_BYTES, VECTOR, WIDTH

__all__ = ["MOST_IMAGES", "PNG_BYTES", "SIGNATURE", "UnreadableImageError", "to_png", "to_pngs"]

MOST_IMAGES = 100
"""So many of one training are kept."""

_MOST_BYTES = 50_000_000
_CLOCK = 15.0
"""Seconds for one image; the limit of the processor's time, which is less, does not count waiting for it."""
_PATIENCE = 20
_IMAGES_OF_A_WORKER = 4
"""A second process costs as much as some images."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class UnreadableImageError(Exception):
    """A file cannot be shown as an image; the message ends a sentence."""


def to_png(path: Path) -> bytes:
    """The image as a PNG of at most 1600 × 3200 pixels and 5 MB.

    PNG, JPEG, WebP, GIF (its first picture), BMP, told by content; and SVG, which is drawn at twice its size. Raises
    UnreadableImageError for whatever is none of these, is damaged, or is too large to be looked at.
    """
    with _worker() as worker:
        return _to_png(path, worker)


def to_pngs(paths: Sequence[Path], name: Callable[[Path], str]) -> tuple[dict[str, tuple[str, bytes]], tuple[str, ...]]:
    """PNGs of these images by name, each with its SHA-256, and a warning for each file that has none.

    At most `MOST_IMAGES`, the first ones; a warning says how many there are. After 20 seconds no further one is begun.
    """
    warnings = []
    if len(paths) > MOST_IMAGES:
        warnings.append(f"Training wrote {len(paths)} images: only the first {MOST_IMAGES} are kept.")
    kept = paths[:MOST_IMAGES]
    found: dict[str, tuple[str, bytes]] = {}
    for path, content in zip(kept, _pngs_or_why(kept), strict=True):
        if isinstance(content, str):
            warnings.append(f"The image {name(path)} cannot be shown: {content}.")
        else:
            found[name(path)] = (hashlib.sha256(content).hexdigest(), content)
    return found, tuple(warnings)


def _pngs_or_why(paths: Sequence[Path]) -> list[bytes | str]:
    deadline = time.monotonic() + _PATIENCE
    count = min(4, os.cpu_count() or 1, 1 + len(paths) // _IMAGES_OF_A_WORKER)
    workers: SimpleQueue[Confined] = SimpleQueue()

    def convert(path: Path) -> bytes | str:
        if time.monotonic() > deadline:
            return f"the images before it took more than {_PATIENCE} seconds"
        worker = workers.get()
        try:
            return _to_png(path, worker)
        except UnreadableImageError as error:
            return str(error)
        finally:
            workers.put(worker)

    with ExitStack() as stack:
        for _ in range(count):
            workers.put(stack.enter_context(_worker()))
        pool = stack.enter_context(ThreadPoolExecutor(count))
        return list(pool.map(convert, paths))


def _worker() -> Confined:
    return Confined("ml_ci.sources.image_worker", clock=_CLOCK, largest=PNG_BYTES)


def _to_png(path: Path, worker: Confined) -> bytes:
    content = _content(path)
    drawn = path.suffix.lower() == ".svg" or content[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(
        (b"<svg", b"<?xml")
    )
    try:
        png = worker.ask((VECTOR if drawn else PIXELS) + content)
    except RefusedError as error:
        raise UnreadableImageError(str(error)) from error
    except DiedError as error:
        why = "it takes too long" if error.late else "it cannot be read within its limits of time and memory"
        raise UnreadableImageError(why) from error
    if not _is_plain(png):
        raise UnreadableImageError("what was made of it is no picture")
    return png


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableImageError("it is no regular file")
        if path.stat().st_size > _MOST_BYTES:
            raise UnreadableImageError(f"it has more than {_MOST_BYTES / 1e6:.0f} MB")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"it cannot be read ({error.strerror})") from error


def _is_plain(png: bytes) -> bool:
    """Whether it is a PNG of pixels only and of a size that is shown: the process that made it met a stranger's file."""
    if not png.startswith(SIGNATURE):
        return False
    chunks, place = [], len(SIGNATURE)
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        chunks.append(png[place + 4 : place + 8])
        place += 12 + length
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    whole = place == len(png) and chunks[0] == b"IHDR" and chunks[-1] == b"IEND"
    return whole and set(chunks[1:-1]) == {b"IDAT"} and 0 < width <= WIDTH and 0 < height <= HEIGHT
