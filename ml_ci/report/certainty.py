"""How sure the verdict is, in words: what each rule's evidence says, the slices, and how worn the test set is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_ci import numbers
from ml_ci.compare.judgement import Decision, Judgement, SliceJudgement, SliceOutcome
from ml_ci.result import TestSetUse

_SLICE_OUTCOMES: dict[SliceOutcome, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "shown": numbers.NOTHING,
    "too small": "too small",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the evidence says of one rule, in plain English; `open` says what would settle it where it does not."""

    name: str
    text: str
    open: str = ""


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What one rule's outcome stands on, as it is printed; a dash where there is nothing."""

    name: str
    evidence: str
    method: str
    bounds: str
    margin: str
    detectable: str
    needed: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """A sentence on what the evidence is worth; `name` is the metric, empty where it is of the slices."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """One metric in one slice, as it is printed."""

    metric: str
    column: str
    value: str
    size: str
    base: str
    head: str
    delta: str
    interval: str
    margin: str
    outcome: str
    bad: bool


@dataclass(frozen=True, kw_only=True)
class Slices:
    """All slices: those that count against head first, then the worst. `small` names those that are not judged.

    `worst` is the first row, None where every slice is too small. `title` says how many there are and what came of them.
    """

    title: str
    rows: tuple[SliceRow, ...]
    small: tuple[str, ...]

    @property
    def worst(self) -> SliceRow | None:
        """The row that is shown even where all others are folded away."""
        return self.rows[0] if self.rows else None


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How sure it all is. `plain` are the metrics that were judged by two numbers only; `wear` is on the test set."""

    findings: tuple[Finding, ...] = ()
    plain: tuple[str, ...] = ()
    grounds: tuple[Grounds, ...] = ()
    notes: tuple[Note, ...] = ()
    slices: Slices | None = None
    wear: str = ""


def certainty(decision: Decision, test_set: TestSetUse | None) -> Certainty:
    """What a decision says of how sure it is; a test set that is worn out is in `worn` instead."""
    relative = [judgement for judgement in decision.judgements if judgement.method]
    return Certainty(
        findings=tuple(_finding(judgement) for judgement in relative if judgement.sentence),
        plain=tuple(judgement.rule.metric for judgement in relative if judgement.interval is None),
        grounds=tuple(_grounds(judgement) for judgement in relative),
        notes=(
            *(Note(name=judgement.rule.metric, text=text) for judgement in relative for text in judgement.notes),
            *(Note(name="", text=text) for text in decision.notes),
        ),
        slices=_slices(decision.slices) if decision.slices else None,
        wear=_wear(test_set) if test_set and not worn(test_set) else "",
    )


def worn(test_set: TestSetUse | None) -> str:
    """The warning that a test set has carried more verdicts than it supports; empty where it has not."""
    if test_set is None or test_set.supported is None or test_set.verdicts <= test_set.supported:
        return ""
    carried = f"This test set has carried {_counted(test_set.verdicts, 'verdict')}"
    size = f"its {test_set.examples:,} examples support" if test_set.examples else "its size supports"
    supported = f"about {test_set.supported:,}" if test_set.supported else "not even one"
    return (
        f"{carried}, and {size} {supported} where each change may have been made with the last verdict in mind: "
        "what passes may be fitted to these examples. Take new ones."
    )


def ordered(slices: Sequence[SliceJudgement]) -> list[SliceJudgement]:
    """The slices that are judged or shown: failed ones, clearly worse ones, and then the rest as they come."""
    judged = [judgement for judgement in slices if judgement.outcome != "too small"]
    return sorted(judged, key=lambda judgement: (judgement.outcome != "fail", not judgement.worse))


def _finding(judgement: Judgement) -> Finding:
    return Finding(
        name=judgement.rule.metric,
        text=judgement.sentence,
        open=_open(judgement) if judgement.outcome == "inconclusive" else "",
    )


def _open(judgement: Judgement) -> str:
    """What this evidence could have seen, and how much of it would settle the rule."""
    unit = judgement.unit or "examples"
    parts = []
    if judgement.detectable is not None:
        parts.append(f"the smallest change that this evidence could have shown is {_two(judgement.detectable)}")
    if judgement.needed is not None:
        parts.append(f"about {_rounded_up(judgement.needed)} {unit} would settle it")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _grounds(judgement: Judgement) -> Grounds:
    needed = f"{_rounded_up(judgement.needed)} {judgement.unit or ''}".strip() if judgement.needed else numbers.NOTHING
    return Grounds(
        name=judgement.rule.metric,
        evidence=judgement.evidence or numbers.NOTHING,
        method=judgement.method or numbers.NOTHING,
        bounds=numbers.interval(judgement.bounds),
        margin=numbers.number(judgement.margin),
        detectable=_two(judgement.detectable),
        needed=needed,
    )


def _slices(slices: Sequence[SliceJudgement]) -> Slices:
    judged = ordered(slices)
    small = [judgement for judgement in slices if judgement.outcome == "too small"]
    names = dict.fromkeys(f"{judgement.column} = {judgement.value} ({judgement.size:,})" for judgement in small)
    counts = [
        (sum(judgement.outcome == "fail" for judgement in judged), "failed"),
        (sum(judgement.outcome == "inconclusive" for judgement in judged), "inconclusive"),
        (sum(judgement.worse and judgement.outcome != "fail" for judgement in judged), "clearly worse"),
        (len(small), "too small to judge"),
    ]
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    places = len({(judgement.column, judgement.value) for judgement in slices})
    metrics = len({judgement.metric for judgement in slices})
    title = _counted(places, "slice") + (f" × {metrics} metrics" if metrics > 1 else "")
    return Slices(
        title=title + (f": {said}" if said else ""),
        rows=tuple(_slice_row(judgement) for judgement in judged),
        small=tuple(names),
    )


def _slice_row(judgement: SliceJudgement) -> SliceRow:
    base, head = numbers.pair(judgement.base, judgement.head)
    outcome = _SLICE_OUTCOMES[judgement.outcome]
    if judgement.worse and judgement.outcome != "fail":
        outcome = "⚠️ clearly worse" if judgement.outcome == "shown" else f"{outcome}, clearly worse"
    return SliceRow(
        metric=judgement.metric,
        column=judgement.column,
        value=judgement.value,
        size=f"{judgement.size:,}",
        base=base,
        head=head,
        delta=numbers.change(judgement.base, judgement.head, judgement.direction),
        interval=numbers.interval(judgement.interval),
        margin=numbers.number(judgement.margin),
        outcome=outcome,
        bad=judgement.outcome == "fail" or judgement.worse,
    )


def _wear(test_set: TestSetUse) -> str:
    text = f"This test set has carried {_counted(test_set.verdicts, 'verdict')}"
    if test_set.supported is None:
        return f"{text}."
    size = f"its {test_set.examples:,} examples support" if test_set.examples else "its size supports"
    return f"{text}; {size} about {test_set.supported:,} before new ones are needed."


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("s" if count != 1 else "")


def _two(value: float | None) -> str:
    return numbers.NOTHING if value is None else numbers.number(float(f"{value:.2g}"))


def _rounded_up(count: int) -> str:
    """A number that is only an estimate: two digits of it, upwards."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // unit) * unit:,}"
