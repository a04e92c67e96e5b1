"""The predictions file: what is read from it, in every form of it, and what each broken one is told."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import os
import struct
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_ci.config import PredictionsSpec
from ml_ci.predictions import Predictions
from ml_ci.sources.predictions import BrokenPredictionsError, from_parquet, read, to_parquet

FRAME = pd.DataFrame(
    {
        "id": [10, 9, 2, 1],
        "y_true": [1, 0, 1, 0],
        "y_pred": [1, 1, 1, 0],
        "y_score": [0.9, 0.55, 0.7, 1e-07],
        "patient": ["b", "b", "a", "c"],
        "region": ["north", "south", None, "north"],
        "ward": [3.0, 3.0, np.nan, 12.0],
        "ndcg": [1.0, 0.5, 0.25, 0.0],
        "unused": ["x", "y", "z", "not\nread"],
    }
)
WHOLE = PredictionsSpec(path="p", group="patient", slices=("region", "ward"), columns=("ndcg",))
USUAL = PredictionsSpec(path="p")


def as_csv(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


def as_parquet(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_parquet(path, index=False)
    return path


def same(left: Predictions, right: Predictions) -> bool:
    """Whether both hold the same, in arrays of the same kinds."""
    for role in ("id", "target", "prediction", "score", "group"):
        one, other = getattr(left, role), getattr(right, role)
        if (one is None) != (other is None):
            return False
        if one is not None and (one.dtype.kind != other.dtype.kind or not np.array_equal(one, other)):
            return False
    for one, other in ((left.slices, right.slices), (left.columns, right.columns)):
        if list(one) != list(other) or not all(np.array_equal(one[name], other[name]) for name in one):
            return False
    return left.test_set == right.test_set


@pytest.mark.parametrize(
    ("name", "write"),
    [("p.csv", as_csv), ("p.csv.gz", as_csv), ("P.CSV", as_csv), ("p.parquet", as_parquet)],
)
def test_what_is_read_is_what_pandas_reads_sorted_by_id(
    tmp_path: Path, name: str, write: Callable[[pd.DataFrame, Path], Path]
) -> None:
    found = read(write(FRAME, tmp_path / name), f"out/{name}", WHOLE)
    frame = FRAME.sort_values("id")
    assert found.source == f"out/{name}"
    assert len(found) == 4
    assert found.id.tolist() == frame["id"].tolist()
    assert found.target is not None
    assert found.prediction is not None
    assert found.score is not None
    assert found.group is not None
    assert [str(array.dtype) for array in (found.id, found.target, found.score)] == ["int64", "int64", "float64"]
    assert found.target.tolist() == frame["y_true"].tolist()
    assert found.prediction.tolist() == frame["y_pred"].tolist()
    assert found.score.tolist() == frame["y_score"].tolist()
    assert found.group.tolist() == frame["patient"].tolist()
    assert found.slices["region"].tolist() == frame["region"].fillna("").tolist()
    assert found.slices["ward"].tolist() == ["12", "", "3", "3"]
    assert found.columns["ndcg"].tolist() == frame["ndcg"].tolist()


def test_columns_with_a_usual_name_may_be_missing(tmp_path: Path) -> None:
    found = read(as_csv(FRAME[["id", "y_score"]], tmp_path / "p.csv"), "p.csv", USUAL)
    assert (found.target, found.prediction, found.group) == (None, None, None)
    assert found.score is not None


def test_a_file_of_per_example_values_needs_no_prediction(tmp_path: Path) -> None:
    found = read(
        as_csv(FRAME[["id", "ndcg"]], tmp_path / "p.csv"), "p.csv", PredictionsSpec(path="p", columns=("ndcg",))
    )
    assert found.columns["ndcg"].tolist() == [0.0, 0.25, 0.5, 1.0]


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_the_order_of_rows_and_columns_changes_nothing(
    tmp_path: Path, write: Callable[[pd.DataFrame, Path], Path]
) -> None:
    suffix = ".csv" if write is as_csv else ".parquet"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"id": [f"image-{n}" for n in range(200)], "y_true": rng.random(200), "y_pred": rng.random(200)}
    )
    shuffled = frame.sample(frac=1, random_state=1)[["y_pred", "id", "y_true"]]
    assert same(
        read(write(frame, tmp_path / f"a{suffix}"), "p", USUAL),
        read(write(shuffled, tmp_path / f"b{suffix}"), "p", USUAL),
    )


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_it_comes_back_from_where_it_is_kept_as_it_was(tmp_path: Path, name: str) -> None:
    write = as_csv if name.endswith("csv") else as_parquet
    found = read(write(FRAME, tmp_path / name), "p", WHOLE)
    kept = to_parquet(found)
    assert same(from_parquet(kept, "records/x.parquet"), found)
    assert from_parquet(kept, "records/x.parquet").source == "records/x.parquet"
    assert to_parquet(from_parquet(kept, "x")) == kept


def test_it_is_kept_under_names_that_do_not_hang_on_the_configuration(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"id": "row", "y_true": "label", "region": "a.b|c", "ndcg": "n.d"})
    spec = PredictionsSpec(
        path="p",
        id="row",
        target="label",
        group="patient",
        slices=("a.b|c",),
        columns=("n.d",),
        named=frozenset({"target"}),
    )
    found = read(as_parquet(frame, tmp_path / "p.parquet"), "p", spec)
    kept = pd.read_parquet(io.BytesIO(to_parquet(found)))
    expected = frame.sort_values("row")
    assert list(kept) == ["id", "target", "prediction", "score", "group", "slice:a.b|c", "column:n.d"]
    assert kept["score"].tolist() == expected["y_score"].tolist()
    assert kept["column:n.d"].tolist() == expected["n.d"].tolist()
    assert kept["slice:a.b|c"].tolist() == expected["a.b|c"].fillna("").tolist()
    assert same(from_parquet(to_parquet(found), "p"), found)


# The digest


def test_the_digest_is_what_its_description_says(tmp_path: Path) -> None:
    found = read(as_csv(FRAME, tmp_path / "p.csv"), "p", USUAL)
    said = b"ml-ci test set 1\nid whole 4\n" + struct.pack("<4q", 1, 2, 9, 10)
    assert found.test_set == hashlib.sha256(said + b"target whole 4\n" + struct.pack("<4q", 0, 1, 0, 1)).hexdigest()
    without = read(as_csv(FRAME.drop(columns="y_true"), tmp_path / "p.csv"), "p", USUAL)
    assert without.test_set == hashlib.sha256(said).hexdigest()
    text = pd.DataFrame({"id": ["b", "ä"], "y_true": [-0.0, 0.5], "y_pred": [0, 0]})
    said = b"ml-ci test set 1\nid text 2\n" + struct.pack("<2i", 1, 2) + "bä".encode()
    said += b"target number 2\n" + struct.pack("<2d", 0.0, 0.5)
    assert read(as_csv(text, tmp_path / "p.csv"), "p", USUAL).test_set == hashlib.sha256(said).hexdigest()


IDS = {
    "int64": pd.Series([10, 9, 2]),
    "int16": pd.Series([10, 9, 2], dtype="int16"),
    "uint64": pd.Series([10, 9, 2], dtype="uint64"),
    "float": pd.Series([10.0, 9.0, 2.0]),
    "float32": pd.Series([10, 9, 2], dtype="float32"),
    "nullable": pd.Series([10, 9, 2], dtype="Int64"),
    "text": pd.Series(["10", "9", "2"]),
    "category": pd.Series(["10", "9", "2"], dtype="category"),
    "category of numbers": pd.Series([10, 9, 2], dtype="category"),
    "decimal": pd.Series([Decimal(10), Decimal(9), Decimal(2)]),
    "bytes": pd.Series([b"10", b"9", b"2"]),
}
TARGETS = {
    "int": pd.Series([1, 0, 1]),
    "uint8": pd.Series([1, 0, 1], dtype="uint8"),
    "float": pd.Series([1.0, 0.0, 1.0]),
    "boolean": pd.Series([True, False, True]),
    "text": pd.Series(["1", "0", "1"]),
    "text of booleans": pd.Series(["true", "false", "true"]),
    "category": pd.Series([1, 0, 1], dtype="category"),
}


@pytest.mark.parametrize(
    ("ids", "name"),
    [*((ids, "p.parquet") for ids in IDS), *((ids, "p.csv") for ids in IDS if ids != "bytes")],
)
def test_the_same_ids_have_the_same_digest_however_they_are_written(tmp_path: Path, ids: str, name: str) -> None:
    usual = pd.DataFrame({"id": [2, 9, 10], "y_true": [1, 0, 1], "y_pred": [1, 1, 1]})
    expected = read(as_csv(usual, tmp_path / "usual.csv"), "p", USUAL)
    frame = pd.DataFrame({"id": IDS[ids], "y_true": [1, 0, 1], "y_pred": [1, 1, 1]})
    write = as_csv if name.endswith("csv") else as_parquet
    assert same(read(write(frame, tmp_path / name), "p", USUAL), expected)


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_same_targets_have_the_same_digest_however_they_are_written(tmp_path: Path, target: str, name: str) -> None:
    usual = pd.DataFrame({"id": [1, 2, 3], "y_true": [1, 0, 1], "y_pred": [1, 1, 1]})
    expected = read(as_csv(usual, tmp_path / "usual.csv"), "p", USUAL)
    frame = pd.DataFrame({"id": [1, 2, 3], "y_true": TARGETS[target], "y_pred": [1, 1, 1]})
    write = as_csv if name.endswith("csv") else as_parquet
    found = read(write(frame, tmp_path / name), "p", USUAL)
    assert found.test_set == expected.test_set
    assert from_parquet(to_parquet(found), "p").test_set == expected.test_set
    assert found.target is not None
    assert found.target.tolist() == [1, 0, 1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_have_the_same_digest_from_csv_and_parquet(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(3).normal(size=1000).astype(dtype)
    frame = pd.DataFrame({"id": range(1000), "y_true": values, "y_pred": values})
    assert same(
        read(as_csv(frame, tmp_path / "p.csv"), "p", USUAL), read(as_parquet(frame, tmp_path / "p.parquet"), "p", USUAL)
    )


@pytest.mark.parametrize(
    "changed",
    [{"y_true": [1, 0, 1, 1]}, {"id": [10, 9, 2, 3]}, {"y_true": [1.5, 0, 1, 0]}, {"y_true": ["1", "0", "1", "x"]}],
)
def test_another_id_or_target_has_another_digest(tmp_path: Path, changed: dict[str, list[object]]) -> None:
    before = read(as_csv(FRAME, tmp_path / "a.csv"), "p", USUAL)
    after = read(as_csv(FRAME.assign(**changed), tmp_path / "b.csv"), "p", USUAL)
    assert after.test_set != before.test_set


def test_text_is_not_taken_apart_differently_to_the_same_digest(tmp_path: Path) -> None:
    one = pd.DataFrame({"id": ["a", "bc"], "y_pred": [0, 0]})
    other = pd.DataFrame({"id": ["ab", "c"], "y_pred": [0, 0]})
    digests = {read(as_csv(frame, tmp_path / "p.csv"), "p", USUAL).test_set for frame in (one, other)}
    assert len(digests) == 2


def test_what_the_model_says_is_no_part_of_the_digest(tmp_path: Path) -> None:
    before = read(as_csv(FRAME, tmp_path / "a.csv"), "p", USUAL)
    other = FRAME.assign(y_pred=["0", "1", "none of them", "0"], y_score=0.5)
    assert read(as_csv(other, tmp_path / "b.csv"), "p", USUAL).test_set == before.test_set


# What values are


def labels(tmp_path: Path, target: list[str], prediction: list[str]) -> tuple[list[object], list[object]]:
    lines = [f"{n},{true},{said}" for n, (true, said) in enumerate(zip(target, prediction, strict=True))]
    path = tmp_path / "p.csv"
    path.write_text("\n".join(["id,y_true,y_pred", *lines]) + "\n")
    found = read(path, "p.csv", USUAL)
    assert found.target is not None
    assert found.prediction is not None
    assert same(from_parquet(to_parquet(found), "p"), found)
    return found.target.tolist(), found.prediction.tolist()


def test_labels_are_whole_numbers_numbers_booleans_or_text(tmp_path: Path) -> None:
    assert labels(tmp_path, ["3", "-1"], ["2", "0"]) == ([3, -1], [2, 0])
    assert labels(tmp_path, ["3", "1"], ["2.5", "1e-3"]) == ([3, 1], [2.5, 0.001])
    assert labels(tmp_path, ["True", "False"], ["False", "False"]) == ([True, False], [False, False])
    assert labels(tmp_path, ["cat", "dog"], ["dog", "NA"]) == (["cat", "dog"], ["dog", "NA"])
    assert labels(tmp_path, ['"a, ""b"""', "é"], [" a ", "b"]) == (['a, "b"', "é"], ["a", "b"])


