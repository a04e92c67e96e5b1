"""Plots: what is drawn, what its words are, and what a broken picture does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image

from ml_ci.records import Run
from ml_ci.report.plots.drawing import draw
from tests.runs import BASE, decided, judged, part, result, rule, run


def test_curves_are_one_figure_with_gated_metrics_first_and_numbers_in_words(tmp_path: Path) -> None:
    base, head = (
        run(BASE, accuracy=[0.5, 0.9], loss=[3, 2, 1], f1=0.5),
        run(accuracy=[0.5, 0.95], loss=[3, 2, 1.5], f1=0.6),
    )
    (plot,) = draw(result(base, head, rule("loss", "lower", max=2)), tmp_path).plots
    assert "Final values: loss 1.0 → 1.5; accuracy 0.90 → 0.95." in plot.alt
    assert "f1" not in plot.alt
    with Image.open(plot.path) as image:
        assert image.format == "PNG"
        assert image.width >= 800


def test_without_a_curve_there_is_no_figure(tmp_path: Path) -> None:
    assert draw(result(run(BASE, f1=0.5), run(f1=0.6)), tmp_path).plots == ()


def test_only_twelve_curves_are_drawn_and_the_rest_is_counted(tmp_path: Path) -> None:
    head = run(metrics={f"m{n:02}": [1, 2] for n in range(15)})
    (plot,) = draw(result(None, head), tmp_path).plots
    assert "m11 2." in plot.alt
    assert "3 more have curves that are not drawn." in plot.alt


@pytest.mark.parametrize(
    "values",
    [[1.0, float("nan"), 2.0], [float("nan")] * 3, [1.0, float("inf")], [1.0, 1.797e308], [0.0, 0.0], [1e-9, 1e9]],
)
def test_a_curve_of_any_values_is_drawn(tmp_path: Path, values: list[float]) -> None:
    assert len(draw(result(run(BASE, loss=[3, 2, 1]), run(loss=values)), tmp_path).plots) == 1


@pytest.mark.parametrize("name", ["$x^$", "a\nb", "\u202eevil", "数据"])
def test_any_name_is_drawn_as_it_is(tmp_path: Path, name: str) -> None:
    assert len(draw(result(None, run(metrics={name: [1, 2]})), tmp_path).plots) == 1


FOUND = result(run(BASE, accuracy=0.95), run(accuracy=0.945))


def test_the_forest_says_in_words_what_it_shows(tmp_path: Path) -> None:
    accuracy = judged("accuracy", 0.95, 0.945, "inconclusive", (-0.014, 0.004))
    loss = judged("loss", 1.0, 1.1, "pass", margin=0.2, direction="lower")
    north = part("north", 412, 0.95, 0.88, "fail", margin=0.03)
    (plot,) = draw(decided(FOUND, "fail", accuracy, loss, slices=[north]), tmp_path).plots
    alt = plot.alt.replace("\u00a0", " ")
    assert "for 2 gated metrics and 1 slice, worse to the left" in alt
    assert "accuracy −0.005 [−0.014, +0.004], allowed 0.005: inconclusive; loss +0.1, allowed 0.2: pass" in alt
    assert "region = north (412) −0.07 [−0.09, −0.05], allowed 0.03: fail." in alt


def test_the_forest_has_the_digits_of_the_tables(tmp_path: Path) -> None:
    """The half of an interval that is 0.212 wide knows two decimals of a difference of 0.1353."""
    loss = judged("loss", 0.1351, 0.2704, "fail", (0.037, 0.249), margin=0.01, direction="lower")
    (plot,) = draw(decided(FOUND, "fail", loss), tmp_path).plots
    assert "loss +0.14 [+0.037, +0.249]" in plot.alt.replace("\u00a0", " ")


def test_two_numbers_make_no_forest(tmp_path: Path) -> None:
    assert draw(decided(FOUND, "pass", judged("loss", 1.0, 1.1, "pass")), tmp_path).plots == ()


def test_of_many_slices_the_ten_worst_are_in_the_forest(tmp_path: Path) -> None:
    slices = [part(f"s{n}", 90, 0.9, 0.9) for n in range(30)] + [part("bad", 90, 0.9, 0.5, "fail", margin=0.1)]
    (plot,) = draw(decided(FOUND, "fail", slices=slices), tmp_path).plots
    assert "21 more slices not drawn." in plot.alt
    assert plot.alt.index("region = bad") < plot.alt.index("region = s0")
    with Image.open(plot.path) as image:
        assert image.width == 1200


@pytest.mark.parametrize(
    ("interval", "margin"),
    [
        ((0.0, 0.0), 0.0),
        ((-math.inf, math.inf), 0.0),
        ((-math.inf, 0.1), 0.005),
        ((-1e300, 1e300), 1e-300),
        ((-1e-300, 1e-300), 1.0),
        ((-0.5, -0.4), 0.001),
    ],
)
def test_any_interval_is_drawn(tmp_path: Path, interval: tuple[float, float], margin: float) -> None:
    found = decided(FOUND, "inconclusive", judged("accuracy", 0.95, 0.945, "inconclusive", interval, margin=margin))
    assert [plot.name for plot in draw(found, tmp_path).plots] == ["forest"]


def test_worse_is_to_the_left_whichever_direction_is_better() -> None:
    """A loss that rose stands where an accuracy that fell does, and its limit, too."""
    from ml_ci.report.plots.forest import _mark, _metric_row

    rows = [
        _metric_row(judged("accuracy", 0.9, 0.8, "fail", (-0.2, 0.0), margin=0.05)),
        _metric_row(judged("loss", 0.8, 0.9, "fail", (0.0, 0.2), margin=0.05, direction="lower")),
    ]
    marks = [_mark(row, [row]) for row in rows if row]
    assert [(mark.change, mark.interval, mark.limit) for mark in marks] == [(-2.0, (-4.0, 0.0), -1.0)] * 2


def picture(path: Path, size: tuple[int, int], colour: str) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def with_image(commit: str, sha256: str) -> Run:
    return run(commit, f1=0.5, images={"plots/matrix.png": sha256})


def test_trainings_own_images_stand_side_by_side(tmp_path: Path) -> None:
    images = {"b": picture(tmp_path / "b.png", (200, 100), "red"), "h": picture(tmp_path / "h.png", (200, 100), "blue")}
    (plot,) = draw(result(with_image(BASE, "b"), with_image("1" * 40, "h"), images=images), tmp_path).plots
    assert "plots/matrix.png" in plot.alt
    with Image.open(plot.path) as sheet:
        height = sheet.height - 20
        assert sheet.getpixel((20, height)) == (255, 0, 0, 255)
        assert sheet.getpixel((sheet.width - 20, height)) == (0, 0, 255, 255)


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117"])
def test_what_is_written_above_them_is_read_on_light_pages_and_on_dark_ones(tmp_path: Path, page: str) -> None:
    """By the contrast of WCAG 2, 1.4.3: at least 3 for letters as large as these. The picture itself is not touched."""
    images = {"h": picture(tmp_path / "h.png", (200, 100), "blue")}
    (plot,) = draw(result(run(BASE, f1=0.5), with_image("1" * 40, "h"), images=images), tmp_path).plots
    with Image.open(plot.path) as sheet:
        shown = Image.new("RGBA", sheet.size, page)
        shown.alpha_composite(sheet)
    ground = luminance(shown.getpixel((sheet.width // 2, 2)))
    letters = [luminance(shown.getpixel((x, y))) for x in range(60) for y in range(30)]
    assert max(contrast(ground, letter) for letter in letters) >= 3
    assert ground == luminance(shown.getpixel((190, 10)))
    assert shown.getpixel((sheet.width - 20, sheet.height - 20)) == (0, 0, 255, 255)


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(pixel: object) -> float:
    """WCAG 2's relative luminance."""
    assert isinstance(pixel, tuple)
    parts = [value / 255 for value in pixel[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_an_image_that_only_head_has_stands_beside_an_empty_panel(tmp_path: Path) -> None:
    images = {"h": picture(tmp_path / "h.png", (200, 100), "blue")}
    drawing = draw(result(run(BASE, f1=0.5), with_image("1" * 40, "h"), images=images), tmp_path)
    assert (len(drawing.plots), drawing.warnings) == (1, ())


def test_a_broken_image_is_a_warning_and_the_others_are_drawn(tmp_path: Path) -> None:
    good, broken = picture(tmp_path / "g.png", (200, 100), "blue"), tmp_path / "x.png"
    broken.write_bytes(good.read_bytes()[:60])
    head = run(f1=0.5, images={"plots/a.png": "x", "plots/b.png": "g", "plots/c.svg": "s"})
    svg = tmp_path / "s.svg"
    svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    drawing = draw(result(None, head, images={"x": broken, "g": good, "s": svg}), tmp_path)
    assert [plot.title for plot in drawing.plots] == ["plots/b.png"]
    assert len(drawing.warnings) == 2
    assert "plots/a.png" in drawing.warnings[0]
    assert "is damaged" in drawing.warnings[0]
    assert "it is not one of PNG" in drawing.warnings[1]


def test_an_image_of_too_many_pixels_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    Image.new("1", (10_000, 5_000)).save(huge)
    drawing = draw(result(None, with_image("1" * 40, "h"), images={"h": huge}), tmp_path)
    assert drawing.warnings == (
        "The image plots/matrix.png cannot be shown: it has 10000 × 5000 pixels, which is too many.",
    )


def test_two_paths_that_look_alike_get_two_files(tmp_path: Path) -> None:
    images = {"h": picture(tmp_path / "h.png", (20, 10), "blue")}
    head = run(f1=0.5, images={"a/b.png": "h", "a-b.png": "h", "../a/b.png": "h"})
    plots = draw(result(None, head, images=images), tmp_path).plots
    assert len({plot.path for plot in plots}) == 3
    assert all(plot.path.parent == tmp_path for plot in plots)


def test_a_logarithms_ticks_are_numbers() -> None:
    import numpy as np
    from matplotlib.figure import Figure

    from ml_ci.report.plots.multiples import value_axis

    axes = Figure().subplots()
    value_axis(axes, np.array([1.0, 0.01, 0.0001]))
    assert [text.get_text() for text in axes.texts] == ["0.0001", "0.001", "0.01", "0.1", "1"]
