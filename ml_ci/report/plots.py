"""The pictures of a report: how sure the verdict is, metrics by step, and training's own images, base beside head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_ci.report.curves import draw_curves
from ml_ci.report.forest import draw_forest
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.report.side_by_side import UnreadableImageError, draw_pair
from ml_ci.result import Result


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The plots in the order in which they are shown, and a warning for each one that could not be drawn."""

    plots: tuple[Plot, ...] = ()
    warnings: tuple[str, ...] = ()


def draw(result: Result, folder: Path) -> Drawing:
    """Draw every plot of the result into `folder`, which exists; nothing without a comparison, or where head was not
    trained.

    An image of training's that cannot be read is a warning, as is one whose bytes are not at hand.
    """
    if result.comparison is None or result.head is None or result.head_origin == "same-inputs":
        return Drawing()
    plots, warnings = [], []
    gated = [judgement.rule.metric for judgement in result.decision.judgements] if result.decision else []
    forest = draw_forest(result.decision, folder) if result.decision else None
    if forest:
        plots.append(forest)
    curves = draw_curves(result.base.run, result.head, gated, folder)
    if curves:
        plots.append(curves)
    for path, base, head in _image_pairs(result):
        name = _file_name(path, {plot.name for plot in plots})
        target = folder / f"{name}.png"
        sides = _bytes_of(result, base), _bytes_of(result, head)
        try:
            width = draw_pair(*sides, target, with_base=result.base.run is not None)
        except UnreadableImageError as error:
            warnings.append(f"The image {path} cannot be shown: {error}.")
            continue
        alt = f"{path} as training wrote it: base on the left, head on the right."
        if result.base.run is None:
            alt = f"{path} as training wrote it."
        plots.append(Plot(name=name, path=target, title=path, alt=alt, width=min(width, FULL_WIDTH)))
    return Drawing(plots=tuple(plots), warnings=tuple(warnings))


def _image_pairs(result: Result) -> Sequence[tuple[str, str | None, str | None]]:
    """Each image's path with its SHA-256 on both sides, in head's order, those that only base has last."""
    base = {image.path: image.sha256 for image in result.base.run.images} if result.base.run else {}
    head = {image.path: image.sha256 for image in result.head.images} if result.head else {}
    return [(path, base.get(path), head.get(path)) for path in {**head, **base}]


def _bytes_of(result: Result, sha256: str | None) -> Path | None:
    return result.images.get(sha256) if sha256 else None


def _file_name(path: str, taken: set[str]) -> str:
    """A name for the picture of `path` that is plain ASCII and not taken yet."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", str(Path(path).with_suffix(""))).strip("-")[:60] or "image"
    numbered = (f"image-{stem}" + (f"-{n}" if n else "") for n in range(len(taken) + 1))
    return next(name for name in numbered if name not in taken)