def test_text_on_one_side_makes_text_of_both(tmp_path: Path) -> None:
    assert labels(tmp_path, ["0", "other"], ["0", "1"]) == (["0", "other"], ["0", "1"])


def test_a_zero_in_front_keeps_an_id_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["007", "7"], "y_pred": [0, 1]})
    for path in (as_csv(frame, tmp_path / "p.csv"), as_parquet(frame, tmp_path / "p.parquet")):
        assert read(path, "p", USUAL).id.tolist() == ["007", "7"]


def test_ids_beyond_64_bits_are_text_that_loses_no_digit(tmp_path: Path) -> None:
    hashes = [2**64 - 1, 2**64 - 2, 5]
    frame = pd.DataFrame({"id": pd.Series(hashes, dtype="uint64"), "y_pred": [0, 1, 1]})
    for path in (as_csv(frame, tmp_path / "p.csv"), as_parquet(frame, tmp_path / "p.parquet")):
        assert read(path, "p", USUAL).id.tolist() == sorted(str(each) for each in hashes)


def test_a_slice_has_the_same_names_from_csv_and_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": range(3),
            "y_pred": range(3),
            "day": [dt.date(2024, 1, 1), None, dt.date(2024, 2, 1)],
            "member": [True, False, True],
            "level": [0.5, 2.0, np.nan],
            "plan": pd.Series(["a", None, "b"], dtype="category"),
        }
    )
    spec = PredictionsSpec(path="p", slices=("day", "member", "level", "plan"))
    found = read(as_csv(frame, tmp_path / "p.csv"), "p", spec)
    assert {name: values.tolist() for name, values in found.slices.items()} == {
        "day": ["2024-01-01", "", "2024-02-01"],
        "member": ["true", "false", "true"],
        "level": ["0.5", "2", ""],
        "plan": ["a", "", "b"],
    }
    assert same(read(as_parquet(frame, tmp_path / "p.parquet"), "p", spec), found)


