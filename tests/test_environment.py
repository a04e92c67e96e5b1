"""Training's environment, with real environments that the real uv builds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from uv import find_uv_bin

from ml_ci.config import EnvironmentSpec
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.sources.environment import TrainingEnvironment, path_with_dvc_last, path_without_own, prepare
from ml_ci.sources.environment_build import Build, Place
from ml_ci.sources.interpreters import callers_path, installed
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.requirements import find_source
from tests.processes import alive

BASE = str(Path(sys._base_executable).parent)  # type: ignore[attr-defined]
AUTO = EnvironmentSpec()


class Repository:
    """A folder of files, and the environments made for it."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "my repo"
        self.top.mkdir()
        self.cache = folder / "cache"
        self.log = folder / "build.log"
        self.outer = {**os.environ, "PATH": f"{BASE}{os.pathsep}{os.environ['PATH']}", "GITHUB_TOKEN": "ghs_secret"}
        self.outer.pop("VIRTUAL_ENV", None)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def prepare(
        self,
        spec: EnvironmentSpec = AUTO,
        *,
        inside: str = ".",
        in_container: bool = False,
        outer: Mapping[str, str] | None = None,
        reaper: Reaper | None = None,
    ) -> TrainingEnvironment:
        return prepare(
            self.top / inside,
            self.top,
            spec,
            outer=outer or self.outer,
            place=self.place(in_container=in_container, reaper=reaper),
        )

    def place(self, *, in_container: bool = False, reaper: Reaper | None = None) -> Place:
        return Place(cache=self.cache, log=self.log, in_container=in_container, reaper=reaper)

    def files(self) -> set[str]:
        return {path.relative_to(self.top).as_posix() for path in self.top.rglob("*") if path.is_file()}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def says(environment: TrainingEnvironment, code: str, folder: Path) -> str:
    """What a `python -c` in the environment prints."""
    program = shutil.which("python", path=environment.variables["PATH"])
    assert program is not None
    return subprocess.run(
        [program, "-c", code], env=dict(environment.variables), cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def uv_lock(folder: Path) -> None:
    subprocess.run([find_uv_bin(), "lock", "--quiet", "--python", sys.executable], cwd=folder, check=True)


def without_uv(repository: Repository) -> Mapping[str, str]:
    """An environment in which uv could not install anything."""
    return {**repository.outer, "UV_OFFLINE": "1", "UV_CACHE_DIR": "/dev/null", "UV_NO_CACHE": "1"}


def test_requirements_are_installed_apart_from_ml_ci_and_only_once(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    first = repository.prepare()
    assert first.built
    assert first.source == "requirements.txt"
    assert first.packages["six"] == "1.16.0"
    assert "pytest" not in first.packages
    assert says(first, "import six, sys; print(six.__version__, sys.prefix)", repository.top) == f"1.16.0 {first.root}"
    assert says(first, "import platform; print(platform.python_version())", repository.top) == first.python
    assert first.variables["VIRTUAL_ENV"] == str(first.root)
    assert "GITHUB_TOKEN" not in first.variables

    again = repository.prepare(outer=without_uv(repository))
    assert not again.built
    assert (again.root, again.packages) == (first.root, first.packages)


def test_other_contents_are_another_environment(repository: Repository) -> None:
    repository.write("requirements.txt", "-r sub/more.txt\n")
    repository.write("sub/more.txt", "six==1.16.0\n-c ../limits.txt\n")
    repository.write("limits.txt", "tomli==2.0.1\n")
    first = repository.prepare()
    repository.write("limits.txt", "tomli==2.0.2\n")
    second = repository.prepare()
    assert first.packages["six"] == second.packages["six"] == "1.16.0"
    assert first.root != second.root


def test_a_worktree_with_the_same_files_shares_the_environment(repository: Repository, tmp_path: Path) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    first = repository.prepare()
    shutil.copytree(repository.top, tmp_path / "worktree")
    repository.top = tmp_path / "worktree"
    assert repository.prepare(outer=without_uv(repository)).root == first.root


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_requirements_in_utf_16_are_read(repository: Repository, encoding: str) -> None:
    repository.write("requirements.txt", "six==1.16.0\r\n-r größe.txt\r\n".encode(encoding))
    repository.write("größe.txt", "tomli==2.0.1\r\n")
    packages = repository.prepare().packages
    assert (packages["six"], packages["tomli"]) == ("1.16.0", "2.0.1")


def test_a_uv_lock_is_installed_as_it_is_and_nothing_is_written_to_the_tree(repository: Repository) -> None:
    repository.write(
        "pyproject.toml",
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["six<1.17"]\n'
        '[dependency-groups]\ndev = ["tomli==2.0.1"]\n',
    )
    uv_lock(repository.top)
    before = repository.files()
    made = repository.prepare()
    assert made.source == "uv.lock"
    assert made.packages == {"six": "1.16.0", "tomli": "2.0.1"}
    assert repository.files() == before
    assert not repository.prepare(outer=without_uv(repository)).built
    ran = subprocess.run(
        [find_uv_bin(), "run", "python", "-c", "import sys; print(sys.prefix)"],
        env=dict(made.variables), cwd=repository.top, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == str(made.root)
    assert repository.files() == before


PACKAGE = (
    '[project]\nname = "mine"\nversion = "3.1"\ndependencies = ["six==1.16.0"]\n'
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
)


@pytest.mark.parametrize("locked", [True, False])
def test_a_project_that_is_a_package_is_importable_and_never_that_of_another_folder(
    repository: Repository, tmp_path: Path, locked: bool
) -> None:
    repository.write("pyproject.toml", PACKAGE + '[tool.hatch.build.targets.wheel]\npackages = ["src/mine"]\n')
    repository.write("src/mine/__init__.py", "")
    if locked:
        uv_lock(repository.top)
    code = "import mine, six; from importlib.metadata import version; print(version('mine'), mine.__file__)"
    head = repository.prepare()
    assert says(head, code, tmp_path) == f"3.1 {repository.top / 'src/mine/__init__.py'}"
    head_top = repository.top
    shutil.copytree(head_top, tmp_path / "base")
    repository.top = tmp_path / "base"
    base = repository.prepare()
    assert says(base, code, tmp_path) == f"3.1 {tmp_path / 'base/src/mine/__init__.py'}"
    assert says(head, code, tmp_path) == f"3.1 {head_top / 'src/mine/__init__.py'}"


def test_an_environment_of_a_folder_that_is_gone_is_forgotten_at_the_next_build(
    repository: Repository, tmp_path: Path
) -> None:
    repository.write("pyproject.toml", PACKAGE + '[tool.hatch.build.targets.wheel]\npackages = ["mine"]\n')
    repository.write("mine/__init__.py", "")
    root = repository.prepare().root
    assert root is not None
    shutil.rmtree(repository.top)
    repository.write("requirements.txt", "six==1.16.0\n")
    shutil.move(repository.top, tmp_path / "elsewhere")
    repository.top = tmp_path / "elsewhere"
    repository.prepare()
    assert not root.exists()


def test_a_project_without_a_build_system_gives_its_dependencies(repository: Repository) -> None:
    repository.write("pyproject.toml", '[project]\nname = "p"\nversion = "1"\ndependencies = ["six==1.16.0"]\n')
    made = repository.prepare()
    assert (made.source, made.packages) == ("pyproject.toml", {"six": "1.16.0"})


def test_the_working_directory_comes_before_the_top(repository: Repository) -> None:
    top, churn, fraud = (
        repository.write(name, "six\n") for name in ("requirements.txt", "churn/requirements.txt", "fraud/train.py")
    )
    for folder, file in ((repository.top, top), (churn.parent, churn), (fraud.parent, top)):
        source = find_source(folder, repository.top)
        assert source is not None
        assert source.file == file


def test_a_workspace_member_uses_the_workspaces_lock(repository: Repository) -> None:
    repository.write(
        "pyproject.toml", '[project]\nname = "all"\nversion = "1"\n[tool.uv.workspace]\nmembers = ["churn", "fraud"]\n'
    )
    for name, needs in (("churn", "six==1.16.0"), ("fraud", "tomli==2.0.1")):
        repository.write(
            f"{name}/pyproject.toml",
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["{needs}"]\n',
        )
    uv_lock(repository.top)
    assert repository.prepare(inside="churn").packages == {"six": "1.16.0"}
    assert repository.prepare(inside="fraud").packages == {"tomli": "2.0.1"}


def test_a_named_requirements_file_is_used(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    repository.write("ci/train.txt", "tomli==2.0.1\n")
    packages = repository.prepare(EnvironmentSpec(kind="requirements", value="ci/train.txt")).packages
    assert packages["tomli"] == "2.0.1"
    assert "six" not in packages
    with pytest.raises(ConfigError, match=r"requirements: missing\.txt"):
        repository.prepare(EnvironmentSpec(kind="requirements", value="missing.txt"))


def test_a_command_makes_the_environment(repository: Repository) -> None:
    made = repository.prepare(EnvironmentSpec(kind="command", value="python -m venv --without-pip .venv"))
    assert made.root == repository.top / ".venv"
    assert says(made, "import sys; print(sys.prefix)", repository.top) == str(made.root)
    with pytest.raises(OutsideError, match="oops"):
        repository.prepare(EnvironmentSpec(kind="command", value="echo oops; exit 3"))
    shutil.rmtree(repository.top / ".venv")
    with pytest.raises(OutsideError, match=r"left no virtual environment"):
        repository.prepare(EnvironmentSpec(kind="command", value="true"))


def test_a_requirement_that_does_not_exist_is_an_error_with_uvs_words(repository: Repository) -> None:
    repository.write("requirements.txt", "six==0.0.1234\n")
    with pytest.raises(OutsideError, match=r"requirements\.txt(.|\n)*six==0\.0\.1234"):
        repository.prepare()
    repository.write("requirements.txt", "six==1.16.0\n")
    assert repository.prepare().built


def test_a_missing_referenced_file_is_named(repository: Repository) -> None:
    repository.write("requirements.txt", "-r base.txt\n")
    with pytest.raises(ConfigError, match=r"requirements\.txt refers to base\.txt"):
        repository.prepare()


def test_files_that_refer_to_each_other_end(repository: Repository) -> None:
    repository.write("requirements.txt", "six\n-r b.txt\n")
    repository.write("b.txt", "-r requirements.txt\n")
    source = find_source(repository.top, repository.top)
    assert source is not None
    assert {path.name for path in source.contents} == {"requirements.txt", "b.txt"}


def test_a_build_that_was_killed_is_begun_anew(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    code = (
        "import sys, os; from pathlib import Path; from ml_ci.config import EnvironmentSpec\n"
        "from ml_ci.sources.environment import prepare\n"
        "top, cache, log = map(Path, sys.argv[1:])\n"
        "prepare(top, top, EnvironmentSpec(), cache=cache, outer=os.environ, in_container=False, log=log)\n"
    )
    builder = subprocess.Popen(
        [sys.executable, "-c", code, repository.top, repository.cache, repository.log],
        env={**repository.outer, "PYTHONPATH": str(Path(__file__).parent.parent)},
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not list(repository.cache.glob("*/pyvenv.cfg")) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.killpg(builder.pid, signal.SIGKILL)
    builder.wait()
    made = repository.prepare()
    assert made.packages["six"] == "1.16.0"
    assert says(made, "import six; print(six.__version__)", repository.top) == "1.16.0"


def test_two_jobs_at_once_build_one_environment(repository: Repository) -> None:
    from concurrent.futures import ThreadPoolExecutor

    repository.write("requirements.txt", "six==1.16.0\n")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: repository.prepare(), range(2)))
    assert sorted(each.built for each in both) == [False, True]
    assert both[0].packages == both[1].packages


def test_a_removed_interpreter_means_to_build_again(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    root = repository.prepare().root
    assert root is not None
    (root / "bin" / "python").unlink()
    (root / "bin" / "python").symlink_to("/nowhere/python")
    assert repository.prepare().built


def test_the_python_is_the_callers_unless_the_repository_names_one(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")

    def asked() -> str:
        source = find_source(repository.top, repository.top)
        assert source is not None
        return Build(source, repository.outer, repository.place())._python

    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert asked() == minor
    repository.write("pyproject.toml", '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.8"\n')
    assert asked() == minor
    repository.write("pyproject.toml", '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.99"\n')
    assert asked() == ">=3.99"
    repository.write(".python-version", "# ours\n3.12.1\n")
    assert asked() == "3.12.1"


def test_pips_settings_reach_uv_unless_uv_has_its_own(repository: Repository) -> None:
    repository.write("requirements.txt", "six\n")
    source = find_source(repository.top, repository.top)
    assert source is not None
    pips = {
        "PATH": repository.outer["PATH"],
        "PIP_INDEX_URL": "https://one",
        "PIP_EXTRA_INDEX_URL": "https://two https://three",
    }

    def seen(**more: str) -> Mapping[str, str]:
        return Build(source, {**pips, **more}, repository.place()).variables

    assert seen()["UV_DEFAULT_INDEX"] == "https://one"
    assert seen()["UV_INDEX"] == "https://two https://three"
    assert seen(UV_DEFAULT_INDEX="https://own")["UV_DEFAULT_INDEX"] == "https://own"
    assert "UV_DEFAULT_INDEX" not in seen(UV_INDEX_URL="https://old")


# nothing to build from


def test_without_files_training_has_the_callers_own_and_is_told_so(repository: Repository) -> None:
    repository.write("requirements-dev.txt", "six\n")
    own = repository.prepare()
    assert (own.root, own.built, own.source) == (None, False, "the caller's own")
    assert "requirements-dev.txt" in own.note
    assert own.python == f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    assert says(own, "import sys; print(sys.prefix)", repository.top) == sys.base_prefix
    assert repository.prepare(EnvironmentSpec(kind="none")).note == ""


def test_the_callers_packages_are_those_that_its_python_lists(repository: Repository) -> None:
    own = repository.prepare(EnvironmentSpec(kind="none"), outer={**repository.outer, "VIRTUAL_ENV": sys.prefix,
                             "PATH": f"{sys.prefix}/bin{os.pathsep}{repository.outer['PATH']}"})  # fmt: skip
    listed = subprocess.run(
        [find_uv_bin(), "pip", "list", "--format", "freeze", "--python", sys.executable],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = dict(line.split("==") for line in listed.splitlines() if "==" in line)
    assert {name: own.packages.get(name) for name in expected} == expected


def test_a_conda_file_alone_is_an_error_in_the_container_and_a_note_outside(repository: Repository) -> None:
    repository.write("environment.yml", "dependencies: [python]\n")
    with pytest.raises(ConfigError, match=r"environment\.yml.*`runtime: host`"):
        repository.prepare(in_container=True)
    assert "environment.yml" in repository.prepare().note


def test_a_conda_file_beside_requirements_does_no_harm(repository: Repository) -> None:
    repository.write("environment.yml", "dependencies: [python]\n")
    repository.write("requirements.txt", "six==1.16.0\n")
    made = repository.prepare(in_container=True)
    assert made.source == "requirements.txt"
    assert made.variables["UV_CACHE_DIR"] == str(repository.cache / "uv")


def test_a_pyproject_for_poetry_alone_is_an_error_that_says_what_to_do(repository: Repository) -> None:
    repository.write("pyproject.toml", '[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\nsix = "*"\n')
    with pytest.raises(ConfigError, match=r"poetry export"):
        repository.prepare()


def test_a_pyproject_that_only_configures_tools_does_not_count(repository: Repository) -> None:
    repository.write("pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    assert repository.prepare().root is None


def test_a_broken_pyproject_is_named(repository: Repository) -> None:
    repository.write("pyproject.toml", "[project\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml is not TOML.*line 1"):
        repository.prepare()


# the PATH


def test_ml_cis_own_programs_are_taken_off_the_path_unless_its_environment_is_activated() -> None:
    own = f"{sys.prefix}/bin"
    path = os.pathsep.join(["/usr/local/bin", own, "/bin"])
    assert path_without_own({"PATH": path}) == os.pathsep.join(["/usr/local/bin", "/bin"])
    assert path_without_own({"PATH": path, "VIRTUAL_ENV": "/elsewhere"}) == os.pathsep.join(["/usr/local/bin", "/bin"])
    assert path_without_own({"PATH": path, "VIRTUAL_ENV": sys.prefix}) == path


def test_the_callers_own_environment_is_the_one_on_the_path_even_if_ml_ci_is_installed_there(
    repository: Repository,
) -> None:
    path = os.pathsep.join([f"{sys.prefix}/bin", repository.outer["PATH"]])
    for spec in (EnvironmentSpec(kind="none"), AUTO):
        own = repository.prepare(spec, outer={**repository.outer, "PATH": path})
        assert says(own, "import sys; print(sys.prefix)", repository.top) == sys.prefix
        assert own.packages["pytest"]
    in_container = repository.prepare(outer={**repository.outer, "PATH": path}, in_container=True)
    assert says(in_container, "import sys; print(sys.prefix)", repository.top) == sys.base_prefix


@pytest.mark.parametrize("marker", ["uv-receipt.toml", "pipx_metadata.json", "../CACHEDIR.TAG"])
def test_an_environment_that_was_made_for_ml_ci_alone_is_nobodys_own(tmp_path: Path, marker: str) -> None:
    """`uvx` puts its own on the PATH."""
    own = tmp_path / "tools" / "ml-ci"
    (own / "bin").mkdir(parents=True)
    path = os.pathsep.join([str(own / "bin"), "/bin"])
    (own / "CACHEDIR.TAG").touch()  # uv leaves it in each environment
    assert callers_path({"PATH": path}, in_container=False, own=own) == path
    (own / marker).touch()
    assert callers_path({"PATH": path}, in_container=False, own=own) == "/bin"


def test_dvc_is_the_last_on_the_path_and_alone_there(tmp_path: Path) -> None:
    own = tmp_path / "own"
    for name in ("dvc", "python", "mlflow"):
        (own / "bin").mkdir(parents=True, exist_ok=True)
        (own / "bin" / name).write_text("#!/bin/sh\necho own\n")
        (own / "bin" / name).chmod(0o755)
    for _ in range(2):
        path = path_with_dvc_last("/bin", tmp_path / "cache", own)
        first, last = path.split(os.pathsep)
        assert first == "/bin"
        assert [each.name for each in Path(last).iterdir()] == ["dvc"]
    assert subprocess.run(["dvc"], env={"PATH": path}, capture_output=True, check=True).stdout == b"own\n"
    assert path_with_dvc_last("/bin", tmp_path / "cache", tmp_path / "nowhere") == "/bin"


def test_ml_cis_real_dvc_runs_from_training(repository: Repository) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    made = repository.prepare()
    said = subprocess.run(["dvc", "--version"], env=dict(made.variables), capture_output=True, text=True, check=True)
    theirs = subprocess.run([Path(sys.prefix) / "bin" / "dvc", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == theirs.stdout


def test_installed_distributions_are_told_by_their_folders(tmp_path: Path) -> None:
    for name in ("Scikit_Learn-1.9.0.dist-info", "ruamel.yaml-0.18.dist-info", "old-2.0-py3.11.egg-info", "six.py"):
        (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "b" / "old-1.0.dist-info").mkdir(parents=True)
    expected = {"old": "2.0", "ruamel-yaml": "0.18", "scikit-learn": "1.9.0"}
    assert installed([tmp_path / "a", tmp_path / "b", tmp_path / "missing"]) == expected


def test_what_a_build_leaves_running_ends_with_it(repository: Repository) -> None:
    """A setup.py is head's code; base is trained later, beside what it left."""
    daemon = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    command = (
        f'python3 -m venv --without-pip .venv && (setsid python3 -c "{daemon}" >/dev/null 2>&1 &) && '
        "until [ -s pid ]; do sleep 0.05; done"
    )
    with Reaper() as reaper:
        repository.prepare(EnvironmentSpec(kind="command", value=command), reaper=reaper)
        pid = int((repository.top / "pid").read_text())
        assert not alive(pid)
