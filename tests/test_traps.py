"""Traps met in real repositories. Each test builds one with the real tools, and says what must come of it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_ci.errors import ConfigError, OutsideError
from ml_ci.result import Result
from tests.conftest import RunJob
from tests.processes import alive
from tests.repository import LOGS_ACCURACY, WRITES_ACCURACY, Repository

GATE = """
environment: none
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""
BASE, WORSE, BETTER = "accuracy: 0.90\n", "accuracy: 0.85\n", "accuracy: 0.91\n"
NO_OUTPUTS = "metrics.json\n__pycache__/\n"


Files = Mapping[str, str | bytes]


def on_a_branch(
    path: Path,
    files: Files | None = None,
    *,
    train: str = WRITES_ACCURACY,
    head: str = WORSE,
    config: str = GATE,
) -> Repository:
    """`main` with accuracy 0.90, and the branch `change` checked out on it, with the parameters `head`."""
    start: Files = {"train.py": train, "params.yaml": BASE, ".ml-ci.yml": config, ".gitignore": NO_OUTPUTS}
    repository = Repository.create(path, {**start, **(files or {})})
    repository.branch("change").commit({"params.yaml": head})
    return repository


def values(result: Result, name: str = "accuracy") -> tuple[float | None, float | None]:
    """A metric on base and head."""
    assert result.comparison is not None, result.failure
    return next((row.base, row.head) for row in result.comparison.metrics if row.name == name)


def assert_regression_is_seen(result: Result) -> None:
    """Base was trained to 0.90, head to 0.85, and the gate says so."""
    assert result.failure is None, result.failure
    assert values(result) == (0.90, 0.85)
    assert (result.verdict, result.exit_code, result.base.origin) == ("fail", 1, "trained")


# -- what somebody committed


def test_a_committed_mlruns_with_somebodys_paths_is_left_alone(tmp_path: Path, run_job: RunJob) -> None:
    """The file store as MLflow 2 wrote it on Jane's laptop, with a run whose accuracy would pass."""
    run_id = "0c7f2f3f2d5b4d0c9f4d6b8f2a1e3c55"
    repository = on_a_branch(tmp_path / "repo", train=LOGS_ACCURACY)
    repository.commit(
        {
            "mlruns/0/meta.yaml": (
                "artifact_location: file:///Users/jane/churn/mlruns/0\nexperiment_id: '0'\n"
                "lifecycle_stage: active\nname: Default\n"
            ),
            f"mlruns/0/{run_id}/meta.yaml": (
                f"artifact_uri: file:///Users/jane/churn/mlruns/0/{run_id}/artifacts\nend_time: 1712000009000\n"
                f"entry_point_name: ''\nexperiment_id: '0'\nlifecycle_stage: active\nrun_id: {run_id}\n"
                f"run_uuid: {run_id}\nrun_name: bold-shrike-1\nsource_name: ''\nsource_type: 4\nsource_version: ''\n"
                "start_time: 1712000000000\nstatus: 3\ntags: []\nuser_id: jane\n"
            ),
            f"mlruns/0/{run_id}/metrics/accuracy": "1712000005000 0.99 0\n",
            f"mlruns/0/{run_id}/params/depth": "3",
            f"mlruns/0/{run_id}/tags/mlflow.source.name": "/Users/jane/churn/train.py",
        }
    )
    assert_regression_is_seen(run_job(repository))
    assert repository.status() == ""


def test_a_committed_mlflow_db_with_somebodys_paths_is_left_alone(tmp_path: Path, run_job: RunJob) -> None:
    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('acf3f17fdcc7')")
        connection.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT)")
        connection.execute("INSERT INTO experiments VALUES (0, 'Default', '/Users/jane/churn/mlruns/0')")
    connection.close()
    repository = on_a_branch(tmp_path / "repo", train=LOGS_ACCURACY)
    repository.commit({"mlflow.db": database.read_bytes()})
    assert_regression_is_seen(run_job(repository))
    assert repository.status() == ""


