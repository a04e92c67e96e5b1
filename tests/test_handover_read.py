"""What was handed over is read as data, checked, and made anew; what ml-ci does not write is one sentence."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture
from PIL import PngImagePlugin

from ml_ci.data_plots import DataPlot, Series
from ml_ci.records import Accepted, Image, Metric, Run, write_record
from ml_ci.report.files import write_models, write_output
from ml_ci.report.presentation import Presentation
from ml_ci.sources.archive import HandoverError
from ml_ci.sources.handover import HandedOver, read_handover
from ml_ci.sources.kept_predictions import from_parquet
from tests.handed_over import digest, handed_over, parquet, png, with_images, with_predictions
from tests.runs import BASE, HEAD, failed, result, run

Change = Callable[[Any], object]


def read(folder: Path, head_sha: str = HEAD) -> HandedOver:
    (model,) = read_handover(folder, head_sha=head_sha)
    return model


def worked() -> float:
    """Seconds of the processor's that this process has taken, with those that it started and that have ended."""
    return sum(os.times()[:4])


def refused(folder: Path, head_sha: str = HEAD) -> str:
    """The sentence, said after little work."""
    begin = worked()
    with pytest.raises(HandoverError) as caught:
        read_handover(folder, head_sha=head_sha)
    assert worked() - begin < 30
    said = str(caught.value)
    assert said.startswith("What the pull request's job handed over ")
    assert said.isprintable()
    assert len(said) < 600
    return said


def changed(folder: Path, name: str, change: Change) -> Path:
    """The folder, in whose document something is changed."""
    document = json.loads((folder / name).read_text())
    change(document)
    (folder / name).write_text(json.dumps(document))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "handed"


# -- what is taken


def test_both_runs_are_as_their_records_say(folder: Path) -> None:
    head = run(metrics={"accuracy": 0.9, "loss": [3, 2, math.nan]}, params={"depth": "3"}, warnings=["Look."])
    base = run(BASE, accuracy=0.8)
    found = read(handed_over(folder, head, base))
    assert found.key == "default"
    assert (found.head_origin, found.base_origin, found.base_commit) == ("trained", "found", BASE)
    assert found.head is not None
    assert repr(found.head) == repr(replace(head, run_id=None))  # as text, since NaN equals nothing
    assert found.base == replace(base, run_id=None)
    assert (found.head_parquet, found.base_parquet, found.images, found.failure) == (None, None, {}, None)
    assert found.why == "found by the pull request's own job"


def test_a_failed_training_is_its_sentence(folder: Path) -> None:
    write_output(failed("Training failed with exit code 1."), Presentation(version="1"), folder)
    found = read(folder)
    assert (found.head, found.head_origin) == (None, "none")
    assert found.failure is not None
    assert (found.failure.message, found.failure.exit_code) == ("Training failed with exit code 1.", 3)


def test_of_several_models_each_is_read_from_its_folder(folder: Path) -> None:
    parts = []
    for key, accuracy in (("churn", 0.9), ("fraud", 0.8)):
        runs = [replace(each, key=key) for each in (run(BASE, accuracy=0.7), run(accuracy=accuracy))]
        parts.append(write_output(replace(result(runs[0], runs[1]), key=key), Presentation(), folder / key))
    crashed = replace(failed("Training failed."), key="search")
    parts.append(write_output(crashed, Presentation(), folder / "search"))
    write_models("default", parts, Presentation(), folder)
    churn, fraud, search = read_handover(folder, head_sha=HEAD)
    assert (churn.key, fraud.key, search.key) == ("churn", "fraud", "search")
    assert churn.head is not None
    assert fraud.head is not None
    assert (churn.head.metrics["accuracy"].value, fraud.head.metrics["accuracy"].value) == (0.9, 0.8)
    assert (search.head, search.failure is not None) == (None, True)


