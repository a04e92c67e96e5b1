"""The parts that are written down twice stay in step: action, README, code, locks, wheel, image."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TypedDict

import pytest
import yaml

import ml_ci

TOP = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent

INPUTS = {
    *("config", "train", "base", "key", "mode", "github-token", "comment", "plots", "fail-on", "runtime", "image"),
    *("data-branch", "cache"),
}
OUTPUTS = {"verdict", "result", "report", "comment-url", "run-id", "base-run-id"}

IMPORT_NAMES = {
    "pillow": "PIL",
    "pygithub": "github",
    "pyyaml": "yaml",
    "resvg-py": "resvg_py",
    "scikit-learn": "sklearn",
}
PROGRAMS = {"uv", "dvc"}
"""Dependencies that are started, not imported."""


class Step(TypedDict, total=False):
    """One step of a composite action."""

    name: str
    shell: str
    env: dict[str, str]
    run: str
    uses: str


class Runs(TypedDict):
    """How the action runs."""

    using: str
    steps: list[Step]


class Action(TypedDict):
    """action.yml."""

    name: str
    inputs: dict[str, dict[str, str]]
    outputs: dict[str, dict[str, str]]
    runs: Runs


def action() -> Action:
    loaded: Action = yaml.safe_load((TOP / "action.yml").read_text())
    return loaded


def environment() -> dict[str, str]:
    """The variables that the action's steps set."""
    return {name: value for step in action()["runs"]["steps"] for name, value in step.get("env", {}).items()}


def readme_rows() -> set[str]:
    """The first cells of the README's table rows, where they are names in backticks."""
    return set(re.findall(r"^\| *`([^`]+)` *\|", (TOP / "README.md").read_text(), re.MULTILINE))


def strings(*files: Path) -> str:
    """All string literals of Python files, one a line."""
    trees = (ast.parse(file.read_text()) for file in files)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def pins(lock: str) -> set[str]:
    """`name==version ; marker` of every package in a lock."""
    lines = (TOP / "requirements" / lock).read_text().splitlines()
    return {line.removesuffix(" \\") for line in lines if re.match(r"[a-z0-9]", line)}


def project() -> dict[str, list[str]]:
    loaded: dict[str, list[str]] = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    return loaded


def dependencies() -> list[str]:
    return [re.split(r"[<>=\[]", line)[0] for line in project()["dependencies"]]


# --- the action


def test_the_action_has_the_inputs_and_outputs_of_its_contract() -> None:
    assert action()["inputs"].keys() == INPUTS
    assert action()["outputs"].keys() == OUTPUTS
    assert action()["name"] == "ml-ci: DVC + MLflow pull-request gate"


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_input_is_documented_in_the_readme(name: str) -> None:
    assert name in readme_rows()


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_an_output_is_documented_in_the_readme_and_written_by_the_code(name: str) -> None:
    assert f"`{name}`" in (TOP / "README.md").read_text()
    assert name in strings(*(TOP / "ml_ci").rglob("*.py")).splitlines()


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_input_is_handed_on_and_read(name: str) -> None:
    variable = f"INPUT_{name.upper().replace('-', '_')}"
    scripts = "".join(script.read_text() for script in (TOP / "action").glob("*.sh"))

    assert environment()[variable] == f"${{{{ inputs.{name} }}}}"
    assert variable in scripts or name in strings(*(TOP / "ml_ci").glob("action*.py")).splitlines()


def test_no_expression_stands_in_a_script() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_action_that_is_used_is_pinned_by_its_hash() -> None:
    files = [TOP / "action.yml", *(TOP / ".github" / "workflows").glob("*.yml")]
    used = [line for file in files for line in re.findall(r"(?m)^ *(?:- )?uses: (.+)", file.read_text())]

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_the_image_has_the_version_of_the_code() -> None:
    assert f"'{ml_ci.__version__}'" in environment()["ML_CI_IMAGE"]


def choose_runtime(tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": "/usr/bin:/bin",
        "RUNNER_OS": "Linux",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "INPUT_RUNTIME": "auto",
        "INPUT_CACHE": "true",
        "DOCKER_HOST": "unix:///nowhere/docker.sock",
    }
    script = TOP / "action" / "choose-runtime.sh"
    return subprocess.run(["bash", script], env={**variables, **changed}, capture_output=True, text=True, check=False)


