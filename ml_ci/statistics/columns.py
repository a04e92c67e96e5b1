"""The columns of predictions as a metric needs them: labels as codes, scores of two classes, numbers; or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from ml_ci.errors import ConfigError
from ml_ci.predictions import Ids, Labels, Numbers, Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Column = Labels | Ids


def refusal(name: str, predictions: Predictions, why: str) -> ConfigError:
    """The sentence that says which metric cannot be computed from which file, and why."""
    rows = "1 row" if len(predictions) == 1 else f"{len(predictions):,} rows"
    return ConfigError(f"{predictions.source}: {name} cannot be computed from its {rows}: {why}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """Labels as codes 0, 1, …: the places of the classes in sorted order. `sides` are the predictions of each side."""

    classes: int
    target: Codes
    sides: tuple[Codes, ...]


def same_examples(name: str, base: Predictions, head: Predictions) -> None:
    """Raises ConfigError where the rows of both sides are not the same examples."""
    if len(base) != len(head) or base.test_set != head.test_set:
        raise refusal(name, head, f"base has other examples, {len(base):,} rows in {base.source}")
    if not len(head):
        raise refusal(name, head, "there is not one example")


def target_of(name: str, predictions: Predictions) -> Labels:
    """The column `target`."""
    if not len(predictions):
        raise refusal(name, predictions, "there is not one example")
    if predictions.target is None:
        raise refusal(name, predictions, 'they have no column "target"; name it under "predictions"')
    return predictions.target


def prediction_of(name: str, predictions: Predictions) -> Labels:
    """The column `prediction`."""
    if predictions.prediction is None:
        raise refusal(name, predictions, 'they have no column "prediction"; name it under "predictions"')
    return predictions.prediction


def score_of(name: str, predictions: Predictions) -> Numbers:
    """The column `score`."""
    if predictions.score is None:
        raise refusal(name, predictions, 'they have no column "score"; name it under "predictions"')
    return predictions.score


def numbers(name: str, predictions: Predictions) -> tuple[Numbers, Numbers]:
    """Target and prediction as numbers. Raises ConfigError where they are not."""
    import numpy as np

    both = []
    for what, column in (
        ("target", target_of(name, predictions)),
        ("prediction", prediction_of(name, predictions)),
    ):
        if column.dtype.kind == "U":
            raise refusal(
                name, predictions, f'the column "{what}" is text, such as "{column[0]}", and it needs numbers'
            )
        both.append(np.asarray(column, dtype=np.float64))
    return both[0], both[1]


def scores(name: str, predictions: Predictions, *, probabilities: bool) -> tuple[Codes, Numbers]:
    """The target as 0 and 1, the larger label being 1, and the score.

    Raises ConfigError where there are not two classes, or where a score is no probability and has to be one.
    """
    score, target = score_of(name, predictions), two_classes(name, predictions)
    if probabilities:
        outside = (score < 0) | (score > 1)
        if outside.any():
            worst, count = float(score[outside][0]), int(outside.sum())
            values = "1 value" if count == 1 else f"{count:,} values"
            why = f'the column "score" has {values} outside of [0, 1], such as {worst:g}'
            raise refusal(name, predictions, f"{why}, and it needs probabilities")
    return target, score


def two_classes(name: str, predictions: Predictions) -> Codes:
    """The target as 0 and 1. Raises ConfigError where there are not two classes."""
    found, codes = factorize(_classes_only(name, predictions, "target", target_of(name, predictions)))
    if len(found) == 1:
        raise refusal(name, predictions, f'the column "target" has one class only, "{found[0]}"')
    if len(found) > 2:
        why = f'the column "target" has {len(found):,} classes, and one column "score" is enough for two only'
        raise refusal(name, predictions, why)
    return codes


def labels(name: str, sides: Sequence[Predictions], *, of_two: bool) -> Coded:
    """Target and predictions as codes of the classes that occur in any of them.

    A predicted label that the target does not have is one more class, as in scikit-learn; it is refused where there may
    be two only (`of_two`), and where a side has no label in common with the target. All sides have the same target.
    """
    import numpy as np

    sides = _as_text(sides)
    first = sides[0]
    target = factorize(_classes_only(name, first, "target", target_of(name, first)))
    if of_two and len(target[0]) != 2:
        if len(target[0]) == 1:
            raise refusal(name, first, f'the column "target" has one class only, "{target[0][0]}"')
        why = f'the column "target" has {len(target[0]):,} classes, and it is about the positive one of two'
        raise refusal(name, first, f"{why}: {name}_macro, {name}_micro and {name}_weighted take more")
    columns = [target]
    for side in sides:
        column = _classes_only(name, side, "prediction", prediction_of(name, side))
        if (column.dtype.kind == "U") != (target[0].dtype.kind == "U"):
            text, other = ("prediction", "target") if column.dtype.kind == "U" else ("target", "prediction")
            raise refusal(name, side, f'the column "{text}" is text and the column "{other}" is not')
        columns.append(factorize(column))
        _check_labels(name, side, target[0], columns[-1][0], of_two=of_two)
    classes = np.unique(np.concatenate([found for found, _ in columns]))
    codes = [np.searchsorted(classes, found).astype(np.int64)[code] for found, code in columns]
    return Coded(classes=len(classes), target=codes[0], sides=tuple(codes[1:]))


def _as_text(sides: Sequence[Predictions]) -> Sequence[Predictions]:
    """The sides with labels as text, where one side has them so because of a label that is no number, and the others not."""
    import numpy as np

    texts = [side.target for side in sides if side.target is not None and side.target.dtype.kind == "U"]
    if not texts or len(texts) == len(sides):
        return sides

    def text(side: Predictions) -> Predictions:
        target, prediction = side.target, side.prediction
        if target is None or prediction is None or target.dtype.kind != "i" or prediction.dtype.kind != "i":
            return side
        named = target.astype(np.str_)
        return replace(side, target=named, prediction=prediction.astype(np.str_)) if (named == texts[0]).all() else side

    return [text(side) for side in sides]


def _check_labels(name: str, side: Predictions, of_target: Labels, of_side: Labels, *, of_two: bool) -> None:
    import numpy as np

    strange = of_side[~np.isin(of_side, of_target)]
    if len(strange) and (of_two or len(strange) == len(of_side)):
        some = ", ".join(f'"{label}"' for label in strange[:3])
        raise refusal(name, side, f'the column "prediction" has labels that "target" has not, such as {some}')


def _classes_only(name: str, predictions: Predictions, what: str, column: Labels) -> Labels:
    import numpy as np

    if column.dtype.kind == "f":
        fractions = column != np.floor(column)
        if fractions.any():
            some = float(column[fractions][0])
            raise refusal(name, predictions, f'the column "{what}" has numbers such as {some:g}, and it needs classes')
    return column


def factorize(column: Column) -> tuple[Labels, Codes]:
    """The values that occur, sorted, and the place of each row's value among them."""
    import numpy as np

    if column.dtype.kind == "b":
        column = column.astype(np.int64)
    if column.dtype.kind == "U":
        return _factorize_text(cast("NDArray[np.str_]", column))
    if column.dtype.kind == "f" and np.abs(column).max(initial=0.0) < 2**53:
        integers = column.astype(np.int64)
        if (integers == column).all():
            column = integers
    if column.dtype.kind == "i" and len(column):
        whole = cast("NDArray[np.int64]", column)
        least, most = int(whole.min()), int(whole.max())
        if most - least <= max(len(whole), 1000):
            shifted = whole - least
            seen = np.bincount(shifted, minlength=most - least + 1) > 0
            return np.flatnonzero(seen) + least, (np.cumsum(seen) - 1)[shifted]
    values, codes = np.unique(column, return_inverse=True)
    return cast("Labels", values), codes.astype(np.int64)


