"""Metrics that are functions of means over the examples: errors, log loss, Brier score, columns; and how sure they are.

A mean's difference is the mean of the paired differences. RMSE and R² are functions of means: the same with the tangent
in place of the difference (the delta method).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_ci.predictions import Numbers, Predictions
from ml_ci.statistics.columns import grouped, numbers, refusal, scores
from ml_ci.statistics.conditions import too_few_differ
from ml_ci.statistics.confidence import Confidence, Widest
from ml_ci.statistics.linear import Curve, Line, Negated, Units, line, skew_term, totals_by
from ml_ci.statistics.metrics import Metric
from ml_ci.statistics.resampling import RESAMPLES, percentile_t

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY = 1_000
NEGLIGIBLE_SKEW = 0.002
"""From so many units on, and with at most so much skewness, Student's t is exact for all purposes."""


@dataclass(frozen=True)
class Mean:
    """Totals: the sum, and the number of examples."""

    def value(self, totals: Numbers) -> Numbers:
        """Their ratio."""
        mean: Numbers = totals[..., 0] / totals[..., 1]
        return mean

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        return np.stack([1 / totals[..., 1], -totals[..., 0] / totals[..., 1] ** 2], axis=-1)


@dataclass(frozen=True)
class RootMean:
    """The root of a mean. At a mean of 0 it has no tangent; that side then counts as certain."""

    def value(self, totals: Numbers) -> Numbers:
        """The root of the ratio."""
        import numpy as np

        return np.sqrt(totals[..., 0] / totals[..., 1])

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        root = self.value(totals)
        first = np.divide(root, 2 * totals[..., 0], out=np.zeros_like(root), where=totals[..., 0] > 0)
        return np.stack([first, -root / (2 * totals[..., 1])], axis=-1)


@dataclass(frozen=True)
class Determination:
    """R²: one less the squared errors as a part of the target's squares around its mean; the last two totals are its sum, and n."""

    def value(self, totals: Numbers) -> Numbers:
        """1 − errors / squares."""
        r2: Numbers = 1 - totals[..., 0] / self._around_the_mean(totals)
        return r2

    def gradient(self, totals: Numbers) -> Numbers:
        """Its derivatives."""
        import numpy as np

        around = self._around_the_mean(totals)
        mean = totals[..., 2] / totals[..., 3]
        part = totals[..., 0] / around**2
        return np.stack([-1 / around, part, -2 * mean * part, mean**2 * part], axis=-1)

    @staticmethod
    def _around_the_mean(totals: Numbers) -> Numbers:
        import numpy as np

        around = totals[..., 1] - totals[..., 2] ** 2 / totals[..., 3]
        return np.where(around > 0, around, np.nan)


def _squared(target: Numbers, other: Numbers) -> Numbers:
    error = target - other
    return error * error


def _absolute(target: Numbers, other: Numbers) -> Numbers:
    import numpy as np

    return np.abs(target - other)


def _percentage(target: Numbers, other: Numbers) -> Numbers:
    import numpy as np

    return np.abs(target - other) / np.maximum(np.abs(target), np.finfo(np.float64).eps)


def _squared_log(target: Numbers, other: Numbers) -> Numbers:
    import numpy as np

    return _squared(np.log1p(target), np.log1p(other))


def _log_loss(target: Numbers, other: Numbers) -> Numbers:
    import numpy as np

    eps = float(np.finfo(np.float64).eps)
    right = np.where(target > 0, other, 1 - other)
    loss: Numbers = -np.log(np.clip(right, eps, 1 - eps))
    return loss


OF_ROWS: Mapping[str, tuple[Callable[[Numbers, Numbers], Numbers], Curve]] = {
    "mean_absolute_error": (_absolute, Mean()),
    "mean_squared_error": (_squared, Mean()),
    "root_mean_squared_error": (_squared, RootMean()),
    "mean_absolute_percentage_error": (_percentage, Mean()),
    "mean_squared_log_error": (_squared_log, Mean()),
    "root_mean_squared_log_error": (_squared_log, RootMean()),
    "log_loss": (_log_loss, Mean()),
    "brier_score_loss": (_squared, Mean()),
    "r2_score": (_squared, Determination()),
}
"""For scikit-learn's functions: the value of an example, and what is made of the mean of them."""


def is_mean(metric: Metric) -> bool:
    """Whether the metric is a function of means over the examples that is known here."""
    return metric.function in OF_ROWS


def units_of(metric: Metric, base: Predictions, head: Predictions) -> tuple[Units, Curve]:
    """What each example adds on both sides, and the function of the totals. Raises ConfigError as `metrics.value` does."""
    import numpy as np

    of_row, curve = OF_ROWS[metric.function]
    sides = []
    for side in (base, head):
        if metric.needs == "numbers":
            target, other = numbers(metric.name, side)
        else:
            classes, other = scores(metric.name, side, probabilities=True)
            target = classes.astype(np.float64)
        if of_row is _squared_log and min(target.min(), other.min()) <= -1:
            raise refusal(metric.name, side, "a target or a prediction is −1 or less, and has no logarithm")
        rows = [of_row(target, other)]
        if isinstance(curve, Determination):
            around = target - target.mean()
            if len(target) < 2 or not around.any():
                raise refusal(metric.name, side, "all targets are the same, or there is only one")
            rows += [around * around, around]
        sides.append(np.stack([*rows, np.ones(len(side))], axis=1))
    return Units(base=sides[0], head=sides[1]), Negated(curve) if metric.sign < 0 else curve


def units_of_column(name: str, base: Predictions, head: Predictions) -> tuple[Units, Curve]:
    """The same for the mean of a column. Raises ConfigError where a side does not have it."""
    import numpy as np

    sides = []
    for side in (base, head):
        if name not in side.columns:
            raise refusal(name, side, f'they have no column "{name}"')
        sides.append(np.stack([side.columns[name], np.ones(len(side))], axis=1))
    return Units(base=sides[0], head=sides[1]), Mean()


def by_group(name: str, units: Units, base: Predictions, head: Predictions) -> tuple[Units, bool]:
    """The units put together by group, and whether there are groups."""
    groups = grouped(name, base, head)
    if groups is None:
        return units, False
    return units_by_group(units, *groups), True


def units_by_group(units: Units, code: NDArray[np.int64], number: int) -> Units:
    """The units of the same code put together; one that holds an example that differs does so, whatever it adds up to."""
    import numpy as np

    differing = (units.base != units.head).any(axis=1) if units.differing is None else units.differing
    return Units(
        base=totals_by(code, units.base, number),
        head=totals_by(code, units.head, number),
        differing=np.bincount(code, differing, number) > 0,
    )


def sure(units: Units, curve: Curve, *, groups: bool) -> tuple[Line, Confidence, str]:
    """The values, the confidence distribution, and the method's name.

    It is the wider of Student's t and of percentile-t: in simulations (50 to 1,000 examples) the bootstrap alone covered
    88 to 94 % where errors are heavy-tailed on both sides, Student's t alone 88 to 91 % where their difference is skewed,
    both together 93 to 97 % in either case. With many units and no skewness to speak of both are the same.
    """
    straight = line(units, curve)
    of = " over groups" if groups else ""
    exact = straight.number >= MANY and skew_term(straight) <= NEGLIGIBLE_SKEW
    if exact or too_few_differ(straight):
        return straight, straight.student, f"paired Student's t{of}"
    bootstrap = percentile_t(units, curve)
    method = f"percentile-t bootstrap{of}, {RESAMPLES:,} resamples, and Student's t"
    return straight, Widest((bootstrap, straight.student)), method
