"""DVC's plots as pictures: what each template draws, what is said of it, and data that nobody would like to draw."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_ci.data_plots import DataPlot, Series, Template
from ml_ci.records import read_record, write_record
from ml_ci.report.plots.drawing import draw
from ml_ci.report.plots.dvc import draw_dvc_plots
from ml_ci.report.plots.loess import smoothed
from ml_ci.report.presentation import Plot
from ml_ci.result import Result
from tests.runs import BASE, result, run

HIDDEN = "a\u202eb\u200b\n<b>|`$x$"


def series(y: Sequence[float], x: Sequence[float] = (), name: str = "loss") -> Series:
    """A line whose x are 0, 1, … unless they are given."""
    return Series(name=name, x=tuple(x or map(float, range(len(y)))), y=tuple(y))


def plotted(
    template: Template, *found: Series, name: str = "plot", title: str = "", x: str = "step", y: str = "loss"
) -> DataPlot:
    """A plot of these series."""
    return DataPlot(name=name, template=template, title=title or name, x_label=x, y_label=y, series=found)


def bars(**lengths: float) -> Series:
    """A bar for each name."""
    return Series(
        name="name", x=tuple(lengths.values()), y=tuple(map(float, range(len(lengths)))), y_names=tuple(lengths)
    )


def matrix(*pairs: tuple[str, str, int], template: Template = "confusion", **labels: str) -> DataPlot:
    """A confusion matrix of pairs of (x, y) and how often each is there."""
    x_names, y_names = (tuple(dict.fromkeys(pair[axis] for pair in pairs)) for axis in range(2))
    found = Series(
        name="predicted",
        x=tuple(float(x_names.index(str(x))) for x, _, _ in pairs),
        y=tuple(float(y_names.index(str(y))) for _, y, _ in pairs),
        x_names=tuple(map(str, x_names)),
        y_names=tuple(map(str, y_names)),
    )
    plot = plotted(template, found, **{"x": "actual", "y": "predicted", **labels})
    return replace(plot, weights=tuple(count for _, _, count in pairs))


def compared(base: Sequence[DataPlot] | None, head: Sequence[DataPlot]) -> Result:
    """The result of two runs with these plots; None for no base."""
    of_base = replace(run(BASE, accuracy=0.9), plots=tuple(base)) if base is not None else None
    return result(of_base, replace(run(accuracy=0.9), plots=tuple(head)))


def drawn(folder: Path, base: Sequence[DataPlot] | None, head: Sequence[DataPlot]) -> tuple[Plot, ...]:
    """The pictures, without a word on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return draw_dvc_plots(compared(base, head), folder)


def is_head_in(picture: Plot) -> bool:
    """Whether there is blue in the picture, which is head's alone; base's grey is that of an axis, too."""
    pixels = np.asarray(Image.open(picture.path).convert("RGB")).reshape(-1, 3).astype(int)
    return bool((pixels[:, 2] - pixels[:, 0] > 60).sum() > 30)


# -- what is drawn


@pytest.mark.parametrize("template", ["linear", "simple", "smooth", "scatter"])
def test_base_and_head_are_in_one_picture_for_light_and_dark_pages(tmp_path: Path, template: Template) -> None:
    base, head = (plotted(template, series([value + n % 3 for n in range(50)])) for value in (5.0, 1.0))
    (picture,) = drawn(tmp_path, [base], [head])
    both = picture.path.read_bytes()
    assert is_head_in(picture)
    assert picture.dark is not None
    for file in picture.files:
        with Image.open(file) as image:
            assert image.width == 1200
    assert (picture.title, picture.width) == ("plot", 800)
    assert drawn(tmp_path, [plotted(template)], [head])[0].path.read_bytes() != both


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        (None, True, "head only."),
        (False, True, "head only, base has none."),
        (True, False, "base only, head has none."),
    ],
)
@pytest.mark.parametrize("template", ["linear", "scatter", "bar_horizontal"])
def test_a_plot_that_only_one_side_has_says_so(
    tmp_path: Path, template: Template, base: bool | None, head: bool, said: str
) -> None:
    plot = plotted(template, bars(a=1.0, b=2.0) if template == "bar_horizontal" else series([1.0, 2.0, 1.5]))
    of_base = None if base is None else [plot] * base
    (picture,) = drawn(tmp_path, of_base, [plot] * head)
    assert is_head_in(picture) == head
    assert said in picture.alt


def test_the_words_hold_title_labels_series_and_last_values(tmp_path: Path) -> None:
    base = plotted("linear", series([2.0, 0.5], name="train"), series([3.0, 0.75], name="test"), title="Losses")
    head = plotted("linear", series([2.0, 0.25], name="train"), series([3.0, 0.5], name="test"), title="Losses")
    (picture,) = drawn(tmp_path, [base], [head])
    assert picture.alt == (
        "DVC's plot Losses: loss by step, base grey and dashed, head blue and solid. "
        "train 0.50 → 0.25; test 0.75 → 0.50."
    )


