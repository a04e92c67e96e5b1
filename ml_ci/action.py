"""The door for GitHub: the action's inputs and the event in; comment, check, summary, outputs and exit code out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from ml_ci import context as contexts
from ml_ci import job
from ml_ci.action_inputs import Inputs, adjusted, as_told, read_inputs
from ml_ci.action_publish import publish_on_github
from ml_ci.base_config import with_models_of_base
from ml_ci.config import Config
from ml_ci.config_reader import load
from ml_ci.context import Context
from ml_ci.errors import ConfigError, MlCiError
from ml_ci.github.check import check_run
from ml_ci.github.event import Activity, Event, activity, parse_payload, read_event, why_nothing
from ml_ci.github.outlet import GitHubOutlet
from ml_ci.github.session import TIMEOUT, checked_token, connect, second_connection
from ml_ci.github.stale_checks import Opener
from ml_ci.github.workflow import Annotations, Write, commands_stopped, group, mask, write_outputs
from ml_ci.job import Tools
from ml_ci.progress import Seldom, amount_in_words
from ml_ci.report.files import WrittenReport, forget_earlier
from ml_ci.result import Result
from ml_ci.secrets import Secrets
from ml_ci.several import each_model, outputs_of_all, record_each
from ml_ci.side import Workshop
from ml_ci.sources.certificates import trusted
from ml_ci.sources.git import Credential, Git
from ml_ci.sources.signals import end_on_signals
from ml_ci.sources.tracking import Tracking
from ml_ci.sources.variables import without_tokens
from ml_ci.workshop import output_folder, tracking, workshop


class WorkflowProgress:
    """Steps as folded groups; training's output so that no line of it is taken for a workflow command."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._seldom = Seldom()
        self._steps = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A group around the step, with nothing in it taken for a command."""
        with group(self._write, title), commands_stopped(self._write):
            self._steps += 1
            try:
                yield
            finally:
                self._steps -= 1

    def line(self, text: str) -> None:
        """A line of training's, as it is; between the steps, a sentence that may hold names from anywhere."""
        with nullcontext() if self._steps else commands_stopped(self._write):
            self._write(f"{text}\n")

    def amount(self, what: str, done: int, total: int) -> None:
        """A line now and then."""
        if self._seldom(what):
            self.line(amount_in_words(what, done, total))


@dataclass(frozen=True)
class Outside:
    """What a job needs of the world besides its variables: how it waits for GitHub, and how it comes by its MLflow.

    `timeout` is in seconds, for one request to GitHub.
    """

    timeout: int = TIMEOUT
    sleep: Callable[[float], object] = time.sleep
    tracking: Callable[[Workshop], AbstractContextManager[Tracking]] = tracking


def main(environ: Mapping[str, str] = os.environ, outside: Outside = Outside()) -> int:
    """Do what the event asks for; returns the exit code."""
    end_on_signals()
    secrets = Secrets.of(environ)
    if environ.get("GITHUB_ACTIONS") == "true":
        # the runner knows those of the repository, and not what a step has made or an `env:` says
        for value in sorted(secrets.values):
            mask(_write, value)
    annotations = Annotations(_hiding(secrets))
    # the action's next step looks for `ended`: what ran in this one's place and was not ml-ci must not look like a pass
    outputs = {"ended": "true"}
    try:
        with trusted(environ) as authorities:
            code = _main({**environ, **authorities}, annotations, secrets, outside)
    except MlCiError as error:
        annotations.add("error", secrets.hide(str(error)), title="ml-ci")
        outputs |= {"verdict": "error"}
        code = error.exit_code
    if environ.get("GITHUB_OUTPUT"):
        write_outputs(Path(environ["GITHUB_OUTPUT"]), outputs)
    return code


def _main(environ: Mapping[str, str], annotations: Annotations, secrets: Secrets, outside: Outside) -> int:
    inputs = read_inputs(environ)
    where = environ.get("GITHUB_EVENT_PATH", "")
    payload = parse_payload(Path(where).read_bytes() if where and Path(where).is_file() else b"{}", where)
    event = read_event(environ, payload)
    todo = activity(event, inputs.mode)
    if todo is Activity.NOTHING:
        annotations.add("notice", why_nothing(event), title="ml-ci")
        return 0
    if todo is Activity.PUBLISH:
        return publish_on_github(event, inputs, environ, annotations, outside.sleep)
    top = Path(environ.get("GITHUB_WORKSPACE") or ".")
    git = Git.discover(top, without_tokens(environ, inputs.token), Credential(event.server_url, inputs.token))
    token = checked_token(inputs.token)
    outlet = GitHubOutlet(
        event=event,
        connect=lambda: connect(
            token,
            api_url=event.api_url,
            graphql_url=environ.get("GITHUB_GRAPHQL_URL", ""),
            repository=event.repository,
            timeout=outside.timeout,
            sleep=outside.sleep,
        ),
        annotations=annotations,
        environ=environ,
        comment=inputs.comment if todo is Activity.COMPARE_AND_COMMENT else "never",
        plots=inputs.plots,
        data_branch=inputs.data_branch,
        out=git.top / ".ml-ci",
        sleep=outside.sleep,
    )
    try:
        config: Config | ConfigError = _config(inputs, git.top)
    except ConfigError as error:
        config = error
    key = inputs.key or "default" if isinstance(config, ConfigError) else config.key
    with ExitStack() as stack:
        stack.enter_context(output_folder(git, outlet.out))
        if todo in (Activity.COMPARE_AND_COMMENT, Activity.COMPARE):
            outlet.check = stack.enter_context(
                check_run(
                    lambda: second_connection(outlet.repository()),
                    key=key,
                    head_sha=event.head_sha,
                    details_url=event.run_url,
                    opener=Opener(event.run_id, event.run_attempt),
                    previous_head=event.previous_head,
                    on_problem=outlet.problem,
                    sleep=outside.sleep,
                )
            )
        try:
            if isinstance(config, ConfigError):
                raise config
            inside = environ.get("ML_CI_RUNTIME") == "container"
            return _job(todo, config, git, outlet, inputs, secrets, outside, in_container=inside)
        except MlCiError as error:
            result = job.failed(key, secrets.in_error(error), head_commit=event.head_sha)
            return outlet.publish(result).exit_code


