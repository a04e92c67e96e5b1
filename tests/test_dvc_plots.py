"""DVC's plots as data: the real `dvc plots show` says which plots there are and what points they have."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ml_ci.config import Config
from ml_ci.data_plots import DataPlot
from ml_ci.records import Run, read_record, write_record
from ml_ci.sources.dvc_plots import MOST_POINTS_OF_ALL, declared_files, declared_images, read_plots
from ml_ci.sources.outputs import outputs_of
from tests.repository import Repository

Points = dict[str, Counter[tuple[str, str]]]
"""Of each series its points, as texts."""


def read(top: Path, folder: str = ".") -> tuple[dict[str, DataPlot], tuple[str, ...]]:
    """The plots by name, and the warnings, where this training wrote every file."""
    plots, warnings = read_plots(top / folder, top, lambda _: True)
    return {plot.name: plot for plot in plots}, warnings


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder with these files; no git, no DVC."""
    Repository(folder).write(files)
    return folder


def one(folder: Path, content: str | bytes, name: str = "log.csv", options: str = "") -> tuple[DataPlot | None, str]:
    """The plot of one file with `options` in its definition, and all warnings as one text."""
    top = written(folder, {"dvc.yaml": f"plots:\n  - {name}: {{{options}}}\n", name: content})
    plots, warnings = read(top)
    return plots.get(name), " ".join(warnings)


# -- as the real DVC has it


def of_dvc(repository: Repository) -> dict[str, Points]:
    """What `dvc plots show` draws: the points of each series of each plot, by the fields that its page names."""
    shown = json.loads(repository.dvc("plots", "show", "--json"))
    assert "errors" not in shown, shown["errors"]
    found = {}
    for name, (page,) in shown["data"].items():
        if page["type"] == "vega":
            x, y = (next(_fields(page["content"], axis)).replace("\\", "") for axis in "xy")
            points: Points = {}
            for row in page["content"]["data"]["values"]:
                # a field that does not differ between the series is not in the page's data
                series = row.get("filename::field") or row.get("field") or row.get("filename") or ""
                points.setdefault(series, Counter())[(_number(row.get(x)), _number(row.get(y)))] += 1
            found[name] = points
    return found


def _fields(content: object, axis: str) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(channel := content.get("encoding", {}).get(axis), dict) and "field" in channel:
            yield channel["field"]
        for value in content.values():
            yield from _fields(value, axis)
    elif isinstance(content, list):
        for value in content:
            yield from _fields(value, axis)


def _number(value: str | float | None) -> str:
    """A number with six digits; what is not there is a gap in ours."""
    if value in {None, ""}:
        return "nan"
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return str(value)


def of_ours(plot: DataPlot) -> Points:
    """The same of a plot of ours; DVC does not name the series where there is but one."""
    alone = len(plot.series) == 1
    weights = plot.weights or None
    return {
        "" if alone else series.name: Counter(
            point
            for index, (x, y) in enumerate(zip(series.x, series.y, strict=True))
            for point in (weights[index] if weights else 1) * [(_named(x, series.x_names), _named(y, series.y_names))]
        )
        for series in plot.series
    }


def _named(value: float, names: tuple[str, ...]) -> str:
    return _number(names[int(value)]) if names else _number(value)


