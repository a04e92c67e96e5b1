"""The comment, the job summary and report.md: one template, rendered section by section, and cut at sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from ml_ci.compare.comparison import Change
from ml_ci.report import escape, own_markdown
from ml_ci.report.certainty import CLEARLY_WORSE
from ml_ci.report.escape import Markdown
from ml_ci.report.headline import no_baseline
from ml_ci.report.markdown_tables import (
    Spark,
    changes_table,
    gate_table,
    grounds_table,
    metric_table,
    no_spark,
    place,
    slices_table,
)
from ml_ci.report.presentation import Chart, Illustrations, Picture, Presentation
from ml_ci.report.sparklines import of_records, of_steps
from ml_ci.report.templates import template
from ml_ci.report.view import View, view
from ml_ci.result import Result

if TYPE_CHECKING:
    from jinja2 import Template

COMMENT_LIMIT = 60_000
"""Bytes. GitHub refuses a comment of more than 65,536 characters."""

SUMMARY_LIMIT = 1_000_000
"""Bytes. GitHub refuses the summary of a step that is more than 1 MiB."""

_ALWAYS = frozenset({"headline", "rules", "left_out", "nothing_moved", "reproduce", "sources"})
_QUIET = frozenset({"headline", "rules", "warnings", "own_report", "nothing_moved"})
"""What a comment says where nothing moved."""

_NONE = Illustrations()


@dataclass(frozen=True, kw_only=True)
class _Room:
    """How much there is room for: `bytes` in all, `few` things in a list, rows of slices, plots and changed metrics that
    are not folded. A `short` text says nothing of what did not move.
    """

    bytes: int
    few: int
    slices: int
    plots: int
    changed: int
    short: bool = False


_COMMENT = _Room(bytes=COMMENT_LIMIT, few=5, slices=20, plots=3, changed=10, short=True)
_REPORT = _Room(bytes=SUMMARY_LIMIT, few=100, slices=500, plots=20, changed=30)
_OPEN_ROWS = 30
_OWN_LINES = 40


def render_comment(result: Result, presentation: Presentation, shown: Illustrations = _NONE) -> str:
    """The pull request's comment, without its marker: at most 60,000 bytes, cut at whole sections."""
    return _render(result, presentation, shown, _COMMENT)


def render_report(result: Result, presentation: Presentation, shown: Illustrations = _NONE) -> str:
    """The same with everything shown, for report.md and the job summary: at most 1,000,000 bytes."""
    return _render(result, presentation, shown, _REPORT)


def render_sections(
    result: Result, presentation: Presentation, shown: Illustrations = _NONE, *, short: bool
) -> dict[str, str]:
    """The sections of the comment (`short`) or of the report by name, from top to bottom and uncut, for a text that holds
    those of several results. Those that have nothing to say are empty.
    """
    return _Sections(result, presentation, shown, _COMMENT if short else _REPORT).texts()


def _render(result: Result, presentation: Presentation, illustrations: Illustrations, room: _Room) -> str:
    found = _Sections(result, presentation, illustrations, room)
    sections = found.texts()
    left_out: set[str] = set()
    for name in _dropping_order(sections, room.bytes):
        if _size(sections) <= room.bytes:
            break
        left_out.add(name)
        names = ", ".join(each.replace("_", " ") for each in sections if each in left_out)
        sections[name] = ""
        sections["left_out"] = found.block("left_out", left_out=names)
    return _joined(sections)


class _Sections:
    """The template's blocks for one result."""

    def __init__(self, result: Result, presentation: Presentation, illustrations: Illustrations, room: _Room) -> None:
        shown = view(result)
        self._page = _template()
        names = self._page.blocks.keys()
        said = _QUIET if room.short and shown.nothing_moved else names - {"nothing_moved"}
        self._names = [name for name in names if name in said or name == "left_out"]
        self._context = {
            "view": shown,
            "presentation": presentation,
            "sha": partial(commit_link, presentation),
            "room": room,
            "few": room.few,
            "no_baseline": no_baseline(result),
            "clearly_worse": CLEARLY_WORSE,
            "long_changes": [group for group in shown.changes if len(group.changes) > room.few],
            "left_out": "",
            **_tables(result, shown, illustrations, room),
            **_illustrated(result, shown, illustrations),
        }

    def block(self, name: str, **more: str) -> str:
        """One section; what is given besides takes the place of what is known."""
        context = self._page.new_context({**self._context, **more})
        return "".join(self._page.blocks[name](context)).strip("\n")

    def texts(self) -> dict[str, str]:
        """All sections that there can be, in order."""
        return {name: self.block(name) for name in self._names}