def test_who_accepted_it_is_not_the_pull_requests_to_say(folder: Path) -> None:
    accepted = Accepted(by="octocat", at="2025-01-01T00:00:00Z", pull=1)
    found = read(handed_over(folder, replace(run(accuracy=0.1), accepted=accepted)))
    assert found.head is not None
    assert found.head.accepted is None


def test_another_pull_requests_number_has_no_effect_since_nobody_reads_it(folder: Path) -> None:
    handed_over(folder)
    before = read(folder)

    def claim(document: Any) -> None:  # noqa: ANN401 - JSON is
        document["pull"] = document["pull_number"] = document["number"] = 1
        document["head"]["repository"], document["head"]["pull"] = "somebody/else", 1

    after = read(changed(folder, "result.json", claim))
    assert after.head == before.head
    assert {name: value for name, value in vars(after).items() if name not in {"head", "base"}} == {
        name: value for name, value in vars(before).items() if name not in {"head", "base"}
    }


def test_what_result_json_says_of_verdict_and_metrics_has_no_effect(folder: Path) -> None:
    handed_over(folder, run(accuracy=0.1), run(BASE, accuracy=0.9))

    def claim(document: Any) -> None:  # noqa: ANN401 - JSON is
        document["verdict"], document["metrics"], document["rules_of"] = "pass", [], "head"

    found = read(changed(folder, "result.json", claim))
    assert found.head is not None
    assert found.head.metrics["accuracy"].value == 0.1


# -- whose it is


def test_another_head_is_refused(folder: Path) -> None:
    said = refused(handed_over(folder), head_sha="9" * 40)
    assert f'it is about the commit "{HEAD}" and not about {"9" * 40}' in said


def test_a_record_of_another_head_is_refused(folder: Path) -> None:
    handed_over(folder)
    (folder / "head.json").write_text(write_record(run("9" * 40, accuracy=1.0)))
    assert f'head.json is of the commit "{"9" * 40}" and not of {HEAD}' in refused(folder)


def test_a_record_of_another_key_is_refused(folder: Path) -> None:
    handed_over(folder)
    (folder / "head.json").write_text(write_record(replace(run(accuracy=1.0), key="other")))
    assert 'head.json is of the key "other" and not of "default"' in refused(folder)


@pytest.mark.parametrize(
    "key", ["../x", "", "a/b", "a" * 65, ".", "..", "x\n", "a b", "\u202ex", "-x", "x\0", "ключ", "a\\b", "con/"]
)
def test_a_key_that_can_be_no_folder_is_refused(folder: Path, key: str) -> None:
    handed_over(folder)
    assert "is no model's key" in refused(changed(folder, "result.json", lambda it: it.update(key=key)))


@pytest.mark.parametrize("commit", ["main", "../../x", "A" * 40, "1" * 39, "1" * 41, "", "1" * 40 + "\n"])
def test_a_base_that_is_no_commit_is_refused(folder: Path, commit: str) -> None:
    handed_over(folder)
    changed(folder, "result.json", lambda it: it["base"].update(commit=commit))
    assert "is no commit" in refused(folder)
    handed_over(folder)
    changed(folder, "base.json", lambda it: it.update(commit=commit))
    assert "is no commit" in refused(folder)


# -- JSON


