"""report.html: the whole report in one file that asks nothing of the network, on a screen, a phone, or paper.

It is whole without scripts; with them its tables can be sorted and its curves looked into.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.compare.comparison import Change
from ml_ci.report import escape
from ml_ci.report.certainty import CLEARLY_WORSE
from ml_ci.report.headline import no_baseline
from ml_ci.report.models import ModelsView, models_view
from ml_ci.report.page_curves import curves_json
from ml_ci.report.page_markdown import own_html
from ml_ci.report.presentation import Picture, Plot, Presentation, png_of
from ml_ci.report.templates import template
from ml_ci.report.view import View, view
from ml_ci.result import Result, Results

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_HERE = Path(__file__).parent
_VENDOR = _HERE / "vendor" / "uplot"

_MOST_SLICES = 2_000
_MOST_CHANGES = 1_000
_LONGEST_NAME = 200
_FIRST_PLOTS = 16
"""Plots that are not folded away."""

_MOST_BYTES = 8_000_000
"""Bytes of pictures in one page, before they are written in base 64: beyond that a browser takes long to open it."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One result with its plots, and the images of the repository's own Markdown by the address that it gives them.

    `folder` is where its own files are, seen from the page.
    """

    result: Result
    plots: Sequence[Plot] = ()
    own: Mapping[str, Plot] = field(default_factory=dict)
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the template shows of one result. `files` are the plots for which the page has no room."""

    key: str
    view: View
    no_baseline: str
    pictures: Sequence[PagePicture]
    more_pictures: Sequence[PagePicture]
    files: Sequence[PageFile]
    curves: Markup | None
    own: Markup | None
    own_path: str


@dataclass(frozen=True, kw_only=True)
class PagePicture(Picture):
    """A picture on the page; one that is `still` is shown only on paper, or where no script draws it."""

    still: bool = False


@dataclass(frozen=True, kw_only=True)
class PageFile:
    """A plot that is a file beside the page."""

    path: str
    title: str


def render_page(
    result: Result, presentation: Presentation, plots: Sequence[Plot] = (), own: Mapping[str, Plot] | None = None
) -> str:
    """The page of one result, with the plots' files inside it."""
    part = _part(Shown(result=result, plots=plots, own=own or {}), _Room())
    headline = part.view.headline
    return _page([part], None, f"{headline.said} · {headline.title or 'ml-ci'}", presentation)


def render_models_page(results: Results, presentation: Presentation, shown: Sequence[Shown]) -> str:
    """The page of several models: a row for each, then the whole of each, the worst first; `shown` is in their order."""
    room = _Room()
    models = models_view(results)
    # in this order, too, since there is room for some pictures only
    parts = [_part(shown[row.index], room) for row in models.rows]
    headline = models.headline
    return _page(parts, models, f"{headline.said} · {headline.title or 'ml-ci'}", presentation)


def _page(parts: Sequence[Part], models: ModelsView | None, title: str, presentation: Presentation) -> str:
    style, scripts = _style(), _scripts(with_curves=any(part.curves for part in parts))
    return _template().render(
        parts=parts,
        models=models,
        title=title,
        presentation=presentation,
        style=_markup(style),
        scripts=[_markup(script) for script in scripts],
        policy=_policy(style, scripts),
        most_slices=_MOST_SLICES,
        most_changes=_MOST_CHANGES,
        clearly_worse=CLEARLY_WORSE,
    )


class _Room:
    """How much room for pictures is left on the page."""

    def __init__(self) -> None:
        self._left = _MOST_BYTES

    def picture(self, plot: Plot, *, still: bool = False) -> PagePicture | None:
        """The plot inside of the page, for dark pages too where there is room; None where there is none for it at all."""
        size = plot.path.stat().st_size
        dark = plot.dark.stat().st_size if plot.dark else 0
        if size > self._left:
            return None
        with_dark = size + dark <= self._left
        self._left -= size + (dark if with_dark else 0)
        return PagePicture(
            title=plot.title,
            alt=plot.alt,
            url=self._address(plot.path),
            width=plot.width,
            dark_url=self._address(plot.dark) if plot.dark and with_dark else None,
            still=still,
        )

    def _address(self, path: Path) -> Markup:
        # nothing in it can be foreign, and it is long: looking through it took longer than all else that is on the page
        return _markup("data:image/png;base64," + base64.b64encode(png_of(path)).decode("ascii"))


def _part(shown: Shown, room: _Room) -> Part:
    result = shown.result
    curves = curves_json(result)
    placed = [(plot, room.picture(plot, still=bool(curves) and plot.name == "curves")) for plot in shown.plots]
    pictures = [found for _, found in placed if found]
    own = {address: found for address, plot in shown.own.items() if (found := room.picture(plot))}
    return Part(
        key=result.key,
        view=view(result),
        no_baseline=no_baseline(result),
        pictures=pictures[:_FIRST_PLOTS],
        more_pictures=pictures[_FIRST_PLOTS:],
        files=[
            PageFile(path=f"{shown.folder}plots/{plot.path.name}", title=plot.title)
            for plot, found in placed
            if found is None
        ],
        curves=_markup(curves) if curves else None,
        own=_markup(own_html(result.report, own)) if result.report else None,
        own_path=result.report.path if result.report else "",
    )


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - only for what is ours, or was made safe for the place where it stands


@cache
def _style() -> str:
    return _text(_VENDOR / "uPlot.min.css") + _text(_HERE / "page.css")


@cache
def _scripts(*, with_curves: bool) -> tuple[str, ...]:
    tables = _text(_HERE / "page.js")
    if not with_curves:
        return (tables,)
    return tables, _text(_VENDOR / "uPlot.iife.min.js"), _text(_HERE / "page_curves.js")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _policy(style: str, scripts: Sequence[str]) -> str:
    """What the browser may do with the page: show it, and run just these scripts, which have no way to the network."""
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _template() -> Template:
    return template(
        "page.html.j2",
        escape=_visible,
        filters={"log": _Lines, "name": _name, "pair": _pair, "tone": _tone},
        html=True,
    )


class _Lines(str):
    """A text of many lines, each of which is made visible by itself."""

    __slots__ = ()


def _visible(value: object) -> object:
    """No character of a foreign text may hide, or turn the text around it; Jinja escapes it for HTML afterwards."""
    if isinstance(value, _Lines):
        return escape.lines_of(value)
    return escape.onward(escape.visible(value)) if type(value) is str else value


def _name(text: str) -> str:
    return escape.clip(text, _LONGEST_NAME)


def _pair(change: Change) -> tuple[str, str]:
    return escape.clip_pair(change.base or "", change.head or "", _LONGEST_NAME)


def _tone(delta: str) -> str:
    return next((word for word in ("better", "worse") if delta.endswith(word)), "")
