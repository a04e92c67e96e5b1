"""From the columns of DVC's data files to what is drawn: lines, points, bars, pairs of classes, each within its bounds."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_ci.data_plots import MOST_CLASSES, MOST_POINTS, DataPlot, Series, Template
from ml_ci.sources.dvc_plot_columns import MOST_NAMES, Column
from ml_ci.sources.dvc_plot_definitions import Definition

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Places = NDArray[np.int64]

TEMPLATES: Mapping[str, Template] = {
    "": "linear",
    "linear": "linear",
    "simple": "simple",
    "smooth": "smooth",
    "scatter": "scatter",
    "scatter_jitter": "scatter",
    "confusion": "confusion",
    "confusion_normalized": "confusion_normalized",
    "bar_horizontal": "bar_horizontal",
    "bar_horizontal_sorted": "bar_horizontal_sorted",
}
"""DVC's templates, and what is drawn for them; one without a name is `linear`."""

_LONGEST = 200
_CONFUSIONS: frozenset[Template] = frozenset({"confusion", "confusion_normalized"})
_BARS: frozenset[Template] = frozenset({"bar_horizontal", "bar_horizontal_sorted"})


class UndrawableError(Exception):
    """A field that cannot be drawn; the message is the reason, and ends a sentence."""


@dataclass(frozen=True)
class Pair:
    """One `y` of a plot and the `x` that goes with it: None is the row's number."""

    file: str
    y_name: str
    x_name: str | None
    x: Column | None
    y: Column


def axes_with_names(template: Template) -> tuple[bool, bool]:
    """Whether what is on x, and on y, are names in any case."""
    return template in _CONFUSIONS, template in _CONFUSIONS or template in _BARS


@dataclass(frozen=True)
class Drawable:
    """One series, how often each of its pairs is there, and what was done to it, in words."""

    series: Series
    weights: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()


def plots_of(definition: Definition, template: Template, pairs: Sequence[Pair]) -> tuple[list[DataPlot], list[str]]:
    """The plots of a definition, and remarks on what was done to them: one, or one for each confusion matrix in it."""
    reader = _confusion if template in _CONFUSIONS else _bars if template in _BARS else _points
    drawables: list[Drawable] = []
    failures: list[UndrawableError] = []
    for pair, name in zip(pairs, _series_names(pairs), strict=True):
        try:
            drawables.append(reader(pair, name[:_LONGEST], template))
        except UndrawableError as error:
            failures.append(error)
    if not drawables:
        return [], [f"Left out, since {error}" for error in failures]
    remarks = [f"Not whole, since {error}" for error in failures]
    remarks += [remark for drawable in drawables for remark in drawable.remarks]
    plot = DataPlot(
        name=definition.name,
        template=template,
        title=definition.title,
        x_label=definition.x_label or _label([pair.x_name or "step" for pair in pairs], "x"),
        y_label=definition.y_label or _label([pair.y_name for pair in pairs], "y"),
    )
    if template not in _CONFUSIONS:
        return [replace(plot, series=tuple(each.series for each in drawables))], remarks
    several = len(drawables) > 1
    return [
        replace(
            plot,
            name=f"{plot.name}::{each.series.name}" if several else plot.name,
            title=f"{plot.title}, {each.series.name}" if several else plot.title,
            series=(each.series,),
            weights=each.weights,
        )
        for each in drawables
    ], remarks


def thinned(plot: DataPlot, most: int) -> DataPlot:
    """The plot with at most so many points in each of its lines or clouds."""
    if plot.template in _CONFUSIONS | _BARS:
        return plot
    return replace(plot, series=tuple(_thinned_series(series, most) for series in plot.series))


def _series_names(pairs: Sequence[Pair]) -> list[str]:
    """By what differs, as in DVC: the field, the file, or both."""
    files, fields = {pair.file for pair in pairs}, {pair.y_name for pair in pairs}
    common = posixpath.commonpath(files) if len(files) > 1 else ""
    if len(files) < 2:
        return [pair.y_name for pair in pairs]
    shorter = [pair.file[len(common) :].strip("/") for pair in pairs]
    if len(fields) < 2:
        return shorter
    return [f"{file}::{pair.y_name}" for file, pair in zip(shorter, pairs, strict=True)]


