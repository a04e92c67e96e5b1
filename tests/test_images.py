"""Training's images become PNGs of bounded size, made anew from their pixels; an SVG can do nothing but be drawn."""

from __future__ import annotations

import io
import random
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from ml_ci.result import Result
from ml_ci.sources.images import MOST_IMAGES, PNG_BYTES, UnreadableImageError, to_png, to_pngs
from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository

SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED, WHITE = (255, 0, 0), (255, 255, 255)


def opened(content: bytes) -> Image.Image:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    return image


def colour(content: bytes, x: int = 25, y: int = 25) -> object:
    return opened(content).convert("RGB").getpixel((x, y))


def plain(path: Path, **options: object) -> Path:
    Image.new("RGB", (60, 40), "red").save(path, **options)  # type: ignore[arg-type]
    return path


def svg(path: Path, inside: str, size: str = 'width="50" height="50"', before: str = "") -> Path:
    path.write_text(f"{before}<svg {SVG} {size}>{inside}</svg>")
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp"])
def test_every_common_format_becomes_a_png_of_the_same_picture(tmp_path: Path, ending: str) -> None:
    content = to_png(plain(tmp_path / f"plot.{ending}"))
    assert opened(content).size == (60, 40)
    red, green, blue = opened(content).convert("RGB").getpixel((30, 20))  # type: ignore[misc]
    assert (red > 240, green < 20, blue < 20) == (True, True, True)


def test_a_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    assert colour(to_png(plain(tmp_path / "a.bin", format="PNG"))) == RED
    assert colour(to_png(svg(tmp_path / "b.png", '<rect width="50" height="50" fill="red"/>'))) == RED


def test_nothing_of_the_file_but_its_pixels_is_published(tmp_path: Path) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "SECRET-IN-TEXT")
    exif = Image.Exif()
    exif[0x010E] = "SECRET-IN-EXIF"
    path = plain(tmp_path / "a.png", pnginfo=notes, exif=exif, icc_profile=b"SECRET-IN-PROFILE", dpi=(72, 72))
    path.write_bytes(path.read_bytes() + b"SECRET-AT-THE-END")
    assert path.read_bytes().count(b"SECRET") >= 3
    content = to_png(path)
    chunks, rest = [], content[8:]
    while rest:
        length = int.from_bytes(rest[:4], "big")
        chunks.append(rest[4:8])
        rest = rest[12 + length :]
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
    assert b"SECRET" not in content


def test_a_photograph_that_was_taken_upright_is_shown_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF: the first row is the right side
    assert opened(to_png(plain(tmp_path / "a.jpg", exif=exif))).size == (40, 60)


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path) -> None:
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 0x4000)
    image.putpixel((1, 0), 0xC000)
    image.save(tmp_path / "a.png")
    shades = opened(to_png(tmp_path / "a.png"))
    assert (shades.getpixel((0, 0)), shades.getpixel((1, 0))) == (0x40, 0xC0)


def test_what_is_transparent_stays_transparent(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert opened(to_png(tmp_path / "a.png")).convert("RGBA").getpixel((5, 5)) == (255, 0, 0, 0)


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    Image.new("L", (5000, 2500), 200).save(tmp_path / "a.png")
    assert opened(to_png(tmp_path / "a.png")).size == (1600, 800)


def test_noise_that_no_png_can_press_is_made_smaller_until_it_fits(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(1600 * 2000 * 3)
    Image.frombytes("RGB", (1600, 2000), noise).save(tmp_path / "a.png", compress_level=1)
    content = to_png(tmp_path / "a.png")
    assert PNG_BYTES / 2 < len(content) <= PNG_BYTES


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not one of PNG, JPEG"),
        (b"\x89PNG\r\n\x1a\n and then nothing", "damaged|is not one of"),
        (b"%PDF-1.7", "is not one of"),
        (b"<html><body></body></html>", "is not one of"),
        (b"<?xml version='1.0'?><html/>", "no SVG"),
        (b"<svg", "well-formed"),
    ],
)
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=why):
        to_png(tmp_path / "a.png")


def test_a_picture_cut_short_is_damaged(tmp_path: Path) -> None:
    content = plain(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match="damaged"):
        to_png(tmp_path / "a.jpg")


def test_a_picture_of_too_many_pixels_is_not_opened(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match=r"20000 × 20000 pixels|too many pixels"):
        to_png(tmp_path / "a.png")


# -- SVG


