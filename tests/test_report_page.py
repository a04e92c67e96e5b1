"""report.html in a real browser: it is whole by itself, asks nothing of the network, and can be looked into."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ml_ci.records import Metric, Run
from ml_ci.report.page import Shown, render_models_page, render_page
from ml_ci.report.page_curves import MOST, POINTS, curves_json
from ml_ci.report.page_markdown import own_html
from ml_ci.report.plots.drawing import draw
from ml_ci.report.presentation import Plot, Presentation
from ml_ci.result import OwnReport, Result, Results
from tests.render.devtools import Page, a_page
from tests.render.samples import HOSTILE, PRESENTATION, samples
from tests.runs import BASE, decided, failed, judged, part, result, rule, run

KINDS = ("pass", "fail", "no-baseline", "training-failed", "nan", "300-metrics", "hostile", "sure-fail", "sure-slices")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """One Chromium for all tests of this file."""
    with a_page() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """Its page, on a light screen of a laptop."""
    browser.look()
    browser.errors.clear()
    return browser


def written(found: Result, folder: Path, presentation: Presentation = PRESENTATION) -> Path:
    """The page of a result, with its plots."""
    folder.mkdir(exist_ok=True, parents=True)
    drawing = draw(found, folder)
    file = folder / "report.html"
    file.write_text(render_page(found, presentation, drawing.plots, drawing.own), encoding="utf-8")
    return file


def plain(text: str, folder: Path) -> Path:
    """A page of this text."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


def cells(page: Page, table: str, column: int) -> list[str]:
    """What stands in a column, from top to bottom."""
    found = page.evaluate(
        f"Array.from(document.querySelector({table!r}).tBodies[0].rows, row => row.cells[{column}].textContent.trim())"
    )
    assert isinstance(found, list)
    return found


# --- whole by itself


@pytest.mark.parametrize("kind", KINDS)
def test_it_asks_nothing_of_the_network_and_its_scripts_run_without_a_complaint(
    page: Page, tmp_path: Path, kind: str
) -> None:
    file = written(samples(tmp_path)[kind], tmp_path / "out")
    page.open(file)

    assert [url for url in page.requests if not url.startswith(("data:image/png;base64,", file.as_uri()))] == []
    assert page.errors == []
    assert page.evaluate("document.documentElement.className") == "scripted"
    charts = page.evaluate("document.querySelectorAll('.chart').length")
    assert page.evaluate("document.querySelectorAll('.chart canvas').length") == charts
    assert page.evaluate("Array.from(document.images).every(image => image.complete && image.naturalWidth)") is True


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_phone_only_tables_scroll(page: Page, tmp_path: Path, kind: str) -> None:
    page.look(width=375, height=700)
    page.open(written(samples(tmp_path)[kind], tmp_path / "out"))
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_on_a_phone_a_plot_is_so_wide_that_its_letters_can_be_read(page: Page, tmp_path: Path) -> None:
    page.look(width=375, height=700)
    page.open(written(samples(tmp_path)["sure-fail"], tmp_path / "out"))
    assert page.evaluate("document.querySelector('figure:not(.still) img').offsetWidth") == 640


def test_without_a_gate_the_numbers_come_first(page: Page, tmp_path: Path) -> None:
    page.open(written(result(run(BASE, f1=0.5, loss=0.1), run(f1=0.6, loss=0.1), code=("train.py",)), tmp_path))
    text = str(page.evaluate("document.body.innerText"))
    assert (
        text.index("1 metric changed") < text.index("0.6") < text.index("What changed") < text.index("did not change")
    )


def test_names_of_10000_characters_leave_the_page_as_wide_as_it_is(page: Page, tmp_path: Path) -> None:
    long = "x" * 10_000
    base, head = run(BASE, metrics={long: [0.6, 0.7]}, params={long: long}), run(metrics={long: [0.5, 0.6]})
    file = written(replace(result(base, head, rule(long, regression=0.01)), key=long), tmp_path)
    for width in (375, 1000):
        page.look(width=width)
        page.open(file)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_policy_lets_no_other_script_run_and_nothing_be_fetched(page: Page, tmp_path: Path) -> None:
    text = written(samples(tmp_path)["pass"], tmp_path / "out").read_text(encoding="utf-8")
    injected = (
        "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
        "<script src='http://127.0.0.1:9/x.js'></script><img src='http://127.0.0.1:9/x.png'>"
        "<link rel=stylesheet href='http://127.0.0.1:9/x.css'><iframe src='http://127.0.0.1:9/'></iframe>"
        "<style>body{display:none}</style><p style='color:red' id=styled>x</p>"
    )
    page.open(plain(text.replace("<main>", f"<main>{injected}"), tmp_path))

    assert page.evaluate("document.title") != "hacked"
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    assert page.evaluate("getComputedStyle(document.getElementById('styled')).color") == "rgb(31, 35, 40)"
    assert any("Content Security Policy" in error for error in page.errors)
    with pytest.raises(AssertionError):
        page.evaluate("fetch('http://127.0.0.1:9/x')")


