"""Data under the real DVC, with a folder and a real S3 server as remotes: which versions head and base are trained on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_ci.result import Result
from tests.conftest import RunJob
from tests.repository import Repository

COUNTS_ROWS = """
import json, pathlib
rows = len(pathlib.Path("data/train.csv").read_text().splitlines())
images = [path.name for path in pathlib.Path("images").iterdir()]
pathlib.Path("metrics.json").write_text(json.dumps({"rows": rows, "images": len(images)}))
"""
"""A training whose metrics are the sizes of its data, so that a test sees which version it was given."""

ALONE = "environment: none\nbaseline: none\n"
BOTH = "environment: none\npolicy: {rules: head}\n"
"""The base's; what a test configures counts, also where it says that nothing is compared."""
NO_WAITING = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}


def rows(number: int) -> str:
    return "".join(f"{row},{row % 2}\n" for row in range(number))


@dataclass(frozen=True)
class Project:
    """A repository whose data is under DVC, and the folder beside it that is its remote.

    `main` has 10 rows and 2 images, `change` (checked out) 15 rows and 3 images.
    """

    repository: Repository
    storage: Path

    @property
    def path(self) -> Path:
        return self.repository.path

    def copy(self, folder: Path) -> Project:
        """Another one, at the same place relative to its remote."""
        shutil.copytree(self.path.parent, folder, symlinks=True)
        return Project(Repository(folder / self.path.name), folder / self.storage.name)

    def configure(self, text: str) -> Project:
        self.repository.commit({".ml-ci.yml": text})
        return self

    def forget_data(self) -> Project:
        """As in a fresh clone: nothing in the cache, no data in the working tree."""
        for name in (".dvc/cache", "data/train.csv", "images"):
            place = self.path / name
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
        return self


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Made once for each worker, since every `dvc` takes a second."""
    folder = tmp_path_factory.mktemp("dvc")
    repository = Repository.create(folder / "repo", {"train.py": COUNTS_ROWS, ".gitignore": "metrics.json\n"})
    repository.dvc("init", "--quiet")
    # relative, as in many real repositories: it must lead to the same place from the base's worktree
    repository.dvc("remote", "add", "--quiet", "--default", "storage", "../storage")
    repository.write({"data/train.csv": rows(10), "images/a.png": "a", "images/b.png": "b"})
    repository.dvc("add", "--quiet", "data/train.csv", "images")
    repository.commit({".ml-ci.yml": BOTH})
    repository.dvc("push", "--quiet")
    repository.branch("change").write({"data/train.csv": rows(15), "images/c.png": "c"})
    repository.dvc("add", "--quiet", "data/train.csv", "images")
    repository.commit()
    repository.dvc("push", "--quiet")
    return Project(repository, folder / "storage")


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    """A project with all of head's data here."""
    return made.copy(tmp_path / "project")


def sizes(result: Result) -> dict[str, tuple[float | None, float | None]]:
    """Base's and head's rows and images."""
    assert result.comparison is not None, result.failure
    return {row.name: (row.base, row.head) for row in result.comparison.metrics}


def failure(result: Result, code: int) -> str:
    assert result.failure is not None
    assert result.exit_code == code, result.failure
    return result.failure.message


# -- a folder as the remote


def test_head_and_base_get_the_data_of_their_own_commits_and_both_are_pulled_once(
    project: Project, run_job: RunJob
) -> None:
    project.forget_data().configure("environment: none\nbaseline: train\n")
    result = run_job(project.repository)
    assert sizes(result) == {"rows": (10, 15), "images": (2, 3)}
    assert result.comparison is not None
    assert {change.name for change in result.comparison.data} == {"data/train.csv", "images"}
    assert result.base.run is not None
    assert result.head is not None
    assert result.base.run.fingerprint != result.head.fingerprint
    assert project.repository.status() == ""
    # both versions are in the one cache now: the remote is not asked again
    shutil.rmtree(project.storage)
    (project.path / "data" / "train.csv").unlink()
    again = run_job(project.repository)
    assert sizes(again) == {"rows": (10, 15), "images": (2, 3)}