def test_true_and_false_are_numbers_where_they_are_averaged(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "hit": [True, False]})
    spec = PredictionsSpec(path="p", columns=("hit",))
    for path in (as_csv(frame, tmp_path / "p.csv"), as_parquet(frame, tmp_path / "p.parquet")):
        assert read(path, "p", spec).columns["hit"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,y_pred\n2,b\n1,a\n",
        b"id,y_pred\r\n2,b\r\n1,a\r\n",
        b"id,y_pred\n2,b\n\n1,a",
        b" id , y_pred\n 2, b\n1 ,a\n",
        b'"id","y_pred"\n"2","b"\n"1","a"\n',
        b"note,id,note,y_pred\n\xc3\xa9,2,x,b\n,1,,a\n",
    ],
)
def test_csv_is_read_as_people_and_programs_write_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    found = read(tmp_path / "p.csv", "p.csv", USUAL)
    assert found.prediction is not None
    assert (found.id.tolist(), found.prediction.tolist()) == ([1, 2], ["a", "b"])


def test_a_quoted_line_end_is_part_of_a_value(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "y_pred": ["a\nb", "c"], "unused": ["\n\n", ","]})
    found = read(as_csv(frame, tmp_path / "p.csv"), "p.csv", USUAL)
    assert found.prediction is not None
    assert found.prediction.tolist() == ["a\nb", "c"]