@pytest.mark.parametrize("name", ["result.json", "head.json", "base.json"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 10_000 + "]" * 10_000, "is nested too deeply"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "is nested too deeply"),
        ("[" * 10_000, "is nested too deeply"),
        ("[" * 100 + "]" * 100, "is nested too deeply"),
        ('{"schema": 1, "schema": 1}', 'has "schema" twice in one object'),
        ('{"schema": 1, "\\u0073chema": 1}', 'has "schema" twice in one object'),
        ('{"schema": NaN}', "holds NaN"),
        ('{"schema": -Infinity}', "holds -Infinity"),
        ('{"schema": 1e999}', "holds a number that is too large"),
        ('{"schema": ' + "9" * 5_000 + "}", "holds a number that is too large"),
        ('{"schema": "' + "a" * 200_000 + '"}', "holds a text of more than 100,000 characters"),
        ('{"' + "a" * 2_000 + '": 1}', "holds a text of more than 1,000 characters"),
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("{} {}", "is no JSON"),
        ("\ufeff{}", "is no JSON"),
        ("!!python/object/apply:os.system ['id']", "is no JSON"),
        ("cos\nsystem\n(S'id'\ntR.", "is no JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_that_is_none_of_ours_is_one_sentence(folder: Path, name: str, text: str, why: str) -> None:
    handed_over(folder)
    (folder / name).write_text(text)
    assert f"{name} {why}" in refused(folder)


@pytest.mark.parametrize("content", [b"\xff\xfe{\0}\0", b'{"a": "\xff"}', b"\x80\x04N."])
def test_bytes_that_are_no_text_are_one_sentence(folder: Path, content: bytes) -> None:
    handed_over(folder)
    (folder / "head.json").write_bytes(content)
    assert "head.json is no text in UTF-8" in refused(folder)


@pytest.mark.parametrize("schema", [2, 1_000])
def test_a_result_of_a_future_schema_says_what_to_update(folder: Path, schema: int) -> None:
    handed_over(folder)
    said = refused(changed(folder, "result.json", lambda it: it.update(schema=schema)))
    assert (
        f"has the schema {schema} in its result.json, and this ml-ci reads schema 1: update ml-ci in the default"
        in said
    )


@pytest.mark.parametrize("schema", [0, -1, True, "1", None, 1.0, [1], {}])
def test_a_schema_that_is_none_is_refused(folder: Path, schema: object) -> None:
    handed_over(folder)
    assert "is of no schema" in refused(changed(folder, "result.json", lambda it: it.update(schema=schema)))


def test_a_record_of_a_future_schema_is_refused(folder: Path) -> None:
    handed_over(folder)
    assert "schema 2" in refused(changed(folder, "head.json", lambda it: it.update(schema=2)))


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.pop("head"),
        lambda it: it.update(head=None),
        lambda it: it.update(head=[]),
        lambda it: it["head"].update(origin="somewhere"),
        lambda it: it["head"].update(commit=1),
        lambda it: it.update(verdict="accepted"),
        lambda it: it.update(warnings="none"),
        lambda it: it.update(warnings=[1]),
        lambda it: it.update(models={}),
        lambda it: it.update(models=[1]),
        lambda it: it.update(key=1),
    ],
)
def test_a_result_that_is_not_as_its_schema_says_is_refused(folder: Path, change: Change) -> None:
    handed_over(folder)
    assert "is not what its schema says" in refused(changed(folder, "result.json", change))


def test_a_model_twice_is_refused(folder: Path) -> None:
    handed_over(folder)

    def twice(document: Any) -> None:  # noqa: ANN401 - JSON is
        document["models"] = [{**document, "key": key} for key in ("churn", "Churn")]

    assert "has a model twice" in refused(changed(folder, "result.json", twice))


def test_a_thousand_models_are_too_many(folder: Path) -> None:
    handed_over(folder)

    def many(document: Any) -> None:  # noqa: ANN401 - JSON is
        document["models"] = [{**document, "key": f"m{number}", "models": []} for number in range(1000)]

    assert "has more than 100 models" in refused(changed(folder, "result.json", many))


def test_models_within_models_are_not_looked_for(folder: Path) -> None:
    handed_over(
        folder / "churn", replace(run(accuracy=1.0), key="churn"), replace(run(BASE, accuracy=1.0), key="churn")
    )
    document = json.loads((folder / "churn" / "result.json").read_text())
    inner = {**document, "key": "churn", "models": [{**document, "key": "../../x"}]}
    (folder / "result.json").write_text(json.dumps({**document, "models": [inner]}))
    assert [model.key for model in read_handover(folder, head_sha=HEAD)] == ["churn"]


# -- what is missing


