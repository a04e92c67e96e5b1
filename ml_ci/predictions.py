"""One row per evaluated example: what makes a verdict certain. Read by `ml_ci.sources`, judged by the middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# as text, so that these names can be imported without NumPy
Ids: TypeAlias = "NDArray[np.str_] | NDArray[np.int64]"
Labels: TypeAlias = "NDArray[np.str_] | NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_]"
Numbers: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The predictions of one training on its test set: `n` examples, sorted by id, no id twice.

    Every array has the shape (n,). `target` and `prediction` are labels or numbers, `score` is a probability or decision
    value of the positive class; each is None where the file has no such column. `group` says which rows are not
    independent. `slices` maps the slice columns to their values as text, `columns` the per-example values that are
    averaged. No number is NaN or infinite. `test_set` is the digest of ids and targets: equal digests mean that both
    sides were scored on the same examples. `source` is the file that they were read from, for messages.
    """

    source: str
    test_set: str
    id: Ids
    target: Labels | None = None
    prediction: Labels | None = None
    score: Numbers | None = None
    group: Ids | None = None
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    columns: Mapping[str, Numbers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)
