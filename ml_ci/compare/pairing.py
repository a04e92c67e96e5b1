"""Whether the predictions of both sides can be paired: how two test sets differ where they cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ml_ci.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OTHER_EXAMPLES = "base and head were scored on different examples"


def parted_as(base: Predictions, head: Predictions) -> tuple[Predictions, tuple[str, ...]]:
    """Head with base's groups and slices, and a sentence for each column that differed.

    What an example is does not change with the model; so the examples are parted as the base branch says, and a pull
    request cannot move those that got worse into another slice. Both sides have the same test set.
    """
    notes = []
    group = head.group if base.group is None else base.group
    if base.group is not None and head.group is not None and _differ(base.group, head.group):
        notes.append(_as_base("group"))
    slices: Mapping[str, NDArray[np.str_]] = {**head.slices, **base.slices}
    notes += [
        _as_base(name) for name in base.slices if name in head.slices and _differ(base.slices[name], head.slices[name])
    ]
    return replace(head, group=group, slices=slices), tuple(notes)


def _differ(base: NDArray[np.generic], head: NDArray[np.generic]) -> bool:
    return base.shape != head.shape or bool((base != head).any())


def _as_base(column: str) -> str:
    return f"The column \"{column}\" of head's predictions differs from base's, for the same examples: base's counts."


def on_other_examples(base: Predictions, head: Predictions) -> str:
    """How two test sets differ, as a clause: how many ids only one side has, how many targets differ, and the first."""
    import numpy as np

    here, there = (ids.astype(str) if base.id.dtype.kind != head.id.dtype.kind else ids for ids in (head.id, base.id))
    only_head, only_base = np.setdiff1d(here, there), np.setdiff1d(there, here)
    differences = [
        f"{len(ids):,} {'id is' if len(ids) == 1 else 'ids are'} only on {side} (the first is {ids[0]})"
        for side, ids in (("base", only_base), ("head", only_head))
        if len(ids)
    ]
    _, at_head, at_base = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    if head.target is not None and base.target is not None:
        moved = np.flatnonzero(head.target[at_head] != base.target[at_base])
        if len(moved):
            what = "target differs" if len(moved) == 1 else "targets differ"
            differences.append(f"{len(moved):,} {what} (the first is that of id {head.id[at_head[moved[0]]]})")
    elif (head.target is None) != (base.target is None):
        differences.append(f"only {'base' if head.target is None else 'head'} has targets")
    return f"{OTHER_EXAMPLES}: {', '.join(differences) or 'their digests differ'}"
