"""The pictures of a report: how sure the verdict is, metrics by step, and training's own images, base beside head."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml_ci.report.escape import visible
from ml_ci.report.plots.calibration import draw_calibration
from ml_ci.report.plots.confusion import draw_confusion
from ml_ci.report.plots.curves import draw_curves
from ml_ci.report.plots.dvc import draw_dvc_plots
from ml_ci.report.plots.forest import draw_forest
from ml_ci.report.plots.importance import draw_importance
from ml_ci.report.plots.ranking import draw_ranking
from ml_ci.report.plots.residuals import draw_residuals
from ml_ci.report.plots.side_by_side import UnreadableImageError, draw_pair
from ml_ci.report.plots.style import short
from ml_ci.report.plots.trend import draw_trend
from ml_ci.report.presentation import FULL_WIDTH, Plot, png_of
from ml_ci.result import Result

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The plots in the order in which they are shown, and a warning for each one that could not be drawn.

    `own` are the images of the repository's own Markdown, by the address that it gives them.
    """

    plots: tuple[Plot, ...] = ()
    own: Mapping[str, Plot] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def draw(result: Result, folder: Path) -> Drawing:
    """Draw every plot of the result into `folder`, which exists; nothing without a comparison, or where head was not
    trained.

    A plot that cannot be drawn is a warning, and so is an image of training's that cannot be read. Raises OSError where the
    folder is a link.
    """
    _without_links(folder)
    own = _own_images(result, folder)
    if result.comparison is None or result.head is None or result.head_origin == "same-inputs":
        return Drawing(own=own)
    plots: list[Plot] = []
    warnings: list[str] = []
    for what, kind in _KINDS.items():
        try:
            plots += kind(result, folder)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a picture, the verdict is not lost for it
            _LOG.debug("A plot could not be drawn.", exc_info=error)
            warnings.append(f"The plot of {what} could not be drawn ({type(error).__name__}): please report it.")
    for path, base, head in _image_pairs(result):
        name = _file_name(path, {plot.name for plot in plots})
        target = folder / f"{name}.png"
        sides = _bytes_of(result, base), _bytes_of(result, head)
        try:
            width = draw_pair(*sides, target, with_base=result.base.run is not None)
        except UnreadableImageError as error:
            warnings.append(f"The image {path} cannot be shown: {error}.")
            continue
        alt = f"{short(visible(path), 200)} as training wrote it"
        alt += "." if result.base.run is None else ": base on the left, head on the right."
        plots.append(Plot(name=name, path=target, title=path, alt=alt, width=min(width, FULL_WIDTH)))
    return Drawing(plots=tuple(plots), own=own, warnings=tuple(warnings))


def _without_links(folder: Path) -> None:
    """What is drawn must not be written to where links lead that training may have left: it could write less than we can."""
    if folder.is_symlink():
        raise OSError(errno.EINVAL, "its folder for plots is a link, which is not followed", str(folder))
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink()


def _own_images(result: Result, folder: Path) -> dict[str, Plot]:
    """The images of the repository's own Markdown, under names that say nothing of where they were."""
    plots = {}
    for number, (address, image) in enumerate(result.report.images.items() if result.report else ()):
        name = f"report-{number}"
        path = folder / f"{name}.png"
        path.write_bytes(png_of(image))
        plots[address] = Plot(name=name, path=path, title="", alt="", width=FULL_WIDTH)
    return plots


def _draw_forest(result: Result, folder: Path) -> tuple[Plot, ...]:
    plot = draw_forest(result.decision, folder) if result.decision else None
    return (plot,) if plot else ()


def _draw_curves(result: Result, folder: Path) -> tuple[Plot, ...]:
    gated = [judgement.rule.metric for judgement in result.decision.judgements] if result.decision else []
    plot = draw_curves(result.base.run, result.head, gated, folder) if result.head else None
    return (plot,) if plot else ()


_KINDS: dict[str, Callable[[Result, Path], tuple[Plot, ...]]] = {
    "how sure the verdict is": _draw_forest,
    "metrics by step": _draw_curves,
    "the confusion matrices": draw_confusion,
    "ROC and precision-recall": draw_ranking,
    "calibration": draw_calibration,
    "residuals": draw_residuals,
    "the trend": draw_trend,
    "feature importance": draw_importance,
    "DVC's data": draw_dvc_plots,
}
"""In the order in which they are shown: what decided first, then why."""


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