def test_nothing_at_all_is_refused(folder: Path) -> None:
    folder.mkdir()
    assert "it has no result.json" in refused(folder)


def test_a_run_that_is_said_to_be_there_and_is_not_is_refused(folder: Path) -> None:
    handed_over(folder)
    (folder / "head.json").unlink()
    assert 'it has no head.json of "default", whose training did not fail' in refused(folder)


def test_a_record_without_its_metrics_or_with_more_is_refused(folder: Path) -> None:
    handed_over(folder)
    assert "is not a record of ml-ci" in refused(changed(folder, "head.json", lambda it: it.update(reward=1)))
    handed_over(folder)
    assert "is not a record of ml-ci" in refused(changed(folder, "head.json", lambda it: it.pop("commit")))


@pytest.mark.parametrize("name", ["result.json", "head.json", "base.json", "head.parquet", "images", "images/SHA.png"])
def test_a_link_in_a_folder_that_somebody_else_unpacked_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    content = parquet()
    head = with_images(with_predictions(run(), content), {"a.png": png()})
    handed_over(folder, head, images=[png()], head_parquet=content)
    place = folder / name.replace("SHA", digest(png()))
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert "is, or is behind, a link" in refused(folder)


def test_a_models_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    handed_over(tmp_path / "elsewhere", replace(run(x=1.0), key="churn"), replace(run(BASE, x=1.0), key="churn"))
    document = json.loads((tmp_path / "elsewhere" / "result.json").read_text())
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({**document, "models": [document]}))
    (folder / "churn").symlink_to(tmp_path / "elsewhere")
    assert "is, or is behind, a link" in refused(folder)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    handed_over(folder)
    (folder / "head.json").unlink()
    os.mkfifo(folder / "head.json")
    assert "head.json is no regular file" in refused(folder)


# -- how much it is


def of_metrics(count: int) -> Run:
    return replace(run(), metrics={f"m{number}": Metric(value=1.0) for number in range(count)})


def with_metrics(folder: Path, count: int) -> Path:
    """The folder, with so many more metrics in its head.json, each of as few bytes as it can have."""
    handed_over(folder)
    metrics = ",".join(f'"m{number}":{{"value":1}}' for number in range(count))
    text = (folder / "head.json").read_text()
    start = text.index('"metrics":{') + len('"metrics":{')
    (folder / "head.json").write_text(text[:start] + metrics + "," + text[start:])
    return folder


def test_a_million_metrics_are_one_sentence(folder: Path) -> None:
    assert "head.json has more than 10 MB" in refused(with_metrics(folder, 1_000_000))


def test_as_many_metrics_as_there_is_room_for_are_one_sentence(folder: Path) -> None:
    assert "head.json has more than 10,000 metrics" in refused(with_metrics(folder, 400_000))


