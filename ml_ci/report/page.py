"""report.html: the whole report in one file that needs neither network nor scripts, on a screen, a phone, or paper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.report import escape
from ml_ci.report.certainty import CLEARLY_WORSE
from ml_ci.report.headline import no_baseline
from ml_ci.report.presentation import Plot, Presentation, pictures
from ml_ci.report.templates import template
from ml_ci.report.view import view
from ml_ci.result import Result

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


_MOST_SLICES = 500


def render_page(result: Result, presentation: Presentation, plots: Sequence[Plot] = ()) -> str:
    """The page, with the plots' files inside it."""
    return _template().render(
        view=view(result),
        presentation=presentation,
        pictures=pictures(plots, _data_uri),
        no_baseline=no_baseline(result),
        most=_MOST_SLICES,
        clearly_worse=CLEARLY_WORSE,
    )


def _data_uri(path: Path) -> Markup:
    from markupsafe import Markup

    # nothing in it can be foreign, and it is long: looking through it took longer than all else that is on the page
    return Markup("data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii"))  # noqa: S704


@cache
def _template() -> Template:
    return template("page.html.j2", escape=_visible, filters={"log": _Lines}, html=True)


class _Lines(str):
    """A text of many lines, each of which is made visible by itself."""

    __slots__ = ()


def _visible(value: object) -> object:
    """No character of a foreign text may hide, or turn the text around it; Jinja escapes it for HTML afterwards."""
    if isinstance(value, _Lines):
        return escape.lines_of(value)
    return escape.visible(value) if type(value) is str else value
