"""Several models in one report: the comment as GitHub renders it, the page, the terminal, result.json; and fifty of them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from ml_ci.config import Policy
from ml_ci.report.files import WrittenModels, forget_earlier, write_output
from ml_ci.report.models import models_view
from ml_ci.report.models_markdown import render_models_comment, render_models_report
from ml_ci.report.models_terminal import print_models
from ml_ci.report.page import Shown, render_models_page
from ml_ci.report.presentation import Illustrations, Presentation
from ml_ci.result import Result, Results
from tests.render.github_markdown import text_of, to_html
from tests.render.models import comment_of, five, many, written
from tests.render.samples import HOSTILE, PRESENTATION, samples
from tests.runs import BASE, decided, failed, judged, part, result, rule, run, scored

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "result.schema.json").read_text(encoding="utf-8"))
ACCURACY = rule("accuracy", regression=0.005)
WORSE = result(run(BASE, accuracy=0.95), run(accuracy=0.93), ACCURACY)
SAME = result(run(BASE, accuracy=0.95), run(accuracy=0.951), ACCURACY)
UNSURE = decided(SAME, "inconclusive", judged("accuracy", 0.95, 0.949, "inconclusive", (-0.01, 0.01)))
CRASHED = failed("Training failed with exit code 1.", "out of luck")
FIRST = result(None, run(accuracy=0.95), ACCURACY)


def models(key: str = "default", more: Mapping[str, Result] | None = None, **named: Result) -> Results:
    """These models, by their keys."""
    keyed = [replace(found, key=name) for name, found in {**named, **(more or {})}.items()]
    return Results(key=key, results=tuple(keyed))


def comment(found: Results, presentation: Presentation = PRESENTATION) -> str:
    return render_models_comment(found, presentation, [Illustrations() for _ in found.results])


def first_line(found: Results) -> str:
    return text_of(to_html(comment(found).split("\n")[0])).strip().replace("\u00a0", " ")


class Tree(HTMLParser):
    """The rendered comment: the rows of its first table, and its outer folds, each with the text in it."""

    def __init__(self, rendered: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.folds: list[str] = []
        self.depth = 0
        self.deepest = 0
        self._cell = False
        self.feed(rendered)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A table, a row, a cell or a fold begins."""
        del attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._cell = True
        elif tag == "details":
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
            if self.depth == 1:
                self.folds.append("")

    def handle_endtag(self, tag: str) -> None:
        """It ends."""
        if tag in ("td", "th"):
            self._cell = False
        elif tag == "details":
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        """Text in a cell, in a fold, or in neither."""
        if self._cell:
            self.tables[-1][-1][-1] += data
        if self.depth:
            self.folds[-1] += data


def tree(text: str) -> Tree:
    return Tree(to_html(text))


# -- the first line


def test_it_says_how_many_fail_and_which_by_what_metric() -> None:
    found = models(churn=WORSE, fraud=SAME, search=SAME)
    assert first_line(found) == "❌ Fail: 1 of 3 models fails: churn by accuracy 0.95 → 0.93."


def test_the_worst_kind_is_named_first_and_the_others_are_counted() -> None:
    found = models(search=UNSURE, churn=WORSE, old=CRASHED, fraud=SAME, new=FIRST, other=WORSE)
    assert first_line(found) == (
        "⚠️ Error: 1 of 6 models could not be judged: old; "
        "2 fail: churn by accuracy 0.95 → 0.93, other by accuracy 0.95 → 0.93; "
        "1 is inconclusive: search; 1 passes, but was not compared: new."
    )


def test_of_many_that_fail_three_are_named() -> None:
    found = models(a=WORSE, b=WORSE, c=WORSE, d=WORSE, e=WORSE)
    assert first_line(found).endswith("c by accuracy 0.95 → 0.93 and 2 more.")


def test_all_pass_is_all_there_is_to_say() -> None:
    assert first_line(models(a=SAME, b=SAME)) == "✅ Pass: all 2 models pass."
    assert first_line(models(a=SAME)) == "✅ Pass: the only model passes."


def test_a_pass_that_was_not_compared_is_no_plain_pass() -> None:
    assert first_line(models(a=SAME, b=FIRST)) == (
        "⚠️ Pass, with a warning: 1 of 2 models passes, but was not compared: b."
    )


