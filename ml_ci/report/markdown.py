"""The comment, the job summary and report.md: one template, rendered section by section, and cut at sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from ml_ci.compare.comparison import Change
from ml_ci.report import escape
from ml_ci.report.certainty import CLEARLY_WORSE, Certainty, SliceRow, Slices
from ml_ci.report.escape import Markdown
from ml_ci.report.headline import no_baseline
from ml_ci.report.presentation import Illustrations, Picture, Presentation
from ml_ci.report.templates import template
from ml_ci.report.view import ChangeGroup, MetricRow, View, view
from ml_ci.result import Result

if TYPE_CHECKING:
    from jinja2 import Template

COMMENT_LIMIT = 60_000
"""Bytes. GitHub refuses a comment of more than 65,536 characters."""

SUMMARY_LIMIT = 1_000_000
"""Bytes. GitHub refuses the summary of a step that is more than 1 MiB."""

_ALWAYS = frozenset({"headline", "left_out", "reproduce", "sources"})
_OPEN_ROWS = 30
_NONE = Illustrations()


def render_comment(result: Result, presentation: Presentation, shown: Illustrations = _NONE) -> str:
    """The pull request's comment, without its marker: at most 60,000 bytes, cut at whole sections."""
    return _render(result, presentation, shown, limit=COMMENT_LIMIT, few=5, slices=20, shown_pictures=3)


def render_report(result: Result, presentation: Presentation, shown: Illustrations = _NONE) -> str:
    """The same with everything shown, for report.md and the job summary: at most 1,000,000 bytes."""
    return _render(result, presentation, shown, limit=SUMMARY_LIMIT, few=100, slices=500, shown_pictures=20)


def _render(
    result: Result,
    presentation: Presentation,
    illustrations: Illustrations,
    *,
    limit: int,
    few: int,
    slices: int,
    shown_pictures: int,
) -> str:
    shown = view(result)
    page = _template()
    context = {
        "view": shown,
        "presentation": presentation,
        "sha": partial(_sha, presentation),
        "pictures": () if shown.same_inputs else illustrations.pictures,
        "charts": () if shown.same_inputs else illustrations.charts,
        "few": few,
        "most_slices": slices,
        "shown_pictures": shown_pictures,
        "no_baseline": no_baseline(result),
        "long_changes": [group for group in shown.changes if len(group.changes) > few],
        "gate_table": _gate_table(shown),
        # without a gate the numbers that moved are what people came for
        "open_changes": bool(shown.changed) and not shown.gated and len(shown.changed) <= _OPEN_ROWS,
        "changed_table": _metric_table(shown.changed, compared=True),
        "unchanged_table": "" if shown.same_inputs else _metric_table(shown.unchanged, compared=False),
        "grounds_table": _grounds_table(shown.certainty),
        "slices_table": _slices_table(shown.certainty.slices, slices),
        "clearly_worse": CLEARLY_WORSE,
        "left_out": "",
    }

    def block(name: str, **more: str) -> str:
        return "".join(page.blocks[name](page.new_context({**context, **more}))).strip("\n")

    sections = {name: block(name) for name in page.blocks}
    left_out: list[str] = []
    for name in reversed([name for name, text in sections.items() if text and name not in _ALWAYS]):
        if _size(sections) <= limit:
            break
        left_out.insert(0, name.replace("_", " "))
        sections[name] = ""
        sections["left_out"] = block("left_out", left_out=", ".join(left_out))
    return _joined(sections)


def _joined(sections: dict[str, str]) -> str:
    return "\n\n".join(text for text in sections.values() if text) + "\n"


def _size(sections: dict[str, str]) -> int:
    return len(_joined(sections).encode())


def _gate_table(shown: View) -> Markdown:
    """The gated metrics; the interval's column is there where a rule was judged with one, base's where there is a base."""
    columns = {"Metric": "left", "Base": "right", "Head": "right", "Δ": "left", "Interval of Δ": "left"}
    columns |= {"Limit": "left", "Outcome": "left"}
    rows = [
        [
            escape.code(row.name, 80),
            *(escape.prose(text, 80) for text in (row.base, row.head, row.delta, row.interval or "—", row.limit)),
            Markdown(row.outcome if row.outcome.startswith("✅") else f"**{row.outcome}**"),
        ]
        for row in shown.gated
    ]
    absent = set() if shown.has_intervals else {"Interval of Δ"}
    if not shown.compared:
        absent |= {"Base", "Δ"}
    return _table(rows, columns, absent)


