"""Which environment variables training sees: never a token, and with `pass-env` only what that names."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_ci.base_config import BaseConfig, judged_by, of_model, trained_as
from ml_ci.config import Config, Policy
from ml_ci.config_pass_env import allows_no_more
from ml_ci.config_reader import parse
from ml_ci.sources.variables import minimal_variables, training_variables, without_tokens
from tests.conftest import RunJob
from tests.repository import Repository

TOKEN = "ghs_canaryCANARYcanary1234567890"
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()

OUTER = {
    "PATH": "/usr/bin",
    "LC_ALL": "C.UTF-8",
    "HTTPS_PROXY": "http://proxy:3128",
    "AWS_SECRET_ACCESS_KEY": "aws",
    "AWS_PROFILE": "ci",
    "WANDB_API_KEY": "wandb",
    "GITHUB_SHA": "0123",
    "GITHUB_TOKEN": TOKEN,
    "COPY": TOKEN,
    "CLONE_URL": f"https://x-access-token:{TOKEN}@github.com/octo/model",
    "HEADER": f"AUTHORIZATION: basic {BASIC}",
    "GITHUB_ENV": "/runner/env",
    "INPUT_TRAIN": "python train.py",
    "ACTIONS_RUNTIME_TOKEN": "runtime",
    "ML_CI_CACHE": "/cache",
    "ML_CI_SEED": "3",
    "DOCKER_HOST": "unix:///var/run/docker.sock",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "Octo",
    "GIT_CONFIG_KEY_1": "url.https://oauth2:secret@gitlab.example/.insteadOf",
    "GIT_CONFIG_VALUE_1": "https://gitlab.example/",
}
SECRET = ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "WANDB_API_KEY")


def test_without_pass_env_training_sees_all_but_the_tokens_and_what_reaches_later_steps() -> None:
    seen = training_variables(OUTER)
    assert set(seen) == {
        *("PATH", "LC_ALL", "HTTPS_PROXY", *SECRET, "GITHUB_SHA", "ML_CI_SEED"),
        *("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"),
    }
    assert seen["GIT_CONFIG_COUNT"] == "1"


@pytest.mark.parametrize(("passed", "more"), [
    ((), set()),
    (("AWS_PROFILE",), {"AWS_PROFILE"}),
    (("AWS_*",), {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"}),
    (("aws_*",), set()),
    (("*_KEY",), {"AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY"}),
    (("*",), {*SECRET, "GITHUB_SHA", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}),
])  # fmt: skip
def test_with_it_only_what_it_names_and_the_minimum(passed: tuple[str, ...], more: set[str]) -> None:
    assert set(training_variables(OUTER, passed)) == {"PATH", "LC_ALL", "HTTPS_PROXY", "ML_CI_SEED"} | more


def test_what_ml_ci_starts_for_itself_gets_the_users_variables_and_no_token() -> None:
    seen = without_tokens({**OUTER, "INPUT_GITHUB_TOKEN": TOKEN, "GH_TOKEN": "another"}, TOKEN)
    assert {*SECRET, "ML_CI_CACHE", "GIT_CONFIG_KEY_1"} <= set(seen)
    assert not {"GH_TOKEN", "COPY", "CLONE_URL", "HEADER", "ACTIONS_RUNTIME_TOKEN", "GITHUB_ENV", "INPUT_TRAIN"} & set(
        seen
    )
    assert not any(TOKEN in value or BASIC in value for value in seen.values())


def test_the_minimum_holds_nothing_of_the_users() -> None:
    assert not set(SECRET) & set(minimal_variables(OUTER))


# -- whose pass-env counts


@pytest.mark.parametrize(("base", "head", "counts", "effect"), [
    (("AWS_*",), None, ("AWS_*",), "loosens"),
    (("AWS_*",), ("AWS_*", "WANDB_*"), ("AWS_*",), "loosens"),
    (("AWS_PROFILE",), ("AWS_*",), ("AWS_PROFILE",), "loosens"),
    (("AWS_*",), ("AWS_PROFILE",), ("AWS_*",), "tightens"),
    (None, ("AWS_*",), None, "tightens"),
    ((), ("PATH",), (), "changes"),
])  # fmt: skip
@pytest.mark.parametrize("rules", ["base", "head"])
def test_a_pull_request_cannot_widen_it(
    base: tuple[str, ...] | None, head: tuple[str, ...] | None, counts: tuple[str, ...] | None, effect: str, rules: str
) -> None:
    policy = Policy(rules="head" if rules == "head" else "base")
    judged = judged_by(BaseConfig(config=Config(pass_env=base, policy=policy), pass_env=base), Config(pass_env=head))
    assert judged.config.pass_env == counts
    (change,) = [each for each in judged.changes if each.name.startswith("pass-env")]
    assert change.effect == effect
    # where head's own rules count, it is said that this one does not
    assert ("once it is merged" in change.name) == (rules == "head")


def config(text: str) -> Config:
    return parse(text, ".ml-ci.yml")


@pytest.mark.parametrize(("base", "counts"), [
    ("models: {churn: {pass-env: [A]}, fraud: {pass-env: ['B_*']}}", ("A", "B_*")),
    ("pass-env: [A]\nmodels: {churn: {train: x}}", ("A",)),
    ("models: {churn: {pass-env: [A]}, fraud: {train: x}}", None),
])  # fmt: skip
def test_a_model_that_is_new_sees_no_more_than_some_model_of_base(base: str, counts: tuple[str, ...] | None) -> None:
    new = config("models: {evil: {train: env}}").models[0]
    judged = judged_by(of_model(config(base), new), new)
    assert judged.config.pass_env == counts
    assert trained_as(BaseConfig(), judged.config).pass_env == counts


def test_a_model_that_is_new_may_see_less() -> None:
    new = config("models: {fraud: {train: x, pass-env: [A_1]}}").models[0]
    assert judged_by(of_model(config("models: {churn: {pass-env: ['A*']}}"), new), new).config.pass_env == ("A_1",)


def test_to_take_the_file_out_widens_nothing() -> None:
    base = of_model(config("pass-env: [A]"), Config())
    assert judged_by(base, Config()).config.pass_env == ("A",)


def test_base_is_trained_as_its_own_says() -> None:
    base = BaseConfig(config=Config(pass_env=("A",)), pass_env=("A",))
    assert trained_as(base, judged_by(base, Config(pass_env=None)).config).pass_env == ("A",)


@pytest.mark.parametrize(("one", "other", "no_more"), [
    (("A_*",), ("A_*",), True), (("A_B",), ("A_*",), True), (("A_*",), ("A_B",), False), (("*",), ("A_*",), False),
    (("PATH",), (), True), (None, (), False), ((), None, True), (("A*B",), ("A*",), True), (("A*",), ("A*B",), False),
])  # fmt: skip
def test_one_list_lets_no_more_through_than_another(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None, no_more: bool
) -> None:
    assert allows_no_more(one, other) is no_more


# -- a whole job

SEES = """
import json, os, pathlib
seen = pathlib.Path("seen.json")
known = json.loads(seen.read_text()) if seen.exists() else {}
seen.write_text(json.dumps(known | {"train": dict(os.environ)}))
pathlib.Path("metrics.json").write_text('{"accuracy": 0.9}')
"""
SECRETS: Mapping[str, str] = {
    "AWS_SECRET_ACCESS_KEY": "aws-canary",
    "WANDB_API_KEY": "wandb-canary",
    "GITHUB_TOKEN": TOKEN,
    "COPY": TOKEN,
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "oidc-canary",
}


def test_it_holds_for_a_training_that_a_pull_request_widens_it_for(tmp_path: Path, run_job: RunJob) -> None:
    files = {
        "train.py": SEES,
        ".gitignore": "metrics.json\nseen.json\n",
        ".ml-ci.yml": "environment: none\npass-env: ['AWS_*']\n",
    }
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("widen").commit({".ml-ci.yml": "environment: none\npass-env: ['*']\n", "a": "1"})
    result = run_job(repository, variables=SECRETS)
    assert result.failure is None
    seen = json.loads((repository.path / "seen.json").read_text())["train"]
    assert seen["AWS_SECRET_ACCESS_KEY"] == "aws-canary"
    assert not {"WANDB_API_KEY", "GITHUB_TOKEN", "COPY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} & set(seen)
    assert {"MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT", "ML_CI_SEED", "PATH", "HOME"} <= set(seen)
    assert [(change.name, change.base, change.head, change.effect) for change in result.rules] == [
        ("pass-env", "AWS_*", "*", "loosens")
    ]
    assert result.rules_of_base


def test_it_holds_for_a_dvc_stage_and_an_environments_own_command(tmp_path: Path, run_job: RunJob) -> None:
    build = (
        'python -m venv .venv && python -c \'import json, os; json.dump(dict(os.environ), open("build.json", "w"))\''
    )
    repository = Repository.create(tmp_path / "repo", {"train.py": SEES, ".gitignore": "*.json\n.venv\n"})
    repository.dvc("init", "--quiet")
    stage = "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    metrics: [{metrics.json: {cache: false}}]\n"
    repository.commit({
        "dvc.yaml": stage,
        ".ml-ci.yml": f"baseline: none\npass-env: [WANDB_API_KEY]\nenvironment: {{command: {json.dumps(build)}}}\n",
    })  # fmt: skip
    result = run_job(repository, variables=SECRETS)
    assert result.failure is None, result.failure
    for file in ("seen.json", "build.json"):
        seen = json.loads((repository.path / file).read_text())
        seen = seen.get("train", seen)
        assert seen["WANDB_API_KEY"] == "wandb-canary"
        assert not {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "COPY"} & set(seen), file
