"""How MLflow's clients log in: with a token, with a user name and a password, or as the machine's `.netrc` says."""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

USER = "ml-ci"
USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"


def new_token() -> str:
    """A token for one job."""
    return secrets.token_urlsafe(24)


def with_login(uri: str, token: str) -> str:
    """A server's address with a login in it, which a client of ours sends whatever else it finds on the machine."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=f"{USER}:{token}@{parts.netloc}"))


def split_login(uri: str) -> tuple[str, str]:
    """An address without the login in it, and the password of that; empty where there is none."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), parts.password or ""


def accepted(token: str, variables: Mapping[str, str], host: str) -> list[str]:
    """All that an `Authorization` of this job's clients may be.

    The job's token, as itself and as a password; and what a client sends instead where it finds something that it
    prefers, meant for another server: user name and password, of the environment or of ~/.mlflow/credentials; a token of
    the user's; a login for this host or for any in .netrc.
    """
    home = Path(variables.get("HOME") or variables.get("USERPROFILE") or os.devnull)
    name, password = _of_file(home / ".mlflow" / "credentials")
    logins = {
        (USER, token),
        (name, password),
        (variables.get(USERNAME) or name, variables.get(PASSWORD) or password),
        _of_netrc(Path(variables.get("NETRC") or home / ".netrc"), host),
    }
    tokens = [token, variables.get(TOKEN) or token]
    basics = [_basic(user, word) for user, word in sorted(logins) if user and word]
    return list(dict.fromkeys([*(f"Bearer {each}" for each in tokens), *basics]))


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _of_file(file: Path) -> tuple[str, str]:
    """User name and password of MLflow's own file; empty where it has none, or is none."""
    parser = configparser.ConfigParser()
    with suppress(configparser.Error, OSError, UnicodeError):
        parser.read(file, encoding="utf-8")
        if parser.has_section("mlflow"):
            section = parser["mlflow"]
            return section.get(USERNAME.lower(), ""), section.get(PASSWORD.lower(), "")
    return "", ""


def _of_netrc(file: Path, host: str) -> tuple[str, str]:
    """What the client's HTTP library sends in any case, where it finds it."""
    with suppress(netrc.NetrcParseError, OSError, UnicodeError):
        found = netrc.netrc(file).authenticators(host)
        if found:
            login, account, password = found
            return login or account or "", password or ""
    return "", ""
