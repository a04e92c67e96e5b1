"""How often each class is taken for which, on both sides, and which classes are worth showing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.predictions import Labels, Predictions
from ml_ci.report.plots.predicted import Sides

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

MOST_CELLS = 4_000_000
"""Cells of a matrix that is held in full while it is counted; of more classes only the pairs that occur are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """The pairs of a true and a predicted class that occur, as places among the `names`, with their count on each side.

    All arrays have the shape (pairs,). `base` is None where there is no base.
    """

    names: tuple[str, ...]
    true: Codes
    predicted: Codes
    base: Codes | None
    head: Codes

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which pairs are mistakes."""
        import numpy as np

        return np.asarray(self.true != self.predicted)

    def totals(self, counts: Codes) -> Codes:
        """For each class the number of examples that are of it, by a side's counts."""
        import numpy as np

        return np.bincount(self.true, weights=counts, minlength=len(self.names)).astype(np.int64)

    def shares(self, counts: Codes) -> NDArray[np.float64]:
        """Each pair's share in the examples of its true class; 0 where there are none."""
        import numpy as np

        return np.asarray(counts / np.maximum(self.totals(counts), 1)[self.true])


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrices:
    """What is drawn: counts of shape (K, K), rows are true. With `others`, the last class is that many classes' sum."""

    names: tuple[str, ...]
    base: Codes | None
    head: Codes
    others: int = 0


def count(sides: Sides) -> Pairs:
    """Count the pairs of both sides, over the classes that occur on any of them."""
    import numpy as np

    found = {"head": _counted(sides.head, target := _factorized(sides.head.target))}
    if sides.base is not None:
        # the same examples have the same targets, and telling ten million of them apart takes a while
        of_base = _factorized(sides.base.target) if sides.on_other_examples else target
        found["base"] = _counted(sides.base, of_base)
    names, places = _united([values for occurring in found.values() for values in occurring.values])
    cells = {}
    for number, (side, occurring) in enumerate(found.items()):
        of_target, of_mistakes = places[2 * number], places[2 * number + 1]
        predicted = np.concatenate([of_target, of_mistakes[occurring.predicted]])
        cells[side] = np.concatenate([of_target, of_target[occurring.true]]) * len(names) + predicted
    pairs = np.unique(np.concatenate(list(cells.values())))
    counts = {side: np.zeros(len(pairs), dtype=np.int64) for side in found}
    for side, occurring in found.items():
        counts[side][np.searchsorted(pairs, cells[side])] = np.concatenate([occurring.right, occurring.wrong])
    true, predicted = np.divmod(pairs, len(names))
    return Pairs(names=names, true=true, predicted=predicted, base=counts.get("base"), head=counts["head"])


def shown(pairs: Pairs, most: int) -> Matrices:
    """The matrices of at most `most` classes: of more, those whose mistakes changed most, then those with most mistakes.

    All others are one more class.
    """
    import numpy as np

    size = len(pairs.names)
    chosen = np.arange(size) if size <= most else np.sort(_chosen(pairs, most))
    place = np.full(size, len(chosen), dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    names = [pairs.names[at] for at in chosen]
    others = size - len(chosen)
    if others:
        names.append(f"{others:,} others")
    cells, side = place[pairs.true] * len(names) + place[pairs.predicted], len(names)

    def dense(counts: Codes) -> Codes:
        return np.bincount(cells, weights=counts, minlength=side * side).astype(np.int64).reshape(side, side)

    base = None if pairs.base is None else dense(pairs.base)
    return Matrices(names=tuple(names), base=base, head=dense(pairs.head), others=others)


def _chosen(pairs: Pairs, most: int) -> Codes:
    """Half of the places go to the classes in the mistakes that changed most, the rest to those with most mistakes."""
    import numpy as np

    wrong = pairs.wrong
    true, predicted, head = pairs.true[wrong], pairs.predicted[wrong], pairs.head[wrong]
    base = head if pairs.base is None else pairs.base[wrong]
    change = np.abs(head - base)
    by_change = np.argsort(-change, kind="stable")[: 2 * most]
    by_change = by_change[change[by_change] > 0]
    changed = np.stack([true[by_change], predicted[by_change]], axis=1).ravel().tolist()
    size = len(pairs.names)
    mistakes = sum(np.bincount(side, weights=base + head, minlength=size) for side in (true, predicted))
    by_mistakes = np.argsort(-np.asarray(mistakes), kind="stable").tolist()
    first = list(dict.fromkeys(changed))[: most // 2]
    return np.array(list(dict.fromkeys([*first, *by_mistakes]))[:most], dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Occurring:
    """What occurs on one side: how often each of the target's values is `right`, and the mistakes.

    A mistake is a place among the target's values (`true`), one among those predicted wrongly (`predicted`), and how
    often it is made (`wrong`).
    """

    values: tuple[Labels, Labels]
    right: Codes
    true: Codes
    predicted: Codes
    wrong: Codes


def _counted(side: Predictions, target: tuple[Labels, Codes]) -> _Occurring:
    """Count one side, whose target is also given as values and codes."""
    import numpy as np

    if side.target is None or side.prediction is None:  # `Sides.of_classes` has seen to it
        raise ValueError("there are no labels")
    values, codes = target
    # most are right, and only of the mistakes it takes time to tell which class they are
    at = np.flatnonzero(side.prediction != side.target)
    mistaken, kinds = _factorized(side.prediction[at])
    right = np.bincount(codes, minlength=len(values)) - np.bincount(codes[at], minlength=len(values))
    cells = codes[at] * len(mistaken) + kinds
    if len(values) * len(mistaken) <= MOST_CELLS:
        every = np.bincount(cells, minlength=1)
        pairs = np.flatnonzero(every)
        wrong = every[pairs]
    else:
        pairs, wrong = np.unique(cells, return_counts=True)
    true, predicted = np.divmod(pairs, max(len(mistaken), 1))
    return _Occurring(values=(values, mistaken), right=right, true=true, predicted=predicted, wrong=wrong)


def _factorized(column: Labels | None) -> tuple[Labels, Codes]:
    from ml_ci.statistics.columns import factorize

    if column is None:
        raise ValueError("there is no such column")
    values, codes = factorize(column)
    return (values.astype(bool), codes) if column.dtype.kind == "b" else (values, codes)


def _united(columns: list[Labels]) -> tuple[tuple[str, ...], list[Codes]]:
    """The names of all classes in order, and for each column the place of each of its values among them."""
    import numpy as np

    # 1 and "1", False and 0 are one class: text or booleans in one column only are the file's doing
    booleans = all(values.dtype.kind == "b" for values in columns)
    texts = [[_name(value, booleans=booleans) for value in values.tolist()] for values in columns]
    known = sorted(set().union(*texts), key=_in_order)
    place = {name: at for at, name in enumerate(known)}
    return tuple(known), [np.array([place[name] for name in column], dtype=np.int64) for column in texts]


def _name(value: object, *, booleans: bool) -> str:
    return str(int(value)) if isinstance(value, (bool, float)) and not booleans else str(value)


def _in_order(name: str) -> tuple[bool, int, str]:
    """Whole numbers by their value, before all other names."""
    whole = name.removeprefix("-").isdecimal() and len(name) < 20
    return not whole, int(name) if whole else 0, name