def test_a_remote_that_is_gone_with_nothing_here_is_an_error_that_names_the_data(
    project: Project, run_job: RunJob
) -> None:
    project.forget_data().configure(ALONE)
    shutil.rmtree(project.storage)
    said = failure(run_job(project.repository), 4)
    assert "data/train.csv" in said
    assert "images" in said
    assert "check the remote" in said


def test_without_its_remote_training_goes_on_where_every_file_is_here(project: Project, run_job: RunJob) -> None:
    project.configure(ALONE)
    shutil.rmtree(project.storage)
    shutil.rmtree(project.path / ".dvc" / "cache")
    assert sizes(run_job(project.repository)) == {"rows": (None, 15), "images": (None, 3)}


def test_what_only_a_stage_makes_may_be_missing_and_is_named(tmp_path: Path, run_job: RunJob) -> None:
    stages = {"train": {"cmd": "python train.py", "deps": ["train.py"], "outs": ["b.txt", "a.txt"]}}
    train = 'import pathlib\nfor name in ("a.txt", "b.txt"): pathlib.Path(name).write_text("1")\n'
    train += 'pathlib.Path("metrics.json").write_text(\'{"rows": 1}\')\n'
    repository = Repository.create(tmp_path / "repo", {})
    repository.dvc("init", "--quiet")
    files = {"dvc.yaml": json.dumps({"stages": stages}), "train.py": train, ".ml-ci.yml": ALONE}
    repository.commit({**files, ".gitignore": "*.txt\nmetrics.json\n"})
    found = run_job(repository)
    assert found.failure is None
    said = [warning for warning in found.warnings if "dvc pull" in warning]
    assert said == ["`dvc pull` did not bring a.txt, b.txt, which a stage makes: training makes it again."]


def test_one_file_of_a_tracked_folder_that_cannot_be_brought_is_an_error(project: Project, run_job: RunJob) -> None:
    project.configure(ALONE)
    (project.path / "images" / "b.png").unlink()
    for place in (project.path / ".dvc" / "cache", project.storage):
        (place / "files" / "md5" / "92" / "eb5ffee6ae2fec3ad71c777531578f").unlink()  # md5 of "b"
    assert "images" in failure(run_job(project.repository), 4)


# -- data that is not what DVC tracks


def test_data_that_was_changed_by_hand_is_trained_as_it_is_and_never_taken_for_what_is_tracked(
    project: Project, run_job: RunJob
) -> None:
    project.repository.git("checkout", "--quiet", "main")
    project.repository.dvc("checkout", "--quiet")
    main = project.repository.commit({".ml-ci.yml": BOTH + "inputs: ['*.py', '*.dvc']\n"})
    project.repository.branch("words").commit({"notes.txt": "words\n"})
    first = run_job(project.repository)
    assert first.head_origin == "same-inputs", "the change of words alone"
    project.repository.write({"data/train.csv": rows(7)})
    result = run_job(project.repository)
    assert result.head_origin == "trained"
    assert sizes(result)["rows"] == (10, 7)
    assert any("data/train.csv is not what DVC tracks" in warning for warning in result.warnings)
    assert result.head is not None
    assert first.head is not None
    assert result.head.fingerprint != first.head.fingerprint
    assert result.head.dirty
    assert (project.path / "data" / "train.csv").read_text() == rows(7)
    # nor does the run of this data become the baseline of the commit
    project.repository.dvc("checkout", "--quiet", "--force")
    project.repository.commit({"more.txt": "words\n"})
    assert run_job(project.repository, base=main).base.run == first.base.run


@pytest.mark.parametrize("pull", ["false", "[images]"])
def test_so_it_is_where_the_configuration_pulls_nothing_or_other_data(
    project: Project, run_job: RunJob, pull: str
) -> None:
    project.configure(f"{ALONE}data: {{pull: {pull}}}\n")
    clean = run_job(project.repository)
    project.repository.write({"data/train.csv": rows(7)})
    changed = run_job(project.repository)
    assert clean.head is not None
    assert changed.head is not None
    assert clean.head.fingerprint != changed.head.fingerprint
    assert any("data/train.csv is not what DVC tracks" in warning for warning in changed.warnings)