def test_a_failed_training_is_never_judged_by_the_metrics_that_somebody_committed(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = on_a_branch(tmp_path / "repo", head=BASE)
    repository.commit(
        {".gitignore": "", "metrics.json": '{"accuracy": 0.99}', "train.py": "raise SystemExit('no GPU')"}
    )
    result = run_job(repository)
    assert (result.verdict, result.exit_code, result.comparison) == ("error", 3, None)
    assert result.failure is not None
    assert "no GPU" in result.failure.log_tail


def test_metrics_that_this_training_did_not_write_are_named_and_not_compared(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo", head=BASE)
    repository.commit({".gitignore": "", "metrics.json": '{"accuracy": 0.99}', "train.py": "print('done')"})
    result = run_job(repository)
    assert (result.exit_code, result.comparison) == (3, None)
    assert result.failure is not None
    assert "metrics.json" in result.failure.message


def test_stale_metrics_do_not_count_beside_fresh_ones(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.commit({"results/metrics.json": '{"f1": 0.99}'})
    result = run_job(repository)
    assert result.comparison is not None
    assert [row.name for row in result.comparison.metrics] == ["accuracy"]
    assert any("results/metrics.json" in warning for warning in result.warnings)


# -- what training does


def test_a_training_that_exits_with_0_and_logs_nothing_is_an_error(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(on_a_branch(tmp_path / "repo", train="print('all good')\n"))
    assert (result.verdict, result.exit_code) == ("error", 3)
    assert result.failure is not None
    assert "left no metrics" in result.failure.message
    assert "all good" in result.failure.log_tail


def test_a_training_that_fails_after_logging_metrics_is_not_compared_and_is_nobodys_baseline(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = on_a_branch(tmp_path / "repo", train=LOGS_ACCURACY, head=BETTER)
    failing = repository.commit({"train.py": LOGS_ACCURACY + "    raise MemoryError\n"})
    result = run_job(repository)
    assert (result.exit_code, result.comparison) == (3, None)
    repository.branch("next").commit({"train.py": LOGS_ACCURACY})
    result = run_job(repository, base=failing)
    assert result.base.origin == "none"
    assert any("could not be trained" in warning for warning in result.warnings)


def test_a_training_that_asks_for_input_fails_instead_of_waiting(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(on_a_branch(tmp_path / "repo", train="input('Overwrite the model? [y/n] ')\n"))
    assert result.exit_code == 3
    assert result.failure is not None
    assert "EOFError" in result.failure.log_tail


def test_what_a_training_leaves_in_the_background_ends_with_it(tmp_path: Path, run_job: RunJob) -> None:
    pid = tmp_path / "pid"
    leaves = f"""
import subprocess, sys
daemon = [sys.executable, "-c", "import os, time; open({str(pid)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(600)"]
subprocess.Popen(daemon, start_new_session=True)
import pathlib, time
while not pathlib.Path({str(pid)!r}).exists():
    time.sleep(0.01)
"""
    begin = time.monotonic()
    assert_regression_is_seen(run_job(on_a_branch(tmp_path / "repo", train=WRITES_ACCURACY + leaves)))
    assert time.monotonic() - begin < 60
    started = [int(word) for word in pid.read_text().split()]
    assert len(started) in (1, 2)
    assert not any(alive(process) for process in started)


def test_very_long_lines_and_bytes_that_are_no_text_are_kept_in_the_log(tmp_path: Path, run_job: RunJob) -> None:
    prints = "import sys\nsys.stdout.buffer.write(b'x' * 3_000_000 + b'\\xff\\x00\\x1b[31m\\n')\n"
    repository = on_a_branch(tmp_path / "repo", train=WRITES_ACCURACY + prints)
    assert_regression_is_seen(run_job(repository))
    assert (repository.path / ".ml-ci" / "train-head.log").stat().st_size > 3_000_000


def test_a_very_long_line_does_not_make_the_report_of_a_failure_long(tmp_path: Path, run_job: RunJob) -> None:
    result = run_job(on_a_branch(tmp_path / "repo", train="print('y' * 3_000_000)\nraise SystemExit('at the end')\n"))
    assert result.failure is not None
    assert result.failure.log_tail.endswith("at the end")
    assert len(result.failure.log_tail) < 10_000


def test_a_tracked_file_that_training_rewrites_does_not_disturb_the_base(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.git("checkout", "--quiet", "main")
    repository.commit({".gitignore": "", "metrics.json": '{"accuracy": 0.1}'})
    repository.branch("other").commit({"params.yaml": WORSE})
    assert_regression_is_seen(run_job(repository))
    # head is the user's own working tree, where training writes as it always does
    assert repository.status() == " M metrics.json"
    assert json.loads(repository.git("show", "main:metrics.json")) == {"accuracy": 0.1}


def test_the_next_run_after_that_says_that_the_tree_is_changed_and_judges_the_same(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = on_a_branch(tmp_path / "repo", {".gitignore": "", "metrics.json": '{"accuracy": 0.1}'})
    first, second = run_job(repository), run_job(repository)
    assert first.head is not None
    assert second.head is not None
    assert (second.verdict, values(second)) == (first.verdict, values(first))
    assert (first.head.dirty, second.head.dirty) == (False, True)
    # training might have read it, so the fingerprint is another one, and the file is among what differs from base
    assert second.head.fingerprint != first.head.fingerprint
    assert "metrics.json" in [change.name for change in second.code]
    assert second.base.run is not None
    assert first.base.run is not None
    assert second.base.run.fingerprint == first.base.run.fingerprint
    repository.git("checkout", "--quiet", "metrics.json")
    third = run_job(repository)
    assert third.head is not None
    assert third.head.fingerprint == first.head.fingerprint


# -- DVC


def with_dvc(repository: Repository, remote: Path) -> None:
    """DVC with a remote in a folder, its settings committed."""
    repository.dvc("init", "--quiet")
    # written, for `dvc remote add` refuses a path that is not ASCII
    repository.write(
        {".dvc/config": f"[core]\n    analytics = false\n    remote = r\n['remote \"r\"']\n    url = {remote}\n"}
    )


PIPELINE = """
stages:
  train:
    cmd: python train.py
    deps: [train.py, params.yaml]
    metrics: [metrics.json]
"""


def test_metrics_that_live_only_in_dvcs_cache_are_compared(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.git("checkout", "--quiet", "main")
    with_dvc(repository, tmp_path / "remote")
    repository.write({"dvc.yaml": PIPELINE, ".gitignore": NO_OUTPUTS})
    repository.dvc("repro", "--quiet")
    repository.commit()
    repository.branch("other").write({"params.yaml": WORSE})
    repository.dvc("repro", "--quiet")
    repository.commit()
    repository.dvc("push", "--quiet", "--all-commits")
    (repository.path / "metrics.json").unlink()
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert repository.status() == ""
    # DVC restored both from its cache: training itself never ran
    logs = [(repository.path / ".ml-ci" / f"train-{side}.log").read_text() for side in ("base", "head")]
    assert not [log for log in logs if "> python train.py" in log]


# -- the shape of a clone


@pytest.fixture
def local_submodules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git refuses submodules from a folder, unless it is told that they may be."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")


READS_SUBMODULE = WRITES_ACCURACY.replace('"params.yaml"', '"shared/settings/params.yaml"')


def with_submodule(tmp_path: Path) -> tuple[Repository, Repository]:
    """A repository whose training reads its parameters from a submodule: 0.90 on main, 0.85 on the branch."""
    module = Repository.create(
        tmp_path / "module", {"settings/params.yaml": BASE, ".gitattributes": "settings export-ignore\n"}
    )
    repository = Repository.create(
        tmp_path / "repo", {"train.py": READS_SUBMODULE, ".ml-ci.yml": GATE, ".gitignore": NO_OUTPUTS}
    )
    repository.git("submodule", "--quiet", "add", str(module.path), "shared")
    repository.commit()
    module.commit({"settings/params.yaml": WORSE})
    repository.branch("change")
    repository.git("-C", "shared", "pull", "--quiet")
    repository.commit()
    return repository, module


@pytest.mark.usefixtures("local_submodules")
def test_a_submodule_is_as_each_side_has_it(tmp_path: Path, run_job: RunJob) -> None:
    repository, _ = with_submodule(tmp_path)
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert [change.name for change in result.code] == ["shared"]
    assert repository.status() == ""


@pytest.mark.usefixtures("local_submodules")
def test_the_commit_of_a_submodule_that_only_the_base_needs_is_fetched(tmp_path: Path, run_job: RunJob) -> None:
    repository, _ = with_submodule(tmp_path)
    repository.git("submodule", "--quiet", "deinit", "--force", "shared")
    shallow = Repository(tmp_path / "shallow")
    repository.git("clone", "--quiet", repository.path.as_uri(), str(shallow.path))
    shallow.git("submodule", "--quiet", "update", "--init", "--depth=1")
    assert_regression_is_seen(run_job(shallow))


@pytest.mark.usefixtures("local_submodules")
def test_a_change_inside_of_a_submodule_is_a_change_of_the_inputs(tmp_path: Path, run_job: RunJob) -> None:
    repository, _ = with_submodule(tmp_path)
    before = run_job(repository)
    repository.write({"shared/settings/params.yaml": BASE})
    after = run_job(repository)
    assert before.head is not None
    assert after.head is not None
    assert (after.head.dirty, values(after)) == (True, (0.90, 0.90))
    assert after.head.fingerprint != before.head.fingerprint


ODD = "Modèl 50% #1 'ü' (é)"


def test_paths_with_spaces_and_letters_of_every_kind(tmp_path: Path, run_job: RunJob) -> None:
    names = {
        "données d'été/ü ß.txt": "x",
        'quote".txt': "x",
        "back\\slash.txt": "x",
        "line\nend.txt": "x",
        "名前.txt": "x",
    }
    config = GATE + f'working-directory: "{ODD}"\nmetrics: ["*.json"]\n'
    files: Files = {f"{ODD}/train.py": WRITES_ACCURACY, f"{ODD}/params.yaml": BASE, **names}
    repository = on_a_branch(tmp_path / ODD, files, config=config)
    repository.commit({f"{ODD}/params.yaml": WORSE, 'quote".txt': "y", "名前.txt": "y"})
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert {change.name for change in result.code} == {
        f"{ODD}/params.yaml", "params.yaml", "quote\".txt", "名前.txt"
    }  # fmt: skip
    # the same, with files that are changed and not yet committed
    repository.write({f"{ODD}/params.yaml": BASE} | dict.fromkeys(names, "z"))
    result = run_job(repository)
    assert values(result) == (0.90, 0.90)
    assert set(names) <= {change.name for change in result.code}


def test_a_file_name_that_is_not_utf_8(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    latin = os.path.join(os.fsencode(repository.path), b"d\xe9j\xe0.txt")  # noqa: PTH118 - pathlib takes no bytes
    with open(latin, "w") as file:  # noqa: PTH123
        file.write("vu")
    assert_regression_is_seen(run_job(repository))
    repository.commit()
    result = run_job(repository)
    assert (result.verdict, values(result)) == ("fail", (0.90, 0.85))
    assert os.fsdecode(b"d\xe9j\xe0.txt") in [change.name for change in result.code]


def test_dvc_in_a_folder_with_spaces_and_other_letters(tmp_path: Path, run_job: RunJob) -> None:
    reads = WRITES_ACCURACY.replace('"params.yaml"', '"dåta/mit Lücke.txt"')
    repository = on_a_branch(tmp_path / ODD, train=reads)
    repository.git("checkout", "--quiet", "main")
    with_dvc(repository, tmp_path / "Spëicher 1")
    for branch, content in (("", BASE), ("data", WORSE)):
        if branch:
            repository.branch(branch)
        repository.write({"dåta/mit Lücke.txt": content})
        repository.dvc("add", "--quiet", "dåta/mit Lücke.txt")
        repository.commit()
    repository.dvc("push", "--quiet", "--all-commits")
    (repository.path / "dåta" / "mit Lücke.txt").unlink()
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert result.comparison is not None
    assert [change.name for change in result.comparison.data] == ["dåta/mit Lücke.txt"]


def pushed(tmp_path: Path) -> tuple[Repository, Path]:
    """A repository and a bare one that has all of it, on the commit of the branch."""
    repository = on_a_branch(tmp_path / "origin-work")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "change")
    bare = tmp_path / "origin.git"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    return repository, bare


def test_a_shallow_clone_gets_the_one_commit_that_it_lacks(tmp_path: Path, run_job: RunJob) -> None:
    repository, bare = pushed(tmp_path)
    clone = Repository(tmp_path / "clone")
    repository.git("clone", "--quiet", "--depth=1", bare.as_uri(), str(clone.path))
    assert clone.git("rev-list", "--count", "HEAD") == "1"
    assert_regression_is_seen(run_job(clone))
    assert clone.git("rev-parse", "--is-shallow-repository") == "true"
    assert clone.git("rev-list", "--count", "HEAD") == "1"


def test_a_shallow_clone_finds_a_base_that_is_named_by_its_sha(tmp_path: Path, run_job: RunJob) -> None:
    repository, bare = pushed(tmp_path)
    clone = Repository(tmp_path / "clone")
    repository.git("clone", "--quiet", "--depth=1", "--branch=change", bare.as_uri(), str(clone.path))
    assert_regression_is_seen(run_job(clone, base=repository.git("rev-parse", "main~1")))


def test_a_shallow_clone_whose_origin_is_gone_says_what_it_lacks(tmp_path: Path, run_job: RunJob) -> None:
    repository, bare = pushed(tmp_path)
    clone = Repository(tmp_path / "clone")
    repository.git("clone", "--quiet", "--depth=1", bare.as_uri(), str(clone.path))
    bare.rename(tmp_path / "moved.git")
    with pytest.raises(OutsideError, match=r"could not be fetched from origin.*fetch-depth: 0"):
        run_job(clone)


def test_a_detached_head(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.git("checkout", "--quiet", "--detach")
    assert_regression_is_seen(run_job(repository))
    assert repository.git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_a_worktree_as_the_users_own_checkout(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.git("checkout", "--quiet", "main")
    repository.git("worktree", "add", "--quiet", "../beside", "change")
    beside = Repository(tmp_path / "beside")
    assert (beside.path / ".git").is_file()
    assert_regression_is_seen(run_job(beside))
    assert repository.git("worktree", "list", "--porcelain").count("worktree ") == 2
    assert (repository.status(), beside.status()) == ("", "")


def test_the_first_commit_of_all_has_nothing_to_be_compared_with(tmp_path: Path, run_job: RunJob) -> None:
    files = {"train.py": WRITES_ACCURACY, "params.yaml": BASE, ".ml-ci.yml": GATE}
    result = run_job(Repository.create(tmp_path / "repo", files))
    assert (result.verdict, result.base.origin, result.base.why) == ("pass", "none", "HEAD is the first commit")
    assert result.decision is not None
    assert [judgement.outcome for judgement in result.decision.judgements] == ["no-baseline"]


def test_two_histories_without_a_common_commit_are_told_apart(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    repository.git("checkout", "--quiet", "--orphan", "alone")
    repository.commit()
    with pytest.raises(ConfigError, match=r"no common commit.*--base"):
        run_job(repository)


# -- a base that is not as head is


def test_a_base_without_the_configuration_file_is_trained_as_heads_says(tmp_path: Path, run_job: RunJob) -> None:
    files = {"model.py": WRITES_ACCURACY, "params.yaml": BASE, ".gitignore": NO_OUTPUTS}
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({".ml-ci.yml": GATE + "train: python model.py\n", "params.yaml": WORSE})
    assert_regression_is_seen(run_job(repository))


def test_a_base_is_trained_as_its_own_configuration_says(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo", {"old.py": WRITES_ACCURACY}, config=GATE + "train: python old.py\n")
    repository.git("mv", "old.py", "new.py")
    repository.commit({".ml-ci.yml": GATE + "train: python new.py\n"})
    assert_regression_is_seen(run_job(repository))


def test_a_base_whose_configuration_is_wrong_is_trained_as_heads_says_and_that_is_said(
    tmp_path: Path, run_job: RunJob
) -> None:
    repository = on_a_branch(tmp_path / "repo", config="gaet: {}\n")
    repository.commit({".ml-ci.yml": GATE})
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert any(".ml-ci.yml of the base" in warning and "gate" in warning for warning in result.warnings)


@pytest.mark.parametrize(("policy", "verdict", "exit_code"), [("pass", "pass", 0), ("fail", "fail", 1)])
def test_a_base_whose_training_fails_is_no_baseline(
    tmp_path: Path, run_job: RunJob, policy: str, verdict: str, exit_code: int
) -> None:
    repository = on_a_branch(
        tmp_path / "repo",
        train="raise SystemExit('broken on main')",
        config=GATE + f"policy: {{no-baseline: {policy}}}\n",
    )
    repository.commit({"train.py": WRITES_ACCURACY})
    result = run_job(repository)
    assert (result.verdict, result.exit_code, result.base.origin) == (verdict, exit_code, "none")
    assert result.decision is not None
    assert [judgement.outcome for judgement in result.decision.judgements] == ["no-baseline"]
    assert any("could not be trained" in warning for warning in result.warnings)


def test_an_absolute_rule_holds_also_without_a_baseline(tmp_path: Path, run_job: RunJob) -> None:
    config = GATE.replace("max-regression: 0.01", "min: 0.9, max-regression: 0.01") + "baseline: none\n"
    result = run_job(on_a_branch(tmp_path / "repo", config=config))
    assert (result.verdict, result.base.origin, values(result)) == ("fail", "none", (None, 0.85))


# -- what else a repository brings along


def test_a_tiny_dependency_in_requirements_txt_is_there_for_training(tmp_path: Path, run_job: RunJob) -> None:
    needs = "import six\nassert six.__version__ == '1.16.0'\n"
    config = GATE.replace("environment: none", "environment: auto")
    repository = on_a_branch(
        tmp_path / "repo", {"requirements.txt": "six==1.16.0\n"}, train=needs + WRITES_ACCURACY, config=config
    )
    result = run_job(repository)
    assert_regression_is_seen(result)
    assert result.head is not None
    assert result.head.environment.packages["six"] == "1.16.0"


@pytest.mark.parametrize("hook", ["exit 1", "echo hooked > params.yaml; echo hooked > {outside}"])
def test_the_users_git_hooks_do_not_run(tmp_path: Path, run_job: RunJob, hook: str) -> None:
    outside = tmp_path / "hooked"
    repository = on_a_branch(tmp_path / "repo")
    script = repository.path / ".git" / "hooks" / "post-checkout"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\n{hook.format(outside=outside)}\n")
    script.chmod(0o755)
    assert_regression_is_seen(run_job(repository))
    assert not outside.exists()


def test_the_index_of_the_user_is_not_written_even_where_git_status_would(tmp_path: Path, run_job: RunJob) -> None:
    repository = on_a_branch(tmp_path / "repo")
    index = repository.path / ".git" / "index"
    before = index.read_bytes()
    # the same content at another time: `git status` would note that down
    os.utime(repository.path / "train.py", ns=(10**18, 10**18))
    run_job(repository)
    assert index.read_bytes() == before


def test_a_filter_of_gitattributes_that_is_not_installed(tmp_path: Path, run_job: RunJob) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    repository = on_a_branch(
        tmp_path / "repo",
        {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "weights.bin": pointer},
    )
    assert_regression_is_seen(run_job(repository))


def test_line_ends_that_git_converts_are_no_change(tmp_path: Path, run_job: RunJob) -> None:
    config = GATE + "inputs: ['*.py', params.yaml]\n"
    repository = on_a_branch(tmp_path / "repo", {".gitattributes": "*.py text eol=crlf\n"}, head=BASE, config=config)
    repository.commit({"README.md": "words\n"})
    (repository.path / "train.py").unlink()
    repository.git("checkout", "--quiet", "train.py")
    assert b"\r\n" in (repository.path / "train.py").read_bytes()
    assert run_job(repository).head_origin == "same-inputs"
