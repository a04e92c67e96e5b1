"""What the statistical methods do, in one short sentence each."""

from __future__ import annotations

from collections.abc import Iterable

_SENTENCES = {
    "McNemar": "McNemar's test and Tango's interval count the examples that only one side gets right.",
    "DeLong": "DeLong's method compares two ROC curves on the same examples.",
    "bootstrap": "A bootstrap draws the examples anew, with both sides together, and sees how far the difference moves.",
    "delta method": "The delta method takes the metric for a straight line near its value.",
    "jackknife": "A jackknife leaves out one block of examples after the other, and sees how far the difference moves.",
    "sections": "Sections are parts of the examples, whose differences are held against each other.",
    "Welch": "Welch's t compares the means of both sides' trainings.",
    "prediction interval": "A prediction interval says where one more record of the base branch would lie.",
}


def explained(methods: Iterable[str]) -> str:
    """A sentence for each method that is named in `methods`; empty where none is."""
    named = "; ".join(methods)
    return " ".join(sentence for word, sentence in _SENTENCES.items() if word in named)
