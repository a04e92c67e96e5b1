"""How many examples a test set needs, so that decisions on it can be relied on: the estimator of ease.ml/ci.

From Renggli et al. (2019), "Continuous Integration of Machine Learning Models with ease.ml/ci: Towards a Rigorous Yet
Practical Treatment", MLSys. All H decisions together are wrong with probability δ at most; every
estimate that they rest on gets an equal share of it (a union bound), and the bounds hold for every distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from ml_ci.compare.condition import Clause, Condition
from ml_ci.errors import ConfigError

Adaptivity = Literal["none", "full"]
Bound = Literal["Hoeffding", "Bennett"]

MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class ClausePlan:
    """How many examples one clause needs, and by which inequality."""

    clause: Clause
    examples: int
    bound: Bound


@dataclass(frozen=True)
class Plan:
    """How many examples a condition needs: as many as its most demanding clause, `deciding`."""

    clauses: tuple[ClausePlan, ...]

    @property
    def deciding(self) -> ClausePlan:
        """The clause that needs most; the first one of several."""
        return max(self.clauses, key=lambda plan: plan.examples)

    @property
    def examples(self) -> int:
        """The size of the test set."""
        return self.deciding.examples


def plan(
    condition: Condition, *, reliability: float, adaptivity: Adaptivity, steps: int, variance: float | None = None
) -> Plan:
    """The examples that it takes to decide on `steps` changes by this condition.

    `reliability` is 1 − δ, the probability that all decisions are right. With full adaptivity the author of each change
    knows all earlier outcomes, with none nobody knows any before the last change is made.

    `variance` bounds the share of examples on which new and old model differ. Of one example, n − o is 1, −1 or 0, and
    it is not 0 only where they differ: so this share bounds the mean of its square, too, and with it its variance. That
    makes `n - o` and `d` themselves cheaper to measure (Bennett); all other clauses stay as they are.

    Raises ConfigError for a reliability or variance that is no share, and for steps out of 1 to 1,000,000.
    """
    if not 0 < reliability < 1:
        raise ConfigError(f"The reliability is {reliability:g}; it must lie between 0 and 1, for example 0.99.")
    if not 1 <= steps <= MOST_STEPS:
        raise ConfigError(f"The number of steps is {steps}; it must lie between 1 and {MOST_STEPS}.")
    if variance is not None and not 0 < variance <= 1:
        raise ConfigError(
            f"The variance bound is {variance:g}; it must be a share of the examples, more than 0 and at most 1."
        )
    doubt = log_doubt(1 - reliability, adaptivity, steps)
    plain = Plan(tuple(_by_hoeffding(clause, doubt, len(condition.clauses)) for clause in condition.clauses))
    if variance is None:
        return plain
    bounded = _with_variance(condition, doubt, variance)
    return bounded if bounded.examples < plain.examples else plain


def log_doubt(failure: float, adaptivity: Adaptivity, steps: int) -> float:
    """ln(M/δ): δ is what may fail in all, and M in how many situations a decision can be made.

    They are H steps, or the 2^H sequences of outcomes that the authors may have reacted to. Its logarithm, since 2^H
    itself is soon too large for a float.
    """
    return (steps * math.log(2) if adaptivity == "full" else math.log(steps)) - math.log(failure)


def hoeffding(ratio: float, doubt: float) -> float:
    """N = v²·ln(1/δ′)/(2ε²), with `ratio` = v/ε and `doubt` = ln(1/δ′), one-sided.

    v is the sum of the coefficients' sizes: each of several variables is measured to within ε/v.
    """
    return ratio * ratio * doubt / 2


def bennett(tolerance: float, variance: float, doubt: float) -> float:
    """N = ln(1/δ′)/(p·h(ε/p)) with h(u) = (1 + u)·ln(1 + u) − u, for values in [−1, 1] whose mean square is at most p."""
    u = tolerance / variance
    # the series, where the difference of two nearly equal numbers would have no digits left
    if u < 1e-4:
        return doubt / (tolerance * u * (1 / 2 - u / 6 + u * u / 12))
    return doubt / ((variance + tolerance) * math.log1p(u) - tolerance)


def _by_hoeffding(clause: Clause, doubt: float, shares: int) -> ClausePlan:
    estimates = shares * clause.variables
    needed = hoeffding(float(clause.weight / clause.tolerance), doubt + math.log(estimates))
    return ClausePlan(clause, max(1, math.ceil(needed)), "Hoeffding")


def _with_variance(condition: Condition, doubt: float, variance: float) -> Plan:
    """Each clause by the cheaper inequality.

    That the variance is bounded is to be measured too, and can be wrong: it is one clause more, unless the condition has
    it anyhow. Bennett's inequality is two-sided here, as in the paper.
    """
    bounds = [clause.most_disagreement for clause in condition.clauses]
    said = any(bound is not None and bound <= Fraction(repr(variance)) for bound in bounds)
    shares = len(condition.clauses) + (0 if said else 1)

    def cheapest(clause: Clause) -> ClausePlan:
        plain = _by_hoeffding(clause, doubt, shares)
        if clause.disagreements is None:
            return plain
        tolerance = float(clause.tolerance / clause.disagreements)
        needed = max(1, math.ceil(bennett(tolerance, variance, doubt + math.log(2 * shares))))
        return ClausePlan(clause, needed, "Bennett") if needed < plain.examples else plain

    return Plan(tuple(cheapest(clause) for clause in condition.clauses))
