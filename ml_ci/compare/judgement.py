"""What the gate says: the words for outcomes and the verdict, and what stands behind each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ml_ci.compare.comparison import MetricDifference
from ml_ci.config import Direction, Rule
from ml_ci.statistics.confidence import Unit

Outcome = Literal["pass", "fail", "inconclusive", "no-baseline", "missing"]
Verdict = Literal["pass", "fail", "inconclusive", "error"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one rule said about one metric.

    `limit` is the rule in words; `why` is one sentence with the numbers that decided. `method` names how the
    relative part was decided, None where the rule has none; `evidence` names what stood behind it, with its size.

    All that follows is about head − base in the metric's unit, and None where there were only two numbers. `interval` is
    two-sided at the policy's confidence; `bounds` are the two one-sided bounds at that confidence, which decide.
    `margin` is the largest change for the worse that is allowed, never negative; it is there also with two numbers.
    `sentence` says the bound that counts in plain English. Of an inconclusive rule, `detectable` is the smallest change
    that this evidence shows in 80 % of cases, and `needed` is how many of its units (`unit`) would settle it. `notes`
    are sentences on what the evidence is worth: why nothing better could be used, where its confidence does not hold.
    """

    rule: Rule
    difference: MetricDifference
    outcome: Outcome
    why: str
    limit: str
    method: str | None = None
    evidence: str | None = None
    interval: tuple[float, float] | None = None
    bounds: tuple[float, float] | None = None
    margin: float | None = None
    sentence: str = ""
    detectable: float | None = None
    needed: int | None = None
    unit: Unit | None = None
    notes: tuple[str, ...] = ()


SliceOutcome = Literal["pass", "fail", "inconclusive", "shown", "too small"]


@dataclass(frozen=True, kw_only=True)
class SliceJudgement:
    """One metric in one slice: the examples whose `column` has the value `value`, `size` of them.

    `outcome` is `shown` where slices are not gated, `too small` where there are fewer examples than the rule asks for:
    then nothing is said about it, and all numbers are None. `interval`, `bounds` and `margin` are as in `Judgement`.
    `worse` says that it got worse even when all slices are looked at together (Benjamini-Hochberg, false discovery rate
    of one minus the policy's confidence).
    """

    metric: str
    direction: Direction
    column: str
    value: str
    size: int
    outcome: SliceOutcome
    base: float | None = None
    head: float | None = None
    interval: tuple[float, float] | None = None
    bounds: tuple[float, float] | None = None
    margin: float | None = None
    worse: bool = False


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The whole: the verdict, the sentence that says which rule decided it, and what each rule said.

    `reasons` are the sentences of `why` one by one: what failed, rules before slices, or else what is inconclusive.
    `slices` has every slice of every rule for slices: the worst first, those that are too small last. `notes` are
    sentences on the slices: those that could not be judged, and why; how many are too small or inconclusive.
    """

    verdict: Verdict
    why: str
    judgements: tuple[Judgement, ...]
    slices: tuple[SliceJudgement, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
