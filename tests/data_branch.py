"""Jobs that write a data branch as the action's do, and the branch as git holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha1, sha256
from pathlib import Path

from ml_ci.errors import MlCiError
from ml_ci.github.data_branch import DataBranch
from ml_ci.github.event import Event
from ml_ci.github.pictures import Pictures, PlotsMode
from ml_ci.github.session import connect
from ml_ci.github.shortening import HISTORY
from ml_ci.records import Baseline, Image, KeptPredictions, Run
from ml_ci.report.presentation import Illustrations, Plot
from ml_ci.result import Result
from ml_ci.sources.record_store import Records
from tests.github_server import GitHubServer

BRANCH = "ml-ci-data"
REF = f"refs/heads/{BRANCH}"

_NUMBER = re.compile(r"\n\nMl-Ci-Commit: (\d+)$")


def commit(number: int) -> str:
    """A SHA of its own for each number."""
    return sha1(b"%d" % number, usedforsecurity=False).hexdigest()


def png(content: str | bytes) -> bytes:
    """Something with a PNG's first bytes."""
    return b"\x89PNG\r\n\x1a\n\0" + (content.encode() if isinstance(content, str) else content)


def name(picture: bytes) -> str:
    """Under which a picture is on the branch."""
    return sha256(picture).hexdigest()


class Jobs:
    """Each call is a job with a connection of its own. Nothing really waits."""

    def __init__(self, github: GitHubServer, folder: Path, history: int = HISTORY) -> None:
        self.github = github
        self.folder = folder
        self.history = history
        self.problems: list[MlCiError] = []
        github.default_token.limit = 1_000_000
        github.git.commit_files("feature", {"train.py": "print(1)\n"}, "Train", on="main")

    def branch(self) -> DataBranch:
        repo = connect("t", api_url=self.github.url, repository="octo/model", sleep=lambda _: None)
        return DataBranch(lambda: repo, BRANCH, history=self.history, sleep=lambda _: None, jitter=lambda: 0.5)

    def records(self) -> Records:
        return Records(self.branch(), f"the branch {BRANCH}")

    def record(self, number: int, *images: bytes, key: str = "default", predictions: bytes | None = None) -> Run:
        """`ml-ci record` on the commit of this number."""
        run = a_run(number, *images, key=key, predictions=predictions)
        return self.records().add(run, {name(image): image for image in images}, predictions, recorded=True)

    def open_pull(self) -> int:
        return self.github.add_pull("feature").number

    def close_pull(self, number: int) -> None:
        self.github.state.pulls[number].state = "closed"

    def publish(
        self, pull: int | None, *pictures: bytes, key: str = "default", plots: PlotsMode = "branch"
    ) -> Illustrations:
        """The pictures of a comment, the last of which is that for dark pages."""
        files = [self.file(picture) for picture in pictures]
        shown = [
            Plot(name="p", path=path, title="P", alt="A plot", width=800) for path in files[: max(len(files) - 1, 1)]
        ]
        if len(files) > 1:
            shown[0] = replace(shown[0], dark=files[-1])
        return self.pictures(pull, plots).publish(shown, {}, a_result(key))

    def pictures(self, pull: int | None, plots: PlotsMode = "branch") -> Pictures:
        branch = self.branch()
        event = an_event(pull, self.github.url)
        records = Records(branch, f"the branch {BRANCH}")
        return Pictures(event=event, branch=branch, records=records, plots=plots, problem=self.problems.append)

    def file(self, content: bytes) -> Path:
        path = self.folder / f"{name(content)}.png"
        path.write_bytes(content)
        return path

    # The branch as it is

    def seed(self, files: Mapping[str, bytes | str | None], number: int) -> None:
        """A commit by ml-ci that is the `number`-th since the last clearing."""
        self.github.git.commit_files(BRANCH, files, f"Seed\n\nMl-Ci-Commit: {number}")

    @property
    def history_length(self) -> int:
        return len(self.github.git.log(REF))

    @property
    def tip_number(self) -> int:
        match = _NUMBER.search(self.github.git.commit(self.github.git.log(REF)[0]).message)
        assert match
        return int(match[1])

    @property
    def files(self) -> set[str]:
        return {entry.path for entry in self.github.git.tree(REF, recursive=True) if entry.kind == "blob"}

    @property
    def images(self) -> set[str]:
        """The names of all pictures on the branch."""
        return {path[7:-4] for path in self.files if path.startswith("images/") and path.endswith(".png")}

    def content(self, path: str) -> bytes:
        return self.github.git.run("show", f"{REF}:{path}")

    def reachable_bytes(self) -> int:
        """What a clone of the branch has to fetch, as it is on disk."""
        return int(self.github.git.text("rev-list", "--objects", "--disk-usage", REF))


def a_run(number: int, *images: bytes, key: str = "default", predictions: bytes | None = None) -> Run:
    return Run(
        commit=commit(number),
        key=key,
        fingerprint=f"inputs {number}",
        started=f"at {number}",
        images=tuple(Image(path=f"plots/{place}.png", sha256=name(image)) for place, image in enumerate(images)),
        predictions=KeptPredictions(sha256=name(predictions), rows=1) if predictions else None,
    )


def a_result(key: str = "default", head: Run | None = None) -> Result:
    return Result(key=key, base=Baseline(commit=None, origin="none"), head=head, head_origin="none")


def an_event(pull: int | None, server: str) -> Event:
    return Event(
        name="pull_request",
        action="opened",
        repository="octo/model",
        default_branch="main",
        pull_number=pull,
        head_sha=commit(0),
        base_sha=None,
        base_ref=None,
        ref=f"refs/pull/{pull}/merge",
        sha=commit(0),
        is_fork=False,
        deleted=False,
        actor="mona",
        run_id=1,
        run_attempt=1,
        run_url=f"{server}/octo/model/actions/runs/1",
        server_url=server,
        api_url=server,
    )


def addresses(shown: Illustrations | Sequence[Illustrations]) -> list[str]:
    """Of all pictures, light and dark."""
    every = [shown] if isinstance(shown, Illustrations) else shown
    pictures = [picture for one in every for picture in (*one.pictures, *one.own.values())]
    return [url for picture in pictures for url in (picture.url, picture.dark_url) if url]
