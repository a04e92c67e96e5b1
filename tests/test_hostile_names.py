"""Names from strangers: of branches, commits, metrics, files. No command runs, no option is slipped in, no line of the
log is a command of the runner's; the job judges what it was to judge, or says in a sentence why it cannot.
"""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ml_ci.action_inputs import read_inputs
from ml_ci.errors import ConfigError, OutsideError
from ml_ci.github.event import read_event
from ml_ci.sources.git import Credential, Git
from ml_ci.sources.stream import Lines
from tests.action_job import CONFIG, Done, Job
from tests.command import ml_ci
from tests.github_server.git_store import ZERO
from tests.repository import WRITES_ACCURACY, Repository, clean_variables
from tests.runner_log import Command, commands
from tests.test_action import job

__all__ = ["job"]

BETTER, WORSE = {"params.yaml": "accuracy: 0.95\n"}, {"params.yaml": "accuracy: 0.8\n"}
HACKED = "hacked-by-a-name"
TOUCH = f"touch${{IFS}}{HACKED}"
BRANCHES = {
    "a command in place of a word": f"$({TOUCH})",
    "a command after another": f"a;{TOUCH}",
    "a command in quotes": f"a\"b'`{TOUCH}`",
    "a pipe and a redirection": f"a|b&c>{HACKED}",
    "an option of git's": f"--upload-pack={TOUCH};",
    "a short option": "-u",
    "a dash": "-",
    "a ref within a ref": "refs/heads/main",
    "markup": "<script>alert(1)</script>`|@mona",
    "a long name": "/".join("x" * 100 for _ in range(2)),
}
"""All of these are names that git takes."""


@pytest.fixture(autouse=True)
def _nothing_was_run(tmp_path: Path) -> Iterator[None]:
    """No name was taken for a command, wherever that would have run."""
    yield
    assert not list(tmp_path.rglob(HACKED))
    assert not Path(HACKED).exists()


def tip(job: Job, branch: str) -> str:
    sha = job.github.git.resolve(f"refs/heads/{branch}")
    assert sha
    return sha


def the_commands(done: Done) -> list[Command]:
    """What the runner acts on in the log, when it is nothing but what ml-ci tells it."""
    found = commands(done.log)
    assert {name for name, _, _ in found} <= {"group", "endgroup", "error", "warning", "notice"}
    assert all(dict(properties).keys() <= {"title", "file", "line"} for _, properties, _ in found)
    return found


# -- branches


SOME = ("a command after another", "an option of git's", "markup")
"""Of which whole jobs are run; of all of them git is asked."""


@pytest.mark.parametrize("name", SOME)
def test_a_pull_request_from_a_branch_of_any_name_is_judged(job: Job, name: str) -> None:
    branch = BRANCHES[name]
    job.github.git.commit_files(branch, WORSE, on="main")
    pull = job.github.add_pull(branch)
    job.check_out(pull.merge_sha)
    variables = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_HEAD_REF": branch}
    done = job.run({**variables, "GITHUB_SHA": pull.merge_sha or ""}, job.github.pull_event(pull))
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    the_commands(done)


@pytest.mark.parametrize("name", SOME)
def test_a_push_is_compared_with_the_default_branch_whatever_that_is_called(job: Job, name: str) -> None:
    job.github.git.set_ref(f"refs/heads/{BRANCHES[name]}", tip(job, "main"), ZERO)
    job.github.git.commit_files("feature", WORSE, on="main")
    done = pushed(job, "feature", BRANCHES[name])
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log


def pushed(job: Job, branch: str, default: str) -> Done:
    """A push to a branch of a repository whose default branch is called `default`."""
    sha = tip(job, branch)
    job.check_out(sha)
    repository = {"full_name": "octo/model", "default_branch": default}
    payload = {"repository": repository, "ref": f"refs/heads/{branch}", "before": tip(job, "main"), "after": sha}
    variables = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": f"refs/heads/{branch}", "GITHUB_SHA": sha}
    return job.run(variables, payload)


