"""`pass-env`: which of the job's environment variables training sees, and those that it never does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from ml_ci import config_values as values
from ml_ci.config import Config
from ml_ci.config_yaml import Field, Items, quoted

TOKENS = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "INPUT_GITHUB-TOKEN",
    "INPUT_GITHUB_TOKEN",
)

PLACES = frozenset(
    """GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
    GIT_COMMON_DIR GIT_PREFIX GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_NAMESPACE GIT_INTERNAL_SUPER_PREFIX""".split()
)
"""What git sets for its hooks: there, it would take the base's worktree for the user's."""

COMMAND_FILES = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
"""Files by which a step sets variables and outputs of the steps after it."""

HIDDEN = {
    *TOKENS,
    *COMMAND_FILES,
    # whoever reaches Docker's socket is root on the machine
    "DOCKER_HOST",
    # `git -c` settings in one quoted string, among them a credential's
    "GIT_CONFIG_PARAMETERS",
    *PLACES,
}

HIDDEN_PREFIXES = (
    "INPUT_",  # the action's inputs, the token among them
    "ACTIONS_",  # the runner's own tokens: cache, artifacts, identity (OIDC)
    "ML_CI_",  # our own
)

SHOWN = ("ML_CI_SEED", "ML_CI_REAPER")

MINIMUM = (
    # a program finds others, its libraries, its user, its language and its time
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TMP", "TEMP"),
    *("LD_LIBRARY_PATH", "DYLD_*", "VIRTUAL_ENV", "CI", "RUNNER_TEMP", "UV_CACHE_DIR"),
    # without these there is no network behind a proxy
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"),
    # Windows starts no program without them
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
    *("PROGRAMDATA", "PROGRAMFILES*"),
    *SHOWN,
)
"""What training sees in any case, where `pass-env` says what else it sees."""

_PATTERN = re.compile(r"[A-Za-z_*][A-Za-z0-9_*]*")
_MOST = 200


def is_hidden(name: str) -> bool:
    """Whether training never sees a variable of this name."""
    name = name.upper()
    return name not in SHOWN and (name in HIDDEN or name.startswith(HIDDEN_PREFIXES))


def passes(name: str, passed: tuple[str, ...] | None) -> bool:
    """Whether training sees a variable of this name; `passed` is what `pass-env` says, None where it says nothing."""
    if is_hidden(name):
        return False
    return passed is None or any(fnmatchcase(name, pattern) for pattern in (*MINIMUM, *passed))


def allows_no_more(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> bool:
    """Whether all that `one` lets through, `other` does too."""
    if one is None or other is None:
        return other is None
    # a `*` stands for anything: only another `*` may stand for it
    return all(any(fnmatchcase(name, pattern) for pattern in (*MINIMUM, *other)) for name in one)


def widest(whole: Config) -> tuple[str, ...] | None:
    """What any of the models of a file lets through; None where one of them lets everything through."""
    each = [model.pass_env for model in whole.models or (whole,)]
    if any(passed is None for passed in each):
        return None
    return _unique(name for passed in each for name in passed or ())


def pass_env(field: Field) -> tuple[str, ...]:
    """The list of names, in which `*` stands for any letters. Raises ConfigError for one that is always hidden."""
    if isinstance(field.value, Items) and not field.value.values:
        return ()
    names = _unique(values.strings(field, _name))
    if len(names) > _MOST:
        raise field.place.error(f"{quoted(field.key)} has {len(names)} names; it may have at most {_MOST}: use `*`.")
    return names


def _name(field: Field) -> str:
    name = values.text(field)
    if not _PATTERN.fullmatch(name):
        raise field.place.error(
            f"{quoted(name)} cannot be the name of a variable; it may hold letters, digits, _ and, for any of them, *."
        )
    begin, star, _ = name.upper().partition("*")
    if is_hidden(name) or (star and begin.startswith(HIDDEN_PREFIXES)):
        raise field.place.error(
            f"{quoted(name)} is never shown to training, which runs code that nobody may have read yet; take it out."
        )
    return name


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
