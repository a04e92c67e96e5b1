"""The small language of fixtures: `run(accuracy=0.9, loss=[3, 2, 1])` is a run, `result(base, head, accuracy="higher")` a result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ml_ci.compare.comparison import Change, MetricDifference, compare
from ml_ci.compare.gate import decide, describe
from ml_ci.compare.judgement import Decision, Judgement, Outcome, SliceJudgement, SliceOutcome, Verdict
from ml_ci.config import Policy, Rule, Tolerance
from ml_ci.records import Baseline, DataVersion, Environment, Image, KeptPredictions, Metric, Origin, Run
from ml_ci.result import Failure, Result, TestSetUse

HEAD = "1f0e2d3c4b5a69788796a5b4c3d2e1f001234567"
BASE = "ba5e0123456789abcdef0123456789abcdef0123"

Values = float | Sequence[float]


def run(
    commit: str = HEAD,
    *,
    metrics: Mapping[str, Values] | None = None,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    packages: Mapping[str, str] | None = None,
    images: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    status: str = "FINISHED",
    dirty: bool = False,
    **named: Values,
) -> Run:
    """A finished run. A number is a metric; a list is its history by step, whose last value it has.

    `metrics` is for names that Python does not allow. `data` maps paths to hashes, `images` paths to SHA-256.
    """
    return Run(
        commit=commit,
        run_id=f"run-{commit[:7]}",
        fingerprint=f"sha256:{commit[::-1]}",
        status=status,
        dirty=dirty,
        command="python train.py",
        started="2025-01-01T00:00:00Z",
        train_seconds=12.5,
        metrics={name: metric(values) for name, values in {**named, **(metrics or {})}.items()},
        params=dict(params or {}),
        data=tuple(DataVersion(path=path, hash=hash_, size=12_345) for path, hash_ in (data or {}).items()),
        environment=Environment(python="3.12.1", platform="Linux-x86_64", packages=dict(packages or {})),
        images=tuple(Image(path=path, sha256=sha) for path, sha in (images or {}).items()),
        warnings=tuple(warnings),
    )


def metric(values: Values) -> Metric:
    """`0.9` is a metric without a curve, `[3, 2, 1]` one with the steps 0, 1 and 2."""
    if isinstance(values, int | float):
        return Metric(value=float(values))
    return Metric(value=float(values[-1]), history=tuple((step, float(value)) for step, value in enumerate(values)))


def rule(
    name: str,
    direction: Literal["higher", "lower"] = "higher",
    *,
    min: float | None = None,  # noqa: A002 - the word of the configuration
    max: float | None = None,  # noqa: A002
    regression: float | str | None = None,
) -> Rule:
    """A rule as the configuration writes it: `regression=0.005`, or `regression="2%"`."""
    tolerance = None
    if isinstance(regression, str):
        tolerance = Tolerance(value=float(regression.removesuffix("%")) / 100, relative=True)
    elif regression is not None:
        tolerance = Tolerance(value=regression)
    return Rule(metric=name, direction=direction, min=min, max=max, max_regression=tolerance)


def result(
    base: Run | None,
    head: Run,
    *rules: Rule,
    policy: Policy | None = None,
    origin: Origin | None = None,
    why: str = "",
    code: Sequence[str] = (),
    images: Mapping[str, Path] | None = None,
    warnings: Sequence[str] = (),
    head_origin: Origin = "trained",
) -> Result:
    """What a job finds for these two runs and rules. `origin` of the base is `found`, or `none` without one."""
    policy = policy or Policy()
    comparison = compare(base, head)
    decision = decide(comparison, rules, policy)
    return Result(
        key=head.key,
        base=Baseline(commit=BASE, origin=origin or ("found" if base else "none"), run=base, why=why),
        head=head,
        head_origin=head_origin,
        head_commit=head.commit,
        comparison=comparison,
        decision=decision,
        code=tuple(Change(name=path, base="", head="") for path in code),
        images=dict(images or {}),
        warnings=tuple(warnings),
        timings={"data": 1.2, "training": 12.5, "compare": 0.02},
        allowed=decision.verdict == "pass" or (decision.verdict == "inconclusive" and policy.inconclusive == "pass"),
    )


def judged(
    name: str,
    base: float,
    head: float,
    outcome: Outcome,
    interval: tuple[float, float] | None = None,
    *,
    margin: float = 0.005,
    direction: Literal["higher", "lower"] = "higher",
    said: str = "",
    detectable: float | None = None,
    needed: int | None = None,
    notes: Sequence[str] = (),
) -> Judgement:
    """What a rule said of 1,000 predictions; of two numbers without an `interval`. The bounds are a tenth inside of it.

    `said` follows the metric's name in its sentence.
    """
    kind = "predictions: 1,000 examples" if interval else "two numbers"
    inside = 0.1 * (interval[1] - interval[0]) if interval and math.isfinite(interval[1] - interval[0]) else 0.0
    rule_ = rule(name, direction, regression=margin)
    return Judgement(
        rule=rule_,
        difference=MetricDifference(name=name, base=base, head=head, delta=head - base, relative=None),
        outcome=outcome,
        why=f"{name} ({base} → {head}) {said}",
        limit=describe(rule_),
        method="paired bootstrap" if interval else "tolerance",
        evidence=kind,
        interval=interval,
        bounds=(interval[0] + inside, interval[1] - inside) if interval else None,
        margin=margin,
        sentence=f"{name} {said}" if said else "",
        detectable=detectable,
        needed=needed,
        unit="examples" if interval else None,
        notes=tuple(notes),
    )


def part(
    value: str,
    size: int,
    base: float | None = None,
    head: float | None = None,
    outcome: SliceOutcome = "shown",
    *,
    half_width: float = 0.02,
    margin: float | None = None,
    worse: bool = False,
    metric: str = "accuracy",
    column: str = "region",
) -> SliceJudgement:
    """What was found in one slice; nothing where it has no numbers."""
    delta = head - base if base is not None and head is not None else None
    return SliceJudgement(
        metric=metric,
        direction="higher",
        column=column,
        value=value,
        size=size,
        outcome=outcome,
        base=base,
        head=head,
        interval=None if delta is None else (delta - half_width, delta + half_width),
        bounds=None if delta is None else (delta - 0.8 * half_width, delta + 0.8 * half_width),
        margin=margin,
        worse=worse,
    )


def scored(found: Run | None, test_set: str) -> Run:
    """The same run with predictions on this test set."""
    assert found is not None
    return replace(found, test_set=test_set, predictions=KeptPredictions(sha256=64 * "0", rows=1000))


def decided(
    found: Result,
    verdict: Verdict,
    *judgements: Judgement,
    slices: Sequence[SliceJudgement] = (),
    reasons: Sequence[str] = (),
    notes: Sequence[str] = (),
    test_set: TestSetUse | None = None,
) -> Result:
    """The same result with this decision; its reasons are those of the judgements that decided, unless they are given."""
    deciding = [judgement.why for judgement in judgements if judgement.outcome == verdict != "pass"]
    why = tuple(reasons or deciding)
    decision = Decision(
        verdict=verdict,
        why=" ".join(why) or "Every rule holds.",
        judgements=judgements,
        slices=tuple(slices),
        reasons=why,
        notes=tuple(notes),
    )
    return replace(found, decision=decision, test_set=test_set, allowed=verdict != "fail")


def failed(message: str, log: str = "", exit_code: int = 3) -> Result:
    """A job whose training failed: no numbers, one sentence, the end of the log."""
    empty = Result(key="default", base=Baseline(commit=BASE, origin="none"), head=None, head_origin="none")
    return replace(
        empty,
        head_commit=HEAD,
        failure=Failure(message=message, exit_code=exit_code, log_tail=log),
        timings={"training": 3.4},
    )
