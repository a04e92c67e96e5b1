"""Several models in one configuration: what each of them is told, and what becomes of the job."""

from __future__ import annotations

import pytest

from ml_ci.config import Config, Rule, Tolerance
from ml_ci.config_models import at_base, chosen, of_runs
from ml_ci.config_reader import parse
from ml_ci.errors import ConfigError

TWO = """
train: python train.py
gate:
  accuracy: {direction: higher, max-regression: 0.01}
  loss: {direction: lower, max: 3}
policy: {no-baseline: fail}
models:
  churn: {working-directory: models/churn, params: [../shared.yaml]}
  Fraud:
    key: fraud-v2
    working-directory: fraud
    gate: {rmse: {direction: lower, max-regression: 2%}}
"""


def models_of(text: str) -> tuple[Config, ...]:
    return parse(text, ".ml-ci.yml").models


# -- what a model's configuration is


def test_a_model_has_its_own_keys_and_those_of_the_top_level_that_it_lacks() -> None:
    churn, fraud = models_of(TWO)
    assert (churn.working_directory, churn.train, churn.params) == (
        "models/churn",
        "python train.py",
        ("../shared.yaml",),
    )
    assert [rule.metric for rule in churn.gate] == ["accuracy", "loss"]
    assert churn.policy == fraud.policy
    assert churn.policy.no_baseline == "fail"
    assert fraud.params == ("params.yaml",)


def test_a_models_own_gate_replaces_the_top_levels_as_a_whole() -> None:
    fraud = models_of(TWO)[1]
    assert fraud.gate == (Rule(metric="rmse", direction="lower", max_regression=Tolerance(value=0.02, relative=True)),)


def test_a_models_key_is_its_name_unless_it_says_another() -> None:
    assert [(model.name, model.key) for model in models_of(TWO)] == [("churn", "churn"), ("Fraud", "fraud-v2")]


def test_the_top_levels_key_names_the_whole_and_is_nobodys() -> None:
    config = parse("key: nightly\nmodels: {churn: {train: make churn}}\n", "f")
    assert (config.key, config.models[0].key) == ("nightly", "churn")


def test_a_model_may_have_the_key_of_the_whole_so_that_it_keeps_the_records_it_had_alone() -> None:
    config = parse("models: {churn: {key: default, train: make churn}}\n", "f")
    assert (config.key, config.models[0].key) == ("default", "default")


def test_without_models_there_are_none() -> None:
    config = parse("train: make\n", "f")
    assert (config.models, config.name) == ((), "")


def test_what_every_model_replaces_may_stand_at_the_top_all_the_same() -> None:
    text = "gate: {a: {direction: higher, min: 0}}\nmodels: {m: {gate: {b: {direction: higher, min: 1}}}}\n"
    assert [rule.metric for rule in models_of(text)[0].gate] == ["b"]


def test_a_models_slices_take_their_direction_from_its_own_gate() -> None:
    text = (
        "slices: {metric: b, max-regression: 0.1}\npredictions: {path: p.csv, slices: [region]}\n"
        "gate: {a: {direction: higher, min: 0}}\nmodels: {m: {gate: {b: {direction: lower, max: 1}}}}\n"
    )
    assert models_of(text)[0].slices[0].direction == "lower"


def test_fifty_models_are_fifty_configurations() -> None:
    text = "models:\n" + "".join(f"  model-{n}: {{working-directory: m/{n}}}\n" for n in range(50))
    assert [model.working_directory for model in models_of(text)] == [f"m/{n}" for n in range(50)]


# -- one of them


@pytest.mark.parametrize(("name", "key"), [("churn", "churn"), ("Fraud", "fraud-v2"), ("fraud-v2", "fraud-v2")])
def test_one_model_is_named_by_its_name_or_its_key(name: str, key: str) -> None:
    assert chosen(parse(TWO, "f"), name).key == key


def test_nobody_named_is_all_of_them() -> None:
    config = parse(TWO, "f")
    assert chosen(config, None) is config


def test_a_model_that_is_not_there_is_told_which_are() -> None:
    with pytest.raises(ConfigError, match=r'no model "chrun"; did you mean "churn"\? Its models are churn, fraud-v2\.'):
        chosen(parse(TWO, "f"), "chrun")


def test_a_file_without_models_has_none_to_name() -> None:
    with pytest.raises(ConfigError, match="has no `models`"):
        chosen(parse("train: make\n", "f"), "churn")


def test_two_records_say_which_model_they_are_of() -> None:
    assert of_runs(parse(TWO, "f"), ["churn", "churn"]).key == "churn"


def test_a_metrics_file_beside_a_record_is_of_the_records_model() -> None:
    assert of_runs(parse(TWO, "f"), ["default", "fraud-v2"]).key == "fraud-v2"


@pytest.mark.parametrize(("keys", "words"), [(["default"], "do not say"), (["churn", "fraud-v2"], "different models")])
def test_runs_of_no_model_or_of_two_need_one_named(keys: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"{words}.*--model.*churn, fraud-v2"):
        of_runs(parse(TWO, "f"), keys)


# -- the base's


def base_of(base: str, head: str, key: str) -> Config | None:
    return at_base(parse(base, "base"), next(m for m in models_of(head) if m.key == key))


def test_the_base_of_a_model_is_the_one_with_its_key() -> None:
    found = base_of("models: {churn: {train: make old}}", "models: {churn: {train: make new}}", "churn")
    assert found
    assert found.train == "make old"


def test_a_model_whose_key_changed_is_found_by_its_name() -> None:
    found = base_of("models: {churn: {train: make old}}", "models: {churn: {train: make, key: c2}}", "c2")
    assert found
    assert found.key == "churn"


def test_a_model_that_is_new_on_head_has_nothing_on_the_base() -> None:
    assert base_of("models: {churn: {train: make}}", "models: {churn: {train: make}, new: {train: x}}", "new") is None


def test_a_base_with_one_model_is_about_the_model_that_has_its_key() -> None:
    head = "models: {churn: {train: make churn}, fraud: {train: make fraud}}"
    found = base_of("key: churn\ntrain: make", head, "churn")
    assert found
    assert found.train == "make"
    assert base_of("key: churn\ntrain: make", head, "fraud") is None


def test_where_both_have_one_model_its_key_may_change() -> None:
    own = parse("key: old\ntrain: make", "base")
    assert at_base(own, parse("key: new\ntrain: make", "head")) is own
