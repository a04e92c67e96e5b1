"""The race: today's script and ml-ci, turn and turn about, on the same repository and the same training."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from bench.scene import Scene, Stage, Workload


@dataclass(frozen=True, kw_only=True)
class Lap:
    """One job. All are seconds; `processor` is that of every process of the job, `others` that of every other on this machine,
    and `marks` are moments since the job's start.
    """

    wall: float
    training: float
    until_training: float
    to_comment: float
    after_comment: float
    processor: float
    others: float
    marks: tuple[tuple[float, str], ...]

    @property
    def own(self) -> float:
        """What the job took besides the training's own time."""
        return self.wall - self.training


def lap(scene: Scene, workload: Workload, command: Sequence[str]) -> Lap:
    """Run one job on a fresh machine and look at it from outside."""
    with scene.stage(workload) as stage:
        busy = _busy()
        begin, epoch = time.monotonic(), time.time() - time.monotonic()
        process = subprocess.Popen(
            command, cwd=stage.workspace, env=dict(stage.variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        lines: list[tuple[float, str]] = []
        reader = threading.Thread(target=lambda: lines.extend(_lines(process.stdout)))
        reader.start()
        _, status, usage = os.wait4(process.pid, 0)
        end, busy = time.monotonic(), _busy() - busy
        reader.join()
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(f"{command} failed:\n" + "\n".join(line for _, line in lines))
        start, stop = (float(stamp) - epoch for stamp in stage.stamps.read_text().split())
        commented = _commented(stage)
        marks = [(at, line.partition("::group::")[2]) for at, line in lines if line.startswith("::group::")]
        marks += [(seen.at, f"{seen.method} {_short(seen.path)}") for seen in stage.github.requests if seen.at > begin]
        marks += [(start, "— training begins"), (stop, "— training ends"), (end, "— the job ends")]
        return Lap(
            wall=end - begin,
            training=stop - start,
            until_training=start - begin,
            to_comment=commented - stop,
            after_comment=end - commented,
            processor=usage.ru_utime + usage.ru_stime,
            others=max(0.0, busy - usage.ru_utime - usage.ru_stime),
            marks=tuple(sorted((at - begin, what) for at, what in marks)),
        )


def race(
    scene: Scene, workload: Workload, rounds: int, contestants: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[Lap]]:
    """Laps of all contestants, given by their commands, turn and turn about; a first one only warms the caches."""
    laps: dict[str, list[Lap]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, command in contestants.items():
            measured = lap(scene, workload, command)
            if number:
                laps[name].append(measured)
    return {name: tuple(done) for name, done in laps.items()}


def calibrate(scene: Scene, seconds: float) -> int:
    """How many steps a training of about so many seconds has on this machine."""
    code = (
        "import time, sys; sys.path.insert(0, sys.argv[1]); from train import train\n"
        "begin = time.monotonic(); list(train(200, 20, 0.02)); print(time.monotonic() - begin)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent / "repository")],
        cwd=scene.folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return max(20, round(200 * seconds / float(said) / 20) * 20)


def _busy() -> float:
    """Processor seconds that this machine has spent on anything."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _lines(stream: IO[bytes] | None) -> Iterator[tuple[float, str]]:
    for line in stream or ():
        yield time.monotonic(), line.decode(errors="replace").rstrip()


def _commented(stage: Stage) -> float:
    posts = [seen for seen in stage.github.requests if seen.method == "POST" and seen.path.endswith("/comments")]
    if len(posts) != 1 or posts[0].status != 201:
        raise SystemExit(f"one comment was expected: {[(seen.method, seen.path, seen.status) for seen in posts]}")
    return posts[0].at


def _short(path: str) -> str:
    parts = path.split("/")
    return "/".join(part[:12] for part in parts[4 if parts[1] == "repos" else 3 :]) or path