def _factorize_text(column: NDArray[np.str_]) -> tuple[NDArray[np.str_], Codes]:
    """By hashes: sorting a million numbers is ten times faster than sorting a million texts."""
    import numpy as np

    width = column.dtype.itemsize // 4
    if not len(column) or not width:
        values, codes = np.unique(column, return_inverse=True)
        return values, codes.astype(np.int64)
    letters = np.ascontiguousarray(column).view(np.uint32).reshape(len(column), width)
    hashes = np.zeros(len(column), dtype=np.uint64)
    for place in range(width):
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= letters[:, place]
    _, firsts, codes = np.unique(hashes, return_index=True, return_inverse=True)
    values = column[firsts]
    if (values[codes] != column).any():  # two texts with one hash
        values, codes = np.unique(column, return_inverse=True)
        return values, codes.astype(np.int64)
    order = np.argsort(values)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return values[order], places[codes]


def grouped(name: str, base: Predictions, head: Predictions) -> tuple[Codes, int] | None:
    """The group of each row as a code, and how many there are; None where the rows have no group."""
    column = _common(name, base, head, "group", base.group, head.group)
    if column is None:
        return None
    values, codes = factorize(column)
    return codes, len(values)


def sliced(name: str, base: Predictions, head: Predictions, column: str) -> tuple[list[str], Codes]:
    """The values of a slice column, sorted, and each row's place among them."""
    found = _common(name, base, head, column, base.slices.get(column), head.slices.get(column))
    if found is None:
        raise refusal(name, head, f'they have no column "{column}" to slice by')
    values, codes = factorize(found)
    return [str(value) for value in values], codes


def _common(
    name: str, base: Predictions, head: Predictions, what: str, of_base: Ids | None, of_head: Ids | None
) -> Ids | None:
    if of_base is not None and of_head is not None and (of_base.shape != of_head.shape or (of_base != of_head).any()):
        raise refusal(name, head, f'the column "{what}" differs from that of base in {base.source}')
    return of_head if of_base is None else of_base
