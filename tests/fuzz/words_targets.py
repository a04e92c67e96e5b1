"""Readers of what people and ml-ci itself write: the configuration, records, the conditions of `ml-ci plan`."""

from __future__ import annotations

from pathlib import Path

from ml_ci.compare.condition_parser import parse as parse_condition
from ml_ci.config import Config, training_digest, unused_warnings
from ml_ci.config_keys import DATA, ENVIRONMENT, POLICY, PREDICTIONS, RULE, SLICE, TOP
from ml_ci.config_reader import parse as parse_config
from ml_ci.records import Image, KeptPredictions, Run, read_record, write_record
from tests.fuzz.target import Target
from tests.runs import run

CONFIG = b"""train: python train.py
working-directory: churn
environment: {requirements: requirements.txt}
timeout: 2h
data: {pull: [data/train.csv]}
inputs: ["**", "!docs/**"]
metrics: [metrics.json]
predictions:
  path: predictions.parquet
  id: id
  slices: [region]
  metrics: [accuracy, roc_auc]
  columns: [ndcg]
repeats: 3
gate:
  accuracy: {direction: higher, min: 0.90, max-regression: 0.005}
  rmse:     {direction: lower,  max: 4.0,  max-regression: 2%}
slices:
  - {metric: accuracy, max-regression: 0.02, min-size: 50}
policy:
  confidence: 0.95
  inconclusive: pass
  no-baseline: fail
baseline: auto
key: churn
"""
MODELS = b"""key: all
models:
  churn: {working-directory: churn, gate: {accuracy: {direction: higher, max-regression: 0.01}}}
  price: {working-directory: price, train: make, policy: {rules: head}}
"""
_KEYS = tuple(dict.fromkeys((*TOP, *RULE, *SLICE, *POLICY, *DATA, *ENVIRONMENT, *PREDICTIONS)))
_VALUES = (
    "higher",
    "lower",
    "auto",
    "none",
    "found",
    "head",
    "base",
    "2h",
    "1%",
    "0.005",
    "accuracy",
    "f1",
    "churn",
    "*.py",
)


def _read_config(content: bytes, _: Path) -> None:
    config = parse_config(content, ".ml-ci.yml")
    for model in (config, *config.models):
        _use(model)


def _use(config: Config) -> None:
    """What of it every job asks for at once."""
    training_digest(config)
    unused_warnings(config)
    assert all(name.strip() == name and name.isprintable() for name in config.gated)


def _read_record(content: bytes, _: Path) -> None:
    written = write_record(read_record(content, "records/default/0.json"))
    assert write_record(read_record(written, "the same")) == written


def _read_condition(content: bytes, _: Path) -> None:
    condition = parse_condition(content.decode(errors="replace"))
    assert str(parse_condition(str(condition))) == str(condition)


def _record() -> bytes:
    whole: Run = run(accuracy=0.9, loss=[3, 2, float("nan")], params={"depth": "3"}, data={"a.csv": "d41d8"})
    return write_record(whole).encode()


_RECORD_WORDS = (
    *Run.__dataclass_fields__,
    *Image.__dataclass_fields__,
    *KeptPredictions.__dataclass_fields__,
    *(
        "value",
        "history",
        "source",
        "curves",
        "repeats",
        "NaN",
        "Infinity",
        "path",
        "hash",
        "size",
        "files",
        "by",
        "at",
    ),
)
_CONDITIONS = (
    b"n - o > 0.02 +/- 0.01 /\\ d < 0.1 +/- 0.01",
    b"n > 0.8 +/- 0.05",
    b"n - 1.1 * (o - .5) > -1e-2 +- 0.01",
)

TARGETS = (
    Target(
        name="config",
        read=_read_config,
        examples=(CONFIG, MODELS),
        words=(*_KEYS, *_VALUES, *(f"{key}: " for key in _KEYS)),
        kind="yaml",
    ),
    Target(name="record", read=_read_record, examples=(_record(),), words=_RECORD_WORDS, kind="json"),
    Target(
        name="condition",
        read=_read_condition,
        examples=_CONDITIONS,
        words=(
            "n",
            "o",
            "d",
            " > ",
            " < ",
            " +/- ",
            "±",
            "+-",
            "/\\",
            "∧",
            "(",
            ")",
            "*",
            "-",
            "−",
            "0.01",
            "1e9",
            "1e-9",
            ">=",
        ),
    ),
)
