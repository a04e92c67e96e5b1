"""What a job found, whole: all that the outlets are given, and they are given nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_ci.compare.comparison import Change, Comparison
from ml_ci.compare.found import Material
from ml_ci.compare.gate import Decision, Verdict
from ml_ci.compare.rule_changes import RuleChange
from ml_ci.records import Accepted, Baseline, Origin, Run


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no comparison: one sentence, the end of training's log where there is one, the exit code."""

    message: str
    exit_code: int
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True)
class TestSetUse:
    """How worn the test set is: each verdict on the same examples tells a little of them to those who try again.

    `examples` is its size, `verdicts` how many it has carried, this one included. `supported` is how many it can carry
    before the next one's confidence no longer holds if each looks at the last (`ml_ci.compare.budget`); None where the
    number of examples is not known.
    """

    __test__ = False  # pytest takes it for a test, by its name

    digest: str
    verdicts: int
    examples: int | None = None
    supported: int | None = None


MOST_OWN = 50
"""Images of the repository's own Markdown that are shown."""


@dataclass(frozen=True, kw_only=True)
class OwnReport:
    """The repository's own Markdown, as training wrote it to `path` (from the repository's top).

    `images` maps the address of each image (at most `MOST_OWN`) in it that is a file of the repository, as it is written there, to a PNG of it.
    Nothing of it is safe yet: that is the report's to do.
    """

    path: str
    text: str
    images: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One job's result. `decision` and `comparison` are None exactly when there is a `failure`.

    `head` is None when training left nothing. `code` lists tracked files that differ from base. `images` maps the
    SHA-256 of an image of training's to where its bytes are. `timings` are seconds by step. `allowed` says whether the
    merge may go on: the verdict as the policy reads it. `parameters` maps each parameter file in `code` to the names of
    the parameters that it changes. `material` is what the verdict stands on besides the runs, for plots of it, and `report`
    the repository's own Markdown. `rules` are what head changes in the rules of its base; they do not count where
    `rules_of_base`. `accepted` says who let it through although the verdict is no pass; where the label is there and
    does not count, `not_accepted` is a sentence that says why. `head_commit` is the commit under review, which is known also when training left
    nothing; empty where there is no git.
    """

    key: str
    base: Baseline
    head: Run | None
    head_origin: Origin
    head_commit: str = ""
    comparison: Comparison | None = None
    decision: Decision | None = None
    failure: Failure | None = None
    code: tuple[Change, ...] = ()
    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    images: Mapping[str, Path] = field(default_factory=dict)
    test_set: TestSetUse | None = None
    material: Material = field(default_factory=Material)
    report: OwnReport | None = None
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    allowed: bool = False
    rules: tuple[RuleChange, ...] = ()
    rules_of_base: bool = False
    accepted: Accepted | None = None
    not_accepted: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict; `error` where there is no comparison."""
        return self.decision.verdict if self.decision else "error"

    @property
    def exit_code(self) -> int:
        """The exit code of the command line (design, 5.2)."""
        if self.failure:
            return self.failure.exit_code
        return 0 if self.allowed else 1


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a job found for several models. `key` is the job's; each result has that of its model."""

    key: str
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst one."""
        return max((result.verdict for result in self.results), key=_WORSE.index)

    @property
    def exit_code(self) -> int:
        """That of the worst: what could not be compared, and then what failed."""
        return max(result.exit_code for result in self.results)


_WORSE: tuple[Verdict, ...] = ("pass", "inconclusive", "fail", "error")