def test_a_file_changed_by_hand_does_not_keep_the_others_from_being_pulled(project: Project, run_job: RunJob) -> None:
    project.forget_data().configure(ALONE)
    project.repository.write({"data/train.csv": rows(7)})
    assert sizes(run_job(project.repository)) == {"rows": (None, 7), "images": (None, 3)}


def test_a_file_added_by_hand_to_a_tracked_folder_counts(project: Project, run_job: RunJob) -> None:
    project.configure(ALONE)
    project.repository.write({"images/mine.png": "m"})
    result = run_job(project.repository)
    assert sizes(result)["images"] == (None, 4)
    assert any("images is not what DVC tracks" in warning for warning in result.warnings)


# -- what is pulled


def test_only_the_named_targets_are_pulled(project: Project, run_job: RunJob) -> None:
    project.forget_data().configure(f"{ALONE}data: {{pull: [data/train.csv]}}\n")
    project.repository.commit(
        {"train.py": COUNTS_ROWS.replace('pathlib.Path("images").iterdir()', "pathlib.Path().glob('images')")}
    )
    assert sizes(run_job(project.repository)) == {"rows": (None, 15), "images": (None, 0)}


def test_a_target_that_cannot_be_brought_is_named_and_others_are_not(project: Project, run_job: RunJob) -> None:
    project.forget_data().configure(f"{ALONE}data: {{pull: [data/train.csv]}}\n")
    shutil.rmtree(project.storage)
    said = failure(run_job(project.repository), 4)
    assert "data/train.csv" in said
    assert "images" not in said


def test_with_pull_false_nothing_is_pulled(project: Project, run_job: RunJob) -> None:
    project.forget_data().configure(f"{ALONE}data: {{pull: false}}\n")
    result = run_job(project.repository)
    assert failure(result, 3)
    assert result.failure is not None
    assert "FileNotFoundError" in result.failure.log_tail


def test_with_pull_false_the_training_may_pull_for_itself_also_in_the_worktree_of_base(
    project: Project, run_job: RunJob
) -> None:
    project.forget_data().repository.git("checkout", "--quiet", "main")
    config = BOTH + "train: dvc pull -q && python train.py\ndata: {pull: false}\n"
    project.repository.commit({".ml-ci.yml": config})
    project.repository.git("checkout", "--quiet", "change")
    project.repository.git("rebase", "--quiet", "main")
    assert sizes(run_job(project.repository)) == {"rows": (10, 15), "images": (2, 3)}


def test_pull_true_without_dvc_is_a_wrong_configuration(tmp_path: Path, run_job: RunJob) -> None:
    repository = Repository.create(tmp_path / "repo", {"train.py": "", ".ml-ci.yml": f"{ALONE}data: {{pull: true}}\n"})
    assert "there is no DVC repository here" in failure(run_job(repository), 2)


def test_dvc_in_a_sub_folder_of_a_larger_repository(tmp_path: Path, made: Project, run_job: RunJob) -> None:
    parts = {"services/app.py": "", ".ml-ci.yml": "environment: none\nworking-directory: models/churn\n"}
    repository = Repository.create(tmp_path / "mono repo", parts)
    folder = repository.path / "models" / "churn"
    folder.mkdir(parents=True)
    inner = Repository(folder)
    inner.dvc("init", "--quiet", "--subdir")
    inner.dvc("remote", "add", "--quiet", "--default", "storage", str(made.storage))
    for branch in ("main", "change"):
        repository.git("checkout", "--quiet", *(["-b"] if branch == "change" else []), branch)
        for name in ("train.py", ".gitignore", "data/train.csv.dvc", "data/.gitignore", "images.dvc"):
            inner.write({name: made.repository.git("show", f"{branch}:{name}") + "\n"})
        repository.commit()
    result = run_job(repository)
    assert sizes(result) == {"rows": (10, 15), "images": (2, 3)}
    assert result.comparison is not None
    assert {change.name for change in result.comparison.data} == {"models/churn/data/train.csv", "models/churn/images"}


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("data/train.csv.dvc", "outs:\n<<<<<<< HEAD\n- md5: 1\n", "data/train.csv.dvc:3"),
        ("data/train.csv.dvc", "just words\n", "data/train.csv.dvc"),
        ("data/train.csv.dvc", "outs: 5\n", "data/train.csv.dvc"),
        ("data/train.csv.dvc", "outs:\n- md5: 0\n", "data/train.csv.dvc"),
        ("dvc.lock", "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  train:\n", "dvc.lock:4"),
        ("dvc.lock", "stages: [1, 2]\n", "dvc.lock"),
    ],
)
def test_a_file_of_dvcs_that_is_broken_is_named_with_its_line(
    project: Project, run_job: RunJob, name: str, content: str, place: str
) -> None:
    project.repository.commit({name: content, "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n"})
    said = failure(run_job(project.configure(ALONE + "train: python train.py\n").repository), 4)
    assert place in said
    assert said.count("\n") == 0


