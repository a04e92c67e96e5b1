"""However much there is to say: the comment is within GitHub's limits, and the report is there in time and in memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from ml_ci.compare.comparison import Change
from ml_ci.compare.found import Material
from ml_ci.records import Metric, Past, Run
from ml_ci.report.charts import as_text
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.presentation import Illustrations, Picture, Presentation
from ml_ci.result import OwnReport, Result
from tests.render.github_markdown import unsanitized
from tests.render.tree import parse, tree_of
from tests.runs import BASE, HEAD, decided, judged, part, result, rule, run

ON_GITHUB = Presentation(
    repository="octo/churn",
    pull=42,
    run_url="https://github.com/octo/churn/actions/runs/1",
    report_url="https://github.com/octo/churn/actions/runs/1#report",
    version="0.1.0",
)
COMMENT, SUMMARY = 60_000, 1_048_576
MANY, STEPS = 10_000, 10_000


@cache
def huge() -> Result:
    """10,000 metrics of 10,000 steps, as many parameters, 1,000 slices, 30 records that have all of the metrics.

    It is no fixture: pytest shows those of a test that fails, and this one's text would have gigabytes.
    """
    names = [f"layer_{n:05}/grad_norm" for n in range(MANY)]
    metrics = {name: n / 7 for n, name in enumerate(names)}
    params = {f"model.layer_{n:05}.size": str(n) for n in range(MANY)}
    base = run(BASE, accuracy=0.9, params=params)
    head = run(HEAD, accuracy=0.91, params={name: f"{value}0" for name, value in params.items()})
    plain = result(with_curves(base, metrics, 1.0), with_curves(head, metrics, 1.01), rule("accuracy", min=0.5))
    slices = [part(f"place-{n:04}", 100, 0.9, 0.89, margin=0.05, outcome="pass") for n in range(1000)]
    accuracy = judged("accuracy", 0.9, 0.91, "pass", (-0.01, 0.03), said="is better.")
    past = Past(commit="", started="", test_set="", metrics={"accuracy": 0.9, **metrics})
    return replace(
        decided(plain, "pass", accuracy, slices=slices),
        material=Material(history=tuple(replace(past, commit=f"{n:040x}") for n in range(30))),
        code=tuple(Change(name=f"src/module_{n:04}.py", base="", head="") for n in range(1000)),
        report=OwnReport(path="report.md", text="A line of the repository's own.\n\n" * 3000),
    )


def with_curves(found: Run, metrics: dict[str, float], factor: float) -> Run:
    curve = tuple((step, factor / (step + 1)) for step in range(STEPS))
    curves = {name: Metric(value=value * factor, history=curve) for name, value in metrics.items()}
    return replace(found, metrics={**found.metrics, **curves})


def pictures(count: int) -> Illustrations:
    sha = "a" * 64
    url = f"https://github.com/octo/churn/raw/ml-ci-data/images/{sha}.png"
    alt = "The image as training wrote it: base on the left, head on the right."
    one = Picture(title="plots/confusion_matrix.png", alt=alt, url=url, width=800, dark_url=url)
    return Illustrations(pictures=(one,) * count)


@pytest.mark.parametrize("kind", ["pictures", "charts"])
def test_a_comment_on_everything_at_once_is_within_githubs_limit(kind: str) -> None:
    shown = pictures(500) if kind == "pictures" else as_text(huge())
    text = render_comment(huge(), ON_GITHUB, shown)
    assert len(text.encode()) <= COMMENT
    parse(unsanitized(text))
    assert "| `accuracy` |" in text
    assert f"[full report]({ON_GITHUB.report_url})" in text


def test_what_is_left_out_is_whole_and_said_from_the_bottom_up() -> None:
    text = render_comment(huge(), ON_GITHUB, pictures(500))
    (note,) = re.findall(r"Left out, as GitHub limits a comment's size: (.*?)\. See the \[full report\]", text)
    order = [
        *("more plots", "own report", "all changes", "other metrics that changed"),
        "metrics that did not change",
    ]
    assert note.split(", ") == [name for name in order if name in note.split(", ")]
    assert {"more plots", "all changes", "other metrics that changed"} <= set(note.split(", "))
    assert text.count("grad_norm") == 1  # 0 did not change
    assert text.count("<img") == 3


def test_nothing_small_goes_for_something_that_cannot_stay() -> None:
    """The repository's own report is too long for any comment; the metric below it is not."""
    base, head = run(BASE, accuracy=0.9, rows=7), run(accuracy=0.91, rows=7)
    report = OwnReport(path="report.md", text=("word " * 100 + "\n\n") * 200)
    text = render_comment(replace(result(base, head, rule("accuracy", min=0.5)), report=report), ON_GITHUB)
    assert "Left out, as GitHub limits a comment's size: own report." in text
    assert "1 metric did not change" in text


