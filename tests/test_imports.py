"""The rooms of the house, and what each may import (CONTRIBUTING.md, "How the house is laid out")."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ml_ci"

ROOMS: dict[str, tuple[str, ...]] = {
    "words": (
        "__init__",
        "errors",
        "foreign_json",
        "numbers",
        "records",
        "data_plots",
        "predictions",
        "thinning",
        "secret*",
        "config*",
    ),
    "statistics": ("statistics/*",),
    "middle": ("compare/*",),
    "job's words": ("result", "progress"),
    "sources": ("sources/*",),
    "report": ("report/*", "plots/*"),
    "github": ("github/*",),
    "story": (
        *(
            "job",
            "context",
            "base_config",
            "two_sides",
            "side",
            "harvest",
            "shown",
            "scores",
            "repeats",
            "material",
            "test_set",
        ),
        *("journal", "keeping", "workshop", "slow_imports", "several", "publish", "judged_anew"),
    ),
    "doors": ("cli*", "action*", "demo", "terminal"),
}

BELOW: dict[str, set[str]] = {
    "words": set(),
    "statistics": {"words"},
    "middle": {"words", "statistics"},
    "job's words": {"words", "statistics", "middle"},
    "sources": {"words", "statistics", "middle", "job's words"},
    "report": {"words", "statistics", "middle", "job's words"},
    "github": {"words", "statistics", "middle", "job's words", "report"},
    "story": {"words", "statistics", "middle", "job's words", "sources", "report", "github"},
    "doors": {"words", "statistics", "middle", "job's words", "sources", "report", "github", "story"},
}

EXCEPTIONS = {
    # what a records store is asked for: the data branch is one of them
    ("github", "ml_ci.sources.record_store"),
    # and it lets go of the images that no record needs
    ("github", "ml_ci.sources.record_images"),
    # what to do about a certificate that is not trusted is the same for all that a job talks to
    ("github", "ml_ci.sources.certificates"),
}

PURE = {
    *(
        "__future__",
        "collections",
        "dataclasses",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "itertools",
        "math",
    ),
    # only to read scikit-learn's signatures, and to keep its warnings off the terminal
    *("inspect", "warnings"),
    *("operator", "re", "statistics", "types", "typing", "numpy", "scipy", "sklearn"),
}
"""What the middle may import besides the words: nothing in it reads, writes, waits, or looks at the machine."""

SLOW = ("mlflow", "sklearn", "matplotlib", "dvc", "github", "pydantic", "numpy", "pandas", "scipy", "jinja2", "rich")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(module: str) -> str:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    inside = (path / "__init__" if path.is_dir() else path).relative_to(PACKAGE)
    rooms = [room for room, patterns in ROOMS.items() if any(inside.match(pattern) for pattern in patterns)]
    rooms = [room for room in rooms if (len(inside.parts) == 1) == all("/" not in part for part in ROOMS[room])]
    assert len(rooms) == 1, f"{module} belongs to no room, or to several: {rooms}"
    return rooms[0]


def imports(path: Path) -> Iterator[str]:
    """Every module that is imported, at the top, in functions, and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{node.module}.{alias.name}" if is_module else node.module


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    room = room_of(name_of(path))
    allowed = BELOW[room] | {room}

    wrong = [
        module
        for module in imports(path)
        if module.split(".")[0] == "ml_ci" and room_of(module) not in allowed and (room, module) not in EXCEPTIONS
    ]

    assert not wrong, f"{name_of(path)} is in {room}, which may not import {wrong}"


@pytest.mark.parametrize(
    "path", [*sorted((PACKAGE / "compare").glob("*.py")), *sorted((PACKAGE / "statistics").glob("*.py"))], ids=name_of
)
def test_the_middle_neither_reads_nor_writes_nor_looks_at_the_clock(path: Path) -> None:
    assert {module.split(".")[0] for module in imports(path)} <= PURE | {"ml_ci"}


@pytest.mark.parametrize("module", ["ml_ci", "ml_ci.cli"])
def test_importing_it_pulls_in_nothing_slow(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    ).stdout.split()

    assert [name for name in SLOW if name in loaded] == []


def test_the_help_shows_without_anything_slow() -> None:
    program = """
import sys, ml_ci.cli
sys.argv = ["ml-ci", "--help"]
try:
    ml_ci.cli.main()
except SystemExit:
    pass
print("LOADED", *sys.modules)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    ).stdout

    assert "Usage" in answer
    assert [name for name in SLOW if name in answer.partition("LOADED")[2].split()] == []
