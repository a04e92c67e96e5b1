"""How far `dvc pull` is, told while it runs: the real DVC, and a remote over HTTP that takes its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

import pytest

from ml_ci.action import WorkflowProgress
from ml_ci.progress import Seldom, amount_in_words
from ml_ci.sources.data import Dvc
from ml_ci.sources.dvc_settings import cache_folder
from ml_ci.sources.pull_progress import told
from tests.repository import Repository, clean_variables

LARGE, SMALL = 400_000, 50_000
TOTAL = LARGE + 4 * SMALL
PIECE, PIECES_A_SECOND = 20_000, 12


class Slow(SimpleHTTPRequestHandler):
    """Serves a folder, a piece at a time."""

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:  # type: ignore[override] # the bytes that it is
        while piece := source.read(PIECE):
            time.sleep(1 / PIECES_A_SECOND if len(piece) == PIECE else 0)
            outputfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Slow, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Told:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.amounts: list[tuple[str, int, int]] = []

    def step(self, _: str) -> nullcontext[None]:
        return nullcontext()

    def line(self, text: str) -> None:
        self.lines.append(text)

    def amount(self, what: str, done: int, total: int) -> None:
        self.amounts.append((what, done, total))


@pytest.fixture
def project(tmp_path: Path) -> Repository:
    """A large file, and a folder in which two of four files are the same; in the remote, and not here."""
    repository = Repository.create(tmp_path / "repo", {".gitignore": "/large.bin\n/many\n"})
    repository.dvc("init", "--quiet")
    repository.dvc("remote", "add", "--quiet", "--default", "storage", str(tmp_path / "storage"))
    repository.write({"large.bin": bytes(range(256)) * (LARGE // 256) + b"." * (LARGE % 256)})
    repository.write({f"many/{name}": letter * SMALL for name, letter in zip("abcd", "xyzz", strict=True)})
    repository.dvc("add", "--quiet", "large.bin", "many")
    repository.dvc("push", "--quiet")
    repository.commit()
    for place in (".dvc/cache", "many"):
        rmtree(repository.path / place)
    (repository.path / "large.bin").unlink()
    return repository


def pull(repository: Repository, *targets: str) -> Told:
    progress = Told()
    dvc = Dvc(repository.path, clean_variables())
    files = repository.git("ls-files").splitlines()
    with told(progress, cache_folder(dvc.root), lambda: dvc.wanted(files, dvc.root, targets, dvc.root), every=0.1):
        dvc.pull(targets)
    return progress


def test_the_bytes_that_have_come_are_told_while_they_come(project: Repository, tmp_path: Path) -> None:
    with served(tmp_path / "storage") as url:
        project.dvc("remote", "modify", "--local", "storage", "url", url)
        progress = pull(project)
    assert progress.lines == ["dvc pull: 5 files, 0.6 MB, less what is here already"]
    assert {(what, total) for what, _, total in progress.amounts} == {("dvc pull", TOTAL)}
    seen = [done for _, done, _ in progress.amounts]
    assert seen == sorted(seen)
    assert len([done for done in set(seen) if 0 < done < TOTAL]) >= 4, "also of a single file that is on its way"
    assert (project.path / "large.bin").stat().st_size == LARGE
    # everything is here now: there is nothing to wait for, and nothing to tell
    assert pull(project).amounts == []


def test_what_is_here_already_counts_and_what_is_no_target_does_not(project: Repository, tmp_path: Path) -> None:
    pull(project, "many")
    with served(tmp_path / "storage") as url:
        project.dvc("remote", "modify", "--local", "storage", "url", url)
        progress = pull(project)
    assert min(done for _, done, _ in progress.amounts) >= 4 * SMALL
    rmtree(project.path / ".dvc" / "cache")
    progress = pull(project, "large.bin")
    assert progress.lines == ["dvc pull: 1 file, 0.4 MB, less what is here already"]
    assert {total for _, _, total in progress.amounts} <= {LARGE}


def test_a_log_gets_a_line_only_now_and_then() -> None:
    clock = iter([100, 101, 109, 110, 111, 119, 121, 500, 505, 510])
    time_for = Seldom(10, clock=lambda: float(next(clock)))
    assert [time_for("dvc pull") for _ in range(7)] == [False, False, False, True, False, False, True]
    assert [time_for("something else") for _ in range(3)] == [False, False, True]


def test_in_a_workflow_a_short_pull_says_nothing() -> None:
    written: list[str] = []
    WorkflowProgress(written.append).amount("dvc pull", 34_000_000, 100_000_000)
    assert written == []


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [
        (34_400_000, 100_000_000, "dvc pull: 34 of 100 MB"),
        (1_234_000_000, 20_000_000_000, "dvc pull: 1,234 of 20,000 MB"),
        (340_000, 2_000_000, "dvc pull: 0.3 of 2.0 MB"),
    ],
)
def test_bytes_are_told_in_megabytes(done: int, total: int, words: str) -> None:
    assert amount_in_words("dvc pull", done, total) == words
