"""A ZIP archive from strangers, unpacked to named regular files and nothing else.

What the archive says of itself is not believed: names are matched against those that ml-ci writes, sizes are counted while
unpacking, and each byte of the archive belongs to one file at most.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ml_ci.config_values import MAX_KEY_LENGTH
from ml_ci.config_yaml import quoted
from ml_ci.errors import OutsideError

LARGEST_ARCHIVE = 100_000_000
"""Bytes of the archive itself."""
MOST_ENTRIES = 5_000
LARGEST_JSON = 20_000_000
LARGEST_PARQUET = 50_000_000
LARGEST_PNG = 10_000_000
LARGEST_UNPACKED = 300_000_000
"""Bytes of all files that are unpacked."""

_KEY = r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)?"
_UNPACKED = re.compile(rf"{_KEY}(?:(?:result|head|base)\.json|(?:head|base)\.parquet|images/[0-9a-f]{{64}}\.png)")
_SKIPPED = re.compile(rf"{_KEY}(?:report\.(?:md|html)|plots/[A-Za-z0-9][A-Za-z0-9._-]*\.png|(?:images|plots)/)")
_LONGEST = MAX_KEY_LENGTH + 200
_LIMITS = {".json": LARGEST_JSON, ".parquet": LARGEST_PARQUET, ".png": LARGEST_PNG}

_END, _LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s5H3L2H")
_ZIP64 = 20
_LONGEST_ENTRY = 46 + _LONGEST + 1_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_CHUNK = 1 << 16


class HandoverError(OutsideError):
    """What was handed over for publishing is not what ml-ci writes."""


def not_ours(what: str) -> HandoverError:
    """The error for an artifact; `what` says what is wrong with it."""
    return HandoverError(
        f"What the pull request's job handed over is not published, because {what}; only what ml-ci itself uploads is "
        "taken, so run that job again, and look at what the pull request does if it stays so."
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack what has a report's name into `folder`, which is empty. Raises HandoverError for links, other names, sizes."""
    with archive.open("rb") as file:
        places = _Places.of(file)
        try:
            with zipfile.ZipFile(file) as opened:
                entries = opened.infolist()
                if len(entries) != places.entries:
                    raise not_ours("its archive says another number of files than it has")
                _check_names([entry.orig_filename for entry in entries])
                for entry in entries:
                    _check_entry(entry)
                _check_places(file, entries, places)
                _write(opened, [entry for entry in entries if _UNPACKED.fullmatch(entry.orig_filename)], folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            # what zipfile raises for damaged archives, and for kinds of them that it does not know
            raise not_ours("its archive is damaged") from error


@dataclass(frozen=True)
class _Places:
    """Where the directory of the archive is, and how many entries it says to have."""

    entries: int
    directory: int

    @classmethod
    def of(cls, file: IO[bytes]) -> _Places:
        """Read from the archive's last 22 bytes, so that nothing can stand behind them. ZIP64 has another end, and is refused."""
        size = file.seek(0, os.SEEK_END)
        if size > LARGEST_ARCHIVE:
            raise not_ours(f"its archive has more than {LARGEST_ARCHIVE / 1e6:.0f} MB")
        if size < _END.size:
            raise not_ours("it is no ZIP archive")
        file.seek(max(0, size - _END.size - _ZIP64))
        before = file.read(min(_ZIP64, size - _END.size))
        sign, disk, first_disk, here, entries, length, directory, comment = _END.unpack(file.read(_END.size))
        if sign != b"PK\5\6" or comment:
            raise not_ours("it is no whole ZIP archive")
        if entries > MOST_ENTRIES or length > MOST_ENTRIES * _LONGEST_ENTRY:
            raise not_ours(f"its archive has more than {MOST_ENTRIES:,} files")
        # the sign of a ZIP64 end, which would take the place of what was read here
        elsewhere = before.startswith(b"PK\6\7") or directory + length != size - _END.size
        if disk or first_disk or here != entries or elsewhere:
            raise not_ours("its archive is not laid out as ml-ci's are")
        return cls(entries, directory)


def _check_names(names: list[str]) -> None:
    for name in names:
        if len(name) > _LONGEST or not (_UNPACKED.fullmatch(name) or _SKIPPED.fullmatch(name)):
            raise not_ours(f"there is {quoted(name)} in its archive, which is no name of ml-ci's")
    # a file system may take names for the same that differ in the case of letters
    folded = Counter(name.casefold().rstrip("/") for name in names)
    twice = next((name for name in names if folded[name.casefold().rstrip("/")] > 1), None)
    if twice is not None:
        raise not_ours(f"{quoted(twice)} is twice in its archive")
    folders = {folder for name in names for folder in _folders(name)}
    if len({folder.casefold() for folder in folders}) < len(folders) or folders & {
        name for name in names if not name.endswith("/")
    }:
        raise not_ours("names in its archive differ in nothing but the case of letters, or are a file and a folder")


def _folders(name: str) -> Iterator[str]:
    parts = name.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = quoted(entry.orig_filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    folder = entry.orig_filename.endswith("/")
    if kind not in ((0, stat.S_IFDIR) if folder else (0, stat.S_IFREG)):
        raise not_ours(f"{name} in its archive is a link, or another thing that is no regular file")
    if folder and (entry.file_size or entry.compress_size > 2):
        raise not_ours(f"the folder {name} in its archive has content")
    if entry.flag_bits & _ENCRYPTED:
        raise not_ours(f"{name} in its archive is encrypted")
    if entry.compress_type not in _METHODS:
        raise not_ours(f"{name} in its archive is compressed in a way that ml-ci does not use")


def _check_places(file: IO[bytes], entries: Iterable[zipfile.ZipInfo], places: _Places) -> None:
    """Each entry's bytes are its own: entries that share theirs make petabytes of a few megabytes (Fifield, 2019)."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        file.seek(entry.header_offset)
        header = file.read(_LOCAL.size)
        if entry.header_offset < end or len(header) < _LOCAL.size:
            raise not_ours("files in its archive overlap")
        sign, _, _, method, _, _, _, _, _, name, extra = _LOCAL.unpack(header)
        if sign != b"PK\3\4" or method != entry.compress_type:
            raise not_ours("its archive is damaged")
        end = entry.header_offset + _LOCAL.size + name + extra + entry.compress_size
        if end > places.directory:
            raise not_ours("files in its archive overlap")


def _write(opened: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo], folder: Path) -> None:
    left = LARGEST_UNPACKED
    for entry in entries:
        target = folder / entry.orig_filename
        target.parent.mkdir(parents=True, exist_ok=True)
        limit = _LIMITS[target.suffix]
        written = 0
        with opened.open(entry) as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > limit:
                    name = quoted(entry.orig_filename)
                    raise not_ours(f"{name} in its archive has more than {limit / 1e6:.0f} MB")
                if written > left:
                    raise not_ours(f"the files in its archive have more than {LARGEST_UNPACKED / 1e6:.0f} MB")
                out.write(chunk)
        left -= written
