"""That base and head were not measured on the same test set, or may not have been: a reader has to know it first."""

from __future__ import annotations

from ml_ci.compare.pairing import OTHER_EXAMPLES
from ml_ci.result import Result

OTHER_DATA = "The data under DVC is not base's, and the test set may be a part of it: then the numbers are of different examples."
UNKNOWN = "Whether base and head were scored on the same examples is not known, as only one of them has predictions."


def on_other_examples(result: Result) -> str:
    """That both sides have predictions, but of different examples; empty where it is not so, or not known."""
    base, head = result.base.run, result.head
    if result.decision is None or base is None or head is None or not (base.predictions and head.predictions):
        return ""
    if not (base.test_set and head.test_set) or base.test_set == head.test_set:
        return ""
    found = result.decision
    for text in (*(note for judgement in found.judgements for note in judgement.notes), *found.notes, *found.reasons):
        _, known, more = text.partition(OTHER_EXAMPLES)
        if known:
            return f"{OTHER_EXAMPLES}{more}"
    return f"{OTHER_EXAMPLES}."


def perhaps_on_others(result: Result) -> str:
    """That the digests of the test sets differ, where they are not both of predictions; empty where that is not so."""
    base, head = result.base.run, result.head
    if result.decision is None or base is None or head is None or (base.predictions and head.predictions):
        return ""
    if not (base.test_set and head.test_set) or base.test_set == head.test_set:
        return ""
    return UNKNOWN if base.predictions or head.predictions else OTHER_DATA