def test_a_photograph_of_many_passes_is_not_opened(tmp_path: Path) -> None:
    """Each of them is a few bytes, and has every pixel drawn again."""
    content = io.BytesIO()
    Image.new("L", (64, 64), 128).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    last = whole.rindex(b"\xff\xda")
    path = tmp_path / "a.jpg"
    path.write_bytes(whole)
    assert to_png(path)
    path.write_bytes(whole[:last] + whole[last:-2] * 1000 + whole[-2:])
    with pytest.raises(UnreadableImageError, match="more than 100 passes"):
        to_png(path)


def test_matplotlibs_svg_is_drawn(tmp_path: Path) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), facecolor="red")
    figure.subplots().plot([1, 2, 3])
    FigureCanvasSVG(figure).print_svg(tmp_path / "a.svg")  # type: ignore[no-untyped-call]
    content = to_png(tmp_path / "a.svg")
    assert opened(content).size == (768, 576)  # 4 × 3 inches of 96 pixels, twice
    assert colour(content, 2, 2) == RED


def test_text_in_an_svg_is_drawn_without_a_font_of_the_machines(tmp_path: Path) -> None:
    empty = to_png(svg(tmp_path / "a.svg", ""))
    written = to_png(svg(tmp_path / "b.svg", '<text x="5" y="30" font-size="20">abc</text>'))
    assert opened(empty).convert("L").getextrema() == (255, 255)
    assert opened(written).convert("L").getextrema()[0] == 0


def test_a_script_in_an_svg_is_nothing(tmp_path: Path) -> None:
    inside = '<script>document.documentElement.innerHTML = ""</script><rect width="50" height="50" fill="red"/>'
    assert colour(to_png(svg(tmp_path / "a.svg", inside))) == RED


@pytest.mark.parametrize("attribute", ["href", "xlink:href", "HREF"])
@pytest.mark.parametrize("address", ["file://{0}", "{0}", "secret.png", "./secret.png", " {0}"])
def test_no_file_is_drawn_into_an_svg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, address: str
) -> None:
    secret = plain(tmp_path / "secret.png")
    monkeypatch.chdir(tmp_path)
    inside = f'<image {attribute}="{address.format(secret)}" width="50" height="50"/>'
    assert colour(to_png(svg(tmp_path / "a.svg", inside))) == WHITE


def test_the_file_of_users_is_not_drawn_either(tmp_path: Path) -> None:
    inside = '<image href="file:///etc/passwd" width="50" height="50"/>'
    assert colour(to_png(svg(tmp_path / "a.svg", inside))) == WHITE


def test_nobody_is_asked_for_an_address_in_an_svg(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        inside = f'<style>@import url("{address}");</style><image href="{address}" width="50" height="50"/>'
        inside += f'<rect width="50" height="50" fill="url({address}#a)"/>'
        to_png(svg(tmp_path / "a.svg", inside, before=f'<?xml-stylesheet href="{address}"?>'))
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_picture_within_an_svg_is_drawn(tmp_path: Path) -> None:
    from base64 import b64encode

    data = b64encode(plain(tmp_path / "inner.png").read_bytes()).decode()
    inside = f'<image xlink:href="data:image/png;base64,{data}" width="75" height="50"/>'
    assert colour(to_png(svg(tmp_path / "a.svg", inside))) == RED


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY a0 "x">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)),
    ],
)
def test_an_svg_that_declares_entities_is_refused(tmp_path: Path, declared: str) -> None:
    path = svg(tmp_path / "a.svg", "<text>&a;</text>", before=f"<!DOCTYPE svg [{declared}]>")
    with pytest.raises(UnreadableImageError, match="entities"):
        to_png(path)


def test_an_svg_of_ten_to_the_nine_pixels_is_drawn_small(tmp_path: Path) -> None:
    square = svg(tmp_path / "a.svg", "", 'width="1000000000" height="1000000000"')
    assert opened(to_png(square)).size == (1600, 1600)
    line = svg(tmp_path / "b.svg", "", 'width="1000000000" height="1"')
    assert opened(to_png(line)).size == (1600, 1)


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ('width="2in" height="1in"', (384, 192)),
        ('width="100%" viewBox="0 0 30 60"', (60, 120)),
        ('width="30" viewBox="0 0 30 60"', (60, 120)),
        ("", (600, 300)),
        ('width="-5" height="nan" viewBox="a b c d"', (600, 300)),
        ('viewBox="0 0 0 0"', (600, 300)),
    ],
)
def test_an_svg_has_the_size_that_it_says(tmp_path: Path, said: str, size: tuple[int, int]) -> None:
    assert opened(to_png(svg(tmp_path / "a.svg", "", said))).size == size


