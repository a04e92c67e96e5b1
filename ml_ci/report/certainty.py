"""How sure the verdict is, in words: what each rule's evidence says, the slices, and how worn the test set is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml_ci import numbers
from ml_ci.compare.judgement import Decision, Judgement, SliceJudgement, SliceOutcome
from ml_ci.compare.wording import causes_once
from ml_ci.report.methods import explained
from ml_ci.report.wear import counted, plan, wear, wear_detail, worn
from ml_ci.result import TestSetUse

_SLICE_OUTCOMES: dict[SliceOutcome, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "shown": numbers.NOTHING,
    "too small": "too small",
}


HOW_DECIDED = (
    "Δ is head − base. A rule passes if its one-sided bound on the worse side is within what is allowed, fails if even its "
    "other bound is not (and by so much that it is not chance among all rules, or all slices, together, by Holm), and is "
    "inconclusive in between. The interval in the table is two-sided, so it is a little wider. A point is 0.01."
)
_DETECTABLE = (
    " Detectable is the distance from the limit that this evidence shows in 80 % of cases, and Needed is how much of it "
    "would settle the answer."
)
CLEARLY_WORSE = (
    "Clearly worse: beyond chance, even when all slices are looked at together (Benjamini-Hochberg). A slice may be so and "
    "still be inconclusive: it is worse, but not surely by more than is allowed."
)
_WORSE_TOO: dict[SliceOutcome, str] = {
    "pass": "✅ pass; clearly worse, within the limit",
    "inconclusive": "❔ inconclusive; clearly worse, maybe within the limit",
    "shown": "⚠️ clearly worse",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the evidence says of one rule, in plain English: `text` goes on from the metric's name."""

    name: str
    text: str


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
    """A sentence on what the evidence is worth, and the metrics that it is said of."""

    names: tuple[str, ...]
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
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> SliceRow | None:
        """The row that is shown even where all others are folded away; None where no slice is known to have changed."""
        changed = any(row.bad or row.delta not in ("=", numbers.NOTHING) for row in self.rows)
        return self.rows[0] if changed else None

    @property
    def of_many(self) -> bool:
        """Whether there is more than one metric, so that its column is worth its place."""
        return len({row.metric for row in self.rows}) > 1


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How sure it all is. `plain` are the metrics that were judged by two numbers only; `wear` is on the test set, and
    `wear_detail` how much of it is left, `plan` the command that says how much it takes. `stands_on` names the evidence and its size.

    `findings` leaves out what the headline says already. `not_judged` are sentences on slices where there are none.
    """

    findings: tuple[Finding, ...] = ()
    plain: tuple[str, ...] = ()
    grounds: tuple[Grounds, ...] = ()
    notes: tuple[Note, ...] = ()
    slices: Slices | None = None
    not_judged: tuple[str, ...] = ()
    wear: str = ""
    wear_detail: str = ""
    plan: str = ""
    stands_on: str = ""

    @property
    def how_decided(self) -> str:
        """What the words of the table mean."""
        detectable = any((row.detectable, row.needed) != (numbers.NOTHING,) * 2 for row in self.grounds)
        methods = explained(row.method for row in self.grounds)
        return HOW_DECIDED + (_DETECTABLE if detectable else "") + (f" {methods}" if methods else "")


def unsaid(texts: Iterable[str], said: str) -> tuple[str, ...]:
    """The texts that have not been said elsewhere; of a cause with its consequence it is the cause that counts."""

    def is_said(text: str) -> bool:
        cause = text.rpartition(". ")[0]
        return text.rstrip(".") in said or (bool(cause) and cause in said)

    return tuple(text for text in texts if not is_said(text))


def certainty(decision: Decision, test_set: TestSetUse | None, warnings: Sequence[str] = ()) -> Certainty:
    """What a decision says of how sure it is; a test set that is worn out is in `worn` instead.

    What its reasons and the `warnings` say is not said again.
    """
    said = " ".join((*decision.reasons, *warnings))
    notes = tuple(note for note in _notes(decision.judgements) if unsaid([note.text], said))
    of_slices = tuple(causes_once([said], unsaid(decision.notes, said))[1:])
    relative = [judgement for judgement in decision.judgements if judgement.method]
    return Certainty(
        findings=_findings(relative, " ".join(decision.reasons)),
        plain=tuple(judgement.rule.metric for judgement in relative if judgement.interval is None),
        grounds=tuple(_grounds(judgement) for judgement in relative),
        notes=notes,
        slices=_slices(decision.slices, of_slices) if decision.slices else None,
        not_judged=() if decision.slices else of_slices,
        wear=wear(test_set) if test_set and not worn(test_set) else "",
        wear_detail=wear_detail(test_set) if test_set and not worn(test_set) else "",
        plan=plan(relative),
        stands_on=_stands_on(relative),
    )


def ordered(slices: Sequence[SliceJudgement]) -> list[SliceJudgement]:
    """The slices that are judged or shown: failed ones, clearly worse ones, and then the rest as they come."""
    judged = [judgement for judgement in slices if judgement.outcome != "too small"]
    return sorted(judged, key=lambda judgement: (judgement.outcome != "fail", not judgement.worse))


def _findings(judgements: Sequence[Judgement], said: str) -> tuple[Finding, ...]:
    found = (
        Finding(name=judgement.rule.metric, text=judgement.sentence.removeprefix(f"{judgement.rule.metric} "))
        for judgement in judgements
        if judgement.sentence and judgement.interval
    )
    return tuple(finding for finding in found if finding.text not in said)


def _notes(judgements: Sequence[Judgement]) -> tuple[Note, ...]:
    """Each sentence once, with all metrics that it is said of."""
    said: dict[str, list[str]] = {}
    for judgement in judgements:
        for text in judgement.notes:
            said.setdefault(text, []).append(judgement.rule.metric)
    return tuple(Note(names=tuple(names), text=text) for text, names in said.items())


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


def _stands_on(judgements: Sequence[Judgement]) -> str:
    """`predictions: 1,000 examples`, with the metrics' names where they differ; empty where there are only numbers."""
    found: dict[str, list[str]] = {}
    for judgement in judgements:
        found.setdefault(judgement.evidence or numbers.NOTHING, []).append(judgement.rule.metric)
    if all(judgement.interval is None for judgement in judgements):
        return ""
    named = (f"{text} ({', '.join(names)})" if len(found) > 1 else text for text, names in found.items())
    return f"The verdict stands on {'; '.join(named)}."


