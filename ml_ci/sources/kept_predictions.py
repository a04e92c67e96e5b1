"""Predictions as they are kept beside a record: one Parquet file with columns of fixed names, and the same bytes each time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from ml_ci.config_yaml import quoted
from ml_ci.predictions import Predictions
from ml_ci.sources.broken_predictions import LARGEST_FILE, BrokenPredictionsError
from ml_ci.sources.examples_digest import examples_digest
from ml_ci.sources.parquet_predictions import open_parquet
from ml_ci.sources.prediction_values import NotPlainError, as_arrow, as_numpy, name_like, plain, rising

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ml_ci.predictions import Ids, Numbers

SLICE, COLUMN = "slice:", "column:"
"""What the names of slices and of per-example values begin with in the file."""

_NAMES = ("int64", "string")
_TYPES = {
    "id": _NAMES,
    "target": ("int64", "double", "bool", "string"),
    "prediction": ("int64", "double", "bool", "string"),
    "score": ("double",),
    "group": _NAMES,
    SLICE: ("string",),
    COLUMN: ("double",),
}
_ENCODINGS = {
    "PLAIN",
    "RLE",
    "BIT_PACKED",
    "RLE_DICTIONARY",
    "PLAIN_DICTIONARY",
    "DELTA_BINARY_PACKED",
    "BYTE_STREAM_SPLIT",
}
"""Those that are written. In others a few bytes may stand for gigabytes of text."""
_MOST_COLUMNS = 1000
_ROWS_OF_A_GROUP = 1_000_000


def to_parquet(predictions: Predictions) -> bytes:
    """The predictions as a Parquet file that holds nothing of when, where and by which version it was written.

    The columns are `id`, `target`, `prediction`, `score`, `group`, `slice:NAME` and `column:NAME`, as far as there are
    such. `source` and `test_set` are not kept: whoever reads the file names it, and the digest follows from the rest.
    """
    from pyarrow import parquet

    table = _table(predictions)
    whole = [field.name for field in table.schema if field.name == "id" and field.type == "int64"]
    floats = [field.name for field in table.schema if field.type == "double"]
    out = io.BytesIO()
    parquet.write_table(
        table,
        out,
        version="2.6",
        compression="zstd",
        compression_level=9,
        # sorted whole numbers by their steps, floats byte by byte: a third of the size
        column_encoding={**dict.fromkeys(whole, "DELTA_BINARY_PACKED"), **dict.fromkeys(floats, "BYTE_STREAM_SPLIT")},
        use_dictionary=[
            field.name for field in table.schema if field.type in ("string", "int64") and field.name not in whole
        ],
        write_statistics=False,
        store_schema=False,
        row_group_size=_ROWS_OF_A_GROUP,
    )
    return out.getvalue()


def from_parquet(content: bytes, where: str) -> Predictions:
    """The predictions that `to_parquet` wrote. Nothing is taken on trust: whoever can push can write such a file.

    Raises BrokenPredictionsError, naming `where`, for anything that `to_parquet` does not write.
    """
    if len(content) > LARGEST_FILE:
        raise _strange(where, f"has {len(content):,} bytes")
    file = open_parquet(io.BytesIO(content), where)
    _check_schema(file.schema, where)
    if file.metadata.num_row_groups > file.rows() // _ROWS_OF_A_GROUP + 1:
        raise _strange(where, f"has {file.metadata.num_row_groups:,} groups of rows")
    for chunk in file.chunks(file.names):
        if not set(chunk.encodings) <= _ENCODINGS:
            raise _strange(where, f"has the encodings {', '.join(chunk.encodings)} in {quoted(chunk.path_in_schema)}")
    table = file.read(file.names)
    if not table.num_rows:
        raise _strange(where, "has 0 rows")
    return from_table(_checked(table, file.schema, where), where)


def from_table(table: pa.Table, where: str) -> Predictions:
    """The predictions in a table that is as `to_parquet` writes it; `where` is their source."""
    columns = {name: _array(table.column(name)) for name in table.column_names}
    target = columns.get("target")

    def named(start: str) -> dict[str, pa.Array]:
        return {name.removeprefix(start): column for name, column in columns.items() if name.startswith(start)}

    return Predictions(
        source=where,
        test_set=examples_digest(columns["id"], target),
        id=cast("Ids", as_numpy(columns["id"])),
        target=as_numpy(target) if target is not None else None,
        prediction=as_numpy(columns["prediction"]) if "prediction" in columns else None,
        score=cast("Numbers", as_numpy(columns["score"])) if "score" in columns else None,
        group=cast("Ids", as_numpy(columns["group"])) if "group" in columns else None,
        slices={name: cast("NDArray[np.str_]", as_numpy(column)) for name, column in named(SLICE).items()},
        columns={name: cast("Numbers", as_numpy(column)) for name, column in named(COLUMN).items()},
    )


def _array(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays(column.chunks)


def _table(predictions: Predictions) -> pa.Table:
    import pyarrow as pa

    roles = ("id", "target", "prediction", "score", "group")
    found = {role: getattr(predictions, role) for role in roles}
    found |= {SLICE + name: column for name, column in predictions.slices.items()}
    found |= {COLUMN + name: column for name, column in predictions.columns.items()}
    return pa.table({name: as_arrow(column) for name, column in found.items() if column is not None})


def _check_schema(schema: pa.Schema, where: str) -> None:
    if len(schema.names) > _MOST_COLUMNS:
        raise _strange(where, f"has {len(schema.names):,} columns")
    for field in schema:
        start = next((start for start in (SLICE, COLUMN) if field.name.startswith(start) and field.name != start), None)
        types = _TYPES.get(start or field.name, ())
        if field.name in (SLICE, COLUMN) or str(field.type) not in types or schema.names.count(field.name) > 1:
            raise _strange(where, f"has a column {quoted(field.name)} of the type {quoted(str(field.type))}")
    if "id" not in schema.names:
        raise _strange(where, 'has no column "id"')
    if not any(name in ("prediction", "score") or name.startswith(COLUMN) for name in schema.names):
        raise _strange(where, "has no predictions in it")


def _checked(table: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """The table with its text no longer as dictionaries, when every value is one that is written."""
    import numpy as np
    import pyarrow as pa

    columns = {}
    for field in schema:
        try:
            column = plain(table.column(field.name))
        except NotPlainError as error:
            raise _strange(where, f"has a column {quoted(field.name)} that {error}") from error
        if field.name.startswith(SLICE):
            column = column.cast(pa.string()).fill_null("")
        if column.null_count or column.type != field.type:
            raise _strange(where, f"has no value in some rows of the column {quoted(field.name)}")
        if field.type == "double" and not np.isfinite(column.to_numpy()).all():
            raise _strange(where, f"has numbers that are not finite in the column {quoted(field.name)}")
        columns[field.name] = column
    ids = columns["id"]
    if name_like(ids).type != ids.type or not rising(ids):
        raise _strange(where, "is not sorted by id, or has an id twice")
    return pa.table(columns)


def _strange(where: str, what: str) -> BrokenPredictionsError:
    return BrokenPredictionsError(
        f"{where} {what}, which ml-ci does not write; delete it, and it is made anew by the next run on this commit."
    )
