"""Every kind of plot from every kind of data that nobody would like to draw: drawn for both grounds, with words that fit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from ml_ci.compare.found import Material
from ml_ci.data_plots import DataPlot, Series, Template
from ml_ci.predictions import Predictions
from ml_ci.records import Metric, Past, Run
from ml_ci.report.escape import attribute
from ml_ci.report.plots.drawing import draw
from ml_ci.report.plots.forest import draw_forest
from ml_ci.result import Result
from tests.runs import BASE, HEAD, decided, judged, part, result, run


@dataclass(frozen=True)
class Data:
    """Numbers, and names of metrics, classes, features and slices."""

    values: Sequence[float]
    names: Sequence[str] = ("a", "b")
    size: tuple[int, int] = (40, 30)


LONG = tuple(f"{'n' * 299}{number}" for number in range(5))
CASES = {
    "one point": Data([0.5], ["a"], (1, 1)),
    "all equal": Data([0.5] * 20),
    "all zero": Data([0.0] * 20),
    "all NaN": Data([math.nan] * 20),
    "infinite": Data([math.inf, -math.inf] * 5),
    "negative": Data([-0.7, -3.0, -1e6] * 5),
    "twelve decades, and ten million pixels": Data([10.0**power for power in range(-6, 7)], size=(5000, 2000)),
    "200 classes": Data([0.1, 0.9, 0.4] * 100, [f"class {number}" for number in range(200)], (1, 3000)),
    "names of 300 characters": Data([0.1, 0.9, 0.4] * 10, LONG, (3000, 1)),
    "names of one letter, many times over": Data([0.3, 0.2], ["字" * 300, "\u202e" * 300, "`|<b>@org" * 40]),
}
TEMPLATES: tuple[Template, ...] = ("smooth", "scatter", "bar_horizontal", "confusion")


def side(commit: str, data: Data, factor: float) -> Run:
    """A run that has all that training can leave: curves, importance, DVC's plots, an image."""
    values = [value * factor for value in data.values]
    history = tuple(enumerate(values))
    found = run(commit, images={f"plots/{data.names[0]}.png": "picture"})
    return replace(
        found,
        metrics={name: Metric(value=values[-1], history=history) for name in data.names},
        importance=dict(zip(data.names, [*values, *[0.5] * len(data.names)], strict=False)),
        plots=tuple(plot(template, data, values) for template in TEMPLATES),
    )


def plot(template: Template, data: Data, values: Sequence[float]) -> DataPlot:
    numbers, count = tuple(map(float, range(len(values)))), len(data.names)
    places = tuple(float(number % count) for number in range(len(values)))
    names = tuple(data.names)
    series = [Series(name=name, x=numbers, y=tuple(values)) for name in names]
    if template.startswith("bar"):
        series = [Series(name=names[0], x=tuple(values), y=places, y_names=names)]
    if template.startswith("confusion"):
        series = [Series(name=names[0], x=places, y=places[::-1], x_names=names, y_names=names)]
    weights = (1,) * len(values) if template.startswith("confusion") else ()
    title = f"{template} {names[0]}"
    return DataPlot(
        name=title, template=template, title=title, x_label=names[-1], y_label=names[0], series=tuple(series),
        weights=weights,
    )  # fmt: skip


def scene(data: Data, target: Sequence[object], prediction: Sequence[object], folder: Path) -> Result:
    """A result of two such runs with a judged gate, slices, records, and these predictions."""
    base, head = side(BASE, data, 1.0), side(HEAD, data, 0.9)
    before, after = data.values[0], data.values[-1]
    around = (after - before - 0.5, after - before + 0.5)
    judgements = [judged(name, before, after, "fail", around, margin=0.1) for name in data.names]
    slices = [part(name, 90, 0.9, 0.8, "fail", margin=0.1, metric=data.names[0], column=name) for name in data.names]
    picture = folder / "picture.png"
    Pillow.new("RGB", data.size, "teal").save(picture)
    found = replace(result(base, head), images={"picture": picture})
    past = tuple(
        Past(commit=f"{number:040x}", started="", test_set="", metrics=dict.fromkeys(data.names, value))
        for number, value in enumerate(data.values)
    )
    scored = predicted(target, prediction, data.values)
    return replace(
        decided(found, "fail", *judgements, slices=slices),
        material=Material(history=past, base=scored, head=scored),
    )


def predicted(target: Sequence[object], prediction: Sequence[object], score: Sequence[float]) -> Predictions:
    rows = len(target)
    return Predictions(
        source="predictions.csv",
        test_set="same",
        id=np.arange(rows),
        target=np.asarray(target),
        prediction=np.asarray(prediction),
        score=np.resize(np.asarray(score, dtype=float), rows),
    )


def drawn(found: Result, folder: Path) -> set[str]:
    """The names of the plots, without DVC's number; each has two pictures, and words that a comment holds whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = draw(found, folder)
    assert drawing.warnings == ()
    for each in drawing.plots:
        for path in each.files:
            with Pillow.open(path) as image:
                assert image.format == "PNG"
                assert image.height < 5000
        assert each.dark or each.name.startswith("image-")
        assert len(each.alt) > 20
        assert attribute(each.alt) == attribute(each.alt, 10**6), each.name
    return {each.name.partition("-")[0] for each in drawing.plots}


@pytest.mark.parametrize("case", CASES)
def test_everything_that_a_job_can_have_is_drawn(case: str, tmp_path: Path) -> None:
    data = CASES[case]
    classes = [data.names[number % len(data.names)] for number in range(max(len(data.names), len(data.values)))]
    kinds = drawn(scene(data, classes, classes[::-1], tmp_path), tmp_path)
    assert kinds >= {"dvc", "confusion", "image"}
    if math.isfinite(data.values[0]):
        assert kinds >= {"forest", "importance"}
        assert ("curves" in kinds) == ("trend" in kinds) == (len(data.values) > 1)


def test_the_words_of_forty_rows_say_how_many_are_left_out(tmp_path: Path) -> None:
    judgements = [judged(f"metric number {number:02}", 0.9, 0.8, "fail", (-0.2, 0.0)) for number in range(30)]
    slices = [part(f"{number}", 90, 0.9, 0.7, "fail", margin=0.1) for number in range(12)]
    decision = decided(result(run(BASE), run()), "fail", *judgements, slices=slices).decision
    forest = draw_forest(decision, tmp_path) if decision else None
    said = forest.alt.count(": fail") if forest else 0
    assert said > 3
    assert forest
    assert forest.alt.endswith(f": fail; and {40 - said} more. 2 more slices not drawn.")
