"""The demo's repository: `examples/quickstart` as real git and DVC, with a pull request that changes data and a parameter."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_ci.errors import ConfigError, OutsideError

TEST_ROWS, VALIDATION_ROWS = 900, 200
BASE_ROWS, HEAD_ROWS = 300, 697
"""Rows of train.csv on main and in the pull request, which has all of main's."""

SETS = ("train", "validation", "test")

BASE_RATE, HEAD_RATE = "learning_rate: 0.1\n", "learning_rate: 1.2\n"
"""With more rows *and* faster learning, more of the answers are right, and the wrong ones are given with more confidence."""


@dataclass(frozen=True, kw_only=True)
class DemoRepository:
    """What `build` made: the repository with branch `head` checked out, and the folder that is its DVC remote."""

    path: Path
    remote: Path
    base: str = "main"
    head: str = "pull-request"


def build(folder: Path) -> DemoRepository:
    """Make the demo's repository in `folder`, and its DVC remote in the folder beside it, NAME-dvc-remote.

    It is left as a fresh clone would be: nothing in DVC's cache and no CSV in the working tree, so `dvc pull` has work to do.
    Neither the user's git configuration nor DVC's is read or changed. Raises ConfigError where either folder has
    something in it or cannot be made, OutsideError where git or DVC fails.
    """
    folder = folder.absolute()
    demo = DemoRepository(path=folder, remote=folder.with_name(f"{folder.name}-dvc-remote"))
    for place in (demo.path, demo.remote):
        _make_empty(place)
    _copy_example(folder)
    _start(demo)
    header, rows = _examples()

    for name, part in {**rows, "train": rows["train"][:BASE_ROWS]}.items():
        _write_csv(folder / "data" / f"{name}.csv", [header, *part])
    _dvc(folder, "add", *(f"data/{name}.csv" for name in SETS))
    _commit(folder, "Tell odd digits from even ones")

    _git(folder, "checkout", "--quiet", "-b", demo.head)
    _write_csv(folder / "data" / "train.csv", [header, *rows["train"][:HEAD_ROWS]])
    _dvc(folder, "add", "data/train.csv")
    _commit(folder, f"Train on {HEAD_ROWS} rows instead of {BASE_ROWS}")
    _change(folder / "params.yaml", BASE_RATE, HEAD_RATE)
    _commit(folder, "Learn faster")

    _dvc(folder, "push", "--all-commits")
    _forget_data(folder)
    return demo


def _make_empty(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
        taken = any(place.iterdir())
    except OSError as error:
        raise ConfigError(
            f"The demo cannot be built in {place}: {error.strerror}; name another folder with --dir."
        ) from error
    if taken:
        raise ConfigError(f"{place} is not empty: remove it, or name a new folder for the demo with --dir.")


def _copy_example(folder: Path) -> None:
    package = Path(__file__).resolve().parent
    # the first is where the wheel puts it, the second where a checkout has it
    for source in (package / "_examples" / "quickstart", package.parent / "examples" / "quickstart"):
        if source.is_dir():
            # what the example's own .gitignore names was left there by somebody's training
            left_over = [line.rstrip("/") for line in (source / ".gitignore").read_text().splitlines()]
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*left_over), dirs_exist_ok=True)
            return
    raise OutsideError(f"This installation of ml-ci has no example in {package}: install ml-ci again.")


def _start(demo: DemoRepository) -> None:
    _git(demo.path, "init", "--quiet", "--template=", f"--initial-branch={demo.base}")
    settings = {
        "user.name": "ml-ci demo",
        "user.email": "demo@ml-ci.invalid",
        "commit.gpgsign": "false",
        "core.autocrlf": "false",
        "core.hooksPath": os.devnull,
    }
    for name, value in settings.items():
        _git(demo.path, "config", "--local", name, value)
    _dvc(demo.path, "init")
    # written, for `dvc remote add` fails on a path that is not ASCII (DVC 3.67), though DVC reads it; and absolute, for
    # base may be trained in a worktree elsewhere, where a relative path would lead astray
    quote = "'" if '"' in str(demo.remote) else '"'
    (demo.path / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    remote = storage\n"
        f"['remote \"storage\"']\n    url = {quote}{demo.remote}{quote}\n",
        encoding="utf-8",
    )


def _examples() -> tuple[list[object], dict[str, list[list[object]]]]:
    """scikit-learn's handwritten digits: the columns' names, and the rows of each of `SETS`; always the same."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    columns: list[object] = ["id", *bunch.feature_names, "digit", "odd"]
    examples = [
        [number, *map(int, pixels), digit, digit % 2]
        for number, (pixels, digit) in enumerate(zip(bunch.data.tolist(), bunch.target.tolist(), strict=True))
    ]

    def split(rows: list[list[object]], size: int) -> tuple[list[list[object]], list[list[object]]]:
        kept, taken = train_test_split(rows, test_size=size, stratify=[row[-2] for row in rows], random_state=0)
        return kept, taken

    rest, test = split(examples, TEST_ROWS)
    train, validation = split(rest, VALIDATION_ROWS)
    return columns, dict(zip(SETS, (train, validation, test), strict=True))


def _write_csv(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise OutsideError(f"{path.name} of the example does not say {before.strip()!r} once: install ml-ci again.")
    path.write_text(text.replace(before, after), encoding="utf-8")


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)


def _forget_data(folder: Path) -> None:
    cache = folder / ".dvc" / "cache"
    for entry in cache.rglob("*"):
        entry.chmod(0o700)  # DVC protects its files, and Windows removes no file that is read-only
    shutil.rmtree(cache)
    for name in SETS:
        (folder / "data" / f"{name}.csv").unlink()


def _git(folder: Path, *arguments: str) -> None:
    _run(["git", *arguments], folder)


def _dvc(folder: Path, *arguments: str) -> None:
    _run([sys.executable, "-m", "dvc", *arguments], folder)


def _run(command: list[str], folder: Path) -> None:
    name = " ".join(["dvc", *command[3:]] if command[0] == sys.executable else command)
    try:
        subprocess.run(
            command, cwd=folder, env=_environment(folder), check=True, capture_output=True, text=True, errors="replace"
        )
    except FileNotFoundError as error:
        raise OutsideError(f"{command[0]} was not found: install it, and see that it is on the PATH.") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()
        raise OutsideError(f"`{name}` failed in {folder} with exit code {error.returncode}: {said}") from error


def _environment(folder: Path) -> Mapping[str, str]:
    """The caller's, without what would lead git or DVC to another repository or to the user's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
    # no such folders: DVC takes its defaults, and a cache that the user shares between projects stays alone
    nowhere = str(folder / ".dvc" / "tmp" / "no-configuration")
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_GLOBAL_CONFIG_DIR": nowhere,
        "DVC_SYSTEM_CONFIG_DIR": nowhere,
        "DVC_NO_ANALYTICS": "true",
    }
