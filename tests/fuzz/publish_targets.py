"""Readers of what a job without rights hands over: the archive, and the documents in it."""

from __future__ import annotations

import io
import shutil
import zipfile
from functools import cache, partial
from pathlib import Path

from ml_ci.records import write_record
from ml_ci.report.result_json import result_json
from ml_ci.sources.archive import unpack
from ml_ci.sources.handover import read_handover
from tests.fuzz.target import Target
from tests.runs import BASE, HEAD, result, rule, run

_WORDS = (
    *("schema", "verdict", "key", "base", "head", "commit", "origin", "trained", "found", "none", "models", "warnings"),
    *(
        "metrics",
        "value",
        "history",
        "images",
        "path",
        "sha256",
        "predictions",
        "rows",
        "plots",
        "fail",
        "error",
        HEAD,
        BASE,
    ),
)


@cache
def _documents() -> dict[str, bytes]:
    """The three documents of a job, as ml-ci writes them."""
    base, head = run(BASE, accuracy=0.9, loss=[3, 2, 1]), run(HEAD, accuracy=0.8, loss=[3, 2, 2])
    told = result(base, head, rule("accuracy", regression=0.01), origin="trained")
    return {
        "result.json": result_json(told).encode(),
        "base.json": write_record(base).encode(),
        "head.json": write_record(head).encode(),
    }


def _archive(compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in {**_documents(), "report.md": b"# Report", "plots/a.png": b"no picture"}.items():
            archive.writestr(name, content)
    return out.getvalue()


def _read_archive(content: bytes, folder: Path) -> None:
    archive, inside = folder / "artifact.zip", folder / "unpacked"
    archive.write_bytes(content)
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    beside = set(folder.iterdir())
    unpack(archive, inside)
    assert set(folder.iterdir()) == beside
    assert all(path.is_dir() or (path.is_file() and not path.is_symlink()) for path in inside.rglob("*"))
    _publish(inside)


def _read_document(name: str, content: bytes, folder: Path) -> None:
    for other, good in _documents().items():
        (folder / other).write_bytes(content if other == name else good)
    _publish(folder)


def _publish(folder: Path) -> None:
    for model in read_handover(folder, head_sha=HEAD):
        assert model.head is None or model.head.commit == HEAD
        assert model.head is not None or model.failure is not None


def targets() -> tuple[Target, ...]:
    """All of them."""
    documents = tuple(
        Target(
            name=f"handed-{name.removesuffix('.json')}",
            read=partial(_read_document, name),
            examples=(_documents()[name],),
            words=_WORDS,
            kind="json",
        )
        for name in ("result.json", "head.json")
    )
    archives = (_archive(zipfile.ZIP_STORED), _archive(zipfile.ZIP_DEFLATED))
    return (
        Target(name="archive", read=_read_archive, examples=archives, words=("PK\x03\x04", "PK\x01\x02", "../")),
        *documents,
    )
