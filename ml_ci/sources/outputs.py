"""What training writes: where metrics are looked for, and which files of a working tree are therefore no changes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.config import Config
from ml_ci.sources import importance
from ml_ci.sources.pipeline import declared_metrics, stage_outputs

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

USUAL_METRICS = tuple(
    f"{folder}metrics.{kind}"
    for folder in ("", "metrics/", "results/", "reports/", "dvclive/")
    for kind in ("json", "yaml", "yml", "toml", "csv", "txt")
)
"""Where metrics are looked for when the configuration does not say. Only what this training wrote counts."""

USUAL_PLOTS = "dvclive/plots/**"
"""Where dvclive writes the data of its plots."""

_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Outputs:
    """Globs of files that training writes, from the repository's top.

    `declared` are outputs, tracked or not, because somebody named the very file. `usual` are only guessed by their names,
    or caught by a wide glob: of these a tracked file may as well be one that training reads, as a config.json beside
    `metrics: ["*.json"]`, so only untracked ones are taken for outputs.
    """

    declared: tuple[str, ...]
    usual: tuple[str, ...]

    def has(self, path: str, *, tracked: bool) -> bool:
        """Whether the file is one that training writes."""
        return self._declared.match_file(path) or (not tracked and self._usual.match_file(path))

    @cached_property
    def _declared(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.declared)

    @cached_property
    def _usual(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.usual)


def outputs_of(config: Config, top: Path) -> Outputs:
    """What a training as `config` describes it writes in the repository at `top`."""
    prefix = "" if config.working_directory == "." else f"/{config.working_directory}"
    pipeline = top / config.working_directory / "dvc.yaml"
    said = config.metrics or declared_metrics(pipeline)
    # those at the top of a dvc.yaml may as well be drawn from files that training reads
    plots = tuple(path for path, _ in stage_outputs(pipeline, ("plots",)))
    predictions = (config.predictions.path,) if config.predictions else ()
    report = (config.report,) if config.report else ()
    named = (*(path for path in said if not _WILD.intersection(path)), *predictions, *report, *plots)
    guessed = (*said, *(USUAL_METRICS if config.metrics is None else ()))
    guessed = (*guessed, *importance.patterns(guessed), *config.plots, USUAL_PLOTS)
    return Outputs(
        declared=tuple(f"{prefix}/{path}" for path in named), usual=tuple(f"{prefix}/{glob}" for glob in guessed)
    )


def metric_patterns(config: Config, directory: Path) -> tuple[str, ...]:
    """Where this training's metrics files are looked for, relative to the folder in which it runs."""
    if config.metrics is not None:
        return config.metrics
    return (*USUAL_METRICS, *declared_metrics(directory / "dvc.yaml"))
