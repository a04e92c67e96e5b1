"""What `ml-ci run` and `record` do around a job: where it reads and writes, and what it shows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_ci import __version__

if TYPE_CHECKING:
    from ml_ci.harvest import Finished
    from ml_ci.job import Tools
    from ml_ci.result import Result
    from ml_ci.side import Workshop
    from ml_ci.sources.git import Git

FOLDER = Path(".ml-ci")


def run_job(start: Path, base: str | None, config: Path | None, out: Path | None, *, as_json: bool, quiet: bool) -> int:
    """Compare what is checked out there with its base; returns the exit code."""
    from ml_ci import context, job
    from ml_ci.config_reader import load
    from ml_ci.sources.outputs import outputs_of
    from ml_ci.sources.signals import end_on_signals
    from ml_ci.terminal import TerminalProgress
    from ml_ci.workshop import workshop

    end_on_signals()
    git = git_at(start)
    settings = load(absolute(config), git.top)
    git = git.knowing(outputs_of(settings, git.top))
    folder = out or git.top / FOLDER
    where = context.in_clone(git, base)
    with workshop(git, folder, os.environ, TerminalProgress(quiet=quiet)) as (shop, temporary):
        if where.base and not quiet:
            click.echo(f"Comparing with {where.base[:12]}, {where.chosen}.", err=True)
        # if this job is killed, the result of another one must not be taken for its own
        (folder / "result.json").unlink(missing_ok=True)
        before = frozenset(git.dirty_paths())
        tools = tools_of(git, shop, temporary)
        result = job.run(where, settings, tools, _unreported)
        result = replace(result, warnings=(*result.warnings, *_left_over(git, before)))
        result = write(result, folder, where.base)
    show(result, folder, as_json=as_json, quiet=quiet)
    return result.exit_code


def record_job(start: Path, config: Path | None, out: Path | None, *, quiet: bool) -> Finished:
    """Train what is checked out there, and keep its run."""
    from ml_ci import context, job
    from ml_ci.config_reader import load
    from ml_ci.sources.outputs import outputs_of
    from ml_ci.sources.signals import end_on_signals
    from ml_ci.terminal import TerminalProgress
    from ml_ci.workshop import workshop

    end_on_signals()
    git = git_at(start)
    settings = load(absolute(config), git.top)
    git = git.knowing(outputs_of(settings, git.top))
    folder = out or git.top / FOLDER
    with workshop(git, folder, os.environ, TerminalProgress(quiet=quiet)) as (shop, temporary):
        tools = tools_of(git, shop, temporary)
        return job.record(context.alone(git), settings, tools)


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


def write(result: Result, folder: Path, base: str | None) -> Result:
    """Write the output folder; returns the result with what there was to say about that."""
    from ml_ci.report.files import write_output
    from ml_ci.report.presentation import Presentation, reproduce_lines

    reproduce = reproduce_lines(base=base) if base else ()
    return write_output(result, Presentation(reproduce=reproduce, version=__version__), folder).result


def show(result: Result, folder: Path, *, as_json: bool, quiet: bool) -> None:
    """Tell a person, or print result.json."""
    if as_json:
        click.echo((folder / "result.json").read_text(encoding="utf-8"), nl=False)
        return
    from rich.console import Console

    from ml_ci.report.terminal import print_result

    print_result(result, Console())
    if not quiet:
        click.echo(f"Written to {folder}: report.html, report.md, result.json", err=True)
