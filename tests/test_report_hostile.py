"""Whatever a repository or a training writes into a comment, readers see that text and nothing else happens."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ml_ci.compare.comparison import Change
from ml_ci.compare.found import Material
from ml_ci.records import Metric, Past, Run
from ml_ci.report.charts import as_text
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.presentation import Illustrations, Picture, Presentation
from ml_ci.result import OwnReport, Result
from tests.render.github_markdown import unsanitized
from tests.render.references import acted_on
from tests.render.tree import Node, parse, tree_of
from tests.runs import BASE, HEAD, decided, failed, judged, part, result, rule, run

PIECES = [
    *(
        "|",
        "\\|",
        "`",
        "```",
        "~~~",
        "*",
        "**",
        "_",
        "[",
        "](",
        "](http://evil.example)",
        "![",
        "![x](y.png)",
        "<",
        ">",
    ),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "<!-- ml_ci:comment key=default -->"),
    *(
        "</details>",
        "</summary>",
        "<details>",
        "<b>",
        "&lt;",
        "&#64;",
        "&nbsp;",
        "<a href=x>",
        "</td></tr></table>",
        "<br>",
    ),
    *(
        "@org/team",
        "@octocat",
        "#1",
        "fixes #1",
        "closes octo/model#2",
        "GH-12",
        "resolves: #3",
        "ABC-12",
        "octo@ba5e0123456",
    ),
    *("http://evil.example/x", "https://github.com/octo/model/issues/1", "www.evil.example", "mailto:a@b.example"),
    *("\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u0000", "\ud800", "\u0301", "\u00a0", "\u3000"),
    *("\n", "\r\n", "\n\n", "\n# ", "\n- ", "\n> ", "\n1. ", "\n---\n", "\n    ", "\t", "\u2028", "\x1b[31m"),
    *(
        "🚀",
        "👩‍👩‍👧",
        ":smile:",
        "$x$",
        "$$",
        "[^1]",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "%%{init: {}}%%",
        '"',
        "'",
        "\\",
        "#",
        "@",
    ),
    *("ba5e0123456789abcdef0123456789abcdef0123", "[!WARNING]", "> [!NOTE]", "~~gone~~", "- [ ] task", "1" * 400),
    *("数据", "é", "accuracy", " ", "a", "-", "=", "+", ".", ":", "/", "x" * 10_000, "|" * 700, "` " * 400),
]
"""What GitHub acts on, what Markdown is made of, and what is not seen."""

# a name is never blank: that would be written as "(empty)", for which there is a test of its own
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), min_size=1, max_size=6).map(
    lambda found: f"{''.join(found)}a"
)
values = st.sampled_from(
    [math.nan, math.inf, -math.inf, 1e-320, 5e-324, 1e308, -1e308, 1.797e308, 0.0, -0.0, 0.5, 1e15, -3, 4e-07]
)


@dataclass(frozen=True)
class Foreign:
    """One text for each place where foreign text gets into a comment; metrics are `gated` and `other`."""

    gated: str
    other: str
    parameter: str
    value: str
    data: str
    package: str
    file: str
    column: str
    slice: str
    warning: str
    why: str
    branch: str
    key: str
    title: str
    alt: str


FIELDS = list(Foreign.__dataclass_fields__)
HARMLESS = Foreign(*(f"harmless {name}" for name in FIELDS))
foreign = st.lists(texts, min_size=len(FIELDS), max_size=len(FIELDS), unique=True).map(lambda found: Foreign(*found))


@dataclass(frozen=True)
class Numbers:
    """The numbers that go with it."""

    base: float
    head: float
    other: float


numbers = st.builds(Numbers, values, values, values)


def found(words: Foreign, number: Numbers) -> Result:
    """A result that has these words wherever there is room for words."""
    base = side(BASE, words, number.base, 1.5, changed="1")
    head = side(HEAD, words, number.head, number.other, changed=words.value)
    plain = replace(
        result(base, head, rule(words.gated, regression=0.01), why=f"{words.why} on the branch {words.branch}"),
        key=words.key,
    )
    records = tuple(
        Past(commit=f"{n:040x}", started="", test_set="", metrics={words.gated: value})
        for n, value in enumerate((number.head, 0.5, number.base, 0.7))
    )
    # each begins with a word of its own, as a warning whose first sentence the headline has already is not said again
    warnings = (f"once {words.warning}", f"twice {words.warning}")
    return replace(
        plain,
        code=(Change(name=words.file, base="", head=""), Change(name=f"{words.file}2", base=None, head="")),
        warnings=warnings,
        material=Material(history=records),
    )


def side(commit: str, words: Foreign, gated: float, other: float, changed: str) -> Run:
    curve = Metric(value=gated, history=((-5, 0.1), (0, gated), (10**400, 0.3), (10**400 + 1, gated)))
    return replace(
        run(
            commit,
            params={words.parameter: changed, f"{words.parameter}2": "same" if commit == BASE else "other"},
            data={words.data: changed},
            packages={words.package: changed},
        ),
        metrics={words.gated: curve, words.other: Metric(value=other, history=((0, 1.0), (1, other)))},
    )


def pictures(words: Foreign) -> Illustrations:
    return Illustrations(
        pictures=(
            Picture(
                title=words.title, alt=words.alt, url="https://x.example/a.png", width=800, dark_url="https://x/d.png"
            ),
        )
    )


ON_GITHUB = Presentation(
    repository="octo/churn", pull=1, run_url="https://github.com/octo/churn/actions/runs/1", version="1"
)
OURS = {
    f"https://github.com/octo/churn/commit/{HEAD}",
    f"https://github.com/octo/churn/commit/{BASE}",
    "https://github.com/octo/churn/actions/runs/1",
}
PUBLISHED, TITLE, FOLD = "https://x.example/own.png", "The repository's own report", "1 metric did not change"
PLAIN = result(run(BASE, accuracy=0.9, rows=7), run(accuracy=0.95, rows=7), rule("accuracy", regression=0.01))
SHOWN = (Picture(title="plots/a.png", alt="A picture", url="https://x.example/a.png", width=800),)
# words that GitHub would act on are inline code, so there are more of these
DISSOLVED = frozenset({"code"})

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def is_inert(markdown: str) -> Node:
    """The comment's tree, after a look at all that could happen in it."""
    assert len(markdown.encode()) <= 60_000
    parse(unsanitized(markdown))
    tree = tree_of(markdown)
    assert acted_on(tree) == []
    assert {link.attributes["href"] for link in tree.all("a")} <= OURS
    assert {image.attributes["src"] for image in tree.all("img")} <= {"https://x.example/a.png"}
    return tree


