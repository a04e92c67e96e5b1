"""Results of every kind, to look at: `python -m tests.render.samples FOLDER` writes each one's output folder and comment."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

from ml_ci.compare.comparison import Change
from ml_ci.report.charts import as_text
from ml_ci.report.markdown import render_comment
from ml_ci.report.presentation import Presentation, illustrations, reproduce_lines
from ml_ci.result import Result, TestSetUse
from tests.render.illustrated_samples import falling, illustrated_samples
from tests.runs import BASE, HEAD, decided, failed, judged, part, result, rule, run, scored

HOSTILE = "a|b`c`<img src=x onerror=alert(1)>@octocat #1 www.evil.example\n\n# h \u202eevil [x](http://evil.example) $x$ :smile:"

PRESENTATION = Presentation(
    repository="octo/churn",
    pull=42,
    run_url="https://github.com/octo/churn/actions/runs/1",
    report_url="https://github.com/octo/churn/actions/runs/1#summary",
    reproduce=reproduce_lines(base=BASE, pull=42, head=HEAD),
    version="0.1.0",
)


def samples(folder: Path) -> dict[str, Result]:
    """One result of each kind; the images of training's are drawn into `folder`."""
    images = {"c" * 64: _matrix(folder / "base.png", 3), "d" * 64: _matrix(folder / "head.png", 7)}
    base = run(
        BASE,
        accuracy=falling(0.5, 0.9512),
        loss=falling(2.3, 0.21),
        val_loss=falling(2.4, 0.31),
        roc_auc=0.98712,
        train_rows=1000,
        params={"learning_rate": "0.1", "max_depth": "6", "seed": "1"},
        data={"data/train.csv": "1a2b3c4d5e", "data/test.csv": "99887766aa"},
        packages={"numpy": "2.1.0", "scikit-learn": "1.6.0"},
        images={"plots/confusion_matrix.png": "c" * 64},
    )
    better = run(
        HEAD,
        accuracy=falling(0.5, 0.9633),
        loss=falling(2.3, 0.18),
        val_loss=falling(2.4, 0.29),
        roc_auc=0.98745,
        train_rows=1400,
        f1=0.94,
        params={"learning_rate": "0.05", "max_depth": "8", "seed": "1"},
        data={"data/train.csv": "5e4d3c2b1a", "data/test.csv": "99887766aa"},
        packages={"numpy": "2.1.0", "scikit-learn": "1.6.0"},
        images={"plots/confusion_matrix.png": "d" * 64},
    )
    worse = replace(
        better, metrics=run(accuracy=falling(0.5, 0.9391), loss=falling(2.3, 0.25), roc_auc=0.98745).metrics
    )
    gate = (
        rule("accuracy", min=0.90, regression=0.005),
        rule("roc_auc", regression="1%"),
        rule("val_loss", "lower", max=0.4, regression="5%"),
    )
    code = ("train.py", "features/build.py")
    loud = run(
        HEAD,
        metrics={HOSTILE: 0.5, "ok": 1.0},
        params={HOSTILE: HOSTILE},
        data={HOSTILE: "ab"},
        warnings=[HOSTILE],
    )
    many = {f"layer_{i:03}/grad_norm": i / 7 for i in range(300)}
    moved = {name: value * (1.01 if i % 2 else 1) for i, (name, value) in enumerate(many.items())}
    passing = result(base, better, *gate, code=code, images=images)
    return {
        "pass": passing,
        "fail": result(
            base,
            worse,
            *gate,
            code=code,
            images=images,
            warnings=["The metrics file metrics.json is older than this training, so it was not read."],
        ),
        "no-baseline": result(
            None,
            better,
            *gate,
            images=images,
            why="No run of it was recorded, and `baseline: found` does not let it be trained.",
        ),
        "base-trained": result(base, better, *gate, origin="trained", code=code, images=images),
        "training-failed": failed("Training failed with exit code 1 after 3 s: see the end of its log.", _log()),
        "same-inputs": result(base, replace(base, commit=HEAD), *gate, head_origin="same-inputs", code=("README.md",)),
        "nan": result(
            base, run(accuracy=[0.5, math.nan, math.nan], loss=[2, math.inf, math.inf], roc_auc=0.9), *gate, code=code
        ),
        "300-metrics": result(run(BASE, metrics=many, accuracy=0.9), run(metrics=moved, accuracy=0.91), gate[0]),
        "hostile": replace(
            result(
                run(BASE, metrics={HOSTILE: 0.6}, params={HOSTILE: "1"}, data={HOSTILE: "cd"}),
                loud,
                rule(HOSTILE, regression=0.01),
            ),
            code=(Change(name=HOSTILE, base=None, head=""),),
            key=HOSTILE,
        ),
        "no-gate": result(base, better, code=code),
        **_sure(passing),
        **illustrated_samples(folder),
    }


