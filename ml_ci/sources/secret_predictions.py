"""Predictions that hold a secret of the job: they are kept and published, so it must not stand there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ml_ci.predictions import Predictions
from ml_ci.secrets import Secrets
from ml_ci.sources.broken_predictions import BrokenPredictionsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def without_secrets(predictions: Predictions, secrets: Secrets) -> Predictions:
    """The predictions with the secrets hidden in the names of slices; those that would become one stay apart.

    Raises BrokenPredictionsError where a secret is in an id, a label or a group: with another value in its place, rows
    would be taken for what they are not.
    """
    columns = {
        "ids": predictions.id,
        "targets": predictions.target,
        "predictions": predictions.prediction,
        "groups": predictions.group,
    }
    for what, column in columns.items():
        if column is not None and column.dtype.kind == "U" and secrets.are_in("\n".join(column.tolist())):
            raise BrokenPredictionsError(
                f"{predictions.source}: a secret that this job was given (a token, key or password) is among the {what}, "
                "so they are neither read nor kept; write something else there."
            )
    slices = {name: _hidden(values, secrets) for name, values in predictions.slices.items()}
    if all(slices[name] is values for name, values in predictions.slices.items()):
        return predictions
    return replace(predictions, slices=slices)


def _hidden(values: NDArray[np.str_], secrets: Secrets) -> NDArray[np.str_]:
    import numpy as np

    if not secrets.are_in("\n".join(values.tolist())):
        return values
    names, places = np.unique(values, return_inverse=True)
    new: dict[str, str] = secrets.hidden({str(name): "" for name in names})
    return np.array(list(new))[places]
