"""What a report says, decided once for every outlet: headline, rows, changes, facts. Nothing is escaped yet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from ml_ci import numbers
from ml_ci.compare.comparison import Change, MetricDifference
from ml_ci.compare.gate import Decision, Judgement, Outcome
from ml_ci.records import Origin, Run
from ml_ci.result import Result

OUTCOMES: dict[Outcome, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "no-baseline": "⚠️ not compared",
    "missing": "❌ missing",
}

_MINUS = re.compile(r"(?<!\S)-(?=\d)")

Tone = Literal["good", "bad", "unsure", "warning"]


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first line: `icon` and `word` for the verdict, `why` for the rule that decided it, `more` for the other ones.

    `title` is the key, empty for the default one. `gate` says what the policy makes of it, where the verdict does not.
    """

    tone: Tone
    icon: str
    word: str
    title: str
    why: str
    more: tuple[str, ...] = ()
    gate: str = ""


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric as it is printed; the last four are empty where it has no rule."""

    name: str
    base: str
    head: str
    delta: str
    interval: str = ""
    limit: str = ""
    outcome: str = ""
    method: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """One kind of thing that differs: `Code`, `Parameters`, `Data`, `Environment`."""

    title: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side's facts in words. `commit` is empty where there is none."""

    name: str
    commit: str
    origin: str
    dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class View:
    """The whole report. `changed` and `unchanged` are the metrics without a rule; `log` is the end of a failed training's."""

    headline: Headline
    gated: tuple[MetricRow, ...] = ()
    changed: tuple[MetricRow, ...] = ()
    unchanged: tuple[MetricRow, ...] = ()
    changes: tuple[ChangeGroup, ...] = ()
    same: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sides: tuple[Side, ...] = ()
    timings: tuple[tuple[str, str], ...] = ()
    log: str = ""
    compared: bool = False
    same_inputs: bool = False

    @property
    def has_intervals(self) -> bool:
        """Whether any rule was judged with an interval, so that its column is worth its place."""
        return any(row.interval for row in self.gated)


def view(result: Result) -> View:
    """Everything that the result says, in the words and the order in which people read it."""
    compared = result.comparison is not None and result.base.run is not None
    gated = result.decision.judgements if result.decision else ()
    names = {judgement.rule.metric for judgement in gated}
    rest = [row for row in result.comparison.metrics if row.name not in names] if result.comparison else []
    groups = _groups(result)
    # two files of metrics say nothing of the code and the data that they came from
    fingerprinted = compared and result.head is not None and bool(result.head.fingerprint)
    known = groups if fingerprinted else [group for group in groups if group.changes]
    return View(
        headline=_headline(result),
        gated=tuple(_gated_row(judgement) for judgement in gated),
        changed=tuple(_row(row) for row in rest if compared and _moved(row)),
        unchanged=tuple(_row(row) for row in rest if not (compared and _moved(row))),
        changes=tuple(group for group in known if group.changes),
        same=tuple(group.title for group in known if not group.changes),
        warnings=all_warnings(result),
        sides=(_head_side(result), _base_side(result)),
        timings=tuple((step, numbers.seconds(value)) for step, value in result.timings.items()),
        log=result.failure.log_tail if result.failure else "",
        compared=compared,
        same_inputs=result.head_origin == "same-inputs",
    )


def no_baseline(result: Result) -> str:
    """Why there was nothing to compare with; empty where there was, or where training failed."""
    if result.failure or result.base.run is not None:
        return ""
    return result.base.why or "no run of it was found, and it was not trained."


def _headline(result: Result) -> Headline:
    title = "" if result.key == "default" else result.key
    if result.failure:
        return Headline(tone="warning", icon="⚠️", word="Error", title=title, why=result.failure.message)
    if result.decision is None:
        raise ValueError("a result without a failure has a decision")
    tone, icon, word, reasons = _words(result, result.decision)
    gate = "The policy lets the merge through." if result.allowed else "The policy holds the merge back."
    expected = {"pass": result.allowed, "fail": not result.allowed}
    return Headline(
        tone=tone,
        icon=icon,
        word=word,
        title=title,
        why=reasons[0],
        more=tuple(reasons[1:]),
        gate="" if expected.get(result.verdict) else gate,
    )


def _words(result: Result, decision: Decision) -> tuple[Tone, str, str, list[str]]:
    judgements = decision.judgements
    if decision.verdict == "fail":
        return (
            "bad",
            "❌",
            "Fail",
            _reasons(judgements, "fail", "missing") or _reasons(judgements, "no-baseline") or [decision.why],
        )
    if decision.verdict == "inconclusive":
        return "unsure", "❔", "Inconclusive", _reasons(judgements, "inconclusive") or [decision.why]
    if result.base.run is None or any(judgement.outcome == "no-baseline" for judgement in judgements):
        return "warning", "⚠️", "Pass, but not compared", [_uncompared(result)]
    if result.head_origin == "same-inputs":
        return "good", "✅", "Pass", ["nothing that matters to training changed."]
    if not judgements:
        return "warning", "⚠️", "Pass, but not judged", ["the configuration has no `gate`, so nothing holds this back."]
    return "good", "✅", "Pass", [_summary(judgements)]