def _label(names: Sequence[str], several: str) -> str:
    return names[0][:_LONGEST] if len(set(names)) == 1 else several


# -- lines and points


def _points(pair: Pair, name: str, template: Template) -> Drawable:
    import numpy as np

    y, y_names = _axis(pair.y, pair, pair.y_name, names=template == "scatter")
    x: Array = np.arange(len(y), dtype=float)
    x_names: tuple[str, ...] = ()
    if pair.x is not None and pair.x_name is not None:
        x, x_names = _axis(pair.x, pair, pair.x_name, names=True)
    remarks = [
        f"Shown without those values of {field[:60]} that are no numbers"
        for field, column, names in ((pair.x_name, pair.x, x_names), (pair.y_name, pair.y, y_names))
        if field and column and column.texts and not names
    ]
    # as in DVC's pages, a line goes from left to right, whatever the order of the rows
    order = _from_left_to_right(x)
    if not np.isfinite(y[order]).any():
        raise UndrawableError(f"{pair.y_name[:60]} of {pair.file} has no number where {pair.x_name} has one")
    kept = order[_kept(y[order], MOST_POINTS)]
    if len(kept) < len(order):
        remarks.append(f"Thinned to {MOST_POINTS:,} points for each series, with the extremes kept")
    x_shown, x_names = _renamed(x[kept], x_names)
    y_shown, y_names = _renamed(y[kept], y_names)
    series = Series(name=name, x=_short(x_shown, 9), y=_short(y_shown, 6), x_names=x_names, y_names=y_names)
    return Drawable(series, remarks=tuple(remarks))


def _axis(column: Column, pair: Pair, field: str, *, names: bool) -> tuple[Array, tuple[str, ...]]:
    """The numbers of a column; where it has none, the numbers of its names, and these."""
    import numpy as np

    numbers = np.array(column.numbers)
    numbers[~np.isfinite(numbers)] = np.nan
    if np.isfinite(numbers).any():
        return numbers, ()
    if not names or not column.texts:
        raise UndrawableError(f"{field[:60]} of {pair.file} has no number in it")
    if column.many:
        raise UndrawableError(f"{field[:60]} of {pair.file} has more than {MOST_NAMES:,} different texts")
    codes = np.array(column.codes, dtype=float)
    return np.where(codes < 0, np.nan, codes), tuple(column.names)


def _from_left_to_right(x: Array) -> Places:
    """The places of the numbers by size; of a curve that was written from right to left equal ones stay in their order."""
    import numpy as np

    there = np.flatnonzero(np.isfinite(x))
    if (np.diff(x[there]) <= 0).all():
        return there[::-1]
    return there[np.argsort(x[there], kind="stable")]