def test_many_rows_are_what_pandas_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "id": rng.permutation(300_000),
            "y_true": rng.integers(0, 2, 300_000),
            "y_score": rng.random(300_000),
            "note": rng.choice(["x" * 100, 'a,"b\n'], 300_000),  # so that the file has several blocks
        }
    )
    found = read(as_csv(frame, tmp_path / "p.csv"), "p.csv", USUAL)
    expected = pd.read_csv(tmp_path / "p.csv").sort_values("id")
    assert found.score is not None
    assert found.target is not None
    assert np.array_equal(found.id, expected["id"])
    assert np.array_equal(found.target, expected["y_true"])
    np.testing.assert_allclose(found.score, expected["y_score"], rtol=1e-15)


# What broken files are told


def told(path: Path, spec: PredictionsSpec = USUAL) -> str:
    """What is said about the file, which is held to be one good sentence."""
    with pytest.raises(BrokenPredictionsError) as caught:
        read(path, f"out/{path.name}", spec)
    message = str(caught.value)
    assert message.startswith(f"out/{path.name}")
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 500
    return message


BAD_CSV: dict[str, tuple[str, PredictionsSpec, tuple[str, ...]]] = {
    "an id twice": ("id,y_pred\na,0\nb,1\na,0\n", USUAL, ('"id"', "2 of 3 rows", '"a" in rows 1 and 3')),
    "a whole number twice": ("id,y_pred\n7,0\n7.0,1\n8,1\n", USUAL, ("2 of 3 rows", '"7" in rows 1 and 2')),
    "an empty id": ("id,y_pred\n1,0\n,1\n,1\n", USUAL, ('"id"', "no value in ", "first in row 2", "2 of 3 rows")),
    "a blank id": ("id,y_pred\na,0\n  ,1\n", USUAL, ('"id"', "no value in ", "first in row 2", "1 of 2 rows")),
    "an id that is NaN": ("id,y_pred\n1,0\nnan,1\n", USUAL, ('"id"', "NaN in ", "first in row 2", "1 of 2 rows")),
    "no column id": ("idx,y_pred\n1,0\n2,1\n", USUAL, ("2 rows", 'no column "id"', 'did you mean "idx"?')),
    "no named column": (
        "id,label,y_pred\n1,0,1\n",
        PredictionsSpec(path="p", target="lable", named=frozenset({"target"})),
        ("1 row and no column", 'no column "lable" (target)', 'did you mean "label"?', '"predictions" in the configuration'),
    ),
    "no group": ("id,y_pred\n1,0\n", PredictionsSpec(path="p", group="who"), ('no column "who" (group)',)),
    "no slice": ("id,y_pred\n1,0\n", PredictionsSpec(path="p", slices=("zone",)), ('no column "zone" (slices)',)),
    "no value column": ("id,y_pred\n1,0\n", PredictionsSpec(path="p", columns=("ndcg",)), ('"ndcg" (columns)',)),
    "nothing predicted": ("id,y_true\n1,0\n2,0\n", USUAL, ("2 rows and no predictions", '"y_pred" or "y_score"')),
    "no rows": ("id,y_pred\n", USUAL, ("0 rows", '"id", "y_pred"')),
    "no header": ("1,0,0.5\n2,1,0.7\n", USUAL, ("no header", '"1", "0", "0.5"')),
    "empty": ("", USUAL, ("is empty",)),
    "empty lines": ("\n\n", USUAL, ("only empty lines",)),
    "semicolons": ("id;y_pred\n1;0\n", USUAL, ('only the column "id;y_pred"', "commas")),
    "a column twice": ("id,y_pred,y_pred\n1,0,0\n", USUAL, ('2 columns of the name "y_pred"',)),
    "a score that is NaN": ("id,y_score\n1,0.5\n2,nan\n3,NaN\n", USUAL, ('"y_score"', "NaN in ", "first in row 2", "2 of 3 rows")),
    "a score that is infinite": ("id,y_score\n1,0.5\n2,-inf\n", USUAL, ('"y_score"', "infinite number in ", "first in row 2")),
    "a score beyond floats": ("id,y_score\n1,1e999\n", USUAL, ("infinite number in ", "first in row 1",)),
    "an empty score": ("id,y_score\n1,0.5\n2,\n", USUAL, ('"y_score"', "no value in ", "first in row 2", "1 of 2 rows")),
    "a score that is text": ("id,y_score\n1,0.5\n2,high\n", USUAL, ('text where a number is needed', 'first "high" in row', "row 2")),
    "a score in percent": ("id,y_score\n1,50%\n2,60%\n", USUAL, ('text where a number is needed', 'first "50%" in row', "2 of 2 rows")),
    "a prediction that is NaN": ("id,y_pred\n1,0.5\n2,nan\n", USUAL, ('"y_pred"', "NaN in ", "first in row 2")),
    "a prediction that is infinite": ("id,y_pred\n1,0.5\n2,inf\n", USUAL, ('"y_pred"', "infinite number in ", "first in row 2")),
    "a prediction that is NA": ("id,y_pred\n1,0\n2,NA\n", USUAL, ('"y_pred"', "NaN in ", "first in row 2")),
    "an empty prediction": ("id,y_pred\n1,cat\n2,\n", USUAL, ('"y_pred"', "no value in ", "first in row 2")),
    "a target that is NaN": ("id,y_true,y_pred\n1,nan,1\n2,3,1\n", USUAL, ('"y_true"', "NaN in ", "first in row 1")),
    "an empty target": ("id,y_true,y_pred\n1,,1\n2,3,1\n", USUAL, ('"y_true"', "no value in ", "first in row 1")),
    "an empty group": (
        "id,y_pred,who\n1,0,\n2,0,a\n", PredictionsSpec(path="p", group="who"), ('"who"', "no value in ", "first in row 1"),
    ),
    "a value that is text": (
        "id,ndcg\n1,0.5\n2,oops\n", PredictionsSpec(path="p", columns=("ndcg",)), ('"ndcg"', 'first "oops" in row 2'),
    ),
    "a value that is infinite": (
        "id,ndcg\n1,inf\n", PredictionsSpec(path="p", columns=("ndcg",)), ('"ndcg"', "infinite number in ", "first in row 1"),
    ),
    "a row that is too short": ("id,y_pred\n1,0\n2\n", USUAL, ("1 value where the header has 2", '"2"')),
    "a row that is too long": ("id,y_pred\n1,0\n2,1,1\n", USUAL, ("3 values where the header has 2", '"2,1,1"')),
    "a quote that is not closed": ('id,y_pred\n1,"0\n2,1\n', USUAL, ("quote is not closed",)),
    "a zero byte": ("id,y_pred\n1,a\0b\n", USUAL, ('"y_pred"', "zero byte", "1 row)")),
    "odd names": ("id,\x1b[31m\n1,2\n", USUAL, ("1 row and no predictions", "x1b[31m")),
    "a long name": ("id," + "x" * 5000 + "\n1,2\n", USUAL, ("no predictions",)),
    "many columns": ("id," + ",".join(f"c{n}" for n in range(500)) + "\n", USUAL, ("and 489 more",)),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CSV)
