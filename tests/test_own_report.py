"""The repository's own Markdown: read if this training wrote it; its images become PNGs, and nothing else of it is read."""

from __future__ import annotations

import base64
import os
import re
import time
from pathlib import Path

import pytest
from PIL import Image

from ml_ci.report.files import write_output
from ml_ci.report.own_markdown import safe
from ml_ci.report.presentation import Picture, Presentation
from ml_ci.result import MOST_OWN, OwnReport, Result
from ml_ci.sources.own_report import FoundReport, addresses, read_report
from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), "red").save(path)
    return path


def written(top: Path, text: str, name: str = "report.md") -> tuple[FoundReport, tuple[str, ...]]:
    """What is read of a report that says `text`."""
    (top / name).parent.mkdir(parents=True, exist_ok=True)
    (top / name).write_text(text)
    found, warnings = read_report(top / name, top, [])
    assert found is not None
    return found, warnings


def test_markdown_images_and_html_images_are_found_and_links_are_not() -> None:
    text = '![a](a.png) [b](b.png) <img src="c.png"> ![d][x] `![e](e.png)`\n\n    ![f](f.png)\n\n<!-- ![g](g.png) -->\n\n[x]: d.png\n'
    assert addresses(text) == ["a.png", "c.png", "d.png"]


@pytest.mark.parametrize("piece", ["<a ", "<!-- ", "<img src='", "<pre><!", "</"])
def test_tags_that_never_end_take_no_time(piece: str) -> None:
    before = time.process_time()
    addresses("<pre>\n" + piece * (200_000 // len(piece)))
    assert time.process_time() - before < 5


def test_images_are_pngs_by_the_address_in_the_text(tmp_path: Path) -> None:
    picture(tmp_path / "reports" / "a b.jpg")
    picture(tmp_path / "plots" / "c.png")
    text = '![a](<a b.jpg>) ![c](../plots/c.png "title") ![c](../plots/./c.png?x=1#y) ![w](https://example.com/w.png)'
    found, warnings = written(tmp_path, text, "reports/report.md")
    assert warnings == ()
    assert found.path == "reports/report.md"
    assert list(found.images) == ["a%20b.jpg", "../plots/c.png", "../plots/./c.png?x=1#y"]
    assert all(content.startswith(b"\x89PNG") for content in found.images.values())


def test_the_address_is_the_one_that_the_comment_looks_for(tmp_path: Path) -> None:
    for name in ("a b.png", "é.png", "a&b.png", "a(1).png", "c'd.png", "100%.png"):
        picture(tmp_path / name)
    text = '![1](<a b.png>) ![2](é.png) ![3](a&amp;b.png) ![4](a(1).png) <img src="c\'d.png"> <img src="100%.png"> ![5](<a&b.png>)'
    found, warnings = written(tmp_path, text)
    assert warnings == ()
    shown = {address: Picture(title="", alt="", url="https://x/1.png", width=8) for address in found.images}
    assert safe(OwnReport(path="r.md", text=text), shown).count('src="https://x/1.png"') == 7


@pytest.mark.parametrize(
    "address",
    [
        "../secret.png", "../repo/../secret.png", "{0}/secret.png", "file://{0}/secret.png", "FILE:{0}/secret.png",
        "//server/secret.png", "out.png", "linked/secret.png", "%2e%2e/secret.png", "%2Fetc/secret.png", "..%2fsecret.png",
        ".git/secret.png", ".GIT/secret.png", ".ml-ci/secret.png", "~/secret.png", "C:/secret.png", "..\\secret.png", "a%00.png",
        "data:image/png;base64,AAAA", "javascript:secret.png",
    ],
)  # fmt: skip
def test_a_path_out_of_the_repository_is_refused_by_name(tmp_path: Path, address: str) -> None:
    top = tmp_path / "repo"
    for place in (tmp_path / "secret.png", top / ".git" / "secret.png", top / ".ml-ci" / "secret.png"):
        picture(place)
    (top / "out.png").symlink_to(tmp_path / "secret.png")
    (top / "linked").symlink_to(tmp_path)
    named = address.format(tmp_path)
    found, warnings = written(top, f'<img src="{named}">')
    assert found.images == {}
    (warning,) = warnings
    assert "report.md names images that are not in the repository" in warning
    assert named[:70] in warning


def test_a_link_into_git_by_another_name_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / ".git" / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / ".git" / "a.png")
    assert written(tmp_path, "![b](b.png)")[0].images == {}


def test_a_link_into_dvcs_cache_is_what_dvc_makes_of_a_file(tmp_path: Path) -> None:
    top, cache = tmp_path / "repo", tmp_path / "cache"
    kept = cache / "files" / "md5" / "ab" / ("0" * 30)
    kept.parent.mkdir(parents=True)
    picture(cache / "a.png").rename(kept)
    top.mkdir()
    (top / "a.png").symlink_to(kept)
    (top / "report.md").write_text("![a](a.png)")
    found, warnings = read_report(top / "report.md", top, [cache])
    assert found is not None
    assert (list(found.images), warnings) == (["a.png"], ())


def test_a_file_that_is_no_image_is_not_published_under_the_name_of_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN=secret")
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    (tmp_path / "folder").mkdir()
    found, warnings = written(tmp_path, "![env](.env) [data](data.csv) ![folder](folder) ![none](none.png)")
    assert found.images == {}
    assert warnings == (
        "report.md names images that are not there: folder, none.png.",
        "The image .env cannot be shown: it is not one of PNG, JPEG, WEBP, GIF, BMP, SVG.",
    )


def test_names_that_no_file_has_harm_nothing(tmp_path: Path) -> None:
    long = "x" * 5000
    _, warnings = written(tmp_path, f"![a]({long}.png) ![b](%FF%FE.png) ![c](<   >) ![d]()")
    assert len(warnings) == 1
    assert len(warnings[0]) < 300


def test_of_many_images_the_first_are_shown_and_it_is_said(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(MOST_OWN + 10)]
    for name in names:
        picture(tmp_path / name)
    found, warnings = written(tmp_path, "\n".join(f"![x]({name})" for name in names))
    assert list(found.images) == names[:MOST_OWN]
    assert warnings == (f"report.md has {MOST_OWN + 10} images: only the first {MOST_OWN} are shown.",)


@pytest.mark.parametrize(
    ("content", "why"), [(b"a" * 200_001, "more than 200 kB"), (b"\xff\x00\xff", "not UTF-8|not text")]
)
def test_what_is_no_text_or_too_much_of_it_is_not_shown(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "report.md").write_bytes(content)
    found, (warning,) = read_report(tmp_path / "report.md", tmp_path, [])
    assert found is None
    assert re.search(why, warning)


# -- in a job

WRITES_REPORT = (
    WRITES_ACCURACY
    + """
from PIL import Image
pathlib.Path("plots").mkdir(exist_ok=True)
Image.new("RGB", (20, 10), "red").save("plots/roc.jpg")
pathlib.Path("report.md").write_text("# Mine\\n\\n![ROC](plots/roc.jpg) ![out](../../out.png)")
"""
)
CONFIG = "environment: none\nreport: report.md\n"
IGNORED = "metrics.json\nplots/\nreport.md\n"


def job(path: Path, run_job: RunJob, train: str, **files: str) -> Result:
    repository = Repository.create(
        path,
        {"train.py": train, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": CONFIG, ".gitignore": IGNORED, **files},
    )
    repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
    return run_job(repository)


def test_heads_report_and_images_are_in_the_result(tmp_path: Path, run_job: RunJob) -> None:
    result = job(tmp_path / "repo", run_job, WRITES_REPORT)
    assert result.failure is None
    assert result.report is not None
    assert (result.report.path, result.report.text[:6]) == ("report.md", "# Mine")
    (image,) = result.report.images.values()
    assert image.read_bytes().startswith(b"\x89PNG")
    assert image.parent == tmp_path / "repo" / ".ml-ci" / "images"
    # as one of `plots`, too: base's is beside it, as base was trained in the same way
    assert result.head is not None
    assert result.base.run is not None
    assert (
        [each.path for each in result.head.images]
        == [each.path for each in result.base.run.images]
        == ["plots/roc.jpg"]
    )
    assert os.fspath(result.images[result.head.images[0].sha256]) == os.fspath(image)
    told = [warning for warning in result.head.warnings if "../../out.png" in warning]
    assert len(told) == 1
    assert not any("out.png" in warning for warning in result.base.run.warnings)


def test_its_images_are_in_report_md_and_inside_of_the_page(tmp_path: Path, run_job: RunJob) -> None:
    result = job(tmp_path / "repo", run_job, WRITES_REPORT)
    out = write_output(result, Presentation(), tmp_path / "out")
    (drawn,) = (tmp_path / "out" / "plots").glob("report-*.png")
    content = base64.b64encode(drawn.read_bytes()).decode()
    assert f'<img src="plots/{drawn.name}" alt="ROC"' in out.report_md.read_text(encoding="utf-8")
    assert f'<img src="data:image/png;base64,{content}" alt="ROC"' in out.report_html.read_text(encoding="utf-8")


def test_a_report_that_this_training_did_not_write_is_not_shown(tmp_path: Path, run_job: RunJob) -> None:
    result = job(
        tmp_path / "repo", run_job, WRITES_ACCURACY, **{"report.md": "# Old\n", ".gitignore": "metrics.json\n"}
    )
    assert result.report is None
    assert result.head is not None
    assert "report.md was not written by this training, so it is not shown." in result.head.warnings


def test_a_report_that_is_not_there_is_said_to_be_missing(tmp_path: Path, run_job: RunJob) -> None:
    result = job(tmp_path / "repo", run_job, WRITES_ACCURACY)
    assert result.report is None
    assert result.head is not None
    assert "`report` names report.md, but training left no such file." in result.head.warnings


def test_an_image_that_cannot_be_read_fails_nothing(tmp_path: Path, run_job: RunJob) -> None:
    breaks = (
        WRITES_ACCURACY + 'pathlib.Path("plots").mkdir(exist_ok=True)\npathlib.Path("plots/a.svg").write_text("<svg")\n'
    )
    result = job(tmp_path / "repo", run_job, breaks + 'pathlib.Path("report.md").write_text("x")\n')
    assert result.failure is None
    assert result.head is not None
    assert result.head.images == ()
    (told,) = (warning for warning in result.head.warnings if "plots/a.svg" in warning)
    assert told.startswith("The image plots/a.svg cannot be shown: it is no well-formed XML")
