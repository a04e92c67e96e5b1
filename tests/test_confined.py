"""What reads files of strangers may use little, knows nothing, and may die of it."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import zlib
from pathlib import Path

import pytest

from ml_ci.sources.confined import Confined, DiedError, RefusedError
from ml_ci.sources.images import UnreadableImageError, to_png, to_pngs
from tests.handed_over import png


def worker(clock: float = 20, largest: int = 1_000) -> Confined:
    return Confined("tests.strange_work", clock=clock, largest=largest)


def test_it_answers_many_times() -> None:
    with worker() as process:
        assert [process.ask(b"hello") for _ in range(100)] == [b"done"] * 100


def test_its_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPUT_GITHUB_TOKEN", "secret")
    with worker() as process:
        # what Python itself sets where there is no locale
        assert set(json.loads(process.ask(b"environment"))) <= {"LC_CTYPE"}


def test_it_can_write_no_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with worker() as process, pytest.raises(DiedError):
        process.ask(b"write " + str(target).encode())
    assert not target.exists() or target.read_bytes() == b""


def test_memory_that_it_may_not_have_is_refused_and_it_goes_on() -> None:
    with worker() as process:
        with pytest.raises(RefusedError, match="it needs too much memory"):
            process.ask(b"memory")
        assert process.ask(b"hello") == b"done"


def test_what_it_refuses_is_said() -> None:
    with worker() as process, pytest.raises(RefusedError, match=r"^it is no picture$"):
        process.ask(b"refuse it is no picture")


def test_what_runs_on_is_ended_and_the_next_one_is_answered() -> None:
    begin = time.monotonic()
    with worker() as process:
        with pytest.raises(DiedError):
            process.ask(b"spin")
        assert process.ask(b"hello") == b"done"
    assert time.monotonic() - begin < 20


def test_what_waits_is_ended_by_the_clock() -> None:
    with worker(clock=1) as process, pytest.raises(DiedError) as caught:
        process.ask(b"sleep")
    assert caught.value.late


@pytest.mark.parametrize("word", [b"end", b"raise x"])
def test_one_that_ends_is_begun_again(word: bytes) -> None:
    with worker() as process:
        with pytest.raises(DiedError) as caught:
            process.ask(word)
        assert not caught.value.late
        assert process.ask(b"hello") == b"done"


def test_what_a_library_prints_is_no_answer() -> None:
    with worker() as process:
        assert process.ask(b"print") == b"done"
        assert process.ask(b"much 7") == b"x" * 7


def test_an_answer_of_more_bytes_than_there_may_be_is_none() -> None:
    with worker() as process:
        assert process.ask(b"much 1000") == b"x" * 1000
        with pytest.raises(DiedError):
            process.ask(b"much 1001")


def test_it_is_gone_afterwards() -> None:
    with worker() as process:
        process.ask(b"hello")
        running = process._process
        assert running is not None
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


# -- images


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def test_a_picture_whose_notes_are_a_bomb_is_read_or_not_and_nothing_else_happens(tmp_path: Path) -> None:
    """Notes of two gigabytes in two megabytes, of which a library could unpack all."""
    content = png()
    press = zlib.compressobj(9)
    zeros = b"".join(press.compress(bytes(10_000_000)) for _ in range(200)) + press.flush()
    bomb = content[:33] + chunk(b"zTXt", b"Title\0\0" + zeros) + content[33:]
    (tmp_path / "a.png").write_bytes(bomb)
    (tmp_path / "b.png").write_bytes(content)
    found, _ = to_pngs([tmp_path / "a.png", tmp_path / "b.png"], lambda path: path.name)
    assert "b.png" in found
    assert all(len(each) < 1_000 for _, each in found.values())


def test_one_image_of_a_hundred_that_ends_its_reader_costs_only_itself(tmp_path: Path) -> None:
    """An SVG whose elements the library follows until its stack is full."""
    deep = "".join(f'<g id="a{n}"><use href="#a{n + 1}"/></g>' for n in range(100_000))
    for number in range(10):
        (tmp_path / f"{number}.png").write_bytes(png())
    text = f'<svg xmlns="http://www.w3.org/2000/svg"><defs>{deep}</defs><use href="#a0"/></svg>'
    (tmp_path / "5.png").write_text(text)
    found, warnings = to_pngs(sorted(tmp_path.iterdir()), lambda path: path.name)
    assert {f"{number}.png" for number in range(10) if number != 5} <= set(found)
    assert len(found) + len(warnings) == 10


def test_a_pipe_in_the_place_of_an_image_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="no regular file"):
        to_png(tmp_path / "a.png")


def test_the_same_picture_gives_the_same_bytes_in_whatever_process(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for path in paths:
        path.write_bytes(png())
    found, _ = to_pngs(paths, lambda path: path.name)
    assert {sha256 for sha256, _ in found.values()} == {hashlib.sha256(to_png(paths[0])).hexdigest()}