@few
@given(foreign, numbers)
@example(
    Foreign(*(f"{'`' * n}|<!-- {n} --> @octocat #1 fixes #1" for n in range(len(FIELDS)))), Numbers(0.9, 0.8, math.nan)
)
def test_no_element_appears_that_the_template_did_not_write(words: Foreign, number: Numbers) -> None:
    ours, theirs = (
        is_inert(render_comment(found(each, number), ON_GITHUB, pictures(each))) for each in (HARMLESS, words)
    )
    assert theirs.shape(DISSOLVED) == ours.shape(DISSOLVED)


@few
@given(foreign, numbers)
def test_no_name_breaks_out_of_a_chart_or_a_sparkline(words: Foreign, number: Numbers) -> None:
    ours, theirs = (
        is_inert(render_comment(found(each, number), ON_GITHUB, as_text(found(each, number))))
        for each in (HARMLESS, words)
    )
    assert theirs.shape(DISSOLVED) == ours.shape(DISSOLVED)


@few
@given(texts, texts, texts)
def test_nothing_around_the_repositorys_own_report_changes_with_it(text: str, path: str, words: str) -> None:
    """Its text, the path of an image in it, and the words for that image."""

    def tree(text: str, path: str, words: str) -> Node:
        address = quote(path.encode(errors="replace"), safe="")
        own = OwnReport(
            path="report.md", text=f"Hello.\n\n{text}\n\n![{words}](<{address}>)\n\n<img src={address} alt='{words}'>"
        )
        published = {each: Picture(title="", alt="", url=PUBLISHED, width=800) for each in (address, path)}
        return tree_of(
            render_comment(replace(PLAIN, report=own), ON_GITHUB, Illustrations(pictures=SHOWN, own=published))
        )

    ours, theirs = tree("harmless", "a.png", "words"), tree(text, path, words)
    # a report may have emoji, and these and some languages need characters that are not seen
    assert [found for found in acted_on(theirs) if not found.startswith(("not seen", "emoji"))] == []
    assert around(theirs) == around(ours)
    for image in theirs.all("img"):
        assert image.attributes["src"] in {PUBLISHED, SHOWN[0].url} or image.attributes["src"].startswith("http")


