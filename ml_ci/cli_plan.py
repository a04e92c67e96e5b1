"""What `ml-ci plan` prints: the number of examples, what it promises, and what the same costs otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypedDict, get_args

from ml_ci.compare.condition import Clause, Condition, Mode, number, told
from ml_ci.compare.condition_parser import parse
from ml_ci.compare.sample_size import Adaptivity, Bound, Plan, plan
from ml_ci.errors import ConfigError

ADAPTIVITIES: tuple[Adaptivity, ...] = get_args(Adaptivity)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The command line of `ml-ci plan`, with its condition read.

    Raises ConfigError where a clause's limit is out of the reach of shares: no example is needed to know what it says.
    """

    condition: Condition
    reliability: float
    mode: Mode
    adaptivity: Adaptivity
    steps: int
    variance: float | None

    def __post_init__(self) -> None:
        for clause in self.condition.clauses:
            # what only the tolerance puts out of reach has a number of examples all the same, and a note
            foregone = replace(clause, tolerance=Fraction(0)).foregone(self.mode)
            if foregone is not None:
                raise ConfigError(_same_for_all(clause, self.mode, foregone))

    def plan(self, adaptivity: Adaptivity, variance: float | None) -> Plan:
        """The plan for it, or for what else might have been asked."""
        return plan(
            self.condition, reliability=self.reliability, adaptivity=adaptivity, steps=self.steps, variance=variance
        )


class ClauseDocument(TypedDict):
    """One clause in the JSON."""

    clause: str
    examples: int
    bound: Bound


class Alternative(TypedDict):
    """What another adaptivity or variance bound would take."""

    adaptivity: Adaptivity
    variance: float | None
    examples: int


class Document(TypedDict):
    """What `--json` prints."""

    examples: int
    condition: str
    reliability: float
    mode: Mode
    adaptivity: Adaptivity
    steps: int
    variance: float | None
    decision: str
    clauses: list[ClauseDocument]
    alternatives: list[Alternative]
    notes: list[str]


def read_condition(arguments: tuple[str, ...]) -> Condition:
    """The condition, which is one argument. Raises ConfigError where a shell has taken it apart, or it is wrong."""
    if len(arguments) != 1:
        raise ConfigError(
            f"The condition came as {len(arguments)} arguments; put it between single quotes, as in "
            "'n - o > 0.02 +/- 0.01', since the shell takes > and < for itself."
        )
    return parse(arguments[0])


def as_json(request: Request) -> str:
    """The plan as one JSON object."""
    found = request.plan(request.adaptivity, request.variance)
    document: Document = {
        "examples": found.examples,
        "condition": str(request.condition),
        "reliability": request.reliability,
        "mode": request.mode,
        "adaptivity": request.adaptivity,
        "steps": request.steps,
        "variance": request.variance,
        "decision": _decision(request),
        "clauses": [
            {"clause": str(clause.clause), "examples": clause.examples, "bound": clause.bound}
            for clause in found.clauses
        ],
        "alternatives": [
            {"adaptivity": adaptivity, "variance": variance, "examples": request.plan(adaptivity, variance).examples}
            for adaptivity in ADAPTIVITIES
            for variance in _variances(request)
        ],
        "notes": list(_notes(request, found)),
    }
    return json.dumps(document, indent=2, allow_nan=False)


def as_text(request: Request) -> str:
    """The plan for a person."""
    found = request.plan(request.adaptivity, request.variance)
    changes = "1 change" if request.steps == 1 else f"{request.steps:,} changes"
    heading = f"{found.examples:,} examples to decide on {changes} by {request.condition}"
    promise = f"{_decision(request)}\n{_promise(request)}"
    return "\n\n".join((heading, promise, _table(request), *_notes(request, found)))


def _decision(request: Request) -> str:
    """What to do with measured values: the rule that the promise holds for."""
    clauses = request.condition.clauses
    thresholds = [number(clause.threshold(request.mode)) for clause in clauses]
    if request.mode == "fp-free":
        tests = [
            f"{told(clause.expression)} {clause.sign} {threshold}"
            for clause, threshold in zip(clauses, thresholds, strict=True)
        ]
        return f"Accept a change only if, measured on these examples, {' and '.join(tests)}."
    tests = [
        f"{told(clause.expression)} {'<' if clause.sign == '>' else '>'} {threshold}"
        for clause, threshold in zip(clauses, thresholds, strict=True)
    ]
    return f"Refuse a change only if, measured on these examples, {' or '.join(tests)}."


