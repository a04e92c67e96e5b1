"""Metric and parameter files, of every format and every way of being broken."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ml_ci.errors import ConfigError, TrainingError
from ml_ci.records import Metric
from ml_ci.sources.metric_files import expand, read_metrics, read_params, signature, written

Values = Mapping[str, float]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str, str | bytes], dict[str, Metric]]:
    def reader(name: str, content: str | bytes) -> dict[str, Metric]:
        return read_both(tmp_path, name, content)[0]

    return reader


def read_both(folder: Path, name: str, content: str | bytes) -> tuple[dict[str, Metric], tuple[str, ...]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_metrics(path, f"out/{name}")


def values(metrics: Mapping[str, Metric]) -> dict[str, float]:
    return {name: metric.value for name, metric in metrics.items()}


Read = Callable[[str, str | bytes], dict[str, Metric]]


# JSON


def test_nested_json_has_dotted_names_in_the_files_order(read: Read) -> None:
    document = {"test": {"accuracy": 0.93, "per class": {"cat": 0.5, "dog": 1}}, "loss": 4e-07}
    expected = pd.json_normalize(document, sep=".").iloc[0].to_dict()
    assert values(read("m.json", json.dumps(document))) == expected
    assert list(read("m.json", json.dumps(document))) == [
        "test.accuracy",
        "test.per class.cat",
        "test.per class.dog",
        "loss",
    ]


def test_a_metric_knows_its_file(read: Read) -> None:
    assert read("m.json", '{"a": 1}')["a"].source == "out/m.json"


def test_a_list_of_numbers_is_a_curve_with_its_last_value(read: Read) -> None:
    assert read("m.json", '{"loss": [3, 2.5, "1e-3"]}')["loss"] == Metric(
        value=0.001, history=((0, 3.0), (1, 2.5), (2, 0.001)), source="out/m.json"
    )


def test_a_list_of_mappings_has_the_place_in_the_name(read: Read) -> None:
    assert values(read("m.json", '{"folds": [{"auc": 0.8}, {"auc": 0.9}]}')) == {"folds.0.auc": 0.8, "folds.1.auc": 0.9}


def test_a_list_of_records_with_steps_is_curves(read: Read) -> None:
    text = '{"history": [{"epoch": 1, "loss": 3, "note": "x"}, {"epoch": 2, "loss": 2, "note": "y"}], "best": 2}'
    found = read("m.json", text)
    assert values(found) == {"history.loss": 2.0, "best": 2.0}
    assert found["history.loss"].history == ((1, 3.0), (2, 2.0))


def test_json_lines_are_curves_too(read: Read) -> None:
    text = '{"step": 10, "train": 3}\n{"step": 10, "val": 4}\n{"step": 20, "train": 2}\n'
    for name in ("m.jsonl", "m.json"):
        found = read(name, text)
        assert values(found) == {"train": 2.0, "val": 4.0}
        assert found["train"].history == ((10, 3.0), (20, 2.0))


def test_strings_count_where_they_are_numbers_or_percentages(read: Read) -> None:
    text = '{"a": "0.95", "b": "37.3%", "c": "95 %", "d": "-1e-5", "e": "v2", "f": "1.2.3", "g": "2024-01-01", "h": ""}'
    assert values(read("m.json", text)) == {"a": 0.95, "b": 0.373, "c": 0.95, "d": -0.00001}


def test_nan_and_infinity_are_kept_and_null_is_nan(read: Read) -> None:
    found = values(read("m.json", '{"a": NaN, "b": -Infinity, "c": null, "d": "nan", "e": "Inf", "f": 1e999}'))
    assert math.isnan(found["a"])
    assert math.isnan(found["c"])
    assert math.isnan(found["d"])
    assert (found["b"], found["e"], found["f"]) == (-math.inf, math.inf, math.inf)


def test_a_whole_number_beyond_every_float_is_infinite(read: Read) -> None:
    assert values(read("m.json", f'{{"a": -1{"0" * 400}}}')) == {"a": -math.inf}


def test_booleans_labels_and_matrices_are_no_metrics(read: Read) -> None:
    text = '{"ok": true, "labels": ["a", "b"], "matrix": [[5, 1], [2, 7]], "flags": [true], "none": [], "a": 1}'
    assert values(read("m.json", text)) == {"a": 1.0}


def test_a_document_that_is_one_number_has_the_files_name(read: Read) -> None:
    assert values(read("rmse.json", "0.25")) == {"rmse": 0.25}


def test_names_are_on_one_line_and_cut(read: Read) -> None:
    assert list(read("m.json", json.dumps({" F1\n  Score\t": 1, "x" * 300: 2, " ": 3}))) == ["F1 Score", "x" * 250]


def test_two_values_of_one_name_are_warned_of(tmp_path: Path) -> None:
    found, warnings = read_both(tmp_path, "m.json", '{"a.b": 1, "a": {"b": 2}}')
    assert values(found) == {"a.b": 2.0}
    assert warnings == ("out/m.json has several values of `a.b`: the last one counts.",)


def test_a_file_without_a_metric_is_warned_of(tmp_path: Path) -> None:
    for name, content in (("m.json", "{}"), ("m.txt", "all is well\n"), ("m.csv", "step,loss\n"), ("m.toml", "")):
        found, warnings = read_both(tmp_path, name, content)
        assert found == {}
        assert warnings == (f"out/{name} has no number in it that could be a metric.",)


def test_too_many_metrics_are_cut_with_a_warning(tmp_path: Path) -> None:
    found, warnings = read_both(tmp_path, "m.json", json.dumps({f"m{number}": number for number in range(6000)}))
    assert len(found) == 5000
    assert "more than 5000" in warnings[0]


# YAML and TOML


def test_yaml_is_read_like_json(read: Read) -> None:
    text = "eval:\n  auc: .95\n  loss: 1e-5\n  bad: .nan\n  big: -.inf\n  when: 2024-01-01\n  ok: yes\ncurve: [1, 2]\n"
    found = values(read("m.yaml", text))
    assert math.isnan(found.pop("eval.bad"))
    assert found == {"eval.auc": 0.95, "eval.loss": 0.00001, "eval.big": -math.inf, "curve": 2.0}


def test_toml_is_read_like_json(read: Read) -> None:
    text = 'auc = 0.95\nwhen = 2024-01-01\n[test]\nloss = inf\npercent = "12%"\n'
    assert values(read("m.toml", text)) == {"auc": 0.95, "test.loss": math.inf, "test.percent": 0.12}


# CSV


def test_the_last_row_of_a_table_counts_and_its_columns_are_curves(read: Read) -> None:
    frame = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "note": ["a", "b", "c"], "acc": [0.1, 0.2, 0.3]})
    for separator in (",", ";", "\t", "|"):
        found = read("m.csv", frame.to_csv(index=False, sep=separator))
        assert values(found) == frame[["loss", "acc"]].iloc[-1].to_dict()
        assert found["loss"].history == tuple(zip(frame["epoch"], frame["loss"], strict=True))


def test_a_table_without_steps_counts_its_rows(read: Read) -> None:
    assert read("m.tsv", "acc\tloss\n0.5\t3\n0.6\t2\n")["loss"].history == ((0, 3.0), (1, 2.0))


def test_the_unnamed_index_column_of_pandas_is_no_metric(read: Read) -> None:
    assert values(read("m.csv", pd.DataFrame({"acc": [0.5, 0.7]}).to_csv())) == {"acc": 0.7}


def test_an_empty_last_cell_is_a_nan_as_pandas_writes_it(read: Read) -> None:
    frame = pd.DataFrame({"epoch": [1, 2], "loss": [0.5, math.nan], "acc": [0.5, 0.6]})
    found = read("m.csv", frame.to_csv(index=False))
    assert math.isnan(found["loss"].value)
    assert found["acc"].value == 0.6


def test_in_a_log_whose_rows_complement_each_other_the_last_that_is_there_counts(read: Read) -> None:
    text = "epoch,step,train_loss,val_loss\n0,49,0.5,\n0,49,,0.6\n1,99,0.3,\n1,99,,0.4\n"  # as Lightning writes it
    found = read("metrics.csv", text)
    assert values(found) == {"train_loss": 0.3, "val_loss": 0.4}
    assert found["val_loss"].history == ((49, 0.6), (99, 0.4))


def test_words_for_no_value_are_nan(read: Read) -> None:
    found = values(read("m.csv", "a,b,c,d\n1,1,1,1\nNA,nan,null,-inf\n"))
    assert [math.isnan(found[name]) for name in "abc"] == [True] * 3
    assert found["d"] == -math.inf


def test_a_table_of_names_and_values_has_a_metric_in_each_row(read: Read) -> None:
    assert values(read("m.csv", "metric,value\naccuracy,0.9\nf1,0.8\n")) == {"accuracy": 0.9, "f1": 0.8}


def test_decimal_commas_are_read_where_the_semicolon_separates(read: Read) -> None:
    text = "epoch;loss\n1;0,5\n2;0,25\n"
    assert values(read("m.csv", text))["loss"] == pd.read_csv(io.StringIO(text), sep=";", decimal=",")["loss"].iloc[-1]


def test_quoted_cells_and_percentages_in_tables(read: Read) -> None:
    assert values(read("m.csv", '"accuracy, test",f1\n"95.1%","0.8"\n')) == {"accuracy, test": 0.951, "f1": 0.8}


def test_a_file_that_was_appended_to_shows_the_curve_of_its_last_part(read: Read) -> None:
    assert read("m.csv", "step,loss\n1,9\n2,8\n3,7\n1,5\n2,4\n")["loss"].history == ((1, 5.0), (2, 4.0))


# free text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Accuracy = 0.95, F1 Score = 0.86", {"Accuracy": 0.95, "F1 Score": 0.86}),
        ("loss: 4e-07", {"loss": 4e-07}),
        ("accuracy 37.3%", {"accuracy": 0.373}),
        ("Accuracy: 95.1 %\n", {"Accuracy": 0.951}),
        ("loss: 0.3 acc: 0.9", {"loss": 0.3, "acc": 0.9}),
        ("loss=0.3,acc=.9", {"loss": 0.3, "acc": 0.9}),
        ("10/10 [====] - 2s 3ms/step - loss: 0.31 - val_acc: 0.9", {"loss": 0.31, "val_acc": 0.9}),
        ("{'acc': np.float64(0.95), 'loss': tensor(0.3, device='cuda:0')}", {"acc": 0.95, "loss": 0.3}),
        ("R^2: 0.87; mAP@0.5: 0.6; top-5 accuracy = 1", {"R^2": 0.87, "mAP@0.5": 0.6, "top-5 accuracy": 1.0}),
        ("Accuracy (test): 0.95.", {"Accuracy (test)": 0.95}),
        ("The model's RMSE is 3.25.", {"The models RMSE": 3.25}),
        ("**Accuracy:** 0.95\n- `F1`: 0.8", {"Accuracy": 0.95, "F1": 0.8}),
        ("| metric | value |\n|---|---|\n| accuracy | 0.95 |\n| support | 150 |", {"accuracy": 0.95, "support": 150.0}),
        ("accuracy\t1\nTP   45", {"accuracy": 1.0, "TP": 45.0}),
        ("Genauigkeit größer: 0.5", {"Genauigkeit größer": 0.5}),
        ("\x1b[32mauc: 0.9\x1b[0m", {"auc": 0.9}),
        ("INFO:root:auc: 0.9", {"auc": 0.9}),
        ("2024-03-01 12:30:15,123 - train - INFO - auc: 0.9", {"auc": 0.9}),
        ("[12:30] auc = 0.9 (best 0.95)", {"auc": 0.9}),
        ("loss: inf", {"loss": math.inf}),
        ('{"auc": 0.9}', {"auc": 0.9}),
    ],
)
def test_free_text(read: Read, text: str, expected: Values) -> None:
    assert values(read("metrics.txt", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01 12:30:15 started",
        "started at: 12:30:15",
        "Date: 2024-01-01",
        "File train.py:12: in main",
        "Running on http://127.0.0.1:5000 and localhost:5000",
        "Python 3.11.4, version: 1.2",
        "numpy==1.26.4 torch>=2.0",
        "saved to /models/run-3/model.pkl",
        "Epoch 3/10",
        "Epoch: 3",
        "trained on 500 images",
        "accuracy: 95/100",
        "sizes: 1,234,567",
        "took: 3.2s",
        "Windows C:\\runs\\3",
        "+-----+-----+",
        "|:---|---:|",
        ":::: = = 3",
    ],
)
def test_times_versions_paths_and_counts_are_no_metrics(read: Read, text: str) -> None:
    assert values(read("metrics.txt", text)) == {}


def test_nan_in_free_text_is_kept(read: Read) -> None:
    assert math.isnan(read("m.txt", "val loss: NaN")["val loss"].value)


def test_a_log_of_epochs_is_a_curve(read: Read) -> None:
    found = read("train.log", "Epoch 5/6 - loss: 0.5\nEpoch 6/6 - loss: 0.4\ntest loss: 0.45\n")
    assert found["loss"].history == ((5, 0.5), (6, 0.4))
    assert found["test loss"].value == 0.45


def test_a_classification_report_has_the_names_of_scikit_learns_dictionary(read: Read) -> None:
    from sklearn.metrics import classification_report

    truth, guess, names = [0, 1, 2, 2, 1, 0, 2, 2], [0, 1, 2, 1, 1, 0, 2, 2], ["big cat", "dog", "3"]
    report = classification_report(truth, guess, target_names=names, digits=4)
    expected = pd.json_normalize(
        classification_report(truth, guess, target_names=names, output_dict=True), sep="."
    ).iloc[0]
    found = values(read("report.txt", f"Results\n\n{report}\nloss: 0.3\n"))
    assert found.pop("loss") == 0.3
    assert found == pytest.approx({**expected, "accuracy": expected["accuracy"]}, abs=5e-5)


def test_no_line_makes_reading_slow(read: Read) -> None:
    begin = time.monotonic()
    read(
        "m.txt",
        "\n".join(["a " * 20_000, "#" * 50_000, "(" * 50_000, "a" + " " * 50_000, "1." * 30_000, "a-" * 30_000]),
    )
    assert time.monotonic() - begin < 10


# encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(read: Read, encoding: str) -> None:
    for name, text in (("m.json", '{"größe": 1.5}'), ("m.csv", "größe\r\n1.5\r\n"), ("m.txt", "größe: 1.5\r\n")):
        assert values(read(name, text.encode(encoding))) == {"größe": 1.5}


def test_free_text_of_another_encoding_is_read_as_far_as_it_goes(read: Read) -> None:
    assert values(read("m.txt", "Größe\naccuracy: 0.9".encode("latin-1"))) == {"accuracy": 0.9}


# broken files


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.json", '{"a": 1,\n "b": }', r"out/m\.json, line 2, cannot be read as JSON"),
        ("m.json", '{"a": 1', r"out/m\.json, line 1, .*JSON"),
        ("m.json", "", r"out/m\.json cannot be read as JSON: it is empty"),
        ("m.json", '{"a": 1}\n{"b": ', r"line 2, .*JSON"),
        ("m.json", b'{"a\xff": 1}', r"line 1, .*not UTF-8"),
        ("m.json", b"\x00\x01\x02\x03\x00", r"JSON"),
        ("m.json", "[" * 100_000, r"JSON: it is nested too deeply"),
        ("m.json", '{"a":' * 300 + "1" + "}" * 300, r"nested too deeply"),
        ("m.json", '{"a": ' + "1" * 5000 + "}", r"JSON: .*digits"),
        ("m.jsonl", '{"a": 1}\nnonsense', r"JSON lines"),
        ("m.yaml", "a: [1, 2\nb: 3\n", r"out/m\.yaml, line 2, cannot be read as YAML"),
        ("m.yaml", "a: !!python/object/apply:os.system [id]", r"line 1, .*YAML"),
        ("m.yml", "[" * 20_000, r"YML: it is nested too deeply"),
        ("m.yaml", "a: 2024-13-45", r"YAML"),
        ("m.yaml", "a: &a {b: *a}", r"nested too deeply"),
        ("m.toml", "a = 1\nb = \n", r"out/m\.toml, line 2, cannot be read as TOML"),
        ("m.toml", "a = [\n", r"line \d, .*TOML"),
        ("m.toml", "a." * 5000 + "a = 1", r"nested too deeply"),
        ("m.csv", "", r"out/m\.csv cannot be read as CSV: it is empty"),
        ("m.csv", "a,b\n1,2\n1,2,3\n", r"line 3, cannot be read as CSV: it has 3 cells"),
        ("m.csv", "1,2\n3,4\n", r"no header"),
        ("m.csv", "a\n" + "1" * 200_000, r"line 2, .*CSV"),
        ("m.csv", b"a,b\n1,\xff\n", r"line 2, .*not UTF-8"),
        ("m.txt", b"acc: 1\n\x00\x01", r"line 2, .*not text"),
    ],
)
def test_a_broken_file_is_an_error_that_names_file_format_and_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        read_both(tmp_path, name, content)


def test_a_yaml_bomb_is_an_error(tmp_path: Path) -> None:
    bomb = "a0: &a0 {x: 1, y: 2}\n" + "".join(
        f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(9))}}}\n" for n in range(1, 12)
    )
    with pytest.raises(TrainingError, match="more than 500000 values"):
        read_both(tmp_path, "m.yaml", bomb)


def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(TrainingError, match="more than 50 MB"):
        read_metrics(path, "m.json")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_metrics(tmp_path / "m.json", "m.json")


# parameters


def test_parameters_are_written_as_mlflows_client_writes_them(tmp_path: Path) -> None:
    text = "model:\n  depth: 3\n  lr: 1.0e-05\n  bias: true\n  seed: null\n  layers: [1, 2]\n  stages: [{n: 1}]\nname: a b\nempty: {}\n"
    (tmp_path / "params.yaml").write_text(text)
    loaded = yaml.safe_load(text)["model"]
    assert read_params(tmp_path / "params.yaml", "params.yaml") == {
        **{f"model.{name}": str(loaded[name]) for name in ("depth", "lr", "bias", "seed", "layers")},
        "model.stages.0.n": "1",
        "name": "a b",
        "empty": "{}",
    }


def test_parameters_of_json_and_toml(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"a": {"b": 0.1}}')
    (tmp_path / "p.toml").write_text("[a]\nb = 0.1\n")
    (tmp_path / "p.yaml").write_text("# nothing yet\n")
    assert read_params(tmp_path / "p.json", "p") == read_params(tmp_path / "p.toml", "p") == {"a.b": "0.1"}
    assert read_params(tmp_path / "p.yaml", "p") == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("params.yaml", "a: [", r"conf/params\.yaml, line \d, cannot be read as YAML"),
        ("params.yaml", "- a\n- b\n", "does not name its values"),
        ("params.yaml", "a: &a [*a, *a]", "more than 500000 values"),
        ("params.py", "a = 1", r"conf/params\.py .*JSON, YAML or TOML"),
    ],
)
def test_broken_parameters_are_an_error(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_params(tmp_path / name, f"conf/{name}")


# written by this training?


def test_a_file_written_again_is_seen_though_nothing_in_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("{}")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    before = signature(path)
    assert not written(before, signature(path))
    path.write_text("{}")
    assert written(before, signature(path))


def test_a_file_replaced_by_an_equally_old_one_is_seen(tmp_path: Path) -> None:
    path, other = tmp_path / "metrics.json", tmp_path / "other"
    for each in (path, other):
        each.write_text("{}")
        os.utime(each, (1_000_000_000, 1_000_000_000))
    before = signature(path)
    other.replace(path)
    assert written(before, signature(path))


def test_a_file_that_appears_is_written_and_one_that_is_linked_or_chmoded_is_not(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    assert signature(path) is None
    assert not written(None, None)
    path.write_text("{}")
    before = signature(path)
    assert written(None, before)
    path.chmod(0o444)
    os.link(path, tmp_path / "cache")
    assert not written(before, signature(path))
    path.unlink()
    assert not written(before, signature(path))


# globs


def names(folder: Path, patterns: list[str], *also: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in expand(folder, patterns, also)]


def test_patterns_name_regular_files_below_the_folder_sorted_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "my repo"
    for name in (
        "b.json",
        "a.json",
        "sub/ö.json",
        "sub/deep/c.json",
        "sub/d.txt",
        ".git/x.json",
        "m[1].json",
        "dir.json/x",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert names(folder, ["**/*.json", "a.json"]) == ["a.json", "b.json", "m[1].json", "sub/deep/c.json", "sub/ö.json"]
    assert names(folder, ["m[1].json", "missing.json", "sub/*.txt"]) == ["m[1].json", "sub/d.txt"]


def test_nothing_outside_of_the_folder_is_named(tmp_path: Path) -> None:
    folder, cache = tmp_path / "repo", tmp_path / "cache"
    folder.mkdir()
    kept = cache / "files" / "md5" / "ab" / ("0" * 30)
    kept.parent.mkdir(parents=True)
    (tmp_path / "secret.png").touch()
    kept.touch()
    (folder / "link.png").symlink_to("../secret.png")
    (folder / "dvc.png").symlink_to(kept)
    (folder / "up").symlink_to("..")
    (folder / "inner.png").touch()
    (folder / "alias.png").symlink_to("inner.png")
    assert names(folder, ["*.png", "../*.png", "../secret.png", "up/*.png"]) == ["alias.png", "inner.png"]
    assert names(folder, ["*.png"], cache) == ["alias.png", "dvc.png", "inner.png"]


@pytest.mark.parametrize("pattern", ["/etc/passwd", "/etc/*", ""])
def test_an_absolute_pattern_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="relative"):
        expand(tmp_path, [pattern])
