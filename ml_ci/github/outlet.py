"""Everything that GitHub gets from one result: images, comment, check, annotations, summary, outputs.

None of it changes the verdict. What GitHub refuses becomes a warning that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from ml_ci import __version__
from ml_ci.errors import MlCiError
from ml_ci.github.check import Check
from ml_ci.github.comment import upsert_comment
from ml_ci.github.data_branch import DataBranch
from ml_ci.github.event import Event
from ml_ci.github.pictures import Pictures, PlotsMode
from ml_ci.github.session import NotPermittedError, permissions_hint
from ml_ci.github.workflow import Annotations, append_summary, write_outputs
from ml_ci.records import Run
from ml_ci.report.files import WrittenReport, write_output
from ml_ci.report.markdown import render_comment, render_report
from ml_ci.report.presentation import Illustrations, Presentation, reproduce_lines
from ml_ci.report.view import moved
from ml_ci.result import Result
from ml_ci.sources.record_store import Records

if TYPE_CHECKING:
    from github.Repository import Repository


class GitHubOutlet:
    """One job's way to GitHub. `comment` and `plots` are the action's inputs; `check` is set once it is opened."""

    def __init__(
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
        branch = DataBranch(self.repository, data_branch)
        self.records = Records(branch, f"the branch {data_branch}")
        self._pictures = Pictures(event=event, branch=branch, records=self.records, plots=plots, problem=self.problem)
        self._hints: dict[str, Literal["read", "write"]] = {}

    def repository(self) -> Repository:
        """The repository as PyGithub sees it; connected at the first call, since PyGithub takes long to import."""
        with self._connecting:
            if self._repository is None:
                self._repository = self._connect()
            return self._repository

    def publish(self, result: Result) -> Result:
        """Write the output folder, then tell GitHub; returns the result with the warnings that came up."""
        presentation = self._presentation(result)
        written = write_output(result, presentation, self.out)
        result = written.result
        shown = self._pictures.publish(written.plots, written.own, result)
        comment_url = self._publish_comment(result, presentation, shown)
        self._close_check(result, presentation, shown)
        self._summarize(render_report(result, presentation, shown))
        self._annotate(result)
        self._outputs(result, written, comment_url)
        return result

    def recorded(self, run: Run) -> None:
        """Say that a run was kept as a baseline."""
        self._summarize(f"Recorded the run of {run.commit} ({len(run.metrics)} metrics) as `{run.key}`.\n")
        self._write_outputs({"verdict": "pass", "run-id": run.run_id or ""})

    def problem(self, error: MlCiError) -> None:
        """Take note of what GitHub refused: a warning, and for the summary the permissions that are missing."""
        self._annotations.add("warning", str(error), title="ml-ci")
        if isinstance(error, NotPermittedError):
            self._hints |= dict(error.needed)

    def _presentation(self, result: Result) -> Presentation:
        base = result.base.commit
        event = self.event
        reproduce = reproduce_lines(base=base, pull=event.pull_number, head=event.head_sha) if base else ()
        return Presentation(
            repository=event.repository,
            server_url=event.server_url,
            pull=event.pull_number,
            run_url=event.run_url,
            report_url=event.run_url,
            reproduce=reproduce,
            version=__version__,
        )

    def _publish_comment(self, result: Result, presentation: Presentation, shown: Illustrations) -> str:
        number = self.event.pull_number
        if self._comment == "never" or number is None:
            return ""
        try:
            posted = upsert_comment(
                self.repository(),
                number,
                key=result.key,
                body=render_comment(result, presentation, shown),
                create=self._is_worth_a_comment(result),
            )
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

    def _close_check(self, result: Result, presentation: Presentation, shown: Illustrations) -> None:
        if self.check:
            title = result.failure.message if result.failure else result.decision.why if result.decision else ""
            summary = render_report(result, presentation, shown)
            self.check.close(result.verdict, allowed=result.exit_code == 0, title=title, summary=summary)

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
        title = f"ml-ci / {result.key}: {result.verdict}"
        level: Literal["error", "warning", "notice"] = "notice" if result.verdict == "pass" else "warning"
        self._annotations.add("error" if result.exit_code else level, why, title=title)

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
            }
        )

    def _write_outputs(self, outputs: Mapping[str, str]) -> None:
        path = self._environ.get("GITHUB_OUTPUT")
        if path:
            write_outputs(Path(path), outputs)
