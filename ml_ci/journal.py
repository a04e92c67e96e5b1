"""What the job works with, and what it knows so far."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from ml_ci.compare.comparison import Change
from ml_ci.compare.found import Material
from ml_ci.compare.rule_changes import RuleChange
from ml_ci.material import Stored
from ml_ci.records import Baseline, Origin, Run
from ml_ci.result import OwnReport
from ml_ci.side import Workshop
from ml_ci.sources.git import Git
from ml_ci.sources.own_report import FoundReport
from ml_ci.sources.record_store import Records, RunStore
from ml_ci.sources.tracking import Tracking


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything that the job does to the world is done through these.

    `stores` are where base runs are looked for, besides an MLflow of the user's; `keep` is where runs of exact commits
    are kept besides MLflow. `temporary` is a folder that is gone after the job.
    """

    git: Git
    shop: Workshop
    tracking: AbstractContextManager[Tracking]
    stores: Sequence[RunStore]
    keep: Records | None
    temporary: Path

    @property
    def counting(self) -> Records | None:
        """Where verdicts on a test set are counted: beside the records, None where there are none."""
        return next((store for store in (self.keep, *self.stores) if isinstance(store, Records)), None)


@dataclass
class Journal:
    """What the job knows so far, also for the report of a job that fails half-way.

    `material` and `stored` are there once both sides are done. `rules` are what head changes in base's rules, and
    `rules_of_base` says that base's count.
    """

    base: Baseline
    head_commit: str = ""
    head: Run | None = None
    head_origin: Origin = "none"
    code: tuple[Change, ...] = ()
    parameters: dict[str, frozenset[str]] = field(default_factory=dict)
    images: dict[str, Path] = field(default_factory=dict)
    report: OwnReport | None = None
    material: Material = field(default_factory=Material)
    stored: Stored = field(default_factory=Stored)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rules: tuple[RuleChange, ...] = ()
    rules_of_base: bool = False

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's seconds to those of `step`."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0.0) + time.monotonic() - begin

    def write_image(self, out: Path, sha256: str, content: bytes) -> None:
        """Put an image into the output folder, where the report finds it."""
        self.images[sha256] = _written(out, sha256, content)

    def write_predictions(self, out: Path, side: Literal["head", "base"], run: Run, parquet: bytes | None) -> None:
        """Put a side's predictions beside where its record will be, if they are those that the run names.

        So whoever has the output folder, and nothing else, can judge anew.
        """
        if parquet is None or run.predictions is None or hashlib.sha256(parquet).hexdigest() != run.predictions.sha256:
            return
        with NamedTemporaryFile(dir=out, delete=False) as file:
            file.write(parquet)
        temporary = Path(file.name)
        temporary.chmod(0o644)
        # a link that training left is replaced, and not written through
        temporary.replace(out / f"{side}.parquet")

    def write_report(self, out: Path, found: FoundReport) -> None:
        """Keep the repository's own Markdown, its images beside the others."""
        images = {
            address: _written(out, hashlib.sha256(content).hexdigest(), content)
            for address, content in found.images.items()
        }
        self.report = OwnReport(path=found.path, text=found.text, images=images)


def _written(out: Path, sha256: str, content: bytes) -> Path:
    path = out / "images" / f"{sha256}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