def test_a_branch_that_is_called_as_the_default_branchs_ref_is_not_taken_for_it(job: Job) -> None:
    """`git ls-remote origin refs/heads/trunk` names `refs/heads/refs/heads/trunk` as well, and first."""
    job.github.git.set_ref("refs/heads/trunk", tip(job, "main"), ZERO)
    job.github.git.commit_files("refs/heads/trunk", {"params.yaml": "accuracy: 0.1\n"}, on="main")
    job.github.git.commit_files("feature", WORSE, on="main")
    done = pushed(job, "feature", "trunk")
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log


ASKED = {
    **{what: name for what, name in BRANCHES.items() if name != "refs/heads/main"},
    "a ref that leads out": "refs/heads/..",
    "every branch": "*",
    "two lines": f"main\n--upload-pack={TOUCH}",
    "a remote helper": f"ext::sh -c {TOUCH}",
    "another repository's": "../../other:main",
    "an address in a repository": "main:train.py",
    "a search in the log": ":/change",
    "much text": "x" * 100_000,
    "more than an argument may have": "x" * 200_000,
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """A workflow's checkout: one commit, no names of branches, and an origin that has them all."""
    folder = tmp_path_factory.mktemp("names")
    origin = Repository.create(folder / "origin", {"a": "1"})
    for name in BRANCHES.values():
        origin.git("update-ref", f"refs/heads/x/{name}", "main")
    here = Repository(folder / "here")
    origin.git("clone", "--quiet", "--depth=1", (folder / "origin").as_uri(), str(here.path))
    here.git("checkout", "--quiet", "--detach")
    here.git("update-ref", "-d", "refs/remotes/origin/HEAD")
    return Git(here.path, clean_variables(), Credential("https://github.example", "ghs_x"))


@pytest.mark.parametrize("name", BRANCHES.values(), ids=BRANCHES)
def test_a_branch_of_any_name_is_fetched_by_it(clone: Git, name: str) -> None:
    assert clone.fetch_branch(f"x/{name}") == clone.head()
    assert clone.resolve(f"x/{name}") == clone.head()


@pytest.mark.parametrize("name", ASKED.values(), ids=ASKED)
def test_a_base_that_no_commit_is_called_is_a_sentence(clone: Git, name: str) -> None:
    with pytest.raises((ConfigError, OutsideError)) as raised:
        clone.resolve(name)
    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("name", ["an option of git's", "two lines", "more than an argument may have"])
def test_as_the_input_base_it_is_one_error_of_the_job(job: Job, name: str) -> None:
    done = job.on_pull_request(BETTER, base=ASKED[name])
    assert done.code in (2, 4)
    (error,) = [data for kind, _, data in the_commands(done) if kind == "error"]
    assert len(error) < 400
    assert "Traceback" not in done.log


def test_a_base_of_a_strange_name_that_is_there_is_what_is_compared_with(job: Job) -> None:
    for name in (BRANCHES["a command after another"], BRANCHES["an option of git's"]):
        job.github.git.set_ref(f"refs/heads/{name}", tip(job, "main"), ZERO)
    done = job.on_pull_request(WORSE, base=BRANCHES["a command after another"])
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log


@pytest.mark.parametrize(
    "name", ["--x", "-", "$(id)", "a;b", "main..", "a.lock", "a/../b", ".hidden", "a b", "a?b", "a#b", "%2e", "x" * 999]
)
def test_a_data_branch_that_git_or_an_address_would_take_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="data-branch"):
        read_inputs({"INPUT_DATA_BRANCH": name})


@pytest.mark.parametrize("name", ["ml-ci-data", "ci/records_2", "v1.0", "refs/heads/main"])
def test_a_data_branch_of_a_usual_name_is_taken(name: str) -> None:
    assert read_inputs({"INPUT_DATA_BRANCH": name}).data_branch == name


