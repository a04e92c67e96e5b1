"""`.ml-ci.yml`: every default, every key, and what each mistake is told."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ml_ci import config_keys
from ml_ci.config import (
    Config,
    EnvironmentSpec,
    Policy,
    PredictionsSpec,
    Rule,
    SliceRule,
    Tolerance,
    training_digest,
    unused_warnings,
)
from ml_ci.config_reader import load, parse
from ml_ci.config_values import key_name
from ml_ci.config_yaml import MAX_BYTES
from ml_ci.errors import ConfigError

BAD_CONFIGS = Path(__file__).parent / "bad_configs"
MANUAL = Path(__file__).parent.parent / "docs" / "configuration.md"

# The whole example of the contract, but for `models`, which has tests of its own.
WHOLE = """\
train: python train.py              # default: `dvc repro` if there is a dvc.yaml, else `python train.py`
working-directory: .
environment: auto                   # auto | none | {requirements: FILE} | {command: SHELL}
timeout: 2h
data: {pull: auto}                  # auto | true | false | [targets]
inputs: ["**"]                      # globs of tracked files that training reads (the fingerprint)
metrics: [metrics.json]             # JSON, YAML, TOML, CSV, text (`Accuracy = 0.95`, `37.3%`); added to MLflow's
params: [params.yaml]
plots: ["plots/*.png"]              # images that training writes, shown base beside head
report: report.md                   # the repository's own Markdown, appended; its local images are published
predictions:                        # one row per evaluated example: what makes a verdict certain
  path: predictions.parquet         # or .csv
  id: id
  target: y_true
  prediction: y_pred
  score: y_score                    # probability or decision value, where there is one
  group: customer_id                # rows that are not independent
  slices: [region, plan]
  metrics: [accuracy, roc_auc]      # computed by scikit-learn from these rows
  columns: [ndcg]                   # per-example values that are averaged
repeats: 1                          # trainings per side; the seed is in ML_CI_SEED
gate:
  accuracy: {direction: higher, min: 0.90, max-regression: 0.005}
  rmse:     {direction: lower,  max: 4.0,  max-regression: 2%}
policy:
  confidence: 0.95
  inconclusive: pass                # pass | fail
  no-baseline: pass                 # pass | fail: what to do with relative rules when nothing can be compared
