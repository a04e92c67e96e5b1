"""An archive of strangers is unpacked to named regular files, or is one sentence: whatever it says of itself."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from ml_ci.sources.archive import LARGEST_ARCHIVE, LARGEST_UNPACKED, MOST_ENTRIES, HandoverError, unpack
from tests.handed_over import digest, handed_over, parquet, png, zipped

SECRET = "0" * 64


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def archive_of(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def refused(archive: Path, folder: Path) -> str:
    """The sentence; and nothing but files was written, all of them inside."""
    folder.mkdir()
    with pytest.raises(HandoverError) as caught:
        unpack(archive, folder)
    said = str(caught.value)
    assert said.startswith("What the pull request's job handed over is not published, because ")
    assert said.isprintable()
    assert len(said) < 400
    assert all(path.is_dir() or path.is_file() for path in folder.rglob("*") if not path.is_symlink())
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert {path.name for path in folder.parent.iterdir()} <= {folder.name, archive.name, "source"}
    return said


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "unpacked"


def test_what_ml_ci_wrote_is_unpacked_and_what_is_only_to_be_read_is_not(tmp_path: Path, out: Path) -> None:
    source = handed_over(tmp_path / "source", images=[png()], head_parquet=parquet())
    out.mkdir()
    unpack(zipped(source, tmp_path / "a.zip"), out)
    names = {"result.json", "head.json", "base.json", "head.parquet", f"images/{digest(png())}.png"}
    assert files_in(out) == names
    assert all((out / name).read_bytes() == (source / name).read_bytes() for name in names)


def test_of_several_models_each_has_its_folder(tmp_path: Path, out: Path) -> None:
    for key in ("churn", "fraud.v2"):
        handed_over(tmp_path / "source" / key, images=[png()])
    (tmp_path / "source" / "result.json").write_text("{}")
    out.mkdir()
    unpack(zipped(tmp_path / "source", tmp_path / "a.zip"), out)
    own = {"result.json", "head.json", "base.json", f"images/{digest(png())}.png"}
    assert files_in(out) == {"result.json"} | {f"{key}/{name}" for key in ("churn", "fraud.v2") for name in own}


def test_an_archive_that_was_written_as_a_stream_is_read(tmp_path: Path, out: Path) -> None:
    """As upload-artifact does it: sizes and checksum stand behind each file, and not before it."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.content = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, content: object) -> int:
            self.content += bytes(content)  # type: ignore[call-overload]
            return len(bytes(content))  # type: ignore[call-overload]

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("result.json", b"{}")
        archive.writestr("plots/", b"")
    (tmp_path / "a.zip").write_bytes(stream.content)
    out.mkdir()
    unpack(tmp_path / "a.zip", out)
    assert files_in(out) == {"result.json"}


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "../result.json", "/result.json", "/etc/passwd", "images/../result.json", "./result.json", "churn/../../head.json",
        "..\\result.json", "churn\\head.json", "C:/head.json", "C:head.json", "//host/head.json", "~/head.json",
        "head.json ", " head.json", "head.json\n", "head.json\0.png", "head.json.", "HEAD.json", "head.JSON",
        "he\u0430d.json", "head\u202e.json", "h\u00e9ad.json", "head.json\ud83d\ude00", "\x1b[31mhead.json", "-head.json",
        "x.py", "model.pkl", "data.npy", "MLmodel", ".gitignore", ".git/config", "train-head.log", "head.yaml",
        "a/b/head.json", "images/x.png", f"images/{'0' * 63}.png", f"images/{'G' * 64}.png", f"images/{SECRET}.svg",
        f"images/{SECRET}.png.html", f"images/a/{SECRET}.png", "nested.zip", "bomb/head.json/x", "", "a" * 70_000,
        ".churn/head.json", "-/head.json", "plots/x.svg", "report.js", "a/", "result.json/",
    ],
)  # fmt: skip
def test_any_other_name_is_an_error(tmp_path: Path, out: Path, name: str) -> None:
    entry = zipfile.ZipInfo("x")
    entry.filename = name.encode("utf-16", "surrogatepass").decode("utf-16")
    try:
        archive = archive_of(tmp_path / "a.zip", ("result.json", b"{}"), (entry, b"x" if name[-1:] != "/" else b""))
    except (ValueError, struct.error):
        archive = _patched(archive_of(tmp_path / "a.zip", ("result.json", b"{}"), ("x" * 60, b"x")), name)
    said = refused(archive, out)
    assert "which is no name of ml-ci's" in said or "damaged" in said or "files" in said
    assert files_in(out) == set()


