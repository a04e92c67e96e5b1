"""What a report says of several models: one first line, and a row for each. Nothing is escaped yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ml_ci import numbers
from ml_ci.compare.gate import Verdict
from ml_ci.compare.judgement import Decision, Judgement, Outcome, SliceJudgement
from ml_ci.records import Accepted
from ml_ci.report.accepted import acceptance_sentence, accepted_by
from ml_ci.report.headline import Headline, Tone
from ml_ci.report.other_test_set import OTHER_DATA, UNKNOWN, on_other_examples, perhaps_on_others
from ml_ci.report.view import MetricRow, Side, View, view
from ml_ci.result import Result, Results

MOST_NAMED = 3
"""Models that the first line names of each kind."""

Kind = Literal["error", "fail", "inconclusive", "warning", "pass"]
"""A verdict, or a pass that a reader has to know something of."""

_KINDS: tuple[Kind, ...] = ("error", "fail", "inconclusive", "warning", "pass")
_TONES: dict[Kind, tuple[Tone, str, str]] = {
    "error": ("warning", "⚠️", "Error"),
    "fail": ("bad", "❌", "Fail"),
    "inconclusive": ("unsure", "❔", "Inconclusive"),
    "warning": ("warning", "⚠️", "Pass, with a warning"),
    "pass": ("good", "✅", "Pass"),
}
_DECISIVE: dict[Verdict, tuple[tuple[Outcome, ...], ...]] = {
    "fail": (("fail", "missing"), ("no-baseline",)),
    "inconclusive": (("inconclusive",),),
    "pass": (("no-baseline", "pass"),),
    "error": (),
}
"""Which outcomes can have led to a verdict; those of the first group that there is."""


@dataclass(frozen=True, kw_only=True)
class Decider:
    """What decided a model's verdict: the metric, and where it was decided in a slice its column and value.

    `more` is how many others say the same. `outcome` is said where it is not the numbers that decided.
    """

    metric: str
    base: str
    head: str
    delta: str
    slice: tuple[str, str] | None = None
    more: int = 0
    outcome: Literal["", "missing", "not compared"] = ""


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model: its verdict, what decided it, and everything else of it. `index` is its place in the configuration."""

    index: int
    kind: Kind
    key: str
    icon: str
    word: str
    why: str
    decider: Decider | None
    result: Result
    view: View


