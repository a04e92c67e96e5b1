"""`make bench`: the speed of a job beside that of the shell script that it takes the place of, the speed and the
calibration of the statistics, and the size of the image.

Nothing is asserted: a machine that does other things at the same time gives other numbers, so both sides run turn and
turn about, and the ratio says most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from tabulate import tabulate

from bench import calibration, statistics
from bench.race import Lap, calibrate, race
from bench.scene import Scene, Workload, ours, today

FILES, MEGABYTES = 50, 100
TOP = Path(__file__).parent.parent
PARTS = ("job", "statistics", "calibration", "image")
UNWANTED = ("mlflow", "sklearn", "matplotlib", "dvc")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="laps of each side for each training")
    parser.add_argument("--seconds", type=float, nargs="*", default=[1, 10], help="lengths of the trainings")
    parser.add_argument(
        "--mlflow", choices=["yes", "no", "both"], default="both", help="whether trainings log to MLflow"
    )
    parser.add_argument("--phases", action="store_true", help="show where each job's time goes, moment by moment")
    parser.add_argument("--beside", type=Path, help="another checkout of ml-ci, to race against as well")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="measure only these parts; calibration takes minutes"
    )
    parser.add_argument("--pairs", type=int, default=2000, help="pairs of models for each row of the calibration")
    parser.add_argument("--no-image", action="store_true", help="leave out the image, whose building takes minutes")
    given = parser.parse_args()
    if "job" in given.only:
        for program in ("curl", "jq"):
            if not shutil.which(program):
                raise SystemExit(f"make bench needs {program}, for the script that it measures: install it.")
        _small()
        if given.rounds:
            _race(given)
    if "statistics" in given.only:
        print("\n" + statistics.table(), flush=True)
    if "calibration" in given.only:
        print("\n## Calibration\n\n" + calibration.table(given.pairs), flush=True)
    if "image" in given.only and not given.no_image:
        print("\n## The image, by layer (scripts/image.sh)\n", flush=True)
        subprocess.run([TOP / "scripts" / "image.sh"], check=True)


def _small() -> None:
    helps = sorted(_seconds([Path(sys.executable).parent / "ml-ci", "--help"]) for _ in range(11))
    code = f"import sys, ml_ci; print(*[name for name in {UNWANTED} if name in sys.modules] or ['none'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    rows = [
        ["`ml-ci --help`", f"{median(helps):.2f} s ({helps[0]:.2f} to {helps[-1]:.2f})", "≤ 0.3 s"],
        [f"of {', '.join(UNWANTED)}, `import ml_ci` pulls in", said, "none"],
    ]
    print("\n## Small things\n\n" + tabulate(rows, ("what", "measured", "wanted"), tablefmt="github"), flush=True)


def _seconds(command: Sequence[str | Path]) -> float:
    begin = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begin


def _race(given: argparse.Namespace) -> None:
    logging = {"yes": [True], "no": [False], "both": [True, False]}[given.mlflow]
    contestants = {"script": today(), "ml-ci": ours()}
    if given.beside:
        contestants["beside"] = ours(given.beside.resolve())
    with tempfile.TemporaryDirectory(prefix="ml-ci-bench-") as folder:
        scene = Scene(Path(folder), files=FILES, megabytes=MEGABYTES)
        scene.record(Workload(steps=20, mlflow=True))
        for seconds in given.seconds:
            steps = calibrate(scene, seconds)
            for mlflow in logging:
                laps = race(scene, Workload(steps, mlflow), given.rounds, contestants)
                how = "logs to MLflow" if mlflow else "writes metrics.json only"
                load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
                print(f"\n## Training of about {seconds:g} s that {how} ({given.rounds} rounds, {load})\n")
                print(_table(laps), flush=True)
                if given.phases:
                    print(_phases(laps), flush=True)


def _table(laps: dict[str, Sequence[Lap]]) -> str:
    measures: list[tuple[str, Callable[[Lap], float], str]] = [
        ("**the job without its training**", lambda lap: lap.own, "ratio ≤ 1, aim 0.5"),
        ("until training begins", lambda lap: lap.until_training, ""),
        ("training's own time", lambda lap: lap.training, ""),
        ("**training's end to the posted comment**", lambda lap: lap.to_comment, "≤ 2 s"),
        ("comment to the job's end", lambda lap: lap.after_comment, ""),
        ("the whole job", lambda lap: lap.wall, ""),
        ("processor time", lambda lap: lap.processor, ""),
        ("processor time of all else on the machine", lambda lap: lap.others, "near 0, or it disturbs"),
    ]
    rows = []
    for name, measure, wanted in measures:
        values = {side: [measure(lap) for lap in done] for side, done in laps.items()}
        script = median(values["script"])
        ratio = f"{median(values['ml-ci']) / script:.2f}" if script > 0.1 else ""
        rows.append([name, *map(_spread, values.values()), ratio, wanted])
    head = ("seconds: median (least to most)", *laps, "ml-ci / script", "wanted")
    return tabulate(rows, head, tablefmt="github", disable_numparse=True)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _phases(laps: dict[str, Sequence[Lap]]) -> str:
    """The median lap of ml-ci, as seen from outside: its log's groups, its requests, its training."""
    done = sorted(laps["ml-ci"], key=lambda lap: lap.own)
    chosen = done[len(done) // 2]
    moments = [(0.0, "— the job begins"), *chosen.marks]
    following = [at for at, _ in moments[1:]] + [chosen.wall]
    rows = [[f"{at:.2f}", f"{then - at:.2f}", what] for (at, what), then in zip(moments, following, strict=True)]
    return "\n" + tabulate(rows, ("at", "until the next", "moment"), tablefmt="github", disable_numparse=True)


if __name__ == "__main__":
    main()
