"""The conditions under which a stated confidence does not hold: each is a name, a limit, and a sentence.

The limits are from simulations: beyond them, 95 % intervals covered between 93 and 97 %.
"""

from __future__ import annotations

from collections.abc import Iterator

from ml_ci.statistics.linear import Line, skew_term

FEW_EXAMPLES = 30
FEW_GROUPS = 20
FEW_DIFFER = 10
FEW_IN_EFFECT = 3
SMALL_CLASS = 30
SKEWED = 0.05
"""Of a one-sided bound at 95 %, by the first term of Edgeworth's expansion."""

NO_SPREAD = "no spread: the data give no measure of chance, since all of them tell the same of the difference"


def few_units(number: int, *, groups: bool) -> tuple[str, ...]:
    """Too few examples or groups."""
    what, few = ("groups", FEW_GROUPS) if groups else ("examples", FEW_EXAMPLES)
    if number >= few:
        return ()
    return (f"few {what}: there are {number:,}, and with fewer than {few} {_OFF}",)


def small_class(metric: str, smallest: int, which: str) -> tuple[str, ...]:
    """A class that counts has too few examples; `which` is what the class is called."""
    if smallest >= SMALL_CLASS:
        return ()
    number = f"{smallest} example{'s' * (smallest != 1)}"
    return (f"small class: the {which} class has {number}, and with fewer than {SMALL_CLASS} {_OFF} for {metric}",)


def of_line(straight: Line, *, groups: bool) -> tuple[str, ...]:
    """All conditions that are seen in what the units contribute."""
    return few_units(straight.number, groups=groups) + tuple(_of_spread(straight, "groups" if groups else "examples"))


def too_few_differ(straight: Line) -> bool:
    """Whether a bootstrap has too little to draw from."""
    return not straight.spread or straight.differing < FEW_DIFFER


def _of_spread(straight: Line, what: str) -> Iterator[str]:
    if not straight.spread:
        yield NO_SPREAD
    elif straight.differing < FEW_DIFFER:
        yield (
            f"few {what} differ: {straight.differing} of {straight.number:,}, and with fewer than {FEW_DIFFER} the interval "
            "may be wider than need be"
        )
    elif straight.in_effect < FEW_IN_EFFECT:
        yield (
            f"few {what} decide: the difference rests on {max(1, round(straight.in_effect))} of {straight.number:,} in effect, "
            f"and with fewer than {FEW_IN_EFFECT} {_OFF}"
        )
    elif skew_term(straight) > SKEWED:
        yield (
            f"skewed: a few {what} differ far more than the others, so a bound at 95 % may be off by "
            f"{max(1, round(100 * skew_term(straight)))} points"
        )


_OFF = "the stated confidence may be off by several points"
