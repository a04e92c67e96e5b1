"""How much each feature matters: from files, from what autologging writes, and from models that MLflow keeps."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_ci.sources import model_importance, process
from ml_ci.sources.importance import Interpreter, Sought, from_files, largest, logged, parse, patterns
from ml_ci.sources.mlflow_variables import quicken
from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository, clean_variables

FOUND = {"age": 0.5, "income": -0.25}


# -- files


@pytest.mark.parametrize(
    "document",
    [
        {"age": 0.5, "income": -0.25},
        {"age": 0.5, "income": "-0.25", "note": "words", "flag": True, "nothing": None, "bad": float("nan")},
        [{"feature": "age", "importance": 0.5}, {"feature": "income", "importance": -0.25}],
        {"feature": ["age", "income"], "importance": [0.5, -0.25]},
    ],
)
def test_json_as_people_write_it(document: object) -> None:
    assert parse(json.dumps(document).encode(), ".json") == FOUND


@pytest.mark.parametrize("index", [True, False])
def test_csv_as_pandas_writes_it(index: bool) -> None:
    table = pd.DataFrame({"feature": list(FOUND), "importance": list(FOUND.values()), "std": [0.1, 0.2]})
    assert parse(table.to_csv(index=index).encode(), ".csv") == FOUND
    assert parse(pd.Series(FOUND).to_csv().encode(), ".csv") == FOUND


def test_no_numbers_are_no_importance() -> None:
    for text in ("[]", "{}", "3", '"x"', "null", "[1, 2]", '{"a": {"b": 1}}'):
        assert parse(text.encode(), ".json") == {}
    assert parse(b"", ".csv") == {}


def test_the_hundred_largest_by_size_are_kept() -> None:
    kept = largest({f"f{number}": float(number) * (-1) ** number for number in range(500)})
    assert len(kept) == 100
    assert list(kept.items())[:2] == [("f499", -499.0), ("f498", 498.0)]


def test_files_are_looked_for_beside_the_metrics() -> None:
    assert patterns(["metrics.json", "out/m*.csv"]) == (
        "feature_importance*.json",
        "feature_importance*.csv",
        "out/feature_importance*.json",
        "out/feature_importance*.csv",
    )


def test_gain_says_more_than_the_number_of_splits_and_a_broken_file_says_nothing(tmp_path: Path) -> None:
    names = ("feature_importance.json", "feature_importance_gain.json", "feature_importance_split.json")
    paths = [tmp_path / name for name in names]
    for number, path in enumerate(paths):
        path.write_text(json.dumps({"a": number}))
    assert from_files(paths) == {"a": 1}
    paths[1].write_text("{")
    assert from_files(paths) == {"a": 2}


# -- models


def asked(model: object, names: list[str] | None = None) -> dict[str, float]:
    return model_importance.answer(pickle.dumps(model), "pickle", names or [])


def examples() -> tuple[pd.DataFrame, pd.Series]:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["age", "income", "noise"])
    return table, (table.age + 0.3 * table.income > 0).astype(int)


def test_a_forests_importances_are_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestClassifier

    table, target = examples()
    model = RandomForestClassifier(n_estimators=10, random_state=0).fit(table, target)
    assert asked(model) == pytest.approx(dict(zip(table.columns, model.feature_importances_, strict=True)))


def test_a_linear_models_importances_are_its_coefficients() -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    table, target = examples()
    line = LinearRegression().fit(table, target)
    assert asked(line) == pytest.approx(dict(zip(table.columns, line.coef_, strict=True)))
    two = LogisticRegression().fit(table.to_numpy(), target)
    assert asked(two) == pytest.approx(dict(zip(["x0", "x1", "x2"], two.coef_[0], strict=True)))
    assert set(asked(two, ["a", "b", "c"])) == {"a", "b", "c"}
    three = LogisticRegression().fit(table, target + (table.age > 1))
    sizes = np.abs(three.coef_).mean(axis=0)
    assert asked(three) == pytest.approx(dict(zip(table.columns, sizes, strict=True)))


def test_a_search_over_a_pipeline_is_asked_for_the_names_that_its_steps_make() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table, target = examples()
    table["plan"] = ["free", "paid"] * 100
    columns = ColumnTransformer([("plan", OneHotEncoder(), ["plan"]), ("age", "passthrough", ["age"])])
    model = GridSearchCV(make_pipeline(columns, LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2)
    assert set(asked(model.fit(table, target))) == {"plan__plan_free", "plan__plan_paid", "age__age"}


def test_a_model_with_neither_is_no_answer() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    with pytest.raises(AttributeError):
        asked(KNeighborsClassifier().fit(*examples()))


# -- in MLflow


def interpreter(folder: Path, **variables: str) -> Interpreter:
    # a busy machine takes long to import scikit-learn
    return Interpreter(directory=folder, variables={**clean_variables(), **variables}, seconds=120)


def log(uri: str, files: Mapping[str, bytes]) -> str:
    """A run with these artifacts."""
    quicken()
    from mlflow import MlflowClient

    from ml_ci.sources.mlflow_client import log_bytes

    client = MlflowClient(tracking_uri=uri)
    run_id = str(client.create_run("0").info.run_id)
    for path, content in files.items():
        log_bytes(client, run_id, content, path)
    return run_id


def test_what_autologging_writes_is_taken(mlflow_server: str, tmp_path: Path) -> None:
    files = {
        "feature_importance_split.json": b'{"a": 3}',
        "feature_importance_gain.json": b'{"a": 0.5}',
        "feature_importance_gain.png": b"",
        "metric_info.json": b'{"b": 1}',
    }
    assert logged(mlflow_server, log(mlflow_server, files), interpreter(tmp_path)) == {"a": 0.5}


def test_a_run_without_any_has_none(mlflow_server: str, tmp_path: Path) -> None:
    assert logged(mlflow_server, log(mlflow_server, {"notes/a.txt": b"x"}), interpreter(tmp_path)) == {}
    assert logged(mlflow_server, log(mlflow_server, {}), interpreter(tmp_path)) == {}


LOGS_A_PIPELINE = """
import json, sys, mlflow, numpy, pandas
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
table = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(200, 3)), columns=["age", "income", "noise"])
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, table.age + 0.3 * table.income > 0)
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(model, name="model", serialization_format=sys.argv[1], pip_requirements=[])
with open("said.json", "w") as file:
    json.dump([run.info.run_id, dict(zip(table.columns, model[-1].coef_[0]))], file)
