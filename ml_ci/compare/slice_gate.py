"""The rules for slices: no slice that is large enough may get worse by more than is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci import numbers
from ml_ci.compare.judgement import SliceJudgement, SliceOutcome
from ml_ci.compare.noninferiority import Answer, ask, level, margin, p_of_worse
from ml_ci.compare.slice_evidence import NO_COLUMN, SliceEvidence
from ml_ci.compare.wording import NOT_COMPARED, predicate

if TYPE_CHECKING:
    from ml_ci.statistics.slices import SliceDifference


@dataclass(frozen=True, kw_only=True)
class AskedSlice:
    """One slice and what was asked of it.

    `answer` is the one on the rule's margin, or on a margin of 0 where the rule has none; None where the slice is too
    small, or its metric is not defined there. `worse` is the p-value of whether it got worse at all.
    """

    evidence: SliceEvidence
    slice: SliceDifference
    answer: Answer | None = None
    worse: float = 1.0

    @property
    def gate(self) -> Answer | None:
        """The answer that counts for the verdict, where one does."""
        return self.answer if self.evidence.rule.max_regression is not None else None

    @property
    def large_enough(self) -> bool:
        """Whether the rule looks at the slice at all."""
        return self.slice.size >= self.evidence.rule.min_size


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What all rules for slices said; each of the first three and `notes` are sentences.

    `failed` fails the verdict. `uncompared` could not be compared for lack of a base that fits, with the metric and
    column of each in `names_uncompared`. `inconclusive` counts only where the policy asks for proof. `judged` says
    whether any slice was held against a margin.
    """

    slices: tuple[SliceJudgement, ...] = ()
    failed: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()
    names_uncompared: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    judged: bool = False


def ask_slices(evidence: Sequence[SliceEvidence], confidence: float) -> tuple[AskedSlice, ...]:
    """Put the question of each rule to each of its slices."""
    return tuple(_asked(found, part, confidence) for found in evidence for part in found.slices)


def judge_slices(
    evidence: Sequence[SliceEvidence], asked: Sequence[AskedSlice], failing: Sequence[float], confidence: float
) -> Findings:
    """What the slices say. `failing` holds, in the order of `asked`, the p-values as adjusted for all that is gated."""
    worse = _worse(asked, confidence)
    judged = [
        (one, _judged(one, p_value, got_worse, confidence))
        for one, p_value, got_worse in zip(asked, failing, worse, strict=True)
    ]
    judged.sort(key=lambda pair: _order(*pair))
    uncompared = [found for found in evidence if found.at_fault == "base" and found.rule.max_regression]
    missing = [found for found in evidence if found.at_fault == "head" and found.rule.max_regression]
    shown = [found for found in evidence if found.at_fault and not found.rule.max_regression]
    groups = [(found, [pair for pair in judged if pair[0].evidence is found]) for found in evidence]
    unsure = [sentence for found, pairs in groups for sentence in _unsure(found, [result for _, result in pairs])]
    return Findings(
        slices=tuple(result for _, result in judged),
        failed=(
            *(_failure(one, confidence) for one, result in judged if result.outcome == "fail"),
            *_not_judged(missing),
        ),
        uncompared=_not_judged(uncompared),
        names_uncompared=tuple(_name(found) for found in uncompared),
        inconclusive=tuple(unsure),
        notes=(
            *unsure,
            *dict.fromkeys(note for found in evidence for note in found.notes),
            *_not_judged((*uncompared, *shown)),
            *(sentence for found, pairs in groups for sentence in _left_out(found, pairs)),
            *dict.fromkeys(warning for one, result in judged if result.outcome == "fail" for warning in _warnings(one)),
        ),
        judged=any(one.gate for one in asked),
    )


def _asked(evidence: SliceEvidence, part: SliceDifference, confidence: float) -> AskedSlice:
    rule, difference = evidence.rule, part.difference
    if difference is None or part.size < rule.min_size:
        return AskedSlice(evidence=evidence, slice=part)
    allowed = margin(rule.max_regression, difference.base) if rule.max_regression is not None else 0.0
    return AskedSlice(
        evidence=evidence,
        slice=part,
        answer=ask(difference, rule.direction, allowed, confidence),
        worse=p_of_worse(difference, rule.direction),
    )


def _worse(asked: Sequence[AskedSlice], confidence: float) -> list[bool]:
    """Which slices got worse, of all that are shown: Benjamini & Hochberg (1995, JRSS B 57, 289-300)."""
    p_values = [one.worse for one in asked if one.answer]
    if not p_values:
        return [False for _ in asked]
    from ml_ci.statistics.multiplicity import benjamini_hochberg

    adjusted = iter(benjamini_hochberg(p_values))
    return [one.answer is not None and next(adjusted) <= level(confidence) for one in asked]


