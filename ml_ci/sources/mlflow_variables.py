"""What MLflow is told through variables: where training logs, what its runs are tagged with, how long a client waits."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from ml_ci.errors import ConfigError
from ml_ci.sources.mlflow_logins import TOKEN, split_login

LOOPBACK = ("127.0.0.1", "localhost")

_QUICK = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # a server may ask for hours
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""MLflow's own defaults make a dead server cost minutes."""
_EMBEDDED_DROPS = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID", "MLFLOW_WORKSPACE")


@dataclass(frozen=True)
class Identity:
    """What the runs of one training are tagged with. `exact`: the code trained is the commit's, unchanged.

    `checkout` is what git calls HEAD where training runs, and so what MLflow takes for its commit: on a pull request
    GitHub's merge of `commit`.
    """

    key: str
    commit: str
    attempt: str
    fingerprint: str
    exact: bool
    checkout: str = ""

    def tags(self) -> dict[str, str]:
        """The tags of every run of this training."""
        return {
            "ml_ci.key": self.key,
            "ml_ci.commit": self.commit,
            "ml_ci.attempt": self.attempt,
            "ml_ci.fingerprint": self.fingerprint,
        }


def logging_variables(outer: Mapping[str, str], uri: str, identity: Identity, *, shared: bool) -> dict[str, str]:
    """`outer` with all that makes a training log to `uri`, and that tags its runs from outside.

    `shared`: the server is the user's, so that the settings in `outer` are meant for it. Else a login in `uri` becomes a
    token, unless the user has one, which our server takes as well: a script may log elsewhere with it. Raises
    ConfigError where the tags in `outer` cannot be read.
    """
    token = ""
    if not shared:
        uri, token = split_login(uri)
    inner = {name: value for name, value in outer.items() if shared or name not in _EMBEDDED_DROPS}
    tags = _tags(outer.get("MLFLOW_RUN_CONTEXT") or "{}")
    return (
        inner
        | beside_proxies(inner)
        | ({TOKEN: token} if token and not inner.get(TOKEN) else {})
        | {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_RUN_CONTEXT": json.dumps({**tags, **identity.tags()}),
        }
    )


def _tags(text: str) -> dict[str, object]:
    """What MLFLOW_RUN_CONTEXT says."""
    wrong = "MLFLOW_RUN_CONTEXT is set, but is not a JSON object of tags: mend or unset it."
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise ConfigError(wrong) from error
    if not isinstance(tags, dict):
        raise ConfigError(wrong)
    return tags


def quicken() -> None:
    """Make MLflow's client in this process give up early; it reads these settings from the environment only."""
    for name, value in _QUICK.items():
        os.environ.setdefault(name, value)
    os.environ.update(beside_proxies(os.environ))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # addresses of a server that is gone when somebody reads them
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def beside_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY, in both its spellings, with this machine in it: where there is a proxy, it cannot know our server."""
    lower = {name.lower(): value for name, value in variables.items() if name.lower().endswith("_proxy")}
    if not lower.keys() & {"http_proxy", "https_proxy", "all_proxy"}:
        return {}
    # the spelling in small letters is the one that counts where both are set
    own = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    hosts = [host.strip() for host in own.split(",") if host.strip()]
    value = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}
