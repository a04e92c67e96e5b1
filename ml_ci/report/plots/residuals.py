"""Of a regression: predicted against true, and what is left over, base beside head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci.predictions import Predictions
from ml_ci.report.plots.frame import Side
from ml_ci.report.plots.predicted import Sides, examples, from_to, sides
from ml_ci.report.plots.residual_panels import draw_panels, residuals
from ml_ci.report.plots.style import dark_of
from ml_ci.report.presentation import FULL_WIDTH, Plot
from ml_ci.result import Result

if TYPE_CHECKING:
    from ml_ci.predictions import Numbers


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of the residuals: their mean, the mean of their absolute values, and the root of the mean of their squares."""

    mean: float
    absolute: float
    root_square: float


def draw_residuals(result: Result, folder: Path) -> tuple[Plot, ...]:
    """Draw into `folder`; nothing where the data for it is not there."""
    found = sides(result)
    shown = found.of_numbers() if found else None
    if shown is None:
        return ()
    pairs = {side: pair for side, one in shown.present().items() if (pair := finite_pairs(one))}
    if "head" not in pairs:
        return ()
    shown = shown if "base" in pairs else shown.head_only()
    path = folder / "residuals.png"
    errors = {side: errors_of(*pair) for side, pair in pairs.items()}
    texts = {side: (one.root_square, one.absolute) for side, one in errors.items()}
    beyond = draw_panels(pairs, texts, path)
    plot = Plot(
        name="residuals",
        path=path,
        dark=dark_of(path),
        title=shown.titled("Predicted against true, and residuals"),
        alt=_alt(shown, errors, sum(len(one) for one in shown.present().values()) - _rows(pairs), beyond),
        width=FULL_WIDTH,
    )
    return (plot,)


def finite_pairs(side: Predictions) -> tuple[Numbers, Numbers] | None:
    """Target and prediction in the rows where both are finite; None where there are none."""
    import numpy as np

    if side.target is None or side.prediction is None:
        return None
    true, predicted = (np.asarray(column, dtype=np.float64) for column in (side.target, side.prediction))
    kept = np.isfinite(true) & np.isfinite(predicted)
    if not kept.all():
        true, predicted = true[kept], predicted[kept]
    return (true, predicted) if len(true) else None


def errors_of(true: Numbers, predicted: Numbers) -> Errors:
    """The errors of finite numbers."""
    import numpy as np

    left = residuals(true, predicted)
    # squares of large numbers are more than a float holds
    largest = float(np.abs(left).max())
    if largest == 0.0:
        return Errors(mean=0.0, absolute=0.0, root_square=0.0)
    left /= largest
    square = float(np.sqrt(left @ left / len(left)))
    return Errors(
        mean=largest * float(left.mean()), absolute=largest * float(np.abs(left).mean()), root_square=largest * square
    )


def _rows(pairs: Mapping[Side, tuple[Numbers, Numbers]]) -> int:
    return sum(len(true) for true, _ in pairs.values())


def _alt(shown: Sides, errors: Mapping[Side, Errors], left_out: int, beyond: int) -> str:
    base, head = errors.get("base"), errors["head"]
    said = [
        f"RMSE {from_to(base.root_square if base else None, head.root_square)}",
        f"mean absolute error {from_to(base.absolute if base else None, head.absolute)}",
        f"mean residual {from_to(base.mean if base else None, head.mean)}",
    ]
    notes = f" Beyond the axes, and drawn on their ends: {examples(beyond)}." if beyond else ""
    if left_out:
        notes += f" Left out, as they have no finite numbers: {examples(left_out)}."
    return (
        f"Predicted against true values, and how residuals (predicted − true) are spread. {shown.counted()} "
        f"{', '.join(said)}.{notes}"
    )