def test_without_an_engine_the_job_runs_on_the_host(tmp_path: Path) -> None:
    assert choose_runtime(tmp_path).returncode == 0
    assert (tmp_path / "output").read_text() == "runtime=host\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("INPUT_RUNTIME", "Container"), ("INPUT_RUNTIME", ""), ("INPUT_CACHE", "True"), ("INPUT_CACHE", "")],
)
def test_a_typo_in_a_choice_is_an_error_and_never_a_default(tmp_path: Path, name: str, value: str) -> None:
    answer = choose_runtime(tmp_path, **{name: value})

    assert answer.returncode == 2
    assert answer.stdout.startswith("::error title=ml-ci::The input ")
    assert f"'{value}'" in answer.stdout
    assert not (tmp_path / "output").exists()


def test_a_container_that_is_asked_for_and_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    answer = choose_runtime(tmp_path, INPUT_RUNTIME="container")

    assert answer.returncode == 2
    assert "no Docker engine answers" in answer.stdout


# --- the locks


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt"])
def test_a_lock_names_versions_and_hashes_and_no_host(lock: str) -> None:
    text = (TOP / "requirements" / lock).read_text()

    assert "://" not in text
    assert not re.search(r"^\s*-(i|f|-index|-extra|-find)", text, re.MULTILINE)
    assert len(pins(lock)) > 100
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert re.match(r"[a-z0-9.-]+==[^ ]+ (; .+ )?\\\n    --hash=sha256:[0-9a-f]{64}", entry), entry[:100]


def test_the_tools_lock_holds_all_of_the_other() -> None:
    assert pins("run.txt") <= pins("dev.txt")


def test_every_dependency_is_pinned() -> None:
    pinned = {pin.partition("==")[0] for pin in pins("run.txt")}

    assert set(dependencies()) <= pinned


def test_every_dependency_is_used() -> None:
    source = "\n".join(file.read_text() for file in (TOP / "ml_ci").rglob("*.py"))
    names = {IMPORT_NAMES.get(name, name) for name in set(dependencies()) - PROGRAMS}

    assert [name for name in sorted(names) if not re.search(rf"(?m)^\s*(from|import) {name}\b", source)] == []
    assert [name for name in sorted(PROGRAMS) if f'"{name}"' not in source] == []


# --- the wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """The files of the wheel, and those of the source distribution, as they are built from what git has or would add."""
    folder = tmp_path_factory.mktemp("built")
    # a copy, because building leaves files behind, and the working tree may hold some that are not to be shipped
    for name in tracked():
        if (TOP / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, folder / "source" / name)
    options = ["--wheel", "--sdist", "--no-build-isolation", "--python", sys.executable, "--offline", "--quiet"]
    subprocess.run([TOOLS / "uv", "build", *options, "--out-dir", folder / "dist", folder / "source"], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (source,) = (folder / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(source) as tar:
        in_source = {member.name.partition("/")[2] for member in tar.getmembers()}
    return in_wheel, in_source


def tracked() -> list[str]:
    """What git has or would add."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listing, cwd=TOP, capture_output=True, text=True, check=True).stdout
    return list(filter(None, found.split("\0")))


def test_the_wheel_holds_the_templates_the_library_with_its_licence_and_the_example(
    built: tuple[set[str], set[str]],
) -> None:
    in_wheel, in_source = built
    not_code = {name for name in tracked() if name.startswith("ml_ci/") and not name.endswith(".py")}

    assert {"ml_ci/report/page.html.j2", "ml_ci/report/vendor/uplot/LICENSE", "ml_ci/py.typed"} <= not_code
    assert not_code <= in_wheel
    assert not_code <= in_source
    example = {name for name in tracked() if name.startswith("examples/quickstart/")}
    assert example
    assert {name.replace("examples/", "ml_ci/_examples/", 1) for name in example} <= in_wheel
    assert not [name for name in in_wheel if name.startswith(("tests/", "examples/", "bench/"))]


# --- the image


def test_all_that_the_image_is_built_from_is_in_its_context_and_in_its_hash() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (TOP / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}

    assert sources
    ignored = (TOP / ".dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == sources
    hashed = (TOP / "action" / "content.sh").read_text()
    assert [source for source in sorted({*sources, "Dockerfile"}) if f" {source} " not in hashed] == []


# --- the linters


def test_actionlint_finds_a_mistake(tmp_path: Path) -> None:
    workflow = tmp_path / ".github" / "workflows" / "bad.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
    )

    answer = subprocess.run([TOOLS / "actionlint", workflow], capture_output=True, text=True, check=False)

    assert answer.returncode == 1
    assert "untrusted" in answer.stdout
