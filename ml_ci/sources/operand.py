"""The operands of `ml-ci compare`: a record, a metrics file, or an MLflow run id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ml_ci.errors import ConfigError, TrainingError
from ml_ci.foreign_json import parsed
from ml_ci.records import Run, read_record
from ml_ci.sources.metric_files import read_metrics
from ml_ci.sources.tracking import Tracking

RUN_ID = re.compile(r"[0-9a-f]{32}")


def read_operand(operand: str, variables: Mapping[str, str]) -> Run:
    """The run that an operand names. Raises ConfigError where it is none of the three.

    A file is a record if it is a JSON object with `schema` and `metrics`, else a metrics file. An MLflow run id is
    looked up on the server of MLFLOW_TRACKING_URI.
    """
    path = Path(operand)
    if path.is_file():
        text = path.read_bytes()
        if _is_record(text):
            return read_record(text, operand)
        try:
            metrics, warnings = read_metrics(path, operand)
        except TrainingError as error:
            what = str(error).rpartition("; ")[0]  # the rest says what to do where training wrote it
            raise ConfigError(f"{what}; name a record, a metrics file, or an MLflow run id.") from error
        if not metrics:
            raise ConfigError(f"{operand} holds no metric: name a record, a metrics file, or an MLflow run id.")
        return Run(commit="", metrics=metrics, warnings=tuple(warnings))
    if not RUN_ID.fullmatch(operand):
        raise ConfigError(f"{operand} is neither a file here nor an MLflow run id (32 hexadecimal digits).")
    uri = variables.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise ConfigError(f"{operand} looks like an MLflow run id: set MLFLOW_TRACKING_URI to the server that has it.")
    return Tracking(uri, variables, shared=True).by_id(operand)


def predictions_of(operand: str, run: Run, variables: Mapping[str, str]) -> bytes | None:
    """The Parquet file of predictions that was kept with an operand's run, unverified; None where there is none.

    It is beside the record, or, for a record in an output folder, among the records there.
    """
    if run.predictions is None:
        return None
    path, uri = Path(operand), variables.get("MLFLOW_TRACKING_URI")
    if path.is_file():
        places = (path.with_suffix(".parquet"), path.parent / "records" / run.key / f"{run.commit}.parquet")
        return next((place.read_bytes() for place in places if place.is_file()), None)
    return Tracking(uri, variables, shared=True).predictions(run) if uri else None


def _is_record(text: bytes) -> bool:
    try:
        document = parsed(text)
    except ValueError:
        return False
    return isinstance(document, dict) and "schema" in document and "metrics" in document
