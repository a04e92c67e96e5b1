"""The conditions of `ml-ci plan`: what the language has, what it does not, and what a clause decides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ml_ci.compare.condition import Clause
from ml_ci.compare.condition_parser import DEEPEST, LONGEST, parse
from ml_ci.errors import ConfigError


def only(text: str) -> Clause:
    (clause,) = parse(text).clauses
    return clause


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


# -- what is read


def test_the_example_of_the_paper_has_two_clauses() -> None:
    assert str(parse(r"n - o > 0.02 +/- 0.01 /\ d < 0.1 +/- 0.01")) == r"n - o > 0.02 +/- 0.01 /\ d < 0.1 +/- 0.01"


@pytest.mark.parametrize(
    ("text", "n", "o", "d", "limit"),
    [
        ("n > 0.9 +/- 0.1", "1", "0", "0", "0.9"),
        ("n - 1.1 * o > 0 +/- 0.1", "1", "-1.1", "0", "0"),
        ("n - o * 1.1 > 0 +/- 0.1", "1", "-1.1", "0", "0"),
        ("2 * (n - o) > 0.04 +/- 0.1", "2", "-2", "0", "0.04"),
        ("(n - o) * 2 * 3 > 0.04 +/- 0.1", "6", "-6", "0", "0.04"),
        ("-(n - (o - d)) < -0.04 +/- 0.1", "-1", "1", "-1", "-0.04"),
        ("n > o + 0.02 +/- 0.1", "1", "-1", "0", "0.02"),
        ("n + 1 - 2 * 3 > 5e-1 +/- 0.1", "1", "0", "0", "5.5"),
        ("n--o>.5+/-.1", "1", "1", "0", "0.5"),
        ("  n − o\t>\n0.5 ± 0.1  ", "1", "-1", "0", "0.5"),
        ("0.3 * n - 0.1 * n - 0.2 * n + d > 5. +/- 0.1", "0", "0", "1", "5"),
    ],
)
def test_every_clause_is_a_weighted_sum_beside_a_limit(text: str, n: str, o: str, d: str, limit: str) -> None:
    clause = only(text)
    assert clause.expression.coefficients == (Fraction(n), Fraction(o), Fraction(d))
    assert clause.expression.constant == 0
    assert clause.limit == Fraction(limit)
    assert clause.tolerance == Fraction("0.1")


@pytest.mark.parametrize("text", ["n > 0.5 +/- 0.1", r"n - 1.1 * o < 0.2 +/- 0.01 /\ -2 * d > -0.5 +/- 0.001"])
def test_what_is_shown_is_read_back_as_the_same(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize("text", ["n > 0.5 +- 0.1", "n > 0.5 +-0.1", "n > 0.5 +- 0.1 /\\ d < 0.2 +- .1"])
def test_the_tolerance_may_be_written_without_its_slash(text: str) -> None:
    assert parse(text) == parse(text.replace("+-", "+/-"))


def test_a_plus_and_a_minus_within_a_clause_are_no_tolerance() -> None:
    assert parse("n > o +-0.02 +/- 0.01") == parse("n > o - 0.02 +/- 0.01")


# -- what is refused


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "it ends there"),
        ("n", 2, '">" or "<"'),
        ("n - ", 5, "a number, n, o, d"),
        ("n > 0.5", 8, '"+/-" and the tolerance'),
        ("n > 0.5 +/-", 12, "the tolerance, a number"),
        ("n > 0.5 +/- -0.1", 13, 'found "-"'),
        ("n > 0.5 +/- o", 13, 'found "o"'),
        ("n > 0.5 +/- 0", 13, "more than 0"),
        ("n > 0.5 +/- 0.1 d < 1", 17, '"/\\" and another clause, or the end'),
        ("n > 0.5 +/- 0.1 /\\", 19, "it ends there"),
        ("/\\ n > 0.5 +/- 0.1", 1, 'found "/\\"'),
        ("n >= 0.5 +/- 0.1", 3, 'write ">"'),
        ("n = 0.5 +/- 0.1", 3, '"=" is not in the language'),
        ("n / 2 > 0.5 +/- 0.1", 3, '"/" is not in the language'),
        ("n * o > 0.5 +/- 0.1", 5, "a variable cannot be multiplied with another"),
        ("(n - 1) * (o + 1) > 0.5 +/- 0.1", 11, "a variable cannot be multiplied with another"),
        ("2n > 0.5 +/- 0.1", 2, 'found "n"'),
        ("N > 0.5 +/- 0.1", 1, '"N" is not in the language; write n'),
        ("new - old > 0.5 +/- 0.1", 1, '"new" is not in the language'),
        ("n - o > old +/- 0.1", 9, "o for the old model's"),
        ("n > 0.5 +-", 11, "but it ends there"),
        ("n > 0.5 + -0.1", 15, '"+/-" and the tolerance'),
        ("(n - o > 0.5 +/- 0.1", 8, 'or ")"'),
        ("n) > 0.5 +/- 0.1", 2, 'found ")"'),
        ("n - n > 0.5 +/- 0.1", 1, "nothing to measure"),
        ("1 > 0.5 +/- 0.1", 1, "nothing to measure"),
        ("n > 0.5 +/- 0.1 /\\ o > o +/- 0.1", 20, "nothing to measure"),
        ("n > 0.5 +/- nan", 13, 'found "nan"'),
        ("n > 0.5\x00 +/- 0.1", 8, "character 0"),
        ("n > ٣ +/- 0.1", 5, "not in the language"),
        ("__import__('os').system('ls')", 1, '"__import__" is not in the language'),
    ],
)
def test_a_mistake_is_one_sentence_with_its_column(text: str, column: int, words: str) -> None:
    sentence = refused(text)
    assert f"column {column}:" in sentence
    assert words in sentence


@pytest.mark.parametrize(
    "text",
    [
        "n > 1e999999999 +/- 0.1",
        "n > 0.5 +/- 1e-999999999",
        "n > 0.5 +/- 1e-50",
        "n > 1e50 +/- 0.1",
        "*".join(["1e90"] * 100) + " * n > 0.5 +/- 0.1",
        "*".join(["1e-90"] * 100) + " * n > 0.5 +/- 0.1",
    ],
)
def test_numbers_that_nothing_can_be_planned_with_are_refused_at_once(text: str) -> None:
    assert "too large" in refused(text)


@pytest.mark.parametrize("sign", ["-", "("])
def test_nesting_has_a_limit(sign: str) -> None:
    closed = ")" if sign == "(" else ""
    deep = sign * DEEPEST + "n" + closed * DEEPEST
    assert only(f"{deep} > 0.5 +/- 0.1").weight == 1
    assert f"column {DEEPEST + 1}:" in refused(f"{sign}{deep}{closed} > 0.5 +/- 0.1")


def test_length_has_a_limit() -> None:
    text = "n > 0.5 +/- 0.1"
    assert only(text.ljust(LONGEST)).weight == 1
    assert f"{LONGEST + 1} characters" in refused(text.ljust(LONGEST + 1))


# -- what is decided: the interval arithmetic of the paper


@pytest.mark.parametrize(
    ("text", "value", "fp_free", "fn_free"),
    [
        ("n > 0.5 +/- 0.1", "0.61", True, True),  # [0.51, 0.71] lies above 0.5
        ("n > 0.5 +/- 0.1", "0.60", False, True),  # 0.5 itself may be the truth
        ("n > 0.5 +/- 0.1", "0.50", False, True),
        ("n > 0.5 +/- 0.1", "0.40", False, True),
        ("n > 0.5 +/- 0.1", "0.39", False, False),  # [0.29, 0.49] lies below
        ("d < 0.5 +/- 0.1", "0.39", True, True),
        ("d < 0.5 +/- 0.1", "0.40", False, True),
        ("d < 0.5 +/- 0.1", "0.60", False, True),
        ("d < 0.5 +/- 0.1", "0.61", False, False),
    ],
)
def test_within_the_tolerance_the_mode_decides(text: str, value: str, *, fp_free: bool, fn_free: bool) -> None:
    clause = only(text)
    assert clause.accepts(Fraction(value), "fp-free") is fp_free
    assert clause.accepts(Fraction(value), "fn-free") is fn_free


@pytest.mark.parametrize(
    ("text", "fp_free", "fn_free"),
    [
        ("n > 0.9 +/- 0.05", None, None),
        ("n > 0.9 +/- 0.1", False, None),  # n > 1.0 never happens
        ("n > 0.05 +/- 0.1", None, True),  # n < -0.05 never happens
        ("n - o > -0.95 +/- 0.1", None, True),
        ("d < 0.1 +/- 0.1", False, None),
        ("n > -1 +/- 0.1", True, True),
        ("n > 2 +/- 0.1", False, False),
    ],
)
def test_a_limit_that_no_share_can_reach_is_known_to_be(text: str, fp_free: bool | None, fn_free: bool | None) -> None:
    assert only(text).foregone("fp-free") is fp_free
    assert only(text).foregone("fn-free") is fn_free
