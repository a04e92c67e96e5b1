"""The pictures of a comment: published where its readers see them, or drawn as text in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal

from ml_ci.errors import MlCiError
from ml_ci.github.data_branch import DataBranch, image_url
from ml_ci.github.event import Event
from ml_ci.github.session import NotPermittedError
from ml_ci.report.charts import as_text
from ml_ci.report.presentation import Illustrations, Plot, illustrations
from ml_ci.result import Result
from ml_ci.sources.record_store import Reader, Records

PlotsMode = Literal["auto", "branch", "inline", "none"]


class Pictures:
    """One job's pictures on the data branch. `plots` is the action's input; `problem` is told what GitHub refused."""

    def __init__(
        self,
        *,
        event: Event,
        branch: DataBranch,
        records: Records,
        plots: PlotsMode,
        problem: Callable[[MlCiError], None],
    ) -> None:
        self._event = event
        self._branch = branch
        self._records = records
        self._plots = plots
        self._problem = problem

    def publish(self, plots: Sequence[Plot], own: Mapping[str, Plot], result: Result) -> Illustrations:
        """Write the pictures, and with them that there was a verdict on the test set, in one commit."""
        if self._plots == "none":
            self._count(result)
            return Illustrations()
        if self._plots == "inline" or self._event.pull_number is None:
            self._count(result)
            return as_text(result)
        contents = {path: path.read_bytes() for plot in (*plots, *own.values()) for path in plot.files}
        places = {path: f"images/{sha256(content).hexdigest()}.png" for path, content in contents.items()}
        try:
            self._branch.update(
                lambda read: {**{places[path]: contents[path] for path in contents}, **self._counted(result, read)},
                f"Images of pull request {self._event.pull_number}",
            )
        except NotPermittedError as error:
            # with `auto` a token that may only read is expected, on forks for example
            if self._plots == "branch":
                self._problem(error)
            return as_text(result)
        except MlCiError as error:
            self._problem(error)
            return as_text(result)
        return illustrations(plots, own, lambda path: self._url(places, path))

    def _url(self, places: Mapping[Path, str], path: Path) -> str:
        return image_url(self._event.server_url, self._event.repository, self._branch.branch, places[path])

    def _counted(self, result: Result, read: Reader) -> Mapping[str, bytes]:
        return self._records.counted(result.head, read) if result.test_set and result.head else {}

    def _count(self, result: Result) -> None:
        """Count a verdict on its test set by itself; where that cannot be written, it is not counted."""
        if result.test_set and result.head:
            with suppress(MlCiError):
                self._records.count_verdict(result.head)
