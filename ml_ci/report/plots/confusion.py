"""Confusion matrices: base, head, and the difference, where the predictions are of classes."""

from __future__ import annotations

from pathlib import Path

from ml_ci.report.escape import visible
from ml_ci.report.plots.confusion_counts import Pairs, count, shown
from ml_ci.report.plots.confusion_panels import draw_matrices
from ml_ci.report.plots.predicted import Sides, from_to, sides
from ml_ci.report.plots.style import dark_of, short
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

MOST_CLASSES = 12
_MOST_NAMED = 3
"""Changes that the words name; the picture shows the others."""


def draw_confusion(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there."""
    found = sides(result)
    classes = found.of_classes() if found else None
    if classes is None:
        return ()
    pairs = count(classes)
    path = folder / "confusion.png"
    matrices = shown(pairs, MOST_CLASSES)
    draw_matrices(matrices, path, same=not classes.on_other_examples)
    title = "Confusion matrix" if classes.base is None else "Confusion matrices"
    plot = Plot(
        name="confusion",
        path=path,
        dark=dark_of(path),
        title=classes.titled(title),
        alt=_alt(classes, pairs),
        width=FULL_WIDTH,
    )
    return (plot,)


def _alt(classes: Sides, pairs: Pairs) -> str:
    number = len(pairs.names)
    what = f"Confusion matrix of {number:,} class{'es' * (number != 1)}, rows are true and columns predicted"
    if number > MOST_CLASSES:
        what += f"; the {MOST_CLASSES} that are mistaken most are shown, and the sum of the others"
    right = pairs.head[~pairs.wrong].sum() / pairs.head.sum()
    before = None if pairs.base is None else float(pairs.base[~pairs.wrong].sum() / pairs.base.sum())
    return f"{what}. {classes.counted()} Share predicted right: {from_to(before, float(right))}. {_changes(classes, pairs)}"


def _changes(classes: Sides, pairs: Pairs) -> str:
    """The mistakes that changed most; without base the most frequent ones."""
    import numpy as np

    weights = pairs.head.astype(float)
    if pairs.base is not None:
        weights = np.abs(pairs.head - pairs.base).astype(float)
        if classes.on_other_examples:
            weights = np.abs(pairs.shares(pairs.head) - pairs.shares(pairs.base))
    weights[~pairs.wrong] = 0
    largest = np.argsort(-weights, kind="stable")[:_MOST_NAMED]
    named = [_named(classes, pairs, int(at)) for at in largest if weights[at] > 0]
    if pairs.base is None:
        return f"Most frequent mistakes: {'; '.join(named)}." if named else "No mistakes."
    return f"Largest changes: {'; '.join(named)}." if named else "No kind of mistake changed."


def _named(classes: Sides, pairs: Pairs, at: int) -> str:
    true, predicted = (short(visible(pairs.names[place[at]]), 24) for place in (pairs.true, pairs.predicted))
    mistake = f"{true} predicted as {predicted}"
    if pairs.base is None:
        return f"{mistake}: {pairs.head[at]:,}"
    if classes.on_other_examples:
        before, after = (float(pairs.shares(counts)[at]) for counts in (pairs.base, pairs.head))
        return f"{mistake}: {before:.1%} → {after:.1%} ({'worse' if after > before else 'better'})"
    before, after = int(pairs.base[at]), int(pairs.head[at])
    return f"{mistake}: {before:,} → {after:,} ({'worse' if after > before else 'better'})"