def test_the_summary_holds_as_much_as_github_takes() -> None:
    text = render_report(huge(), ON_GITHUB, pictures(500))
    assert 60_000 < len(text.encode()) <= SUMMARY
    tree = tree_of(text)
    for table in tree.all("table"):
        rows = [len(list(row.all("td"))) for row in table.all("tr")][1:]
        assert set(rows) == {len(list(table.all("th")))}


@pytest.mark.parametrize("count", [1, 10, 100, 500])
def test_any_number_of_pictures_fits(count: int) -> None:
    found = result(run(BASE, accuracy=0.9), run(accuracy=0.91), rule("accuracy", min=0.5))
    text = render_comment(found, ON_GITHUB, pictures(count))
    assert len(text.encode()) <= COMMENT
    assert "<img" in text


@pytest.mark.parametrize("count", [100, 300, 1000, 3000])
def test_a_comment_is_cut_only_where_it_must_be(count: int) -> None:
    """What is dropped last would not have fitted: with it the comment is too long."""
    names = {f"m{n:05}": float(n) for n in range(count)}
    moved = {name: value + 1 for name, value in names.items()}
    found = result(run(BASE, metrics=names, accuracy=0.9), run(metrics=moved, accuracy=0.9), rule("accuracy", min=0.5))
    text = render_comment(found, ON_GITHUB)
    assert len(text.encode()) <= COMMENT
    assert ("Left out" in text) == (len(render_report(found, ON_GITHUB).encode()) > COMMENT)


MEASURE = """
import json, resource, sys
from dataclasses import replace
from pathlib import Path
from PIL import Image
from ml_ci.records import Image as Kept
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.thinning import bounded
from tests.test_report_size import huge

folder = Path(sys.argv[1])
picture = folder / "picture.png"
Image.new("RGB", (640, 480), "teal").save(picture)
images = tuple(Kept(path=f"plots/{n}.png", sha256=f"{n:064x}") for n in range(500))

def peak():
    # not ru_maxrss, which begins with what the process that started this one had
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

def used():
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime

found, begin = huge(), used()
# as a job does where training's metrics are gathered
base, head = (replace(run, metrics=bounded(run.metrics)[0]) for run in (found.base.run, found.head))
found = replace(
    found,
    base=replace(found.base, run=base),
    head=replace(head, images=images),
    images={image.sha256: picture for image in images},
)
written = write_output(found, Presentation(version="1"), folder / "out")
files = [path for path in (folder / "out").iterdir() if path.is_file()]
print(json.dumps({
    "seconds": used() - begin,
    "peak": peak(),
    "plots": len(written.plots),
    "sizes": {path.name: path.stat().st_size for path in files},
}))
"""


@pytest.mark.slow
def test_the_whole_report_takes_twenty_seconds_and_a_gigabyte_at_most(tmp_path: Path) -> None:
    """The output folder of everything at once, with 500 images. The seconds are the processor's: others use it, too."""
    program = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["plots"] >= 500
    assert found["seconds"] <= 20, found
    assert found["peak"] <= 1_000_000_000, found
    assert found["sizes"]["report.md"] <= SUMMARY
