"""Several models for a person at a terminal: a row for each, then those that did not just pass in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.report.models import ModelRow, models_view, place
from ml_ci.report.terminal import Page, print_result
from ml_ci.report.view import MetricRow
from ml_ci.result import Results

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = {"Model": "name", "Verdict": "outcome", "Decided by": "limit", "Base": "base", "Head": "head", "Δ": "delta"}


def print_models(results: Results, console: Console) -> None:
    """Print the worst verdict and which models decided it, all models, and then each that did not just pass."""
    models = models_view(results)
    page = Page(console)
    page.headline(models.headline)
    for note in models.notes:
        page.line(f"⚠️ {note.text}: {', '.join(note.keys)}.", "yellow")
    page.table([_row(row) for row in models.rows], _COLUMNS)
    for row in models.rows:
        if row.kind != "pass":
            page.line("")
            print_result(row.result, console)


def _row(row: ModelRow) -> MetricRow:
    decider = row.decider
    return MetricRow(
        name=row.key,
        base=decider.base if decider else numbers.NOTHING,
        head=decider.head if decider else numbers.NOTHING,
        delta=decider.delta if decider else numbers.NOTHING,
        limit=place(decider) if decider else numbers.NOTHING,
        outcome=f"{row.icon} {row.word}",
    )
