"""The first line of a report: the verdict and the rule that decided it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ml_ci import numbers
from ml_ci.compare.judgement import Decision, Judgement
from ml_ci.compare.pairing import OTHER_EXAMPLES
from ml_ci.report.accepted import acceptance_sentence, accepted_by
from ml_ci.report.other_test_set import on_other_examples, perhaps_on_others
from ml_ci.result import Result

Tone = Literal["good", "bad", "unsure", "warning"]


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first line: `icon` and `word` for the verdict, `why` for the rule that decided it, `more` for the other ones.

    `title` is the key, empty for the default one. `gate` says what the policy makes of it, where the verdict does not, and
    who accepted it. `accepted` says that in two words.
    """

    tone: Tone
    icon: str
    word: str
    title: str
    why: str
    more: tuple[str, ...] = ()
    gate: str = ""
    accepted: str = ""

    @property
    def said(self) -> str:
        """The verdict, and that it was accepted."""
        return f"{self.word}, {self.accepted}" if self.accepted else self.word


def no_baseline(result: Result) -> str:
    """Why there was nothing to compare with; empty where there was, or where training failed."""
    if result.failure or result.base.run is not None:
        return ""
    return result.base.why or "no run of it was found, and it was not trained."


def headline(result: Result) -> Headline:
    """The verdict in a word, why, and what the policy makes of it."""
    title = "" if result.key == "default" else result.key
    if result.failure:
        return Headline(tone="warning", icon="⚠️", word="Error", title=title, why=result.failure.message)
    if result.decision is None:
        raise ValueError("a result without a failure has a decision")
    tone, icon, word, reasons = _words(result, result.decision)
    return Headline(
        tone=tone,
        icon=icon,
        word=word,
        title=title,
        why=reasons[0],
        more=tuple(reasons[1:]),
        gate=_gate(result),
        accepted=accepted_by(result.accepted),
    )


def _gate(result: Result) -> str:
    """Who accepted it, or what the policy makes of it where the verdict does not say that."""
    if result.accepted:
        return acceptance_sentence(result.accepted, allowed=result.allowed)
    policy = "The policy lets the merge through." if result.allowed else "The policy holds the merge back."
    expected = {"pass": result.allowed, "fail": not result.allowed}
    return " ".join(filter(None, ["" if expected.get(result.verdict) else policy, result.not_accepted]))


def _words(result: Result, decision: Decision) -> tuple[Tone, str, str, list[str]]:
    other, perhaps = on_other_examples(result), perhaps_on_others(result)
    if decision.verdict == "fail":
        return "bad", "❌", "Fail", _second(decision.reasons, other or perhaps)
    if decision.verdict == "inconclusive":
        return "unsure", "❔", "Inconclusive", _second(decision.reasons, other or perhaps)
    tone, icon, word, reasons = _passed(result, decision, other)
    return tone, icon, word, _second(reasons, perhaps)


def _passed(result: Result, decision: Decision, other: str) -> tuple[Tone, str, str, list[str]]:
    judgements = decision.judgements
    if other:
        passed = [_summary(decision)] if judgements else []
        rest = [reason for reason in decision.reasons if OTHER_EXAMPLES not in reason]
        return "warning", "⚠️", "Pass, but on other examples", [other, *passed, *rest]
    if result.base.run is None or decision.reasons:
        reasons = list(decision.reasons)
        if result.base.run is None:
            values = [f"{each.rule.metric} is {numbers.number(each.difference.head)}" for each in judgements]
            reasons = [f"there was no base to compare with{'; ' if values else ''}{_few(values)}."]
        return "warning", "⚠️", "Pass, but not compared", reasons
    if result.head_origin == "same-inputs":
        return "good", "✅", "Pass", [f"nothing that matters to training changed{_where_it_stays(judgements)}."]
    if not judgements and not _gated_slices(decision):
        return "warning", "⚠️", "Pass, but not judged", ["the configuration has no gate, so nothing holds this back."]
    return "good", "✅", "Pass", [_summary(decision)]


def _second(reasons: Sequence[str], other: str) -> list[str]:
    """That the examples differ comes right after what decided, unless a reason says it."""
    if not other or any(OTHER_EXAMPLES in reason for reason in reasons):
        return list(reasons)
    return [*reasons[:1], f"{other[0].upper()}{other[1:]}", *reasons[1:]]


def _gated_slices(decision: Decision) -> int:
    return sum(judgement.outcome == "pass" for judgement in decision.slices)


def _summary(decision: Decision) -> str:
    """Why it passes, with the numbers: the gated metrics as base → head, the first few of them."""
    judgements, slices = decision.judgements, _gated_slices(decision)
    if not judgements:
        return f"no metric got worse in any of {slices} slices by more than is allowed."
    rules = "its rule holds" if len(judgements) == 1 else f"all {len(judgements)} rules hold"
    also = f", also in {slices} slices" if slices else ""
    return f"{_few([_arrow(judgement) for judgement in judgements])}; {rules}{also}."


def _where_it_stays(judgements: Sequence[Judgement]) -> str:
    """`; accuracy stays at 0.95`; empty without a gate."""
    names = [f"{each.rule.metric} stays at {numbers.number(each.difference.head)}" for each in judgements]
    return f"; {_few(names)}" if names else ""


def _few(texts: Sequence[str], most: int = 3) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return f"{', '.join(texts[:most])}{more}"


def _arrow(judgement: Judgement) -> str:
    row = judgement.difference
    base, head = numbers.pair(row.base, row.head, judgement.interval)
    if row.base is None or row.head is None:
        return f"{row.name} {head}"
    if numbers.same(row.base, row.head):
        return f"{row.name} stays at {head}"
    return f"{row.name} {base}\u00a0→\u00a0{head}"