def test_where_x_is_no_step_the_words_say_between_what_values_a_line_lies(tmp_path: Path) -> None:
    curve = plotted("simple", series([0.0, 0.75, 1.0], [0.0, 0.25, 1.0]), x="False Positive Rate", y="tpr")
    (picture,) = drawn(tmp_path, [curve], [curve])
    assert "base 0 to 1, head 0 to 1" in picture.alt


def test_dvclives_metrics_are_panels_of_one_figure_and_others_have_their_own(tmp_path: Path) -> None:
    names = [f"dvclive/plots/metrics/{name}.tsv" for name in ("train/loss", "train/acc", "eval/loss", "lr")]
    plots = [plotted("linear", series([1.0, 2.0]), name=name) for name in names]
    roc = plotted("simple", series([0.0, 1.0]), name="dvclive/plots/sklearn/roc.json", title="ROC", x="fpr")
    sheet, other = drawn(tmp_path, plots[:3], [*plots[:2], roc, plots[3]])
    assert sheet.title == "DVC's plots of dvclive/plots/metrics"
    assert "train/loss 2 → 2; train/acc 2 → 2; lr — → 2" in sheet.alt
    assert "eval/loss 2 → — (base only, head has none)." in sheet.alt
    assert other.title == "ROC"


def test_more_than_12_lines_of_a_folder_are_several_figures(tmp_path: Path) -> None:
    plots = [plotted("linear", series([1.0, 2.0]), name=f"live/{n}.csv") for n in range(30)]
    assert len(drawn(tmp_path, plots, plots)) == 3


def test_names_on_x_meet_though_the_sides_have_others(tmp_path: Path) -> None:
    base = plotted("linear", Series(name="v", x=(0.0, 1.0), y=(1.0, 2.0), x_names=("May", "June")), x="month")
    head = plotted("linear", Series(name="v", x=(0.0, 1.0), y=(2.0, 3.0), x_names=("June", "July")), x="month")
    (picture,) = drawn(tmp_path, [base], [head])
    assert "base 1 to 2, head 2 to 3" in picture.alt


def test_bars_say_the_longest_first_and_both_values(tmp_path: Path) -> None:
    base, head = (plotted("bar_horizontal", bars(a=a, b=-3.0, c=1.0), x="gain", y="feature") for a in (1.5, 2.5))
    (picture,) = drawn(tmp_path, [base], [head])
    assert "The longest: b −3 → −3; a 1.5 → 2.5; c 1 → 1." in picture.alt
    assert is_head_in(picture)


def test_a_plot_whose_kind_changed_is_drawn_as_head_has_it(tmp_path: Path) -> None:
    (picture,) = drawn(tmp_path, [plotted("bar_horizontal", bars(a=1.0))], [plotted("linear", series([1.0, 2.0]))])
    assert "head only, since base has another kind of plot" in picture.alt


# -- confusion matrices


def test_a_confusion_matrix_is_drawn_for_both_sides_with_the_difference(tmp_path: Path) -> None:
    base = matrix(("cat", "cat", 50), ("cat", "dog", 10), ("dog", "dog", 40))
    head = matrix(("cat", "cat", 42), ("cat", "dog", 18), ("dog", "dog", 38), ("dog", "cat", 2))
    (picture,) = drawn(tmp_path, [base], [head])
    # of 100 examples 90 were right, and now 80
    assert picture.alt == (
        "DVC's confusion matrix plot, base, head and the difference: 2 classes, rows are actual and columns predicted. "
        "Share of pairs of the same class: 90.0% → 80.0%. Largest changes: cat / dog: 10 → 18; dog / cat: 0 → 2."
    )
    assert is_head_in(picture)


@pytest.mark.parametrize(
    ("x", "y", "rows"),
    [
        ("actual", "predicted", "rows are actual and columns predicted"),
        ("True Label", "Predicted Label", "rows are True Label and columns Predicted Label"),
        ("y_pred", "y_true", "rows are y_true and columns y_pred"),
        ("a", "b", "rows are b and columns a"),
    ],
)
def test_true_classes_are_in_rows_where_the_labels_tell(tmp_path: Path, x: str, y: str, rows: str) -> None:
    (picture,) = drawn(tmp_path, None, [matrix(("cat", "dog", 1), ("dog", "dog", 2), x=x, y=y)])
    assert rows in picture.alt


@pytest.mark.parametrize("of_base", [True, False])
def test_a_confusion_matrix_of_one_side_says_so(tmp_path: Path, of_base: bool) -> None:
    plot = matrix(("cat", "dog", 3), ("dog", "dog", 2))
    (picture,) = drawn(tmp_path, [plot] * of_base, [plot] * (not of_base))
    assert ("base only, head has none" if of_base else "head only, base has none") in picture.alt
    assert "Most frequent mistakes: cat / dog: 3." in picture.alt


# -- data that nobody would like to draw