EVERY_FORM = """
vars:
  - folder: out
  - more.yaml
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    plots:
      - staged.csv: {cache: false, x: epoch, y: loss, x_label: Epoch}
      - cached.tsv
      - no_header.csv: {cache: false, header: false, y: "1"}
  each:
    foreach: [north, south]
    do:
      wdir: areas
      cmd: python ../area.py ${item}.csv
      plots:
        - ${item}.csv: {cache: false}
plots:
  - nested.json
  - points.yaml: {x: fpr, y: tpr, template: scatter, title: "A title", x_label: "False | positive"}
  - several.csv: {x: epoch, y: [loss, accuracy]}
  - folder: {x: step}
  - folder/special.csv: {x: time, y: value}
  - classes.csv: {template: confusion, x: actual, y: predicted}
  - normal.csv: {template: confusion_normalized, x: actual, y: predicted}
  - importance.json: {template: bar_horizontal, x: importance, y: feature}
  - sorted.json: {template: bar_horizontal_sorted, x: importance, y: feature}
  - jitter.csv: {template: scatter_jitter, x: size, y: kind}
  - smooth.csv: {template: smooth, x: step, y: loss}
  - losses: {x: step, y: {folder/train.csv: loss, folder/test.csv: loss}, title: Losses}
  - all: {x: step, y: {folder/train.csv: [loss, acc], folder/test.csv: loss}, template: simple, y_label: what}
  - crossed: {x: {folder/train.csv: step}, y: {folder/test.csv: loss}}
  - paired: {x: {folder/train.csv: step, folder/test.csv: acc}, y: {folder/train.csv: loss, folder/test.csv: loss}}
  - ${folder}/variable.csv: {x: "${axis.x}", y: b}
  - picture.png
"""

DATA: dict[str, str | bytes] = {
    "dvc.yaml": EVERY_FORM,
    "more.yaml": "axis: {x: a}\n",
    "train.py": "import shutil\n"
    "shutil.copy('template.csv', 'staged.csv')\n"
    "open('no_header.csv', 'w').write('1,2,x\\n3,4,y\\n')\n"
    "open('cached.tsv', 'w').write('a\\tb\\n1\\t2\\n3\\t4\\n')\n",
    "template.csv": "epoch,loss,accuracy\n1,0.5,0.7\n2,0.25,0.8\n3,,0.9\n",
    "area.py": "import sys\nopen(sys.argv[1], 'w').write('n,v\\n0,1\\n1,' + str(len(sys.argv[1])) + '\\n')\n",
    "areas/.keep": "",
    "nested.json": json.dumps(
        {
            "name": "run",
            "deep": {"curve": [{"a": 1, "b": 2.5}, {"a": 2, "b": 3.5}]},
            "other": [{"c": 7}, {"c": 8}, {"c": 9}],
            "uneven": [{"d": 1}, {"e": 2}],
        }
    ),
    "points.yaml": "- {fpr: 0.0, tpr: 0.1}\n- {fpr: 0.5, tpr: 4e-07}\n- {fpr: 1.0, tpr: 1.0}\n",
    "several.csv": "epoch,loss,accuracy\n3,0.5,0.7\n1,0.25,0.8\n2,0.1,0.9\n",
    "folder/special.csv": "time,value\n1,10\n2,20\n",
    "folder/train.csv": "step,acc,loss\n0,0.1,0.9\n1,0.2,0.8\n",
    "folder/test.csv": "step,acc,loss\n0,0.3,0.7\n1,0.4,0.6\n",
    "folder/deep/rate.tsv": "step\trate\n0\t0.1\n1\t0.01\n",
    "classes.csv": "actual,predicted\ncat,cat\ncat,dog\ndog,dog\ndog,dog\nnone,dog\n",
    "normal.csv": "actual,predicted\n1,1\n0,1\n10,0\n2,2\n",
    "importance.json": json.dumps([{"feature": "b", "importance": 0.25}, {"feature": "a", "importance": -0.5}]),
    "sorted.json": json.dumps({"of": [{"feature": "b", "importance": 0.25}, {"feature": "a", "importance": 0.5}]}),
    "jitter.csv": "size,kind\n1,x\n2,y\n1,x\n",
    "smooth.csv": "step,loss\n0,3\n1,2\n2,1\n",
    "out/variable.csv": "a,b\n1,2\n2,3\n",
    "picture.png": b"\x89PNG\r\n\x1a\n",
    "area/dvc.yaml": "plots:\n  - own.csv\n  - losses: {x: step, y: {../folder/train.csv: loss}}\n",
    "area/own.csv": "value\n5\n6\n",
}


