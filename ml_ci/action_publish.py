"""The door for GitHub where another workflow's run has ended: what it may not post is posted here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ml_ci.action_inputs import Inputs, adjusted, as_told
from ml_ci.config_reader import FILE_NAMES
from ml_ci.errors import ConfigError
from ml_ci.github.check import Check, check_run
from ml_ci.github.event import Event
from ml_ci.github.outlet import GitHubOutlet
from ml_ci.github.pulls import Pulls
from ml_ci.github.session import checked_token, connect, second_connection
from ml_ci.github.stale_checks import Opener
from ml_ci.github.workflow import Annotations
from ml_ci.publish import Desk, publish
from ml_ci.sources.output_folder import OutputFolder
from ml_ci.sources.process import owner_of


def publish_on_github(
    event: Event,
    inputs: Inputs,
    environ: Mapping[str, str],
    annotations: Annotations,
    sleep: Callable[[float], object],
) -> int:
    """Publish what the run that ended left; returns the exit code. The workspace is not looked at, and needs no checkout."""
    if event.triggered_by is None:
        raise ConfigError(f"the event {event.name} is about no workflow run: publish on workflow_run.")
    token = checked_token(inputs.token)
    place = Path(environ.get("RUNNER_TEMP") or tempfile.gettempdir())
    # it stays, for the steps that come after this one
    out = Path(tempfile.mkdtemp(prefix="ml-ci-publish-", dir=place))

    def outlet(pull: Event, may_comment: Callable[[], bool]) -> GitHubOutlet:
        return GitHubOutlet(
            event=pull,
            connect=lambda: connect(
                token,
                api_url=event.api_url,
                graphql_url=environ.get("GITHUB_GRAPHQL_URL", ""),
                repository=event.repository,
                sleep=sleep,
            ),
            annotations=annotations,
            environ=environ,
            comment=inputs.comment,
            plots=inputs.plots,
            data_branch=inputs.data_branch,
            out=out,
            sleep=sleep,
            may_comment=may_comment,
        )

    def check(of: GitHubOutlet, key: str) -> AbstractContextManager[Check]:
        return check_run(
            lambda: second_connection(of.repository()),
            key=key,
            head_sha=of.event.head_sha,
            details_url=of.event.run_url,
            opener=Opener(event.run_id, event.run_attempt),
            previous_head=None,
            on_problem=of.problem,
            sleep=sleep,
        )

    main = outlet(event, lambda: False)
    with OutputFolder(out, owner_of(place)), tempfile.TemporaryDirectory(dir=place, prefix="ml-ci-") as temporary:
        desk = Desk(
            event=event,
            run=event.triggered_by,
            pulls=Pulls(main.repository),
            repository=main.repository,
            outlet=outlet,
            check=check,
            names=FILE_NAMES if inputs.config in ("", FILE_NAMES[0]) else (inputs.config,),
            key=inputs.key,
            base=inputs.base,
            adjusted=lambda config: adjusted(config, inputs),
            told=lambda result: as_told(result, inputs),
            notice=lambda text: annotations.add("notice", text, title="ml-ci"),
            temporary=Path(temporary),
        )
        return publish(desk)
