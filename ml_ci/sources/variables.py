"""The environment variables that the repository's own code gets to see."""

from __future__ import annotations

import base64
import os
import stat
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from ml_ci.config_pass_env import PLACES, TOKENS, is_hidden, passes
from ml_ci.sources.git_settings import Setting, given_by, with_settings
from ml_ci.sources.process import Owner
from ml_ci.sources.reaper import Reaper

_USERS = ("x-access-token", "x-oauth-basic", "oauth2", "git", "")
_SHORTEST = 8
"""Characters of what is taken for a token wherever it stands: a shorter one would be found in any text."""
_NEEDED = ("ML_CI_CACHE", "ML_CI_REAPER", "ML_CI_SEED")


def without_tokens(environ: Mapping[str, str], token: str) -> dict[str, str]:
    """The job's environment as the programs that ml-ci starts for itself get it (git, DVC, the MLflow server).

    None of them needs the inputs, the runner's tokens and files, or GitHub's token, under whatever name it is there.
    """
    names = [name for name in environ if name in _NEEDED or name in PLACES or not is_hidden(name)]
    return _without_values({name: environ[name] for name in names}, _forms({token}))


def training_variables(outer: Mapping[str, str], passed: tuple[str, ...] | None = None) -> dict[str, str]:
    """Of the job's environment, what training may see: all but GitHub's tokens, and what reaches later steps.

    Training runs the code of a pull request, which nobody may have read yet. It could post a token to anywhere, or
    write to GITHUB_ENV and so run in the next step, with that step's secrets. Everything else is the user's, who may
    need it: cloud credentials, MLFLOW_TRACKING_URI, proxies; or, with `passed`, only what that names (`pass-env`) and
    what no program can do without. The token is also hidden under any other name.
    """
    tokens = {outer[name] for name in TOKENS if outer.get(name)}
    kept = {name: value for name, value in outer.items() if passes(name, passed)}
    return _without_git_credentials(_without_values(kept, _forms(tokens)))


def minimal_variables(outer: Mapping[str, str]) -> dict[str, str]:
    """What no program can do without, and nothing of the user's."""
    return training_variables(outer, ())


def user_variables(variables: Mapping[str, str], owner: Owner | None, reaper: Reaper) -> dict[str, str]:
    """`variables` as they have to be for `owner`: a HOME that it can write to, and a name for it.

    Many libraries keep caches in HOME, and `getpass.getuser` fails for a user that the container does not know.
    """
    changed = dict(variables)
    if owner is None:
        return changed
    if not _usable(changed.get("HOME"), owner):
        home = Path(tempfile.mkdtemp(prefix="ml-ci-home-"))
        reaper.folder(home)
        os.chown(home, owner.uid, owner.gid)
        changed["HOME"] = str(home)
    for name in ("USER", "LOGNAME"):
        changed[name] = _user_name(owner)
    return changed


def _forms(tokens: Collection[str]) -> list[str]:
    """The tokens as they travel: as they are, and as the password of a login."""
    logins = [base64.b64encode(f"{user}:{token}".encode()).decode() for token in tokens for user in _USERS]
    return [form for form in (*tokens, *logins) if form]


def _without_values(variables: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    long = [secret for secret in secrets if len(secret) >= _SHORTEST]
    return {
        name: value
        for name, value in variables.items()
        if value not in secrets and not any(secret in value for secret in long)
    }


def _without_git_credentials(variables: Mapping[str, str]) -> dict[str, str]:
    """Git's settings by variable, renumbered without those that hold secrets."""
    if "GIT_CONFIG_COUNT" not in variables:
        return dict(variables)
    given = [Setting(scope="command", file=None, name=name, value=value) for name, value in given_by(variables)]
    return with_settings(variables, [(each.name, each.value) for each in given if not each.is_secret])


def _usable(home: str | None, owner: Owner) -> bool:
    """Whether `owner` may write to `home` and go into it; asked of the mode, for root may do anything."""
    try:
        status = Path(home or "/dev/null").stat()
    except OSError:
        return False
    shift = 6 if status.st_uid == owner.uid else 3 if status.st_gid == owner.gid else 0
    return stat.S_ISDIR(status.st_mode) and (status.st_mode >> shift) & 3 == 3


def _user_name(owner: Owner) -> str:
    import pwd

    try:
        return pwd.getpwuid(owner.uid).pw_name
    except KeyError:
        return f"user{owner.uid}"