def _reasons(judgements: Iterable[Judgement], *outcomes: Outcome) -> list[str]:
    return [judgement.why for outcome in outcomes for judgement in judgements if judgement.outcome == outcome]


def _summary(judgements: tuple[Judgement, ...]) -> str:
    """Why it passes, with the numbers: the gated metrics as base → head, the first few of them."""
    shown = [_arrow(judgement.difference) for judgement in judgements[:3]]
    rest = len(judgements) - len(shown)
    more = f" and {rest} more" if rest else ""
    rules = "its rule holds" if len(judgements) == 1 else f"all {len(judgements)} rules hold"
    return f"{', '.join(shown)}{more}; {rules}."


def _arrow(difference: MetricDifference) -> str:
    base, head = numbers.pair(difference.base, difference.head)
    return (
        f"{difference.name} {base}\u00a0→\u00a0{head}" if difference.base is not None else f"{difference.name} {head}"
    )


def _uncompared(result: Result) -> str:
    if result.base.run is None:
        return "there was no base to compare with."
    judgements = result.decision.judgements if result.decision else ()
    names = ", ".join(judgement.rule.metric for judgement in judgements if judgement.outcome == "no-baseline")
    return f"the base has no number to hold against {names}."


def _gated_row(judgement: Judgement) -> MetricRow:
    row = judgement.difference
    base, head = numbers.pair(row.base, row.head)
    return MetricRow(
        name=row.name,
        base=base,
        head=head,
        delta=numbers.change(row.base, row.head, judgement.rule.direction),
        interval=numbers.interval(judgement.interval) if judgement.interval else "",
        limit=_MINUS.sub("−", judgement.limit) or numbers.NOTHING,
        outcome=OUTCOMES[judgement.outcome],
        method=judgement.method or "",
    )


def _row(row: MetricDifference) -> MetricRow:
    base, head = numbers.pair(row.base, row.head)
    delta = numbers.change(row.base, row.head, None)
    if row.base is None or row.head is None:
        delta = "new" if row.base is None else "gone"
    return MetricRow(name=row.name, base=base, head=head, delta=delta)


def _moved(row: MetricDifference) -> bool:
    return row.base != row.head and not (row.base != row.base and row.head != row.head)


def _groups(result: Result) -> list[ChangeGroup]:
    groups = [
        ChangeGroup(title="Code", changes=tuple(change for change in result.code if not _shown_below(change, result)))
    ]
    if result.comparison:
        groups += [
            ChangeGroup(title="Parameters", changes=result.comparison.params),
            ChangeGroup(title="Data", changes=result.comparison.data),
            ChangeGroup(title="Environment", changes=result.comparison.environment),
        ]
    return groups


def _shown_below(change: Change, result: Result) -> bool:
    """Whether a file that changed is only DVC's note of data that changed, which is shown by itself."""
    is_note = change.name.endswith(".dvc") or PurePosixPath(change.name).name == "dvc.lock"
    return is_note and result.comparison is not None and bool(result.comparison.data)


def all_warnings(result: Result) -> tuple[str, ...]:
    """The job's warnings and those of both runs, each once."""
    runs = [(result.head, "")] + ([(result.base.run, "Base: ")] if result.base.run is not result.head else [])
    own = [f"{prefix}{warning}" for run, prefix in runs if run for warning in run.warnings]
    return tuple(dict.fromkeys([*result.warnings, *(warning for warning in own if warning not in result.warnings)]))


def _head_side(result: Result) -> Side:
    run = result.head
    words: dict[Origin, str] = {
        "trained": f"trained now{_took(run)}",
        "same-inputs": "not trained, as its inputs are those of the base",
        "found": "its run was found",
        "none": "no run",
    }
    return Side(
        name="Head",
        commit=result.head_commit or (run.commit if run else ""),
        origin=words[result.head_origin],
        dirty=run.dirty if run else False,
    )


def _base_side(result: Result) -> Side:
    base = result.base
    words: dict[Origin, str] = {
        "found": "its run was found",
        "same-inputs": "not trained, as a run with the same inputs was found",
        "trained": f"trained now{_took(base.run)}, as no run of it was found",
        "none": "no run",
    }
    said = base.origin == "trained" or no_baseline(result)
    why = f" ({base.why.rstrip('.')})" if base.why and not said else ""
    return Side(
        name="Base",
        commit=base.commit or (base.run.commit if base.run else ""),
        origin=words[base.origin] + why,
        dirty=base.run.dirty if base.run else False,
    )


def _took(run: Run | None) -> str:
    return f" in {numbers.seconds(run.train_seconds)}" if run and run.train_seconds is not None else ""
