"""Which parameters each file of `params` changes, so that a report need not name the file beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from ml_ci.errors import ConfigError
from ml_ci.sources.git import Git
from ml_ci.sources.metric_files import expand, params_in, read_params


def changed_parameters(
    git: Git, base: str, directory: Path, patterns: Sequence[str], changed: Collection[str]
) -> dict[str, frozenset[str]]:
    """The parameter files among the paths `changed`, each with the parameters in which it differs from the commit `base`.

    `patterns` are those of `params`, relative to `directory`. A file that base does not have, or that cannot be read
    there, is left out.
    """
    found: dict[str, frozenset[str]] = {}
    for path in expand(directory, patterns):
        name = path.relative_to(git.top).as_posix()
        content = git.read(base, name) if name in changed else None
        if content is None:
            continue
        with suppress(ConfigError):  # whoever needs its parameters says what is wrong with it
            before, after = params_in(content, name), read_params(path, name)
            found[name] = frozenset(key for key in before | after if before.get(key) != after.get(key))
    return found