def test_foreign_text_is_text_also_in_the_data_of_the_curves(page: Page, tmp_path: Path) -> None:
    name = "</script><script>document.title='hacked'</script><!--<script>\u2028&amp;" + HOSTILE
    found = result(run(BASE, metrics={name: [1, 2]}), run(metrics={name: [2, 1]}), rule(name, regression=0.01))
    page.open(written(found, tmp_path))

    assert page.evaluate("document.title") == "Fail · ml-ci"
    shown = str(page.evaluate("document.querySelector('.chart h3').textContent"))
    assert shown.startswith("</script><script>document.title='hacked'</script><!--<script>⟨U+2028⟩&amp;a|b`c`<img")
    assert "\u202e" not in str(page.evaluate("document.body.textContent"))
    assert page.evaluate("document.querySelectorAll('img[src=x], a[href*=evil]').length") == 0
    assert page.errors == []


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and the data of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.data: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))
        if ("type", "application/json") in attrs:
            self.data.append("")

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        if self.data and self.found[-1] == ("script", "type"):
            self.data[-1] += data


def named(name: str, value: float, folder: Path) -> str:
    """A page on which everything that a repository can name has this name, and every number is this one."""
    base = run(BASE, metrics={name: [1, 2]}, params={name: "1"}, data={name: "ab"}, warnings=[name])
    head = run(metrics={name: [2, value], name + "+": 1}, params={name: name}, data={name: "cd"}, packages={name: name})
    found = result(base, head, rule(name, max=1e9), code=[name], warnings=[name + "!"])
    found = replace(found, key=name, report=None, timings={name: 1})
    found = decided(
        found,
        "fail",
        judged(name, 1, 2, "fail", (0.1, 0.2), said=name, notes=[name]),
        slices=[part(name, 100, 0.9, 0.5, "fail", metric=name, column=name), part(name, 1, outcome="too small")],
        reasons=[name, name + "?"],
    )
    return render_page(found, replace(PRESENTATION, reproduce=(name,)), still(folder))


