"""Base beside head: every metric, parameter, data set and library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ml_ci.records import DataVersion, Run


@dataclass(frozen=True, kw_only=True)
class MetricDifference:
    """One metric on both sides; a side is None where the run lacks it, and keeps NaN or an infinity where it has it.

    `delta` is head − base. `relative` is (head − base) / |base|: 0.90 → 0.99 is +0.1, and so is −10 → −9.
    Both are None where a side is missing or not finite, or they are too large for a float; `relative` also where base
    is 0.
    """

    name: str
    base: float | None
    head: float | None
    delta: float | None
    relative: float | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One parameter, data set, library or file that differs; a side is None where it is not there."""

    name: str
    base: str | None
    head: str | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that differs between two runs, and all metrics, whether they differ or not; each tuple sorted by name."""

    metrics: tuple[MetricDifference, ...]
    params: tuple[Change, ...]
    data: tuple[Change, ...]
    environment: tuple[Change, ...]


def compare(base: Run | None, head: Run) -> Comparison:
    """Set `head` beside `base`; without a base every metric stands alone and nothing counts as changed."""
    return Comparison(
        metrics=_metrics(base, head),
        params=_changes(base.params, head.params) if base else (),
        data=_data(base.data, head.data) if base else (),
        environment=_changes(_libraries(base), _libraries(head)) if base else (),
    )


def changed_files(base: Mapping[str, str], head: Mapping[str, str]) -> tuple[Change, ...]:
    """The files, by path with a hash of their content, that differ.

    A side is None where the file is not there, and empty where it is: what a file says does not fit into a line.
    """
    return tuple(
        Change(name=path, base="" if path in base else None, head="" if path in head else None)
        for path in sorted(base.keys() | head.keys())
        if base.get(path) != head.get(path)
    )


def _metrics(base: Run | None, head: Run) -> tuple[MetricDifference, ...]:
    before = base.metrics if base else {}
    return tuple(
        _difference(
            name,
            before[name].value if name in before else None,
            head.metrics[name].value if name in head.metrics else None,
        )
        for name in sorted(before.keys() | head.metrics.keys())
    )


def _difference(name: str, base: float | None, head: float | None) -> MetricDifference:
    delta = relative = None
    if base is not None and head is not None and math.isfinite(base) and math.isfinite(head):
        delta = _finite(head - base)
        if base != 0 and delta is not None:
            relative = _finite(delta / abs(base))
    return MetricDifference(name=name, base=base, head=head, delta=delta, relative=relative)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _changes(base: Mapping[str, str], head: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(name=name, base=base.get(name), head=head.get(name))
        for name in sorted(base.keys() | head.keys())
        if base.get(name) != head.get(name)
    )


def _data(base: tuple[DataVersion, ...], head: tuple[DataVersion, ...]) -> tuple[Change, ...]:
    before, after = ({version.path: version for version in versions} for versions in (base, head))
    return tuple(
        _data_change(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if path not in before or path not in after or before[path].hash != after[path].hash
    )


def _data_change(path: str, base: DataVersion | None, head: DataVersion | None) -> Change:
    for digits in (8, 64):
        change = Change(name=path, base=_describe(base, digits), head=_describe(head, digits))
        if change.base != change.head:
            break
    return change


def _describe(version: DataVersion | None, digits: int) -> str | None:
    """The version in words that a reviewer compares: the start of the hash, the size, the number of files."""
    if version is None:
        return None
    parts = [version.hash.removesuffix(".dir")[:digits]]
    if version.size is not None:
        parts.append(f"{version.size:,} bytes")
    if version.files is not None:
        parts.append(f"{version.files:,} files")
    return ", ".join(parts)


def _libraries(run: Run) -> dict[str, str]:
    environment = run.environment
    own = {"python": environment.python, "platform": environment.platform}
    return {name: version for name, version in {**own, **environment.packages}.items() if version}
