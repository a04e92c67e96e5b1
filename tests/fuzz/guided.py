"""Inputs that reach new lines of ml-ci, by Atheris (libFuzzer), where it is installed: it is no dependency of anything.

libFuzzer ends the process when it is done, and cannot be begun twice in one, so it has a process for each target.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from pathlib import Path

from tests.fuzz.engine import Tally, small
from tests.fuzz.target import Finding, Target

_LONGEST = 4096


def is_there() -> bool:
    """Whether Atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def said() -> str:
    """Whether it was used, for people."""
    return "Atheris was used." if is_there() else "Atheris is not installed, so no input was led by coverage."


def add(tally: Tally, target: Target, count: int, seed: int, folder: Path) -> None:
    """Give the target `count` more inputs, and add what comes of it to the tally."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        found = Path(place) / "found.json"
        answer = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", target.name, str(count), str(seed), str(found)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if not found.exists():
            raise RuntimeError(f"{target.name} ended its process: {answer.stderr.decode(errors='replace')[-2000:]}")
        document = json.loads(found.read_bytes())
    tally.inputs += document["inputs"]
    tally.led += document["inputs"]
    tally.add_digests(bytes.fromhex(digest) for digest in document["digests"])
    for cause, content in document["findings"].items():
        tally.findings.setdefault(cause, small(target, Finding(cause=cause, content=b64decode(content)), folder))
    tally.seconds += time.monotonic() - begin


def _main(name: str, count: int, seed: int, found: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["ml_ci"]):
        from tests.fuzz.engine import Tally as OwnTally
        from tests.fuzz.target import tried
        from tests.fuzz.targets import all_targets
    target = all_targets()[name]
    tally = OwnTally(name)
    folder = Path(tempfile.mkdtemp())
    examples = Path(tempfile.mkdtemp())
    for number, content in enumerate(target.examples):
        (examples / str(number)).write_bytes(content)

    def one(content: bytes) -> None:
        tally.count(content, tried(target, content, folder))
        if tally.inputs >= count:
            document = {
                "inputs": tally.inputs,
                "digests": [digest.hex() for digest in tally.digests],
                "findings": {each.cause: b64encode(each.content).decode() for each in tally.findings.values()},
            }
            found.write_text(json.dumps(document), encoding="utf-8")
            os._exit(0)

    options = [
        f"-seed={seed}",
        f"-max_len={_LONGEST}",
        "-rss_limit_mb=0",
        "-timeout=60",
        "-verbosity=0",
        "-close_fd_mask=1",
    ]
    atheris.Setup(["fuzz", *options, str(examples)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
