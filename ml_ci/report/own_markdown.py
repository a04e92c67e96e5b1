"""The repository's own Markdown, made safe to stand in a comment: it looks as it was written, and nothing else happens."""

from __future__ import annotations

from collections.abc import Mapping

from ml_ci.report import escape
from ml_ci.report.escape import Markdown
from ml_ci.report.presentation import Picture
from ml_ci.result import OwnReport


def safe(report: OwnReport, pictures: Mapping[str, Picture]) -> Markdown:
    """The report as Markdown that is closed in itself; `pictures` are its images by the address that it gives them."""
    del pictures
    return escape.fence(report.text, limit=100_000, lines=5_000, language="markdown")
