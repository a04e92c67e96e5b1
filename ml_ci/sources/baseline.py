"""The baseline: where base's run comes from, and what to say when there is none.

`found` → `same-inputs` → `trained`, in this order (design, section 2). Looking is here; training is the job's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ml_ci.records import Baseline, Run
from ml_ci.sources.record_store import RunStore

Wanted = Literal["auto", "found", "train", "none"]


@dataclass(frozen=True)
class Known:
    """A baseline that needs no training: its run, and the store that it came from, which has its images too."""

    baseline: Baseline
    run: Run
    store: RunStore


def look_for(key: str, commit: str, fingerprint: str | None, stores: Sequence[RunStore]) -> Known | None:
    """The base commit's run in one of the stores, else another commit's run with an equal fingerprint.

    `fingerprint` is that of the base, None where it is not known: then only the commit is looked for.
    """
    for store in stores:
        run = store.by_commit(key, commit)
        if run:
            baseline = Baseline(commit=commit, origin="found", run=run, why=f"in {store.name}")
            return Known(baseline, run, store)
    for store in stores if fingerprint else ():
        run = store.by_fingerprint(key, fingerprint or "")
        if run:
            why = f"the run of {run.commit[:12]} in {store.name}, whose inputs were equal"
            return Known(Baseline(commit=commit, origin="same-inputs", run=run, why=why), run, store)
    return None


def last_record(key: str, stores: Sequence[RunStore]) -> Known | None:
    """The newest run that was recorded, of whatever commit."""
    for store in stores:
        run = store.latest(key)
        if run:
            why = f"the last record in {store.name}"
            return Known(Baseline(commit=run.commit, origin="found", run=run, why=why), run, store)
    return None


def without_training(wanted: Wanted, stores: Sequence[RunStore], commit: str) -> Baseline:
    """The baseline `none`, for a configuration that forbids to train base; it says where was looked."""
    if wanted == "none":
        return Baseline(commit=commit, origin="none", why="the configuration says `baseline: none`")
    places = ", ".join(store.name for store in stores) or "no store at all"
    return Baseline(
        commit=commit, origin="none", why=f"no run of {commit[:12]} was found (looked in: {places}), `baseline: found`"
    )