@pytest.mark.parametrize("name", ["an option of git's", "a dash", "two lines", "a remote helper", "much text"])
def test_on_the_command_line_such_a_base_is_a_sentence_too(tmp_path: Path, name: str) -> None:
    repository = Repository.create(tmp_path / "repo", {"train.py": WRITES_ACCURACY, ".ml-ci.yml": CONFIG, **BETTER})
    answer = ml_ci("run", f"--base={ASKED[name]}", folder=repository.path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) < 5


# -- events


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("head.sha", f"--upload-pack={TOUCH}"),
        ("base.sha", "main"),
        ("base.sha", f"$({TOUCH})"),
        ("base.sha", "0" * 39),
        ("base.sha", "A" * 40),
        ("head.sha", ["a"]),
        ("number", "1; x"),
        ("number", True),
        ("number", -1),
    ],
)
def test_what_is_no_commit_and_no_number_in_an_event_is_a_sentence(place: str, value: object) -> None:
    pull = {"number": 1, "head": {"sha": "a" * 40}, "base": {"sha": "b" * 40, "ref": "main"}}
    part: dict[str, object] = dict(pull)
    payload = {"repository": {"default_branch": "main"}, "pull_request": part}
    above, _, name = place.rpartition(".")
    if above:
        part[above] = {**dict(part[above]), name: value}  # type: ignore[call-overload]
    else:
        part[name] = value
    with pytest.raises(OutsideError, match=re.escape(f"pull_request.{place}")) as raised:
        read_event(VARIABLES, payload)
    assert len(str(raised.value)) < 300


VARIABLES = {
    **{f"GITHUB_{name}": "1" for name in ("REPOSITORY", "SERVER_URL", "API_URL", "RUN_ID", "RUN_ATTEMPT", "REF")},
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_SHA": "0" * 40,
}


@pytest.mark.parametrize("name", ["refs/heads/..", f"$({TOUCH})\n::add-mask::a", "\x1b[2J\u202e\r\n##[error]x"])
def test_refs_in_an_event_may_hold_anything(job: Job, name: str) -> None:
    """Git allows no line ends in a branch's name; an event is not git."""
    job.github.git.commit_files("feature", WORSE, on="main")
    pull = job.github.add_pull("feature")
    job.check_out(pull.merge_sha)
    payload = json.loads(json.dumps(job.github.pull_event(pull)))
    payload["pull_request"]["base"]["ref"] = payload["pull_request"]["head"]["ref"] = name
    payload["pull_request"]["title"] = payload["pull_request"]["body"] = name
    variables = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/1/merge",
        "GITHUB_SHA": pull.merge_sha or "",
    }
    done = job.run(variables, payload)
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    the_commands(done)


def test_a_commit_that_is_an_option_never_gets_to_git(tmp_path: Path) -> None:
    """Also where the check of the event would be gone."""
    repository = Repository.create(tmp_path / "repo", {"a": "1"})
    git = Git.discover(repository.path, clean_variables())
    with pytest.raises(OutsideError):
        git.ensure(f"--upload-pack={TOUCH}")
    with pytest.raises((OutsideError, ConfigError)):
        git.fetch_branch(f"--upload-pack={TOUCH}")


# -- configurations


