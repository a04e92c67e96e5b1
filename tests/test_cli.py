"""The command line, as a person or a script uses it: a real process, its outputs and its exit code."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import COMMAND, ml_ci, own_key, strict, variables
from tests.repository import WRITES_ACCURACY, Repository

GATE = """
environment: none
gate:
  accuracy: {direction: higher, max-regression: 0.01}
"""
HEAVY = ("mlflow", "sklearn", "matplotlib", "dvc", "github", "pydantic", "jinja2", "rich", "numpy", "yaml", "requests")


def on_a_branch(path: Path, head: str, *, train: str = WRITES_ACCURACY, config: str = GATE) -> Repository:
    """`main` with accuracy 0.90; the branch `change`, checked out, has the parameters `head`."""
    files = {"train.py": train, "params.yaml": "accuracy: 0.90\n", ".ml-ci.yml": own_key(path) + config}
    repository = Repository.create(path, files | {".gitignore": "metrics.json\n"})
    repository.branch("change").commit({"params.yaml": head})
    return repository


def one_sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error that tells what is wrong; another one may say what is compared with."""
    lines = [line for line in answer.stderr.strip().splitlines() if not line.startswith("Comparing with ")]
    assert len(lines) == 1, answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    return lines[0]


# -- help


@pytest.mark.parametrize("command", [[], ["run"], ["compare"], ["record"], ["demo"]])
def test_help_says_what_a_command_does_and_imports_nothing_slow(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom ml_ci.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print('imported:', *sorted(sys.modules.keys() & set({HEAVY!r})), file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", code, *command, "--help"],
        cwd=tmp_path, env=variables(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0
    assert answer.stdout.startswith(f"Usage: {' '.join(['ml-ci', *command])} ")
    assert "--help" in answer.stdout
    assert answer.stderr == "imported:\n"


def test_the_contracts_options_are_there(tmp_path: Path) -> None:
    for command, options in {
        "run": ["--base", "--config", "--out", "--json", "--quiet"],
        "compare": ["--config", "--out", "--json"],
        "demo": ["--dir", "--open"],
    }.items():
        text = ml_ci(command, "--help", folder=tmp_path).stdout
        assert [option for option in options if option not in text] == []


# -- exit codes


@pytest.mark.parametrize(("head", "code", "word"), [("accuracy: 0.90\n", 0, "Pass"), ("accuracy: 0.5\n", 1, "Fail")])
def test_the_verdict_is_the_exit_code(tmp_path: Path, mlflow_server: str, head: str, code: int, word: str) -> None:
    repository = on_a_branch(tmp_path / "repo", head)
    repository.commit({"notes.md": "a change"})
    answer = ml_ci("run", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == code, answer.stderr
    assert word.lower() in answer.stdout.lower()
    assert repository.status() == ""
    written = sorted(path.name for path in (repository.path / ".ml-ci").iterdir())
    assert {"result.json", "report.md", "report.html", "base.json", "head.json", "train-head.log"} <= set(written)


@pytest.mark.parametrize(("policy", "code"), [("pass", 0), ("fail", 1)])
def test_without_a_baseline_the_policy_decides(tmp_path: Path, mlflow_server: str, policy: str, code: int) -> None:
    config = GATE + f"baseline: none\npolicy: {{no-baseline: {policy}}}\n"
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n", config=config)
    answer = ml_ci("run", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == code, answer.stderr
    assert "Nothing was compared" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--base", "nowhere"], '"nowhere"'),
        (["run", "--config", "no-such.yml"], "no-such.yml"),
        (["record", "--config", "no-such.yml"], "no-such.yml"),
        (["run", "--out", "."], "output folder"),
        (["run", "--out", "train.py"], "train.py is a file"),
    ],
)
def test_a_wrong_usage_is_exit_2_and_one_sentence(
    tmp_path: Path, mlflow_server: str, arguments: list[str], words: str
) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    answer = ml_ci(*arguments, folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 2
    assert words in one_sentence(answer)
    assert answer.stdout == ""
    assert repository.status() == ""
    assert not (repository.path / "metrics.json").exists()


def test_a_wrong_configuration_is_exit_2_with_file_line_and_the_nearest_key(tmp_path: Path) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n", config="tarin: python train.py\n")
    answer = ml_ci("run", "--json", folder=repository.path)
    assert answer.returncode == 2
    sentence = one_sentence(answer)
    assert ".ml-ci.yml:2" in sentence
    assert "train" in sentence
    assert answer.stdout == ""


@pytest.mark.parametrize("arguments", [["run", "--jsn"], ["compare", "only-one"], ["nonsense"], ["run", "surplus"]])
def test_an_unknown_option_or_argument_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    answer = ml_ci(*arguments, folder=tmp_path)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("command", ["run", "record"])
def test_outside_of_a_repository(tmp_path: Path, command: str) -> None:
    answer = ml_ci(command, folder=tmp_path)
    assert answer.returncode == 2
    assert "not in a git repository" in one_sentence(answer)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    repository.path.mkdir()
    repository.git("init", "--quiet")
    answer = ml_ci("run", folder=repository.path)
    assert answer.returncode == 2
    assert "commit something first" in one_sentence(answer)


def test_a_failed_training_is_exit_3_and_the_report_holds_the_end_of_its_log(
    tmp_path: Path, mlflow_server: str
) -> None:
    train = "print('\\n'.join(f'epoch {number}' for number in range(1000)))\nraise SystemExit('CUDA is not there')\n"
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n", train=train)
    out = repository.path / ".ml-ci"
    answer = ml_ci("run", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert (answer.returncode, answer.stderr) == (3, "")
    assert "Traceback" not in answer.stdout
    for text in (answer.stdout, (out / "report.md").read_text(), (out / "report.html").read_text()):
        assert "CUDA is not there" in text
        assert "epoch 999" in text
        assert "epoch 1\n" not in text
    result = strict((out / "result.json").read_text())
    assert (result["verdict"], result["metrics"]) == ("error", [])
    assert "epoch 1\n" in (out / "train-head.log").read_text()


def test_an_mlflow_that_does_not_answer_is_exit_4_with_a_report(tmp_path: Path) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and not listening: so it stays closed
        address = f"http://user:secret@127.0.0.1:{nobody.getsockname()[1]}"
        answer = ml_ci("run", "--json", "--quiet", folder=repository.path, mlflow=address)
    assert (answer.returncode, answer.stderr) == (4, "")
    assert strict(answer.stdout)["verdict"] == "error"
    assert "MLFLOW_TRACKING_URI" in answer.stdout
    report = (repository.path / ".ml-ci" / "report.md").read_text()
    assert "secret" not in answer.stdout + report
    assert not (repository.path / "metrics.json").exists(), "training ran, though its run could not be kept"


def test_data_that_cannot_be_pulled_is_exit_4_with_a_report_that_names_it(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    repository.dvc("init", "--quiet")
    repository.write(
        {"data.csv": "x\n1\n", ".dvc/config": f"[core]\nremote = r\n['remote \"r\"']\nurl = {tmp_path}/r\n"}
    )
    repository.dvc("add", "--quiet", "data.csv")
    repository.commit()
    (repository.path / "data.csv").unlink()
    for entry in (repository.path / ".dvc" / "cache").rglob("*.*"):
        entry.chmod(0o600)
    subprocess.run(["rm", "-rf", str(repository.path / ".dvc" / "cache")], check=True)
    answer = ml_ci("run", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 4
    assert "Traceback" not in answer.stdout + answer.stderr
    for text in (answer.stdout, (repository.path / ".ml-ci" / "report.md").read_text()):
        assert "data.csv" in text


@pytest.mark.parametrize("arguments", [["run"], ["compare", "a.json", "b.json"]])
def test_debug_shows_where_an_error_came_from(tmp_path: Path, arguments: list[str]) -> None:
    answer = ml_ci("--debug", *arguments, folder=tmp_path)
    assert answer.returncode != 0
    assert "Traceback (most recent call last)" in answer.stderr
    assert "ConfigError" in answer.stderr


def test_debug_shows_where_a_failed_job_came_from_and_keeps_its_exit_code(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n", train="raise SystemExit('no')")
    answer = ml_ci("--debug", "run", "--json", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 3
    assert "Traceback (most recent call last)" in answer.stderr
    assert "TrainingError" in answer.stderr
    assert strict(answer.stdout)["verdict"] == "error"


# -- outputs


def test_json_is_result_json_and_nothing_else(tmp_path: Path, mlflow_server: str) -> None:
    prints = "import sys, os\nprint('x' * 100)\nos.write(1, b'raw\\n')\nos.write(2, b'error\\n')\n"
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n", train=prints + WRITES_ACCURACY)
    answer = ml_ci("run", "--json", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout == (repository.path / ".ml-ci" / "result.json").read_text()
    result = strict(answer.stdout)
    assert (result["schema"], result["verdict"]) == (1, "fail")
    # progress is for standard error
    assert "raw" in answer.stderr


def test_a_training_that_writes_100_mb_fills_its_log_and_nothing_else(tmp_path: Path, mlflow_server: str) -> None:
    prints = "import sys\nfor _ in range(100):\n    sys.stdout.write(('y' * 99 + '\\n') * 10_000)\n"
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n", train=prints + WRITES_ACCURACY)
    out = repository.path / ".ml-ci"
    first = ml_ci("run", "--json", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert (first.returncode, first.stderr) == (0, "")
    assert (out / "train-head.log").stat().st_size == 100_000_000
    for name in ("result.json", "report.md", "report.html"):
        assert (out / name).stat().st_size < 1_000_000


def test_quiet_shows_the_verdict_only(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n", train="print('epoch 1')\n" + WRITES_ACCURACY)
    answer = ml_ci("run", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "accuracy" in answer.stdout
    assert "epoch 1" not in answer.stdout


def test_out_and_config_and_base_as_they_are_named(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n")
    (repository.path / "ci").mkdir()
    lenient = own_key(tmp_path) + "environment: none\ngate:\n  accuracy: {direction: higher, min: 0.4}\n"
    repository.commit({"ci/lenient.yml": lenient})
    for folder, config in ((repository.path, "ci/lenient.yml"), (repository.path / "ci", "lenient.yml")):
        out = tmp_path / f"out of {folder.name}"
        arguments = ["--config", config, "--out", str(out), "--base", "main", "--quiet"]
        answer = ml_ci("run", *arguments, folder=folder, mlflow=mlflow_server)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        result = strict((out / "result.json").read_text())
        base = result["base"]
        assert isinstance(base, dict)
        assert base["commit"] == repository.git("rev-parse", "main")
    assert not (repository.path / ".ml-ci").exists()
    assert repository.status() == ""


def test_a_configuration_outside_of_the_repository(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n")
    (tmp_path / "strict.yml").write_text(own_key(tmp_path) + GATE)
    answer = ml_ci("run", "--config", "../strict.yml", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert (answer.returncode, answer.stderr) == (1, "")


def test_a_relative_out_is_where_the_caller_is_and_is_ignored_by_git(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    repository.commit({"sub/notes.md": ""})
    answer = ml_ci("run", "--out", "report", "--quiet", folder=repository.path / "sub", mlflow=mlflow_server)
    assert answer.returncode == 0, answer.stderr
    assert (repository.path / "sub" / "report" / "result.json").exists()
    assert repository.status() == ""


def test_a_folder_of_the_users_as_out_does_not_become_ignored(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    repository.commit({"docs/index.md": "mine"})
    answer = ml_ci("run", "--out", "docs", "--quiet", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 0, answer.stderr
    assert not (repository.path / "docs" / ".gitignore").exists()


def test_what_training_left_in_the_working_tree_is_said(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.91\n")
    repository.commit({".gitignore": "", "metrics.json": "{}", "mine.txt": "1"})
    repository.write({"mine.txt": "2"})
    arguments = ["run", "--quiet", "--base", "main"]
    first = ml_ci(*arguments, folder=repository.path, mlflow=mlflow_server)
    said = [line for line in first.stdout.splitlines() if "metrics.json" in line and "working tree" in line]
    assert len(said) == 1, first.stdout
    assert "mine.txt" not in said[0]


def test_output_that_goes_to_a_file_is_plain(tmp_path: Path, mlflow_server: str) -> None:
    red = "print('\\x1b[31mred\\x1b[0m')\n"
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n", train=red + WRITES_ACCURACY)
    answer = ml_ci("run", folder=repository.path, mlflow=mlflow_server, more={"TERM": "xterm-256color"})
    assert answer.returncode == 1
    assert "\x1b" not in answer.stdout + answer.stderr
    assert "red" in answer.stderr


def at_a_terminal(folder: Path, *arguments: str, **more: str) -> str:
    """What `ml-ci` writes where both outputs are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder, env=variables({"TERM": "xterm-256color", **more}), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:
        pass  # how a terminal on Linux says that the other end is closed
    os.close(ours)
    process.wait(60)
    return text.decode()


def test_a_terminal_gets_colours_unless_it_says_no(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"accuracy": 0.9}')
    (tmp_path / ".ml-ci.yml").write_text(GATE)
    assert "\x1b[" in at_a_terminal(tmp_path, "compare", "a.json", "a.json")
    plain = at_a_terminal(tmp_path, "compare", "a.json", "a.json", NO_COLOR="1")
    assert "accuracy" in plain
    assert not any(f"\x1b[{colour}" in plain for colour in ("3", "4", "9", "1;3"))


def test_a_name_that_is_not_utf_8_gets_into_every_report(tmp_path: Path, mlflow_server: str) -> None:
    repository = on_a_branch(tmp_path / "repo", "accuracy: 0.5\n")
    Path(os.fsdecode(os.fsencode(repository.path) + b"/d\xe9j\xe0.txt")).write_text("vu")
    answer = ml_ci("run", folder=repository.path, mlflow=mlflow_server)
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_whole_job_with_a_server_of_its_own_needs_no_network_and_no_proxy(tmp_path: Path) -> None:
    """In a folder that is hard to name, behind a proxy that is down, and without a word about 127.0.0.1 in NO_PROXY."""
    log = "import mlflow\nmlflow.log_metric('accuracy', 0.95)\n"
    repository = on_a_branch(tmp_path / "Modèl 50% #1 'ü' (é)?", "accuracy: 0.5\n", train=log)
    dead = "http://127.0.0.1:9"
    more = {"http_proxy": dead, "https_proxy": dead, "HTTP_PROXY": dead, "HTTPS_PROXY": dead, "ALL_PROXY": dead}
    answer = ml_ci("run", "--json", folder=repository.path, more=more)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    result = json.loads(answer.stdout)
    assert [(row["base"], row["head"]) for row in result["metrics"]] == [(0.95, 0.95)]
    assert repository.status() == ""
