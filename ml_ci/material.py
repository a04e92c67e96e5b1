"""What a verdict stands on besides two runs: predictions of both sides, the base branch's history, the test set's use.

What stores have of it is fetched beside training, as bytes; it is read afterwards, when all that reading imports is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml_ci.compare.found import Material
from ml_ci.config import Config
from ml_ci.errors import MlCiError, OutsideError
from ml_ci.harvest import Finished
from ml_ci.predictions import Predictions
from ml_ci.records import Past, Run
from ml_ci.sources.baseline import Known
from ml_ci.sources.record_store import Records, RunStore, too_large_to_keep
from ml_ci.sources.verdict_counts import VerdictCounts

HISTORY = 30
"""So many records of the base branch are looked at: older ones were made by code of long ago."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What stores have: the base's predictions as they were kept, the branch's history, the counts of verdicts.

    None where there is none, or it could not be read; then a warning says so.
    """

    parquet: bytes | None = None
    history: tuple[Past, ...] = ()
    counts: VerdictCounts | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """One side's predictions; where there are none, `why_none` says why. `trained`: in this job, and not found."""

    predictions: Predictions | None = None
    why_none: str = ""
    trained: bool = False


def fetch(
    config: Config,
    known: Known | None,
    stores: Sequence[RunStore],
    counting: Records | None,
    *,
    same_inputs: bool = False,
) -> Stored:
    """Ask the stores. That one does not answer costs evidence, and nothing else.

    The branch's history is fetched wherever there is a gate, for the trend; with `same_inputs` only where a rule may need
    it as evidence, since then nothing is trained, nothing drawn, and this is waited for.
    """
    parquet: bytes | None = None
    history: tuple[Past, ...] = ()
    counts: VerdictCounts | None = None
    warnings: list[str] = []
    if config.predictions and known:
        try:
            parquet = known.store.predictions(known.run)
        except MlCiError as error:
            warnings.append(f"The base's predictions could not be read: {error}")
    wanted = any(rule.max_regression or not same_inputs for rule in config.gate)
    if wanted and config.baseline != "none":
        try:
            # the longest: on a laptop there may be a few records of its own beside those of the branch
            history = max((store.history(config.key, HISTORY) for store in stores), key=len, default=())
        except MlCiError as error:
            warnings.append(f"The base branch's history could not be read: {error}")
    if counting:
        try:
            counts = counting.verdict_counts(config.key)
        except OutsideError as error:
            warnings.append(f"How often the test set was used is not known: {error}")
    return Stored(parquet=parquet, history=history, counts=counts, warnings=tuple(warnings))


def trained(finished: Finished) -> Scored:
    """The predictions of a side that was trained in this job."""
    return Scored(predictions=finished.predictions, why_none=finished.without_predictions, trained=True)


def kept(run: Run, parquet: bytes | None) -> Scored:
    """The predictions that were kept with a run, verified: other bytes than the record names are as good as none."""
    if run.predictions is None:
        return Scored(why_none="its run was kept without them.")
    if parquet is None:
        return Scored(why_none="they are not there any more.")
    if hashlib.sha256(parquet).hexdigest() != run.predictions.sha256:
        return Scored(why_none="what was kept of them is not what its record names (SHA-256), so it does not count.")
    from ml_ci.sources.kept_predictions import from_parquet
    from ml_ci.sources.predictions import BrokenPredictionsError

    try:
        return Scored(predictions=from_parquet(parquet, f"the predictions kept with {run.commit[:12]}"))
    except BrokenPredictionsError as error:
        return Scored(why_none=str(error))


def kept_base(run: Run, parquet: bytes | None) -> Scored:
    """The predictions that were kept with the base's run; where it is older than the wish for them, when there will be."""
    scored = kept(run, parquet)
    if run.predictions is not None:
        return scored
    if too_large_to_keep(run):
        return replace(scored, why_none="they were too large for its record.")
    when = "from the next record of the base branch on, examples are compared"
    return replace(scored, why_none=f"{scored.why_none.rstrip('.')}; {when}.")


def of_runs(config: Config, base: Run, head: Run, base_parquet: bytes | None, head_parquet: bytes | None) -> Material:
    """The material of two runs that exist, with the predictions that were kept of them.

    Two plain metrics files are of no commit, and nobody could have kept predictions with them.
    """
    if not base.commit and not head.commit:
        return Material()
    return material(config, kept(base, base_parquet), kept(head, head_parquet), ())


def material(config: Config, base: Scored | None, head: Scored, history: tuple[Past, ...]) -> Material:
    """Put it together. `base` is None where there is no base at all."""
    sides = [("Head", head), ("The base", base)]
    why = [
        f"{name} has no predictions: {side.why_none}"
        for name, side in sides
        if config.predictions and side and side.predictions is None
    ]
    return Material(
        base=base.predictions if base else None,
        head=head.predictions,
        history=history,
        without_predictions=" ".join(why),
        head_lost=head.why_none if config.predictions and head.trained and head.predictions is None else "",
    )
