"""Readers of what training leaves: metrics, parameters, predictions, its own Markdown, what it prints."""

from __future__ import annotations

import io
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

from ml_ci.action import WorkflowProgress
from ml_ci.config import PredictionsSpec
from ml_ci.errors import MlCiError
from ml_ci.report.own_markdown import safe
from ml_ci.result import OwnReport
from ml_ci.sources import importance
from ml_ci.sources.kept_predictions import from_parquet, to_parquet
from ml_ci.sources.metric_files import params_in, read_metrics
from ml_ci.sources.predictions import BrokenPredictionsError, read
from ml_ci.sources.requirements import from_requirements
from ml_ci.sources.stream import Lines
from tests.fuzz.target import Target
from tests.runner_log import commands

_METRICS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "json": ("json", (b'{"accuracy": 0.9, "eval": {"loss": [3, 2, 1]}, "log": [{"epoch": 1, "f1": "37.3%"}]}', b"0.9")),
    "jsonl": ("json", (b'{"step": 1, "loss": 3}\n{"step": 2, "loss": NaN}\n',)),
    "yaml": ("yaml", (b"accuracy: 0.9\neval:\n  loss: [3, 2, 1]\n  f1: 37.3%\n", b"- {epoch: 1, f1: .5}\n")),
    "toml": ("text", (b'accuracy = 0.9\n[eval]\nloss = [3, 2, 1]\nat = 2024-01-02\nf1 = "37.3%"\n',)),
    "csv": ("text", (b"epoch,loss,acc\n1,3,0.5\n2,,0.6\n", b"metric;value\naccuracy;0,9\n", b"a\tb\n1\t2\n")),
    "txt": (
        "text",
        (
            b"Accuracy = 0.95, F1 Score = 37.3%\nepoch 3 - loss: 4e-07 - acc: 0.9\n",
            b"              precision    recall  f1-score   support\n\n         cat       0.50      1.00      0.67         1\n",
        ),
    ),
}
_PARAMS = {
    "json": (b'{"lr": 0.1, "model": {"depth": 3, "names": ["a", "b"]}}',),
    "yaml": (b"lr: 1e-3\nmodel: &m {depth: 3, names: [a, b]}\nother: *m\nat: 2024-01-02\n",),
    "toml": _METRICS["toml"][1],
}
_METRIC_WORDS = (
    "accuracy",
    "loss",
    "epoch",
    "step",
    "metric",
    "value",
    "nan",
    "inf",
    "0.9",
    "37.3%",
    "1e-07",
    ": ",
    " = ",
    ",",
    ";",
)


def _read_metrics(content: bytes, folder: Path, *, ending: str) -> None:
    file = folder / f"metrics.{ending}"
    file.write_bytes(content)
    found, warnings = read_metrics(file, file.name)
    assert len(found) <= 5000
    for name, metric in found.items():
        assert name
        assert len(name) <= 250
        assert isinstance(metric.value, float)
        assert len(metric.history) <= 1000
    assert all(len(warning) < 1000 for warning in warnings)


def _read_params(content: bytes, _: Path, *, ending: str) -> None:
    for name, value in params_in(content, f"params.{ending}").items():
        assert isinstance(name, str)
        assert isinstance(value, str)


def _read_importance(content: bytes, folder: Path) -> None:
    for ending in (".json", ".csv"):
        file = folder / f"feature_importance{ending}"
        file.write_bytes(content)
        importance.from_files([file])


def _read_requirements(content: bytes, folder: Path) -> None:
    for name in ("requirements.txt", "other.txt"):
        (folder / name).write_bytes(content if name == "requirements.txt" else b"six\n")
    from_requirements(folder / "requirements.txt", folder)


# -- predictions

_SPEC = PredictionsSpec(path="p.csv", slices=("region",), columns=("ndcg",), group="customer")
_ROWS = (
    (
        b"id,y_true,y_pred,y_score,region,ndcg,customer\n"
        b"1,cat,cat,0.9,EU,0.5,a\n2,dog,cat,0.4,,1,b\n3,dog,dog,1e-3,US,0,b\n"
    ),
    b"id,y_true,y_pred,region,ndcg,customer\n007,1,1.0,True,0.5,1\nx,0,1,False,.5,2\n",
)


def _read_rows(content: bytes, folder: Path) -> None:
    file = folder / "p.csv"
    file.write_bytes(content)
    _round_trip(read(file, "p.csv", _SPEC))


def _read_table(content: bytes, folder: Path) -> None:
    file = folder / "p.parquet"
    file.write_bytes(content)
    _round_trip(read(file, "p.parquet", _SPEC))


def _read_kept(content: bytes, _: Path) -> None:
    written = to_parquet(from_parquet(content, "0.parquet"))
    assert to_parquet(from_parquet(written, "the same")) == written


def _round_trip(found: object) -> None:
    from ml_ci.predictions import Predictions

    assert isinstance(found, Predictions)
    written = to_parquet(found)
    again = from_parquet(written, "the same")
    assert again.test_set == found.test_set
    assert to_parquet(again) == written


def _tables() -> tuple[bytes, ...]:
    from pyarrow import csv, parquet

    tables = []
    for rows in _ROWS:
        for compression in ("none", "snappy", "zstd"):
            out = io.BytesIO()
            parquet.write_table(csv.read_csv(io.BytesIO(rows)), out, compression=compression)
            tables.append(out.getvalue())
    return tuple(tables)


