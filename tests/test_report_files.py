"""The output folder: result.json by its schema, the page without network, and nothing of an earlier job."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ml_ci.errors import ConfigError
from ml_ci.records import read_record
from ml_ci.report.files import write_output
from ml_ci.report.presentation import Presentation
from ml_ci.report.result_json import result_json
from tests.render.samples import HOSTILE, PRESENTATION, samples
from tests.runs import BASE, HEAD, failed, result, rule, run

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "result.schema.json").read_text(encoding="utf-8"))


def strict(text: str) -> Any:  # noqa: ANN401 - JSON is
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_kind_of_result_is_a_document_of_the_schema(tmp_path: Path) -> None:
    for name, sample in samples(tmp_path).items():
        written = write_output(sample, PRESENTATION, tmp_path / name)
        document = strict(written.result_json.read_text(encoding="utf-8"))
        Draft202012Validator(SCHEMA).validate(document)
        assert document["verdict"] == sample.verdict
        assert all((tmp_path / name / plot["path"]).is_file() for plot in document["plots"])


def test_a_value_that_json_cannot_hold_is_null_and_named() -> None:
    found = result(run(BASE, accuracy=0.9, loss=1.0), run(accuracy=math.nan, loss=math.inf), rule("accuracy", min=0.5))
    document = strict(result_json(found))
    assert [metric["head"] for metric in document["metrics"]] == [None, None]
    assert any("accuracy of head is nan" in warning for warning in document["warnings"])
    assert any("loss of head is inf" in warning for warning in document["warnings"])


def test_a_gated_metric_says_what_its_rule_said() -> None:
    found = result(
        run(BASE, accuracy=0.95, f1=0.5), run(accuracy=0.93, f1=0.5), rule("accuracy", min=0.9, regression=0.005)
    )
    gated, plain = strict(result_json(found))["metrics"]
    assert (gated["name"], gated["outcome"], gated["direction"], gated["method"]) == (
        "accuracy",
        "fail",
        "higher",
        "tolerance",
    )
    assert gated["rule"] == "≥ 0.9, at most 0.005 lower"
    assert [plain[key] for key in ("direction", "interval", "method", "outcome", "rule", "evidence")] == [None] * 6
    assert plain["delta"] == 0


def test_a_failed_training_is_an_error_with_its_sentence_first() -> None:
    document = strict(result_json(failed("Training failed.", "log")))
    assert (document["verdict"], document["metrics"], document["head"]["commit"]) == ("error", [], HEAD)
    assert document["warnings"][0] == "Training failed."


def test_the_folder_holds_what_the_contract_names(tmp_path: Path) -> None:
    base, head = run(BASE, loss=[3, 2, 1]), run(loss=[3, 2, 0.5])
    write_output(result(base, head), Presentation(version="0.1.0"), tmp_path / ".ml-ci")
    names = {str(path.relative_to(tmp_path / ".ml-ci")) for path in (tmp_path / ".ml-ci").rglob("*") if path.is_file()}
    assert names == {
        ".gitignore", "result.json", "report.md", "report.html", "base.json", "head.json", "plots/curves.png",
        "plots/curves-dark.png",
    }  # fmt: skip
    assert (tmp_path / ".ml-ci" / ".gitignore").read_text() == "*\n"
    assert read_record((tmp_path / ".ml-ci" / "head.json").read_bytes(), "head.json") == head


def test_an_earlier_jobs_files_go_and_everything_else_stays(tmp_path: Path) -> None:
    write_output(result(run(BASE, loss=[2, 1]), run(loss=[2, 1])), Presentation(), tmp_path)
    kept = ["train-head.log", "mlflow/mlflow.db", "records/default/x.json", "images/x.png", "plots/mine.png", "lock"]
    for name in kept:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("mine")
    write_output(failed("Training failed."), Presentation(), tmp_path)
    assert all((tmp_path / name).read_text() == "mine" for name in kept)
    assert not any((tmp_path / name).exists() for name in ("base.json", "head.json", "plots/curves.png"))


@pytest.mark.parametrize("found", [b"", b"{", b"[]", b'{"plots": [1]}', b"\xff", b'{"plots": [{"path": "../../x"}]}'])
def test_an_earlier_document_that_is_not_ours_is_no_reason_to_fail(tmp_path: Path, found: bytes) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "x").write_text("not ours")
    (tmp_path / "out" / "result.json").write_bytes(found)
    write_output(failed("Training failed."), Presentation(), tmp_path / "out")
    assert (tmp_path / "x").exists()


def test_the_top_of_a_repository_is_no_output_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(ConfigError, match="choose a folder of its own"):
        write_output(failed("Training failed."), Presentation(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".git"]


def test_the_page_shows_foreign_text_as_text(tmp_path: Path) -> None:
    found = result(run(BASE, metrics={HOSTILE: 0.6}), run(metrics={HOSTILE: 0.5}), rule(HOSTILE, regression=0.01))
    page = write_output(found, Presentation(), tmp_path).report_html.read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "\u202e" not in page
