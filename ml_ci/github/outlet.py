"""Everything that GitHub gets from one result: images, comment, check, annotations, summary, outputs.

None of it changes the verdict. What GitHub refuses becomes a warning that says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from ml_ci import __version__
from ml_ci.compare.gate import Verdict
from ml_ci.errors import MlCiError
from ml_ci.github.accepting import Accepting
from ml_ci.github.artifact import artifact_name, artifact_page
from ml_ci.github.check import Check
from ml_ci.github.comment import upsert_comment
from ml_ci.github.data_branch import DataBranch
from ml_ci.github.event import Event
from ml_ci.github.pictures import Pictures, PlotsMode
from ml_ci.github.session import NotPermittedError, permissions_hint
from ml_ci.github.workflow import Annotations, Level, append_summary, write_outputs
from ml_ci.records import Accepted, Run
from ml_ci.report import escape
from ml_ci.report.accepted import accepted_by
from ml_ci.report.files import WrittenReport, write_models, write_output
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.models import ModelsView, models_view
from ml_ci.report.models_markdown import render_models_comment, render_models_report
from ml_ci.report.presentation import Illustrations, Presentation, reproduce_lines
from ml_ci.report.view import moved
from ml_ci.result import Result, Results
from ml_ci.sources.record_store import Records

if TYPE_CHECKING:
    from github.Repository import Repository


_ANOTHER_POSTS = (
    "This pull request's token can only read, as it comes from a fork or from Dependabot: the verdict is in the job's "
    "summary, and the comment and the check are posted by the workflow with `mode: publish` (docs/forks.md)."
)


class GitHubOutlet:
    """One job's way to GitHub. `comment` and `plots` are the action's inputs; `check` is set once it is opened.

    `may_comment` is asked right before the comment is written.
    """

    def __init__(  # noqa: PLR0913 - all that is different from job to job
        self,
        *,
        event: Event,
        connect: Callable[[], Repository],
        annotations: Annotations,
        environ: Mapping[str, str],
        comment: Literal["always", "changes", "failure", "never"],
        plots: PlotsMode,
        data_branch: str,
        out: Path,
        sleep: Callable[[float], object] = time.sleep,
        may_comment: Callable[[], bool] = lambda: True,
    ) -> None:
        self.event = event
        self._connect = connect
        self._repository: Repository | None = None
        self._connecting = Lock()
        self.out = out
        self.check: Check | None = None
        self._annotations = annotations
        self._environ = environ
        self._comment = comment
        self._sleep = sleep
        self._may_comment = may_comment
        self._told_who_posts = False
        branch = DataBranch(self.repository, data_branch, sleep=sleep)
        self.records = Records(branch, f"the branch {data_branch}")
        self._pictures = Pictures(event=event, branch=branch, records=self.records, plots=plots, problem=self.problem)
        self._hints: dict[str, Literal["read", "write"]] = {}
        self._accepting = Accepting(event=event, repository=self.repository, problem=self.problem)

    def repository(self) -> Repository:
        """The repository as PyGithub sees it; connected at the first call, since PyGithub takes long to import."""
        with self._connecting:
            if self._repository is None:
                self._repository = self._connect()
            return self._repository

    def publish(self, result: Result) -> Result:
        """Write the output folder, then tell GitHub; returns the result with the warnings that came up.

        Somebody may have accepted it: what the result says of that is asked for here, and nowhere else.
        """
        result = self._accepting.told(result)
        presentation = self._presentation(result)
        written = write_output(result, presentation, self.out)
        result = written.result
        shown = self._pictures.publish(written.plots, written.own, result)
        report = render_report(result, presentation, shown)
        why = result.failure.message if result.failure else result.decision.why if result.decision else ""
        comment_url = self._publish_comment(
            result.key, render_comment(result, presentation, shown), worth=self._is_worth_a_comment(result)
        )
        if self.check:
            title = f"Accepted by @{result.accepted.by}: {why}" if result.accepted else why
            self.check.close(result.verdict, allowed=result.exit_code == 0, title=title, summary=report)
        self._summarize(report)
        self._annotate(result)
        self._outputs(result, written, comment_url)
        return result

    def write(self, result: Result, folder: Path) -> WrittenReport:
        """Write the files of one model of several into its folder. One label accepts all models."""
        result = self._accepting.told(result)
        return write_output(result, self._presentation(result, model=result.key), folder)

    def publish_models(self, key: str, parts: Sequence[WrittenReport]) -> Results:
        """Write the files of the whole, then tell GitHub of all models at once, in one comment and one check."""
        presentation = self._presentation(
            next((part.result for part in parts if part.result.base.commit), parts[0].result)
        )
        written = write_models(key, parts, presentation, self.out)
        results = written.results
        models = models_view(results)
        shown = self._pictures_of(parts, [row.index for row in models.rows])
        comment = render_models_comment(results, presentation, shown)
        worth = any(self._is_worth_a_comment(result) for result in results.results)
        comment_url = self._publish_comment(key, comment, worth=worth)
        if self.check:
            # the comment's text, since a check has as much room, and a comment is cut at whole models
            accepted, why = _accepted(results), models.headline.why
            title = f"Accepted by @{accepted.by}: {why}" if accepted else why
            self.check.close(results.verdict, allowed=results.exit_code == 0, title=title, summary=comment)
        self._summarize(render_models_report(results, presentation, shown))
        self._annotate_models(results, models)
        report, document = str(written.report_md), str(written.result_json)
        self._write_outputs(
            {"verdict": results.verdict, "result": document, "report": report, "comment-url": comment_url}
            | {"run-id": "", "base-run-id": "", "artifact": artifact_name(key, self.event)}
        )
        return results

    def recorded(self, run: Run) -> None:
        """Say that a run was kept as a baseline."""
        self._summarize(f"{_recorded(run)}\n")
        self._write_outputs({"verdict": "pass", "run-id": run.run_id or ""})

    def recorded_models(self, runs: Sequence[Run], errors: Mapping[str, MlCiError]) -> None:
        """Say which models' runs were kept as baselines, and which ones, by their keys, could not be."""
        for key, error in errors.items():
            self._annotations.add("error", str(error), title=f"ml-ci / {key}")
        lines = [_recorded(run) for run in runs]
        lines += [f"{escape.code(key)} was not recorded: {escape.prose(str(error))}" for key, error in errors.items()]
        self._summarize("\n".join(f"- {line}" for line in lines) + "\n")
        self._write_outputs({"verdict": "error" if errors else "pass", "run-id": ""})

    def problem(self, error: MlCiError) -> None:
        """Take note of what GitHub refused: a warning, and for the summary the permissions that are missing.

        Where a token cannot have them, on a fork's pull request, that is no problem: another workflow posts what is found.
        """
        if isinstance(error, NotPermittedError) and self.event.has_read_only_token:
            if not self._told_who_posts:
                self._annotations.add("notice", _ANOTHER_POSTS, title="ml-ci")
            self._told_who_posts = True
            return
        self._annotations.add("warning", str(error), title="ml-ci")
        if isinstance(error, NotPermittedError):
            # who may write may read
            self._hints |= {scope: level for scope, level in error.needed.items() if self._hints.get(scope) != "write"}

    def _presentation(self, result: Result, model: str | None = None) -> Presentation:
        base = result.base.commit
        event = self.event
        reproduce = reproduce_lines(base=base, pull=event.pull_number, head=event.head_sha, model=model) if base else ()
        return Presentation(
            repository=event.repository,
            server_url=event.server_url,
            pull=event.pull_number,
            run_url=event.run_url,
            report_url=artifact_page(event),
            reproduce=reproduce,
            version=__version__,
        )

    def _pictures_of(self, parts: Sequence[WrittenReport], order: Sequence[int]) -> list[Illustrations]:
        """Each model's pictures; those that come first in `order` are published first, as there is room for some only."""
        published = self._pictures.publish_all([(parts[n].plots, parts[n].own, parts[n].result) for n in order])
        by_place = dict(zip(order, published, strict=True))
        return [by_place[index] for index in range(len(parts))]

    def _publish_comment(self, key: str, body: str, *, worth: bool) -> str:
        number = self.event.pull_number
        if self._comment == "never" or number is None:
            return ""
        try:
            if not self._may_comment():
                return ""
            posted = upsert_comment(self.repository(), number, key=key, body=body, create=worth, sleep=self._sleep)
        except MlCiError as error:
            self.problem(error)
            return ""
        for warning in posted.warnings if posted else ():
            self._annotations.add("warning", warning, title="ml-ci")
        return posted.url if posted else ""

    def _is_worth_a_comment(self, result: Result) -> bool:
        """Whether to write a comment where there is none yet; one that is there is always brought up to date."""
        if self._comment == "always" or result.verdict != "pass":
            return True
        return self._comment == "changes" and moved(result)

    def _summarize(self, text: str) -> None:
        if self._hints:
            hint = permissions_hint(self._hints)
            text = f"{text}\n\n> [!WARNING]\n> " + hint.replace("\n", "\n> ") + "\n"
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        try:
            if path:
                append_summary(Path(path), text)
        except MlCiError as error:
            self.problem(error)

    def _annotate(self, result: Result) -> None:
        for warning in result.warnings:
            self._annotations.add("warning", warning, title="ml-ci")
        why = result.failure.message if result.failure else result.decision.why if result.decision else ""
        title = f"ml-ci / {result.key}: {_said(result.verdict, result.accepted)}"
        if result.not_accepted:
            self._annotations.add("warning", result.not_accepted, title="ml-ci")
        self._annotations.add(_level(result.verdict, result.exit_code), why, title=title)

    def _annotate_models(self, results: Results, models: ModelsView) -> None:
        """The whole first, since only ten of each kind are shown, then the models that do not just pass."""
        level = _level(results.verdict, results.exit_code)
        title = f"ml-ci / {results.key}: {_said(results.verdict, _accepted(results))}"
        self._annotations.add(level, models.headline.why, title=title)
        if not_accepted := next((result.not_accepted for result in results.results if result.not_accepted), ""):
            self._annotations.add("warning", not_accepted, title="ml-ci")
        for row in models.rows:
            if row.kind != "pass":
                self._annotations.add(
                    _level(row.result.verdict, row.result.exit_code), row.why, title=f"ml-ci / {row.key}: {row.word}"
                )
        for row in models.rows:
            for warning in row.result.warnings:
                self._annotations.add("warning", warning, title=f"ml-ci / {row.key}")

    def _outputs(self, result: Result, written: WrittenReport, comment_url: str) -> None:
        base = result.base.run
        self._write_outputs(
            {
                "verdict": result.verdict,
                "result": str(written.result_json),
                "report": str(written.report_md),
                "comment-url": comment_url,
                "run-id": (result.head.run_id or "") if result.head else "",
                "base-run-id": (base.run_id or "") if base else "",
                "artifact": artifact_name(result.key, self.event),
            }
        )

    def _write_outputs(self, outputs: Mapping[str, str]) -> None:
        path = self._environ.get("GITHUB_OUTPUT")
        if path:
            write_outputs(Path(path), outputs)


def _accepted(results: Results) -> Accepted | None:
    """By whom; it is one label for all models."""
    return next((result.accepted for result in results.results if result.accepted), None)


def _said(verdict: Verdict, accepted: Accepted | None) -> str:
    return f"{verdict}, {accepted_by(accepted)}" if accepted else verdict


def _level(verdict: Verdict, exit_code: int) -> Level:
    if exit_code:
        return "error"
    return "notice" if verdict == "pass" else "warning"


def _recorded(run: Run) -> str:
    return f"Recorded the run of {run.commit} ({len(run.metrics)} metrics) as `{run.key}`."