def _patched(archive: Path, name: str) -> Path:
    archive.write_bytes(archive.read_bytes().replace(b"x" * 60, name.encode()[:60].ljust(60, b"y")))
    return archive


def test_a_name_that_ends_for_others_at_a_null_is_read_whole(tmp_path: Path, out: Path) -> None:
    """Python's own reader takes `head.json\\0…` for head.json."""
    archive = archive_of(tmp_path / "a.zip", ("head.json_x", b"{}"))
    archive.write_bytes(archive.read_bytes().replace(b"head.json_x", b"head.json\0x"))
    assert "which is no name of ml-ci's" in refused(archive, out)


def test_a_name_twice_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"), ("heaD.json", b"{}"))
    archive.write_bytes(archive.read_bytes().replace(b"heaD", b"head"))
    assert '"head.json" is twice in its archive' in refused(archive, out)


def test_names_that_differ_in_the_case_of_letters_are_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("Churn/head.json", b"{}"), ("churn/head.json", b"{}"))
    assert "is twice in its archive" in refused(archive, out)
    archive = archive_of(tmp_path / "a.zip", ("Churn/head.json", b"{}"), ("churn/base.json", b"{}"))
    out.rmdir()
    assert "differ in nothing but the case of letters" in refused(archive, out)


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("result.json", b"{}"), ("result.json/head.json", b"{}"))
    assert "a file and a folder" in refused(archive, out)


# -- kinds


def entry(name: str, mode: int, system: int = 3) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr, found.create_system = mode << 16, system
    return found


@pytest.mark.parametrize("system", [0, 3, 19])
@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR], ids=oct
)
def test_a_link_is_refused_and_whatever_else_is_no_regular_file(
    tmp_path: Path, out: Path, kind: int, system: int
) -> None:
    archive = archive_of(tmp_path / "a.zip", (entry("head.json", kind | 0o777, system), b"/etc/passwd"))
    assert '"head.json" in its archive is a link, or another thing' in refused(archive, out)


def test_a_link_of_a_name_that_is_not_unpacked_is_refused_too(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", (entry("report.html", stat.S_IFLNK | 0o777), b"/etc/passwd"))
    assert "is a link" in refused(archive, out)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", (entry("images/", stat.S_IFLNK | 0o777), b"/etc"))
    assert "is a link" in refused(archive, out)


def test_a_folder_with_content_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("images_", b"content"))
    archive.write_bytes(archive.read_bytes().replace(b"images_", b"images/"))
    assert 'the folder "images/" in its archive has content' in refused(archive, out)


def test_what_is_encrypted_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"))
    content = bytearray(archive.read_bytes())
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(sign) + place] |= 1
    archive.write_bytes(content)
    assert '"head.json" in its archive is encrypted' in refused(archive, out)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(tmp_path: Path, out: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("head.json", b"{}")
    assert "compressed in a way" in refused(tmp_path / "a.zip", out)


# -- sizes


def test_two_gigabytes_of_zeros_are_not_unpacked(tmp_path: Path, out: Path) -> None:
    zeros = bytes(10_000_000)
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("head.json", "w") as file,
    ):
        for _ in range(200):
            file.write(zeros)
    assert (tmp_path / "a.zip").stat().st_size < 3_000_000
    begin = time.process_time()
    assert '"head.json" in its archive has more than 20 MB' in refused(tmp_path / "a.zip", out)
    assert time.process_time() - begin < 5
    assert sum(path.stat().st_size for path in out.rglob("*")) <= 20_100_000