def _slices(slices: Sequence[SliceJudgement], notes: tuple[str, ...]) -> Slices:
    judged = ordered(slices)
    small = [judgement for judgement in slices if judgement.outcome == "too small"]
    names = dict.fromkeys(
        f"{judgement.column} = {judgement.value or '(empty)'} ({judgement.size:,})" for judgement in small
    )
    unsure = [judgement for judgement in judged if judgement.outcome == "inconclusive"]
    unsure_and_worse = sum(judgement.worse for judgement in unsure)
    counts = [
        (sum(judgement.outcome == "fail" for judgement in judged), "failed"),
        (len(unsure), "inconclusive" + (f" ({unsure_and_worse:,} of them clearly worse)" if unsure_and_worse else "")),
        (sum(judgement.worse and judgement.outcome in ("pass", "shown") for judgement in judged), "clearly worse"),
        (len(small), "too small to judge"),
    ]
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    places = len({(judgement.column, judgement.value) for judgement in slices})
    metrics = len({judgement.metric for judgement in slices})
    title = counted(places, "slice") + (f" × {metrics} metrics" if metrics > 1 else "")
    return Slices(
        title=title + (f": {said}" if said else ""),
        rows=tuple(_slice_row(judgement) for judgement in judged),
        small=tuple(names),
        notes=notes,
    )


def _slice_row(judgement: SliceJudgement) -> SliceRow:
    base, head = numbers.pair(judgement.base, judgement.head, judgement.interval)
    outcome = _SLICE_OUTCOMES[judgement.outcome]
    if judgement.worse and judgement.outcome != "fail":
        outcome = _WORSE_TOO.get(judgement.outcome, outcome)
    return SliceRow(
        metric=judgement.metric,
        column=judgement.column,
        value=judgement.value,
        size=f"{judgement.size:,}",
        base=base,
        head=head,
        delta=numbers.change(judgement.base, judgement.head, judgement.direction, judgement.interval),
        interval=numbers.interval(judgement.interval),
        margin=numbers.number(judgement.margin),
        outcome=outcome,
        bad=judgement.outcome == "fail" or judgement.worse,
    )


def _two(value: float | None) -> str:
    return numbers.NOTHING if value is None else numbers.number(float(f"{value:.2g}"))


def _rounded_up(count: int) -> str:
    """A number that is only an estimate: two digits of it, upwards."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // unit) * unit:,}"
