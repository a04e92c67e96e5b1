"""ROC AUC where the examples come in groups: DeLong's placements, added up by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_ci.predictions import Numbers
from ml_ci.statistics.conditions import of_line, small_class
from ml_ci.statistics.confidence import Difference
from ml_ci.statistics.linear import tangents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def by_group(
    target01: NDArray[np.int64], base_score: Numbers, head_score: Numbers, group: NDArray[np.int64]
) -> Difference:
    """AUC on both sides and the confidence of their difference, for groups that are independent, examples in them not.

    Obuchowski (1997, Nonparametric analysis of clustered ROC curve data, Biometrics 53, 567-578): the AUC is a sum of
    placements, to which a group contributes what its examples do. Student's t, with its degrees of freedom from the groups'
    contributions. `group` holds codes from 0 on; the target has both classes.
    """
    import numpy as np

    base, head = _contributions(target01, base_score), _contributions(target01, head_score)
    count = int(group.max()) + 1
    influence = np.bincount(group, head[1] - base[1], count)
    differing = np.bincount(group, head[1] != base[1], count) > 0
    everything = np.zeros(count, dtype=np.int64)
    areas = np.array([base[0]]), np.array([head[0]])
    straight = tangents(areas, influence.astype(np.float64), everything, None, differing)[0]
    smaller = int(min(target01.sum(), len(target01) - target01.sum()))
    warnings = small_class("ROC AUC", smaller, "smaller") + of_line(straight, groups=True)
    return Difference(
        base=straight.base,
        head=straight.head,
        confidence=straight.student,
        method="DeLong over groups",
        size=count,
        unit="groups",
        warnings=warnings if differing.any() else (),
    )


def _contributions(target01: NDArray[np.int64], score: Numbers) -> tuple[float, Numbers]:
    """The AUC, and what each example adds to it around its expectation."""
    import numpy as np
    from scipy.stats import rankdata

    positive = target01 == 1
    ranks = rankdata(score)
    within = np.empty_like(ranks)
    within[positive], within[~positive] = rankdata(score[positive]), rankdata(score[~positive])
    positives = int(positive.sum())
    negatives = len(score) - positives
    placement = np.where(positive, (ranks - within) / negatives, 1 - (ranks - within) / positives)
    area = float((ranks - within)[positive].sum()) / (positives * negatives)
    return area, (placement - area) / np.where(positive, positives, negatives)
