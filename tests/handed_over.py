"""What a job without rights hands over, as the real thing and as somebody would change it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image as Picture

from ml_ci.predictions import Predictions
from ml_ci.records import Image, KeptPredictions, Run, write_record
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.sources.kept_predictions import to_parquet
from tests.runs import BASE, result, run


def png(colour: str = "red") -> bytes:
    """A small picture."""
    content = io.BytesIO()
    Picture.new("RGB", (30, 20), colour).save(content, "PNG")
    return content.getvalue()


def digest(content: bytes) -> str:
    """Its SHA-256."""
    return hashlib.sha256(content).hexdigest()


def parquet(wrong: int = 0, count: int = 10) -> bytes:
    """Predictions of `count` examples as ml-ci keeps them, of which the last `wrong` are wrong."""
    import numpy as np

    ids = np.arange(count)
    truth = ids % 2
    found = Predictions(
        source="x", test_set="", id=ids, target=truth, prediction=np.where(ids < count - wrong, truth, 1 - truth)
    )
    return to_parquet(found)


def with_predictions(found: Run, content: bytes, rows: int = 10) -> Run:
    """The run, naming these bytes as its predictions."""
    return replace(found, predictions=KeptPredictions(sha256=digest(content), rows=rows))


def with_images(found: Run, images: Mapping[str, bytes]) -> Run:
    """The run, naming these files as its images, by path."""
    return replace(found, images=tuple(Image(path=path, sha256=digest(content)) for path, content in images.items()))


def handed_over(
    folder: Path,
    head: Run | None = None,
    base: Run | None = None,
    *,
    images: Sequence[bytes] = (),
    head_parquet: bytes | None = None,
    base_parquet: bytes | None = None,
) -> Path:
    """The folder as ml-ci writes it for these two runs; the records are replaced by exactly these."""
    base, head = base or run(BASE, loss=[3, 2, 1]), head or run(loss=[3, 2, 0.5])
    plain_base, plain_head = (replace(each, images=(), predictions=None) for each in (base, head))
    write_output(result(plain_base, plain_head), Presentation(version="1"), folder)
    for name, found in (("head.json", head), ("base.json", base)):
        (folder / name).write_text(write_record(found))
    for name, content in (("head.parquet", head_parquet), ("base.parquet", base_parquet)):
        if content is not None:
            (folder / name).write_bytes(content)
    if images:
        (folder / "images").mkdir()
    for image in images:
        (folder / "images" / f"{digest(image)}.png").write_bytes(image)
    return folder


def zipped(folder: Path, target: Path) -> Path:
    """The folder as an archive, as upload-artifact makes one: files only, pressed."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != ".gitignore":
                archive.write(path, path.relative_to(folder).as_posix())
    return target
