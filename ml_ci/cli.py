"""The door for a person: `ml-ci run`, `compare`, `record`, `publish`, `plan`, `demo`.

Only click is imported before a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from ml_ci import __version__, cli_job
from ml_ci.errors import ConfigError, MlCiError

if TYPE_CHECKING:
    from ml_ci.compare.condition import Mode
    from ml_ci.compare.sample_size import Adaptivity

Command = TypeVar("Command", bound=Callable[..., object])


class _Wishes(TypedDict):
    """The options that `run` and `compare` have in common, as click hands them over."""

    config: Path | None
    model: str | None
    out: Path | None
    open_page: bool
    as_json: bool
    quiet: bool


_MODEL = click.option(
    "--model", metavar="NAME", help="The one model that is meant, where the configuration has several."
)


def _shared(command: Command) -> Command:
    """The options that `run` and `compare` have in common."""
    for option in (
        click.option("--quiet", is_flag=True, help="Show neither progress nor training's output."),
        click.option("--json", "as_json", is_flag=True, help="Print result.json on standard output, and nothing else."),
        click.option("--open", "open_page", is_flag=True, help="Open the report in a browser."),
        click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: .ml-ci]"),
        _MODEL,
        click.option(
            "--config", type=click.Path(path_type=Path), help="Configuration file.  [default: .ml-ci.yml at the top]"
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ml-ci")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """Is the model that comes out of this change better or worse than the one on its base?"""
    context.obj = debug
    if debug:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("ml_ci").setLevel(logging.DEBUG)


@cli.command()
@click.option("--base", help="What to compare with.  [default: the merge-base with the default branch]")
@_shared
@click.pass_obj
def run(
    debug: bool,
    base: str | None,
    **wishes: Unpack[_Wishes],
) -> None:
    """Train what is checked out, compare it with the base, and decide.

    The exit code is 0 for pass, 1 for fail, 2 for a wrong configuration, 3 if training failed, 4 if something outside
    did. Of several models it is the largest.
    """
    with _errors(debug=debug):
        sys.exit(cli_job.run_job(Path.cwd(), base, cli_job.Wish(**wishes)))


@cli.command()
@click.argument("base")
@click.argument("head")
@_shared
@click.pass_obj
def compare(
    debug: bool,
    base: str,
    head: str,
    **wishes: Unpack[_Wishes],
) -> None:
    """Compare two runs that exist: each a record, a metrics file, or an MLflow run id."""
    with _errors(debug=debug):
        from ml_ci.config_models import chosen, of_runs
        from ml_ci.config_reader import load
        from ml_ci.job import compare_runs
        from ml_ci.material import of_runs as material_of
        from ml_ci.sources.operand import predictions_of, read_operand
        from ml_ci.sources.output_folder import make_output_folder

        wish, here = cli_job.Wish(**wishes), Path.cwd()
        # the repository's rules also in its folders: without them nothing would be judged
        top = next((place for place in (here, *here.parents) if (place / ".git").exists()), here)
        settings = chosen(load(cli_job.absolute(wish.config), top), wish.model)
        before, after = (read_operand(operand, os.environ) for operand in (base, head))
        settings = of_runs(settings, (before.key, after.key))
        kept = (predictions_of(base, before, os.environ), predictions_of(head, after, os.environ))
        folder = wish.out or top / cli_job.FOLDER
        make_output_folder(folder)
        result = compare_runs(before, after, settings, material_of(settings, before, after, *kept))
        cli_job.show(cli_job.write(result, folder, None).result, folder, wish)
        sys.exit(result.exit_code)


@cli.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file.  [default: .ml-ci.yml at the top]")
@_MODEL
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: .ml-ci]")
@click.option("--quiet", is_flag=True, help="Show neither progress nor training's output.")
@click.pass_obj
def record(
    debug: bool,
    config: Path | None,
    model: str | None,
    out: Path | None,
    *,
    quiet: bool,
) -> None:
    """Train what is checked out, and keep its run for later comparisons."""
    with _errors(debug=debug):
        recorded = cli_job.record_job(Path.cwd(), cli_job.Wish(config=config, model=model, out=out, quiet=quiet))
        for one in recorded:
            if one.finished:
                run, of = one.finished.run, f" as {one.key}" if len(recorded) > 1 else ""
                click.echo(f"Recorded the run of {run.commit[:12]}{of}: {len(run.metrics)} metrics.")
            elif one.error:
                click.echo(f"ml-ci: error: {one.key}: {one.error}", err=True)
        sys.exit(max(one.error.exit_code if one.error else 0 for one in recorded))


@cli.command()
@click.argument("handed", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--base", help="Whose rules count.  [default: the merge-base with the default branch]")
@click.option("--repository", metavar="OWNER/NAME", help="Post it there, with the token in GITHUB_TOKEN.")
@click.option("--pull", type=int, metavar="N", help="On this pull request.")
@_shared
@click.pass_obj
def publish(
    debug: bool,
    handed: Path,
    base: str | None,
    repository: str | None,
    pull: int | None,
    **wishes: Unpack[_Wishes],
) -> None:
    """Judge anew what another machine's job has left, by the rules of the base.

    DIR is the artifact of a workflow's run, unpacked or as a .zip. Nothing in it is run, and nothing of it is believed that
    this clone knows better. Exit codes are those of `run`.
    """
    with _errors(debug=debug):
        from ml_ci import cli_post, cli_publish

        where = cli_post.target(repository, pull)
        sys.exit(cli_publish.publish_folder(Path.cwd(), handed, base, cli_job.Wish(**wishes), where))


class _WithCondition(click.Command):
    """A command whose argument may begin with a minus, as `-n + o < 0 +/- 0.1` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        conditions = [
            arg for arg in args if arg.startswith("-") and not arg.startswith("--") and ("<" in arg or ">" in arg)
        ]
        if conditions and "--" not in args:
            # no option has such a value, and click takes what follows "--" for arguments
            args = [*(arg for arg in args if arg not in conditions), "--", *conditions]
        return super().parse_args(ctx, args)


