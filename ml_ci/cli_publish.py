"""What `ml-ci publish` does: judge anew, by the rules of this clone, what another machine's job has left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ci import cli_job
from ml_ci.cli_post import Target, open_pull, posting
from ml_ci.errors import ConfigError, MlCiError

if TYPE_CHECKING:
    from ml_ci.cli_job import Wish
    from ml_ci.config import Config
    from ml_ci.judged_anew import Ground, Rules
    from ml_ci.publish import Outlet
    from ml_ci.report.files import WrittenReport
    from ml_ci.result import Result, Results
    from ml_ci.sources.git import Git


def publish_folder(start: Path, handed: Path, base: str | None, wish: Wish, where: Target | None) -> int:
    """Judge anew what is in the folder or archive `handed`, and tell of it; returns the exit code."""
    from ml_ci.job import failed
    from ml_ci.report.files import forget_earlier
    from ml_ci.sources.output_folder import make_output_folder

    git = cli_job.git_at(start)
    out = wish.out or git.top / cli_job.FOLDER
    if handed.resolve() == out.resolve():
        raise ConfigError(f"{handed} is the output folder, which is written to: name another one with --out.")
    pull = open_pull(where) if where else None
    with _unpacked(handed) as folder:
        clone = _Clone(git, base, pull.head_sha if pull else _said_head(folder), wish)
        make_output_folder(out)
        forget_earlier(out)
        if where and pull:
            with posting(where, pull, clone.key, out, quiet=wish.quiet) as outlet:
                try:
                    found = _judged(folder, clone, outlet)
                except MlCiError as error:
                    found = outlet.publish(failed(clone.key, error, head_commit=clone.head))
        else:
            found = _judged(folder, clone, _Local(out, clone.base))
    cli_job.show(found, out, wish)
    return found.exit_code


def _judged(folder: Path, clone: _Clone, outlet: Outlet) -> Result | Results:
    from ml_ci.judged_anew import not_asked_for
    from ml_ci.publish import judge_and_post
    from ml_ci.sources.handover import read_handover

    models = read_handover(folder, head_sha=clone.head)
    rules = clone.rules()
    ground = clone.ground((*rules.warnings, *not_asked_for(models, rules)))
    return judge_and_post(outlet, models, rules, ground, key=clone.key)


class _Local:
    """A person's own output folder."""

    def __init__(self, out: Path, base: str | None) -> None:
        self.out = out
        self._base = base

    def publish(self, result: Result) -> Result:
        """Write the output folder."""
        return cli_job.write(result, self.out, self._base).result

    def write(self, result: Result, folder: Path) -> WrittenReport:
        """Write one model's."""
        return cli_job.write(result, folder, self._base, result.key)

    def publish_models(self, key: str, parts: Sequence[WrittenReport]) -> Results:
        """Write that of the whole."""
        from ml_ci.report.files import write_models

        return write_models(key, parts, cli_job.presentation(self._base), self.out).results