def _promise(request: Request) -> str:
    wrong = "accepted that breaks" if request.mode == "fp-free" else "refused that fulfils"
    known = (
        "Each change may be made in knowledge of all earlier outcomes"
        if request.adaptivity == "full"
        else "Nobody may know an outcome before the last change is made"
    )
    return (
        f"Then, with probability {request.reliability:.12g} or more, no change is {wrong} the condition in truth.\n"
        f"{known} (adaptivity {request.adaptivity})."
    )


def _variances(request: Request) -> tuple[float | None, ...]:
    return (None,) if request.variance is None else (None, request.variance)


def _table(request: Request) -> str:
    """Examples by adaptivity, and by variance bound where one is given; an arrow at the row that was asked for."""
    headings = ["any models (Hoeffding)"]
    if request.variance is not None:
        headings.append(f"differ on at most {request.variance:.12g} (Bennett)")
    lines = ["  ".join(["adaptivity", *headings])]
    for adaptivity in ADAPTIVITIES:
        cells = [f"{request.plan(adaptivity, variance).examples:,}" for variance in _variances(request)]
        line = "  ".join(
            [f"{adaptivity:10}", *(cell.rjust(len(heading)) for cell, heading in zip(cells, headings, strict=True))]
        )
        lines.append(f"{line}  <- this plan" if adaptivity == request.adaptivity else line)
    return "\n".join(lines)


def _same_for_all(clause: Clause, mode: Mode, foregone: bool) -> str:
    """What is to be said of a clause that lets all models through, or none."""
    fate = "Every model is" if foregone else "No model can be"
    decided_by = f"{told(clause.expression)} {clause.sign} {number(clause.threshold(mode))}"
    percent = abs(clause.limit) > clause.weight
    remedy = "write 0.9 for 90 percent" if percent else "choose another limit or a smaller tolerance"
    return (
        f"{fate} accepted by {clause}: with --mode {mode} it is decided by {decided_by}, and n, o and d are shares "
        f"from 0 to 1; {remedy}."
    )


def _notes(request: Request, found: Plan) -> tuple[str, ...]:
    """Sentences on what the number does not say by itself."""
    foregone = [(clause, clause.foregone(request.mode)) for clause in request.condition.clauses]
    same = [_same_for_all(clause, request.mode, fate) for clause, fate in foregone if fate is not None]
    return (*same, *_on_variance(request, found))


def _on_variance(request: Request, found: Plan) -> list[str]:
    """What the variance bound rests on and saves, or would save where the condition itself has one."""
    clauses = request.condition.clauses
    bounds = [clause.most_disagreement for clause in clauses if clause.most_disagreement is not None]
    if request.variance is None:
        return _cheaper(request, found, float(min(bounds))) if bounds else []
    share = f"{request.variance:.12g}"
    if all(clause.bound == "Hoeffding" for clause in found.clauses):
        return [f"The variance bound {share} saves nothing here: it helps only n - o and d, and only if it is small."]
    notes = []
    if not any(bound <= Fraction(repr(request.variance)) for bound in bounds):
        notes.append(
            f"This holds for changes on which the two models differ on at most {share} of the examples. To have that "
            f"checked, too, add a clause such as d < {share} +/- 0.01."
        )
    if all(clause.disagreements is not None for clause in clauses):
        notes.append(
            f"Only examples on which the two models differ need a label: a share of at most {share} for each change."
        )
    return notes


def _cheaper(request: Request, found: Plan, bound: float) -> list[str]:
    if not 0 < bound <= 1:
        return []
    fewer = request.plan(request.adaptivity, bound).examples
    share = f"{bound:.12g}"
    if fewer >= found.examples:
        return []
    return [f"The condition bounds d by {share}, so --variance {share} may be given: then it takes {fewer:,} examples."]
