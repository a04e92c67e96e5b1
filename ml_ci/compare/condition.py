"""The conditions of `ml-ci plan`: what a change has to fulfil, as clauses over `n`, `o` and `d`.

`n` is the accuracy of the new model, `o` that of the old one, `d` the share of examples that they predict differently
(Renggli et al. 2019, "Continuous Integration of Machine Learning Models with ease.ml/ci", MLSys).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Mode = Literal["fp-free", "fn-free"]

VARIABLES = ("n", "o", "d")


@dataclass(frozen=True)
class Linear:
    """A linear expression: one coefficient for each variable, and a constant. Exact, so that `n - n` is nothing."""

    n: Fraction = Fraction(0)
    o: Fraction = Fraction(0)
    d: Fraction = Fraction(0)
    constant: Fraction = Fraction(0)

    @property
    def coefficients(self) -> tuple[Fraction, Fraction, Fraction]:
        """Those of n, o and d."""
        return self.n, self.o, self.d

    def plus(self, other: Linear, times: Fraction = Fraction(1)) -> Linear:
        """The sum of it and so many times the other one."""
        return Linear(
            self.n + times * other.n,
            self.o + times * other.o,
            self.d + times * other.d,
            self.constant + times * other.constant,
        )

    def times(self, factor: Fraction) -> Linear:
        """The product of it and a number."""
        return Linear().plus(self, factor)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """`expression sign limit +/- tolerance`, with all variables on the left and all constants on the right.

    `expression` has at least one variable, and no constant. `tolerance` is positive: how far the measured value of the
    expression may be from the true one.
    """

    expression: Linear
    sign: Literal[">", "<"]
    limit: Fraction
    tolerance: Fraction

    @property
    def weight(self) -> Fraction:
        """The sum of the coefficients' sizes: how far the expression moves if each variable moves by 1."""
        return sum((abs(coefficient) for coefficient in self.expression.coefficients), Fraction(0))

    @property
    def variables(self) -> int:
        """How many variables have to be estimated."""
        return sum(coefficient != 0 for coefficient in self.expression.coefficients)

    @property
    def disagreements(self) -> Fraction | None:
        """How many times `n - o` or `d` it is, without its sign; None if it is a multiple of neither.

        These are the expressions to which only examples contribute that the two models predict differently.
        """
        n, o, d = self.expression.coefficients
        if d == 0 and n == -o:
            return abs(n)
        return abs(d) if n == o == 0 else None

    @property
    def most_disagreement(self) -> Fraction | None:
        """The share of examples below which d must lie for it to hold; None if it does not bound d by itself."""
        n, o, d = self.expression.coefficients
        if n or o or (d > 0) != (self.sign == "<"):
            return None
        return self.limit / d

    def threshold(self, mode: Mode) -> Fraction:
        """What the measured value is compared with: the limit, and the tolerance on the side that `mode` is wary of."""
        stricter = (mode == "fp-free") == (self.sign == ">")
        return self.limit + (self.tolerance if stricter else -self.tolerance)

    def accepts(self, value: Fraction, mode: Mode) -> bool:
        """Whether it lets a change through whose expression was measured as `value`.

        Within the tolerance of the limit the truth is not known. There a change is refused if none may be accepted
        wrongly (fp-free), and accepted if none may be refused wrongly (fn-free).
        """
        threshold = self.threshold(mode)
        above = value > threshold if (mode == "fp-free") == (self.sign == ">") else value >= threshold
        return above == (self.sign == ">")

    def foregone(self, mode: Mode) -> bool | None:
        """What it says of every model, where the threshold is out of the reach of shares; None if that depends."""
        lowest = sum((min(coefficient, Fraction(0)) for coefficient in self.expression.coefficients), Fraction(0))
        answer = self.accepts(lowest, mode)
        return answer if answer == self.accepts(lowest + self.weight, mode) else None

    def __str__(self) -> str:
        return f"{told(self.expression)} {self.sign} {number(self.limit)} +/- {number(self.tolerance)}"


@dataclass(frozen=True)
class Condition:
    """Clauses that must all hold; at least one."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return " /\\ ".join(str(clause) for clause in self.clauses)


def told(expression: Linear) -> str:
    """The variables as a person writes them, for example `n - 1.1 * o`."""
    text = ""
    for name, coefficient in zip(VARIABLES, expression.coefficients, strict=True):
        if coefficient:
            size = "" if abs(coefficient) == 1 else f"{number(abs(coefficient))} * "
            minus = coefficient < 0
            text += f" {'-' if minus else '+'} {size}{name}" if text else f"{'-' if minus else ''}{size}{name}"
    return text


def number(value: Fraction) -> str:
    """A number with as many digits as it takes, and no more than a person reads."""
    return f"{float(value):.12g}"
