"""`predictions` of `.ml-ci.yml`: the file with one row per evaluated example, and what its columns are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ml_ci import config_values as values
from ml_ci.config import PredictionsSpec
from ml_ci.config_keys import PREDICTIONS, known, read
from ml_ci.config_paths import path
from ml_ci.config_values import mapping, strings
from ml_ci.config_yaml import Field, Items, quoted
from ml_ci.errors import ConfigError

PREDICTION_ENDINGS = (".csv", ".csv.gz", ".parquet")
"""What a predictions file may be, told by the end of its name."""

_ROLES = ("id", "target", "prediction", "score")
"""The columns that have a usual name; one that the file names itself has to be there."""

_MAY_BE_ONE = (
    {"prediction", "score"},  # a forecast of a probability is both
    {"target", "slices"},  # a slice for each class
    {"group", "slices"},
    {"group", "features"},
    {"slices", "features"},
    {"columns", "features"},
)


def predictions(field: Field, folder: str) -> PredictionsSpec:
    """`predictions`, with paths relative to `folder`. Raises ConfigError also where one column has two roles that do
    not go together, since one of them is then a mistake.
    """
    found = known(mapping(field, "{path: predictions.csv}"), PREDICTIONS)
    if "path" not in found:
        raise field.place.error('"predictions" has no path; add one, such as path: predictions.csv.')
    default = PredictionsSpec(path="")
    column: Callable[[Field], str] = _name
    names = partial(_distinct, read=column)
    spec = PredictionsSpec(
        path=_file(found["path"], folder),
        id=read(found, "id", column, default.id),
        target=read(found, "target", column, default.target),
        prediction=read(found, "prediction", column, default.prediction),
        score=read(found, "score", column, default.score),
        group=read(found, "group", column, default.group),
        slices=read(found, "slices", names, default.slices),
        metrics=read(found, "metrics", names, default.metrics),
        columns=read(found, "columns", names, default.columns),
        features=read(found, "features", names, default.features),
        named=frozenset(role for role in _ROLES if role in found),
        metric_places=read(found, "metrics", _places, ()),
    )
    _check_roles(spec, field, found)
    return spec


def _file(field: Field, folder: str) -> str:
    written = path(field, folder)
    if not written.lower().endswith(PREDICTION_ENDINGS):
        raise field.place.error(
            f"{quoted(field.key)}: {quoted(written)} must end in .csv, .csv.gz or .parquet, which says how it is read."
        )
    return written


def _name(field: Field) -> str:
    name = values.text(field)
    if len(name) > values.MAX_METRIC_NAME or not name.isprintable():
        raise field.place.error(
            f"{quoted(name)} can be no column's name: it must be one line of at most {values.MAX_METRIC_NAME} characters."
        )
    return name


def _distinct(field: Field, read: Callable[[Field], str]) -> tuple[str, ...]:
    found = strings(field, read)
    for index, name in enumerate(found):
        if name in found[:index]:
            raise field.place.error(f"{quoted(field.key)} has {quoted(name)} twice; take one out.")
    return found


def _places(field: Field) -> tuple[str, ...]:
    return tuple(str(item.place) for item in field.value.values) if isinstance(field.value, Items) else ()


def _check_roles(spec: PredictionsSpec, field: Field, found: dict[str, Field]) -> None:
    taken = [(role, getattr(spec, role)) for role in (*_ROLES, "group") if getattr(spec, role)]
    taken += [(role, name) for role in ("slices", "columns", "features") for name in getattr(spec, role)]
    for index, (role, name) in enumerate(taken):
        for other, same in taken[:index]:
            if name == same and {role, other} not in _MAY_BE_ONE:
                raise _two_roles(name, other, role, field, found)
    for name in spec.columns:
        if spec.metrics and name in spec.metrics:
            raise found["columns"].place.error(
                f'{quoted(name)} is in "metrics" and in "columns", so it is not clear which is meant; take one out.'
            )


def _two_roles(name: str, first: str, second: str, field: Field, found: dict[str, Field]) -> ConfigError:
    said = found.get(second) or found.get(first) or field
    usual = [
        f'"{role}" is {quoted(name)} unless the file says otherwise' for role in (first, second) if role not in found
    ]
    why = f" ({'; '.join(usual)})" if usual else ""
    return said.place.error(f'the column {quoted(name)} is both "{first}" and "{second}"{why}; name another for one.')
