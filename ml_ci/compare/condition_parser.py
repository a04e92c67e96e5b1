r"""Reads the conditions of `ml-ci plan`, in the language of ease.ml/ci.

    condition = clause { "/\" clause }
    clause    = sum ( ">" | "<" ) sum ( "+/-" | "±" | "+-" ) number
    sum       = product { ( "+" | "-" ) product }
    product   = factor { "*" factor }
    factor    = number | "n" | "o" | "d" | "-" factor | "(" sum ")"

A product has at most one factor with a variable in it, so every clause is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NoReturn

from ml_ci.compare.condition import VARIABLES, Clause, Condition, Linear
from ml_ci.errors import ConfigError

LONGEST = 1000
DEEPEST = 20
LARGEST = 10**9
"""Limits that no real condition comes near: characters, brackets or signs within each other, any number."""


def parse(text: str) -> Condition:
    """Read a condition.

    Raises ConfigError, one sentence with the column and what was expected there, for what is not in the language.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"The condition has {len(text)} characters; at most {LONGEST} are read: write a shorter one.")
    return _Parser(text).condition()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int


_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
# "+-" is the tolerance only where a clause can end after it; in `n > o +-0.02 +/- 0.01` it adds -0.02
_KINDS = re.compile(
    rf"(?P<space>\s+)|(?P<number>{_NUMBER})|(?P<name>[^\W\d]\w*)"
    rf"|(?P<tolerance>\+/-|±|\+-(?=\s*{_NUMBER}\s*(?:$|/\\|∧)))|(?P<and>/\\|∧)|(?P<sign>[<>](?!=))|(?P<symbol>[-−+*()])"
)


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _KINDS.match(text, position)
        if not match:
            _refuse(text, position)
        kind = match.lastgroup or ""
        if kind != "space":
            written = match.group().replace("−", "-")
            yield _Token(written if kind == "symbol" else kind, written, position + 1)
        position = match.end()
    yield _Token("end", "", len(text) + 1)


def _refuse(text: str, position: int) -> NoReturn:
    sign = text[position : position + 2]
    if sign in {">=", "<="}:
        why = f'"{sign}" is not in the language; write "{sign[0]}": within the tolerance they are the same'
    else:
        shown = f'"{text[position]}"' if text[position].isprintable() else f"character {ord(text[position])}"
        why = f'{shown} is not in the language, which has n, o, d, numbers, + - * ( ) > < +/- and "/\\"'
    raise ConfigError(f"The condition, column {position + 1}: {why}.")


class _Parser:
    """Recursive descent, one method for each line of the grammar, one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = iter(_tokens(text))
        self._next = next(self._tokens)
        self._depth = 0

    def condition(self) -> Condition:
        clauses = [self._clause()]
        while self._next.kind == "and":
            self._take()
            clauses.append(self._clause())
        if self._next.kind != "end":
            self._expected('"/\\" and another clause, or the end')
        return Condition(tuple(clauses))

    def _clause(self) -> Clause:
        start = self._next
        left = self._sum()
        if self._next.kind != "sign":
            self._expected('"+", "-", "*", ">" or "<"')
        sign: Literal[">", "<"] = ">" if self._take().text == ">" else "<"
        right = self._sum()
        if self._next.kind != "tolerance":
            self._expected('"+/-" and the tolerance, for example "+/- 0.01"')
        self._take()
        place = self._next
        tolerance = self._number("the tolerance, a number")
        whole = left.plus(right, Fraction(-1))
        clause = Clause(
            expression=whole.plus(Linear(constant=-whole.constant)),
            sign=sign,
            limit=-whole.constant,
            tolerance=tolerance,
        )
        if not clause.weight:
            _wrong(start, "this clause has none of n, o and d, or they cancel out; there is nothing to measure")
        if tolerance <= 0:
            _wrong(place, "the tolerance must be more than 0: no number of examples shows a value exactly")
        precision = clause.weight / tolerance
        if max(clause.weight, abs(clause.limit), tolerance, precision, 1 / precision) > LARGEST:
            _wrong(start, "this clause has numbers that are too large, or too small beside each other, to plan with")
        return clause

    def _sum(self) -> Linear:
        result = self._product()
        while self._next.kind in {"+", "-"}:
            minus = self._take().kind == "-"
            result = result.plus(self._product(), Fraction(-1 if minus else 1))
        return result

    def _product(self) -> Linear:
        result = self._factor()
        while self._next.kind == "*":
            self._take()
            place = self._next
            factor = self._factor()
            if not any(factor.coefficients):
                result = result.times(factor.constant)
            elif not any(result.coefficients):
                result = factor.times(result.constant)
            else:
                _wrong(place, "expected a number here, since a variable cannot be multiplied with another one")
        return result

    def _factor(self) -> Linear:
        kind, text = self._next.kind, self._next.text
        if kind == "number":
            return Linear(constant=self._number("a number"))
        if kind == "name" and text in VARIABLES:
            self._take()
            return Linear(*(Fraction(name == text) for name in VARIABLES))
        if kind == "name":
            _wrong(
                self._next,
                f"\"{text}\" is not in the language; write n for the new model's accuracy, o for the old model's, and d "
                "for the share of examples that they predict differently",
            )
        if kind not in {"-", "("}:
            self._expected('a number, n, o, d, "-" or "("')
        self._depth += 1
        if self._depth > DEEPEST:
            _wrong(self._next, f"brackets and signs are within each other more than {DEEPEST} deep")
        self._take()
        if kind == "-":
            result = self._factor().times(Fraction(-1))
        else:
            result = self._sum()
            if self._next.kind != ")":
                self._expected('"+", "-", "*" or ")"')
            self._take()
        self._depth -= 1
        return result

    def _number(self, what: str) -> Fraction:
        if self._next.kind != "number":
            self._expected(what)
        token = self._take()
        exponent = re.split("[eE]", token.text)[1:]
        # an exact number of a billion digits would take the machine's memory
        if exponent and len(exponent[0].lstrip("+-0")) > 2:
            _wrong(token, "this number is too large or too small to plan with")
        return Fraction(token.text)

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _expected(self, what: str) -> NoReturn:
        found = f'found "{self._next.text}"' if self._next.text else "but it ends there"
        _wrong(self._next, f"expected {what}, {found}")


def _wrong(token: _Token, why: str) -> NoReturn:
    raise ConfigError(f"The condition, column {token.column}: {why}.")
