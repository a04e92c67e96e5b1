"""The pictures of a comment: published where its readers see them, or drawn as text in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

from ml_ci.errors import MlCiError, OutsideError
from ml_ci.github.data_branch import DataBranch, image_url
from ml_ci.github.event import Event
from ml_ci.github.session import NotPermittedError
from ml_ci.github.used_pictures import USED, read_used, write_used
from ml_ci.report.charts import as_text
from ml_ci.report.presentation import Illustrations, Plot, illustrations, png_of
from ml_ci.result import Result
from ml_ci.sources.record_store import Reader, Records, image_path

PlotsMode = Literal["auto", "branch", "inline", "none"]
Drawn = tuple[Sequence[Plot], Mapping[str, Plot], Result]
"""One model's plots, the images of its repository's Markdown by address, and its result."""

MOST_PICTURES = 30
"""In one job: with one for dark pages each, that is below the 80 uploads a minute after which GitHub makes clients wait."""
MOST_BYTES = 20_000_000
LARGEST_PICTURE = 5_000_000
"""About what GitHub's image proxy passes on."""


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
        """`publish_all` for a job with one model."""
        (only,) = self.publish_all([(plots, own, result)])
        return only

    def publish_all(self, models: Sequence[Drawn]) -> list[Illustrations]:
        """Write the pictures of all models, that there were verdicts on their test sets, and who accepted them, in one commit.

        What is too much for one job is left out, the first pictures of each model last; a warning says how many.
        """
        results = [result for _, _, result in models]
        pull = self._event.pull_number
        if self._plots == "none":
            self._note(results)
            return [Illustrations() for _ in results]
        if self._plots == "inline" or pull is None:
            self._note(results)
            return [as_text(result) for result in results]
        chosen = _chosen(models)
        places = self._places(chosen)
        try:
            self._branch.update(
                lambda read: self._files(pull, models, chosen, places, read), f"Images of pull request {pull}"
            )
        except MlCiError as error:
            # with `auto` a token that may only read is expected, on forks for example; but an acceptance is to be kept
            expected = isinstance(error, NotPermittedError) and self._plots != "branch"
            if not expected or any(result.accepted for result in results):
                self._problem(error)
            return [as_text(result) for result in results]
        return [illustrations(plots, own, lambda path: self._url(places, path)) for plots, own, _ in models]

    def _places(self, chosen: _Chosen) -> dict[Path, str]:
        """The name of each picture's file among those that are published."""
        if why := chosen.left_out:
            self._problem(OutsideError(why))
        return {path: sha256(content).hexdigest() for path, content in chosen.contents.items()}

    def _files(
        self, pull: int, models: Sequence[Drawn], chosen: _Chosen, places: Mapping[Path, str], read: Reader
    ) -> dict[str, bytes | None]:
        files: dict[str, bytes | None] = {image_path(name): chosen.contents[path] for path, name in places.items()}
        used = before = read_used(read)
        for plots, own, result in models:
            shown = {places[path] for plot in (*plots, *own.values()) for path in plot.files if path in places}
            used = used.shown_by(pull, result.key, shown)
            files |= self._noted(result, read)
        if used != before:
            files[USED] = write_used(used)
        return files

    def _url(self, places: Mapping[Path, str], path: Path) -> str | None:
        if path not in places:
            return None
        place = image_path(places[path])
        return image_url(self._event.server_url, self._event.repository, self._branch.branch, place)

    def _noted(self, result: Result, read: Reader) -> Mapping[str, bytes]:
        if result.head is None:
            return {}
        counted = self._records.counted(result.head, read) if result.test_set else {}
        return {**counted, **self._records.accepted(result.head, result.verdict, read)}

    def _note(self, results: Sequence[Result]) -> None:
        """Count verdicts on their test sets, and keep who accepted them, by themselves.

        A count that cannot be written says nothing of this change; that somebody accepted it does.
        """
        accepted = any(result.accepted for result in results)
        runs = [result.head for result in results if result.test_set and result.head]
        if not accepted and not runs:
            return
        about = ", ".join(f"{result.head.commit[:12]} as {result.key}" for result in results if result.head)
        try:
            self._branch.update(
                lambda read: {
                    path: content for result in results for path, content in self._noted(result, read).items()
                },
                f"Verdict on {about}",
            )
        except MlCiError as error:
            if accepted:
                self._problem(error)


def _chosen(models: Sequence[Drawn]) -> _Chosen:
    """The pictures that are published, the first of each model before the second of any.

    Each is read once: a file may be exchanged at any time by what training left running.
    """
    ranked = [(rank, plot) for plots, own, _ in models for rank, plot in enumerate((*plots, *own.values()))]
    found = _Chosen()
    for _, plot in sorted(ranked, key=lambda pair: pair[0]):
        try:
            contents = {path: png_of(path) for path in plot.files}
        except OSError:
            found.exchanged += 1
            continue
        sizes = [len(content) for content in contents.values()]
        if max(sizes) > LARGEST_PICTURE:
            found.too_large += 1
        elif found.shown == MOST_PICTURES or found.size + sum(sizes) > MOST_BYTES:
            found.too_many += 1
        else:
            found.shown += 1
            found.contents |= contents
    return found


@dataclass
class _Chosen:
    """The pictures that are published: the content of each file. How many are `shown`, and how many not, by the cause."""

    contents: dict[Path, bytes] = field(default_factory=dict)
    shown: int = 0
    too_many: int = 0
    too_large: int = 0
    exchanged: int = 0

    @property
    def size(self) -> int:
        """Bytes of all that are shown."""
        return sum(map(len, self.contents.values()))

    @property
    def left_out(self) -> str:
        """A sentence on what is not shown, and why; empty where all are."""
        causes = {
            f"a job publishes at most {MOST_PICTURES}, and at most {MOST_BYTES / 1e6:.0f} MB": self.too_many,
            f"GitHub shows none above {LARGEST_PICTURE / 1e6:.0f} MB": self.too_large,
            "something else wrote to the file, or removed it, after ml-ci had drawn it": self.exchanged,
        }
        said = "; ".join(f"{count} not, because {cause}" for cause, count in causes.items() if count)
        if not said:
            return ""
        there = (
            ". What was left out for its size or number is in the full report" if self.too_many + self.too_large else ""
        )
        return f"The comment shows {self.shown} of {self.shown + sum(causes.values())} pictures: {said}{there}."