def around(tree: Node) -> tuple[list[Node | str], list[Node | str]]:
    """What stands before the own report's title, and from the fold after it on."""
    top = [child for child in tree.inside if not (isinstance(child, str) and not child.strip())]
    (title,) = (place for place, child in enumerate(top) if not isinstance(child, str) and child.text.strip() == TITLE)
    (fold,) = (place for place, child in enumerate(top) if not isinstance(child, str) and FOLD in child.text[:80])
    return top[: title + 1], top[fold:]


@few
@given(texts, texts)
def test_no_slice_breaks_out_of_its_table(column: str, value: str) -> None:
    def tree(column: str, value: str) -> Node:
        plain = result(run(BASE, accuracy=0.9), run(accuracy=0.8))
        accuracy = judged("accuracy", 0.9, 0.8, "fail", (-0.2, -0.05), said="is worse.")
        slices = [part(value, 90, 0.9, 0.7, "fail", margin=0.1, column=column), part(f"{value}2", 9, column=column)]
        return is_inert(render_comment(decided(plain, "fail", accuracy, slices=slices), ON_GITHUB))

    small = tree(column, value), tree("column", "value")
    assert small[0].shape(DISSOLVED) == small[1].shape(DISSOLVED)


@few
@given(texts, st.lists(texts | st.sampled_from(PIECES), max_size=60).map("\n".join))
def test_no_log_breaks_out_of_its_block(message: str, log: str) -> None:
    tree = is_inert(render_comment(failed(f"Training failed: {message}.", f"begin\n{log}\nend"), ON_GITHUB))
    ours = tree_of(render_comment(failed("Training failed: no data.", "end"), ON_GITHUB))
    assert tree.shape(DISSOLVED) == ours.shape(DISSOLVED)
    assert next(tree.all("pre")).text.rstrip().endswith("end")


@few
@given(foreign)
def test_a_table_shows_names_as_they_are(words: Foreign) -> None:
    tree = tree_of(render_report(found(words, Numbers(0.9, 0.8, 0.7)), ON_GITHUB))
    names = [row.text for table in tree.all("table") for row in list(table.all("td"))[:1]]
    assert len(words.gated) > 20 or any(visible(words.gated) == name.strip() for name in names) or is_cut(names)


def visible(text: str) -> str:
    from ml_ci.report.escape import visible as shown

    return shown(text).strip()


def is_cut(names: list[str]) -> bool:
    return any("…" in name for name in names)


@pytest.mark.parametrize("name", ["", " ", "\u3000", "\n"])
def test_a_blank_name_is_something_to_see(name: str) -> None:
    tree = tree_of(
        render_comment(result(run(BASE, metrics={name: 0.9}), run(metrics={name: 0.8}), rule(name, min=0.5)), ON_GITHUB)
    )
    cells = list(next(tree.all("table")).all("td"))
    assert len(cells) == 6
    assert cells[0].inside


@few
@given(foreign, numbers)
def test_the_page_shows_foreign_text_as_text_too(words: Foreign, number: Numbers) -> None:
    from ml_ci.report.page import render_page

    page = render_page(found(words, number), ON_GITHUB, ())
    ours = render_page(found(HARMLESS, number), ON_GITHUB, ())
    assert "<img src=x" not in page
    assert page.count("<script") == ours.count("<script")
    assert page.count("<table") == ours.count("<table")
