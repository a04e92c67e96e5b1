"""Every sample's comment, through GitHub's own parser and its sanitizer's rules, and in a browser: nothing is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ml_ci.report.charts import as_text
from ml_ci.report.files import WrittenReport, write_output
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.presentation import Illustrations, illustrations
from tests.render.browser import dom_of, page_of
from tests.render.github_markdown import unsanitized
from tests.render.references import acted_on
from tests.render.samples import PRESENTATION, samples
from tests.render.tree import Node, UnevenError, parse, tree_of


@pytest.fixture(scope="module")
def comments(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Each sample as a comment with pictures, one with charts, one with neither, and as the full report."""
    folder = tmp_path_factory.mktemp("samples")
    found: dict[str, str] = {}
    for name, sample in samples(folder).items():
        written = write_output(sample, PRESENTATION, folder / name)
        kinds = {"pictures": pictured(written), "charts": as_text(written.result), "neither": Illustrations()}
        for kind, shown in kinds.items():
            found[f"{name}, {kind}"] = render_comment(written.result, PRESENTATION, shown)
        found[f"{name}, report"] = render_report(written.result, PRESENTATION, kinds["pictures"])
    return found


def pictured(written: WrittenReport) -> Illustrations:
    return illustrations(written.plots, written.own, lambda path: f"https://github.com/octo/churn/raw/{path.name}")


@pytest.fixture(scope="module")
def trees(comments: Mapping[str, str]) -> Mapping[str, Node]:
    return {name: tree_of(comment) for name, comment in comments.items()}


def test_every_element_is_closed_where_it_was_opened(comments: Mapping[str, str]) -> None:
    for name, comment in comments.items():
        try:
            parse(unsanitized(comment))
        except UnevenError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_every_row_of_a_table_has_the_columns_of_its_header(trees: Mapping[str, Node]) -> None:
    seen = 0
    for name, tree in trees.items():
        for table in tree.all("table"):
            columns = len(list(table.all("th")))
            rows = [len(list(row.all("td"))) for row in table.all("tr")][1:]
            assert columns, name
            assert rows == [columns] * len(rows), name
            seen += 1
    assert seen > 100


def harmless(trees: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """Those in which no name looks like Markdown itself; of the others tests/test_report_hostile.py takes care."""
    return ((name, tree) for name, tree in trees.items() if not name.startswith("hostile"))


def test_no_table_is_left_as_text(trees: Mapping[str, Node]) -> None:
    for name, tree in harmless(trees):
        outside = tree.text_without("code", "pre", "table")
        assert "|" not in outside, name
        assert not re.search(r"[:-]-{2,}", outside), name


def test_no_markup_is_left_as_text(trees: Mapping[str, Node]) -> None:
    for name, tree in harmless(trees):
        outside = tree.text_without("code", "pre")
        assert not re.search(r"\*\*|</?\w+>|^#{1,6} |\]\(|\{\{|\{%", outside, re.MULTILINE), name


def test_every_fold_has_a_title_and_something_in_it(trees: Mapping[str, Node]) -> None:
    for name, tree in trees.items():
        for fold in tree.all("details"):
            (summary,) = fold.all("summary")
            assert summary.text.strip(), name
            assert fold.text.replace(summary.text, "").strip() or list(fold.all("img")), name


def test_every_picture_says_what_it_shows_and_when(trees: Mapping[str, Node]) -> None:
    seen = 0
    for name, tree in trees.items():
        for picture in tree.all("img"):
            assert picture.attributes["src"].startswith("https://github.com/octo/churn/raw/"), name
            assert "alt" in picture.attributes, name
            seen += len(picture.attributes["alt"]) > 20
        assert all(source.attributes["media"] == "(prefers-color-scheme: dark)" for source in tree.all("source")), name
        assert all(source.attributes["srcset"].endswith("-dark.png") for source in tree.all("source")), name
    assert seen > 20


def test_the_first_thing_is_the_verdict(trees: Mapping[str, Node]) -> None:
    for name, tree in trees.items():
        first = next(iter(tree.all()))
        assert first.name == "h3", name
        assert re.match(r"(✅|❌|❔|⚠️) (.* · )?(Pass|Fail|Inconclusive|Error)", first.text, re.DOTALL), name


def test_nobody_is_mentioned_and_nothing_is_referred_to(trees: Mapping[str, Node]) -> None:
    assert {name: acted_on(tree) for name, tree in trees.items() if acted_on(tree)} == {}


def test_a_browser_draws_every_chart(comments: Mapping[str, str], tmp_path: Path) -> None:
    inline = [comment for name, comment in comments.items() if name.endswith("charts")]
    page = tmp_path / "page.html"
    page.write_text(page_of(*inline, folder=tmp_path), encoding="utf-8")
    drawn = dom_of(page)
    charts = sum(comment.count("```mermaid") for comment in inline)
    assert charts > 30
    assert 'data-drawn="yes"' in drawn
    assert re.findall(r'<div class="chart-that-failed">.*?</div>', drawn) == []
    assert len(re.findall(r'<div class="chart"><svg', drawn)) == charts