NESTED = "<g opacity='0.9'>" * 900 + '<rect width="50" height="50"/>' + "</g>" * 900
USES = "".join(f'<g id="a{n}">' + f'<use xlink:href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))
FILTER = '<filter id="f"><feTurbulence baseFrequency="0.5" numOctaves="100000000"/></filter>'


@pytest.mark.parametrize(
    "inside",
    [
        NESTED,
        f'<defs><rect id="a0" width="5" height="5"/>{USES}</defs><use xlink:href="#a11"/>',
        f'{FILTER}<rect width="50" height="50" filter="url(#f)"/>',
    ],
    ids=["nested", "uses", "filter"],
)
def test_an_svg_that_would_take_the_job_down_with_it_does_not(tmp_path: Path, inside: str) -> None:
    with pytest.raises(UnreadableImageError):
        to_png(svg(tmp_path / "a.svg", inside))


def test_comments_and_quotes_of_an_svg_are_well_formed_again() -> None:
    from ml_ci.sources.svg_drawing import Cleaned

    before = f"""<!DOCTYPE svg PUBLIC "a" "b"><!-- c --><svg {SVG} a='"' b="'"><![CDATA[<&>]]>x &lt; y<p q="&amp;&#10;"/></svg>"""
    found = ET.fromstring("".join(Cleaned(before.encode()).text))  # noqa: S314 - the text is ours
    assert (found.attrib["a"], found.attrib["b"]) == ('"', "'")
    assert found.text == "<&>x < y"
    assert found[0].attrib == {"q": "&\n"}


# -- many


def test_images_that_cannot_be_shown_are_named_and_the_others_are_there(tmp_path: Path) -> None:
    good = plain(tmp_path / "good.png")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    found, warnings = to_pngs([bad, good], lambda path: f"plots/{path.name}")
    assert list(found) == ["plots/good.png"]
    (warning,) = warnings
    assert warning.startswith("The image plots/bad.png cannot be shown: it is ")


def test_of_500_images_the_first_100_are_kept_and_it_is_said(tmp_path: Path) -> None:
    paths = [plain(tmp_path / f"{number:03}.png") for number in range(500)]
    found, warnings = to_pngs(paths, lambda path: path.name)
    assert list(found) == [path.name for path in paths[:MOST_IMAGES]]
    assert warnings == ("Training wrote 500 images: only the first 100 are kept.",)


def test_equal_pictures_have_one_name(tmp_path: Path) -> None:
    from hashlib import sha256

    found, _ = to_pngs([plain(tmp_path / "a.png"), plain(tmp_path / "b.bmp")], lambda path: path.name)
    assert found["a.png"] == found["b.bmp"]
    assert found["a.png"][0] == sha256(found["a.png"][1]).hexdigest()


# -- in a job

WRITES_IMAGES = (
    WRITES_ACCURACY
    + """
from PIL import Image
for folder in ("plots", "pictures"):
    pathlib.Path(folder).mkdir(exist_ok=True)
Image.new("RGB", (20, 10), "red").save("plots/a.jpeg")
pathlib.Path("plots/b.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"/>')
Image.new("RGB", (20, 10), "blue").save("pictures/c.png")
pathlib.Path("loss.csv").write_text("step,loss\\n0,3\\n1,2\\n")
"""
)
PIPELINE = "plots:\n- pictures/c.png\n- loss.csv: {x: step, y: loss}\n- old.csv: {x: step, y: loss}\n"


def trained(path: Path, run_job: RunJob) -> Result:
    files = {
        "train.py": WRITES_IMAGES, "params.yaml": "accuracy: 0.9\n", "dvc.yaml": PIPELINE, "old.csv": "step,loss\n0,1\n",
        "plots/old.png": "not written by training", ".gitignore": "metrics.json\nplots/\npictures/\nloss.csv\n",
        ".ml-ci.yml": "environment: none\ntrain: python train.py\nbaseline: none\n",
    }  # fmt: skip
    repository = Repository.create(path, files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
    return run_job(repository)


def test_images_of_plots_and_of_dvcs_plots_are_kept_if_this_training_wrote_them(
    tmp_path: Path, run_job: RunJob
) -> None:
    result = trained(tmp_path / "repo", run_job)
    assert result.failure is None
    assert result.head is not None
    assert [image.path for image in result.head.images] == ["plots/a.jpeg", "plots/b.svg", "pictures/c.png"]
    for image in result.head.images:
        assert opened(result.images[image.sha256].read_bytes()).size in {(20, 10), (40, 20)}
        assert result.images[image.sha256].name == f"{image.sha256}.png"


def test_dvcs_plots_are_in_the_run_if_this_training_wrote_their_data(tmp_path: Path, run_job: RunJob) -> None:
    result = trained(tmp_path / "repo", run_job)
    assert result.head is not None
    (plot,) = result.head.plots
    assert "loss.csv" in plot.name
    assert (plot.series[0].x, plot.series[0].y) == ((0.0, 1.0), (3.0, 2.0))