def _tables(result: Result, shown: View, illustrations: Illustrations, room: _Room) -> dict[str, object]:
    trend: Spark = partial(of_records, result) if illustrations.sparklines else no_spark
    curve: Spark = partial(of_steps, result) if illustrations.sparklines else no_spark
    changed = metric_table(shown.changed, compared=True, curve=curve)
    unchanged = Markdown("") if shown.same_inputs else metric_table(shown.unchanged, compared=False, curve=curve)
    # without a gate these numbers are what people came for
    first, count = (changed, len(shown.changed)) if shown.compared else (unchanged, len(shown.unchanged))
    alone = first if not shown.gated and count <= _OPEN_ROWS else Markdown("")
    return {
        "gate_table": gate_table(shown, trend),
        "changed_table": changed,
        "unchanged_table": unchanged,
        "table_in_place_of_gate": alone,
        "changed_open": alone != changed and len(shown.changed) <= room.changed,
        "grounds_table": grounds_table(shown.certainty),
        "slices_table": slices_table(shown.certainty.slices, room.slices),
        "has_trends": illustrations.sparklines and any(trend(row.name) for row in shown.gated),
    }


def _illustrated(result: Result, shown: View, illustrations: Illustrations) -> dict[str, object]:
    """The plots, as pictures or as charts, and the repository's own Markdown; of a failed training nothing is shown."""
    if shown.same_inputs or result.failure:
        return {"plots": (), "own": Markdown(""), "own_is_long": False}
    own = own_markdown.safe(result.report, illustrations.own) if result.report else Markdown("")
    return {
        "plots": (*map(_picture, illustrations.pictures), *map(_chart, illustrations.charts)),
        "own": own,
        "own_is_long": own.count("\n") >= _OWN_LINES,
    }


def _dropping_order(sections: dict[str, str], limit: int) -> list[str]:
    """The sections that can be left out, from the bottom up; first those that would not fit even alone, so that none goes
    for the sake of one that cannot stay.
    """
    from_the_bottom = [name for name, text in reversed(sections.items()) if text and name not in _ALWAYS]
    return sorted(from_the_bottom, key=lambda name: len(sections[name].encode()) <= limit)


def _joined(sections: dict[str, str]) -> str:
    return "\n\n".join(text for text in sections.values() if text) + "\n"


def _size(sections: dict[str, str]) -> int:
    return len(_joined(sections).encode())


def _change(change: Change) -> Markdown:
    """One change on one line: `lr` 0.1 → 0.01; a file without versions is named alone."""
    name = escape.code(change.name, 80)
    if change.base is None or change.head is None:
        kind, value = ("added", change.head) if change.base is None else ("removed", change.base)
        return Markdown(f"{name} {kind}" + (f" ({escape.prose(value, 60)})" if value else ""))
    if not (change.base or change.head):
        return name
    base, head = escape.clip_pair(change.base, change.head, 60)
    return Markdown(f"{name} {escape.prose(base) or '(empty)'} → {escape.prose(head) or '(empty)'}")


def commit_link(presentation: Presentation, sha: str) -> Markdown:
    """The start of a commit's SHA, linked to its page where it has one."""
    url = presentation.commit_url(sha)
    short = escape.code(sha[:9]) if sha else Markdown("(no commit)")
    return Markdown(f"[{short}]({safe_url(url)})") if url else short


def _picture(picture: Picture) -> Markdown:
    """A picture under its title; which of two the reader sees is the browser's choice, by the page's colours."""
    url, alt = escape.attribute(picture.url), escape.attribute(picture.alt)
    image = f'<img src="{url}" alt="{alt}" width="{picture.width}">'
    if picture.dark_url:
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{escape.attribute(picture.dark_url)}">'
        image = f"<picture>{dark}{image}</picture>"
    return Markdown(f"{_strong(picture.title)}<br>\n{image}")


def _chart(chart: Chart) -> Markdown:
    """A chart under its title, and what is to be seen on it in words: a chart has no alternative text."""
    title = f"{_strong(chart.title)}<br>\n<sub>{escape.prose(chart.alt)}</sub>"
    return Markdown(f"{title}\n\n```mermaid\n{chart.mermaid}\n```")


def _strong(text: str) -> Markdown:
    """A title. Two asterisks beside a blank would be just that."""
    return Markdown(f"**{escape.prose(escape.visible(text).strip()) or '(empty)'}**")


def safe_url(url: str) -> Markdown:
    """The address as the target of a link, which nothing in it can end."""
    from urllib.parse import quote

    return Markdown(quote(url, safe="/:?&=#%@+,;~!$"))


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., object]] = {
        "code": escape.code,
        "fence": escape.fence,
        "url": safe_url,
        "change": _change,
        "changes_table": changes_table,
        "place": place,
        "script": partial(escape.fence, language="sh"),
    }
    return template("comment.md.j2", escape=escaped, filters=filters, html=False)


def escaped(value: object) -> str:
    """What a template prints: Markdown as it is, everything else as a sentence."""
    return value if isinstance(value, Markdown) else escape.prose(str(value))