def test_a_broken_csv_is_told_what_is_wrong_and_where(tmp_path: Path, case: str) -> None:
    text, spec, words = BAD_CSV[case]
    path = tmp_path / "p.csv"
    path.write_text(text)
    message = told(path, spec)
    for word in words:
        assert word in message


def test_a_quote_that_is_not_closed_before_many_rows_does_not_lose_them(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('id,y_pred\n1,"0\n' + "2,1\n" * 6_000_000)
    assert "quote is not closed" in told(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"id,y_pred\n1,a\n2,caf\xe9\n", 3),
        (b"caf\xe9,id,y_pred\n1,1,a\n", 1),
        ("id,y_pred\n1,a\n".encode("utf-16"), 1),
        (b"id,y_pred\n" + b"".join(b"%d,b\n" % n for n in range(400_000)) + b"x,\xff\n", 400_002),
    ],
)
def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    assert f"line {line}, is not UTF-8 text" in told(tmp_path / "p.csv")


PARQUET: dict[str, tuple[pa.Table, tuple[str, ...]]] = {
    "nested": (pa.table({"id": [1, 2], "y_pred": [[0], [1]]}), ('"y_pred"', "nested values", "2 rows")),
    "struct": (pa.table({"id": [1, 2], "y_pred": [{"a": 0}, {"a": 1}]}), ('"y_pred"', "nested values")),
    "bytes": (pa.table({"id": [b"\xff\x00", b"a"], "y_pred": [0, 1]}), ('"id"', "UTF8", "2 rows")),
    "uuid": (pa.table({"id": pa.array([b"0" * 16], pa.binary(16)), "y_pred": [0]}), ('"id"', "fixed_size_binary[16]")),
    "null id": (pa.table({"id": ["a", None], "y_pred": [0, 1]}), ('"id"', "no value in ", "first in row 2", "1 of 2 rows")),
    "empty id": (pa.table({"id": ["a", ""], "y_pred": [0, 1]}), ('"id"', "no value in ", "first in row 2")),
    "NaN id": (pa.table({"id": [1.0, float("nan")], "y_pred": [0, 1]}), ('"id"', "NaN in ", "first in row 2")),
    "id twice": (pa.table({"id": [1, 1], "y_pred": [0, 1]}), ("2 of 2 rows", '"1" in rows 1 and 2')),
    "null score": (pa.table({"id": [1, 2], "y_score": [0.5, None]}), ('"y_score"', "no value in ", "first in row 2")),
    "NaN score": (pa.table({"id": [1, 2], "y_score": [0.5, float("nan")]}), ('"y_score"', "NaN in ", "first in row 2")),
    "text score": (pa.table({"id": [1, 2], "y_score": ["0.5", "a"]}), ('"y_score"', 'text where a number is needed', 'first "a" in row', "row 2")),
    "infinite float32": (
        pa.table({"id": [1], "y_pred": pa.array([float("inf")], pa.float32())}), ("infinite number in ", "first in row 1",),
    ),
    "nothing": (pa.table({"id": [1, 2], "y_pred": pa.nulls(2)}), ('"y_pred"', "2 of 2 rows")),
    "no rows": (pa.table({"id": pa.array([], pa.int64()), "y_pred": pa.array([], pa.int64())}), ("0 rows",)),
    "no id": (pa.table({"key": [1, 2], "y_pred": [0, 1]}), ("2 rows", 'no column "id"')),
    "no predictions": (pa.table({"id": [1, 2], "y_true": [0, 1]}), ("2 rows and no predictions",)),
    "twice": (pa.Table.from_arrays([pa.array([1])] * 3, ["id", "id", "y_pred"]), ('2 columns of the name "id"',)),
}  # fmt: skip


