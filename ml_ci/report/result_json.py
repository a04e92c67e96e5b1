"""`result.json`: the whole result for programs, in strict JSON of schema 1."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Literal, TypedDict

from ml_ci.compare.comparison import Change, MetricDifference
from ml_ci.compare.judgement import Judgement, SliceJudgement
from ml_ci.records import Accepted, Origin, Run
from ml_ci.report.presentation import Plot
from ml_ci.report.view import all_warnings
from ml_ci.result import Result, Results, TestSetUse

SCHEMA = 1


class SideJson(TypedDict):
    """One side; null where there is no run of it."""

    commit: str | None
    run_id: str | None
    origin: Origin
    status: str | None
    dirty: bool | None
    fingerprint: str | None
    train_seconds: float | None


class MetricJson(TypedDict):
    """One metric; direction, outcome and what belongs to it are null where it has no rule.

    `bounds` are the one-sided bounds of the difference, which decide; `margin` is what it may lose at most, and
    `detectable` and `needed` (in `unit`) say what an inconclusive rule is short of.
    """

    name: str
    base: float | None
    head: float | None
    delta: float | None
    relative: float | None
    direction: str | None
    interval: list[float] | None
    method: str | None
    outcome: str | None
    rule: str | None
    evidence: str | None
    bounds: list[float] | None
    margin: float | None
    detectable: float | None
    needed: int | None
    unit: str | None
    notes: list[str]


class SliceJson(TypedDict):
    """One metric in one slice; numbers are null where the slice is too small to be looked at."""

    metric: str
    direction: str
    column: str
    value: str
    size: int
    outcome: str
    base: float | None
    head: float | None
    interval: list[float] | None
    bounds: list[float] | None
    margin: float | None
    worse: bool


class UseJson(TypedDict):
    """How worn the test set is; null where that is not known."""

    digest: str
    verdicts: int
    examples: int | None
    supported: int | None


class ChangeJson(TypedDict):
    """One thing that differs; null where a side does not have it."""

    name: str
    base: str | None
    head: str | None


class PlotJson(TypedDict):
    """One plot; its path is relative to the output folder."""

    name: str
    path: str
    alt: str


class RuleChangeJson(TypedDict):
    """One rule that head changes; `part` is its key, empty for the whole; null where a side does not have it."""

    name: str
    part: str
    base: str | None
    head: str | None
    effect: str


class AcceptedJson(TypedDict):
    """Who let it through although the verdict is no pass, when, and on which pull request."""

    by: str
    at: str
    pull: int


class ResultJson(TypedDict):
    """The document; its schema is docs/result.schema.json.

    `models` holds the documents of all models, where there are several; then this one has just their `key` and `verdict`.
    """

    schema: int
    verdict: str
    key: str
    base: SideJson
    head: SideJson
    metrics: list[MetricJson]
    slices: list[SliceJson]
    test_set: UseJson | None
    params: list[ChangeJson]
    data: list[ChangeJson]
    environment: list[ChangeJson]
    plots: list[PlotJson]
    warnings: list[str]
    timings: dict[str, float | None]
    rules: list[RuleChangeJson]
    rules_of: Literal["base", "head"]
    accepted: AcceptedJson | None
    models: list[ResultJson]


def result_json(result: Result, plots: Sequence[Plot] = ()) -> str:
    """The document as text. A value that JSON cannot hold is null, with a warning that names it."""
    return json.dumps(document(result, plots), allow_nan=False, indent=2) + "\n"


def models_json(results: Results, plots: Sequence[Sequence[Plot]]) -> str:
    """The document of several models as text; `plots` are each one's, in the folder that has its key."""
    nobody: SideJson = {
        **_side("head", None, "none", None, _Unfit()),
        "commit": next((result.head_commit for result in results.results if result.head_commit), None),
    }
    base = next((result.base.commit for result in results.results if result.base.commit), None)
    found: ResultJson = {
        "schema": SCHEMA,
        "verdict": results.verdict,
        "key": results.key,
        "base": {**nobody, "commit": base},
        "head": nobody,
        "metrics": [],
        "slices": [],
        "test_set": None,
        "params": [],
        "data": [],
        "environment": [],
        "plots": [],
        "warnings": [],
        "timings": {},
        "rules": [],
        "rules_of": "base" if any(result.rules_of_base for result in results.results) else "head",
        "accepted": _accepted(next((result.accepted for result in results.results if result.accepted), None)),
        "models": [document(result, own, f"{result.key}/") for result, own in zip(results.results, plots, strict=True)],
    }
    return json.dumps(found, allow_nan=False, indent=2) + "\n"


