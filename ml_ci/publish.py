"""The story of publishing: find the pull request → read what its job handed over → judge it anew → post it.

The job of a pull request from a fork may write nowhere. This one may, so it runs, imports and checks out nothing of the
fork, and believes nothing that was handed over: neither which pull request it is, nor by which rules to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Protocol

from ml_ci.base_config import whole_config
from ml_ci.compare.comparison import Change
from ml_ci.config import Config
from ml_ci.errors import MlCiError, OutsideError
from ml_ci.github.artifacts import fetch_artifact
from ml_ci.github.check import Check
from ml_ci.github.event import Event
from ml_ci.github.outlet import GitHubOutlet
from ml_ci.github.pulls import Pull, Pulls
from ml_ci.github.triggering_run import TriggeringRun
from ml_ci.job import failed
from ml_ci.journal import Journal
from ml_ci.judged_anew import Ground, Rules, judge_model, not_asked_for, rules_of
from ml_ci.records import Baseline
from ml_ci.report.files import WrittenReport
from ml_ci.result import Result, Results
from ml_ci.sources.archive import unpack
from ml_ci.sources.handover import HandedOver, read_handover
from ml_ci.sources.output_folder import make_output_folder

if TYPE_CHECKING:
    from github.Repository import Repository

_ENDED = {
    "cancelled": "was cancelled",
    "skipped": "was skipped",
    "timed_out": "ran out of time",
    "success": "ended",
}


class Outlet(Protocol):
    """Where a result goes: to a pull request, or to a person."""

    out: Path

    def publish(self, result: Result) -> Result:
        """Write the output folder, and tell of it; returns the result with the warnings that came up."""

    def write(self, result: Result, folder: Path) -> WrittenReport:
        """Write the files of one model of several into its folder."""

    def publish_models(self, key: str, parts: Sequence[WrittenReport]) -> Results:
        """Write the files of the whole, and tell of all models at once."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that publishing does to the world is done through these.

    `event` is the `workflow_run` after `run`. `outlet` makes the way to GitHub for an event, which asks right before it
    comments whether it still may; `check` opens a check. `names` are what the configuration's file may be called, `key` and
    `base` the action's inputs, empty where they are not given. `adjusted` and `told` are what the inputs make of a
    configuration and of a result. `temporary` is a folder that is gone afterwards.
    """

    event: Event
    run: TriggeringRun
    pulls: Pulls
    repository: Callable[[], Repository]
    outlet: Callable[[Event, Callable[[], bool]], GitHubOutlet]
    check: Callable[[GitHubOutlet, str], AbstractContextManager[Check]]
    names: Sequence[str]
    key: str
    base: str
    adjusted: Callable[[Config], Config]
    told: Callable[[Result], Result]
    notice: Callable[[str], object]
    temporary: Path


def publish(desk: Desk) -> int:
    """Post what the pull request's own job found, judged anew; returns the exit code, as that of a job that compares."""
    run = desk.run
    found = [_Subject(pull, desk) for pull in desk.pulls.of_run(run)]
    if not found:
        desk.notice(f"Nothing is published: {run.head_sha[:12]} is no open pull request's head any more.")
        return 0
    if len(found) == 1:
        return found[0].publish()
    # a check belongs to the commit: what is judged for one pull request would let the others through, into other branches
    numbers = ", ".join(f"#{subject.pull.number}" for subject in found)
    error = OutsideError(
        f"{run.head_sha[:12]} is the head of several pull requests ({numbers}), and its check would count for each of them: "
        "close the others, and run their job again, or push a commit of its own for each."
    )
    return max(subject.refuse(error) for subject in {subject.key: subject for subject in found}.values())


def judge_and_post(
    outlet: Outlet,
    handed: Sequence[HandedOver],
    rules: Rules,
    ground: Ground,
    *,
    key: str,
    told: Callable[[Result], Result] = lambda result: result,
) -> Result | Results:
    """Judge each model anew and tell of it; of several all at once, under the whole's `key`."""
    if not rules.several:
        return outlet.publish(told(judge_model(handed, rules.judged[0], ground, outlet.out)))
    parts = []
    for judged in rules.judged:
        folder = outlet.out / judged.config.key
        make_output_folder(folder)
        parts.append(outlet.write(told(judge_model(handed, judged, ground, folder)), folder))
    return outlet.publish_models(key, parts)