@pytest.fixture(scope="module")
def every_form(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository whose dvc.yaml files have all that DVC documents, after `dvc repro`."""
    repository = Repository.create(tmp_path_factory.mktemp("dvc") / "repository", DATA)
    repository.dvc("init", "--quiet")
    repository.dvc("repro", "--quiet")
    return repository


def test_all_forms_of_plots_have_the_points_that_dvc_draws(every_form: Repository) -> None:
    expected = of_dvc(every_form)
    assert len(expected) > 20
    # DVC names a plot by its file only where two files have one of that name
    expected["losses"] = expected.pop("dvc.yaml::losses")
    found, warnings = read(every_form.path)
    assert {name: of_ours(plot) for name, plot in found.items()} == expected
    assert warnings == ()


def test_titles_labels_and_templates_are_those_of_the_definition(every_form: Repository) -> None:
    found, _ = read(every_form.path)
    assert (found["points.yaml"].title, found["points.yaml"].template) == ("A title", "scatter")
    assert (found["points.yaml"].x_label, found["points.yaml"].y_label) == ("False | positive", "tpr")
    assert (found["staged.csv"].x_label, found["staged.csv"].y_label) == ("Epoch", "loss")
    assert (found["nested.json"].x_label, found["nested.json"].y_label) == ("step", "b")
    assert (found["several.csv"].y_label, found["all"].y_label) == ("y", "what")
    assert found["losses"].title == "Losses"
    assert [series.name for series in found["losses"].series] == ["train.csv", "test.csv"]
    assert found["jitter.csv"].template == "scatter"
    assert found["sorted.json"].series[0].y_names == ("a", "b")


def test_a_folder_of_its_own_has_the_plots_of_its_dvc_yaml_and_of_those_above_it_that_are_drawn_from_it(
    every_form: Repository,
) -> None:
    found, warnings = read(every_form.path, "area")
    assert list(found) == ["area/own.csv", "losses"]
    assert list(read(every_form.path, "folder")[0])[:2] == ["folder/deep/rate.tsv", "folder/test.csv"]
    assert warnings == ()


def test_the_files_that_must_be_watched_are_those_that_the_definitions_name(every_form: Repository) -> None:
    top = every_form.path
    files = declared_files(top, top)
    assert {top / "nested.json", top / "folder/train.csv", top / "areas/north.csv", top / "area/own.csv"} <= set(files)
    assert len(files) == len(set(files))
    assert declared_images(top, top) == [top / "picture.png"]


def live(document: object) -> str:
    """JSON as dvclive writes it."""
    return json.dumps(document, indent=4) + "\n"


LIVE = {
    # what dvclive 3.49 left of log_metric, log_sklearn_plot and log_plot
    "dvc.yaml": """metrics:
- dvclive/metrics.json
plots:
- dvclive/plots/metrics:
    x: step
- dvclive/plots/sklearn/confusion_matrix.json:
    template: confusion
    x: actual
    y: predicted
    title: Confusion Matrix
    x_label: True Label
    y_label: Predicted Label
- dvclive/plots/sklearn/roc.json:
    template: simple
    x: fpr
    y: tpr
    title: Receiver operating characteristic (ROC)
    x_label: False Positive Rate
    y_label: True Positive Rate
- dvclive/plots/custom/features.json:
    template: bar_horizontal
    x: weight
    y: name
    title: Features
""",
    "dvclive/metrics.json": live({"train": {"loss": 0.5}, "accuracy": 0.25, "step": 1}),
    "dvclive/plots/metrics/accuracy.tsv": "step\taccuracy\n0\t0.0\n1\t0.25\n",
    "dvclive/plots/metrics/train/loss.tsv": "step\tloss\n0\t1.0\n1\t0.5\n",
    "dvclive/plots/custom/features.json": live([{"name": "a", "weight": 0.5}, {"name": "b", "weight": -0.5}]),
    "dvclive/plots/sklearn/confusion_matrix.json": live(
        [{"actual": actual, "predicted": predicted} for actual, predicted in ("00", "01", "11", "22")]
    ),
    "dvclive/plots/sklearn/roc.json": live(
        {
            "roc": [
                {"fpr": 0.0, "tpr": 0.0, "threshold": math.inf},
                {"fpr": 0.0, "tpr": 0.5, "threshold": 0.9},
                {"fpr": 0.5, "tpr": 0.5, "threshold": 0.6},
                {"fpr": 0.5, "tpr": 1.0, "threshold": 0.4},
                {"fpr": 1.0, "tpr": 1.0, "threshold": 0.1},
            ]
        }
    ),
}


def test_dvclives_own_files_have_the_points_that_dvc_draws(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "repository", LIVE)
    repository.dvc("init", "--quiet")
    found, warnings = read(repository.path)
    assert {name: of_ours(plot) for name, plot in found.items()} == of_dvc(repository)
    assert found["dvclive/plots/sklearn/roc.json"].title == "Receiver operating characteristic (ROC)"
    assert found["dvclive/plots/sklearn/confusion_matrix.json"].template == "confusion"
    assert found["dvclive/plots/metrics/train/loss.tsv"].x_label == "step"
    assert warnings == ()


# -- what counts


def test_a_file_that_this_training_did_not_write_is_left_out_and_named(tmp_path: Path) -> None:
    top = written(tmp_path, {"dvc.yaml": "plots: [old.csv, new.csv]\n", "old.csv": "a\n1\n", "new.csv": "a\n1\n"})
    plots, warnings = read_plots(top, top, lambda path: path == top / "new.csv")
    assert [plot.name for plot in plots] == ["new.csv"]
    assert warnings == ("DVC's plot old.csv: left out, since this training did not write its data.",)


def test_several_plots_with_one_trouble_are_one_warning(tmp_path: Path) -> None:
    top = written(tmp_path, {"dvc.yaml": f"plots: {json.dumps([f'{n}.csv' for n in range(9)])}\n"})
    _, warnings = read(top)
    assert warnings == (
        "DVC's plots 0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 4 more: left out, since there is no such file.",
    )


def test_a_stages_output_that_the_top_defines_too_is_one_plot(tmp_path: Path) -> None:
    stage = "stages:\n  a:\n    cmd: b\n    plots: [log.csv]\n"
    top = written(tmp_path, {"dvc.yaml": stage + "plots:\n  - log.csv: {y: a}\n", "log.csv": "a,b\n1,2\n"})
    assert [plot.y_label for plot in read(top)[0].values()] == ["a"]


def test_the_plots_of_stages_and_of_dvclive_are_no_changes_of_what_training_reads(tmp_path: Path) -> None:
    pipeline = "stages:\n  a:\n    cmd: b\n    plots: [curves]\nplots: [data.csv]\n"
    outputs = outputs_of(Config(), written(tmp_path, {"dvc.yaml": pipeline}))
    assert outputs.has("curves/roc.csv", tracked=True)
    assert outputs.has("dvclive/plots/metrics/loss.tsv", tracked=False)
    assert not outputs.has("data.csv", tracked=False), "training may read what is drawn"


# -- nothing outside of the repository


@pytest.mark.parametrize("name", ["../secret.csv", "sub/../../secret.csv", "{absolute}"])
def test_no_path_leads_out_of_the_repository(tmp_path: Path, name: str) -> None:
    name = name.format(absolute=tmp_path / "secret.csv")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    form = f"plots:\n  - {name}\n  - named: {{y: {{{name}: a}}}}\n  - {name[:-4]}.png\n"
    top = written(tmp_path / "repository", {"dvc.yaml": form})
    plots, warnings = read(top)
    assert not plots
    assert "its data is outside of the repository" in warnings[0]
    assert declared_files(top, top) == declared_images(top, top) == []


def test_no_link_leads_out_of_the_repository(tmp_path: Path) -> None:
    written(tmp_path / "outside", {"secret.csv": "a\n1\n", "secret.png": "x"})
    top = written(tmp_path / "repository", {"dvc.yaml": "plots: [link.csv, folder, link.png]\n"})
    (top / "link.csv").symlink_to(tmp_path / "outside" / "secret.csv")
    (top / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    (top / "folder").symlink_to(tmp_path / "outside")
    plots, warnings = read(top)
    assert not plots
    assert warnings == ("DVC's plots folder, link.csv: left out, since it is a link that leads out of the repository.",)
    assert declared_images(top, top) == []


def test_a_link_into_dvcs_cache_is_read(tmp_path: Path) -> None:
    kept = f"files/md5/ab/{'0' * 30}"
    written(tmp_path / "cache", {kept: "a\n1\n"})
    config = f"[cache]\n    dir = {tmp_path / 'cache'}\n"
    top = written(tmp_path / "repository", {"dvc.yaml": "plots: [link.csv]\n", ".dvc/config": config})
    (top / "link.csv").symlink_to(tmp_path / "cache" / kept)
    assert list(read(top)[0]) == ["link.csv"]


def test_folders_that_link_to_themselves_are_no_trouble(tmp_path: Path) -> None:
    top = written(
        tmp_path, {"dvc.yaml": "plots: [plots]\n", "plots/a.csv": "a\n1\n", "sub/dvc.yaml": "plots: [b.csv]\n"}
    )
    (top / "plots" / "again").symlink_to(top / "plots")
    (top / "sub" / "again").symlink_to(top)
    (top / "sub" / "b.csv").symlink_to("b.csv")
    plots, warnings = read(top)
    assert list(plots) == ["plots/a.csv"]
    assert "there is no such file" in warnings[0]


def test_what_git_ignores_and_what_is_another_repository_has_no_plots(tmp_path: Path) -> None:
    pipeline = "plots: [a.csv]\n"
    files = {f"{folder}/dvc.yaml": pipeline for folder in ("ignored", "other", ".hidden", "env", "data", "kept")}
    marks = {".gitignore": "/ignored\n!\n", "other/.dvc/config": "", "env/pyvenv.cfg": "", "data.dvc": "outs: []\n"}
    top = written(tmp_path, {**files, **marks})
    assert declared_files(top, top) == [top / "kept/a.csv"]


# -- bounds


def test_of_many_points_the_first_the_last_and_the_extremes_are_kept(tmp_path: Path) -> None:
    values = [math.sin(n / 1000) for n in range(100_000)]
    values[34_567], values[76_543] = 99.5, -99.5
    plot, warnings = one(tmp_path, "value\n" + "\n".join(map(str, values)))
    assert plot is not None
    x, y = plot.series[0].x, plot.series[0].y
    assert len(x) <= 1000
    assert (x[0], x[-1]) == (0, 99_999)
    assert (34_567, 99.5) in zip(x, y, strict=True)
    assert (76_543, -99.5) in zip(x, y, strict=True)
    assert "thinned to 1,000 points for each series" in warnings


def test_a_run_has_at_most_50_plots_and_its_record_stays_small(tmp_path: Path) -> None:
    rows = "\n".join(",".join(str(n / (field + 3)) for field in range(20)) for n in range(2000))
    form = ", ".join(f"f{field}" for field in range(25))
    files = {f"{n}.csv": ",".join(f"f{field}" for field in range(20)) + "\n" + rows for n in range(3)}
    others = {f"{n}.csv": "a\n1\n2\n" for n in range(3, 60)}
    pipeline = "plots:\n" + "".join(f"  - {n}.csv: {{y: [{form}]}}\n" for n in range(3))
    top = written(tmp_path, {"dvc.yaml": pipeline + "".join(f"  - {name}\n" for name in others), **files, **others})
    plots, warnings = read_plots(top, top, lambda _: True)
    said = " ".join(warnings)
    assert len(plots) == 50
    assert max(len(plot.series) for plot in plots) == 20
    assert sum(len(series.x) for plot in plots for series in plot.series) <= MOST_POINTS_OF_ALL
    assert "60 plots here: only the first 50 are shown" in said
    assert "shown with the first 20 of its fields" in said
    run = Run(commit="a", plots=plots)
    assert len(record := write_record(run)) < 2_000_000
    assert read_record(record, "the record") == run


def test_of_many_classes_the_most_frequent_are_kept(tmp_path: Path) -> None:
    pairs = [(n % 300, (n + n % 2) % 300) for n in range(2000)] + [(n, n) for n in range(100, 300)]
    content = "a,b\n" + "\n".join(f"class {x},class {y}" for x, y in pairs)
    plot, warnings = one(tmp_path, content, options="template: confusion, x: a, y: b")
    assert plot is not None
    assert len(plot.series[0].x_names) == len(plot.series[0].y_names) == 200
    assert "class 150" in plot.series[0].x_names
    assert "shown with the 200 most frequent classes" in warnings


def test_too_large_a_file_is_not_read(tmp_path: Path) -> None:
    top = written(tmp_path, {"dvc.yaml": "plots: [log.csv, log.yaml]\n"})
    for name, size in (("log.csv", 50_000_001), ("log.yaml", 250_001)):
        (top / name).touch()
        os.truncate(top / name, size)
    plots, warnings = read(top)
    assert not plots
    assert "it has more than 50 MB" in warnings[0]
    assert "it has more than 0.25 MB" in warnings[1]


def test_a_field_that_is_no_class_is_not_taken_for_one(tmp_path: Path) -> None:
    content = "a,b\n" + "\n".join(f"{n / 7},{n / 9}" for n in range(20_000))
    plot, warnings = one(tmp_path, content, options="template: confusion, x: a, y: b")
    assert plot is None
    assert "a of log.csv has more than 10,000 different values" in warnings


# -- data that is not what it should be


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "", "it is empty"),
        ("a.csv", "step,loss\n", "it has no rows"),
        ("a.csv", "step,loss\n0,\n1,\n", "loss of a.csv has no number in it"),
        ("a.csv", "loss\nnan\ninf\n", "loss of a.csv has no number in it"),
        ("a.csv", "step,loss\n0,low\n1,high\n", "loss of a.csv has no number in it"),
        ("a.csv", b"a\n\xff\xfe\xfa\n", "it is not UTF-8 text"),
        ("a.csv", "a\n" + "x" * 200_000, "field larger than field limit"),
        ("a.json", '{"a": [1, 2', "a.json, line 1, cannot be read"),
        ("a.json", "5", "it has no list of records"),
        ("a.json", '{"loss": [1, 2, 3]}', "it has no list of records"),
        ("a.json", "[]", "it has no list of records"),
        ("a.json", '[{"a": 1}, {"b": 2}]', "it has no list of records"),
        ("a.json", "[" * 100_000, "it is nested too deeply"),
        ("a.yaml", "a: [", "a.yaml, line 1, cannot be read"),
        ("a.txt", "1", "DVC draws JSON, YAML, TOML, CSV and TSV files only"),
    ],
)
def test_a_file_that_cannot_be_drawn_is_left_out_with_the_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    plot, warnings = one(tmp_path, content, name)
    assert plot is None
    assert reason in warnings
    assert name in warnings


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("y: nothing", "log.csv has no field nothing"),
        ("x: nothing, y: a", "log.csv has no field nothing"),
        ("x: {log.csv: [a, b, a]}, y: [a, b]", "its definition has not as many fields for x as for y"),
        ("template: confusion, y: a", "its definition says no x"),
        ("template: bar_horizontal, y: a", "its definition says no x"),
        ("template: bar_horizontal, x: name, y: a", "name of log.csv has no number in it"),
        ('x: "${nowhere}"', "a variable in its definition has no value"),
    ],
)
def test_a_definition_that_does_not_fit_the_data_is_left_out_with_the_reason(
    tmp_path: Path, options: str, reason: str
) -> None:
    plot, warnings = one(tmp_path, "name,a,b\nx,1,2\ny,3,4\n", options=options)
    assert plot is None
    assert reason in warnings


def test_fields_of_different_length_cannot_be_joined(tmp_path: Path) -> None:
    form = "plots:\n  - joined: {x: {a.csv: s}, y: {b.csv: v}}\n"
    top = written(tmp_path, {"dvc.yaml": form, "a.csv": "s\n1\n2\n", "b.csv": "v\n1\n"})
    plots, warnings = read(top)
    assert not plots
    assert "s of a.csv has 2 rows and v of b.csv has 1" in warnings[0]


def test_what_can_be_drawn_of_a_plot_is(tmp_path: Path) -> None:
    plot, warnings = one(tmp_path, "a,b\n1,x\n2,3\n", options="y: [a, b, c]")
    assert plot is not None
    assert [series.name for series in plot.series] == ["a", "b"]
    assert "not whole, since log.csv has no field c" in warnings
    assert "shown without those values of b that are no numbers" in warnings


def test_a_template_that_is_not_known_is_drawn_as_lines_and_named(tmp_path: Path) -> None:
    plot, warnings = one(tmp_path, "a\n1\n", options="template: my_own")
    assert plot is not None
    assert plot.template == "linear"
    assert "shown as lines, since ml-ci does not draw the template my_own" in warnings


def test_texts_on_an_axis_are_its_names(tmp_path: Path) -> None:
    plot, warnings = one(tmp_path, "month,sales\nMay,1\nJune,2\n", options="x: month, y: sales")
    assert plot is not None
    assert (plot.series[0].x_names, plot.series[0].x) == (("May", "June"), (0.0, 1.0))
    assert warnings == ""


LAUGHS = "b0: &b0 [x, x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" for n in range(1, 12))
"""Ten billion values, in as many lines as there are decades."""


@pytest.mark.parametrize(
    "pipeline",
    [
        *("plots: {a: [", "- a\n", "plots: 5\n", "plots: [5, {}, [a], null]\n", "[" * 20_000),
        f"{LAUGHS}plots:\n  - b.csv: {{x: *b11}}\n",
        f"{LAUGHS}stages: {{s: {{plots: [b.csv: {{y: {{b.csv: *b11}}}}]}}}}\n",
        "plots:\n  - b.csv: &b {x: 'a${z}', more: *b}\n",
        "vars:\n  - &v {v: *v}\n  - *v\nplots:\n  - b.csv: {x: '${v}'}\n".replace("&v {v: *v}", "&v\n    v: *v"),
        f"vars: [v: {'x' * 100_000}]\nplots: [b.csv: {{title: '{'${v}' * 100_000}'}}]\n",
        "plots: [b.csv: {x: 2024-13-45}]\n",
        f"plots: [b.csv: {{x: 0x{'f' * 9000}}}]\n",
        f"plots: [b.csv: {{x: {'9' * 9000}}}]\n",
    ],
)
def test_a_broken_dvc_yaml_is_a_warning_at_most(tmp_path: Path, pipeline: str) -> None:
    top = written(tmp_path, {"dvc.yaml": "plots: [a.csv]\n", "a.csv": "a\n1\n", "sub/dvc.yaml": pipeline})
    assert list(read(top)[0]) == ["a.csv"]


def test_numbers_keep_their_size_and_long_names_are_cut(tmp_path: Path) -> None:
    name = "n" * 300
    plot, _ = one(tmp_path, f"step,{name}\n0,1e-320\n1,-1e308\n2,1{400 * '0'}\n3,4e-07\n")
    assert plot is not None
    assert str(plot.series[0].y) == "(1e-320, -1e+308, nan, 4e-07)"
    assert len(plot.series[0].name) == len(plot.y_label) == 200


def test_ten_columns_of_a_file_are_read_once(tmp_path: Path) -> None:
    fields = [f"f{n}" for n in range(10)]
    top = written(
        tmp_path,
        {
            "dvc.yaml": "plots:\n" + "".join(f"  - {name}: {{y: {{log.csv: {name}}}}}\n" for name in fields),
            "log.csv": ",".join(fields) + "\n" + ",".join("0123456789") + "\n",
        },
    )
    asked: list[Path] = []

    def counts(path: Path) -> bool:
        asked.append(path)
        return True

    plots, _ = read_plots(top, top, counts)
    assert [plot.series[0].y for plot in plots] == [(float(n),) for n in range(10)]
    assert asked == [top / "log.csv"]


def test_moving_a_repository_moves_no_names(tmp_path: Path) -> None:
    top = written(tmp_path / "one", {"sub/dvc.yaml": "plots: [a.csv]\n", "sub/a.csv": "a\n1\n"})
    shutil.copytree(top, tmp_path / "two")
    assert read(top, "sub") == read(tmp_path / "two", "sub")
