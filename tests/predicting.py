"""A training that predicts: its examples, how often it is right, and its seed are in params.yaml and ML_CI_SEED."""

from __future__ import annotations

from pathlib import Path

from tests.repository import Repository

PREDICTS = """
import os, pathlib, random, re
found = dict(re.findall(r"(\\w+): ([-\\w.]+)", pathlib.Path("params.yaml").read_text()))
seed = int(os.environ["ML_CI_SEED"])
print("seed", seed)
count, wrong = int(found["count"]), int(found["wrong"]) + seed * int(found.get("spread", 0))
flipped = int(found.get("flipped", 0))
lines = ["id,y_true,y_pred"]
for number in range(count):
    truth = (number < flipped) ^ (number % 2)
    lines.append(f"{number},{int(truth)},{int(truth) ^ (number >= count - wrong)}")
if found.get("predictions", "yes") == "yes":
    pathlib.Path("predictions.csv").write_text("\\n".join(lines) + "\\n")
pathlib.Path("metrics.json").write_text('{"accuracy": %r, "loss": %r}' % (float(found.get("said", 1 - wrong / count)), wrong))
"""
"""Of `count` examples the last `wrong` are predicted wrongly, `spread` more with each seed; `flipped` targets are others."""

CONFIG = """
environment: none
gate:
  accuracy: {direction: higher, max-regression: 0.02}
"""
PREDICTIONS = "predictions: {path: predictions.csv}\n"


def predicting(path: Path, base: str, head: str | None = None, config: str = CONFIG + PREDICTIONS) -> Repository:
    """A repository whose branch changes params.yaml from `base` to `head`."""
    files = {
        "train.py": PREDICTS,
        "params.yaml": base.replace(", ", "\n"),
        ".ml-ci.yml": config,
        ".gitignore": "metrics.json\npredictions.csv\n",
    }
    repository = Repository.create(path, files)
    if head is not None:
        repository.branch("change").commit({"params.yaml": head.replace(", ", "\n")})
    return repository


def seeds(repository: Repository) -> dict[str, str]:
    """What each training said of its seed, by the name of its log."""
    logs = sorted((repository.path / ".ml-ci").glob("train-*.log"))
    return {log.stem.removeprefix("train-"): log.read_text().split()[1] for log in logs}
