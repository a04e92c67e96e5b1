"""The output folder: what a job leaves for people and for later steps, each file whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.records import write_record
from ml_ci.report.markdown import render_report
from ml_ci.report.models_markdown import render_models_report
from ml_ci.report.page import Shown, render_models_page, render_page
from ml_ci.report.plots.drawing import draw
from ml_ci.report.plots.style import dark_of
from ml_ci.report.presentation import Illustrations, Plot, Presentation, illustrations
from ml_ci.report.result_json import models_json, result_json
from ml_ci.result import MOST_OWN, Result, Results

PREDICTIONS = ("base.parquet", "head.parquet")
"""The predictions of both sides, beside their records; they are written while the job goes on (`ml_ci.journal`)."""


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """Where everything is. `result` is the one given, with a warning more for each plot that could not be drawn, and
    without the predictions, which only plots need: of many models they would all stay in memory until the last is done.
    """

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
        raise OutsideError(
            f"The output folder {folder} cannot be written ({error.strerror}): make room there, or let the job's user write to it."
        ) from error


@dataclass(frozen=True, kw_only=True)
class WrittenModels:
    """Where everything is of several models: each one's own files (`parts`), and those of the whole."""

    results: Results
    parts: tuple[WrittenReport, ...]
    result_json: Path
    report_md: Path
    report_html: Path


def write_models(key: str, parts: Sequence[WrittenReport], presentation: Presentation, folder: Path) -> WrittenModels:
    """Write `result.json`, `report.md` and `report.html` of all models into `folder`, which has a folder for each.

    Raises OutsideError where it cannot be written.
    """
    results = Results(key=key, results=tuple(part.result for part in parts))
    plots = [part.plots for part in parts]
    shown = [Shown(result=part.result, plots=part.plots, own=part.own, folder=f"{part.result.key}/") for part in parts]
    try:
        return WrittenModels(
            results=results,
            parts=tuple(parts),
            report_md=_replace(
                folder / "report.md", render_models_report(results, presentation, [_shown(part) for part in parts])
            ),
            report_html=_replace(folder / "report.html", render_models_page(results, presentation, shown)),
            result_json=_replace(folder / "result.json", models_json(results, plots)),
        )
    except OSError as error:
        raise OutsideError(
            f"The output folder {folder} cannot be written ({error.strerror}): make room there, or let the job's user write to it."
        ) from error


def forget_earlier(folder: Path, named: Collection[str] = ()) -> None:
    """Remove an earlier job's files, also those of its models; logs, records and everything else stays.

    Of `plots/` that is only what its result.json names, as the folder may be the user's. Predictions stay whose SHA-256 is
    `named`: they were written by this job, before its report. Images stay, as a laptop's records have theirs there.
    """
    found = _earlier(folder / "result.json")
    for key in _earlier_models(found):
        if not (folder / key).is_symlink():
            forget_earlier(folder / key)
    for name in _earlier_plots(found):
        (folder / "plots" / name).unlink(missing_ok=True)
    for name in ("result.json", "report.md", "report.html", "base.json", "head.json"):
        (folder / name).unlink(missing_ok=True)
    for name in PREDICTIONS:
        if _sha256(folder / name) not in named:
            (folder / name).unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    """Empty where there is no regular file to be kept."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(part: WrittenReport) -> Illustrations:
    """A model's plots where a reader of the whole's report.md finds them."""
    return illustrations(part.plots, part.own, lambda path: f"{part.result.key}/plots/{path.name}")


def _write(result: Result, presentation: Presentation, folder: Path) -> WrittenReport:
    plots_folder = folder / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):  # in a folder with files of the user's, these would be ignored too
        _replace(folder / ".gitignore", "*\n")
    plots_folder.mkdir(exist_ok=True)
    runs = {"base.json": result.base.run, "head.json": result.head}
    forget_earlier(folder, [run.predictions.sha256 for run in runs.values() if run and run.predictions])
    drawing = draw(result, plots_folder)
    result = replace(result, warnings=(*result.warnings, *drawing.warnings))
    shown = illustrations(drawing.plots, drawing.own, lambda path: f"plots/{path.name}")
    records = {name: _replace(folder / name, write_record(run)) for name, run in runs.items() if run is not None}
    return WrittenReport(
        result=replace(result, material=replace(result.material, base=None, head=None)),
        plots=drawing.plots,
        own=drawing.own,
        report_md=_replace(folder / "report.md", render_report(result, presentation, shown)),
        report_html=_replace(folder / "report.html", render_page(result, presentation, drawing.plots, drawing.own)),
        base_json=records.get("base.json"),
        head_json=records.get("head.json"),
        # last, so that whoever finds it finds everything that it names
        result_json=_replace(folder / "result.json", result_json(result, drawing.plots)),
    )


def _earlier(path: Path) -> object:
    """What an earlier job's result.json says; None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _earlier_plots(found: object) -> list[str]:
    try:
        paths = [Path(plot["path"]) for plot in found["plots"]]  # type: ignore[index]  # whatever it is, it is tried
    except (KeyError, TypeError):
        return []  # not a document of ours: then nothing in plots/ is known to be ours
    own = [f"report-{number}.png" for number in range(MOST_OWN)]
    return [*own, *(name for path in paths for name in (path.name, dark_of(path).name))]


def _earlier_models(found: object) -> list[str]:
    """The folders of an earlier job's models, if they are just below: the file may be anybody's."""
    try:
        keys = [model["key"] for model in found["models"]]  # type: ignore[index]  # as above
    except (KeyError, TypeError):
        return []
    return [key for key in keys if isinstance(key, str) and Path(key).name == key not in ("", "..")]


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