@pytest.mark.parametrize("case", PARQUET)
def test_a_broken_parquet_file_is_told_what_is_wrong_and_where(tmp_path: Path, case: str) -> None:
    table, words = PARQUET[case]
    pq.write_table(table, tmp_path / "p.parquet")
    message = told(tmp_path / "p.parquet")
    for word in words:
        assert word in message


def test_a_small_file_of_large_text_is_refused_before_it_is_unfolded(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3000, dtype=np.int32)), ["x" * 1_000_000])
    pq.write_table(pa.table({"id": range(3000), "y_pred": text}), tmp_path / "p.parquet")
    message = told(tmp_path / "p.parquet")
    assert '"y_pred" has texts of up to 1,000,000 bytes, which in 3,000 rows are more than fits in memory' in message


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_a_parquet_file_that_is_cut_off_is_no_whole_one(tmp_path: Path, kept: float) -> None:
    path = as_parquet(FRAME, tmp_path / "p.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "not a whole Parquet file" in told(path)


def test_a_parquet_file_whose_pages_are_damaged_is_no_whole_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(10_000), "y_pred": np.random.default_rng(0).random(10_000)})
    path = as_parquet(frame, tmp_path / "p.parquet")
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\xaa" * 1996
    path.write_bytes(content)
    assert "not a whole Parquet file" in told(path)