def _job(
    todo: Activity,
    config: Config,
    git: Git,
    outlet: GitHubOutlet,
    inputs: Inputs,
    secrets: Secrets,
    outside: Outside,
    *,
    in_container: bool,
) -> int:
    """Do it. Raises the errors of `ml_ci.errors` where there is no result of it."""
    progress = WorkflowProgress(_hiding(secrets))
    with workshop(git, outlet.out, git.variables, progress, in_container=in_container, hidden=secrets) as (
        shop,
        temporary,
    ):
        tools = Tools(
            git=git.marked(shop.reaper.marker).knowing(outputs_of_all(config, git.top)),
            shop=shop,
            tracking=outside.tracking(shop),
            stores=(outlet.records,),
            keep=outlet.records if todo is Activity.RECORD else None,
            temporary=temporary,
        )
        if todo is Activity.RECORD:
            return (_record_models if config.models else _record)(config, tools, outlet, outside)
        where = _context(todo, tools.git, outlet.event, inputs.base or None)
        config = with_models_of_base(tools.git, where.base, config)
        return (_compare_models if config.models else _compare)(where, config, tools, outlet, inputs, outside)


def _compare(where: Context, config: Config, tools: Tools, outlet: GitHubOutlet, inputs: Inputs, _: Outside) -> int:
    published: list[Result] = []
    job.run(where, config, tools, lambda result: published.append(outlet.publish(as_told(result, inputs))))
    return published[-1].exit_code


def _compare_models(
    where: Context, config: Config, tools: Tools, outlet: GitHubOutlet, inputs: Inputs, outside: Outside
) -> int:
    """Judge all models, and tell of them at once: a comment that was half done would seem to say all there is."""
    # on a machine that keeps its workspace there may be another job's
    forget_earlier(tools.shop.out)

    def judge(model: Config, own: Tools) -> WrittenReport:
        result = job.run(where, model, own, lambda _: None)
        return outlet.write(as_told(result, inputs), own.shop.out)

    parts = each_model(config.models, tools, lambda: outside.tracking(tools.shop), judge)
    return outlet.publish_models(config.key, parts).exit_code


def _record(config: Config, tools: Tools, outlet: GitHubOutlet, _: Outside) -> int:
    outlet.recorded(job.record(contexts.alone(tools.git), config, tools).run)
    return 0


def _record_models(config: Config, tools: Tools, outlet: GitHubOutlet, outside: Outside) -> int:
    recorded = record_each(contexts.alone(tools.git), config.models, tools, lambda: outside.tracking(tools.shop))
    errors = {one.key: one.error for one in recorded if one.error}
    outlet.recorded_models([one.finished.run for one in recorded if one.finished], errors)
    return max((error.exit_code for error in errors.values()), default=0)


def _context(todo: Activity, git: Git, event: Event, base: str | None) -> Context:
    if todo is Activity.COMPARE_WITH_LAST_RECORD:
        return contexts.against_last_record(git)
    if event.pull_number is not None:
        return contexts.of_pull_request(git, event, base)
    if event.name == "merge_group":
        return contexts.of_merge_group(git, event, base)
    return contexts.of_branch(git, event, base)


def _config(inputs: Inputs, top: Path) -> Config:
    """The configuration, with what the inputs override. The default's file may be missing; one that is named may not."""
    named = inputs.config if inputs.config not in ("", ".ml-ci.yml") else None
    config = load(top / named if named else None, top)
    if inputs.train and config.models:
        raise ConfigError(
            "the input `train` says how one model is trained, and the configuration has several: leave it out."
        )
    if inputs.train:
        config = replace(config, train=inputs.train, overridden=config.overridden | {"train"})
    return adjusted(config, inputs)


def _hiding(secrets: Secrets) -> Write:
    return lambda text: _write(secrets.hide(text))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