def test_the_jobs_key_stands_before_the_verdict() -> None:
    assert first_line(models("nightly", a=SAME)).startswith("✅ nightly · Pass: ")


def test_a_slice_that_decided_is_named_with_its_value() -> None:
    worse = part("north", 400, 0.95, 0.88, "fail", margin=0.03)
    good = judged("accuracy", 0.95, 0.951, "pass", (-0.001, 0.002))
    found = decided(SAME, "fail", good, slices=[worse], reasons=["accuracy where region is north fell."])
    assert first_line(models(churn=found)).endswith("churn by accuracy where region is north 0.95 → 0.88.")


def test_a_missing_metric_decides_without_numbers() -> None:
    found = result(run(BASE, accuracy=0.95), run(f1=0.5), ACCURACY)
    assert first_line(models(churn=found)).endswith("churn by accuracy, which is missing.")


@pytest.mark.parametrize(
    ("policy", "words"),
    [("pass", "The policy lets the merge through."), ("fail", "The policy holds the merge back.")],
)
def test_what_the_policy_makes_of_it_is_said_where_the_verdict_does_not(policy: str, words: str) -> None:
    assert words in comment(models(a=replace(UNSURE, allowed=policy == "pass")))
    assert "The policy" not in comment(models(a=WORSE, b=SAME))


# -- the table and the folds


def test_models_that_were_perhaps_not_measured_on_bases_test_set_are_named_below_the_first_line() -> None:
    def moved(found: Result, *, predictions: bool) -> Result:
        assert found.base.run is not None
        before, after = (
            scored(side, digest) if predictions else replace(side, test_set=digest) if side else None
            for side, digest in ((found.base.run, "a"), (found.head, "b"))
        )
        return replace(found, base=replace(found.base, run=before), head=after)

    found = models(churn=moved(WORSE, predictions=True), ads=moved(SAME, predictions=False), fraud=WORSE)
    said = (
        "⚠️ Base and head were scored on different examples: churn.",
        "⚠️ The data under DVC is not base's, and the test set may be a part of it: ads.",
    )
    file = io.StringIO()
    print_models(found, Console(file=file, width=200))
    page = render_models_page(found, PRESENTATION, [Shown(result=each) for each in found.results])
    for text in (comment(found), page.split("</style>")[1], file.getvalue()):
        top = " ".join(text_of(to_html(text)).split())[:600]
        assert [words for words in said if words in top] == list(said)


def test_a_row_for_each_model_with_what_decided_it_the_worst_first() -> None:
    rows = tree(comment(models(fraud=SAME, churn=WORSE, old=CRASHED))).tables[0]
    assert rows == [
        ["Model", "Verdict", "Decided by", "Base", "Head", "Δ"],
        ["old", "⚠️ Error", "Training failed with exit code 1.", "—", "—", "—"],
        ["churn", "❌ Fail", "accuracy", "0.95", "0.93", "▼\u00a0−0.02 (−2.11\u00a0%) worse"],
        ["fraud", "✅ Pass", "accuracy", "0.950", "0.951", "▲\u00a0+0.001 (+0.105\u00a0%) better"],
    ]


def test_each_models_own_comment_is_folded_below_with_its_folds_in_it(tmp_path: Path) -> None:
    found = tree(comment_of(written(five(tmp_path), tmp_path)))
    starts = [fold.split("\n")[0] for fold in found.folds]
    assert starts == [
        "⚠️ forecast-weekly: Error",
        "❌ fraud: Fail",
        "❔ search: Inconclusive",
        "⚠️ ranking: Pass, but not compared",
        "✅ churn: Pass",
        "Reproduce it",
    ]
    assert "ValueError: bad" in found.folds[0]
    assert "Worst slice" in found.folds[1]
    assert (found.depth, found.deepest) == (0, 2)


def test_what_holds_for_all_is_said_once(tmp_path: Path) -> None:
    text = comment_of(written(five(tmp_path), tmp_path))
    assert text.count("git fetch origin") == 1
    assert text.count("[workflow run]") == 1
    rendered = text_of(to_html(text))
    assert "Base ba5e01234: its run was found (fraud, search, churn); no run (forecast-weekly, ranking)." in rendered