def test_csv_that_is_called_parquet_is_told_so(tmp_path: Path) -> None:
    assert "not a whole Parquet file" in told(as_csv(FRAME, tmp_path / "p.parquet"))


def test_a_gzip_file_that_is_cut_off_is_no_whole_one(tmp_path: Path) -> None:
    path = as_csv(FRAME, tmp_path / "p.csv.gz")
    path.write_bytes(path.read_bytes()[:-12])
    assert "not a whole gzip file" in told(path)


def test_csv_that_is_called_gzip_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "p.csv.gz").write_text("id,y_pred\n1,2\n")
    assert "not a whole gzip file" in told(tmp_path / "p.csv.gz")


# Where the file is, and how large


def test_what_is_not_there_is_no_file(tmp_path: Path) -> None:
    assert "does not exist; let training write it" in told(tmp_path / "p.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").mkdir()
    assert "is a folder" in told(tmp_path / "p.parquet")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    assert "no regular file" in told(tmp_path / "p.csv")


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path, name: str) -> None:
    top = tmp_path / "top"
    (top / "out").mkdir(parents=True)
    (tmp_path / "secret").write_text("token\nhunter2\n")
    (top / "out" / name).symlink_to(tmp_path / "secret")
    message = told(top / "out" / name)
    assert "leads out of the repository" in message
    assert "token" not in message
    with pytest.raises(BrokenPredictionsError, match="leads out of the repository"):
        read(top / "out" / name, name, USUAL, inside=(top,))


def test_a_link_into_one_of_the_folders_that_are_named_is_followed(tmp_path: Path) -> None:
    cache, top = tmp_path / "cache", tmp_path / "top"
    kept = cache / "files" / "md5" / "ab" / ("0" * 30)
    kept.parent.mkdir(parents=True)
    top.mkdir()
    (top / "p.csv").symlink_to(as_csv(FRAME, kept))
    assert len(read(top / "p.csv", "p.csv", USUAL, inside=(top, cache))) == 4
    assert "leads out of the repository" in told(top / "p.csv")


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_five_gigabytes_are_refused_without_being_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(5_000_000_000)  # takes no room on the disk
    message = told(tmp_path / name)
    assert "5,000,000,000 bytes" in message
    assert "at most 20,000,000 rows and 2,000,000,000 bytes" in message


def test_a_small_file_that_unpacks_to_too_many_rows_is_refused(tmp_path: Path) -> None:
    million = gzip.compress(b"1,1\n" * 1_000_000)
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(b"id,y_pred\n") + million * 21)
    assert "more than 20,000,000 rows" in told(tmp_path / "p.csv.gz")