def _grounds_table(certainty: Certainty) -> Markdown:
    columns = {"Metric": "left", "Evidence": "left", "Method": "left", "One-sided bounds of Δ": "left"}
    columns |= {"Allowed": "right", "Detectable": "right", "Needed": "right"}
    rows = [
        [
            row.name,
            *(row.evidence, row.method, row.bounds, row.margin, row.detectable, row.needed),
        ]
        for row in certainty.grounds
    ]
    # a column that holds nothing is not worth its place
    absent = {name for index, name in enumerate(columns) if all(row[index] == "—" for row in rows)}
    cells = [[escape.code(name, 80), *(escape.prose(text, 120) for text in rest)] for name, *rest in rows]
    return _table(cells, columns, absent)


def _slices_table(slices: Slices | None, most: int) -> Markdown:
    if slices is None:
        return Markdown("")
    columns = {"Metric": "left", "Slice": "left", "Examples": "right", "Base": "right", "Head": "right", "Δ": "left"}
    columns |= {"Interval of Δ": "left", "Allowed": "right", "Outcome": "left"}
    cells = [
        [
            escape.code(row.metric, 80),
            _place(row),
            *(escape.prose(text) for text in (row.size, row.base, row.head, row.delta, row.interval, row.margin)),
            Markdown(f"**{row.outcome}**" if row.bad else row.outcome),
        ]
        for row in slices.rows[:most]
    ]
    absent = {"Allowed"} if all(row.margin == "—" for row in slices.rows) else set()
    if not slices.of_many:
        absent.add("Metric")
    return _table(cells, columns, absent)


def _place(row: SliceRow) -> Markdown:
    return Markdown(f"{escape.code(row.column, 60)} = {escape.code(row.value, 80)}")


def _metric_table(rows: Sequence[MetricRow], *, compared: bool) -> Markdown:
    if compared:
        cells = [[escape.code(row.name, 80), *map(escape.prose, (row.base, row.head, row.delta))] for row in rows]
        return _table(cells, {"Metric": "left", "Base": "right", "Head": "right", "Δ": "left"})
    cells = [[escape.code(row.name, 80), escape.prose(row.head)] for row in rows]
    return _table(cells, {"Metric": "left", "Value": "right"})


def _changes_table(group: ChangeGroup) -> Markdown:
    cells = [[escape.code(change.name), *_both(change, 300)] for change in group.changes]
    return _table(cells, {"Name": "left", "Base": "left", "Head": "left"})


def _table(
    rows: Sequence[Sequence[Markdown]], columns: dict[str, str], absent: set[str] | frozenset[str] = frozenset()
) -> Markdown:
    """A table of cells that are escaped already; empty without rows."""
    from tabulate import tabulate

    if not rows:
        return Markdown("")
    kept = [index for index, name in enumerate(columns) if name not in absent]
    names = list(columns)
    return Markdown(
        tabulate(
            [[escape.cell(row[index]) for index in kept] for row in rows],
            headers=[names[index] for index in kept],
            tablefmt="pipe",
            disable_numparse=True,
            colalign=[columns[names[index]] for index in kept],
        )
    )


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


def _both(change: Change, limit: int) -> tuple[Markdown, Markdown]:
    base, head = escape.clip_pair(change.base or "", change.head or "", limit)
    return (
        Markdown("—") if change.base is None else escape.code(base, limit),
        Markdown("—") if change.head is None else escape.code(head, limit),
    )


def _sha(presentation: Presentation, sha: str) -> Markdown:
    url = presentation.commit_url(sha)
    short = escape.code(sha[:9]) if sha else Markdown("(no commit)")
    return Markdown(f"[{short}]({_url(url)})") if url else short


def _picture(picture: Picture) -> Markdown:
    """A picture under its title; which of two the reader sees is the browser's choice, by the page's colours."""
    url, alt = escape.attribute(picture.url), escape.attribute(picture.alt)
    image = f'<img src="{url}" alt="{alt}" width="{picture.width}">'
    if picture.dark_url:
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{escape.attribute(picture.dark_url)}">'
        image = f"<picture>{dark}{image}</picture>"
    return Markdown(f"**{escape.prose(picture.title)}**<br>\n{image}")


def _url(url: str) -> Markdown:
    from urllib.parse import quote

    return Markdown(quote(url, safe="/:?&=#%@+,;~!$"))


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., object]] = {
        "code": escape.code,
        "fence": escape.fence,
        "picture": _picture,
        "url": _url,
        "change": _change,
        "changes_table": _changes_table,
        "place": _place,
        "script": partial(escape.fence, language="sh"),
    }
    return template("comment.md.j2", escape=_escaped, filters=filters, html=False)


def _escaped(value: object) -> str:
    """What a template prints: Markdown as it is, everything else as a sentence."""
    return value if isinstance(value, Markdown) else escape.prose(str(value))
