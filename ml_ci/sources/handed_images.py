"""Training's images as they were handed over, made anew from their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ml_ci.records import Image, Run
from ml_ci.sources.archive import LARGEST_PNG
from ml_ci.sources.images import SIGNATURE, to_pngs
from ml_ci.sources.strict_json import is_there, read_bytes


def remade(folder: Path, runs: Mapping[str, Run]) -> tuple[dict[str, bytes], dict[str, Run]]:
    """The PNGs by their SHA-256, and the runs, which name them by it.

    A run names no image any more that is not there, or is no picture; a warning of its own says so.
    """
    wanted = list(dict.fromkeys(image.sha256 for run in runs.values() for image in run.images))
    paths = {folder / "images" / f"{sha256}.png": sha256 for sha256 in wanted}
    found, _ = to_pngs([path for path, sha256 in paths.items() if _is_ours(path, sha256)], lambda path: paths[path])
    return dict(found.values()), {side: _renamed(run, found) for side, run in runs.items()}


def _is_ours(path: Path, sha256: str) -> bool:
    """Whether it is a PNG as it was named. Whatever else training wrote was made one before it was handed over."""
    if not is_there(path, path.name):
        return False
    content = read_bytes(path, path.name, LARGEST_PNG)
    return content.startswith(SIGNATURE) and hashlib.sha256(content).hexdigest() == sha256


def _renamed(run: Run, found: Mapping[str, tuple[str, bytes]]) -> Run:
    kept = tuple(Image(path=image.path, sha256=found[image.sha256][0]) for image in run.images if image.sha256 in found)
    lost = [image.path for image in run.images if image.sha256 not in found]
    warnings = [f"The image {path} was not handed over as a picture, so it is not shown." for path in lost]
    return replace(run, images=kept, warnings=(*run.warnings, *warnings))
