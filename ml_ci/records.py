"""A run, and the record that it is written as.

A *run* is what one training left behind. A *record* is a run as one JSON document, versioned by `SCHEMA`, so that
it can be kept where there is no MLflow server: in the output folder and on the data branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from ml_ci.config_yaml import printable, quoted
from ml_ci.data_plots import DataPlot
from ml_ci.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1

Origin = Literal["found", "same-inputs", "trained", "none"]
"""How a run came about: read from MLflow or the records, another run with an equal fingerprint, trained now, or not at all."""


class _Document:
    """What pydantic is to do with these dataclasses; a plain dict, so that it is not imported for it."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "ser_json_inf_nan": "strings"}


@dataclass(frozen=True, kw_only=True)
class Metric(_Document):
    """One metric of a run.

    `value` is what MLflow calls the latest one, that of the largest step; NaN and infinities are kept as they are.
    `history` holds (step, value) pairs by rising step, empty or of length 1 where there is no curve.
    `source` is `mlflow`, or the path of the file that it was read from, or computed from.
    `repeats` holds the value of each training where there were several (seeds 0, 1, …); `value` is then their mean.
    `curves` are then the histories of all of them, in the same order, of which `history` is the first.
    """

    value: float
    history: tuple[tuple[int, float], ...] = ()
    source: str = "mlflow"
    repeats: tuple[float, ...] = ()
    curves: tuple[tuple[tuple[int, float], ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataVersion(_Document):
    """One file or directory under DVC as its `.dvc` file or `dvc.lock` names it. `size` is in bytes."""

    path: str
    hash: str
    size: int | None = None
    files: int | None = None


@dataclass(frozen=True, kw_only=True)
class Environment(_Document):
    """What training ran in: Python's version, the platform (`Linux-x86_64`), installed distributions by name."""

    python: str = ""
    platform: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Image(_Document):
    """An image that training wrote: its path in the repository, and the SHA-256 of its bytes, by which it is stored."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class KeptPredictions(_Document):
    """The predictions that are kept with a run: the SHA-256 of the Parquet file, and its number of rows."""

    sha256: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Accepted(_Document):
    """Who let a pull request through although its verdict was no pass, and when: GitHub's clock, UTC in ISO 8601."""

    by: str
    at: str
    pull: int


@dataclass(frozen=True, kw_only=True)
class Run(_Document):
    """What one training left behind.

    `commit` is the true SHA (on a pull request the head commit, not GitHub's merge of it); `dirty` says that the
    working tree differed from it. `fingerprint` is the hash of everything that training reads. `status` is MLflow's
    (`FINISHED`, `FAILED`, …). `started` is UTC in ISO 8601. `peak_memory` is in bytes, of the whole process group.
    `train_seconds` is the sum where there were several trainings, `peak_memory` their largest.
    `test_set` is the digest of the examples that the metrics were measured on: of ids and targets where there are
    predictions, else of all data under DVC; empty where neither is known.
    `importance` is how much each feature matters to the model, by name, as the run logged it or the model has it.
    `plots` are DVC's, as data. `accepted` is there where somebody let it through although it is worse than its base.
    """

    commit: str
    key: str = "default"
    run_id: str | None = None
    dirty: bool = False
    fingerprint: str = ""
    status: str = "FINISHED"
    command: str = ""
    started: str = ""
    train_seconds: float | None = None
    peak_memory: int | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataVersion, ...] = ()
    environment: Environment = field(default_factory=Environment)
    images: tuple[Image, ...] = ()
    test_set: str = ""
    predictions: KeptPredictions | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    plots: tuple[DataPlot, ...] = ()
    accepted: Accepted | None = None
    warnings: tuple[str, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, kw_only=True)
class Past(_Document):
    """One line of a branch's history: the metrics of one recorded run, and the test set that they were measured on."""

    commit: str
    started: str
    test_set: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The base's run and how it came about; `run` is None exactly when `origin` is `none`, and `why` says why."""

    commit: str | None
    origin: Origin
    run: Run | None = None
    why: str = ""


def write_record(run: Run) -> str:
    """The run as strict JSON; NaN and infinities become the strings `NaN`, `Infinity`, `-Infinity`."""
    return _adapter().dump_json(run).decode() + "\n"


def read_record(text: str | bytes, where: str) -> Run:
    """The run of a record. Raises ConfigError, naming `where`, for anything that is not a record of this schema."""
    from pydantic import ValidationError

    try:
        run = _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = quoted(".".join(str(part) for part in first["loc"])) if first["loc"] else "the document"
        why = printable(first["msg"])[:300]
        raise ConfigError(f"{where} is not a record of ml-ci: {place}: {why}.") from error
    if run.schema != SCHEMA:
        raise ConfigError(
            f"{where} is a record of schema {run.schema}; this ml-ci reads schema {SCHEMA}: update ml-ci."
        )
    return run


@cache
def _adapter() -> TypeAdapter[Run]:
    # pydantic is imported here so that `ml-ci --help` does not pay for it
    from pydantic import TypeAdapter

    return TypeAdapter(Run)