def _kept(y: Array, most: int) -> Places:
    """The places of at most `most` values: the first, the last, and the smallest and the largest of each stretch."""
    import numpy as np

    if len(y) <= most:
        return np.arange(len(y))
    places = {0, len(y) - 1}
    for stretch in np.array_split(np.arange(1, len(y) - 1), max((most - 2) // 2, 1)):
        finite = stretch[np.isfinite(y[stretch])]
        places |= {int(finite[y[finite].argmin()]), int(finite[y[finite].argmax()])} if len(finite) else set()
    return np.array(sorted(places))


def _renamed(values: Array, names: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Only those names that are left, and the values that say which one each has."""
    import numpy as np

    if not names:
        return values, ()
    there = np.isfinite(values)
    left, places = np.unique(values[there].astype(int), return_inverse=True)
    renamed = np.full(len(values), np.nan)
    renamed[there] = places
    return renamed, tuple(names[code][:_LONGEST] for code in left)


def _thinned_series(series: Series, most: int) -> Series:
    import numpy as np

    kept = _kept(np.array(series.y), most)
    return replace(series, x=tuple(series.x[place] for place in kept), y=tuple(series.y[place] for place in kept))


def _short(values: Array, digits: int) -> tuple[float, ...]:
    """As many digits as a drawing can show, since they are kept with every record."""
    return tuple(float(f"{value:.{digits}g}") for value in values.tolist())


# -- bars


def _bars(pair: Pair, name: str, template: Template) -> Drawable:
    """One bar for each name on y, as long as its x; of rows with the same name their sum, as DVC's pages stack them."""
    import numpy as np

    if pair.x is None:
        raise UndrawableError("its definition says no x, which is the length of the bars")
    lengths, _ = _axis(pair.x, pair, pair.x_name or "", names=False)
    names = _names(pair.y, pair.y_name, pair)
    codes = np.array(pair.y.codes)
    there = (codes >= 0) & np.isfinite(lengths)
    sums: Array = np.bincount(codes[there], weights=lengths[there], minlength=len(names)).astype(float)
    present = np.flatnonzero(np.bincount(codes[there], minlength=len(names)))
    if not len(present):
        raise UndrawableError("no row has both a name and a number")
    remarks = []
    if len(present) > MOST_CLASSES:
        remarks.append(f"Shown with the {MOST_CLASSES} longest bars")
        present = present[np.argsort(-abs(sums[present]), kind="stable")[:MOST_CLASSES]]
    order = sorted(present.tolist(), key=_sorting(names))
    if template == "bar_horizontal_sorted":
        order.sort(key=lambda code: -sums[code])
    series = Series(
        name=name,
        x=_short(sums[order], 6),
        y=tuple(map(float, range(len(order)))),
        y_names=tuple(names[code][:_LONGEST] for code in order),
    )
    return Drawable(series, remarks=tuple(remarks))


# -- confusion matrices


def _confusion(pair: Pair, name: str, _: Template) -> Drawable:
    """How often each pair of classes is there; of more than 200 classes on an axis the most frequent ones."""
    import numpy as np

    if pair.x is None:
        raise UndrawableError("its definition says no x, which is the other class")
    x_codes, x_kept = _classes(pair.x, pair.x_name or "", pair)
    y_codes, y_kept = _classes(pair.y, pair.y_name, pair)
    there = (x_codes >= 0) & (y_codes >= 0)
    cells, counts = np.unique(x_codes[there] * len(y_kept) + y_codes[there], return_counts=True)
    if not len(cells):
        raise UndrawableError("no row has both classes")
    cut = max(len(pair.x.names) - len(x_kept), len(pair.y.names) - len(y_kept))
    series = Series(
        name=name,
        x=tuple((cells // len(y_kept)).astype(float).tolist()),
        y=tuple((cells % len(y_kept)).astype(float).tolist()),
        x_names=x_kept,
        y_names=y_kept,
    )
    remarks = (f"Shown with the {MOST_CLASSES} most frequent classes",) if cut else ()
    return Drawable(series, weights=tuple(counts.tolist()), remarks=remarks)


def _classes(column: Column, field: str, pair: Pair) -> tuple[Places, tuple[str, ...]]:
    """The class of each row, -1 where it has none that is kept, and the classes in their order."""
    import numpy as np

    names = _names(column, field, pair)
    codes = np.array(column.codes, dtype=int)
    frequent = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(names)), kind="stable")[:MOST_CLASSES]
    order = sorted(frequent.tolist(), key=_sorting(names))
    places = np.full(len(names) + 1, -1)
    places[order] = np.arange(len(order))
    return places[codes], tuple(names[code][:_LONGEST] for code in order)


def _names(column: Column, field: str, pair: Pair) -> list[str]:
    if column.many:
        raise UndrawableError(f"{field[:60]} of {pair.file} has more than {MOST_NAMES:,} different values")
    if not column.names:
        raise UndrawableError(f"{field[:60]} of {pair.file} has no name in it")
    return list(column.names)


def _sorting(names: Sequence[str]) -> Callable[[int], float] | Callable[[int], str]:
    """The key by which codes are sorted: numbers by size, names by their letters."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return lambda code: names[code]
    return lambda code: numbers[code]
