"""The output folder: what a job leaves for people and for later steps, each file whole or not there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.records import write_record
from ml_ci.report.markdown import render_report
from ml_ci.report.page import render_page
from ml_ci.report.plots.drawing import draw
from ml_ci.report.plots.style import dark_of
from ml_ci.report.presentation import Plot, Presentation, illustrations
from ml_ci.report.result_json import result_json
from ml_ci.result import MOST_OWN, Result


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """Where everything is. `result` is the one given, with a warning more for each plot that could not be drawn."""

    result: Result
    plots: tuple[Plot, ...]
    own: Mapping[str, Plot]
    result_json: Path
    report_md: Path
    report_html: Path
    base_json: Path | None
    head_json: Path | None


def write_output(result: Result, presentation: Presentation, folder: Path) -> WrittenReport:
    """Write `result.json`, `report.md`, `report.html`, `plots/`, `base.json` and `head.json` into `folder`.

    What an earlier job wrote there under these names goes first; logs, records and everything else stays. Raises
    ConfigError where `folder` is the top of a repository, OutsideError where it cannot be written.
    """
    if (folder / ".git").exists():
        raise ConfigError(f"The output folder {folder} is the top of a git repository: choose a folder of its own.")
    try:
        return _write(result, presentation, folder)
    except OSError as error:
        raise OutsideError(f"The output folder {folder} cannot be written: {error.strerror}.") from error


def _write(result: Result, presentation: Presentation, folder: Path) -> WrittenReport:
    plots_folder = folder / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):  # in a folder with files of the user's, these would be ignored too
        _replace(folder / ".gitignore", "*\n")
    plots_folder.mkdir(exist_ok=True)
    _remove_stale(folder)
    drawing = draw(result, plots_folder)
    result = replace(result, warnings=(*result.warnings, *drawing.warnings))
    shown = illustrations(drawing.plots, drawing.own, lambda path: f"plots/{path.name}")
    runs = {"base.json": result.base.run, "head.json": result.head}
    records = {name: _replace(folder / name, write_record(run)) for name, run in runs.items() if run is not None}
    return WrittenReport(
        result=result,
        plots=drawing.plots,
        own=drawing.own,
        report_md=_replace(folder / "report.md", render_report(result, presentation, shown)),
        report_html=_replace(folder / "report.html", render_page(result, presentation, drawing.plots)),
        base_json=records.get("base.json"),
        head_json=records.get("head.json"),
        # last, so that whoever finds it finds everything that it names
        result_json=_replace(folder / "result.json", result_json(result, drawing.plots)),
    )


def _remove_stale(folder: Path) -> None:
    """Remove an earlier job's files; of `plots/` only what its result.json names, as the folder may be the user's."""
    for name in _earlier_plots(folder / "result.json"):
        (folder / "plots" / name).unlink(missing_ok=True)
    for name in ("result.json", "report.md", "report.html", "base.json", "head.json"):
        (folder / name).unlink(missing_ok=True)


def _earlier_plots(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        paths = [Path(plot["path"]) for plot in found["plots"]]
        own = [f"report-{number}.png" for number in range(MOST_OWN)]
        return [*own, *(name for path in paths for name in (path.name, dark_of(path).name))]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []  # no earlier job, or not a document of ours: then nothing in plots/ is known to be ours


def _replace(path: Path, text: str) -> Path:
    """Write `text` such that a reader sees the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