def test_ten_thousand_metrics_are_taken(folder: Path) -> None:
    found = read(handed_over(folder, of_metrics(10_000)))
    assert found.head is not None
    assert len(found.head.metrics) == 10_000


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (replace(run(), params={str(number): "" for number in range(10_001)}), "10,000 parameters"),
        (run(packages={str(number): "1" for number in range(10_001)}), "10,000 packages"),
        (run(data={str(number): "1" for number in range(10_001)}), "10,000 versions of data"),
        (replace(run(), importance={str(number): 1.0 for number in range(10_001)}), "10,000 features"),
        (run(warnings=["x"] * 1_001), "1,000 warnings"),
        (run(images={str(number): "0" * 64 for number in range(101)}), "100 images"),
        (replace(run(), plots=(DataPlot(name="x", template="linear", title="x"),) * 51), "50 plots"),
        (replace(run(), metrics={"x": Metric(value=1.0, repeats=(1.0,) * 1_001)}), "1,000 trainings"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_more_than_a_run_has_is_refused(folder: Path, head: Run, what: str) -> None:
    assert f"head.json has more than {what}" in refused(handed_over(folder, head))


def test_curves_are_made_as_small_as_those_that_are_kept(folder: Path) -> None:
    curve = tuple((step, float(step)) for step in range(5_000))
    metrics = {f"m{number:02}": Metric(value=1.0, history=curve) for number in range(60)}
    found = read(handed_over(folder, replace(run(), metrics=metrics)))
    assert found.head is not None
    lengths = [len(metric.history) for metric in found.head.metrics.values()]
    assert len(found.head.metrics) == 60
    assert sum(length > 0 for length in lengths) == 50
    assert sum(lengths) <= 20_000


def test_names_of_control_characters_are_names(folder: Path) -> None:
    """They are shown as text wherever they are shown; `tests/test_report_hostile.py` says how."""
    name = "acc\u202e\n\x1b[31m</td><script>|`\u0000::add-mask::"
    found = read(handed_over(folder, run(metrics={name: 0.5}, params={name: name})))
    assert found.head is not None
    assert found.head.metrics[name].value == 0.5


# -- plots as data


def plot(template: str, *series: Series, weights: tuple[int, ...] = ()) -> DataPlot:
    return DataPlot(name="x", template=template, title="x", series=series, weights=weights)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "strange",
    [
        plot("linear", Series(name="a", x=(1.0,), y=(1.0, 2.0))),
        plot("linear", Series(name="a", x=(1.0,) * 1_001, y=(1.0,) * 1_001)),
        plot("linear", Series(name="a", x=(2.0,), y=(1.0,), x_names=("a", "b"))),
        plot("linear", Series(name="a", x=(-1.0,), y=(1.0,), x_names=("a", "b"))),
        plot("linear", Series(name="a", x=(0.5,), y=(1.0,), x_names=("a", "b"))),
        plot("linear", Series(name="a", x=(math.inf,), y=(1.0,), x_names=("a", "b"))),
        plot("linear", Series(name="a", x=(1.0,), y=(1.0,)), weights=(1,)),
        plot("bar_horizontal", Series(name="a", x=(1.0,), y=(0.0,))),
        plot("bar_horizontal", Series(name="a", x=(1.0,), y=(1e9,), y_names=("a",))),
        plot("confusion", Series(name="a", x=(0.0,), y=(0.0,)), weights=(1,)),
        plot("confusion", Series(name="a", x=(0.0,), y=(0.0,), x_names=("a",), y_names=("a",))),
        plot("confusion", Series(name="a", x=(0.0,), y=(0.0,), x_names=("a",), y_names=("a",)), weights=(-1,)),
        plot("confusion", Series(name="a", x=(0.0,), y=(0.0,), x_names=("a",), y_names=("a",)), weights=(10**30,)),
        plot("confusion", weights=()),
    ],
)  # fmt: skip
def test_a_plot_that_could_not_be_drawn_is_refused(folder: Path, strange: DataPlot) -> None:
    said = refused(handed_over(folder, replace(run(), plots=(strange,))))
    assert "that ml-ci does not write" in said or "is not a record" in said


def test_plots_that_ml_ci_writes_are_taken(folder: Path) -> None:
    plots = (
        plot("linear", Series(name="a", x=(1.0, 2.0), y=(1.0, math.nan))),
        plot("bar_horizontal", Series(name="a", x=(1.0, 3.0), y=(0.0, 1.0), y_names=("a", "b"))),
        plot("confusion", Series(name="a", x=(0.0,), y=(1.0,), x_names=("a",), y_names=("a", "b")), weights=(7,)),
    )
    found = read(handed_over(folder, replace(run(), plots=plots)))
    assert found.head is not None
    assert len(found.head.plots) == 3


# -- images

SCRIPT = b"<script>alert(document.cookie)</script><!--"


