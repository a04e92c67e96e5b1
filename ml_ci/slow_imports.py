"""Packages that take a second or two to import, imported while training runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from threading import Event, Thread

REPORT = ("jinja2", "tabulate", "pydantic", "PIL.ImageDraw", "matplotlib.figure", "matplotlib.backends.backend_agg")


class SlowImports:
    """Imports on threads of its own: first what a report needs, and then, once `until` returns, MLflow's client.

    `until` waits until MLflow's server is up. The server, training and this would slow each other on two cores, and it
    is the server that training may be waiting for. `then` is called with the client imported, if there is time.

    Two threads must never import one package at once, since one of them could get half of it: whoever uses one of
    these calls `report` or `mlflow` first.
    """

    def __init__(self, until: Callable[[], object], then: Callable[[], object]) -> None:
        self._until = until
        self._then = then
        self._reports = Thread(target=self._import_report, daemon=True, name="ml-ci-import")
        self._mlflow = Thread(target=self._import_mlflow, daemon=True, name="ml-ci-import-mlflow")
        self._go = Event()
        self._held = False

    def begin(self) -> None:
        """Start; a second call changes nothing."""
        if self._reports.ident is None:
            self._reports.start()
            self._mlflow.start()
            Thread(target=self._wait, daemon=True, name="ml-ci-import-wait").start()

    def report(self) -> None:
        """Return when all that a report needs is imported, and leave MLflow for later: somebody waits for the report."""
        self.begin()
        self._held = True
        self._reports.join()

    @property
    def is_done(self) -> bool:
        """Whether all is imported, so that nobody has to wait for it."""
        return self._mlflow.ident is not None and not self._mlflow.is_alive()

    def mlflow(self) -> None:
        """Return when MLflow's client is imported."""
        self.begin()
        self._go.set()
        self._mlflow.join()

    def _import_report(self) -> None:
        for name in REPORT:
            importlib.import_module(name)

    def _wait(self) -> None:
        self._until()
        if not self._held:
            self._go.set()

    def _import_mlflow(self) -> None:
        self._reports.join()
        self._go.wait()
        importlib.import_module("mlflow")
        if not self._held:
            self._then()