class _Clone:
    """What this clone knows of `head`, and of the base that a person names, or that `ml-ci run` would take."""

    def __init__(self, git: Git, base: str | None, head: str, wish: Wish) -> None:
        from ml_ci import context
        from ml_ci.base_config import whole_config
        from ml_ci.config_reader import FILE_NAMES, load

        self._git = git
        self.head = head
        self._wish = wish
        self.base = context.in_clone(git, base).base
        default = None if base else git.default_branch()
        self._tips = [tip for tip in (self.base, git.resolve(default) if default else None) if tip]
        config = cli_job.absolute(wish.config)
        self._names: Sequence[str] = FILE_NAMES
        self._config: Config | None = None
        if config and not config.is_relative_to(git.top):
            # it is said of both sides
            self._names, self._config = (), load(config, git.top)
        elif config:
            self._names = [config.relative_to(git.top).as_posix()]
        if self._config is None and self.base:
            self._config = whole_config(git.read, self.base, self._names, f"the base {self.base[:12]}")
        if config and self._config is None:
            raise ConfigError(
                f"{wish.config} is not there at the base, whose rules count: name another base with --base."
            )

    @property
    def key(self) -> str:
        """The whole's, as base calls it."""
        return self._config.key if self._config else "default"

    def rules(self) -> Rules:
        """Base's; of one model, where one is named. Raises ConfigError where there is none of that name."""
        from ml_ci.config import Config
        from ml_ci.judged_anew import rules_of

        rules, model = rules_of(self._config, self._of_head, Config()), self._wish.model
        if model is None:
            return rules
        named = tuple(each for each in rules.judged if model in (each.config.key, each.config.name))
        if not (named and rules.several):
            raise ConfigError(f"the base's configuration has no model {model!r}: name one that it has.")
        return replace(rules, judged=named[:1], several=False)

    def ground(self, warnings: tuple[str, ...]) -> Ground:
        """What is known of both sides without what was handed over; the files that differ, where both commits are here."""
        from ml_ci.compare.comparison import changed_files
        from ml_ci.judged_anew import Ground
        from ml_ci.sources.record_store import FetchedBranch, Folder, Records

        git = self._git
        known = self.base is not None and git.has(self.head)
        own = git.top / cli_job.FOLDER
        return Ground(
            head_commit=self.head,
            base_commit=self.base,
            doubt=self._doubt,
            stores=(
                Records(FetchedBranch(git, "ml-ci-data"), "origin/ml-ci-data"),
                Records(Folder(own), f"the records in {own}"),
            ),
            code=changed_files(git.files_at(self.base), git.files_at(self.head)) if known and self.base else (),
            warnings=warnings,
        )

    def _of_head(self) -> Config | None:
        from ml_ci.base_config import whole_config
        from ml_ci.errors import OutsideError

        if not self._names:
            return self._config
        if not self._git.has(self.head):
            raise OutsideError(f"the commit {self.head[:12]} is not in this clone: fetch it.")
        return whole_config(self._git.read, self.head, self._names, f"the commit {self.head[:12]}")

    def _doubt(self, commit: str) -> str:
        """Why the commit cannot be head's base; empty where it lies between where head left that branch and its tip."""
        git = self._git
        if not git.has(commit):
            return f"what was handed over was compared with {commit[:12]}, which is not in this clone: fetch it."
        lower = git.merge_base(self.head, self._tips[0]) if self._tips and git.has(self.head) else self.base
        after = lower is None or git.merge_base(lower, commit) == lower
        if after and any(git.merge_base(commit, tip) == commit for tip in self._tips):
            return ""
        tips = " or ".join(tip[:12] for tip in self._tips) or "nothing"
        return (
            f"what was handed over was compared with {commit[:12]}, which is not on the way to the base ({tips}): name the "
            "base that it is to be compared with by --base."
        )


def _said_head(folder: Path) -> str:
    """The commit that result.json says to be about; whether all of it is, is checked where it is read."""
    from ml_ci.sources.archive import LARGEST_JSON, not_ours
    from ml_ci.sources.handed_result import COMMIT
    from ml_ci.sources.strict_json import parse_strict, read_bytes

    document = parse_strict(read_bytes(folder / "result.json", "result.json", LARGEST_JSON), "result.json")
    models = document.get("models") if isinstance(document, dict) else None
    first = models[0] if isinstance(models, list) and models else document
    head = first.get("head") if isinstance(first, dict) else None
    commit = head.get("commit") if isinstance(head, dict) else None
    # git would take a name for a branch, and another for an option
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise not_ours("result.json does not say of which commit it is")
    return commit


@contextmanager
def _unpacked(handed: Path) -> Iterator[Path]:
    """The folder itself, or a new one with what the archive has. Raises ConfigError where there is neither."""
    from ml_ci.sources.archive import unpack

    if handed.is_dir():
        yield handed
        return
    if not handed.is_file():
        raise ConfigError(
            f"{handed} is neither a folder nor a ZIP archive: name what a job's artifact was unpacked to."
        )
    with tempfile.TemporaryDirectory(prefix="ml-ci-publish-") as temporary:
        folder = Path(temporary)
        unpack(handed, folder)
        yield folder