TEXTS = st.text(min_size=1) | st.lists(st.sampled_from([*"<>&\"'/-!{}%#\\` \n", "</script>", "<!--", "-->", "]]>", "x", "{{", "}}", "{%", "\u2028", "<script", "&lt;"]), min_size=1).map("".join)  # fmt: skip
VALUES = st.floats() | st.sampled_from([1e-320, 1e308, math.inf, math.nan, -0.0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS, value=VALUES)
def test_whatever_stands_in_a_name_the_elements_are_those_of_the_template(
    tmp_path: Path, name: str, value: float
) -> None:
    expected, found = Elements(named("name", 3.0, tmp_path)), Elements(named(name, value, tmp_path))
    assert found.found == expected.found
    (data,) = found.data
    assert len(json.loads(data, parse_constant=pytest.fail)["charts"]) == 1


def test_it_says_who_it_is_to_a_screen_reader(page: Page, tmp_path: Path) -> None:
    page.open(written(samples(tmp_path)["sure-fail"], tmp_path / "out"))

    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("document.title") == "Fail · ml-ci"
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("Array.from(document.images).every(image => image.alt.length > 20)") is True
    assert page.evaluate("Array.from(document.querySelectorAll('table')).every(table => table.tHead)") is True
    label = page.evaluate("document.querySelector('.chart [role=img]').getAttribute('aria-label')")
    assert label == "accuracy by step: 0.9391 → 0.9509"


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", ["--ground", "--panel"])
@pytest.mark.parametrize("ink", ["--ink", "--soft", "--link", "--good", "--bad", "--unsure", "--warning"])
def test_text_stands_out_from_its_ground(page: Page, tmp_path: Path, ink: str, ground: str, dark: bool) -> None:
    page.look(dark=dark)
    page.open(plain(render_page(failed("No."), Presentation()), tmp_path))
    style = "getComputedStyle(document.documentElement)"
    light, deep = sorted(
        (luminance(str(page.evaluate(f"{style}.getPropertyValue('{name}')"))) for name in (ink, ground)), reverse=True
    )
    assert (light + 0.05) / (deep + 0.05) >= 4.5


# --- tables


NUMBERS = {"a": 4e-07, "b": -0.5, "c": 1000.0, "d": math.nan, "e": 9e-08, "f": 12_345_678.0, "g": -math.inf, "h": 0.25}


def test_a_click_sorts_by_value_and_what_is_no_number_comes_last(page: Page, tmp_path: Path) -> None:
    head = run(metrics=NUMBERS)
    page.open(written(result(run(BASE, metrics=dict.fromkeys([*NUMBERS, "gone"], 1.0)), head), tmp_path))
    click = "document.querySelectorAll('.result table th button')[2].click()"
    page.evaluate(click)

    rising = ["−Infinity", "−0.5", "9e-08", "4e-07", "0.25", "1000", "12345678"]
    assert cells(page, ".result table", 2) == [*rising, "NaN", "—"]
    sort = "Array.from(document.querySelectorAll('.result table th'), head => head.getAttribute('aria-sort'))"
    assert page.evaluate(sort) == [None, None, "ascending", None]

    page.evaluate(click)
    assert cells(page, ".result table", 2) == [*rising[::-1], "NaN", "—"]
    assert page.evaluate(sort) == [None, None, "descending", None]


def test_changes_and_intervals_sort_by_their_first_number_and_names_as_people_count(page: Page, tmp_path: Path) -> None:
    base = {f"layer_{n}": 1.0 for n in (10, 9, 1)}
    head = {"layer_10": 1.5, "layer_9": 0.2, "layer_1": 101.0}
    page.open(written(result(run(BASE, metrics=base), run(metrics=head)), tmp_path))
    page.evaluate("document.querySelectorAll('.result table th button')[3].click()")
    assert cells(page, ".result table", 0) == ["layer_9", "layer_10", "layer_1"]
    page.evaluate("document.querySelectorAll('.result table th button')[0].click()")
    assert cells(page, ".result table", 0) == ["layer_1", "layer_9", "layer_10"]


def test_a_table_is_sorted_by_the_keyboard_too(page: Page, tmp_path: Path) -> None:
    rules = [rule(name, regression=0.5) for name in "abc"]
    page.open(written(result(run(BASE, a=3, b=1, c=2), run(a=3, b=1, c=2), *rules), tmp_path))
    page.evaluate("document.querySelectorAll('.gate th button')[2].focus()")
    page.press("Enter", "Enter")
    assert cells(page, ".gate", 2) == ["1", "2", "3"]


def test_a_long_table_is_filtered_by_name(page: Page, tmp_path: Path) -> None:
    page.open(written(samples(tmp_path)["300-metrics"], tmp_path / "out"))
    page.evaluate(
        "(() => { const box = document.querySelector('input[type=search]'); box.value = 'LAYER_01';"
        " box.dispatchEvent(new Event('input')); })()"
    )
    table = "document.querySelector('input[type=search]').parentElement.querySelector('table')"
    assert page.evaluate(f"Array.from({table}.tBodies[0].rows).filter(row => !row.hidden).length") == 5


# --- curves


def test_the_values_under_the_pointer_are_shown_and_dragging_zooms(page: Page, tmp_path: Path) -> None:
    page.open(written(result(run(BASE, loss=[8, 4, 2, 1, 0.5]), run(loss=[6, 3, 1.5, 0.75, 4e-07])), tmp_path))
    page.evaluate("document.querySelector('.chart').scrollIntoView({block: 'center'})")
    box = page.evaluate("(({left, top, width, height}) => [left, top, width, height])"
                        "(document.querySelector('.u-over').getBoundingClientRect())")  # fmt: skip
    assert isinstance(box, list)
    left, top, width, height = box
    note = "document.querySelector('.chart p').textContent.replaceAll('\\u00a0', ' ')"
    assert page.evaluate(note) == "0.5 → 4e-07"

    page.mouse("mouseMoved", left + width / 2, top + height / 2)
    page.mouse("mouseMoved", left + width / 2 + 1, top + height / 2)
    assert page.evaluate(note) == "step 2 · base 2 · head 1.5"
    page.mouse("mouseMoved", left + width - 1, top + height / 2)
    assert page.evaluate(note) == "step 4 · base 0.5 · head 4.000e−7"

    axis = "document.querySelector('.chart canvas').toDataURL()"
    before = page.evaluate(axis)
    page.mouse("mousePressed", left + width * 0.1, top + 20, button="left", clickCount=1)
    page.mouse("mouseMoved", left + width * 0.6, top + 20, button="left", buttons=1)
    page.mouse("mouseReleased", left + width * 0.6, top + 20, button="left", clickCount=1)
    page.settle()
    assert page.evaluate(axis) != before
    page.mouse("mouseMoved", left + width - 1, top + height / 2)
    assert str(page.evaluate(note)).startswith("step 2 ")


def test_the_values_can_be_read_by_arrow_keys(page: Page, tmp_path: Path) -> None:
    page.open(written(result(run(BASE, loss=[8, 4, 2]), run(loss=[6, 3, 1.5])), tmp_path))
    page.evaluate("document.querySelector('.chart [role=img]').focus()")
    for _ in range(2):
        page.press("ArrowRight", "ArrowRight")
    note = "document.querySelector('.chart p').textContent.replaceAll('\\u00a0', ' ')"
    assert page.evaluate(note) == "step 1 · base 4 · head 3"


def test_a_side_without_a_value_at_a_step_shows_its_nearest_one(page: Page, tmp_path: Path) -> None:
    base = replace(run(BASE), metrics={"loss": Metric(value=1, history=((0, 5.0), (10, 1.0)))})
    head = replace(run(), metrics={"loss": Metric(value=2, history=((0, 4.0), (9, 2.0), (10, 1.5)))})
    page.open(written(result(base, head), tmp_path))
    page.evaluate("document.querySelector('.chart [role=img]').focus()")
    for _ in range(2):
        page.press("ArrowRight", "ArrowRight")
    note = "document.querySelector('.chart p').textContent.replaceAll('\\u00a0', ' ')"
    assert page.evaluate(note) == "step 9 · base 1 · head 2"


def pixels(page: Page, folder: Path) -> Image.Image:
    """The first chart, as it looks."""
    page.evaluate("document.querySelector('.chart').scrollIntoView({block: 'center'})")
    page.photograph(folder / "seen.png")
    box = page.evaluate("(({left, top, right, bottom}) => [left, top, right, bottom])"
                        "(document.querySelector('.chart canvas').getBoundingClientRect())")  # fmt: skip
    assert isinstance(box, list)
    return Image.open(folder / "seen.png").convert("RGB").crop(tuple(int(edge) for edge in box))  # type: ignore[arg-type]


def has(picture: Image.Image, color: str) -> bool:
    """Whether a pixel is of this colour."""
    wanted = tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
    return any(found == wanted for _, found in picture.getcolors(1 << 20) or [])


def test_the_colours_are_the_plots_own_and_change_with_the_scheme(page: Page, tmp_path: Path) -> None:
    page.open(written(result(run(BASE, loss=[1, 1, 2, 2]), run(loss=[3, 3, 4, 4])), tmp_path))
    light = pixels(page, tmp_path)
    assert (has(light, "#0072b2"), has(light, "#767676"), has(light, "#ffffff")) == (True, True, True)

    page.look(dark=True)
    page.settle()
    dark = pixels(page, tmp_path)
    assert (has(dark, "#56b4e9"), has(dark, "#9198a1"), has(dark, "#0d1117")) == (True, True, True)


def test_a_logarithmic_scale_is_a_click_away_also_where_a_value_is_0(page: Page, tmp_path: Path) -> None:
    page.open(written(result(run(BASE, loss=[1e6, 1e3, 1, 0]), run(loss=[1e6, 1e2, -1, 1e-6])), tmp_path))
    before = page.evaluate("document.querySelector('.chart canvas').toDataURL()")
    page.evaluate("document.querySelector('.curves input[type=checkbox]').click()")
    assert page.evaluate("document.querySelector('.chart canvas').toDataURL()") != before
    assert page.errors == []


DEGENERATE: dict[str, list[float]] = {
    "two points": [1, 2],
    "all equal": [0.3] * 50,
    "all NaN": [math.nan] * 5,
    "one finite": [math.nan, 3, math.nan],
    "infinite": [math.inf, 1, -math.inf],
    "stored infinity": [1.797e308, 2, -1.797e308],
    "negative": [-3, -2, -1],
    "twelve decades": [10.0 ** (n - 6) for n in range(13)],
    "tiny": [1e-320, 3e-320],
    "small differences": [1.0, 1.0 + 1e-15],
    "huge": [1e299, -1e299],
    "very large": [1e30, 2e30],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data_is_drawn_without_a_complaint(page: Page, tmp_path: Path, name: str) -> None:
    values = DEGENERATE[name]
    page.open(plain(render_page(result(run(BASE, m=values), run(m=values)), Presentation(), still(tmp_path)), tmp_path))
    assert page.evaluate("document.querySelectorAll('.chart canvas').length") == 1
    page.evaluate("document.querySelector('.curves input[type=checkbox]').click()")
    assert page.evaluate("document.querySelectorAll('.chart canvas').length") == 1
    assert page.errors == []


def still(folder: Path) -> list[Plot]:
    """The picture of the curves, without the time that it takes to draw it."""
    Image.new("RGB", (8, 8), "white").save(folder / "curves.png")
    return [Plot(name="curves", path=folder / "curves.png", title="Metrics by step", alt="Metrics", width=800)]


def curves(found: Result) -> dict[str, object]:
    """What the page's script is given."""
    document: dict[str, object] = json.loads(curves_json(found))
    return document


def lines(found: Result, side: str) -> dict[str, list[float | None]]:
    """The first chart's line of one side."""
    charts = curves(found)["charts"]
    assert isinstance(charts, list)
    line: dict[str, list[float | None]] = charts[0][side]
    return line


def test_of_many_metrics_the_gated_ones_come_first_then_those_that_moved() -> None:
    base, head = {f"m{n:03}": [1.0, 1.0] for n in range(100)}, {f"m{n:03}": [1.0, 1.0] for n in range(100)}
    head["m070"] = [1.0, 2.0]
    document = curves(result(run(BASE, metrics=base), run(metrics=head), rule("m099", regression=0.1)))
    charts = document["charts"]
    assert isinstance(charts, list)
    assert [chart["name"] for chart in charts[:3]] == ["m099", "m070", "m000"]
    assert (len(charts), document["left"]) == (MOST, 40)


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_spikes() -> None:
    values = [math.sin(n / 500) for n in range(100_000)]
    values[33_333], values[77_777] = 50.0, -50.0
    line = lines(result(run(BASE, loss=values), run(loss=values)), "head")
    assert len(line["x"]) <= POINTS
    assert (line["x"][0], line["x"][-1]) == (0, 99_999)
    assert {50.0, -50.0} <= set(line["y"])
    assert line["x"] == sorted(line["x"], key=lambda step: step or 0)


def seeds(*curves_: list[float]) -> Run:
    """A run of several trainings."""
    histories = tuple(tuple(enumerate(curve)) for curve in curves_)
    return replace(run(), metrics={"loss": Metric(value=1, history=histories[0], curves=histories)})


def test_several_trainings_are_their_mean_with_a_band() -> None:
    found = result(run(BASE, loss=[4, 4, 4]), seeds([3, 2, 1], [5, math.nan, 1], [4, 4, 4]))
    line = lines(found, "head")
    assert (line["y"], line["low"], line["high"]) == ([4, 3, 2], [3, 2, 1], [5, 4, 4])
    assert "low" not in lines(found, "base")
    assert "mean of 3 trainings" in str(curves(found)["band"])


def test_the_band_is_seen(page: Page, tmp_path: Path) -> None:
    found = result(seeds([1, 1, 1]), seeds([3, 3, 3], [9, 9, 9]))
    page.open(written(found, tmp_path))
    # a fifth of head's blue on white
    assert has(pixels(page, tmp_path), "#cce3f0")


# --- on paper, in the dark, without scripts


def display(page: Page, what: str) -> object:
    """How the first of these elements is laid out."""
    return page.evaluate(f"getComputedStyle(document.querySelector('{what}')).display")


def test_the_picture_of_the_curves_is_for_paper_and_for_where_no_script_runs(tmp_path: Path) -> None:
    file = written(samples(tmp_path)["pass"], tmp_path / "out")
    with a_page() as page:
        page.open(file)
        assert (display(page, ".still"), display(page, ".curves")) == ("none", "block")
        page.look(media="print")
        assert (display(page, ".still"), display(page, ".curves")) == ("block", "none")
        page.look()
        page.without_scripts()
        page.open(file)
        assert display(page, ".still") == "block"
        assert page.evaluate("document.querySelectorAll('button, .chart, input').length") == 0


def test_on_paper_everything_is_open_and_light(page: Page, tmp_path: Path) -> None:
    file = written(samples(tmp_path)["sure-fail"], tmp_path / "out")
    page.look(dark=True, media="print")
    page.open(file)
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    folded = page.evaluate(
        "Array.from(document.querySelectorAll('details:not([open])'), each => each.lastElementChild.offsetHeight)"
    )
    assert isinstance(folded, list)
    assert folded
    assert all(folded)


def test_an_alert_of_the_users_own_markdown_is_one_on_the_page_too() -> None:
    written = own_html(OwnReport(path="report.md", text="> [!WARNING]\n> Few rows.\n\nNot one: [!NOTE]\n"), {})

    assert "<b>Warning</b><br>Few rows." in written
    assert "Not one: [!NOTE]" in written


def test_on_a_dark_page_the_dark_pictures_are_shown(page: Page, tmp_path: Path) -> None:
    file = written(samples(tmp_path)["sure-fail"], tmp_path / "out")
    seen = []
    for dark in (False, True):
        page.look(dark=dark)
        page.open(file)
        seen.append(page.evaluate("document.querySelector('figure:not(.still) img').currentSrc"))
    assert seen[0] != seen[1]


# --- the repository's own Markdown


OWN = """# Results

| slice | accuracy |
|:--|--:|
| north | 0.9 |

![Our plot](plots/mine.png) ![far](https://example.org/x.png) [a file](notes.md) [site](https://example.org/a)
**bold** ~~old~~ `code`

<details><summary>More</summary>

inside

</details>

<script>document.title = "hacked"</script>
<img src="x" onerror="document.title = 'hacked'"> <img src="plots/mine.png" width="40" style="position:fixed">
<a href="javascript:document.title='hacked'">bad</a> <style>body { display: none }</style>
<form action="https://example.org"><input name=x></form> <iframe src="https://example.org"></iframe>
<base href="https://example.org"> <svg onload="document.title='hacked'"></svg> text \u202e hidden &#x202e;
"""


def owned(folder: Path) -> Path:
    """The page of a result with this Markdown."""
    image = folder / "mine.png"
    Image.new("RGB", (30, 20), "red").save(image)
    report = OwnReport(path="report.md", text=OWN, images={"plots/mine.png": image})
    return written(replace(samples(folder)["pass"], report=report), folder / "out")


def test_the_repositorys_own_markdown_looks_as_it_was_written(page: Page, tmp_path: Path) -> None:
    page.open(owned(tmp_path))
    text = str(page.evaluate("document.querySelector('.own').innerText"))
    assert page.evaluate("document.querySelector('.own h3').textContent") == "Results"
    assert page.evaluate("getComputedStyle(document.querySelectorAll('.own th')[1]).textAlign") == "right"
    assert page.evaluate("document.querySelector('.own details summary').textContent") == "More"
    assert page.evaluate("Array.from(document.querySelectorAll('.own img'), image => image.naturalWidth)") == [30, 30]
    assert page.evaluate("document.querySelector('.own img').alt") == "Our plot"
    assert "a file" in text


def test_it_runs_nothing_asks_for_nothing_and_hides_nothing(page: Page, tmp_path: Path) -> None:
    page.open(owned(tmp_path))
    assert page.evaluate("document.title") == "Pass · ml-ci"
    assert page.errors == []
    assert all(url.startswith(("file:", "data:image/png")) for url in page.requests)
    links = page.evaluate(
        "Array.from(document.querySelectorAll('.own a[href]'), link => [link.textContent, link.href])"
    )
    assert links == [["far", "https://example.org/x.png"], ["site", "https://example.org/a"]]
    elements = page.evaluate(
        "Array.from(new Set(Array.from(document.querySelectorAll('.own *'), e => e.localName))).sort()"
    )
    allowed = "a code del details div em h3 img p strong summary table tbody td th thead tr".split()
    assert isinstance(elements, list)
    assert set(elements) <= set(allowed)
    attributes = page.evaluate(
        "Array.from(new Set(Array.from(document.querySelectorAll('.own *')).flatMap(e => e.getAttributeNames()))).sort()"
    )
    assert attributes == ["align", "alt", "href", "rel", "src", "width"]
    assert "\u202e" not in str(page.evaluate("document.querySelector('.own').textContent"))


# --- several models


def test_several_models_have_a_row_each_and_a_link_opens_the_whole_of_one(page: Page, tmp_path: Path) -> None:
    kinds = samples(tmp_path)
    results = Results(key="default", results=(replace(kinds["pass"], key="churn"), replace(kinds["fail"], key=HOSTILE)))
    shown = []
    for number, found in enumerate(results.results):
        (tmp_path / str(number)).mkdir()
        drawing = draw(found, tmp_path / str(number))
        shown.append(Shown(result=found, plots=drawing.plots, own=drawing.own))
    page.open(plain(render_models_page(results, PRESENTATION, shown), tmp_path))

    assert str(page.evaluate("document.querySelector('h1').textContent")).startswith("❌ Fail: 1 of 2 models")
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert [name.split()[0] for name in cells(page, "table.models", 1)] == ["❌", "✅"]
    opened = "Array.from(document.querySelectorAll('details.model'), each => each.open)"
    assert page.evaluate(opened) == [True, False]
    page.evaluate("document.querySelectorAll('table.models a')[1].click()")
    page.settle()
    assert page.evaluate(opened) == [True, True]
    assert page.evaluate("document.querySelectorAll('.chart').length") == page.evaluate(
        "document.querySelectorAll('.chart canvas').length"
    )
    assert page.errors == []


# --- scale


def test_a_page_of_10000_metrics_500_images_and_1000_slices_stays_usable(page: Page, tmp_path: Path) -> None:
    history = tuple((step, 1 / (step + 1)) for step in range(10_000))
    metrics = {f"layer_{n}/norm": Metric(value=n / 7, history=history) for n in range(10_000)}
    moved = {name: replace(metric, value=metric.value * 1.01) for name, metric in metrics.items()}
    base, head = replace(run(BASE), metrics=metrics), replace(run(), metrics=moved)
    slices = [part(f"s{n}", 100 + n, 0.9, 0.85 + n / 1e5, half_width=0.03) for n in range(1000)]
    found = decided(result(base, head), "pass", judged("layer_1/norm", 0.1, 0.2, "pass", (0.01, 0.1)), slices=slices)
    plots = []
    for number in range(500):
        path = tmp_path / f"image-{number}.png"
        Image.effect_noise((200, 200), 100).save(path)
        plots.append(Plot(name=path.stem, path=path, title=f"plots/{number}.png", alt="noise", width=200))
    begin = time.process_time()
    text = render_page(found, PRESENTATION, [*still(tmp_path), *plots])
    seconds = time.process_time() - begin

    assert len(text.encode()) < 15_000_000
    assert seconds < 15
    page.open(plain(text, tmp_path))
    assert page.worked() < 10
    assert page.errors == []
    page.evaluate("document.querySelectorAll('details:has(table)').forEach(each => each.open = true)")
    page.evaluate(
        "Array.from(document.querySelectorAll('table')).find(t => t.rows.length > 9000).querySelectorAll('th button')[2].click()"
    )
    page.evaluate("document.body.offsetHeight")
    assert page.worked() < 20
    beside = page.evaluate("document.querySelectorAll('a[href^=\"plots/image-\"]').length")
    assert beside == 501 - page.evaluate("document.images.length")  # type: ignore[operator]


# --- the library that is shipped


def test_the_library_is_the_release_that_it_says_it_is() -> None:
    import hashlib

    folder = Path(render_page.__code__.co_filename).parent / "vendor"
    table = dict(
        re.findall(r"^\| `(uplot/[^`]+)` \| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE)
    )
    files = {path.relative_to(folder).as_posix(): path for path in (folder / "uplot").iterdir()}
    assert table.keys() == files.keys()
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == table
    # of the files in npm's uplot-1.6.32.tgz, whose SHA-512 is the one that the registry gives
    assert table["uplot/uPlot.iife.min.js"].startswith("19c8d4c6ad88929a")
    assert "(v1.6.32)" in files["uplot/uPlot.iife.min.js"].read_text().splitlines()[0]
    assert "MIT License" in files["uplot/LICENSE"].read_text()