@cli.command(
    cls=_WithCondition,
    epilog="\b\nExample:\n  ml-ci plan 'n - o > 0.02 +/- 0.01 /\\ d < 0.1 +/- 0.01' --reliability 0.9999 --variance 0.1",
)
@click.argument("condition", nargs=-1, required=True, metavar="CONDITION")
@click.option(
    "--reliability", type=float, default=0.95, show_default=True, help="Probability that no decision is wrong."
)
@click.option(
    "--mode",
    type=click.Choice(["fp-free", "fn-free"]),
    default="fp-free",
    show_default=True,
    help="What must not happen: accepting a change wrongly (fp), or refusing one (fn).",
)
@click.option(
    "--adaptivity",
    type=click.Choice(["none", "full"]),
    default="full",
    show_default=True,
    help="Whether authors know the outcomes of earlier changes.",
)
@click.option("--steps", type=int, default=32, show_default=True, metavar="H", help="Changes decided on this test set.")
@click.option(
    "--variance", type=float, metavar="P", help="The two models differ on at most this share of the examples."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def plan(
    debug: bool,
    condition: tuple[str, ...],
    *,
    reliability: float,
    mode: Mode,
    adaptivity: Adaptivity,
    steps: int,
    variance: float | None,
    as_json: bool,
) -> None:
    r"""How many test examples it takes to decide on changes by a condition.

    CONDITION is about n, the new model's accuracy, o, the old one's, and d, the share of examples that they predict
    differently. It is one or more of EXPRESSION > LIMIT +/- TOLERANCE, or <, joined by /\; put it in single quotes.
    """
    with _errors(debug=debug):
        from ml_ci import cli_plan

        request = cli_plan.Request(
            condition=cli_plan.read_condition(condition),
            reliability=reliability,
            mode=mode,
            adaptivity=adaptivity,
            steps=steps,
            variance=variance,
        )
        click.echo(cli_plan.as_json(request) if as_json else cli_plan.as_text(request))


@cli.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("demo"), help="Where to build it.")
@click.option("--open", "show", is_flag=True, help="Open the report in a browser.")
@click.pass_obj
def demo(debug: bool, folder: Path, *, show: bool) -> None:
    """Build a small repository with a pull request in it, and judge that."""
    with _errors(debug=debug):
        from ml_ci.demo import build

        repository = build(folder)
        click.echo(f"Built {repository.path}: branch {repository.head} on {repository.base}.\n", err=True)
        code = cli_job.run_job(repository.path, repository.base, cli_job.Wish())
        page = repository.path / cli_job.FOLDER / "report.html"
        click.echo(f"\nReport: {page}")
        if show:
            cli_job.open_page(page)
        # that this pull request fails the gate is what the demo shows; that it could not be judged is not
        sys.exit(code if code > 1 else 0)


def main() -> None:
    """The `ml-ci` command."""
    cli(prog_name="ml-ci")


@contextmanager
def _errors(*, debug: bool) -> Iterator[None]:
    """Turn the errors of the family into one sentence and their exit code."""
    try:
        yield
    except MlCiError as error:
        if debug:
            raise
        label = "configuration" if isinstance(error, ConfigError) else "error"
        click.echo(f"ml-ci: {label}: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("ml-ci: cancelled.", err=True)
        sys.exit(130)