def document(result: Result, plots: Sequence[Plot] = (), folder: str = "") -> ResultJson:
    """The document; metrics with a rule come first, in the order of the rules, then the others by name.

    `folder` is where the plots are, seen from where the document will be.
    """
    unfit = _Unfit()
    comparison = result.comparison
    judged = result.decision.judgements if result.decision else ()
    names = {judgement.rule.metric for judgement in judged}
    metrics = [_metric(judgement.difference, judgement, unfit) for judgement in judged]
    if comparison:
        metrics += [_metric(row, None, unfit) for row in comparison.metrics if row.name not in names]
    slices = [_slice(judgement, unfit) for judgement in result.decision.slices] if result.decision else []
    base_commit = result.base.commit or (result.base.run.commit if result.base.run else None)
    head_commit = result.head_commit or (result.head.commit if result.head else None)
    base = _side("base", base_commit, result.base.origin, result.base.run, unfit)
    head = _side("head", head_commit, result.head_origin, result.head, unfit)
    timings = {step: unfit.checked(f"the time of {step}", seconds) for step, seconds in result.timings.items()}
    first = [result.failure.message] if result.failure else [result.not_accepted] if result.not_accepted else []
    return {
        "schema": SCHEMA,
        "verdict": result.verdict,
        "key": result.key,
        "base": base,
        "head": head,
        "metrics": metrics,
        "slices": slices,
        "test_set": _test_set(result.test_set),
        "params": _changes(comparison.params if comparison else ()),
        "data": _changes(comparison.data if comparison else ()),
        "environment": _changes(comparison.environment if comparison else ()),
        "plots": [{"name": plot.name, "path": f"{folder}plots/{plot.path.name}", "alt": plot.alt} for plot in plots],
        "warnings": [*first, *all_warnings(result), *unfit.warnings],
        "timings": timings,
        "rules": [
            {
                "name": change.name,
                "part": change.part,
                "base": change.base,
                "head": change.head,
                "effect": change.effect,
            }
            for change in result.rules
        ],
        "rules_of": "base" if result.rules_of_base else "head",
        "accepted": _accepted(result.accepted),
        "models": [],
    }


class _Unfit:
    """Collects a warning for each value that JSON cannot hold."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def checked(self, name: str, value: float | None) -> float | None:
        if value is None or math.isfinite(value):
            return value
        self.warnings.append(f"{name} is {value}, which JSON cannot hold, so it is null here.")
        return None

    def pair(self, name: str, found: tuple[float, float] | None) -> list[float] | None:
        """Both ends, or null where either of them does not fit."""
        ends = [self.checked(f"a bound of the {name}", end) for end in found or ()]
        kept = [end for end in ends if end is not None]
        return kept if len(kept) == 2 else None


def _side(name: str, commit: str | None, origin: Origin, run: Run | None, unfit: _Unfit) -> SideJson:
    return {
        "commit": commit,
        "run_id": run.run_id if run else None,
        "origin": origin,
        "status": run.status if run else None,
        "dirty": run.dirty if run else None,
        "fingerprint": run.fingerprint if run else None,
        "train_seconds": unfit.checked(f"the training time of {name}", run.train_seconds) if run else None,
    }


def _metric(row: MetricDifference, judgement: Judgement | None, unfit: _Unfit) -> MetricJson:
    return {
        "name": row.name,
        "base": unfit.checked(f"{row.name} of base", row.base),
        "head": unfit.checked(f"{row.name} of head", row.head),
        "delta": unfit.checked(f"the difference of {row.name}", row.delta),
        "relative": unfit.checked(f"the relative difference of {row.name}", row.relative),
        "direction": judgement.rule.direction if judgement else None,
        "interval": unfit.pair(f"interval of {row.name}", judgement.interval) if judgement else None,
        "method": judgement.method if judgement else None,
        "outcome": judgement.outcome if judgement else None,
        "rule": judgement.limit if judgement else None,
        "evidence": judgement.evidence if judgement else None,
        "bounds": unfit.pair(f"one-sided bounds of {row.name}", judgement.bounds) if judgement else None,
        "margin": unfit.checked(f"the margin of {row.name}", judgement.margin) if judgement else None,
        "detectable": unfit.checked(f"what is detectable of {row.name}", judgement.detectable) if judgement else None,
        "needed": judgement.needed if judgement else None,
        "unit": judgement.unit if judgement else None,
        "notes": list(judgement.notes) if judgement else [],
    }


def _slice(judgement: SliceJudgement, unfit: _Unfit) -> SliceJson:
    name = f"{judgement.metric} where {judgement.column} is {judgement.value}"
    return {
        "metric": judgement.metric,
        "direction": judgement.direction,
        "column": judgement.column,
        "value": judgement.value,
        "size": judgement.size,
        "outcome": judgement.outcome,
        "base": unfit.checked(f"{name} of base", judgement.base),
        "head": unfit.checked(f"{name} of head", judgement.head),
        "interval": unfit.pair(f"interval of {name}", judgement.interval),
        "bounds": unfit.pair(f"one-sided bounds of {name}", judgement.bounds),
        "margin": unfit.checked(f"the margin of {name}", judgement.margin),
        "worse": judgement.worse,
    }


def _test_set(use: TestSetUse | None) -> UseJson | None:
    if use is None:
        return None
    return {"digest": use.digest, "verdicts": use.verdicts, "examples": use.examples, "supported": use.supported}


def _accepted(accepted: Accepted | None) -> AcceptedJson | None:
    return {"by": accepted.by, "at": accepted.at, "pull": accepted.pull} if accepted else None


def _changes(changes: Iterable[Change]) -> list[ChangeJson]:
    return [{"name": change.name, "base": change.base, "head": change.head} for change in changes]
