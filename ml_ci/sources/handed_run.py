"""One side's record as it was handed over, with its predictions: checked, bounded, and made anew."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sized
from dataclasses import dataclass, replace
from pathlib import Path

from ml_ci.config_yaml import quoted
from ml_ci.data_plots import MOST_PLOTS
from ml_ci.errors import ConfigError
from ml_ci.records import KeptPredictions, Run, read_record
from ml_ci.sources.archive import LARGEST_PARQUET, not_ours
from ml_ci.sources.handed_parquet import rewritten
from ml_ci.sources.handed_plots import is_drawable
from ml_ci.sources.handed_result import COMMIT
from ml_ci.sources.images import MOST_IMAGES
from ml_ci.sources.strict_json import is_there, parse_strict, read_bytes
from ml_ci.thinning import bounded

LARGEST_RECORD = 10_000_000
"""Bytes; a usual one has some ten thousand, and one with as many curves and plots as are kept a million."""
MOST_VALUES = 10_000
"""Metrics, parameters, packages, data versions, features."""
MOST_WARNINGS = 1_000
MOST_REPEATS = 1_000
MOST_REPEATED = 100_000
"""Values of all trainings and metrics together: two bytes of each are thirty in memory, and an artifact has many records."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"[0-9A-Za-z:_.-]{0,100}")
"""What is noted on the data branch of each verdict: a digest, and not as much text as somebody likes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HandedSide:
    """One side's run as far as it can be used, and its predictions as they are kept; None where it has none."""

    run: Run
    parquet: bytes | None = None


def read_side(folder: Path, side: str, key: str) -> HandedSide:
    """The run of `SIDE.json`, with the predictions of `SIDE.parquet`. Raises HandoverError."""
    name = f"{side}.json"
    text = read_bytes(folder / name, name, LARGEST_RECORD)
    parse_strict(text, name)
    try:
        run = read_record(text, name)
    except ConfigError as error:
        raise not_ours(str(error).rstrip(".")) from error
    _check(run, name, key)
    # who let it through, and what it is called in MLflow, is not for the pull request to say
    run = replace(run, accepted=None, run_id=None, metrics=bounded(run.metrics)[0])
    return _with_predictions(run, folder / f"{side}.parquet")


def _with_predictions(run: Run, path: Path) -> HandedSide:
    """The predictions in Parquet written anew, when they are those that the record names."""
    if run.predictions is None:
        return HandedSide(run=run)
    if not is_there(path, path.name):
        # too large to be handed over: the verdict rests on weaker evidence, and says so
        return HandedSide(run=run)
    content = read_bytes(path, path.name, LARGEST_PARQUET)
    if hashlib.sha256(content).hexdigest() != run.predictions.sha256:
        raise not_ours(f"{path.name} is not what {path.stem}.json names (SHA-256)")
    anew = rewritten(content, path.name)
    kept = KeptPredictions(sha256=hashlib.sha256(anew.content).hexdigest(), rows=anew.rows)
    return HandedSide(run=replace(run, predictions=kept, test_set=anew.test_set), parquet=anew.content)


def _check(run: Run, name: str, key: str) -> None:
    if run.key != key:
        raise not_ours(f"{name} is of the key {quoted(run.key)} and not of {quoted(key)}")
    if not COMMIT.fullmatch(run.commit):
        raise not_ours(f"{quoted(run.commit)} in {name} is no commit")
    if not (_DIGEST.fullmatch(run.test_set) and _DIGEST.fullmatch(run.fingerprint)):
        raise not_ours(f"the test set or the fingerprint in {name} is no digest")
    counted: list[tuple[str, Sized, int]] = [
        ("metrics", run.metrics, MOST_VALUES),
        ("parameters", run.params, MOST_VALUES),
        ("packages", run.environment.packages, MOST_VALUES),
        ("versions of data", run.data, MOST_VALUES),
        ("features", run.importance, MOST_VALUES),
        ("images", run.images, MOST_IMAGES),
        ("plots", run.plots, MOST_PLOTS),
        ("warnings", run.warnings, MOST_WARNINGS),
    ]
    for metric in run.metrics.values():
        counted += [("trainings", metric.repeats, MOST_REPEATS), ("trainings", metric.curves, MOST_REPEATS)]
    if sum(len(metric.repeats) for metric in run.metrics.values()) > MOST_REPEATED:
        raise not_ours(f"{name} has more than {MOST_REPEATED:,} values of repeated trainings")
    for what, values, most in counted:
        if len(values) > most:
            raise not_ours(f"{name} has more than {most:,} {what}")
    if not all(_SHA256.fullmatch(image.sha256) for image in run.images):
        raise not_ours(f"{name} has an image whose SHA-256 is none")
    for plot in run.plots:
        if not is_drawable(plot):
            raise not_ours(f"{name} has a plot ({quoted(plot.name)}) that ml-ci does not write")