def _kept(folder: Path) -> tuple[bytes, ...]:
    file = folder / "p.csv"
    found = []
    for rows in _ROWS:
        file.write_bytes(rows)
        found.append(to_parquet(read(file, "p.csv", _SPEC)))
    return tuple(found)


# -- words


def _read_markdown(content: bytes, _: Path) -> None:
    shown = safe(OwnReport(path="report.md", text=content.decode(errors="surrogateescape")), {})
    assert len(shown) < 20 * len(content) + 100_000
    assert not set(_Tags.of(github_flavored_markdown_to_html(shown, Options.CMARK_OPT_UNSAFE))) & _NEVER


class _Tags(HTMLParser):
    """The names of all elements, and of attributes that would run something."""

    found: list[str]

    @classmethod
    def of(cls, html: str) -> list[str]:
        parser = cls()
        parser.found = []
        parser.feed(html)
        return parser.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag, *(name for name, _ in attrs if name.startswith("on"))]


_NEVER = {"script", "style", "iframe", "object", "form", "svg", "math", "onerror", "onclick", "onload"}


def _read_output(content: bytes, _: Path) -> None:
    """What training prints is never a command, and no line of the log is one that ml-ci did not write."""
    log = io.StringIO()
    progress = WorkflowProgress(log.write)
    with progress.step("Training head"):
        lines = Lines(progress.line)
        middle = len(content) // 2
        lines.add(content[:middle])
        lines.add(content[middle:])
        lines.close()
    progress.line(content.decode(errors="replace"))
    assert [name for name, _, _ in commands(log.getvalue())] == ["group", "endgroup"]


def targets(folder: Path) -> tuple[Target, ...]:
    """All of them; `folder` is for files that examples are made with."""
    metrics = tuple(
        Target(
            name=f"metrics-{ending}",
            read=partial(_read_metrics, ending=ending),
            examples=examples,
            words=_METRIC_WORDS,
            kind=kind,
        )
        for ending, (kind, examples) in _METRICS.items()
    )
    params = tuple(
        Target(
            name=f"params-{ending}",
            read=partial(_read_params, ending=ending),
            examples=_PARAMS[ending],
            words=("a", "b", "lr", "depth", "- ", ": ", "*a", "&a "),
            kind=_METRICS[ending][0],
        )
        for ending in ("json", "yaml", "toml")
    )
    broken = (BrokenPredictionsError, MlCiError)
    columns = (
        "id",
        "y_true",
        "y_pred",
        "y_score",
        "region",
        "ndcg",
        "customer",
        ",",
        "\n",
        "nan",
        "inf",
        "1.0",
        "007",
        "-0",
    )
    return (
        *metrics,
        *params,
        Target(
            name="importance",
            read=_read_importance,
            examples=(b'{"age": 0.5, "sex": 0.1}', b"feature,importance\nage,0.5\n", b'[{"feature": "a", "gain": 1}]'),
            words=("feature", "importance", "gain"),
            kind="json",
        ),
        Target(
            name="requirements",
            read=_read_requirements,
            examples=(
                b"-r other.txt\n-e .\nsix==1.16.0 --hash=sha256:00\n./local\n",
                b"numpy>=1 ; python_version > '3'\n",
            ),
            words=(
                "-r ",
                "-c ",
                "-e ",
                "--requirement=",
                "requirements.txt",
                "other.txt",
                "file://",
                "../",
                "\\\n",
                " @ ",
                "#",
            ),
        ),
        Target(name="predictions-csv", read=_read_rows, examples=_ROWS, words=columns, documented=broken),
        Target(name="predictions-parquet", read=_read_table, examples=_tables(), documented=broken),
        Target(name="kept-predictions", read=_read_kept, examples=_kept(folder), documented=broken),
        Target(
            name="own-markdown",
            read=_read_markdown,
            examples=(
                b"# Title\n\n> [!NOTE]\n> words\n\n| a | b |\n|---|---|\n| 1 | ![x](plots/a.png) |\n\n```mermaid\npie\n```\n",
                b"<details><summary>More</summary>\n\n- [ ] *one* @octocat #1\n- [x] [two](https://example.com)\n\n</details>\n",
            ),
            words=(
                *(
                    "<div>",
                    "</div>",
                    "<table>",
                    "<details>",
                    "<b>",
                    "</p>",
                    "<!--",
                    "-->",
                    "<script>",
                    "<svg>",
                    "<a href=",
                ),
                *("```", "~~~", "[x]: http://a", "![", "](", "* ", "> ", "| ", "\n\n", "    ", "[^1]", "<math>", "</"),
            ),
        ),
        Target(
            name="training-output",
            read=_read_output,
            examples=(
                b"epoch 1\rloss 0.5\n::set-output name=x::y\n::add-mask::\n##[error]no\n",
                b"::stop-commands::me\n::me::\n",
            ),
            words=(
                "::",
                "##[",
                "]",
                "\r",
                "\n",
                "\r\n",
                "\x1b[2K",
                "::group::",
                "::endgroup::",
                "::error::",
                " ::add-mask::a",
                "\x0b",
                "\x85",
            ),
        ),
    )
