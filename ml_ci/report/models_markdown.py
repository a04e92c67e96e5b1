"""The comment, the job summary and report.md of several models: a table of all, and each one's own comment folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.report import escape
from ml_ci.report.escape import Markdown
from ml_ci.report.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, commit_link, escaped, render_sections, safe_url
from ml_ci.report.models import MOST_NAMED, Decider, ModelRow, ModelsView, models_view, moved
from ml_ci.report.presentation import Illustrations, Presentation
from ml_ci.report.templates import template
from ml_ci.result import Results

if TYPE_CHECKING:
    from jinja2 import Template

_SAID_ONCE = frozenset({"reproduce", "sources", "nothing_moved", "left_out"})
"""Sections of one model's comment that the whole says for all."""

_LEAST_SHARE = 3_000
"""Bytes that one model's details may have, however many there are: about the verdict, the gate and what it found."""

_COLUMNS = {"Model": "left", "Verdict": "left", "Decided by": "left", "Base": "right", "Head": "right", "Δ": "left"}


def render_models_comment(results: Results, presentation: Presentation, shown: Sequence[Illustrations]) -> str:
    """The pull request's comment, without its marker: at most 60,000 bytes, cut at whole models, of which the worst come
    first. `shown` are each model's pictures, in the order of the results.
    """
    return _render(results, presentation, shown, limit=COMMENT_LIMIT, short=True)


def render_models_report(results: Results, presentation: Presentation, shown: Sequence[Illustrations]) -> str:
    """The same with everything shown, for report.md and the job summary: at most 1,000,000 bytes."""
    return _render(results, presentation, shown, limit=SUMMARY_LIMIT, short=False)


def _render(
    results: Results, presentation: Presentation, shown: Sequence[Illustrations], *, limit: int, short: bool
) -> str:
    models = models_view(results)
    table, table_left_out = _table(models.rows, limit // 2)
    page = _Page(
        {
            "models": models,
            "presentation": presentation,
            "sha": partial(commit_link, presentation),
            "most_named": MOST_NAMED,
            "table": table,
            "table_left_out": table_left_out,
            "view": {"timings": _timings(results)},
            "left_out": [],
        }
    )
    top, bottom = page.blocks("headline", "table"), page.blocks("reproduce", "sources")
    keys = [row.key for row in models.rows]
    # the note on what is left out is longest where everything is
    taken = _size([*top, page.block("left_out", left_out=keys), *bottom])
    details = _details(page, models, presentation, shown, limit - taken, short=short)
    left_out = page.block("left_out", left_out=keys[len(details) :])
    return "\n\n".join(text for text in (*top, *details, left_out, *bottom) if text) + "\n"


def _details(
    page: _Page,
    models: ModelsView,
    presentation: Presentation,
    shown: Sequence[Illustrations],
    room: int,
    *,
    short: bool,
) -> list[str]:
    """Each model's own comment, folded, from the worst on, as far as there is room."""
    found: list[str] = []
    for place, row in enumerate(models.rows):
        # those that just pass share what the others leave
        alike = sum((other.kind == "pass") == (row.kind == "pass") for other in models.rows[place:])
        share = min(max(room // alike, _LEAST_SHARE), room)
        sections = render_sections(row.result, presentation, shown[row.index], short=short)
        body = _fitted({name: text for name, text in sections.items() if name not in _SAID_ONCE}, share)
        text = page.block("details", row=row, body=Markdown(body))
        room -= _size([text])
        if room < 0:
            break
        found.append(text)
    return found


def _fitted(sections: Mapping[str, str], limit: int) -> str:
    """The sections in at most about `limit` bytes; whole ones are dropped from the bottom, and a line says which."""
    kept = {name: text for name, text in sections.items() if text}
    dropped: list[str] = []
    while len(kept) > 1 and _size(list(kept.values())) > limit:
        name = list(kept)[-1]
        del kept[name]
        dropped.insert(0, name.replace("_", " "))
    texts = list(kept.values())
    if dropped:
        texts.append(f"*Left out here: {', '.join(dropped)}.*")
    return "\n\n".join(texts)


def _table(rows: Sequence[ModelRow], limit: int) -> tuple[Markdown, int]:
    """The table of all models, and how many rows were one too many for `limit` bytes."""
    cells: list[list[str]] = [[escape.cell(text) for text in _cells(row)] for row in rows]
    size = 0
    count = 0
    for line in cells:
        size += sum(len(text.encode()) + 3 for text in line) + 2
        if size > limit:
            break
        count += 1
    marks: list[str] = [":---" if side == "left" else "---:" for side in _COLUMNS.values()]
    # without spaces that line up the source: of 50 rows they would be a fifth of a comment
    lines = [f"| {' | '.join(line)} |" for line in (list(_COLUMNS), marks, *cells[:count])]
    return Markdown("\n".join(lines)), len(rows) - count


def _cells(row: ModelRow) -> list[Markdown]:
    word = Markdown(f"{row.icon} {row.word}" if row.kind == "pass" else f"{row.icon} **{row.word}**")
    decider = row.decider
    if decider is None:
        # nothing was judged, or could be: the sentence says why
        nothing = Markdown(numbers.NOTHING)
        return [escape.code(row.key, 80), word, escape.prose(row.why, 160), nothing, nothing, nothing]
    more = f" and {decider.more} more" if decider.more else ""
    said = f", {decider.outcome}" if decider.outcome else ""
    by = Markdown(f"{_metric(decider)}{said}{more}")
    numbers_ = [escape.prose(text, 80) for text in (decider.base, decider.head, decider.delta)]
    return [escape.code(row.key, 80), word, by, *numbers_]


def _metric(decider: Decider) -> Markdown:
    name = escape.code(decider.metric, 60)
    if decider.slice is None:
        return name
    column, value = (escape.code(text, 40) for text in decider.slice)
    return Markdown(f"{name} where {column} is {value}")


def _decided(decider: Decider) -> Markdown:
    return Markdown(f"{_metric(decider)}{escape.prose(moved(decider), 80)}")


def _names(keys: Sequence[str], most: int) -> Markdown:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return Markdown(", ".join(escape.code(key, 80) for key in keys[:most]) + more)


def _timings(results: Results) -> list[tuple[str, str]]:
    """The seconds of all models together, by step."""
    steps: dict[str, float] = {}
    for result in results.results:
        for step, seconds in result.timings.items():
            steps[step] = steps.get(step, 0.0) + seconds
    return [(step, numbers.seconds(seconds)) for step, seconds in steps.items()]


def _size(texts: Sequence[str]) -> int:
    """Bytes, with an empty line after each."""
    return sum(len(text.encode()) + 2 for text in texts if text)


class _Page:
    """The template's blocks."""

    def __init__(self, context: Mapping[str, object]) -> None:
        self._context = context

    def block(self, name: str, **more: object) -> str:
        page = _template()
        return "".join(page.blocks[name](page.new_context({**self._context, **more}))).strip("\n")

    def blocks(self, *names: str) -> list[str]:
        return [self.block(name) for name in names]


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., object]] = {
        "code": escape.code,
        "decided": _decided,
        "html": escape.attribute,
        "names": _names,
        "url": safe_url,
        "script": partial(escape.fence, language="sh"),
    }
    return template("models.md.j2", escape=escaped, filters=filters, html=False)