def test_the_summary_has_every_model_whole(tmp_path: Path) -> None:
    found = written(many(tmp_path, 12), tmp_path)
    report = render_models_report(found.results, PRESENTATION, [Illustrations()] * 12)
    assert len(tree(report).folds) == 12 + 1
    assert "Left out" not in report


def test_whatever_a_model_is_called_or_says_no_element_appears_that_the_template_did_not_write() -> None:
    hostile = result(run(BASE, metrics={HOSTILE: 0.6}), run(metrics={HOSTILE: 0.5}), rule(HOSTILE, regression=0.01))
    found = Results(key=HOSTILE, results=(replace(hostile, key=HOSTILE), replace(CRASHED, key=HOSTILE)))
    rendered = to_html(comment(found))
    for element in ("<img", '<a href="http://evil', '<a href="https://github.com/octocat', "<script"):
        assert element not in rendered
    assert len(tree(comment(found)).tables[0]) == 3
    assert all(len(row) == 6 for row in tree(comment(found)).tables[0])


# -- fifty of them


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> WrittenModels:
    """Fifty models of which five fail and five are inconclusive."""
    folder = tmp_path_factory.mktemp("fifty")
    return written(many(folder, 50), folder)


def test_fifty_models_are_a_comment_that_github_takes_cut_at_whole_models(fifty: WrittenModels) -> None:
    text = comment_of(fifty)
    assert len(text.encode()) <= 60_000
    found = tree(text)
    assert len(found.tables[0]) == 1 + 50
    assert found.depth == 0
    shown = found.folds[:-1]
    assert [fold[0] for fold in shown[:10]] == 5 * ["❌"] + 5 * ["❔"]
    left_out = re.search(r"the details of (\d+) models", text_of(to_html(text)))
    assert left_out
    assert len(shown) + int(left_out[1]) == 50
    assert all("val_loss" in fold for fold in shown[:5])


def test_models_that_all_have_much_to_say_share_the_room(tmp_path: Path) -> None:
    known = samples(tmp_path)
    found = models(more={f"m{n}": known["300-metrics"] for n in range(10)})
    text = comment(found)
    assert len(text.encode()) <= 60_000
    assert len(tree(text).folds) == 10 + 1
    assert "Left out here: metrics that did not change" in text or "Left out here: other metrics" in text


def test_five_hundred_models_are_cut_in_the_table_too_and_said_so() -> None:
    text = comment(models(more={f"a-model-with-quite-a-long-name-{n}": WORSE for n in range(500)}))
    assert len(text.encode()) <= 60_000
    found = tree(text)
    more = re.search(r"… and (\d+) more, none of them worse", text)
    assert more
    assert len(found.tables[0]) - 1 + int(more[1]) == 500


def test_the_page_of_fifty_has_a_row_that_leads_to_each(fifty: WrittenModels) -> None:
    page = fifty.report_html.read_text(encoding="utf-8")
    links = re.findall(r'<a href="#(model-\d+)"><code>(model-\d\d)</code>', page)
    assert [link for link, _ in links] == [f"model-{n}" for n in range(1, 51)]
    assert {key for _, key in links} == {f"model-{n:02}" for n in range(50)}
    assert all(page.count(f'id="{link}"') == 1 for link, _ in links)
    # beyond that a browser takes long to open it
    assert len(page) < 12_000_000
    for path in re.findall(r'<a href="([^"#:]+\.png)">', page):
        assert (fifty.report_html.parent / path).is_file()


PROGRAM = """
import sys, time
from pathlib import Path
from tests.render.models import comment_of, many, written
folder = Path(sys.argv[1])
models = many(folder, 50)
begin = time.process_time()
comment_of(written(models, folder))
# not ru_maxrss, which begins with what the process that started this one had
status = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(time.process_time() - begin, peak / 1e6)
"""


def test_fifty_models_take_at_most_20_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    seconds, gigabytes = map(float, done.stdout.split())
    assert seconds < 20
    assert gigabytes < 1


# -- files


