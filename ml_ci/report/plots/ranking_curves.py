"""The ROC and the precision-recall curve of one side, and what is below them: scikit-learn's values.

They are computed here since ten million scores have to be drawn in a second or two: sorting plain numbers, each class by
itself, is many times faster than scikit-learn's sorting of places, and a curve needs no more points than the eye sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.errors import ConfigError
from ml_ci.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_ci.predictions import Numbers

    Codes = NDArray[np.int64]
    Curve = tuple[Numbers, Numbers]

POINTS = 300
"""Points of a curve that each of the classes gives, besides those of the highest scores."""

_HIGHEST = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """The scores of the examples of each class, sorted; `positive` is the name of the positive class."""

    positive: str
    positives: Numbers
    negatives: Numbers

    @property
    def prevalence(self) -> float:
        """The share of positive examples: what the precision is of who knows nothing."""
        return len(self.positives) / (len(self.positives) + len(self.negatives))

    def auc(self) -> float:
        """The area under the ROC curve: how often a positive example has the higher score; ties count half."""
        import numpy as np

        twice = np.searchsorted(self.negatives, self.positives, "left").sum()
        twice += np.searchsorted(self.negatives, self.positives, "right").sum()
        return float(twice) / (2.0 * len(self.positives) * len(self.negatives))

    def average_precision(self) -> float:
        """The mean, over the positive examples, of the precision at their score; scikit-learn's `average_precision_score`."""
        true, false = self._above(self.positives)
        return float((true / (true + false)).mean())

    def roc(self) -> Curve:
        """False and true positive rate from (0, 0) to (1, 1)."""
        import numpy as np

        true, false = self._above(self._thresholds())
        rates = false / len(self.negatives), true / len(self.positives)
        # it begins above every score
        return np.append(rates[0], 0.0)[::-1], np.append(rates[1], 0.0)[::-1]

    def precision_recall(self) -> Curve:
        """Recall and precision by falling recall, to (0, 1) as in scikit-learn; it is to be drawn in steps."""
        import numpy as np

        true, false = self._above(self._thresholds())
        return np.append(true / len(self.positives), 0.0), np.append(true / (true + false), 1.0)

    def _above(self, thresholds: Numbers) -> tuple[Codes, Codes]:
        """How many examples of each class have at least these scores."""
        import numpy as np

        both = self.positives, self.negatives
        true, false = (len(scores) - np.searchsorted(scores, thresholds, "left") for scores in both)
        return true, false

    def _thresholds(self) -> Numbers:
        """Scores, rising: all of them where they are few, else some of each class, close to each other at the top."""
        import numpy as np

        return np.unique(np.concatenate([scores[_spread(len(scores))] for scores in (self.positives, self.negatives)]))


def _spread(size: int) -> Codes:
    import numpy as np

    if size <= POINTS + _HIGHEST:
        return np.arange(size)
    evenly = np.linspace(0, size - 1, POINTS)
    highest = size - np.geomspace(1, size, _HIGHEST)
    return np.unique(np.concatenate([evenly, highest]).astype(np.int64))


def two_classes(side: Predictions) -> tuple[str, Codes] | None:
    """The name of the positive class, and each example's target as 0 or 1; None unless there are two classes.

    The positive one is what it is for the metrics, the larger in sorted order.
    """
    from ml_ci.statistics import columns

    if side.target is None or side.score is None or not len(side):
        return None
    try:
        codes = columns.two_classes("ROC", side)
    except ConfigError:
        return None
    positive = side.target[codes.argmax()].item()
    return str(int(positive) if isinstance(positive, float) else positive), codes


def ranking(side: Predictions, positive: str, codes: Codes) -> Ranking | None:
    """The scores by class; those that are NaN are left out. None where a class has none."""
    import numpy as np

    score = side.score
    if score is None:
        return None
    known = ~np.isnan(score)
    is_positive = codes == 1
    positives, negatives = score[is_positive & known], score[~is_positive & known]
    if not (len(positives) and len(negatives)):
        return None
    return Ranking(positive=positive, positives=np.sort(positives), negatives=np.sort(negatives))
