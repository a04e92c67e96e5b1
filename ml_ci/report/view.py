"""What a report says, decided once for every outlet: headline, rows, changes, facts. Nothing is escaped yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ml_ci import numbers
from ml_ci.compare.comparison import Change, MetricDifference
from ml_ci.compare.judgement import Judgement, Outcome
from ml_ci.records import Origin, Run
from ml_ci.report.certainty import Certainty, certainty, unsaid
from ml_ci.report.headline import Headline, headline, no_baseline
from ml_ci.report.rule_words import rule_sentences, whose_rules
from ml_ci.report.wear import worn
from ml_ci.result import Result

OUTCOMES: dict[Outcome, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "no-baseline": "⚠️ not compared",
    "missing": "❌ missing",
}

_MINUS = re.compile(r"(?<!\S)-(?=\d)")


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
    """The whole report. `changed` and `unchanged` are the metrics without a rule; `log` is the end of a failed training's.

    `rules` are what the change does to the rules that it is judged by, a line each; `whose_rules` says which count.
    `nothing_moved` says that it passes and no number of it differs from base's: there is little to say.
    """

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
    nothing_moved: bool = False
    certainty: Certainty = field(default_factory=Certainty)
    rules: tuple[str, ...] = ()
    whose_rules: str = ""

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
        headline=headline(result),
        gated=tuple(_gated_row(judgement) for judgement in gated),
        changed=tuple(_row(row) for row in rest if compared and _moved(row)),
        unchanged=tuple(_row(row) for row in rest if not (compared and _moved(row))),
        changes=tuple(group for group in known if group.changes),
        same=tuple(group.title for group in known if not group.changes),
        warnings=all_warnings(result),
        sides=(_head_side(result), _base_side(result)),
        timings=tuple((step, numbers.seconds(value)) for step, value in result.timings.items()),
        log=result.failure.log_tail if result.failure else "",
        rules=rule_sentences(result),
        whose_rules=whose_rules(result),
        compared=compared,
        same_inputs=result.head_origin == "same-inputs",
        nothing_moved=compared and result.verdict == "pass" and not moved(result),
        certainty=_certainty(result),
    )


def moved(result: Result) -> bool:
    """Whether any number is not what it is on base, of the metrics or in a slice; so too where there is nothing to compare."""
    if result.comparison is None or result.decision is None or result.base.run is None:
        return True
    slices = ((judgement.base, judgement.head) for judgement in result.decision.slices)
    return any(_moved(row) for row in result.comparison.metrics) or any(
        base is not None and head is not None and not numbers.same(base, head) for base, head in slices
    )


def _certainty(result: Result) -> Certainty:
    if result.decision is None:
        return Certainty()
    found = certainty(result.decision, result.test_set, all_warnings(result))
    # where nothing was trained again there is no chance to know of
    return replace(found, plain=()) if result.head_origin == "same-inputs" else found


def _gated_row(judgement: Judgement) -> MetricRow:
    row = judgement.difference
    # a number that the rule did not take, as training's word for broken predictions, is not shown as head's
    taken = row.head if judgement.outcome != "missing" else None
    base, head = numbers.pair(row.base, taken, judgement.interval)
    return MetricRow(
        name=row.name,
        base=base,
        head=head,
        delta=numbers.change(row.base, taken, judgement.rule.direction, judgement.interval),
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
    if row.base is None or row.head is None:
        return row.base is not row.head
    return not (numbers.same(row.base, row.head) or (row.base != row.base and row.head != row.head))


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
    """Whether all that changed in a file is shown by itself: in DVC's notes data, in files of parameters these.

    A file of parameters in which a comment changed, too, is not told from one in which it did not.
    """
    if result.comparison is None:
        return False
    if change.name.endswith(".dvc") or PurePosixPath(change.name).name == "dvc.lock":
        return bool(result.comparison.data)
    changed = result.parameters.get(change.name, frozenset())
    return bool(changed) and changed <= {parameter.name for parameter in result.comparison.params}


def all_warnings(result: Result) -> tuple[str, ...]:
    """The job's warnings, those of both runs, and that the test set is worn out; each once."""
    said_of_head = {*result.warnings, *(result.head.warnings if result.head else ())}
    runs = [(result.head, "")] + ([(result.base.run, "Base: ")] if result.base.run is not result.head else [])
    own = [
        f"{prefix}{warning}"
        for run, prefix in runs
        if run
        for warning in run.warnings
        # what is so on both sides is said of the change once
        if not prefix or warning not in said_of_head
    ]
    own = [warning for warning in own if warning not in result.warnings]
    wear = [text] if (text := worn(result.test_set)) else []
    said = " ".join(result.decision.reasons) if result.decision else ""
    return tuple(dict.fromkeys([*unsaid(result.warnings, said), *unsaid(own, said), *wear]))


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