def polyglot() -> bytes:
    """A picture that is a page as well: a script in its notes, its profile and behind its end."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Title", SCRIPT.decode())
    notes.add_itxt("Comment", SCRIPT.decode(), zip=True)
    exif = Picture.Exif()
    exif[0x010E] = SCRIPT.decode()
    content = io.BytesIO()
    Picture.new("RGB", (30, 20), "red").save(content, "PNG", pnginfo=notes, icc_profile=SCRIPT, exif=exif)
    return content.getvalue() + SCRIPT + b"PK\5\6" + bytes(18)


def test_an_image_is_made_anew_and_the_run_names_what_was_made(folder: Path) -> None:
    content = polyglot()
    assert content.count(SCRIPT) >= 2
    found = read(handed_over(folder, with_images(run(), {"plots/roc.png": content}), images=[content]))
    assert found.head is not None
    (image,) = found.head.images
    anew = found.images[image.sha256]
    assert (image.path, image.sha256) == ("plots/roc.png", digest(anew))
    assert b"script" not in anew
    assert anew.endswith(b"IEND\xaeB`\x82")
    opened = Picture.open(io.BytesIO(anew))
    assert (opened.size, opened.convert("RGB").getpixel((3, 3)), opened.info) == ((30, 20), (255, 0, 0), {})


def test_a_picture_that_ml_ci_made_stays_as_it_is(folder: Path) -> None:
    made = read(handed_over(folder, with_images(run(), {"a.png": png()}), images=[png()]))
    assert made.head is not None
    (first,) = made.images.values()
    again = read(handed_over(folder / "again", with_images(run(), {"a.png": first}), images=[first]))
    assert list(again.images.values()) == [first]


def lost(folder: Path, content: bytes) -> str:
    """The warning about an image that is none; no other way is there for its bytes to get out."""
    begin = worked()
    head = with_images(run(), {"plots/a.png": content, "plots/b.png": png()})
    found = read(handed_over(folder, head, images=[content, png()]))
    assert worked() - begin < 20
    assert found.head is not None
    assert [image.path for image in found.head.images] == ["plots/b.png"]
    assert len(found.images) == 1
    (warning,) = found.head.warnings
    return warning


NOT_SHOWN = "The image plots/a.png was not handed over as a picture, so it is not shown."


def test_an_svg_under_a_pngs_name_is_no_picture(folder: Path) -> None:
    content = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
    assert lost(folder, content) == NOT_SHOWN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.7",
        b"GIF89a",
        png()[:50],
        pickle.dumps(b"x"),
        b"\x93NUMPY",
    ],
)
def test_what_is_no_png_is_no_picture(folder: Path, content: bytes) -> None:
    assert lost(folder, content) == NOT_SHOWN


def bomb(width: int, height: int) -> bytes:
    """A PNG of one bit for each pixel, all of them black, as few bytes as there can be."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))

    press = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(press.compress(row) for _ in range(height)) + press.flush()
    head = struct.pack(">LL5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_of_two_and_a_half_billion_pixels_is_no_picture(folder: Path) -> None:
    content = bomb(50_000, 50_000)
    assert len(content) < 1_000_000
    assert lost(folder, content) == NOT_SHOWN


def test_an_image_that_was_not_handed_over_is_named(folder: Path) -> None:
    found = read(handed_over(folder, with_images(run(), {"plots/a.png": png()})))
    assert found.head is not None
    assert (found.head.images, found.head.warnings) == ((), (NOT_SHOWN,))


def test_an_image_under_the_name_of_another_is_none(folder: Path) -> None:
    handed_over(folder, with_images(run(), {"plots/a.png": png("blue")}), images=[png()])
    (folder / "images" / f"{digest(png())}.png").rename(folder / "images" / f"{digest(png('blue'))}.png")
    found = read(folder)
    assert found.head is not None
    assert (found.head.images, found.images) == ((), {})


@pytest.mark.parametrize("sha256", ["../../../etc/passwd", "x" * 64, "0" * 63, "A" * 64, "0" * 64 + "\n"])
def test_a_name_of_an_image_that_is_no_digest_is_refused(folder: Path, sha256: str) -> None:
    head = replace(run(), images=(Image(path="a.png", sha256=sha256),))
    assert "has an image whose SHA-256 is none" in refused(handed_over(folder, head))


# -- predictions


def test_predictions_are_written_anew_and_the_run_names_what_was_written(folder: Path) -> None:
    content = parquet(wrong=2)
    found = read(handed_over(folder, with_predictions(run(accuracy=0.8), content), head_parquet=content))
    assert found.head is not None
    assert found.head_parquet is not None
    assert found.head.predictions is not None
    assert found.head.predictions.sha256 == digest(found.head_parquet)
    assert found.head.predictions.rows == 10
    kept = from_parquet(found.head_parquet, "x")
    assert kept.target is not None
    assert kept.prediction is not None
    assert sum(kept.target.tolist()[n] != kept.prediction.tolist()[n] for n in range(10)) == 2
    assert found.head.test_set == kept.test_set


def test_predictions_that_ml_ci_wrote_stay_as_they_are(folder: Path) -> None:
    content = parquet()
    found = read(handed_over(folder, with_predictions(run(), content), head_parquet=content))
    assert found.head_parquet == content


def test_both_sides_have_their_own(folder: Path) -> None:
    one, other = parquet(wrong=1), parquet(wrong=3)
    found = read(
        handed_over(
            folder,
            with_predictions(run(), one),
            with_predictions(run(BASE), other),
            head_parquet=one,
            base_parquet=other,
        )
    )
    assert (found.head_parquet, found.base_parquet) == (one, other)


def test_the_test_set_is_what_the_predictions_are_of_and_not_what_the_record_says(folder: Path) -> None:
    content = parquet()
    head = replace(with_predictions(run(), content), test_set="f" * 64)
    found = read(handed_over(folder, head, head_parquet=content))
    assert found.head is not None
    assert found.head.test_set == from_parquet(content, "x").test_set


def test_rows_that_the_record_makes_up_are_counted_again(folder: Path) -> None:
    content = parquet()
    found = read(handed_over(folder, with_predictions(run(), content, rows=10**9), head_parquet=content))
    assert found.head is not None
    assert found.head.predictions is not None
    assert found.head.predictions.rows == 10


def test_predictions_that_the_record_does_not_name_are_refused(folder: Path) -> None:
    handed_over(folder, with_predictions(run(), parquet()), head_parquet=parquet(wrong=5))
    assert "head.parquet is not what head.json names (SHA-256)" in refused(folder)


def test_predictions_that_were_not_handed_over_are_none(folder: Path) -> None:
    found = read(handed_over(folder, with_predictions(run(), parquet())))
    assert found.head is not None
    assert (found.head_parquet, found.head.predictions is not None) == (None, True)


def test_predictions_of_a_record_that_names_none_are_not_read(folder: Path) -> None:
    assert read(handed_over(folder, head_parquet=b"whatever it is")).head_parquet is None


def strange_predictions(folder: Path, content: bytes) -> str:
    return refused(handed_over(folder, with_predictions(run(), content), head_parquet=content))


def written(**columns: object) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as files

    out = io.BytesIO()
    files.write_table(pa.table(columns), out)
    return out.getvalue()


def test_a_pickle_an_array_and_a_text_are_no_parquet(folder: Path) -> None:
    import numpy as np

    class Harm:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return Path.touch, (folder.parent / "harm",)  # type: ignore[return-value]

    array = io.BytesIO()
    np.save(array, np.array([Harm()], dtype=object), allow_pickle=True)
    for number, content in enumerate(
        (pickle.dumps(Harm()), array.getvalue(), b"id,y_true\n1,1\n", b"PAR1", b"PAR1" * 99)
    ):
        assert "head.parquet holds no predictions as ml-ci keeps them" in strange_predictions(
            folder / str(number), content
        )
    assert not (folder.parent / "harm").exists()


def test_a_type_that_pyarrow_would_unpickle_is_refused_and_nothing_is_run(folder: Path) -> None:
    import pyarrow as pa

    ids = pa.array([1, 2])
    storage = pa.array([pickle.dumps(print)] * 2, pa.binary())
    harm = folder.parent / "harm"
    extension = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": b"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'" + str(harm).encode() + b"'\ntRtR.",
    }
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("prediction", pa.binary(), metadata=extension)])
    from pyarrow import parquet as files

    out = io.BytesIO()
    files.write_table(pa.Table.from_arrays([ids, storage], schema=schema), out)
    assert "head.parquet holds no predictions" in strange_predictions(folder, out.getvalue())
    assert not harm.exists()