# -- S3

S3 = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of moto's S3 server, with the bucket `data` in it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket="data")
    yield address
    server.stop()


def with_s3(project: Project, address: str) -> Project:
    """The same project with its data in a bucket, and this remote in main's `.dvc/config` as in head's."""
    keep = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=keep["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keep["AWS_SECRET_ACCESS_KEY"],
    )
    for file in project.storage.rglob("*"):
        if file.is_file():
            client.upload_file(str(file), "data", f"store/{file.relative_to(project.storage)}")
    shutil.rmtree(project.storage)
    remote = f"[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://data/store\n    endpointurl = {address}\n"
    project.forget_data()
    repository = project.repository
    repository.git("checkout", "--quiet", "main")
    repository.commit({".dvc/config": remote})
    repository.git("checkout", "--quiet", "change")
    repository.git("rebase", "--quiet", "main")
    return project


@S3
def test_data_in_s3_is_pulled_for_head_and_base_with_credentials_from_the_environment(
    project: Project, run_job: RunJob, s3: str
) -> None:
    with_s3(project, s3)
    secrets = {**NO_WAITING, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    assert sizes(run_job(project.repository, variables=secrets)) == {"rows": (10, 15), "images": (2, 3)}


@S3
def test_credentials_in_config_local_are_used_for_base_too_and_stay_private(
    project: Project, run_job: RunJob, s3: str, tmp_path: Path
) -> None:
    with_s3(project, s3)
    local = "['remote \"s3\"']\n    access_key_id = a\n    secret_access_key = not-for-others\n"
    project.repository.write({".dvc/config.local": local})
    homeless = {**NO_WAITING, "HOME": str(tmp_path)}
    result = run_job(project.repository, variables=homeless)
    assert sizes(result) == {"rows": (10, 15), "images": (2, 3)}
    assert (project.path / ".dvc" / "config.local").read_text() == local
    kept = [file for file in (project.path / ".ml-ci").rglob("*") if file.is_file()]
    assert not any(b"not-for-others" in file.read_bytes() for file in kept)


@S3
def test_s3_without_credentials_is_an_error_that_says_so(
    project: Project, run_job: RunJob, s3: str, tmp_path: Path
) -> None:
    with_s3(project, s3).configure(ALONE)
    said = failure(run_job(project.repository, variables={**NO_WAITING, "HOME": str(tmp_path)}), 4)
    assert "credentials" in said
    assert "data/train.csv" in said


@S3
def test_a_server_that_does_not_answer_is_an_error_within_seconds(
    project: Project, run_job: RunJob, s3: str, tmp_path: Path
) -> None:
    with_s3(project, s3).configure(ALONE)
    closed = (project.path / ".dvc" / "config").read_text().replace(s3, "http://127.0.0.1:9")
    project.repository.commit({".dvc/config": closed})
    secrets = {**NO_WAITING, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "HOME": str(tmp_path)}
    begin = time.monotonic()
    said = failure(run_job(project.repository, variables=secrets), 4)
    assert "127.0.0.1:9" in said
    assert time.monotonic() - begin < 60