LONG = "n" * 300
ODD: dict[str, DataPlot] = {
    "one point": plotted("linear", series([3.0])),
    "one point as a cloud": plotted("scatter", series([3.0])),
    "gaps": plotted("linear", series([1.0, math.nan, 2.0, math.nan])),
    "nothing": plotted("linear", series([])),
    "an empty cloud": plotted("scatter", series([])),
    "all NaN": plotted("smooth", series([math.nan] * 100)),
    "all equal": plotted("smooth", series([2.0] * 100)),
    "12 decades": plotted("linear", series([10.0**n for n in range(-6, 7)])),
    "12 decades as a cloud": plotted("scatter", series([10.0**n for n in range(-6, 7)])),
    "negative": plotted("simple", series([-3.0, -2.0, -5.0], [-1e9, 0.0, 1e12])),
    "huge": plotted("linear", series([1e308, -1e308, 0.0], [0.0, 1e308, -1e308])),
    "huge smooth": plotted("smooth", series([1e299 * (-1) ** n for n in range(100)])),
    "tiny": plotted("linear", series([1e-320, 2e-320])),
    "same x": plotted("smooth", series([float(n) for n in range(100)], [1.0] * 100)),
    "long names": plotted("linear", series([1.0, 2.0], name=LONG), name=LONG, title=LONG, x=LONG, y=LONG),
    "hidden characters": plotted("simple", series([1.0], name=HIDDEN), name=HIDDEN, title=HIDDEN, x=HIDDEN, y=HIDDEN),
    "20 series": plotted("linear", *(series([1.0, float(n)], name=f"s{n}") for n in range(20)), y="y"),
    "20 clouds": plotted("scatter", *(series([1.0, float(n)], name=f"s{n}") for n in range(20)), y="y"),
    "200 bars": plotted("bar_horizontal_sorted", bars(**{f"{LONG}{n}": math.sin(n) for n in range(200)})),
    "bars of nothing": plotted("bar_horizontal", bars(a=0.0, b=math.nan)),
    "no bars": plotted("bar_horizontal", bars()),
    "huge bars": plotted("bar_horizontal", bars(a=1e308, b=-1e299)),
    "200 classes": matrix(*((f"c{n}", f"c{(n * 7) % 200}", n + 1) for n in range(200))),
    "one class": matrix((LONG, LONG, 1)),
    "hidden classes": matrix((HIDDEN, "x", 1), ("x", HIDDEN, 10**15), template="confusion_normalized"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_data_is_drawn_or_left_out_and_never_an_error(tmp_path: Path, case: str) -> None:
    plot = ODD[case]
    pictures = drawn(tmp_path, [plot], [plot])
    for picture in pictures:
        with Image.open(picture.path) as image:
            assert image.height < 1500
        assert len(picture.alt) <= 600
        assert not {"\u202e", "\u200b", "\n"} & set(picture.alt + picture.title)


def test_what_is_kept_in_a_record_is_drawn_the_same(tmp_path: Path) -> None:
    before = compared(None, list(ODD.values()))
    assert before.head is not None
    after = replace(before, head=read_record(write_record(before.head), "the record"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = draw_dvc_plots(before, tmp_path / "a"), draw_dvc_plots(after, tmp_path / "b")
    assert [plot.path.read_bytes() for plot in first] == [plot.path.read_bytes() for plot in second]


def test_a_report_has_them_after_its_own_plots_under_names_of_their_own(tmp_path: Path) -> None:
    plots = [plotted("linear", series([1.0, 2.0]), name=f"{n}.csv") for n in range(5)]
    drawing = draw(compared(plots, plots), tmp_path)
    assert drawing.warnings == ()
    assert [plot.name for plot in drawing.plots][-5:] == [f"dvc-{n}" for n in range(1, 6)]


@pytest.mark.parametrize("case", ["20 series", "20 clouds", "200 bars", "200 classes", "huge smooth"])
def test_the_largest_figures_take_a_quarter_of_a_second(tmp_path: Path, case: str) -> None:
    drawn(tmp_path, [ODD[case]], [ODD[case]])
    spent = []
    for _ in range(3):
        begin = time.process_time()
        drawn(tmp_path, [ODD[case]], [ODD[case]])
        spent.append(time.process_time() - begin)
    # twice that, for a machine that has other things to do
    assert min(spent) < 0.5


# -- smoothing


def test_loess_is_the_weighted_line_of_the_nearest_points() -> None:
    generator = np.random.default_rng(3)
    x = np.sort(generator.uniform(0, 10, 60))
    y = np.sin(x) + generator.normal(0, 0.2, 60)
    found = smoothed(x, y, bandwidth=0.25)
    # away from the ends, where the nearest points are as many to the left as to the right
    for place in (20, 31, 40):
        near = slice(place - 7, place + 8)
        reach = np.abs(x[near] - x[place]).max()
        weights = (1 - (np.abs(x[near] - x[place]) / reach) ** 3) ** 3
        line = np.polynomial.Polynomial.fit(x[near], y[near], 1, w=np.sqrt(weights))
        assert found[place] == pytest.approx(line(x[place]), rel=1e-6)


def test_what_is_smooth_stays_as_it_is_and_gaps_stay_gaps() -> None:
    x = np.linspace(0, 1, 100)
    y = 3 * x + 1
    y[40] = np.nan
    found = smoothed(x, y)
    assert np.isnan(found[40])
    assert found[~np.isnan(y)] == pytest.approx(y[~np.isnan(y)])