def _sure(passing: Result) -> dict[str, Result]:
    """Results that stand on predictions, of each kind."""
    accuracy = judged(
        "accuracy",
        *(0.9512, 0.9633),
        outcome="pass",
        interval=(0.0036, 0.0208),
        said="is at least 0.5 points better, with 95 % confidence.",
    )
    auc = judged(
        "roc_auc",
        *(0.98712, 0.98745),
        outcome="pass",
        interval=(-0.0012, 0.0019),
        margin=0.0099,
        said="is at most 0.09 points worse, with 95 % confidence; you allow 1 point.",
    )
    unsure = judged(
        "accuracy",
        *(0.9512, 0.9482),
        outcome="inconclusive",
        interval=(-0.0121, 0.0063),
        said="may be up to 1.1 points worse or 0.4 points better; you allow 0.5 points: 1,000 examples only tell what is "
        "1.4 points or more from that limit; about 31,000 would tell.",
        detectable=0.0143,
        needed=30_412,
        notes=["The predictions of 12 groups are not independent, so the interval rests on 12 groups."],
    )
    worse = judged(
        "val_loss",
        *(0.31, 0.36),
        outcome="fail",
        interval=(0.027, 0.074),
        margin=0.0155,
        direction="lower",
        said="is at least 9.9 % worse, with 95 % confidence; you allow 5 %.",
    )
    plain = judged("train_rows", 1000, 1400, "pass", margin=10)
    places = ["north", "south", "east", "west", "a | b", "`x`", "", "@octocat #1"]
    slices = [
        part("north", 412, 0.95, 0.88, "fail", margin=0.03, worse=True, half_width=0.03),
        *(
            part(
                name,
                100 + 37 * n,
                0.9,
                0.87 + 0.01 * n,
                "inconclusive" if n < 2 else "pass",
                margin=0.03,
                half_width=0.021,
            )
            for n, name in enumerate(places[1:])
        ),
        *(part(f"small-{n}", 3 + n, outcome="too small") for n in range(14)),
    ]
    shown = [
        part(f"plan-{n}", 200 + n, 0.9, 0.85 + 0.004 * n, worse=n == 0, column="plan", half_width=0.03)
        for n in range(30)
    ]
    north = "accuracy where region is north (412 examples, 0.95 → 0.88) is at least 4.6 points worse, with 95 % confidence; you allow 3 points."
    use = TestSetUse(digest="e" * 64, verdicts=7, examples=10_000, supported=12)
    other = "base and head were scored on different examples: 100 ids are only on base (the first is 17)"
    unpaired = replace(plain, notes=(f"The predictions could not be paired: {other}.",))
    return {
        "sure-other": decided(
            replace(
                passing,
                base=replace(passing.base, run=scored(passing.base.run, "a")),
                head=scored(passing.head, "b"),
            ),
            "pass",
            unpaired,
        ),
        "sure-pass": decided(passing, "pass", accuracy, auc, test_set=use),
        "sure-unsure": decided(passing, "inconclusive", unsure, auc, test_set=replace(use, verdicts=13)),
        "sure-fail": decided(
            passing,
            "fail",
            *(unsure, auc, worse, plain),
            slices=slices,
            reasons=[worse.why, north],
            notes=["accuracy by region: only slices with at least 50 examples are judged."],
            test_set=use,
        ),
        "sure-slices": decided(
            passing, "pass", accuracy, slices=shown, test_set=replace(use, examples=None, supported=None)
        ),
        "sure-small": decided(
            passing, "pass", accuracy, slices=slices[-5:], test_set=replace(use, examples=200, supported=0)
        ),
    }


def _log() -> str:
    lines = [f"epoch {i}: loss {2 / (i + 1):.3f}" for i in range(60)]
    return "\n".join(
        [
            *lines,
            "Traceback (most recent call last):",
            '  File "train.py", line 12',
            "```",
            "\x1b[31mValueError: bad\x1b[0m",
        ]
    )


def _matrix(path: Path, seed: int) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow([[90 + seed, 10 - seed], [4, 96 - seed]], cmap="Blues")
    axes.set_title("Confusion matrix")
    figure.savefig(path, dpi=100)
    return path


def main() -> None:
    from ml_ci.report.files import write_output

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, sample in samples(folder).items():
        written = write_output(sample, PRESENTATION, folder / name)
        shown = illustrations(written.plots, written.own, lambda path: f"plots/{path.name}")
        for file, kind in {"comment.md": shown, "comment-inline.md": as_text(written.result)}.items():
            (folder / name / file).write_text(render_comment(written.result, PRESENTATION, kind), encoding="utf-8")


if __name__ == "__main__":
    main()
