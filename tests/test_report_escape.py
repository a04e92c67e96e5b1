"""Foreign text in Markdown: GitHub's own parser gives back the text that went in, and nothing happens."""

from __future__ import annotations

import re
import unicodedata

import pytest

from ml_ci.report.escape import cell, clip_pair, code, fence, onward, prose, visible
from tests.render.github_markdown import text_of, to_html

NASTY = [
    "plain",
    "a|b",
    "a\\|b",
    "a\\\\|b\\",
    "`",
    "``a`b```",
    " `leading and trailing` ",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>x",
    "<!-- ml_ci:default -->",
    "&lt;b&gt; &#64;octocat &copy;",
    "@octocat and @org/team",
    "mail octo@example.com now",
    "#123 GH-12 octo/repo#5 TICKET-7",
    "octo/repo@ba5e0123456789abcdef0123456789abcdef0123",
    "fixed in ba5e012, really",
    "http://evil.example/x www.evil.example. mailto:a@b.example",
    "[x](http://evil.example) ![y](https://evil.example/z.png) [z][1]",
    "[^1] footnote",
    "*bold* _it_ __b__ ~~gone~~ snake_case_name",
    "# heading",
    "> quote",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "---",
    "===",
    "***",
    "~~~",
    "$x^2$ costs $5 and $$y$$",
    ":smile: :+1: 12:30:15",
    "ünïcödé 数据 данные",
    "https://a|b@c`d",
    "{{ 7 * 7 }} ${{ secrets.X }}",
]


def rendered(markdown: str) -> str:
    return to_html(markdown)


@pytest.mark.parametrize("text", NASTY)
def test_a_table_cell_of_inline_code_shows_the_text_itself(text: str) -> None:
    html = rendered(f"| a | b |\n|---|---|\n| {cell(code(text))} | last |")
    cells = re.findall(r"<td>(.*?)</td>", html)
    assert [text_of(part) for part in cells] == [text, "last"]
    assert cells[0].startswith("<code>")
    assert cells[0].count("<") == 2


@pytest.mark.parametrize("text", NASTY)
def test_a_table_cell_of_prose_shows_the_text_itself(text: str) -> None:
    html = rendered(f"| a | b |\n|---|---|\n| x{cell(prose(text))}x | last |")
    cells = re.findall(r"<td>(.*?)</td>", html)
    assert [text_of(part) for part in cells] == [f"x{text}x", "last"]


@pytest.mark.parametrize("text", NASTY)
def test_a_paragraph_of_prose_is_one_paragraph_of_that_text(text: str) -> None:
    html = rendered(prose(text)).strip()
    assert re.fullmatch(r"<p>.*</p>", html)
    assert text_of(html) == text.strip()


@pytest.mark.parametrize("text", NASTY)
def test_nothing_that_github_acts_on_is_left_outside_of_code(text: str) -> None:
    html = rendered(prose(text))
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "code"}
    outside = text_of(re.sub(r"<code>.*?</code>", " ", html))
    assert not re.search(r"@\w|#\d|GH-\d|www\.|://|\$|:\w+:|\b[0-9a-f]{7,40}\b", outside)


@pytest.mark.parametrize("text", NASTY)
def test_a_heading_shows_the_text_itself(text: str) -> None:
    html = rendered(f"### ❌ {code(text)} Fail: {prose(text)}").strip()
    assert re.fullmatch(r"<h3>.*</h3>", html)
    assert text_of(html) == f"❌ {text} Fail: {text.rstrip()}"


def test_characters_that_hide_or_turn_text_are_written_out() -> None:
    assert visible("a\u202eb\u200bc\x00d\ud800") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩d⟨U+D800⟩"


def test_a_newline_does_not_end_a_row() -> None:
    assert visible("a\r\nb\nc") == "a⏎b⏎c"


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_is_still_something_to_see(text: str) -> None:
    assert text_of(rendered(f"| a |\n|---|\n| {cell(code(text))} |")).split()[1:] in ([], ["(empty)"])


@pytest.mark.parametrize("line", ["```", "`" * 20, "~~~", "</details>", "<!-- -->", "@octocat"])
def test_no_line_of_a_log_closes_its_fence(line: str) -> None:
    html = rendered(fence(f"before\n{line}\nafter"))
    assert html.count("<pre") == 1
    assert text_of(html).strip() == f"before\n{line}\nafter"


def test_a_log_has_neither_colours_nor_the_past_of_a_progress_bar() -> None:
    assert text_of(rendered(fence("\x1b[31mred\x1b[0m\n10%\r50%\r100%\r\n"))).strip() == "red\n100%"


def test_the_end_of_a_log_is_kept() -> None:
    log = "\n".join(f"line {n}" for n in range(1000))
    assert text_of(rendered(fence(log, lines=2))).strip() == "line 998\nline 999"


def test_long_values_are_cut_where_they_begin_to_differ() -> None:
    before, after = clip_pair("x" * 500 + "1", "x" * 500 + "2", 40)
    assert (before[-1], after[-1]) == ("1", "2")
    assert max(len(before), len(after)) <= 40


def last_strong(text: str) -> str:
    """Which way the last letter of a text is read, by Unicode's own table: what comes after it, numbers too, is read so."""
    return next((way for way in map(unicodedata.bidirectional, reversed(text)) if way in {"L", "R", "AL"}), "L")


@pytest.mark.parametrize("name", ["דיוק", "דיוק של מודל", "دقة", "דיוק_2", "דיוק (בדיקה)", "דיוק@1", "a דיוק"])
def test_numbers_after_a_name_that_is_read_from_right_to_left_keep_their_order(name: str) -> None:
    """Else 0.9 → 0.8 would be seen as 0.8 → 0.9, an improvement."""
    for before in (
        prose(f"{name} 0.9 → 0.8").partition("0.9")[0],
        code(name),
        onward(f"{name} 0.9 → 0.8").partition("0.9")[0],
    ):
        assert last_strong(before) == "L"
