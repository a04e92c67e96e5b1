"""The predictions file of a training: reading it, checking every value in it, and keeping it in one canonical form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.config import PredictionsSpec
from ml_ci.config_yaml import quoted
from ml_ci.predictions import Predictions
from ml_ci.sources import prediction_values as values
from ml_ci.sources.broken_predictions import BrokenPredictionsError, counted
from ml_ci.sources.kept_predictions import COLUMN, SLICE, from_parquet, from_table, to_parquet
from ml_ci.sources.prediction_files import PredictionsFile, open_predictions

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["BrokenPredictionsError", "from_parquet", "read", "to_parquet"]


def read(path: Path, where: str, spec: PredictionsSpec, inside: Sequence[Path] = ()) -> Predictions:
    """The predictions in a CSV (also gzipped) or Parquet file, sorted by id.

    `where` is what messages call the file. Its true place, links resolved, has to be below one of `inside` (the
    repository's top, and DVC's cache, where its links lead); without these, below the folder that it is in. Only the
    columns that `spec` asks for are read.

    Raises BrokenPredictionsError, one sentence with file, column, and number and first of the rows that are wrong.
    """
    file = open_predictions(path, where, inside or (path.parent,))
    wanted = _wanted(file, where, spec)
    table = file.read(wanted.all)
    if not table.num_rows:
        raise BrokenPredictionsError(
            f"{where} has 0 rows under its header ({', '.join(map(quoted, wanted.all))}); "
            "let training write a row for each example."
        )
    rows = _Rows(where, {name: _plain(where, table, name) for name in wanted.all})
    return from_table(rows.table(wanted, spec), where)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """The columns to read: None where the file does not have one that it need not have."""

    id: str
    target: str | None
    prediction: str | None
    score: str | None
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        roles = (self.id, self.target, self.prediction, self.score)
        return tuple(dict.fromkeys([*(name for name in roles if name is not None), *self.others]))


def _wanted(file: PredictionsFile, where: str, spec: PredictionsSpec) -> _Wanted:
    """The columns that are there, when all that have to be are."""
    groups = (spec.group,) if spec.group else ()
    needed = {"id": spec.id, **{role: getattr(spec, role) for role in spec.named}}
    roles = [*needed.items(), *(("group", name) for name in groups)]
    roles += [*(("slices", name) for name in spec.slices), *(("columns", name) for name in spec.columns)]
    for role, name in roles:
        if name not in file.names:
            raise _missing(file, where, role, name)
    wanted = _Wanted(
        id=spec.id,
        target=spec.target if spec.target in file.names else None,
        prediction=spec.prediction if spec.prediction in file.names else None,
        score=spec.score if spec.score in file.names else None,
        others=(*groups, *spec.slices, *spec.columns),
    )
    for name in wanted.all:
        if file.names.count(name) > 1:
            raise BrokenPredictionsError(
                f"{where} has {file.names.count(name)} columns of the name {quoted(name)}; give each its own."
            )
    if not (wanted.prediction or wanted.score or spec.columns):
        raise BrokenPredictionsError(
            f"{where} has {counted(file.rows(), 'row')} and no predictions in them: none of its columns ({_listed(file.names)}) is "
            f'{quoted(spec.prediction)} or {quoted(spec.score)}; name the right one as "prediction" or "score" '
            'under "predictions" in the configuration.'
        )
    return wanted


def _missing(file: PredictionsFile, where: str, role: str, name: str) -> BrokenPredictionsError:
    if not any(any(letter.isalpha() for letter in cell) for cell in file.names):
        return BrokenPredictionsError(
            f"{where} has no header: its first line is {_listed(file.names)}; write the columns' names there."
        )
    if len(file.names) == 1 and (mark := next((mark for mark in ";\t|" if mark in file.names[0]), None)):
        return BrokenPredictionsError(
            f"{where} has only the column {quoted(file.names[0])}, since {quoted(mark)} parts its values; write commas."
        )
    near = get_close_matches(name, file.names, n=1)
    hint = f"did you mean {quoted(near[0])}? Name" if near else "name"
    return BrokenPredictionsError(
        f"{where} has {counted(file.rows(), 'row')} and no column {quoted(name)} ({role}), only {_listed(file.names)}; "
        f'{hint} the right one as "{role}" under "predictions" in the configuration, or let training write it.'
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(map(quoted, names[:12])) + more


def _plain(where: str, table: pa.Table, name: str) -> pa.Array:
    try:
        return values.plain(table.column(name))
    except values.NotPlainError as error:
        raise BrokenPredictionsError(
            f"{where}: the column {quoted(name)} {error} ({counted(table.num_rows, 'row')}); correct what training writes."
        ) from error


class _Rows:
    """The columns of one file, in its order, and what is said of rows that are wrong."""

    def __init__(self, where: str, columns: dict[str, pa.Array]) -> None:
        self._where = where
        self._columns = columns

    def table(self, wanted: _Wanted, spec: PredictionsSpec) -> pa.Table:
        """All columns, sorted by id, under the names that they are kept by."""
        import pyarrow as pa

        ids = self._names(wanted.id, "give every example an id")
        order = self._order(ids, wanted.id)
        found = {"id": ids, **self._labels(wanted)}
        if wanted.score:
            found["score"] = self._numbers(wanted.score)
        if spec.group:
            remedy = "say for every row which group it is in; a row that stands alone is a group of its own"
            found["group"] = self._names(spec.group, remedy)
        found |= {SLICE + name: values.slice_names(self._columns[name]) for name in spec.slices}
        found |= {COLUMN + name: self._numbers(name) for name in spec.columns}
        return pa.table(found if order is None else {name: column.take(order) for name, column in found.items()})

    def _names(self, name: str, remedy: str) -> pa.Array:
        """Ids of examples or groups: whole numbers or text."""
        self._check_there(name, remedy)
        found = values.typed(self._columns[name])
        self._check_finite(name, found, remedy)
        return values.name_like(found)

    def _order(self, ids: pa.Array, name: str) -> pa.Array | None:
        """The rows as they are sorted by id, None where they are sorted already. No id may stand there twice."""
        import numpy as np
        import pyarrow.compute as pc

        if values.rising(ids):
            return None
        sorted_rows = pc.sort_indices(ids)
        ordered = ids.take(sorted_rows)
        same = pc.equal(ordered.slice(1), ordered.slice(0, len(ordered) - 1)).to_numpy(zero_copy_only=False)
        if not same.any():
            return sorted_rows
        order = sorted_rows.to_numpy()
        repeated = np.zeros(len(ids), dtype=np.bool_)
        repeated[order[1:][same]] = repeated[order[:-1][same]] = True
        first = int(repeated.argmax())
        rows = (np.flatnonzero(pc.equal(ids, ids[first]).to_numpy(zero_copy_only=False)) + 1)[:3]
        raise BrokenPredictionsError(
            f"{self._where}: in the column {quoted(name)}, {repeated.sum():,} of {len(ids):,} rows have an id that another "
            f"row has, first {quoted(str(ids[first]))} in rows {' and '.join(map(str, rows))}; "
            "give each example an id of its own, and write it once."
        )

    def _labels(self, wanted: _Wanted) -> dict[str, pa.Array]:
        """The targets and the predictions, as far as there are such columns."""
        names = {"target": wanted.target, "prediction": wanted.prediction}
        found = {}
        for role, name in names.items():
            if name is not None:
                self._check_there(name, "write a label or a number for each example, or leave the example out")
                found[role] = values.typed(self._columns[name])
                self._check_finite(name, found[role], "correct what training writes, or leave the example out")
        if wanted.target is not None and wanted.prediction is not None:
            both = values.labels_alike(self._columns[wanted.target], self._columns[wanted.prediction])
            found = dict(zip(names, both, strict=True))
        return found

    def _numbers(self, name: str) -> pa.Array:
        """A column of numbers, all finite."""
        remedy = "write a finite number for each example, or leave the example out"
        self._check_there(name, remedy)
        array = self._columns[name]
        found, wrong = values.numbers(array)
        if wrong.any():
            said = quoted(str(array[int(wrong.argmax())])) + " "
            raise self._wrong(name, wrong, "there is text where a number is needed", remedy, said)
        self._check_finite(name, found, remedy)
        return found

    def _check_there(self, name: str, remedy: str) -> None:
        missing = self._columns[name].is_null().to_numpy(zero_copy_only=False)
        if missing.any():
            raise self._wrong(name, missing, "there is no value", remedy)

    def _check_finite(self, name: str, array: pa.Array, remedy: str) -> None:
        import numpy as np
        import pyarrow as pa

        if pa.types.is_floating(array.type):
            wrong = ~np.isfinite(array.to_numpy(zero_copy_only=False))
            if wrong.any():
                kind = "NaN" if np.isnan(array[int(wrong.argmax())].as_py()) else "an infinite number"
                raise self._wrong(name, wrong, f"there is {kind}", remedy)

    def _wrong(
        self, name: str, wrong: NDArray[np.bool_], what: str, remedy: str, first: str = ""
    ) -> BrokenPredictionsError:
        """The error about the rows where `wrong` is true. Rows count from 1, under the header."""
        return BrokenPredictionsError(
            f"{self._where}: in the column {quoted(name)}, {what} in {int(wrong.sum()):,} of {counted(len(wrong), 'row')}, "
            f"first {first}in row {int(wrong.argmax()) + 1}; {remedy}."
        )