def test_the_documents_are_of_the_schema_and_name_files_that_are_there(tmp_path: Path) -> None:
    found = written(five(tmp_path), tmp_path / "out", key="nightly")
    document = json.loads(found.result_json.read_text())
    Draft202012Validator(SCHEMA).validate(document)
    assert (document["key"], document["verdict"]) == ("nightly", "error")
    assert {model["key"]: model["verdict"] for model in document["models"]} == {
        "churn": "pass",
        "fraud": "fail",
        "forecast-weekly": "error",
        "ranking": "pass",
        "search": "inconclusive",
    }
    plots = [plot["path"] for model in document["models"] for plot in model["plots"]]
    assert plots
    assert all((tmp_path / "out" / path).is_file() for path in plots)
    alone = json.loads((tmp_path / "out" / "churn" / "result.json").read_text())
    Draft202012Validator(SCHEMA).validate(alone)
    assert (alone["key"], alone["models"]) == ("churn", [])


def test_a_later_job_of_one_model_leaves_nothing_of_the_others_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    written(five(tmp_path), out)
    (out / "churn" / "train-head.log").write_text("a log")
    write_output(replace(SAME, key="churn"), PRESENTATION, out)
    left = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and path.name != ".gitignore"}
    assert left == {
        *("result.json", "report.md", "report.html", "base.json", "head.json"),
        "churn/train-head.log",
    }


@pytest.mark.parametrize("key", ["../elsewhere", "..", ".", "", "a/b", 7, None])
def test_a_document_from_elsewhere_leads_to_no_other_folder(tmp_path: Path, key: object) -> None:
    out = tmp_path / "out"
    for folder in (out, tmp_path, tmp_path / "elsewhere", out / "a" / "b"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text("somebody's")
    (out / "result.json").write_text(json.dumps({"plots": [], "models": [{"key": key}]}))
    forget_earlier(out)
    assert not (out / "report.md").exists()
    assert all((folder / "report.md").exists() for folder in (tmp_path, tmp_path / "elsewhere", out / "a" / "b"))


def test_a_link_in_the_output_folder_is_not_followed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "report.md").write_text("somebody's")
    (out / "churn").symlink_to(tmp_path / "elsewhere")
    (out / "result.json").write_text(json.dumps({"plots": [], "models": [{"key": "churn"}]}))
    forget_earlier(out)
    assert (tmp_path / "elsewhere" / "report.md").exists()


# -- verdict and exit code


@pytest.mark.parametrize(
    ("results", "verdict", "code"),
    [
        ([SAME, SAME], "pass", 0),
        ([SAME, UNSURE], "inconclusive", 0),
        ([SAME, replace(UNSURE, allowed=False)], "inconclusive", 1),
        ([WORSE, UNSURE], "fail", 1),
        ([WORSE, CRASHED], "error", 3),
        ([CRASHED, failed("MLflow is down.", exit_code=4), WORSE], "error", 4),
    ],
)
def test_the_whole_has_the_worst_verdict_and_the_largest_exit_code(
    results: list[Result], verdict: str, code: int
) -> None:
    found = Results(key="default", results=tuple(results))
    assert (found.verdict, found.exit_code) == (verdict, code)


# -- the terminal


def test_a_terminal_shows_a_row_each_and_then_what_did_not_just_pass() -> None:
    from rich.console import Console

    out = io.StringIO()
    print_models(models(fraud=SAME, churn=WORSE), Console(file=out, width=110))
    lines = out.getvalue().split("\n")
    assert lines[0].replace("\u00a0", " ") == "❌ Fail: 1 of 2 models fails: churn by accuracy 0.95 → 0.93."
    text = out.getvalue()
    assert re.search(r"churn +❌ Fail +accuracy +0\.95 +0\.93", text)
    assert re.search(r"fraud +✅ Pass +accuracy +0\.950 +0\.951", text)
    assert "churn · Fail: accuracy fell by 0.02" in text
    assert "fraud · " not in text


def test_a_model_that_has_no_rule_has_no_decider() -> None:
    found = models(a=result(run(BASE, accuracy=0.9), run(accuracy=0.8), policy=Policy()))
    (row,) = models_view(found).rows
    assert row.decider is None
    assert row.word == "Pass, but not judged"
