"""The repository's own Markdown in a comment, as GitHub's own engine renders it: it looks the same, and does nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
import nh3
import pytest
from cmarkgfm.cmark import Options
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ml_ci.report.own_markdown import safe
from ml_ci.report.presentation import Picture
from ml_ci.result import OwnReport
from tests.render.github_markdown import text_of, to_html

PICTURES = {"plots/a.png": Picture(title="", alt="", url="https://github.test/o/r/raw/b/images/1.png", width=800)}
ALLOWED = frozenset(
    "a b blockquote br code dd del details div dl dt em h4 h5 h6 hr i img ins kbd li ol p pre q s samp span strong sub "
    "summary sup table tbody td tfoot th thead tr ul var".split()
)


def shown(text: str) -> str:
    return to_html(safe(OwnReport(path="report.md", text=text), PICTURES))


# -- what stays


def test_structure_stays() -> None:
    text = "- a\n  1. b\n\n| x | y |\n|--:|---|\n| 1 | *2* |\n\n> quoted\n\n`code` ~~gone~~\n\n---\n"
    found = shown(text)
    assert "<li>a\n" in found or "<li>a <ol> <li>b</li>" in found
    assert '<th align="right">x</th>' in found
    assert "<td><em>2</em></td>" in found
    assert re.search(r"<blockquote>\s*<p>quoted</p>\s*</blockquote>", found)
    assert "<code>code</code> <del>gone</del>" in found
    assert "<hr>" in found


def test_headings_are_not_larger_than_the_comments_own_and_keep_their_order() -> None:
    assert re.findall(r"<(h\d)>(\w)", shown("# a\n## b\n### c\n#### d\n")) == [
        ("h4", "a"),
        ("h5", "b"),
        ("h6", "c"),
        ("h6", "d"),
    ]
    assert re.findall(r"<(h\d)>", shown("## a\n### b\n")) == ["h4", "h5"]
    assert re.findall(r"<(h\d)>", shown("##### a\n")) == ["h5"]


def test_what_is_folded_stays_folded_with_markdown_in_it() -> None:
    found = shown("<details open><summary>More</summary>\n\n- **a**\n\n```mermaid\npie\n\n  x: 1\n```\n\n</details>\n")
    assert re.search(r"<details[^>]*><summary>More</summary>\s*<ul>\s*<li><strong>a</strong></li>", found)
    assert re.search(r'<pre lang="mermaid"><code>pie\n\n  x: 1\n</code></pre>\s*(<div></div>)?</details>', found)


def test_a_diagram_is_a_fence_that_github_draws() -> None:
    assert "\n```mermaid\ngraph TD;\n\nA-->B\n```" in safe(
        OwnReport(path="r.md", text="```mermaid\ngraph TD;\n\nA-->B\n```"), {}
    )


def test_code_that_holds_a_fence_stays_whole() -> None:
    found = shown("````python\n```\n<!-- x -->\n\n@a\n```\n````\n")
    assert '<pre lang="python"><code>```\n&lt;!-- x --&gt;\n\n@a\n```\n</code></pre>' in found


def test_code_without_a_language_keeps_its_lines() -> None:
    found = shown("- a\n\n      x\n\n        y\n\n```\n1\n\n2\n```\n")
    assert "<pre><code>x\n\n  y\n</code></pre>" in found
    assert "<pre><code>1\n\n2\n</code></pre>" in found


def test_tasks_are_ticks_that_nobody_can_tick() -> None:
    found = shown("- [x] done\n- [ ] open\n")
    assert "<li>☑ done</li>" in found
    assert "<li>☐ open</li>" in found


def test_an_alert_is_one() -> None:
    found = shown("> [!WARNING]\n> Mind *this*.\n>\n> - and this\n")
    assert 'class="markdown-alert markdown-alert-warning"' in found
    assert "Mind <em>this</em>." in found
    assert "<li>and this</li>" in found


def test_links_to_pages_and_to_other_files_are_left_alone() -> None:
    found = shown("[a](https://example.com/x?y=1) [b](data/other.csv) [c](mailto:a@b.c) https://example.com/z")
    for address in ("https://example.com/x?y=1", "data/other.csv", "mailto:a@b.c", "https://example.com/z"):
        assert f'href="{address}"' in found


def test_words_with_a_meaning_to_nobody_stay_words() -> None:
    text = "1234567 rows in 0.1234567 s, C and D: 50 % of a_b, faced, UTF-8 :+1: 2*3*4"
    assert "<code>" not in shown(text)


def test_an_empty_report_is_nothing() -> None:
    for text in ("", "\n\n", "<!-- nothing -->\n"):
        assert safe(OwnReport(path="r.md", text=text), {}) == ""


# -- images


def test_an_image_of_the_repository_has_its_published_address() -> None:
    found = shown('![An *ROC* curve](plots/a.png "Title") <img src="plots/a.png" width="300" onerror="x()">')
    url = "https://github.test/o/r/raw/b/images/1.png"
    assert f'<img src="{url}" alt="An ROC curve" title="Title">' in found
    assert f'<img src="{url}" alt="" width="300">' in found


def test_an_image_that_was_not_published_is_its_words() -> None:
    found = shown("![The @curve](plots/other.png)")
    assert "<img" not in found
    assert text_of(found).strip() == "(an image that is not shown: The @curve)"
    assert "<code>@curve</code>" in found


def test_an_image_on_the_web_stays_where_it_is() -> None:
    assert '<img src="https://example.com/badge.svg" alt="b">' in shown("![b](https://example.com/badge.svg)")


@pytest.mark.parametrize(
    "address", ["data:image/png;base64,AAAA", "javascript:alert(1)", "file:///etc/passwd", "//x/y"]
)
def test_an_image_from_nowhere_is_not_shown(address: str) -> None:
    assert "<img" not in shown(f'![a]({address}) <img src="{address}">')


# -- what goes


@pytest.mark.parametrize(
    "text",
    [
        "[a](javascript:alert(1))",
        "<a href='javascript:alert(1)'>a</a>",
        "[a](data:text/html,x)",
        "<a href=' java&#115;cript:alert(1)'>a</a>",
        "[a](vbscript:x)",
    ],
)
def test_links_that_do_something_go(text: str) -> None:
    assert "href" not in shown(text)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/o/r/issues/1", "https://github.com/o/r/pull/2#x", "https://ghe.example/o/r/commit/abc",
        "https://github.com/o/r/%69ssues/3", "//github.com/o/r/discussions/4",
    ],
)  # fmt: skip
def test_a_link_to_an_issue_would_be_noted_there_so_it_is_text(address: str) -> None:
    found = shown(f"see [this]({address})")
    assert "href" not in found
    assert text_of(found).strip() == f"see this ({address})"
    assert re.search(r"<code>.*</code>", found)


def test_a_marker_cannot_be_forged() -> None:
    text = "<!-- ml_ci: default -->\n\n<div><!-- ml_ci: other --></div> `<!-- ml_ci: -->`\n"
    assert "<!--" not in safe(OwnReport(path="r.md", text=text), {})


def test_a_report_that_no_parser_would_be_through_with_is_shown_as_it_was_written() -> None:
    for text in (
        ">" * 100_000,
        "<div>" * 30_000,
        "<b></x>" * 20_000,
        "|a" * 500 + "|\n" + "|-" * 500 + "|\n" + "|x\n" * 30_000,
    ):
        found = safe(OwnReport(path="r.md", text=text), {})
        assert found.startswith("```markdown\n")
        assert found.endswith("\n```")


def test_what_is_nested_deeper_than_anybody_reads_is_flat() -> None:
    found = by_github(">" * 500 + " deep @user")
    (place,) = (place for place, said in found.texts if "deep" in said)
    assert len(place) < 50


# -- whatever it holds

HOSTILE = (
    "@user", "@org/team", "a@b.c", "#1", "org/repo#1", "GH-1", "gh-2", "fixes #1", "deadbeef1", "me@deadbeef1",
    "https://github.com/o/r/issues/1", "www.x.y", "$x$", "$$\n", "<details>", "</details>", "<details><summary>", "<table>",
    "<table><tr><td>", "</td></tr></table>", "</div>", "</div></div>", "<div align=left>", "<pre>", "</pre>", "<pre lang=mermaid>",
    "<code>", "</code>", "```", "```mermaid\n", "````\n", "~~~\n", "`", "``", "<!--", "-->", "<!-- ml_ci:default -->", "<script>",
    "</script>", "<style>", "<textarea>", "<title>", "<plaintext>", "<xmp>", "<svg>", "<math>", "<iframe>", "<template>",
    "<select>", "<form>", "<input type=checkbox checked>", "<img src=x onerror=y>", "<img src=plots/a.png>", "<b>", "</b>", "<a href=x>",
    "</a>", "<p>", "</p>", "<h1>", "</h1>", "<span>", "</span>", "<foo>", "</foo>", "<br>", "<hr>", "<![CDATA[", "]]>", "<?", "?>",
    "<ul><li>", "</li></ul>", "<dl><dt>", "<summary>", "<button>", "<font>", "<center>", "<frameset>", "<body>", "<html>", "</body>",
    "\n", "\n\n", "\n\n\n", " ", "    ", "\t", "\r", "\r\n", "> ", "\n> [!NOTE]\n> ", "- ", "1. ", "- [x] ", "# ", "\n# a\n", "---\n",
    "===\n", "|", "| a | b |\n|---|---|\n", "\\", "*", "**", "_", "~~", "[", "](", ")", "![a](plots/a.png)", "[a]: http://x\n", "[^1]",
    "&#64;user", "&lt;script&gt;", "&#35;1", "&", "&nbsp;", "\u202e", "\u200b", "\u200d", "\u2028", "\x85", "\x0c", "\x00", "🎉", "<", ">", "\"", "'",
    "a", "1", "word ", "x=\"", "\ufeff",
)  # fmt: skip
REPORTS = st.one_of(
    st.lists(st.sampled_from(HOSTILE), max_size=25).map("".join),
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5)), max_size=15).map("".join),
    st.text(max_size=200),
)
BEFORE, AFTER = "before **it**", "after **it**"


@dataclass
class _Rendered(HTMLParser):
    """The rendered tree as a list: each text with the elements that it is in. It knows of none that closes by itself."""

    texts: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    elements: set[str] = field(default_factory=set)
    addresses: list[str] = field(default_factory=list)
    comments: int = 0
    unbalanced: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("br", "hr", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.elements.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data))

    def handle_comment(self, data: str) -> None:
        del data
        self.comments += 1


def rendered(markup: str) -> _Rendered:
    reader = _Rendered()
    reader.feed(markup)
    reader.close()
    return reader


def by_github(text: str) -> _Rendered:
    """What GitHub's parser makes of a comment with the report in it, before anything is taken out of it."""
    own = safe(OwnReport(path="report.md", text=text), PICTURES)
    whole = f"{BEFORE}\n\n{own}\n\n{AFTER}"
    return rendered(cmarkgfm.github_flavored_markdown_to_html(whole, Options.CMARK_OPT_UNSAFE))


