"""What one training left for people to look at: images, DVC's plots, the importance of features, the repository's report.

Nothing of it decides anything. What of it cannot be read is a warning, and never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_ci import side as sides
from ml_ci.data_plots import DataPlot
from ml_ci.side import Side, Training
from ml_ci.sources import guard, importance
from ml_ci.sources.dvc_plot_definitions import Definitions
from ml_ci.sources.dvc_plots import read_plots
from ml_ci.sources.images import to_pngs
from ml_ci.sources.importance import Interpreter, Sought
from ml_ci.sources.outputs import metric_patterns
from ml_ci.sources.own_report import FoundReport, read_report


@dataclass(frozen=True, kw_only=True, eq=False)
class Fresh:
    """The files that this training wrote or DVC vouches for, and DVC's plots as they were defined after it."""

    files: set[Path]
    plots: Definitions


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """Images are PNGs by path, each with its SHA-256. The importance of features may still be looked for."""

    images: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    plots: tuple[DataPlot, ...] = ()
    importance: Sought
    report: FoundReport | None = None
    warnings: tuple[str, ...] = ()


def read_shown(side: Side, training: Training, fresh: Fresh, uri: str, run_id: str | None) -> Shown:
    """Read it, of the files that are `fresh`; `run_id` is the run that training logged to the MLflow server at `uri`.

    Of repeated trainings the first one is shown.
    """
    if training.seed:
        return Shown(importance=Sought(dict))
    files, top = fresh.files, side.git.top
    sought = Sought(_importance(side, files, uri, run_id))
    paths = [path for path in sides.images(side, fresh.plots) if path in files]
    images, warnings = to_pngs(paths, lambda path: path.relative_to(top).as_posix()) if paths else ({}, ())
    plots, about_plots = read_plots(side.directory, top, lambda path: path in files, fresh.plots)
    report, about_report = _report(side, files)
    return Shown(
        images=images,
        plots=plots,
        importance=sought,
        report=report,
        warnings=(*warnings, *about_plots, *about_report),
    )


def _importance(side: Side, fresh: set[Path], uri: str, run_id: str | None) -> importance.Seek:
    """How it is looked for: in files, and then in the run."""
    patterns = importance.patterns(metric_patterns(side.config, side.directory))
    found = importance.from_files([path for path in sides.expand(side, patterns) if path in fresh])
    if found or run_id is None:
        return lambda: found
    marker = {name: value for name, value in side.git.variables.items() if name == guard.VARIABLE}
    variables = {**side.environment.variables, **marker}
    python = Interpreter(directory=side.directory, variables=variables, owner=side.git.owner)
    return lambda: importance.logged(uri, run_id, python)


def _report(side: Side, fresh: set[Path]) -> tuple[FoundReport | None, tuple[str, ...]]:
    """Head's; nobody reads that of the base."""
    if side.config.report is None or side.name != "head":
        return None, ()
    found = sides.report(side)
    if not found:
        return None, (f"`report` names {side.config.report}, but training left no such file.",)
    if found[0] not in fresh:
        name = found[0].relative_to(side.git.top).as_posix()
        return None, (f"{name} was not written by this training, so it is not shown.",)
    return read_report(found[0], side.git.top, sides.cached(side))