@pytest.mark.parametrize(
    "columns",
    [
        {"id": [1, 2], "prediction": [[1], [2]]},
        {"id": [1, 2], "prediction": [{"a": 1}, {"a": 2}]},
        {"id": [1, 2], "prediction": [b"a", b"b"]},
        {"id": [1, 2], "prediction": [1, 2], "model": ["a", "b"]},
        {"id": [2, 1], "prediction": [1, 2]},
        {"id": [1, 1], "prediction": [1, 2]},
        {"id": [1, 2], "score": [math.nan, 1.0]},
        {"id": [1, 2]},
        {"prediction": [1, 2]},
    ],
)
def test_other_columns_than_are_kept_are_refused(folder: Path, columns: dict[str, object]) -> None:
    assert "head.parquet holds no predictions" in strange_predictions(folder, written(**columns))


def many_rows(groups: int, rows: int = 5_000_000) -> bytes:
    """Runs of one value: so many groups of so many rows in a few bytes."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet as files

    table = pa.table({"id": pa.array(np.zeros(rows, dtype=np.int64)), "score": pa.array(np.zeros(rows))})
    out = io.BytesIO()
    with files.ParquetWriter(out, table.schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(table, row_group_size=rows)
    return out.getvalue()


def varint(number: int) -> bytes:
    """A whole number as Thrift's compact protocol, in which Parquet's metadata is, writes it."""
    number *= 2
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def test_more_rows_in_a_few_bytes_than_are_read_are_one_sentence(folder: Path) -> None:
    content = many_rows(5)
    assert len(content) < 300_000
    assert "25,000,000 rows" in strange_predictions(folder, content)


@pytest.mark.parametrize("said", [3_000_000, 100_000_000])
def test_rows_that_the_file_itself_makes_up_are_one_sentence(folder: Path, said: int) -> None:
    content = many_rows(1)
    assert content.count(varint(5_000_000)) >= 3  # the file's, the group's, each column's
    assert "head.parquet" in strange_predictions(folder, content.replace(varint(5_000_000), varint(said)))


def test_gigabytes_of_text_in_a_few_bytes_are_one_sentence(folder: Path) -> None:
    """One long value, named millions of times from a dictionary."""
    import pyarrow as pa
    from pyarrow import parquet as files

    rows = 2_000_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    out = io.BytesIO()
    table = pa.table({"id": pa.array(range(rows)), "prediction": pa.array([1] * rows), "slice:a": text})
    files.write_table(table, out, compression="zstd", use_dictionary=["slice:a"], store_schema=False)
    content = out.getvalue()
    assert len(content) < 20_000_000
    assert "head.parquet" in strange_predictions(folder, content)


def test_a_page_that_says_more_than_it_holds_ends_nobody_but_its_reader(folder: Path) -> None:
    """Each byte of a Parquet file's metadata changed in turn, a sample of them: a sentence, or the same predictions."""
    content = parquet()
    (start,) = struct.unpack("<L", content[-8:-4])
    places = range(len(content) - 8 - start, len(content) - 8)
    for place in list(places)[::40]:
        strange = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        handed_over(folder, with_predictions(run(), strange), head_parquet=strange)
        try:
            found = read(folder)
        except HandoverError:
            continue
        assert found.head_parquet == content