@dataclass(frozen=True, kw_only=True)
class Group:
    """The models of one kind, for the first line: `2 of 5 models fail` and which; `with_metric` says that by which, too."""

    kind: Kind
    said: str
    rows: tuple[ModelRow, ...] = ()
    with_metric: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelsView:
    """The whole: `rows` and `groups` have the worst first; `sides` are said once where they are those of all."""

    headline: Headline
    groups: tuple[Group, ...]
    rows: tuple[ModelRow, ...]
    sides: tuple[SideOfAll, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a reader has to know first of some models, and their keys: `The test set is not that of base`."""

    text: str
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SideOfAll:
    """One side: its commit, and how its runs came about, with the keys of the models of which each is true."""

    name: str
    commit: str
    origins: tuple[tuple[str, tuple[str, ...]], ...]


def models_view(results: Results) -> ModelsView:
    """What there is to say, the worst first; among equals in the configuration's order."""
    rows = [_row(index, result) for index, result in enumerate(results.results)]
    rows.sort(key=lambda row: _KINDS.index(row.kind))
    groups = _groups(rows)
    tone, icon, word = _TONES[rows[0].kind]
    return ModelsView(
        headline=Headline(
            tone=tone,
            icon=icon,
            word=word,
            title="" if results.key == "default" else results.key,
            why="; ".join(_words(group) for group in groups) + ".",
            gate=_gate(results),
            accepted=accepted_by(_accepted(results)),
        ),
        groups=tuple(groups),
        rows=tuple(rows),
        sides=tuple(side for side in (_side(rows, 0), _side(rows, 1)) if side),
        notes=tuple(_notes(rows)),
    )


def decided_by(decider: Decider) -> str:
    """What decided, in words: `accuracy 0.95 → 0.93`, `accuracy where region is north 0.9 → 0.8`, `f1, which is missing`."""
    return f"{_where(decider)}{moved(decider)}"


def place(decider: Decider) -> str:
    """Where it was decided, without the numbers: `accuracy where region is north and 2 more`."""
    said = f", {decider.outcome}" if decider.outcome else ""
    return f"{_where(decider)}{said}" + (f" and {decider.more} more" if decider.more else "")


def moved(decider: Decider) -> str:
    """What goes on from the metric's name: ` 0.95 → 0.93`, or that there is nothing to show."""
    if decider.outcome:
        return f", which is {decider.outcome}"
    arrow = "\u00a0→\u00a0"
    return f" {decider.base}{arrow}{decider.head}" if decider.base != numbers.NOTHING else f" {decider.head}"


def _where(decider: Decider) -> str:
    slice_ = f" where {decider.slice[0]} is {decider.slice[1] or '(empty)'}" if decider.slice else ""
    return f"{decider.metric}{slice_}"


def _row(index: int, result: Result) -> ModelRow:
    shown = view(result)
    kind: Kind = result.verdict
    if kind == "pass" and shown.headline.tone == "warning":
        kind = "warning"
    return ModelRow(
        index=index,
        kind=kind,
        key=result.key,
        icon=shown.headline.icon,
        word=f"{shown.headline.word}, accepted" if result.accepted else shown.headline.word,
        why=shown.headline.why,
        decider=_decider(result.decision, shown) if result.decision else None,
        result=result,
        view=shown,
    )


def _decider(decision: Decision, shown: View) -> Decider | None:
    judged = list(zip(decision.judgements, shown.gated, strict=True))
    for outcomes in _DECISIVE[decision.verdict]:
        rules = [(judgement, row) for judgement, row in judged if judgement.outcome in outcomes]
        slices = [judgement for judgement in decision.slices if judgement.outcome in outcomes]
        # slices that pass are said of by their number, and those that are inconclusive hold nothing back by default
        more = len(slices) if decision.verdict == "fail" else 0
        if rules:
            return _rule_decides(decision.verdict, *rules[0], len(rules) - 1 + more)
        if slices:
            return _slice_decides(slices[0], len(slices) - 1)
    return None


def _rule_decides(verdict: Verdict, judgement: Judgement, row: MetricRow, more: int) -> Decider:
    outcome: Literal["", "missing", "not compared"] = ""
    if judgement.outcome == "missing":
        outcome = "missing"
    elif judgement.outcome == "no-baseline" and verdict == "fail":
        outcome = "not compared"
    return Decider(metric=row.name, base=row.base, head=row.head, delta=row.delta, more=more, outcome=outcome)


def _slice_decides(judgement: SliceJudgement, more: int) -> Decider:
    base, head = numbers.pair(judgement.base, judgement.head, judgement.interval)
    return Decider(
        metric=judgement.metric,
        base=base,
        head=head,
        delta=numbers.change(judgement.base, judgement.head, judgement.direction, judgement.interval),
        slice=(judgement.column, judgement.value),
        more=more,
    )


def _groups(rows: Sequence[ModelRow]) -> list[Group]:
    """What the first line says: the models that do not just pass, by kind; or that all of them do."""
    found: list[Group] = []
    for kind in _KINDS[:-1]:
        of_kind = [row for row in rows if row.kind == kind]
        # two passes with different warnings are two things to say
        for word in dict.fromkeys(row.word for row in of_kind):
            same = tuple(row for row in of_kind if row.word == word)
            of_all = f" of {len(rows)} model{'s' if len(rows) > 1 else ''}" if not found else ""
            said = f"{len(same)}{of_all} {_verb(kind, word, len(same))}"
            # numbers of the worst kind that has some, and the others' in the table
            first = kind in ("fail", "inconclusive") and not any(group.with_metric for group in found)
            found.append(Group(kind=kind, said=said, rows=same, with_metric=first))
    if not found:
        said = "the only model passes" if len(rows) == 1 else f"all {len(rows)} models pass"
        found.append(Group(kind="pass", said=said))
    return found


def _verb(kind: Kind, word: str, count: int) -> str:
    one = count == 1
    but = word.removeprefix("Pass, but ")
    was = ("was " if one else "were ") if but.startswith("not ") else ""
    verbs: dict[Kind, str] = {
        "error": "could not be judged",
        "fail": "fails" if one else "fail",
        "inconclusive": "is inconclusive" if one else "are inconclusive",
        "warning": f"{'passes' if one else 'pass'}, but {was}{but}",
        "pass": "passes" if one else "pass",
    }
    return verbs[kind]


def _words(group: Group) -> str:
    if not group.rows:
        return group.said
    names = [
        row.key + (f" by {decided_by(row.decider)}" if row.decider and group.with_metric else "")
        for row in group.rows[:MOST_NAMED]
    ]
    more = len(group.rows) - len(names)
    return f"{group.said}: {', '.join(names)}" + (f" and {more} more" if more else "")


def _gate(results: Results) -> str:
    """What the policies make of it together, where the verdict does not say that."""
    allowed = results.exit_code == 0
    if accepted := _accepted(results):
        return acceptance_sentence(accepted, allowed=allowed, models=len(results.results))
    expected = {"pass": allowed, "fail": not allowed, "error": True}
    policy = "The policy lets the merge through." if allowed else "The policy holds the merge back."
    not_accepted = next((result.not_accepted for result in results.results if result.not_accepted), "")
    return " ".join(filter(None, ["" if expected.get(results.verdict) else policy, not_accepted]))


def _notes(rows: Sequence[ModelRow]) -> Iterator[Note]:
    """Which models were not measured on base's test set, or may not have been; of a pass its word says the first."""
    others = tuple(row.key for row in rows if row.kind != "warning" and on_other_examples(row.result))
    if others:
        yield Note(text="Base and head were scored on different examples", keys=others)
    perhaps = {
        OTHER_DATA: "The data under DVC is not base's, and the test set may be a part of it",
        UNKNOWN: "Only one side has predictions, so whether the examples are the same is not known",
    }
    for text, short in perhaps.items():
        if keys := tuple(row.key for row in rows if perhaps_on_others(row.result) == text):
            yield Note(text=short, keys=keys)


def _accepted(results: Results) -> Accepted | None:
    """By whom; it is one label for all models."""
    return next((result.accepted for result in results.results if result.accepted), None)


def _side(rows: Sequence[ModelRow], index: int) -> SideOfAll | None:
    """One side of all models; its commit is the same for all that got as far as to know it."""
    sides: list[tuple[str, Side]] = [(row.key, row.view.sides[index]) for row in rows if row.view.sides[index].commit]
    if not sides:
        return None
    words = Counter(_origin(side) for _, side in sides)
    return SideOfAll(
        name=sides[0][1].name,
        commit=sides[0][1].commit,
        origins=tuple(
            (word, tuple(key for key, side in sides if _origin(side) == word)) for word, _ in words.most_common()
        ),
    )


def _origin(side: Side) -> str:
    """How a run came about, without the seconds that it took: those are told with each model."""
    head, took, rest = side.origin.partition("trained now in ")
    if took:
        rest = rest.partition(",")[2]
        return f"{head}trained now" + (f",{rest}" if rest else "")
    return side.origin
