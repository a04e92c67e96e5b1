"""Several models, to look at: `python -m tests.render.models FOLDER [COUNT]` writes the output folder and the comment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ml_ci.report.files import WrittenModels, write_models, write_output
from ml_ci.report.models_markdown import render_models_comment
from ml_ci.report.presentation import illustrations
from ml_ci.result import Result
from tests.render.samples import PRESENTATION, samples

FIVE = {
    "churn": "sure-pass",
    "fraud": "sure-fail",
    "forecast-weekly": "training-failed",
    "ranking": "no-baseline",
    "search": "sure-unsure",
}
"""One model of each kind, by the name of its sample."""


def five(folder: Path) -> dict[str, Result]:
    """Five models, of which each came to something else."""
    known = samples(folder)
    return {key: replace(known[name], key=key) for key, name in FIVE.items()}


def many(folder: Path, count: int) -> dict[str, Result]:
    """So many models: every tenth fails, every fifth is inconclusive, and the others pass."""
    known = samples(folder)
    names = ["sure-fail", "sure-pass", "pass", "sure-unsure", "sure-pass"] + 5 * ["sure-pass"]
    return {f"model-{n:02}": replace(known[names[n % 10]], key=f"model-{n:02}") for n in range(count)}


def written(models: Mapping[str, Result], folder: Path, key: str = "default") -> WrittenModels:
    """The output folder of these models."""
    parts = [write_output(result, PRESENTATION, folder / name) for name, result in models.items()]
    return write_models(key, parts, PRESENTATION, folder)


def comment_of(found: WrittenModels) -> str:
    """The comment on the pull request, with each model's pictures where they are in the output folder."""
    shown = [
        illustrations(part.plots, part.own, lambda path, key=part.result.key: f"{key}/plots/{path.name}")  # type: ignore[misc]
        for part in found.parts
    ]
    return render_models_comment(found.results, PRESENTATION, shown)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    models = many(folder, int(sys.argv[2])) if len(sys.argv) > 2 else five(folder)
    found = written(models, folder)
    (folder / "comment.md").write_text(comment_of(found), encoding="utf-8")


if __name__ == "__main__":
    main()