def in_a_browser(text: str) -> _Rendered:
    """What a browser's parser makes of that."""
    own = safe(OwnReport(path="report.md", text=text), PICTURES)
    whole = cmarkgfm.github_flavored_markdown_to_html(f"{BEFORE}\n\n{own}\n\n{AFTER}", Options.CMARK_OPT_UNSAFE)
    attributes = {tag: {"href", "src", "lang"} - {"href" if tag != "a" else "lang"} for tag in ALLOWED}
    return rendered(nh3.clean(whole, tags=set(ALLOWED) | {"h1", "h2", "h3"}, attributes=attributes))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
@example("<details>")
@example("```mermaid\n<details>")
@example("<details><summary>a\n\n```x\ny\n```\n\nb")
@example("@<foo></foo>user #<span></span>1")
@example("<div>" * 60 + "@user")
@example("<pre lang=x>```\n\n&#13;````</pre>")
@example("```x\ny\n```\n<span>\n*b*\n")
@example("> [!NOTE] a\n> ```x\n> b")
def test_what_stands_around_a_report_stands_there_whatever_it_holds(text: str) -> None:
    for found in (by_github(text), in_a_browser(text)):
        assert found.unbalanced == []
        assert found.open == []
        assert [part for part in found.texts[:2] if part[1].strip()] == [(("p",), "before "), (("p", "strong"), "it")]
        last = [part for part in found.texts if part[1].strip()][-2:]
        assert last == [(("p",), "after "), (("p", "strong"), "it")]
        assert found.comments == 0
        assert found.elements <= ALLOWED


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
@example("@<b></b>user @<foo></foo>user &#64;user")
@example("<div>" * 60 + "@</div>user")
@example("`@a` [@b](x) **@c** ~~@d~~ <p>@e\n\n- @f\n# @g\n> @h")
def test_nobody_is_mentioned_and_nothing_is_referred_to(text: str) -> None:
    found = by_github(text)
    for place, said in found.texts:
        if not {"code", "pre"} & set(place):
            assert not re.search(r"@|#\w|\bGH-\d|\$|\b(?=\d*[a-f])[0-9a-f]{7,40}\b", said, re.IGNORECASE), (place, said)
            assert "a" in place or not re.search(r"://|www\.", said), (place, said)
    for address in found.addresses:
        assert re.match(r"https?://|mailto:|(?![a-z][a-z0-9+.-]*:)", address.strip(), re.IGNORECASE), address
        assert "/issues/" not in address


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(alphabet="abcdefgh xyz,.", min_size=1, max_size=20), min_size=1, max_size=8))
def test_plain_words_are_all_there(paragraphs: list[str]) -> None:
    assert " ".join(text_of(shown("\n\n".join(paragraphs))).split()) == " ".join(" ".join(paragraphs).split())
