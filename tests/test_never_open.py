"""Whatever is missing, nothing passes in silence. docs/never-open.md has every way, and the tests of each.

Here are those ways for which there is no test elsewhere, as whole jobs on a test GitHub: verdict, exit code, the check's
conclusion, and what the first lines of the comment say. Accuracy falls from 0.9 to 0.5 in nearly all of them, so that
whatever passes has to say why it could not see that.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pytest

from ml_ci.compare.found import Material
from ml_ci.config import Config, Policy, Rule
from ml_ci.job import compare_runs
from ml_ci.records import Metric, Run, write_record
from tests.action_job import CONFIG, Done, Job
from tests.github_server.faults import Status
from tests.repository import WRITES_ACCURACY
from tests.runs import BASE, rule, run
from tests.test_action import job

__all__ = ["job"]

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "never-open.md"
Files = Mapping[str, str | None]
"""Their content by path; None takes one out."""

NOTHING: Files = MappingProxyType({})
WORSE: Files = MappingProxyType({"params.yaml": "accuracy: 0.5\n"})
NO_METRICS = "print('done')\n"
FAILS = "raise SystemExit('no GPU')\n"


def writes(json_text: str) -> str:
    """A training that leaves this as its metrics."""
    return f"import pathlib\npathlib.Path('metrics.json').write_text({json_text!r})\n"


@dataclass(frozen=True, kw_only=True)
class Way:
    """What base and head hold besides the usual files, and what has to come of it."""

    base: Files
    head: Files
    verdict: str
    code: int
    conclusion: str
    says: str


def passes(says: str, *, base: Files = NOTHING, head: Files = WORSE) -> Way:
    """It passes, as the policy says, and the first line is no plain pass."""
    return Way(verdict="pass", code=0, conclusion="success", says=says, base=base, head=head)


def fails(says: str, *, base: Files = NOTHING, head: Files = WORSE) -> Way:
    """It fails."""
    return Way(verdict="fail", code=1, conclusion="failure", says=says, base=base, head=head)


def errs(says: str, code: int, *, base: Files = NOTHING, head: Files = WORSE) -> Way:
    """There is no verdict on the model, and that is no pass."""
    return Way(verdict="error", code=code, conclusion="failure", says=says, base=base, head=head)


STRICT = "policy: {no-baseline: fail}\n"
NOT_COMPARED = r"Pass, but not compared"
SLEEPS = "import time\ntime.sleep(600)\n"
WAYS = {
    # -- base
    "no record, and base is not to be trained": passes(NOT_COMPARED, base={".ml-ci.yml": CONFIG + "baseline: found\n"}),
    "the same, where the policy is strict": fails(
        "no run of .* was found|could not be compared|nothing to compare", base={".ml-ci.yml": CONFIG + "baseline: found\n" + STRICT}
    ),
    "base's training runs out of time": passes(
        NOT_COMPARED,
        base={"train.py": SLEEPS, ".ml-ci.yml": CONFIG + "timeout: 3\n"},
        head={**WORSE, "train.py": WRITES_ACCURACY},
    ),
    "base's training leaves no metrics": passes(
        NOT_COMPARED, base={"train.py": NO_METRICS}, head={**WORSE, "train.py": WRITES_ACCURACY}
    ),
    "base's training fails, where the policy is strict": fails(
        "could not be|nothing to compare", base={"train.py": FAILS, ".ml-ci.yml": CONFIG + STRICT}, head={**WORSE, "train.py": WRITES_ACCURACY}
    ),
    "base's requirements are gone": passes(
        NOT_COMPARED,
        base={".ml-ci.yml": CONFIG.replace("environment: none", "environment: {requirements: gone.txt}")},
        head={**WORSE, ".ml-ci.yml": CONFIG},
    ),
    "base's environment cannot be built": errs(
        "environment", 4,
        base={".ml-ci.yml": CONFIG.replace("environment: none", "environment: {command: 'exit 7'}")},
        head={**WORSE, ".ml-ci.yml": CONFIG},
    ),
    # -- the gated metric
    "head does not have it": fails("accuracy is missing", head={"train.py": writes('{"f1": 0.9}')}),
    "base does not have it": passes(
        "not compared", base={"train.py": writes('{"f1": 0.9}')}, head={**WORSE, "train.py": WRITES_ACCURACY}
    ),
    "neither has it": fails("accuracy is missing", base={"train.py": writes('{"f1": 0.9}')}, head={**WORSE, "a.py": ""}),
    "it is called otherwise": fails("accuracy is missing.*acuracy", head={"train.py": writes('{"acuracy": 0.99}')}),
    "it is a word": fails("accuracy is missing", head={"train.py": writes('{"accuracy": "high", "f1": 1}')}),
    "it is nothing": fails("accuracy is NaN", head={"train.py": writes('{"accuracy": null}')}),
    "it is not a number": fails("accuracy is NaN", head={"train.py": writes('{"accuracy": NaN}')}),
    "it is infinite": fails("accuracy is Infinity", head={"train.py": writes('{"accuracy": Infinity}')}),
    "base's is not a number": passes(
        "not compared", base={"train.py": writes('{"accuracy": NaN}')}, head={**WORSE, "train.py": WRITES_ACCURACY}
    ),
    # -- the rules
    "there is no gate": passes("Pass, but not judged", base={".ml-ci.yml": "environment: none\n"}),
    "the pull request empties the gate": fails("accuracy fell", head={**WORSE, ".ml-ci.yml": "environment: none\n"}),
    "the pull request takes out the configuration": fails("accuracy fell", head={**WORSE, ".ml-ci.yml": None}),
    "the gate is empty": errs("gate", 2, head={**WORSE, ".ml-ci.yml": "environment: none\ngate: {}\n"}),
    "the gate names a metric twice": errs(
        "twice", 2, head={**WORSE, ".ml-ci.yml": CONFIG + "  accuracy: {direction: higher, max-regression: 1}\n"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_missing_never_passes_in_silence(job: Job, way: Way) -> None:
    if way.base:
        job.github.git.commit_files("main", way.base)
    assert_it_ends(job, pull_request(job, way.head), way)


def pull_request(job: Job, files: Files) -> Done:
    """Open one, and run."""
    job.github.git.commit_files("feature", files, on="main")
    pull = job.github.add_pull("feature")
    job.check_out(pull.merge_sha)
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge"}
    return job.run({**event, "GITHUB_SHA": pull.merge_sha or ""}, job.github.pull_event(pull), key=key_of(job))


def key_of(job: Job) -> str:
    """One that no other test has: the tests of a worker share an MLflow server, in which base would be found."""
    return "k" + hashlib.sha256(str(job.files).encode()).hexdigest()[:12]


def assert_it_ends(job: Job, done: Done, way: Way) -> None:
    """Verdict, exit code and conclusion are those of the way, and whoever looks at the comment sees it at once."""
    assert (done.outputs["verdict"], done.code) == (way.verdict, way.code), done.log
    assert job.check().conclusion == way.conclusion
    (comment,) = job.github.comments()
    first = first_lines(comment.body)
    assert re.search(way.says, first.replace("\\", "").replace("`", "")), first
    assert "✅" not in first


def first_lines(body: str) -> str:
    """What is seen of a comment without scrolling: up to the first table, or the first 12 lines."""
    lines = [line for line in body.splitlines() if line.strip() and not line.startswith("<!--")]
    until = next((number for number, line in enumerate(lines) if line.startswith("|")), 12)
    return "\n".join(lines[: min(until, 12)])


# -- records


def record(job: Job, **changes: object) -> str:
    """A record of base by which the pull request would pass."""
    commit = job.github.git.resolve("refs/heads/main")
    assert commit
    low = Run(commit=commit, key=key_of(job), fingerprint="sha256:0", metrics={"accuracy": Metric(value=0.4)})
    return json.dumps({**json.loads(write_record(low)), **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ({"schema": 2}, "schema 2"),
        ({"key": "another"}, "another run"),
        ({"commit": "0" * 40}, "another run"),
        ({"status": "FAILED"}, "another run"),
        ({"metrics": {"accuracy": {"value": "much"}}}, "not a record"),
        ("{", "not a record"),
        ("", "not a record"),
    ],
)
def test_a_record_that_is_none_of_base_is_an_error(job: Job, text: str | dict[str, object], says: str) -> None:
    commit = job.github.git.resolve("refs/heads/main")
    content = text if isinstance(text, str) else record(job, **text)
    job.github.git.commit_files("ml-ci-data", {f"records/{key_of(job)}/{commit}.json": content})
    assert_it_ends(job, pull_request(job, WORSE), errs(f"{says}.*(Delete|delete) it", 4))


def test_a_record_of_base_is_taken(job: Job) -> None:
    """So that the test above does not pass for another reason."""
    commit = job.github.git.resolve("refs/heads/main")
    job.github.git.commit_files("ml-ci-data", {f"records/{key_of(job)}/{commit}.json": record(job)})
    done = pull_request(job, WORSE)
    assert (done.outputs["verdict"], done.code) == ("pass", 0), done.log


@pytest.mark.parametrize("text", ["{", "[[1]]", '[["../../x", ""]]', "null"])
def test_a_damaged_index_is_an_error(job: Job, text: str) -> None:
    job.github.git.commit_files("ml-ci-data", {f"records/{key_of(job)}/index.json": text})
    assert_it_ends(job, pull_request(job, WORSE), errs("index.json is damaged: delete it", 4))


@pytest.mark.parametrize("name", ["history.json", "test-sets.json", "images.json"])
def test_a_damaged_note_changes_no_verdict(job: Job, name: str) -> None:
    job.github.git.commit_files("ml-ci-data", {f"records/{key_of(job)}/{name}": "{"})
    assert_it_ends(job, pull_request(job, WORSE), fails("accuracy fell"))


@pytest.mark.parametrize("status", [403, 410])
def test_a_data_branch_that_cannot_be_read_is_an_error(job: Job, status: int) -> None:
    """It is there, and what is in it is not given: that is not the same as having no records."""
    job.github.git.commit_files("ml-ci-data", {"README.md": ""})
    job.github.inject("GET", "/repos/*/contents/records*", Status(status), times=None)
    assert_it_ends(job, pull_request(job, WORSE), errs("ml-ci-data|GitHub", 4))


# -- policies


@pytest.mark.parametrize("inconclusive", ["pass", "fail"])
@pytest.mark.parametrize("none", ["pass", "fail"])
def test_each_policy_does_what_it_says(inconclusive: Literal["pass", "fail"], none: Literal["pass", "fail"]) -> None:
    policy = Policy(inconclusive=inconclusive, no_baseline=none)

    def ended(base: Run, head: Run, asked: Rule) -> tuple[str, int]:
        found = compare_runs(base, head, Config(gate=(asked,), policy=policy, repeats=3), Material())
        return found.verdict, found.exit_code

    relative = rule("accuracy", regression=0.01)
    noisy = repeated(0.91, 0.85, 0.90), repeated(0.90, 0.92, 0.83)
    assert ended(*noisy, relative) == ("inconclusive", 0 if inconclusive == "pass" else 1)
    assert ended(run(BASE, f1=0.9), run(accuracy=0.5), relative) == (("pass", 0) if none == "pass" else ("fail", 1))
    assert ended(run(BASE, f1=0.9), run(accuracy=0.5), rule("accuracy", min=0.9)) == ("fail", 1)
    assert ended(run(BASE, accuracy=0.9), run(f1=0.5), relative) == ("fail", 1)


def repeated(*values: float) -> Run:
    """A run of three trainings, whose noise leaves it open which of two is better."""
    return Run(commit=BASE, metrics={"accuracy": Metric(value=sum(values) / 3, repeats=values)})


# -- the table


def rows() -> list[list[str]]:
    """The rows of the table: the way, what comes of it, the tests."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TABLE.read_text().splitlines()
        if line.startswith("|")
    ]
    return [row for row in found if row[0] != "way" and not set(row[0]) <= {"-", " "}]


def test_every_test_that_the_table_names_is_there() -> None:
    for way, _, named in rows():
        tests = re.findall(r"`(test_\w+)::(test_\w+)(?:\[([^`]+)\])?`", named)
        assert tests, way
        for file, test, _ in tests:
            tree = ast.parse((TOP / "tests" / f"{file}.py").read_text())
            assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (
                f"{file}::{test}"
            )


def test_the_table_has_every_way_that_is_tried_here() -> None:
    named = " ".join(row[2] for row in rows())
    missing = [way for way in WAYS if f"[{way}]" not in named]
    assert missing == []


def test_what_passes_is_said_loudly() -> None:
    """Each row that may end with 0 says so, and in which words."""
    for way, end, _ in rows():
        assert re.match(r"(pass|fail|error|inconclusive)\b", end), way
        if end.startswith("pass"):
            assert "“" in end, way
