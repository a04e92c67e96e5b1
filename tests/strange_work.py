"""What a confined process is asked in tests: the request is the name of a thing to try."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ml_ci.sources.confined import RefusedError, allow, serve


def main() -> None:
    """Answer standard input."""
    serve(_tried, memory=500_000_000)


def _tried(request: bytes) -> bytes:
    allow(2)
    word, _, argument = request.decode().partition(" ")
    if word == "environment":
        return json.dumps(sorted(os.environ)).encode()
    if word == "print":
        sys.stdout.write("this is no answer\n")
        sys.stdout.flush()
        os.write(1, b"nor this\n")
    if word == "memory":
        bytearray(2_000_000_000)
    if word == "write":
        Path(argument).write_bytes(b"x")
    if word == "refuse":
        raise RefusedError(argument)
    if word == "sleep":
        time.sleep(60)
    if word == "end":
        os._exit(0)
    if word == "raise":
        raise ValueError(argument)
    while word == "spin":
        pass
    return b"x" * int(argument) if word == "much" else b"done"