"""


@pytest.mark.parametrize("form", ["skops", "cloudpickle"])
def test_a_model_that_mlflow_keeps_is_read(mlflow_server: str, tmp_path: Path, form: str) -> None:
    variables = {**clean_variables(), "MLFLOW_TRACKING_URI": mlflow_server}
    program = [sys.executable, "-c", LOGS_A_PIPELINE, form]
    subprocess.run(program, cwd=tmp_path, env=variables, capture_output=True, check=True)
    run_id, coefficients = json.loads((tmp_path / "said.json").read_text())
    assert logged(mlflow_server, run_id, interpreter(tmp_path)) == pytest.approx(coefficients)


OWN_CLASS = """
class Model:
    def __init__(self, **values):
        self.feature_names_in_, self.coef_ = list(values), list(values.values())
"""
MLMODEL = (
    "flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle}\n"
    'signature:\n  inputs: \'[{"type": "double", "name": "from_signature"}]\'\n'
)


def own_model(folder: Path, **values: float) -> dict[str, bytes]:
    """A model of a class that only the folder's own code has, as MLflow 2 keeps it."""
    (folder / "mine.py").write_text(OWN_CLASS)
    program = f"import mine, pickle, sys; sys.stdout.buffer.write(pickle.dumps(mine.Model(**{values})))"
    content = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, check=True).stdout
    return {"model/MLmodel": MLMODEL.encode(), "model/model.pkl": content}


def test_a_class_of_the_repositorys_own_is_found_where_training_runs(mlflow_server: str, tmp_path: Path) -> None:
    run_id = log(mlflow_server, own_model(tmp_path, age=1.5, income=-2.0))
    assert logged(mlflow_server, run_id, interpreter(tmp_path)) == {"income": -2.0, "age": 1.5}