def bomb(start: str = "") -> str:
    """A document of 300 bytes that stands for a billion words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [f"{one}: &{one} [{', '.join([f'*{other}'] * 9)}]" for other, one in pairwise(letters[:10])]
    return start + "\n".join(["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]", *rows]) + "\n"


@pytest.mark.parametrize(
    "text", [bomb(), "gate: &a\n  x: *a\n", "train: !!python/object/apply:os.system ['touch " + HACKED + "']\n"]
)
def test_a_configuration_of_aliases_by_the_billion_is_a_sentence(job: Job, text: str) -> None:
    begin = time.process_time()
    done = job.on_pull_request({".ml-ci.yml": text})
    assert done.code == 2
    assert re.search(r"\.ml-ci\.yml:\d+: YAML (aliases|anchors|tags) are not allowed", done.errors[0])
    assert time.process_time() - begin < 20


@pytest.mark.parametrize("name", ["data.dvc", "dvc.lock"])
def test_so_is_a_file_of_dvcs(job: Job, name: str) -> None:
    done = job.on_pull_request({".dvc/config": "", name: bomb() + "outs: [*i]\n"})
    assert (done.code, done.outputs["verdict"]) == (4, "error")
    assert name in done.errors[0]


# -- what the runner reads

COMMANDS = (
    "::set-output name=x::y",
    "::add-mask::e",
    "##[error]no",
    "##[add-mask]e",
    "%0A::error::no",
    "::stop-commands::mine",
    "\r::add-mask::e",
    "::ERROR ::x",
    "\u2028::add-mask::e",
)


def test_no_name_that_training_gives_is_a_command_of_the_runners(job: Job) -> None:
    named = dict.fromkeys(COMMANDS, 0.9)
    train = f"""
import json, pathlib, re, sys
accuracy = float(re.search(r"accuracy: ([.0-9]+)", pathlib.Path("params.yaml").read_text())[1])
pathlib.Path("metrics.json").write_text(json.dumps({{"accuracy": accuracy, **{named!r}}}))
for name in {COMMANDS!r}:
    print(name)
    print("  " + name, file=sys.stderr)
    print("\\x1b[31m" + name + "\\rloss: 1\\r" + name, end="\\r\\n")
sys.stdout.write("::add-mask::without an end of the line")
"""
    parameters = "".join(f"{json.dumps(name)}: 1\n" for name in COMMANDS)
    job.github.git.commit_files("main", {"train.py": train})
    done = job.on_pull_request({"params.yaml": f"accuracy: 0.8\n{parameters}"})
    assert (done.code, done.outputs["verdict"]) == (1, "fail"), done.log
    the_commands(done)


def test_no_word_of_a_training_that_fails_is_one(job: Job) -> None:
    words = "\n".join(COMMANDS)
    done = job.on_pull_request({"train.py": f"raise SystemExit({words!r})"})
    assert (done.code, done.outputs["verdict"]) == (3, "error")
    the_commands(done)


def test_no_file_name_is_one(job: Job) -> None:
    """A metrics file that cannot be read is named in the error, and one that is left over in a warning."""
    name = "##[add-mask]e\n::add-mask::e.json"
    train = f"""
import pathlib
pathlib.Path("metrics.json").write_text('{{"accuracy": 0.8}}')
pathlib.Path({name!r}).write_text("{{")
"""
    done = job.on_pull_request({"train.py": train, ".ml-ci.yml": CONFIG + "metrics: ['*.json']\n"})
    assert (done.code, done.outputs["verdict"]) == (3, "error")
    the_commands(done)


@pytest.mark.parametrize("word", ["::add-mask::e", "##[add-mask]e", "\r::add-mask::e"])
def test_no_word_of_the_configuration_is_one(job: Job, word: str) -> None:
    done = job.on_pull_request({".ml-ci.yml": f"{json.dumps(word)}: 1\n"})
    assert done.code == 2
    the_commands(done)


def test_training_cannot_end_what_stops_commands_by_guessing(job: Job) -> None:
    guesses = (
        "import secrets\nfor _ in range(2000):\n    print(f'::{secrets.token_hex(16)}::')\nprint('::add-mask::e')\n"
    )
    done = job.on_pull_request({"train.py": guesses + WRITES_ACCURACY, **WORSE})
    assert done.outputs["verdict"] == "fail"
    the_commands(done)


def test_a_line_of_a_gigabyte_takes_little_memory_and_time() -> None:
    counted = 0

    def count(text: str) -> None:
        nonlocal counted
        counted += len(text)

    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    lines, chunk = Lines(count), b"x" * 65536
    for _ in range(2**30 // len(chunk)):
        lines.add(chunk)
    lines.close()
    assert counted == 2**30
    assert time.process_time() - begin < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
