"""DVC's confusion matrices: base, head, and the difference, as those that are counted from predictions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.data_plots import DataPlot
from ml_ci.report.escape import visible
from ml_ci.report.plots.confusion_counts import Pairs, shown
from ml_ci.report.plots.confusion_panels import draw_matrices
from ml_ci.report.plots.dvc_sides import Sides, label
from ml_ci.report.plots.style import dark_of, short
from ml_ci.report.plots.words import listed
from ml_ci.report.presentation import FULL_WIDTH, Plot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_ci.report.plots.frame import Side

    Codes = NDArray[np.int64]

MOST = 12
"""Classes that are drawn; of more those whose mistakes changed most, and that are mistaken most."""

_MOST_NAMED = 3

_LABEL = 18
"""Characters that an axis has room for."""

_TRUE = re.compile(r"actual|true|truth|target|gold|label|expected|real", re.IGNORECASE)
_PREDICTED = re.compile(r"pred|output|guess|response", re.IGNORECASE)


def draw_matrix(plot: Sides, name: str, path: Path) -> Plot:
    """Draw to `path`: true classes in rows, as far as the labels tell which axis has them, else those on y."""
    turned = _x_is_true(plot.shown)
    pairs, alone = _pairs(plot, turned=turned)
    rows, columns = _labels(plot.shown, turned=turned)
    matrices = shown(pairs, MOST)
    draw_matrices(matrices, path, same=_same(pairs), axes=(short(rows, _LABEL), short(columns, _LABEL)), alone=alone)
    return Plot(
        name=name,
        path=path,
        dark=dark_of(path),
        title=plot.title,
        alt=_alt(plot, pairs, rows, columns),
        width=FULL_WIDTH,
    )


def _x_is_true(plot: DataPlot) -> bool:
    """Whether x has the true classes. dvclive puts them there; scikit-learn, and our own matrices, on y."""
    if _PREDICTED.search(plot.x_label):
        return False
    return bool(_PREDICTED.search(plot.y_label) or (_TRUE.search(plot.x_label) and not _TRUE.search(plot.y_label)))


def _labels(plot: DataPlot, *, turned: bool) -> tuple[str, str]:
    x, y = visible(plot.x_label), visible(plot.y_label)
    return (x, y) if turned else (y, x)


def _pairs(plot: Sides, *, turned: bool) -> tuple[Pairs, Side]:
    """The pairs of both sides; of one alone they are head's in it, and it is said which side's they are."""
    import numpy as np

    sides: dict[Side, DataPlot] = {}
    if plot.base:
        sides["base"] = plot.base
    if plot.head:
        sides["head"] = plot.head
    names = _names(list(sides.values()))
    cells: dict[Side, Codes] = {}
    for side, each in sides.items():
        series = each.series[0]
        x, y = (_codes(values, own, names) for values, own in ((series.x, series.x_names), (series.y, series.y_names)))
        cells[side] = x * len(names) + y if turned else y * len(names) + x
    occurring = np.unique(np.concatenate(list(cells.values())))
    counts = {}
    for side, each in sides.items():
        counts[side] = np.zeros(len(occurring), dtype=np.int64)
        np.add.at(counts[side], np.searchsorted(occurring, cells[side]), each.weights)
    true, predicted = np.divmod(occurring, len(names))
    alone: Side = "head" if plot.head else "base"
    return Pairs(
        names=names,
        true=true,
        predicted=predicted,
        base=counts["base"] if len(counts) > 1 else None,
        head=counts[alone],
    ), alone


def _names(plots: list[DataPlot]) -> tuple[str, ...]:
    """The classes of all axes: numbers by size, names by their letters."""
    names = {name for plot in plots for series in plot.series for name in (*series.x_names, *series.y_names)}
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _codes(values: tuple[float, ...], own: tuple[str, ...], names: tuple[str, ...]) -> Codes:
    import numpy as np

    places = {name: place for place, name in enumerate(names)}
    return np.array([places[own[int(value)]] for value in values], dtype=np.int64)


def _same(pairs: Pairs) -> bool:
    """Whether both sides may have the same examples: as many of each class."""
    return pairs.base is None or bool((pairs.totals(pairs.base) == pairs.totals(pairs.head)).all())


def _alt(plot: Sides, pairs: Pairs, rows: str, columns: str) -> str:
    number = len(pairs.names)
    looks = "base, head and the difference" if pairs.base is not None else plot.alone
    what = f"DVC's confusion matrix {label(plot.title)}, {looks}: {number:,} class{'es' * (number != 1)}"
    if number > MOST:
        what += f", {MOST} of which are shown"
    right = [_right(pairs, counts) for counts in (pairs.base, pairs.head) if counts is not None]
    begin = (
        f"{what}, rows are {label(rows)} and columns {label(columns)}. "
        f"Share of pairs of the same class: {' → '.join(f'{share:.1%}' for share in right)}. "
    )
    changes = _changes(pairs)
    if pairs.base is None:
        return listed(f"{begin}Most frequent mistakes: ", changes) if changes else f"{begin}No mistakes."
    return listed(f"{begin}Largest changes: ", changes) if changes else f"{begin}No kind of mistake changed."


def _right(pairs: Pairs, counts: Codes) -> float:
    return float(counts[~pairs.wrong].sum() / max(counts.sum(), 1))


def _changes(pairs: Pairs) -> list[str]:
    """The mistakes that changed most; of one side alone the most frequent ones."""
    import numpy as np

    before = np.zeros_like(pairs.head) if pairs.base is None else pairs.base
    weights = np.where(pairs.wrong, np.abs(pairs.head - before), 0)
    said = []
    for at in np.argsort(-weights, kind="stable")[:_MOST_NAMED].tolist():
        if weights[at]:
            pair = " / ".join(label(pairs.names[place[at]]) for place in (pairs.true, pairs.predicted))
            number = f"{pairs.head[at]:,}" if pairs.base is None else f"{before[at]:,} → {pairs.head[at]:,}"
            said.append(f"{pair}: {number}")
    return said