def test_parquet_with_too_many_rows_is_refused_by_its_metadata(tmp_path: Path) -> None:
    rows = pa.nulls(20_000_001, pa.int8())
    pq.write_table(pa.table({"id": rows, "y_pred": rows}), tmp_path / "p.parquet")
    assert "20,000,001 rows" in told(tmp_path / "p.parquet")


# What is kept is not trusted


KEPT = {"id": [1, 2, 3], "target": [0, 1, 1], "prediction": [0, 1, 0], "score": [0.1, 0.9, 0.4]}

HOSTILE: dict[str, tuple[dict[str, object], str]] = {
    "another column": ({**KEPT, "extra": [1, 2, 3]}, '"extra"'),
    "a slice without a name": ({**KEPT, "slice:": ["a", "b", "c"]}, '"slice:"'),
    "ids of another type": ({**KEPT, "id": [0.5, 1.5, 2.5]}, '"id" of the type "double"'),
    "a slice of numbers": ({**KEPT, "slice:a": [1, 2, 3]}, '"slice:a"'),
    "nested": ({**KEPT, "score": [[1.0], [2.0], [3.0]]}, '"score"'),
    "no id": ({"target": [1], "score": [0.5]}, 'no column "id"'),
    "no predictions": ({"id": [1], "target": [0]}, "no predictions"),
    "not sorted": ({**KEPT, "id": [2, 1, 3]}, "not sorted"),
    "an id twice": ({**KEPT, "id": [1, 1, 3]}, "an id twice"),
    "ids of text that are whole numbers": ({**KEPT, "id": ["1", "2", "3"]}, "not sorted"),
    "a missing id": ({**KEPT, "id": [1, None, 3]}, 'no value in some rows of the column "id"'),
    "a missing target": ({**KEPT, "target": [0, None, 1]}, '"target"'),
    "NaN": ({**KEPT, "score": [0.1, float("nan"), 0.4]}, 'not finite in the column "score"'),
    "infinite": ({**KEPT, "column:a": [0.1, float("inf"), 0.4]}, 'not finite in the column "column:a"'),
    "no rows": ({"id": pa.array([], pa.int64()), "score": pa.array([], pa.float64())}, "0 rows"),
    "many columns": ({**KEPT, **{f"column:{n}": [0.0, 0.0, 0.0] for n in range(1000)}}, "1,004 columns"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_ml_ci_did_not_write_is_not_taken_for_kept_predictions(case: str) -> None:
    columns, words = HOSTILE[case]
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    with pytest.raises(BrokenPredictionsError, match=r"^records/default/ab\.parquet ") as caught:
        from_parquet(out.getvalue(), "records/default/ab.parquet")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_text_that_a_few_bytes_stand_for_is_not_unfolded() -> None:
    out = io.BytesIO()
    ids = ["x" * 1000 + f"{n:05}" for n in range(2000)]
    pq.write_table(
        pa.table({"id": ids, "score": [0.5] * 2000}),
        out,
        use_dictionary=False,
        column_encoding={"id": "DELTA_BYTE_ARRAY", "score": "PLAIN"},
    )
    with pytest.raises(BrokenPredictionsError, match="DELTA_BYTE_ARRAY"):
        from_parquet(out.getvalue(), "x")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_told_so(content: bytes) -> None:
    with pytest.raises(BrokenPredictionsError, match=r"^x is not a whole Parquet file"):
        from_parquet(content, "x")


def test_every_cut_of_what_is_kept_is_refused(tmp_path: Path) -> None:
    kept = to_parquet(read(as_csv(FRAME, tmp_path / "p.csv"), "p", WHOLE))
    for length in range(0, len(kept), 37):
        with pytest.raises(BrokenPredictionsError):
            from_parquet(kept[:length], "x")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_damaged_in_a_kept_file_is_a_sentence_and_never_the_end_of_the_process(
    tmp_path: Path, seed: int
) -> None:
    kept = to_parquet(read(as_csv(FRAME, tmp_path / "p.csv"), "p", WHOLE))
    rng = np.random.default_rng(seed)
    refused = []
    for _ in range(150):
        damaged = bytearray(kept)
        for place in rng.integers(0, len(kept), 2):
            damaged[place] = rng.integers(0, 256)
        try:
            from_parquet(bytes(damaged), "x")
        except BrokenPredictionsError as error:
            refused.append(str(error))
    assert refused
    assert all(message.isprintable() for message in refused)
