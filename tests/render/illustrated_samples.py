"""Results of which there is much to see: seeds, predictions, a history, a report of the repository's own, many metrics."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml_ci.compare.found import Material
from ml_ci.predictions import Predictions
from ml_ci.records import Metric, Past, Run
from ml_ci.result import OwnReport, Result
from tests.runs import BASE, HEAD, result, rule, run

REPORT = """\
# Evaluation

Trained on **1,000 rows**; see [the notebook](notebooks/eval.ipynb).

| class | precision | recall |
|:------|----------:|-------:|
| churn |      0.91 |   0.88 |
| stays |      0.97 |   0.98 |

![Errors by month](plots/errors.png)
"""


def falling(start: float, end: float, steps: int = 20, unrest: float = 0.01, seed: int = 0) -> list[float]:
    """A learning curve, with a little unrest."""
    return [
        end + (start - end) * math.exp(-i / 5) + unrest * (start - end) * math.sin(3 * i + 2 * seed)
        for i in range(steps)
    ]


def past(count: int, **metrics: float) -> tuple[Past, ...]:
    """So many records of the base branch, newest first, around these values."""
    return tuple(
        Past(
            commit=f"{n:040x}",
            started=f"2025-01-{count - n:02}T00:00:00Z",
            test_set="a",
            metrics={name: value * (1 + 0.004 * math.sin(2.3 * n) - 0.001 * n) for name, value in metrics.items()},
        )
        for n in range(count)
    )


def predictions(count: int, seed: int, hits: float) -> Predictions:
    """Of a classifier of two classes that is right in this share of cases."""
    chance = np.random.default_rng(seed)
    target = np.random.default_rng(1).integers(0, 2, count)
    right = chance.random(count) < hits
    predicted = np.where(right, target, 1 - target)
    score = np.clip(chance.normal(0.5 + 0.3 * (2 * predicted - 1), 0.15), 0.001, 0.999)
    return Predictions(
        source="predictions.parquet",
        test_set="a",
        id=np.arange(count),
        target=target,
        prediction=predicted,
        score=score,
    )


def with_seeds(found: Run, curves: dict[str, tuple[float, float]], seeds: int = 5) -> Run:
    """The same run with so many trainings, whose curves go from one number to the other."""
    metrics = dict(found.metrics)
    for name, (start, end) in curves.items():
        histories = tuple(
            tuple(enumerate(falling(start, end * (1 + 0.004 * seed), unrest=0.02, seed=seed))) for seed in range(seeds)
        )
        repeats = tuple(history[-1][1] for history in histories)
        metrics[name] = Metric(
            value=sum(repeats) / seeds, history=histories[0], repeats=repeats, curves=histories, source="mlflow"
        )
    return replace(found, metrics=metrics)


def illustrated_samples(folder: Path) -> dict[str, Result]:
    """One result of each kind; images are drawn into `folder`."""
    gate = (rule("accuracy", min=0.9, regression=0.005), rule("val_loss", "lower", regression="5%"))
    base = run(BASE, accuracy=falling(0.5, 0.951), val_loss=falling(2.4, 0.31), loss=falling(2.3, 0.21), epochs=20)
    head = run(HEAD, accuracy=falling(0.5, 0.943), val_loss=falling(2.4, 0.30, 16), loss=falling(2.3, 0.2), epochs=16)
    found = result(base, head, *gate, code=("train.py",))
    history = Material(history=past(18, accuracy=0.944, val_loss=0.36))
    both = Material(
        history=history.history, base=predictions(1000, 2, 0.93), head=predictions(1000, 3, 0.9), without_predictions=""
    )
    many = {f"layer_{i:02}/grad_norm": i / 7 for i in range(48)}
    moved = {name: value * (1.01 if i % 6 == 0 else 1) for i, (name, value) in enumerate(many.items())}
    own = OwnReport(path="report.md", text=REPORT, images={"plots/errors.png": _errors(folder / "errors.png")})
    return {
        "history": replace(found, material=history),
        "predictions": replace(found, material=both),
        "seeds": result(
            with_seeds(base, {"accuracy": (0.5, 0.951), "val_loss": (2.4, 0.31)}),
            with_seeds(head, {"accuracy": (0.5, 0.943), "val_loss": (2.4, 0.30)}),
            *gate,
        ),
        "own-report": replace(found, report=own),
        "long-report": replace(found, report=replace(own, text=REPORT + "\n\n".join(f"Line {n}." for n in range(60)))),
        "50-metrics": result(
            run(BASE, metrics=many, accuracy=0.9, f1=0.8), run(metrics=moved, accuracy=0.91, f1=0.8), gate[0]
        ),
        "nothing-moved": result(base, replace(base, commit=HEAD, params={"seed": "2"}), *gate, code=("train.py",)),
        "first-run": result(None, head, why="this is the first run"),
    }


def _errors(path: Path) -> Path:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (640, 240), "white")
    draw = ImageDraw.Draw(picture)
    for month in range(12):
        draw.rectangle((40 + 48 * month, 220 - 12 * (month % 5 + 3), 74 + 48 * month, 220), fill="#0072b2")
    picture.save(path)
    return path