baseline: auto                      # auto | found | train | none
key: default
"""

# name of the file: the line that the message names, and words that it holds
BAD: dict[str, tuple[int, tuple[str, ...]]] = {
    # not the YAML that we read
    "empty": (1, ("says nothing",)),
    "only_comments": (1, ("says nothing",)),
    "only_document_marker": (1, ("says nothing",)),
    "top_is_list": (1, ("must be a mapping",)),
    "top_is_text": (1, ("must be a mapping",)),
    "two_documents": (2, ("second document",)),
    "tab_indent": (3, ("tab", "spaces")),
    "duplicate_key": (3, ('"train"', "twice", "line 1")),
    "duplicate_metric": (4, ('"accuracy"', "twice", "line 2")),
    "alias": (1, ("aliases", "quotes")),
    "anchor": (1, ("anchors",)),
    "merge_key": (2, ("merge keys",)),
    "billion_laughs": (1, ("anchors",)),
    "deep_nesting": (2, ("nested more than 16 levels",)),
    "python_tag": (1, ("tags are not allowed",)),
    "tag": (2, ("tags are not allowed",)),
    "unclosed_quote": (1, ("column 8", "quote is not closed")),
    "unclosed_bracket": (2, ("column 10", "bracket is not closed")),
    "two_colons": (2, ("column 30", '":" too many', "quotes")),
    "unquoted_glob": (3, ("column 6", "starts with *", "quotes")),
    "at_sign": (2, ("column 6", "quotes")),
    "bad_indent": (2, ("indentation",)),
    "list_as_key": (1, ("a key must be a word",)),
    "bad_escape": (2, ("escape",)),
    "lone_surrogate": (2, ('"train"', "control character")),
    "null_byte": (2, ('"train"', "control character")),
    "control_character": (2, ("control character",)),
    "latin1": (2, ("not UTF-8", "save it as UTF-8")),
    "utf16": (1, ("UTF-16", "save it as UTF-8")),
    # keys that are not there, or elsewhere
    "typo_at_top": (3, ('"polcy" is not a key here; did you mean "policy"?',)),
    "unknown_at_top": (2, ('"zzz" is not a key here', "working-directory")),
    "underscore_key": (1, ('did you mean "working-directory"?',)),
    "capital_key": (1, ('did you mean "train"?',)),
    "rule_key_at_top": (3, ('"max_regression"', '"max-regression" belongs in a rule under "gate"')),
    "policy_key_at_top": (2, ('"inconclusive"', 'belongs under "policy"')),
    "policy_key_in_gate": (3, ('"no-baseline"', 'belongs under "policy"')),
    "rule_key_in_gate": (2, ('"max-regression"', 'belongs in a rule under "gate"')),
    "pull_at_top": (1, ('"pull"', 'belongs under "data"')),
    "top_key_in_policy": (3, ('"baseline"', "belongs at the top level")),
    "typo_in_rule": (4, ('did you mean "max-regression"?',)),
    "underscore_in_rule": (2, ('did you mean "max-regression"?',)),
    "typo_in_policy": (2, ('did you mean "no-baseline"?',)),
    "typo_in_environment": (1, ('did you mean "requirements"?',)),
    "typo_in_predictions": (3, ('did you mean "prediction"?',)),
    # values of the wrong type or range
    "train_without_value": (2, ('"train" has no value',)),
    "train_empty": (1, ('"train" is empty',)),
    "train_is_list": (1, ('"train" must be text, not a list',)),
    "train_is_boolean": (1, ('"train" must be text', "yes", "boolean", "quotes")),
    "train_is_number": (1, ('"train" must be text', "number", "quotes")),
    "key_is_number": (1, ('"key" must be text', "2024", "quotes")),
    "metrics_is_text": (1, ('must be a list (["metrics.json"])',)),
    "metrics_empty": (1, ('"metrics" is empty',)),
    "metrics_item_is_mapping": (3, ('"metrics[1]" must be text, not a mapping',)),
    "plots_item_is_boolean": (1, ('"plots[0]" must be text', "boolean")),
    "inputs_is_mapping": (1, ('"inputs" must be a list, not a mapping',)),
    "environment_is_file": (1, ("{requirements: FILE}", '"requirements.txt"')),
    "environment_both": (1, ("not both",)),
    "environment_is_list": (1, ('"environment"', "not a list")),
    "environment_nothing": (1, ('"environment" says nothing',)),
    "data_is_text": (1, ("{pull: auto}",)),
    "pull_is_yes": (1, ("auto, true, false or a list of targets", '"yes"')),
    "pull_typo": (1, ('did you mean "auto"?',)),
    "pull_nothing": (1, ('"pull" is empty',)),
    "pull_option": (1, ('"--force"', "not a DVC target")),
    "timeout_in_words": (1, ("1h30m", '"2 hours"')),
    "timeout_zero": (1, ("more than 0", '"0"')),
    "timeout_negative": (1, ("more than 0", '"-5"')),
    "timeout_clock": (1, ("1h30m", '"1:30"')),
    "timeout_quoted_number": (1, ('"timeout"', "quotes", "90")),
    "timeout_infinite": (1, ("1h30m", '".inf"')),
    "timeout_endless": (1, ("at most 840h",)),
    "timeout_empty": (1, ("1h30m",)),
    "baseline_typo": (1, ("auto, found, train or none", 'did you mean "train"?')),
    "key_with_slash": (1, ('"models/churn" cannot be a key',)),
    "key_dots": (1, ('".." cannot be a key',)),
    "key_too_long": (1, ("65 characters", "at most 64")),
    "key_with_accent": (1, ('"modèle" cannot be a key', "letters of English")),
    "repeats_zero": (1, ('"repeats" must be a whole number from 1 to 100, not 0.',)),
    "repeats_half": (1, ("whole number",)),
    # the gate and the policy
    "gate_is_list": (1, ('"gate"', "direction: higher", "not a list")),
    "gate_nothing": (2, ('"gate" has no value',)),
    "gate_without_rules": (1, ('"gate" says nothing',)),
    "rule_is_number": (2, ('"accuracy"', "{direction: higher, min: 0.9}")),
    "rule_without_direction": (3, ('"accuracy" has no direction', '"direction: higher"', '"direction: lower"')),
    "rule_without_limit": (2, ('"accuracy" has no limit', "max-regression")),
    "direction_no": (2, ('"direction" must be higher or lower, not "no"',)),
    "direction_typo": (2, ('did you mean "higher"?',)),
    "direction_without_value": (2, ('"direction" has no value',)),
    "min_quoted": (2, ('"min" must be a number', "quotes", "0.9")),
    "min_percent": (2, ("write 0.9", '"90%"')),
    "min_comma": (2, ('"min" must be a finite number, not "0,9"',)),
    "min_nan": (2, ('"min" must be a finite number, not ".nan"',)),
    "max_overflow": (2, ('"max" must be a finite number, not 1e999.',)),
    "min_boolean": (2, ('"min" must be a finite number, not "on"',)),
    "min_octal": (2, ('"min" must be a finite number, not "010"',)),
    "min_above_max": (2, ("min 0.9 above max 0.5",)),
    "regression_negative": (2, ('"max-regression" must not be negative',)),
    "regression_negative_percent": (2, ('"max-regression" must not be negative',)),
    "regression_two_percents": (2, ("such as 2%", '"2%%"')),
    "regression_in_words": (2, ("such as 2%", '"2 percent"')),
    "regression_infinite": (2, ("such as 2%", '".inf"')),
    "metric_without_name": (2, ("1 to 250 characters, not 0",)),
    "metric_name_too_long": (2, ("1 to 250 characters, not 251",)),
    "metric_name_with_line_end": (2, ('"accu\\nracy"', "control character")),
    "policy_is_text": (1, ("{no-baseline: fail}", '"strict"')),
    "policy_choice": (2, ('"inconclusive" must be pass or fail, not "warn"',)),
    "policy_choice_typo": (2, ('did you mean "fail"?',)),
    "confidence_percent": (1, ("write 0.95",)),
    "confidence_ninety_five": (1, ("less than 1", "write 0.95")),
    "confidence_one": (1, ("less than 1",)),
    # predictions, repeats and slices
    "predictions_is_text": (1, ("{path: predictions.csv}",)),
    "predictions_without_path": (1, ('"predictions" has no path',)),
    "predictions_ending": (
        1,
        (
            "predictions.json",
            ".csv, .csv.gz or .parquet",
        ),
    ),
    "predictions_escape": (2, ("out of the repository",)),
    "predictions_glob": (1, ("without wildcards",)),
    "predictions_columns_is_text": (3, ('must be a list (["ndcg"])',)),
    "predictions_column_is_number": (
        3,
        (
            '"target" must be text',
            "quotes",
        ),
    ),
    "predictions_column_name_too_long": (3, ("at most 250 characters",)),
    "predictions_two_roles": (
        4,
        (
            'the column "label" is both "target" and "prediction"',
            "name another",
        ),
    ),
    "predictions_default_taken": (
        3,
        (
            '"y_pred" is both "target" and "prediction"',
            "unless the file says otherwise",
        ),
    ),
    "predictions_group_is_id": (3, ('"id" is both "id" and "group"',)),
    "predictions_slice_of_prediction": (3, ('"y_pred" is both "prediction" and "slices"',)),
    "predictions_slice_twice": (3, ('"slices" has "region" twice',)),
    "predictions_mean_of_target": (3, ('"y_true" is both "target" and "columns"',)),
    "predictions_metric_and_column": (4, ('"accuracy" is in "metrics" and in "columns"',)),
    "predictions_metrics_empty": (3, ('"metrics" is empty',)),
    "repeats_hundred_and_one": (
        1,
        (
            "from 1 to 100",
            "not 101.",
        ),
    ),
    "repeats_in_words": (1, ('"repeats" must be a whole number from 1 to 100, not "five".',)),
    "slices_are_columns": (
        2,
        (
            "{metric: accuracy, max-regression: 0.03}",
            '"slices" under "predictions"',
        ),
    ),
    "slices_without_predictions": (1, ('"slices" needs "predictions"',)),
    "slices_without_columns": (2, ('"slices" needs "slices" under "predictions"',)),
    "slices_without_metric": (2, ("names no metric",)),
    "slices_without_direction": (
        2,
        (
            '"accuracy" has no direction here',
            "no rule in the gate",
            '"direction: lower"',
        ),
    ),
    "slices_of_gate_typo": (
        4,
        (
            '"accuracy" has no direction here',
            'one for "acuracy"',
        ),
    ),
    "slices_other_direction": (
        5,
        (
            "higher here",
            "lower in the gate",
        ),
    ),
    "slices_twice": (2, ('two rules for "f1"',)),
    "slices_not_computed": (
        2,
        (
            '"accuracy", which is not computed',
            '"metrics" under "predictions"',
        ),
    ),
    "slices_empty": (1, ('"slices" is empty',)),
    "slices_min_size_zero": (3, ('"min-size" must be a whole number of at least 1',)),
    "slices_min_size_underscore": (3, ('did you mean "min-size"?',)),
    "slices_regression_negative": (1, ('"max-regression" must not be negative',)),
    "slice_key_at_top": (
        1,
        (
            '"min-size"',
            'belongs under "slices"',
        ),
    ),
    # paths that lead elsewhere
    "absolute_path": (1, ('"/tmp/metrics.json"', "relative path")),
    "windows_path": (2, ("backslash", '"/"')),
    "windows_drive": (1, ('"C:/params.yaml"', "relative path")),
    "home_path": (1, ('"~/metrics.json"', "relative path")),
    "path_escapes": (1, ('"../params.yaml"', "out of the repository")),
    "path_escapes_folder": (2, ('"../../params.yaml"', "out of the repository")),
    "glob_escapes": (1, ('".." after a wildcard',)),
    "folder_escapes": (1, ('"working-directory"', "out of the repository")),
    "folder_glob": (1, ('"working-directory"', "without wildcards")),
    "requirements_escape": (1, ('"requirements"', "out of the repository")),
    "report_in_git": (1, ('".git/config"', "git's own folder")),
    "target_escapes": (1, ('"../other.dvc"', "out of the repository")),
    # several models
    "models_list": (1, ('"models"', "a mapping such as", "not a list")),
    "models_empty": (2, ('"models" says nothing',)),
    "models_in_models": (3, ('"models" belongs at the top level',)),
    "models_typo": (3, ('"working-dir"', 'did you mean "working-directory"')),
    "models_name_is_no_key": (3, ('"fraud detection" cannot be a key',)),
    "models_same_key": (5, ('"churn" and "fraud"', '"Churn"')),
    "models_reserved_key": (2, ('"records" cannot be the key of a model', '"records-model"')),
    "models_nothing_said": (3, ('"fraud" has no value',)),
    "models_inherited_path": (1, ('"../../params.yaml"', "out of the repository")),
    "models_unused_mistake": (1, ('did you mean "direction"',)),
    "models_pass_env": (3, ('"ML_CI_CACHE" is never shown to training',)),
    "models_slices": (1, ('"slices" needs "predictions"',)),
    "pass_env": (3, ('"GITHUB_TOKEN" is never shown to training',)),
    "pass_env_glob": (1, ('"ACTIONS_*" is never shown to training',)),
    "pass_env_text": (1, ('"pass-env" must be a list', '["AWS_*"]')),
    "pass_env_name": (1, ('"AWS KEY" cannot be the name of a variable',)),
    # what going on without would be unsafe
    "policy_rules": (2, ('"rules" must be base or head, not "any"',)),
    "gate_data": (2, ('"gate.data" is not supported by this version of ml-ci',)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_where_and_what(name: str) -> None:
    line, words = BAD[name]
    with pytest.raises(ConfigError) as caught:
        parse((BAD_CONFIGS / f"{name}.yml").read_bytes(), ".ml-ci.yml")
    message = str(caught.value)
    assert message.startswith(f".ml-ci.yml:{line}: ")
    for word in words:
        assert word in message
    assert message.isprintable()
    assert message.endswith((".", "?"))
    for word in ("Traceback", "Error", "yaml.", "<unicode string>", "<byte string>", "object at 0x"):
        assert word not in message
    assert caught.value.exit_code == 2


def test_every_bad_file_is_in_the_table() -> None:
    assert sorted(path.stem for path in BAD_CONFIGS.iterdir()) == sorted(BAD)
    assert len(BAD) >= 40


def test_a_file_without_a_key_has_the_defaults_of_the_contract() -> None:
    config = parse("key: default\n", ".ml-ci.yml")
    assert config == Config()
    assert config.source is None
    assert config.train is None
    assert config.working_directory == "."
    assert config.environment == EnvironmentSpec(kind="auto")
    assert config.timeout == 2 * 60 * 60
    assert config.pull is None
    assert config.inputs == ("**",)
    assert config.metrics is None
    assert config.params == ("params.yaml",)
    assert config.plots == ("plots/*.png", "plots/*.jpg", "plots/*.jpeg", "plots/*.svg")
    assert config.predictions is None
    assert config.repeats == 1
    assert config.gate == ()
    assert config.slices == ()
    assert config.policy.confidence == 0.95
    assert config.policy.inconclusive == "pass"
    assert config.policy.no_baseline == "pass"
    assert config.baseline == "auto"
    assert config.key == "default"
    assert config.unused == {}


def test_the_example_of_the_contract_is_read_whole() -> None:
    assert parse(WHOLE, ".ml-ci.yml") == Config(
        train="python train.py",
        working_directory=".",
        environment=EnvironmentSpec(kind="auto"),
        timeout=7200,
        pull=None,
        inputs=("**",),
        metrics=("metrics.json",),
        params=("params.yaml",),
        plots=("plots/*.png",),
        predictions=PredictionsSpec(
            path="predictions.parquet",
            group="customer_id",
            slices=("region", "plan"),
            metrics=("accuracy", "roc_auc"),
            columns=("ndcg",),
            named=frozenset({"id", "target", "prediction", "score"}),
        ),
        repeats=1,
        gate=(
            Rule(metric="accuracy", direction="higher", min=0.9, max_regression=Tolerance(value=0.005)),
            Rule(metric="rmse", direction="lower", max=4.0, max_regression=Tolerance(value=0.02, relative=True)),
        ),
        policy=Policy(confidence=0.95, inconclusive="pass", no_baseline="pass"),
        baseline="auto",
        key="default",
        report="report.md",
    )


def test_each_key_that_has_no_effect_yet_is_a_warning_with_its_line() -> None:
    text = "key: a\nevaluate: python evaluate.py\nattribute: true\nmax-trainings: 4\n"
    config = parse(text, ".ml-ci.yml")
    assert config.unused == {"evaluate": 2, "attribute": 3, "max-trainings": 4}
    assert [warning.split('"')[1] for warning in unused_warnings(config)] == list(config.unused)
    assert all("has no effect" in warning for warning in unused_warnings(config))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1h 30m", 5400), ("1h2m3s", 3723), ("90", 90),
        ("0.5", 0.5), ('"2h"', 7200), ("840h", 35 * 24 * 3600),
    ],
)  # fmt: skip
def test_a_time_is_read_as_seconds(written: str, seconds: float) -> None:
    assert parse(f"timeout: {written}\n", "f").timeout == seconds


@pytest.mark.parametrize(
    ("written", "tolerance"),
    [
        ("0.005", Tolerance(value=0.005)),
        ("0", Tolerance(value=0)),
        ("1e-3", Tolerance(value=0.001)),
        (".5", Tolerance(value=0.5)),
        ("2%", Tolerance(value=0.02, relative=True)),
        ("2 %", Tolerance(value=0.02, relative=True)),
        ('"2%"', Tolerance(value=0.02, relative=True)),
        ("0%", Tolerance(value=0, relative=True)),
        # 0.7 / 100 in binary is 0.006999999999999999
        ("0.7%", Tolerance(value=0.007, relative=True)),
        ("150%", Tolerance(value=1.5, relative=True)),
    ],
)
def test_a_tolerance_is_a_number_or_a_percentage(written: str, tolerance: Tolerance) -> None:
    config = parse(f"gate: {{accuracy: {{direction: higher, max-regression: {written}}}}}\n", "f")
    assert config.gate[0].max_regression == tolerance


def test_columns_with_a_usual_name_need_not_be_there_unless_the_file_names_them() -> None:
    assert parse("predictions: {path: ./out/p.csv.gz}\n", "f").predictions == PredictionsSpec(
        path="out/p.csv.gz",
        id="id",
        target="y_true",
        prediction="y_pred",
        score="y_score",
        group=None,
        slices=(),
        metrics=None,
        columns=(),
        named=frozenset(),
    )
    named = parse("predictions: {path: p.csv, target: label, group: patient}\n", "f").predictions
    assert named is not None
    assert (named.target, named.named) == ("label", frozenset({"target"}))


@pytest.mark.parametrize(
    "roles",
    ["prediction: p, score: p", "slices: [y_true]", "group: site, slices: [site, ward]"],
)
def test_one_column_may_have_two_roles_where_that_means_something(roles: str) -> None:
    assert parse(f"predictions: {{path: p.csv, {roles}}}\n", "f").predictions is not None


@pytest.mark.parametrize(("written", "repeats"), [("1", 1), ("5", 5), ("100", 100), ("5.0", 5)])
def test_each_side_is_trained_as_often_as_the_file_says(written: str, repeats: int) -> None:
    assert parse(f"repeats: {written}\n", "f").repeats == repeats


SLICED = """\
gate: {rmse: {direction: lower, max-regression: 2%}}
predictions: {path: p.csv, slices: [region], columns: [ndcg]}
slices:
"""


def test_slices_are_one_rule() -> None:
    config = parse(SLICED + "  {metric: accuracy, direction: higher, max-regression: 0.03, min-size: 20}\n", "f")
    rule = SliceRule(metric="accuracy", direction="higher", max_regression=Tolerance(value=0.03), min_size=20)
    assert config.slices == (rule,)


def test_slices_are_a_list_of_rules_and_take_the_direction_from_the_gate() -> None:
    config = parse(SLICED + "  - {metric: rmse}\n  - {metric: ndcg, direction: higher, max-regression: 1%}\n", "f")
    assert config.slices == (
        SliceRule(metric="rmse", direction="lower", max_regression=None, min_size=50),
        SliceRule(metric="ndcg", direction="higher", max_regression=Tolerance(value=0.01, relative=True), min_size=50),
    )


def test_the_order_of_gate_predictions_and_slices_does_not_matter() -> None:
    gate, predictions, slices = SLICED.splitlines(keepends=True)
    backwards = slices + "  {metric: rmse}\n" + predictions + gate
    assert parse(backwards, "f") == parse(SLICED + "  {metric: rmse}\n", "f")


@pytest.mark.parametrize(
    ("written", "environment"),
    [
        ("auto", EnvironmentSpec(kind="auto")),
        ("none", EnvironmentSpec(kind="none")),
        ("{requirements: ./ci/req.txt}", EnvironmentSpec(kind="requirements", value="ci/req.txt")),
        ("{command: make env && true}", EnvironmentSpec(kind="command", value="make env && true")),
    ],
)
def test_an_environment_has_four_forms(written: str, environment: EnvironmentSpec) -> None:
    assert parse(f"environment: {written}\n", "f").environment == environment


@pytest.mark.parametrize(
    ("written", "pull"),
    [("auto", None), ("true", True), ("false", False), ("[data.dvc, train]", ("data.dvc", "train"))],
)
def test_data_are_pulled_as_the_file_says(written: str, pull: bool | tuple[str, ...] | None) -> None:
    assert parse(f"data: {{pull: {written}}}\n", "f").pull == pull


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("./data/*.csv", "data/*.csv"),
        ("data/", "data/**"),
        (".", "**"),
        ("src/../data/*.csv", "data/*.csv"),
        ("données à part/*.csv", "données à part/*.csv"),
    ],
)
def test_a_glob_is_brought_to_the_form_that_git_lists_files_in(written: str, read: str) -> None:
    assert parse(f'inputs: ["{written}"]\n', "f").inputs == (read,)


def test_a_path_may_leave_the_working_directory_but_not_the_repository() -> None:
    config = parse("working-directory: ./models/churn/\nparams: [../../params.yaml]\n", "f")
    assert config.working_directory == "models/churn"
    assert config.params == ("../../params.yaml",)


def test_a_command_may_have_several_lines() -> None:
    assert parse("train: |\n  make data\n  make train\n", "f").train == "make data\nmake train"


def test_metric_names_are_taken_as_they_are_written() -> None:
    text = "gate:\n" + "".join(f"  {name}: {{direction: higher, min: 0}}\n" for name in ("no", "1", "val/F1 (macro)"))
    assert [rule.metric for rule in parse(text, "f").gate] == ["no", "1", "val/F1 (macro)"]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfkey: churn\n", b"key: churn\r\n", b"---\nkey: churn\n...\n"])
def test_a_byte_order_mark_windows_lines_and_document_marks_are_fine(content: bytes) -> None:
    assert parse(content, "f").key == "churn"


def test_a_file_of_more_than_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / ".ml-ci.yml"
    file.write_bytes(b"key: default\n" + b"#" * MAX_BYTES)
    with pytest.raises(ConfigError, match=r"^\.ml-ci\.yml:1: the file is larger than 256 KiB"):
        load(None, tmp_path)


def test_a_message_stays_on_one_line_whatever_the_key_is() -> None:
    with pytest.raises(ConfigError) as caught:
        parse('"a\\nb\\e[31m' + "x" * 500 + '": 1\n', "odd\nname")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_without_a_file_every_key_has_its_default(tmp_path: Path) -> None:
    assert load(None, tmp_path) == Config()


@pytest.mark.parametrize("name", [".ml-ci.yml", ".ml-ci.yaml"])
def test_the_file_at_the_top_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("key: churn\n")
    config = load(None, tmp_path)
    assert (config.key, config.source) == ("churn", tmp_path / name)


def test_two_files_at_the_top_are_an_error(tmp_path: Path) -> None:
    for name in (".ml-ci.yml", ".ml-ci.yaml"):
        (tmp_path / name).write_text("key: churn\n")
    with pytest.raises(ConfigError, match=r"both \.ml-ci\.yml and \.ml-ci\.yaml"):
        load(None, tmp_path)


def test_a_named_file_is_read_and_named_relative_to_the_repository(tmp_path: Path) -> None:
    file = tmp_path / "ci" / "gate.yml"
    file.parent.mkdir()
    file.write_text("kez: churn\n")
    with pytest.raises(ConfigError, match=r'^ci/gate\.yml:1: "kez" is not a key here; did you mean "key"\?$'):
        load(file, tmp_path)
    file.write_text("key: churn\n")
    assert load(file, tmp_path).source == file


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^gate\.yml does not exist"):
        load(tmp_path / "gate.yml", tmp_path)


def test_a_broken_link_is_an_error_and_not_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".ml-ci.yml").symlink_to("nowhere.yml")
    with pytest.raises(ConfigError, match="does not exist"):
        load(None, tmp_path)


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("token: hunter2\n")
    top = tmp_path / "repository"
    top.mkdir()
    (top / ".ml-ci.yml").symlink_to(tmp_path / "secret.yml")
    with pytest.raises(ConfigError, match="leads out of the repository") as caught:
        load(None, top)
    assert "token" not in str(caught.value)


def test_a_folder_or_a_pipe_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".ml-ci.yml").mkdir()
    with pytest.raises(ConfigError, match=r"\.ml-ci\.yml is not a file"):
        load(None, tmp_path)
    os.mkfifo(tmp_path / "pipe.yml")
    with pytest.raises(ConfigError, match=r"pipe\.yml is not a file"):
        load(tmp_path / "pipe.yml", tmp_path)


def test_a_key_from_elsewhere_is_held_to_the_same() -> None:
    assert key_name("churn-2.v1", "The input key") == "churn-2.v1"
    with pytest.raises(ConfigError, match=r"^The input key: \"\.\./\.\./main\" cannot be a key"):
        key_name("../../main", "The input key")


def test_the_training_digest_is_the_hash_of_what_is_said_about_training() -> None:
    said = (
        '{"data":null,"environment":["auto",""],"metrics":null,"params":["params.yaml"],"plots":["plots/*.png"],'
        '"predictions":null,"repeats":1,"train":null,"working-directory":"."}'
    )
    assert training_digest(Config()) == hashlib.sha256(said.encode()).hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        "gate: {accuracy: {direction: higher, min: 0.9}}", "policy: {no-baseline: fail}", "baseline: train",
        "key: churn", "timeout: 3h", "train: python train.py # as before",
    ],
)  # fmt: skip
def test_a_change_of_a_rule_is_no_change_of_training(line: str) -> None:
    before = parse("train: python train.py\n", "f")
    text = line if line.startswith("train") else f"train: python train.py\n{line}"
    assert training_digest(parse(text + "\n", "f")) == training_digest(before)


@pytest.mark.parametrize(
    "line",
    [
        "train: make", "working-directory: churn", "environment: none", "data: {pull: false}", "data: {pull: [a]}",
        "params: [p.yaml]", "metrics: [m.json]", 'plots: ["*.png"]', "repeats: 2", "predictions: {path: p.csv}",
    ],
)  # fmt: skip
def test_a_change_of_training_is_one(line: str) -> None:
    assert training_digest(parse(f"{line}\n", "f")) != training_digest(Config())


def test_the_manual_names_every_key() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    levels = (
        config_keys.TOP,
        config_keys.RULE,
        config_keys.SLICE,
        config_keys.POLICY,
        config_keys.DATA,
        config_keys.ENVIRONMENT,
        config_keys.PREDICTIONS,
    )
    for key in (key for level in levels for key in level):
        assert f"`{key}`" in manual


def test_every_example_of_the_manual_is_a_good_file() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        assert parse(example, "docs/configuration.md").unused == {}


def test_reading_the_file_imports_nothing_slow() -> None:
    program = (
        "import sys, ml_ci.config_reader as reader\n"
        "assert 'yaml' not in sys.modules\n"
        "reader.parse('gate: {a: {direction: higher, min: 1}}', 'f')\n"
        "slow = {'pydantic', 'mlflow', 'dvc', 'sklearn', 'matplotlib', 'numpy', 'rich', 'jinja2', 'github'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    top = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=top, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