def test_nor_where_the_archive_says_that_there_are_few(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", bytes(50_000_000)))
    said = struct.pack("<L", 50_000_000)
    archive.write_bytes(archive.read_bytes().replace(said, struct.pack("<L", 5)))
    assert "damaged" in refused(archive, out)
    assert sum(path.stat().st_size for path in out.rglob("*")) < 100_000


def test_many_files_of_an_allowed_size_are_too_much_together(tmp_path: Path, out: Path) -> None:
    names = [f"m{number}/head.json" for number in range(LARGEST_UNPACKED // 20_000_000 + 1)]
    archive = archive_of(tmp_path / "a.zip", *((name, bytes(20_000_000)) for name in names))
    assert "the files in its archive have more than 300 MB" in refused(archive, out)


def test_an_archive_in_the_archive_is_a_name_that_nobody_unpacks(tmp_path: Path, out: Path) -> None:
    inner = archive_of(tmp_path / "source", ("head.json", bytes(1_000_000))).read_bytes()
    for _ in range(5):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as nested:
            for number in range(10):
                nested.writestr(f"{number}.zip", inner)
        inner = content.getvalue()
    assert '"nested.zip"' in refused(archive_of(tmp_path / "a.zip", ("nested.zip", inner)), out)


def test_more_entries_than_a_report_has_are_not_even_listed(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", *((f"m{n}/head.json", b"") for n in range(MOST_ENTRIES + 1)))
    assert "its archive has more than 5,000 files" in refused(archive, out)


def test_an_archive_of_more_bytes_is_not_opened(tmp_path: Path, out: Path) -> None:
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(LARGEST_ARCHIVE + 1)
    assert "its archive has more than 100 MB" in refused(tmp_path / "a.zip", out)


# -- what the archive says of itself


def local(name: str, pressed: bytes, size: int, crc: int) -> bytes:
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0x21, crc, len(pressed), size, len(name), 0)
    return head + name.encode() + pressed


def central(name: str, pressed: int, size: int, crc: int, offset: int) -> bytes:
    fields = (b"PK\1\2", 20, 20, 0, 8, 0, 0x21, crc, pressed, size, len(name), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3L5H2L", *fields) + name.encode()


def end(entries: int, directory: bytes, offset: int, comment: bytes = b"") -> bytes:
    fields = (b"PK\5\6", 0, 0, entries, entries, len(directory), offset, len(comment))
    return struct.pack("<4s4H2LH", *fields) + comment


def pressed_zeros(size: int) -> tuple[bytes, int]:
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    return press.compress(bytes(size)) + press.flush(), zlib.crc32(bytes(size))


def built(names: Iterable[str], bodies: bytes, entries: Iterable[bytes]) -> bytes:
    directory = b"".join(entries)
    return bodies + directory + end(len(list(names)), directory, len(bodies))


def test_entries_that_all_have_the_same_bytes_are_refused(tmp_path: Path, out: Path) -> None:
    """The bomb of Fifield ("A better zip bomb", WOOT 2019), in its simple form."""
    names = [f"m{n}/head.json" for n in range(10, 60)]
    pressed, crc = pressed_zeros(10_000_000)
    body = local(names[0], pressed, 10_000_000, crc)
    (tmp_path / "a.zip").write_bytes(
        built(names, body, (central(name, len(pressed), 10_000_000, crc, 0) for name in names))
    )
    assert "files in its archive overlap" in refused(tmp_path / "a.zip", out)
    assert files_in(out) == set()


def test_entries_that_quote_each_other_are_refused(tmp_path: Path, out: Path) -> None:
    """Its full form: each file is the next one's header, quoted in a block that is not pressed, and all that follows."""
    names = ["m1/head.json", "m2/head.json"]
    kernel, crc = pressed_zeros(1_000_000)
    second = local(names[1], kernel, 1_000_000, crc)
    header = second[: 30 + len(names[1])]
    quoted = b"\0" + struct.pack("<HH", len(header), len(header) ^ 0xFFFF) + header + kernel
    whole_crc = zlib.crc32(header + bytes(1_000_000))
    first = (
        struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0x21, whole_crc, len(quoted), len(header) + 1_000_000, len(names[0]), 0
        )
        + names[0].encode()
        + quoted[:5]
    )
    body = first + second
    entries = [
        central(names[0], len(quoted), len(header) + 1_000_000, whole_crc, 0),
        central(names[1], len(kernel), 1_000_000, crc, len(first)),
    ]
    (tmp_path / "a.zip").write_bytes(built(names, body, entries))
    assert "files in its archive overlap" in refused(tmp_path / "a.zip", out)


def test_a_file_that_reaches_into_the_directory_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"))
    content = bytearray(archive.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 20, 60)
    archive.write_bytes(content)
    assert "overlap" in refused(archive, out)


def test_zip64_is_refused(tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, archive.open("head.json", "w", force_zip64=True) as file:
        file.write(b"{}")
    content = (tmp_path / "a.zip").read_bytes()
    place = content.index(b"PK\5\6")
    length, offset = struct.unpack_from("<LL", content, place + 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2**40, 2**40, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    (tmp_path / "a.zip").write_bytes(content[:place] + record + locator + content[place:])
    assert "not laid out" in refused(tmp_path / "a.zip", out)


def test_the_end_of_zip64_is_not_hidden_in_an_entrys_comment(tmp_path: Path, out: Path) -> None:
    """Python's own reader looks for it right before the usual end, and believes it."""
    pressed, crc = pressed_zeros(10)
    other = local("base.json", pressed, 10, crc)
    hidden = central("base.json", len(pressed), 10, crc, 0)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(hidden), len(other))
    body = other + hidden + record + local("head.json", pressed, 10, crc)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(other) + len(hidden), 1)
    shown = bytearray(central("head.json", len(pressed), 10, crc, len(other) + len(hidden) + len(record)))
    struct.pack_into("<H", shown, 32, len(locator))
    (tmp_path / "a.zip").write_bytes(built(["head.json"], body, [bytes(shown) + locator]))
    assert "not laid out" in refused(tmp_path / "a.zip", out)


def test_sizes_that_zip64_would_say_are_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"))
    content = bytearray(archive.read_bytes())
    place = content.index(b"PK\1\2")
    struct.pack_into("<LL", content, place + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    archive.write_bytes(content)
    assert refused(archive, out)


def test_a_directory_that_says_another_number_is_refused(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"), ("base.json", b"{}"))
    content = bytearray(archive.read_bytes())
    struct.pack_into("<HH", content, content.index(b"PK\5\6") + 8, 1, 1)
    archive.write_bytes(content)
    assert "another number of files" in refused(archive, out)


def test_two_directories_are_no_way_to_show_one_and_use_another(tmp_path: Path, out: Path) -> None:
    other = archive_of(tmp_path / "source", ("base.json", b"{}")).read_bytes()
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"))
    archive.write_bytes(other + archive.read_bytes())
    assert "not laid out" in refused(archive, out)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("head.json", b"{}")
        opened.comment = other
    out.rmdir()
    assert "not laid out" in refused(archive, out)


def test_a_local_name_that_differs_is_damaged(tmp_path: Path, out: Path) -> None:
    archive = archive_of(tmp_path / "a.zip", ("head.json", b"{}"))
    archive.write_bytes(archive.read_bytes().replace(b"head.json", b"../x.json", 1))
    assert "damaged" in refused(archive, out)


def test_a_wrong_checksum_is_damaged(tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("head.json", b'{"metrics": 0.9}')
    archive = tmp_path / "a.zip"
    archive.write_bytes(archive.read_bytes().replace(b"0.9", b"1.0"))
    assert "damaged" in refused(archive, out)


# -- no archive


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"not a zip", b"\x1f\x8b\x08" + bytes(100), b"<html>" * 100, bytes(1000)]
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, out: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    said = refused(tmp_path / "a.zip", out)
    assert "it is no ZIP archive" in said or "it is no whole ZIP archive" in said


def test_an_archive_of_nothing_is_unpacked_to_nothing(tmp_path: Path, out: Path) -> None:
    """That there is no result in it is said by who reads it."""
    archive = archive_of(tmp_path / "a.zip")
    out.mkdir()
    unpack(archive, out)
    assert files_in(out) == set()


def test_an_archive_cut_short_anywhere_is_refused(tmp_path: Path, out: Path) -> None:
    whole = zipped(handed_over(tmp_path / "source"), tmp_path / "a.zip").read_bytes()
    for length in (*range(1, 200), *range(200, len(whole), 997), len(whole) - 1):
        (tmp_path / "a.zip").write_bytes(whole[:length])
        assert refused(tmp_path / "a.zip", out)
        out.rmdir()


def test_an_archive_with_any_byte_changed_is_refused_or_the_same(tmp_path: Path, out: Path) -> None:
    whole = archive_of(
        tmp_path / "a.zip", ("head.json", os.urandom(50).hex().encode()), ("base.json", b"{}")
    ).read_bytes()
    expected = {"head.json", "base.json"}
    for place in range(len(whole)):
        (tmp_path / "a.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        out.mkdir()
        try:
            unpack(tmp_path / "a.zip", out)
        except HandoverError:
            pass
        else:
            assert files_in(out) == expected
        for path in out.iterdir():
            path.unlink()
        out.rmdir()
