"""Packages that take a second or two to import, imported while training runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from threading import Thread

REPORT = ("jinja2", "tabulate", "pydantic", "PIL.ImageDraw", "matplotlib.figure", "matplotlib.backends.backend_agg")


class SlowImports:
    """Imports beside training: first what a report needs, and what is named besides (`also`), then MLflow's client.

    `then` is called with it imported.

    To wait with the client until MLflow's server is up was tried, and was slower: it then gets in the way of logging.

    Two threads must never import one package at once, since one of them could get half of it: whoever uses one of
    these calls `report` or `mlflow` first.
    """

    def __init__(self, then: Callable[[], object], also: Sequence[str] = ()) -> None:
        self._then = then
        self._names = (*REPORT, *also)
        self._report = Thread(target=self._import_report, daemon=True, name="ml-ci-import")
        self._mlflow = Thread(target=self._import_mlflow, daemon=True, name="ml-ci-import-mlflow")
        self._held = False
        self._done = False

    def begin(self) -> None:
        """Start; a second call changes nothing."""
        if self._report.ident is None:
            self._report.start()
            self._mlflow.start()

    @property
    def is_done(self) -> bool:
        """Whether all is imported, and `then` has returned, so that nobody has to wait for MLflow."""
        return self._done

    def report(self) -> None:
        """Return when all that a report needs is imported, and leave `then` out if it has not begun."""
        self.begin()
        self._held = True
        self._report.join()

    def mlflow(self) -> None:
        """Return when MLflow's client is imported."""
        self.begin()
        self._mlflow.join()

    def _import_report(self) -> None:
        for name in self._names:
            importlib.import_module(name)

    def _import_mlflow(self) -> None:
        self._report.join()
        importlib.import_module("mlflow")
        if not self._held:
            self._then()
            self._done = True
