"""Ways past the gate of a published verdict: each one had worked once, and none does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_ci.cli_publish import _said_head
from ml_ci.config import Config
from ml_ci.config_reader import parse
from ml_ci.judged_anew import Ground, judge_model, rules_of
from ml_ci.predictions import Predictions
from ml_ci.records import Metric, Run, read_record, write_record
from ml_ci.result import Result
from ml_ci.sources.archive import HandoverError
from ml_ci.sources.handed_run import read_side
from ml_ci.sources.handover import HandedOver
from ml_ci.sources.kept_predictions import from_parquet, to_parquet
from ml_ci.sources.record_store import Folder, Records
from tests.handed_over import with_predictions
from tests.runs import BASE, HEAD, run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GATE = "gate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
WITH_PREDICTIONS = GATE + "predictions: {path: predictions.csv}\n"
SLICED = (
    GATE
    + "predictions: {path: predictions.csv, slices: [region]}\n"
    + "slices: {metric: accuracy, max-regression: 0.02, min-size: 50}\n"
)
RANKED = "gate:\n  roc_auc: {direction: higher, max-regression: 0.01}\npredictions: {path: predictions.csv}\n"
COUNT = 400


def predicted(wrong: int = 40) -> Predictions:
    """Predictions of 400 examples, the last of them wrong."""
    import numpy as np

    ids = np.arange(COUNT)
    truth = ids % 2
    found = np.where(ids < COUNT - wrong, truth, 1 - truth)
    return Predictions(source="x", test_set="", id=ids, target=truth, prediction=found)


def by_region(wrong: NDArray[np.int64]) -> Predictions:
    """The same examples, the last 100 of them from another region, with these ones wrong."""
    import numpy as np

    ids = np.arange(COUNT)
    truth, flipped = ids % 2, np.isin(ids, wrong)
    region = np.where(ids < 300, "north", "south")
    return replace(predicted(), prediction=np.where(flipped, 1 - truth, truth), slices={"region": region})


def side(commit: str, predictions: Predictions, **metrics: float) -> tuple[Run, bytes]:
    """A run that says these metrics are those of its predictions, and the file of these."""
    content = to_parquet(predictions)
    said = {name: Metric(value=value, source="predictions.csv") for name, value in metrics.items()}
    found = replace(run(commit), metrics=said, test_set=from_parquet(content, "x").test_set)
    return with_predictions(found, content, len(predictions)), content


def handed(head: Run, parquet: bytes | None = None, key: str = "default") -> HandedOver:
    """What a job handed over of its head, and nothing of its base."""
    return HandedOver(
        key=key,
        head=replace(head, key=key),
        head_origin="trained",
        base=None,
        base_origin="none",
        base_commit=BASE,
        head_parquet=parquet,
    )


def judged(
    tmp_path: Path,
    base: str,
    head: str,
    models: Sequence[HandedOver],
    recorded: Sequence[tuple[Run, bytes | None]] = ((run(BASE, accuracy=0.9), None),),
) -> dict[str, Result]:
    """The results by key, with the configurations of both sides and these records of the base."""
    records = Records(Folder(tmp_path / "records"), "the records")
    for found, content in recorded:
        records.add(found, {}, content, recorded=True)
    rules = rules_of(parse(base, "base"), lambda: parse(head, "head"), Config())
    ground = Ground(head_commit=HEAD, base_commit=BASE, doubt=lambda _: "", stores=(records,), warnings=rules.warnings)
    return {each.config.key: judge_model(models, each, ground, tmp_path) for each in rules.judged}


# -- models


def test_a_model_that_takes_the_name_of_bases_only_one_does_not_get_rid_of_its_rules(tmp_path: Path) -> None:
    worse = [handed(run(accuracy=0.5), key=key) for key in ("default", "other")]

    found = judged(tmp_path, GATE, "models:\n  default: {key: other}\n", worse)

    assert found["default"].verdict == "fail"


def test_a_model_with_the_name_of_one_and_the_key_of_another_stands_for_one_of_them_only(tmp_path: Path) -> None:
    base = GATE + "models:\n  churn: {timeout: 1h}\n  spam: {timeout: 1h}\n"
    recorded = [(replace(run(BASE, accuracy=0.9), key=key), None) for key in ("churn", "spam")]
    models = [handed(run(accuracy=0.9), key="churn"), handed(run(accuracy=0.1), key="spam")]

    found = judged(tmp_path, base, "models:\n  spam: {key: churn}\n", models, recorded)

    assert {key: result.verdict for key, result in found.items()} == {"churn": "pass", "spam": "fail"}


def test_a_single_model_with_the_name_of_one_of_bases_is_judged_by_its_rules(tmp_path: Path) -> None:
    base = GATE + "models:\n  default: {key: churn}\n"
    recorded = [(replace(run(BASE, accuracy=0.9), key="churn"), None)]

    found = judged(tmp_path, base, "train: python other.py\n", [handed(run(accuracy=0.1), key="churn")], recorded)

    assert {result.verdict for result in found.values()} == {"fail"}


def test_more_models_than_are_published_are_judged_as_base_says(tmp_path: Path) -> None:
    many = "models:\n" + "".join(f"  m{number}: {{timeout: 1h}}\n" for number in range(101))

    found = judged(tmp_path, GATE, many, [handed(run(accuracy=0.95))])

    assert list(found) == ["default"]
    assert any("101 models" in warning for warning in found["default"].warnings)


# -- predictions


def test_bases_fingerprint_and_numbers_do_not_take_the_place_of_predictions(tmp_path: Path) -> None:
    base, content = side(BASE, predicted(), accuracy=0.9)
    head = replace(run(), fingerprint=base.fingerprint, metrics=base.metrics)

    found = judged(tmp_path, WITH_PREDICTIONS, WITH_PREDICTIONS, [handed(head)], [(base, content)])

    assert found["default"].verdict == "fail"
    assert "missing" in str(found["default"].decision)


def test_bases_fingerprint_and_numbers_do_not_hide_a_slice_that_got_worse(tmp_path: Path) -> None:
    import numpy as np

    base, before = side(BASE, by_region(np.arange(40)), accuracy=0.9)
    head, after = side(HEAD, by_region(np.r_[0:15, 300:325]), accuracy=0.9)
    head = replace(head, fingerprint=base.fingerprint, metrics=base.metrics)

    found = judged(tmp_path, SLICED, SLICED, [handed(head, after)], [(base, before)])

    assert found["default"].verdict == "fail"
    assert "south" in str(found["default"].decision)


def test_columns_that_nobody_asked_for_part_no_examples(tmp_path: Path) -> None:
    import numpy as np

    base, before = side(BASE, by_region(np.arange(40)), accuracy=0.9)
    more = {f"more{number}": np.where(np.arange(COUNT) % (number + 2), "a", "b") for number in range(20)}
    predictions = by_region(np.r_[0:15, 300:325])
    head, after = side(HEAD, replace(predictions, slices={**predictions.slices, **more}), accuracy=0.9)

    found = judged(tmp_path, SLICED, SLICED, [handed(head, after)], [(base, before)])

    decision = found["default"].decision
    assert decision
    assert {part.column for part in decision.slices} == {"region"}


@pytest.mark.parametrize("config", [WITH_PREDICTIONS, WITH_PREDICTIONS.replace(".csv", ".csv, group: patient")])
def test_groups_that_base_does_not_ask_for_make_no_fall_uncertain(tmp_path: Path, config: str) -> None:
    import numpy as np

    base, before = side(BASE, predicted(40), accuracy=0.9)
    ids = np.arange(COUNT)
    head, after = side(HEAD, replace(predicted(80), group=np.where(ids < 320, ids % 6, 7)), accuracy=0.8)

    found = judged(tmp_path, WITH_PREDICTIONS, config, [handed(head, after)], [(base, before)])

    assert found["default"].verdict == "fail"


def test_a_column_with_the_name_of_a_metric_is_not_that_metric(tmp_path: Path) -> None:
    import numpy as np

    base, before = side(BASE, predicted(40), accuracy=0.9)
    head, after = side(HEAD, replace(predicted(300), columns={"accuracy": np.ones(COUNT)}), accuracy=1.0)

    found = judged(tmp_path, WITH_PREDICTIONS, WITH_PREDICTIONS, [handed(head, after)], [(base, before)])

    assert found["default"].head
    assert found["default"].head.metrics["accuracy"].value == 0.25
    assert found["default"].verdict == "fail"


@pytest.mark.parametrize("path", ["predictions.csv", "others.csv"])
@pytest.mark.parametrize("source", ["predictions.csv", "mlflow"])
def test_a_metric_that_predictions_do_not_give_is_not_taken_from_what_training_says(
    tmp_path: Path, path: str, source: str
) -> None:
    import numpy as np

    score = (np.arange(COUNT) % 2) * 0.5 + np.linspace(0, 1, COUNT)
    base, before = side(BASE, replace(predicted(), score=score), roc_auc=0.8)
    head, after = side(HEAD, predicted())
    head = replace(head, metrics={"roc_auc": Metric(value=0.99, source=source)})
    config = RANKED.replace("predictions.csv", path)

    found = judged(tmp_path, RANKED, config, [handed(head, after)], [(base, before)])

    assert found["default"].verdict == "fail"
    assert "roc_auc is missing" in str(found["default"].decision)


@pytest.mark.parametrize("repeats", [(0.99, 0.99), (0.25, 0.25)])
def test_a_mean_is_that_of_its_repeats_of_which_predictions_give_the_first(
    tmp_path: Path, repeats: tuple[float, ...]
) -> None:
    base, before = side(BASE, predicted(40), accuracy=0.9)
    head, after = side(HEAD, predicted(300))
    said = Metric(value=0.99, source="predictions.csv", repeats=repeats)
    head = replace(head, metrics={"accuracy": said})
    config = WITH_PREDICTIONS + "repeats: 2\n"

    found = judged(tmp_path, config, config, [handed(head, after)], [(base, before)])

    assert found["default"].head
    assert found["default"].head.metrics["accuracy"].value == 0.25
    assert found["default"].verdict == "fail"


# -- what stays


@pytest.mark.parametrize("named", ["test_set", "fingerprint"])
def test_what_is_noted_of_a_verdict_is_a_digest_and_no_text_of_any_length(tmp_path: Path, named: str) -> None:
    found = read_record(write_record(run()), "x")
    changed = replace(found, test_set=1000 * "x") if named == "test_set" else replace(found, fingerprint=1000 * "x")
    (tmp_path / "head.json").write_text(write_record(changed))

    with pytest.raises(HandoverError, match="no digest"):
        read_side(tmp_path, "head", "default")


def test_a_record_has_no_more_repeats_than_fit_in_memory(tmp_path: Path) -> None:
    many = {f"m{number}": Metric(value=1, repeats=1000 * (1.0,)) for number in range(101)}
    (tmp_path / "head.json").write_text(write_record(replace(run(), metrics=many)))

    with pytest.raises(HandoverError, match="more than 100,000 values"):
        read_side(tmp_path, "head", "default")


@pytest.mark.parametrize("commit", ["--upload-pack=x", "main", HEAD[:12], ""])
def test_the_commit_that_a_folder_says_to_be_about_is_one(tmp_path: Path, commit: str) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"head": {"commit": commit}}))

    with pytest.raises(HandoverError, match="of which commit"):
        _said_head(tmp_path)
