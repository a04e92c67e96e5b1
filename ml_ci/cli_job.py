"""What `ml-ci run` and `record` do around a job: where it reads and writes, and what it shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_ci import __version__

if TYPE_CHECKING:
    from ml_ci.config import Config
    from ml_ci.context import Context
    from ml_ci.job import Tools
    from ml_ci.report.files import WrittenReport
    from ml_ci.report.presentation import Presentation
    from ml_ci.result import Result, Results
    from ml_ci.several import MakeTracking, Recorded
    from ml_ci.side import Workshop
    from ml_ci.sources.git import Git

FOLDER = Path(".ml-ci")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line asks for besides the job itself. `model` is the one of several that is meant."""

    config: Path | None = None
    out: Path | None = None
    model: str | None = None
    as_json: bool = False
    quiet: bool = False
    open_page: bool = False


def run_job(start: Path, base: str | None, wish: Wish) -> int:
    """Compare what is checked out there with its base; returns the exit code."""
    from ml_ci import context
    from ml_ci.base_config import with_models_of_base
    from ml_ci.report.files import forget_earlier

    with _at_work(start, wish) as work:
        where = context.in_clone(work.git, base)
        if where.base and not wish.quiet:
            click.echo(f"Comparing with {where.base[:12]}, {where.chosen}.", err=True)
        # if this job is killed, the result of another one must not be taken for its own
        forget_earlier(work.tools.shop.out)
        # who names one model wants no other
        settings = work.settings if wish.model else with_models_of_base(work.git, where.base, work.settings)
        judged = replace(work, settings=settings)
        found = _run_models(judged, where) if settings.models else _run_one(judged, where)
    show(found, work.tools.shop.out, wish)
    return found.exit_code


def record_job(start: Path, wish: Wish) -> list[Recorded]:
    """Train what is checked out there, and keep its run, or those of all models."""
    from ml_ci import context, job
    from ml_ci.several import Recorded, record_each

    with _at_work(start, wish) as work:
        here = context.alone(work.git)
        if work.settings.models:
            return record_each(here, work.settings.models, work.tools, work.tracking)
        return [Recorded(key=work.settings.key, finished=job.record(here, work.settings, work.tools))]


@dataclass(frozen=True)
class _Work:
    """A job that is about to begin; `tracking` begins an MLflow where that of the tools is not to be used."""

    git: Git
    settings: Config
    tools: Tools
    tracking: MakeTracking


@contextmanager
def _at_work(start: Path, wish: Wish) -> Iterator[_Work]:
    """Read the configuration and set up the workshop, for the block."""
    from ml_ci.config_models import chosen
    from ml_ci.config_reader import load
    from ml_ci.several import outputs_of_all
    from ml_ci.sources.signals import end_on_signals
    from ml_ci.terminal import TerminalProgress
    from ml_ci.workshop import tracking, workshop

    end_on_signals()
    git = git_at(start)
    settings = chosen(load(absolute(wish.config), git.top), wish.model)
    git = git.knowing(outputs_of_all(settings, git.top))
    folder = wish.out or git.top / FOLDER
    with workshop(git, folder, os.environ, TerminalProgress(quiet=wish.quiet)) as (shop, temporary):
        yield _Work(git, settings, tools_of(git, shop, temporary), lambda: tracking(shop))


def _run_one(work: _Work, where: Context) -> Result:
    return _run(work, where, work.settings, work.tools).result


def _run_models(work: _Work, where: Context) -> Results:
    from ml_ci.report.files import write_models
    from ml_ci.several import each_model

    parts = each_model(
        work.settings.models, work.tools, work.tracking, lambda model, tools: _run(work, where, model, tools)
    )
    return write_models(work.settings.key, parts, presentation(where.base), work.tools.shop.out).results


def _run(work: _Work, where: Context, config: Config, tools: Tools) -> WrittenReport:
    """One model's job, with its output folder written."""
    from ml_ci import job

    before = frozenset(work.git.dirty_paths())
    result = job.run(where, config, tools, _unreported)
    left = tools.shop.secrets.hidden(_left_over(work.git, before))
    result = replace(result, warnings=(*result.warnings, *left))
    # for the only model of a file there is no name to name
    return write(result, tools.shop.out, where.base, config.name or None)


def absolute(config: Path | None) -> Path | None:
    """The file as it is named from here, but with its folder's true place, as git's top is."""
    return config and config.parent.resolve() / config.name


def _left_over(git: Git, before: frozenset[str]) -> tuple[str, ...]:
    """A warning that names what training changed in the working tree, since the next run takes that for the user's."""
    left = [path for path in git.dirty_paths() if path not in before]
    if not left:
        return ()
    names = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    return (
        f"Training changed the working tree ({names}), and the next run counts that: commit, restore or ignore it.",
    )


def _unreported(_: Result) -> None:
    """A person is told at the end, once MLflow has been told as well."""


def git_at(start: Path) -> Git:
    """The clone that this folder is in."""
    from ml_ci.sources.git import Git

    return Git.discover(start, os.environ)


def tools_of(git: Git, shop: Workshop, temporary: Path) -> Tools:
    """A laptop's: records in the output folder, and those of the data branch as this clone last fetched it."""
    from ml_ci.job import Tools
    from ml_ci.sources.record_store import FetchedBranch, Folder, Records
    from ml_ci.workshop import tracking

    own = Records(Folder(shop.out), f"the records in {shop.out}")
    fetched = Records(FetchedBranch(git, "ml-ci-data"), "origin/ml-ci-data")
    return Tools(
        git=git.marked(shop.reaper.marker),
        shop=shop,
        tracking=tracking(shop),
        stores=(own, fetched),
        keep=own,
        temporary=temporary,
    )


def write(result: Result, folder: Path, base: str | None, model: str | None = None) -> WrittenReport:
    """Write the output folder."""
    from ml_ci.report.files import write_output

    return write_output(result, presentation(base, model), folder)


def presentation(base: str | None, model: str | None = None) -> Presentation:
    """What a report can say beyond the result, on a laptop."""
    from ml_ci.report.presentation import Presentation, reproduce_lines

    reproduce = reproduce_lines(base=base, model=model) if base else ()
    return Presentation(reproduce=reproduce, version=__version__)


def show(found: Result | Results, folder: Path, wish: Wish) -> None:
    """Tell a person, or print result.json."""
    if wish.as_json:
        click.echo((folder / "result.json").read_text(encoding="utf-8"), nl=False)
    else:
        _print(found)
        if not wish.quiet:
            click.echo(f"Written to {folder}: report.html, report.md, result.json", err=True)
    if wish.open_page:
        open_page(folder / "report.html")


def _print(found: Result | Results) -> None:
    from rich.console import Console

    from ml_ci.report.models_terminal import print_models
    from ml_ci.report.terminal import print_result
    from ml_ci.result import Results

    if isinstance(found, Results):
        print_models(found, Console())
    else:
        print_result(found, Console())


def open_page(page: Path) -> None:
    """Open the page in the browser, where there is somebody to see it; else say on standard error why not."""
    terminal = sys.stdout.isatty() or sys.stderr.isatty()
    why = why_not_opened(os.environ, terminal=terminal, platform=sys.platform)
    if not why and click.launch(str(page)):
        why = "no browser could be started"
    if why:
        click.echo(f"The report was not opened, as {why}: {page}", err=True)


def why_not_opened(environ: Mapping[str, str], *, terminal: bool, platform: str) -> str:
    """Why no browser is opened; empty where one is."""
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return "this is a CI job"
    if not terminal:
        return "this is no terminal"
    if platform not in ("darwin", "win32") and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""