def _judged(one: AskedSlice, failing: float, worse: bool, confidence: float) -> SliceJudgement:
    rule, answer = one.evidence.rule, one.answer
    outcome: SliceOutcome = "too small" if not one.large_enough else "shown"
    if one.large_enough and rule.max_regression is not None:
        outcome = one.gate.outcome(failing, confidence) if one.gate else "inconclusive"
    return SliceJudgement(
        metric=rule.metric,
        direction=rule.direction,
        column=one.evidence.column,
        value=one.slice.value,
        size=one.slice.size,
        outcome=outcome,
        base=answer.difference.base if answer else None,
        head=answer.difference.head if answer else None,
        interval=answer.interval if answer else None,
        bounds=answer.bounds if answer else None,
        margin=one.gate.margin if one.gate else None,
        worse=worse,
    )


def _order(one: AskedSlice, judgement: SliceJudgement) -> tuple[int, float, int, str, str]:
    """What fails comes first, then what is clearly worse, then what fell most as a share of base, then the unknown."""
    answer = one.answer
    if answer is None or not answer.sound:
        rank, gain = (3 if one.large_enough else 4), 0.0
    else:
        difference = answer.difference
        better = difference.delta if one.evidence.rule.direction == "higher" else -difference.delta
        rank = 0 if judgement.outcome == "fail" else 1 if judgement.worse else 2
        gain = better / (abs(difference.base) or 1.0)
    return rank, math.inf if math.isnan(gain) else gain, -judgement.size, judgement.column, judgement.value


def _failure(one: AskedSlice, confidence: float) -> str:
    rule, answer = one.evidence.rule, one.gate
    if answer is None or rule.max_regression is None:
        raise ValueError("a slice that fails was held against a margin")
    base, head = numbers.pair(answer.difference.base, answer.difference.head, answer.interval)
    said = predicate(answer, "fail", rule.max_regression, confidence, _examples(one.slice.size))
    where = f"{rule.metric} where {one.evidence.column} is {one.slice.value}"
    return f"{where} ({_examples(one.slice.size)}, {base} → {head}) {said}"


def _not_judged(evidence: Sequence[SliceEvidence]) -> tuple[str, ...]:
    """Why they could not be compared: each cause once, with all that it is the cause of."""
    causes: dict[str, list[str]] = {}
    for found in evidence:
        causes.setdefault(found.why, []).append(_name(found))
    return tuple(f"{', '.join(names)} {NOT_COMPARED}: {why}." for why, names in causes.items())


def _unsure(found: SliceEvidence, results: Sequence[SliceJudgement]) -> list[str]:
    """Of a gated rule: how many slices are inconclusive, or that none was large enough to be judged at all."""
    if found.rule.max_regression is None or found.at_fault:
        return []
    large = [result for result in results if result.outcome != "too small"]
    if not large:
        least = f"no value of {found.column} has {_examples(found.rule.min_size)}"
        return [f"{_name(found)} was not judged: {least}."]
    unsure = [result for result in large if result.outcome == "inconclusive"]
    if not unsure:
        return []
    count = f"{len(unsure)} of {len(large)} slices {'is' if len(unsure) == 1 else 'are'} inconclusive"
    return [f"{_name(found)}: {count}, the worst is {unsure[0].value} ({_examples(unsure[0].size)})."]


def _left_out(found: SliceEvidence, pairs: Sequence[tuple[AskedSlice, SliceJudgement]]) -> list[str]:
    """Why some slices are not judged; those that are too small are named where the slices are."""
    small = any(result.outcome == "too small" for _, result in pairs)
    undefined = sum(one.large_enough and one.slice.difference is None for one, _ in pairs)
    sentences = []
    if small:
        sentences.append(f"{_name(found)}: only slices with at least {_examples(found.rule.min_size)} are judged.")
    if undefined:
        sentences.append(f"{_name(found)}: the metric is not defined in {undefined} of the slices.")
    return sentences


def _warnings(one: AskedSlice) -> tuple[str, ...]:
    return one.slice.difference.warnings if one.slice.difference else ()


def _name(found: SliceEvidence) -> str:
    return found.rule.metric + (f" by {found.column}" if found.column != NO_COLUMN else " by slices")


def _examples(count: int) -> str:
    return f"{count:,} {'example' if count == 1 else 'examples'}"