class _Subject:
    """One pull request that the run may have been about, and the configuration of the branch that it goes into."""

    def __init__(self, pull: Pull, desk: Desk) -> None:
        self.pull = pull
        self._desk = desk
        self._base: Config | MlCiError | None
        try:
            self._base = self._read(pull.base_tip, f"the branch {pull.base_ref}") or self._of_default_branch()
        except MlCiError as error:
            self._base = error
        self._known: list[HandedOver] | None = None

    @property
    def key(self) -> str:
        """By which comment, check and artifact are known: as the base's configuration says, and not head's."""
        own = self._base.key if isinstance(self._base, Config) else "default"
        return self._desk.key or own

    def publish(self) -> int:
        """Judge what was handed over, and post it."""
        return self._post(self._desk.outlet(self._event(), self._may_comment), self._judged)

    def refuse(self, error: MlCiError) -> int:
        """Say on the check alone why nothing can be said."""

        def refused(_: GitHubOutlet) -> Result:
            raise error

        return self._post(self._desk.outlet(self._event(), lambda: False), refused)

    def _post(self, outlet: GitHubOutlet, judged: Callable[[GitHubOutlet], Result | Results]) -> int:
        with self._desk.check(outlet, self.key) as outlet.check:
            try:
                return judged(outlet).exit_code
            except MlCiError as error:
                nothing = Baseline(commit=self.pull.base_sha, origin="none", why="it was not looked for")
                journal = Journal(base=nothing, head_commit=self.pull.head_sha)
                return outlet.publish(failed(self.key, error, journal)).exit_code

    def _event(self) -> Event:
        """An event of the pull request, whose run is its own job's: there are training's log, and the artifact."""
        pull, run, event = self.pull, self._desk.run, self._desk.event
        return replace(
            event,
            pull_number=pull.number,
            base_sha=pull.base_sha,
            base_ref=pull.base_ref,
            is_fork=run.head_repository != event.repository,
            run_id=run.id,
            run_attempt=run.attempt,
            run_url=run.url,
        )

    def _may_comment(self) -> bool:
        """Whether what is to be said is still of the pull request's head; a newer job has its own to say."""
        if self._desk.pulls.is_current(self.pull):
            return True
        self._desk.notice(
            f"The pull request #{self.pull.number} was closed or has moved on from {self.pull.head_sha[:12]}: its comment "
            "is left as it is."
        )
        return False

    # -- judging

    def _judged(self, outlet: GitHubOutlet) -> Result | Results:
        if isinstance(self._base, MlCiError):
            raise self._base
        base, handed = self._base, self._handed_over()
        rules = rules_of(base, self._of_head, self._desk.adjusted(Config()))
        ground = self._ground(outlet, [*rules.warnings, *not_asked_for(handed, rules)])
        return judge_and_post(outlet, handed, rules, ground, key=self.key, told=self._desk.told)

    def _of_head(self) -> Config | None:
        # not the branch, which may have moved on from what is judged
        return self._read(self.pull.head_sha, "the pull request")

    def _of_default_branch(self) -> Config | None:
        """The rules where the pull request's own base has none: that is for whoever opens it to choose, and the check,
        which belongs to the commit, would count on another base as well.
        """
        default = self._desk.event.default_branch
        if self.pull.base_ref == default:
            return None
        return self._read(f"refs/heads/{default}", f"the default branch {default}")

    def _read(self, commit: str, whose: str) -> Config | None:
        whole = whole_config(self._desk.pulls.read, commit, self._desk.names, whose)
        return self._desk.adjusted(whole) if whole else None

    def _ground(self, outlet: GitHubOutlet, warnings: list[str]) -> Ground:
        code: tuple[Change, ...] = ()
        try:
            code = self._desk.pulls.code(self.pull)
        except MlCiError as error:
            warnings.append(f"Which files the pull request changes is not known: {error}")
        return Ground(
            head_commit=self.pull.head_sha,
            base_commit=self._named_base() or self.pull.base_sha,
            doubt=self._doubt,
            stores=(outlet.records,),
            code=code,
            warnings=tuple(warnings),
        )

    def _doubt(self, commit: str) -> str:
        named, ref = self._named_base(), self.pull.base_ref
        if commit == named or (named is None and self._desk.pulls.is_base(self.pull, commit, self._desk.run)):
            return ""
        other = f"the input `base` ({named[:12]})" if named else f"what GitHub compares it with on the branch {ref}"
        return (
            f"The pull request's own job says that it compared with {commit[:12]}, which is not {other}: let it check out "
            "GitHub's merge of the pull request, as actions/checkout does by itself, and run it again."
        )

    def _named_base(self) -> str | None:
        return self._desk.pulls.commit(self._desk.base) if self._desk.base else None

    # -- what was handed over

    def _handed_over(self) -> list[HandedOver]:
        if self._known is None:
            self._known = self._fetched()
        return self._known

    def _fetched(self) -> list[HandedOver]:
        run, name = self._desk.run, f"ml-ci-{self.key}"
        place = Path(mkdtemp(dir=self._desk.temporary))
        archive, folder = place / "artifact.zip", place / "artifact"
        if not fetch_artifact(self._desk.repository(), run.id, name, head_sha=run.head_sha, target=archive):
            how = _ENDED.get(run.conclusion, "failed")
            key = (
                " It must run ml-ci with the same key as the job that publishes." if run.conclusion == "success" else ""
            )
            raise OutsideError(
                f"The pull request's own job {how} and left no artifact {name}, so there is no verdict: run it again; its "
                f"log says more.{key}"
            )
        folder.mkdir()
        unpack(archive, folder)
        return read_handover(folder, head_sha=run.head_sha)
