"""Many questions at once: p-values that are adjusted, so that each can be compared with the level itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the same order, that bound the chance of even one false rejection.

    Holm (1979), Scandinavian Journal of Statistics 6, 65-70; valid for p-values that depend on each other in any way.
    Raises ValueError for what is not in [0, 1].
    """
    count, order = len(p), _ascending(p)
    steps = accumulate((min(1.0, (count - rank) * p[at]) for rank, at in enumerate(order)), max)
    return _in_place(order, tuple(steps))


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the same order, that bound the expected share of false ones among the rejections.

    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300; valid for p-values that are
    independent or positively dependent. Raises ValueError for what is not in [0, 1].
    """
    count, order = len(p), _ascending(p)[::-1]
    steps = accumulate((min(1.0, p[at] * (count / (count - rank))) for rank, at in enumerate(order)), min)
    return _in_place(order, tuple(steps))


def _ascending(p: Sequence[float]) -> list[int]:
    wrong = [value for value in p if not 0 <= value <= 1]
    if wrong:
        raise ValueError(f"a p-value is {wrong[0]}: it lies between 0 and 1")
    return sorted(range(len(p)), key=p.__getitem__)


def _in_place(order: Sequence[int], values: Sequence[float]) -> tuple[float, ...]:
    placed = dict(zip(order, values, strict=True))
    return tuple(placed[at] for at in range(len(order)))
