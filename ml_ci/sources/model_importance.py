"""How much each feature matters to a scikit-learn-like model: a program for training's own Python, not for ml-ci's.

A model is a pickle, so reading it runs what it says. That is training's business: this is run as training was, with the
same Python and packages, and ml-ci reads numbers from it. It is given to `python -c`, and imports nothing of ml-ci's;
it has to run under every Python that scikit-learn still has users on.

Standard input is a line of JSON, `{"format": "cloudpickle", "names": ["age", …]}`, then the model. The last line of
standard output that begins with `MARK` holds the answer, a JSON object of at most `MOST` names and numbers.
"""

from __future__ import annotations

import json
import math
import pickle
import sys
import warnings
from typing import Any

MARK = "ml-ci importance: "
MOST = 100


def load(content: bytes, form: str) -> Any:  # noqa: ANN401 - a model of whatever class
    """The model. Whoever trained it trusts it."""
    if form == "skops":
        from skops.io import get_untrusted_types, loads

        return loads(content, trusted=get_untrusted_types(data=content))
    return pickle.loads(content)  # noqa: S301 - see above


def inner(model: Any, names: list[str]) -> tuple[Any, list[str]]:  # noqa: ANN401
    """The model that does the work, out of a search or a pipeline, with the names of what goes into it."""
    while True:
        names = [str(name) for name in getattr(model, "feature_names_in_", names)]
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "regressor_"):
            model = model.regressor_
        elif hasattr(model, "steps"):
            if len(model.steps) > 1:
                names = made_by(model[:-1], names)
            model = model.steps[-1][1]
        else:
            return model, names


def made_by(steps: Any, names: list[str]) -> list[str]:  # noqa: ANN401
    """The names of the features that a pipeline's first steps make; none where a step does not know."""
    for arguments in ((), (names,)):
        try:
            return [str(name) for name in steps.get_feature_names_out(*arguments)]
        except (AttributeError, TypeError, ValueError):
            continue
    return []


def importance(model: Any) -> list[float]:  # noqa: ANN401
    """One number for each feature; of a linear model with several outputs, the mean size of its coefficients."""
    values = getattr(model, "feature_importances_", None)
    if values is None:
        values = model.coef_
        values = values.toarray() if hasattr(values, "toarray") else values
        if getattr(values, "ndim", 1) == 2:
            values = values[0] if len(values) == 1 else abs(values).mean(axis=0)
    return [float(value) for value in values]


def answer(content: bytes, form: str, names: list[str]) -> dict[str, float]:
    """The largest ones, by size."""
    model, names = inner(load(content, form), names)
    values = importance(model)
    if len(names) != len(values):
        names = [f"x{number}" for number in range(len(values))]
    pairs = [pair for pair in zip(names, values) if math.isfinite(pair[1])]  # noqa: B905 - Python 3.9 has no `strict`
    return dict(sorted(pairs, key=lambda pair: -abs(pair[1]))[:MOST])


def main() -> None:
    """Answer on standard output."""
    warnings.simplefilter("ignore")
    asked, _, content = sys.stdin.buffer.read().partition(b"\n")
    question = json.loads(asked)
    sys.stdout.write("\n" + MARK + json.dumps(answer(content, question["format"], question["names"])) + "\n")


if __name__ == "__main__":
    main()
