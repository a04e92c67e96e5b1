"""The environment variables that the repository's own code gets to see."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ml_ci.sources import guard
from ml_ci.sources.git import PLACES
from ml_ci.sources.process import Owner
from ml_ci.sources.reaper import Reaper

_TOKENS = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "INPUT_GITHUB-TOKEN",
    "INPUT_GITHUB_TOKEN",
)

_HIDDEN = {
    *_TOKENS,
    # files by which a step sets variables and outputs of the steps after it
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    # whoever reaches Docker's socket is root on the machine
    "DOCKER_HOST",
    # `git -c` settings in one quoted string, among them a credential's
    "GIT_CONFIG_PARAMETERS",
    # where a git hook's repository is, which is not where base is trained
    *PLACES,
}

_HIDDEN_PREFIXES = (
    "INPUT_",  # the action's inputs, the token among them
    "ACTIONS_",  # the runner's own tokens: cache, artifacts, identity (OIDC)
    "ML_CI_",  # our own
)

_SHOWN = {"ML_CI_SEED", guard.VARIABLE}

_CREDENTIAL = re.compile(r"(?i)^(http\..*extraheader|http\.extraheader|credential\.|url\.)")


def training_variables(outer: Mapping[str, str]) -> dict[str, str]:
    """Of the job's environment, what training may see: all but GitHub's tokens, and what reaches later steps.

    Training runs the code of a pull request, which nobody may have read yet. It could post a token to anywhere, or
    write to GITHUB_ENV and so run in the next step, with that step's secrets. Everything else is the user's, who may
    need it: cloud credentials, MLFLOW_TRACKING_URI, proxies. The token is also hidden under any other name.
    """
    tokens = {outer[name] for name in _TOKENS if outer.get(name)}
    kept = {name: value for name, value in outer.items() if not _hidden(name) and value not in tokens}
    return _without_git_credentials(kept)


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


def _hidden(name: str) -> bool:
    name = name.upper()
    return name not in _SHOWN and (name in _HIDDEN or name.startswith(_HIDDEN_PREFIXES))


def _without_git_credentials(variables: dict[str, str]) -> dict[str, str]:
    """Git's settings by variable (GIT_CONFIG_COUNT, …_KEY_n, …_VALUE_n), renumbered without those that hold secrets."""
    pairs = []
    count = variables.get("GIT_CONFIG_COUNT", "")
    for number in range(int(count) if count.isdecimal() else 0):
        key = variables.get(f"GIT_CONFIG_KEY_{number}", "")
        if key and not _CREDENTIAL.match(key):
            pairs.append((key, variables.get(f"GIT_CONFIG_VALUE_{number}", "")))
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith(("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))
    }
    for number, (key, value) in enumerate(pairs):
        kept[f"GIT_CONFIG_KEY_{number}"] = key
        kept[f"GIT_CONFIG_VALUE_{number}"] = value
    if pairs:
        kept["GIT_CONFIG_COUNT"] = str(len(pairs))
    return kept


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
