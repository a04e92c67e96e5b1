"""Readers of DVC's files: `.dvc`, dvc.lock, dvc.yaml with its variables, `.dvc/config`."""

from __future__ import annotations

from pathlib import Path

from ml_ci.sources.dvc_files import outputs, versions
from ml_ci.sources.dvc_plot_definitions import definitions
from ml_ci.sources.dvc_plots import declared_files, declared_images, read_plots
from ml_ci.sources.dvc_settings import cache_folder, write_local_settings
from ml_ci.sources.pipeline import declared_metrics, maker, plot_entries, stage_outputs
from tests.fuzz.target import Target

_LOCK = b"""schema: '2.0'
stages:
  train@a:
    cmd: python train.py
    deps:
    - {path: data/train.csv, md5: d41d8cd98f00b204e9800998ecf8427e, size: 4}
    outs:
    - {path: metrics-a.json, hash: md5, md5: d41d8cd98f00b204e9800998ecf8427e, size: 4, nfiles: 2}
"""
_FILE = (
    b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e.dir\n  size: 4\n  nfiles: 2\n  hash: md5\n  path: data\nwdir: ..\n"
)
_PIPELINE = b"""vars: [{a: {b: x}}, params.yaml:lr]
stages:
  train:
    foreach: [a, b]
    do:
      cmd: python train.py
      wdir: sub
      metrics: ["metrics-${item}.json", {scores.json: {cache: false}}]
      plots: [{loss.csv: {x: step, y: loss, template: linear}}]
metrics: [all.json]
plots:
- curves.csv: {x: step, y: {curves.csv: [loss, acc]}, title: "${a.b}"}
- plots/
- confusion: {template: confusion, x: actual, y: {curves.csv: predicted}}
"""
_CONFIG = b"""[core]
    remote = store
['remote "store"']
    url = ../store
    credentialpath = ../key.json
[cache]
    dir = ../cache
"""
_WORDS = (
    *(
        "stages",
        "train",
        "cmd",
        "deps",
        "outs",
        "path",
        "md5",
        "size",
        "nfiles",
        "hash",
        "wdir",
        "metrics",
        "plots",
        "vars",
    ),
    *(
        "foreach",
        "do",
        "matrix",
        "item",
        "${item}",
        "${a.b}",
        "${a[0]}",
        "x",
        "y",
        "template",
        "title",
        "linear",
        "confusion",
    ),
    *(
        "curves.csv",
        "plots/",
        "params.yaml",
        "..",
        "../..",
        "sub",
        "cache",
        "etag",
        "checksum",
        "artifacts",
        "*.csv",
        "**",
    ),
)


def _read_file(content: bytes, _: Path) -> None:
    for version in (*versions(["data.dvc"], lambda _: content), *outputs(["data.dvc"], lambda _: content)):
        assert isinstance(version.path, str)


def _read_lock(content: bytes, folder: Path) -> None:
    versions(["dvc.lock"], lambda _: content)
    outputs(["sub/dvc.lock"], lambda _: content)
    _write(folder, pipeline=_PIPELINE, lock=content)
    _use(folder)


def _read_pipeline(content: bytes, folder: Path) -> None:
    _write(folder, pipeline=content, lock=_LOCK)
    _use(folder)


def _write(folder: Path, *, pipeline: bytes, lock: bytes) -> None:
    (folder / "dvc.yaml").write_bytes(pipeline)
    (folder / "dvc.lock").write_bytes(lock)
    (folder / "params.yaml").write_bytes(b"lr: 0.1\nname: x\n")
    (folder / "curves.csv").write_bytes(b"step,loss,acc,actual,predicted\n1,3,0.1,a,a\n2,2,0.2,b,a\n")


def _use(folder: Path) -> None:
    pipeline = folder / "dvc.yaml"
    declared_metrics(pipeline)
    plot_entries(pipeline)
    list(stage_outputs(pipeline, ("outs", "metrics", "plots")))
    maker(pipeline, folder / "metrics-a.json")
    known = definitions(folder, folder)
    for path in (*declared_files(folder, folder, known), *declared_images(folder, folder, known)):
        assert path.is_relative_to(folder)
    read_plots(folder, folder, lambda _: True, known)


def _read_settings(content: bytes, folder: Path) -> None:
    """The settings of a clone and of the base's worktree are from strangers, both; what is written can be read again."""
    home, worktree = folder / "home", folder / "worktree"
    for place in (home, worktree):
        (place / ".dvc").mkdir(parents=True, exist_ok=True)
        (place / ".dvc" / "config").write_bytes(content)
    (home / ".dvc" / "config.local").write_bytes(content)
    cache_folder(home)
    write_local_settings(home, worktree, home / ".dvc" / "cache", None)
    cache_folder(worktree)


TARGETS = (
    Target(name="dvc-file", read=_read_file, examples=(_FILE,), words=_WORDS, kind="yaml"),
    Target(name="dvc-lock", read=_read_lock, examples=(_LOCK,), words=_WORDS, kind="yaml"),
    Target(name="dvc-yaml", read=_read_pipeline, examples=(_PIPELINE,), words=_WORDS, kind="yaml"),
    Target(
        name="dvc-config",
        read=_read_settings,
        examples=(_CONFIG,),
        words=(
            "[core]",
            "[cache]",
            "dir = ",
            "url = ",
            "['remote \"x\"']",
            " = ",
            "\n    ",
            "path",
            "%(url)s",
            "#",
            "\\",
        ),
    ),
)
