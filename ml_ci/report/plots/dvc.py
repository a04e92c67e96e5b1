"""DVC's plots, drawn from their data as their templates say, base beside head."""

from __future__ import annotations

from pathlib import Path

from ml_ci.report.plots.dvc_bars import draw_bar_plot
from ml_ci.report.plots.dvc_clouds import draw_cloud
from ml_ci.report.plots.dvc_lines import draw_lines, sheets
from ml_ci.report.plots.dvc_matrices import draw_matrix
from ml_ci.report.plots.dvc_sides import Sides, sides
from ml_ci.report.presentation import Plot
from ml_ci.result import Result


def draw_dvc_plots(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there.

    One figure for each plot; lines of the same folder, such as dvclive's metrics, are panels of one figure.
    """
    found = sides(result)
    lines = [each for each in found if each.kind == "lines"]
    plots: list[Plot] = []
    drawn: set[str] = set()
    for each in found:
        if each.name in drawn:
            continue
        name = f"dvc-{len(plots) + 1}"
        path = folder / f"{name}.png"
        if each.kind == "lines":
            sheet = next(group for group in sheets(lines) if each in group)
            drawn |= {member.name for member in sheet}
            plots.append(draw_lines(sheet, name, path))
        elif plot := _draw(each, name, path):
            plots.append(plot)
    return tuple(plots)


def _draw(each: Sides, name: str, path: Path) -> Plot | None:
    if each.kind == "cloud":
        return draw_cloud(each, name, path)
    return draw_matrix(each, name, path) if each.kind == "matrix" else draw_bar_plot(each, name, path)
