"""The small language of fixtures: `run(accuracy=0.9, loss=[3, 2, 1])` is a run, `result(base, head, accuracy="higher")` a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ml_ci.compare.comparison import Change, compare
from ml_ci.compare.gate import decide
from ml_ci.config import Policy, Rule, Tolerance
from ml_ci.records import Baseline, DataVersion, Environment, Image, Metric, Origin, Run
from ml_ci.result import Failure, Result

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


def failed(message: str, log: str = "", exit_code: int = 3) -> Result:
    """A job whose training failed: no numbers, one sentence, the end of the log."""
    empty = Result(key="default", base=Baseline(commit=BASE, origin="none"), head=None, head_origin="none")
    return replace(
        empty,
        head_commit=HEAD,
        failure=Failure(message=message, exit_code=exit_code, log_tail=log),
        timings={"training": 3.4},
    )