class Opens:
    """What a pickle can do to whoever reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (f"open({str(self.path)!r}, 'w').write(str(__import__('os').getpid()))",)


def test_a_model_is_read_in_another_process_than_ours(mlflow_server: str, tmp_path: Path) -> None:
    files = {"model/MLmodel": MLMODEL.encode(), "model/model.pkl": pickle.dumps(Opens(tmp_path / "pid"))}
    assert logged(mlflow_server, log(mlflow_server, files), interpreter(tmp_path)) == {}
    assert (tmp_path / "pid").read_text() != str(os.getpid())


def test_a_model_that_never_ends_is_given_up(mlflow_server: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import time\ntime.sleep(600)\n")
    files = {"model/MLmodel": MLMODEL.encode(), "model/model.pkl": b"cmine\nModel\n."}
    run_id = log(mlflow_server, files)
    short = Interpreter(directory=tmp_path, variables=clean_variables(), seconds=1)
    begin = time.monotonic()
    assert Sought(lambda: logged(mlflow_server, run_id, short)).found() == {}
    assert time.monotonic() - begin < 20


def test_an_answer_without_an_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    """A gigabyte a second is what a model can print while it is read."""
    before = time.monotonic()
    said = process.ask(
        [sys.executable, "-c", "while True: print('x' * 100_000)"],
        directory=tmp_path,
        variables=clean_variables(),
        owner=None,
        timeout=30,
        stdin=b"m" * 1_000_000,
        most=200_000,
    )
    assert len(said) == 200_000
    assert time.monotonic() - before < 20


def test_whatever_goes_wrong_is_one_plot_less(tmp_path: Path) -> None:
    def fail() -> Mapping[str, float]:
        raise RuntimeError

    assert Sought(fail).found() == {}
    assert Sought(lambda: logged("http://127.0.0.1:9", "x", interpreter(tmp_path))).found() == {}


# -- in a job

LOGS_A_MODEL = """
import io, pathlib, pickle, re, mlflow
import mine
value = float(re.search(r"accuracy: ([\\d.]+)", pathlib.Path("params.yaml").read_text())[1])
with mlflow.start_run():
    mlflow.log_metric("accuracy", value)
    pathlib.Path("model.pkl").write_bytes(pickle.dumps(mine.Model(age=value, income=-0.25)))
    mlflow.log_artifact("model.pkl", "model")
    mlflow.log_artifact("MLmodel", "model")
"""


def test_both_sides_have_the_importance_of_the_model_that_they_logged(tmp_path: Path, run_job: RunJob) -> None:
    files = {
        "train.py": LOGS_A_MODEL, "mine.py": OWN_CLASS, "MLmodel": MLMODEL, "params.yaml": "accuracy: 0.9\n",
        ".ml-ci.yml": "environment: none\n", ".gitignore": "model.pkl\n__pycache__/\n",
    }  # fmt: skip
    repository = Repository.create(tmp_path / "repo", files)
    repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
    result = run_job(repository)
    assert result.failure is None
    assert result.head is not None
    assert result.base.run is not None
    assert result.head.importance == {"age": 0.8, "income": -0.25}
    assert result.base.run.importance == {"age": 0.9, "income": -0.25}
    # and as it was kept
    again = run_job(repository)
    assert again.base.run is not None
    assert (again.base.origin, again.base.run.importance) == ("found", {"age": 0.9, "income": -0.25})


def test_a_file_that_training_wrote_is_taken_and_one_that_was_there_is_not(tmp_path: Path, run_job: RunJob) -> None:
    writes = (
        WRITES_ACCURACY + 'pathlib.Path("feature_importance.json").write_text(json.dumps({"age": found["accuracy"]}))\n'
    )
    for number, train in enumerate((writes, WRITES_ACCURACY)):
        repository = Repository.create(
            tmp_path / f"repo-{number}",
            {"train.py": train, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": "environment: none\nbaseline: none\n"},
        )
        repository.branch("change").commit({"params.yaml": "accuracy: 0.8\n"})
        repository.write({"feature_importance.json": '{"old": 1}'})
        result = run_job(repository)
        assert result.head is not None
        assert result.head.importance == ({} if number else {"age": 0.8})
        assert not result.head.dirty


def test_the_program_runs_without_ml_ci(tmp_path: Path) -> None:
    source = Path(model_importance.__file__).read_text(encoding="utf-8")
    content = own_model(tmp_path, age=1.0)["model/model.pkl"]
    asked_with = io.BytesIO(json.dumps({"format": "pickle", "names": []}).encode() + b"\n" + content).getvalue()
    done = subprocess.run(
        [sys.executable, "-S", "-c", source], input=asked_with, cwd=tmp_path, capture_output=True, check=True, env={}
    )
    assert json.loads(done.stdout.decode().split(model_importance.MARK)[1]) == {"age": 1.0}
