"""Which values of an environment are secrets: told by their variables' names, and by what is in addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_ci.secret_forms import SHORTEST

_WORDS = re.compile(
    r"(?:^|[^a-z])(?:"
    r"token|secret|secrets|password|passwords|passwd|passphrase|pass|pwd|pw|credential|credentials|creds|pat|apikey|auth"
    r"|authorization|cookie|dsn|jwt|bearer"
    r"|(?:api|access|private|secret|account|storage|signing|encryption|master|deploy|license|service|auth|ssh|shared"
    r"|subscription|webhook|admin)[^a-z]?key"
    r"|connection[^a-z]?(?:string|str)|connstr"
    r")(?:[^a-z]|$)"
)
_ABOUT = re.compile(
    r"_(?:file|files|path|paths|dir|name|names|url|uri|host|ttl|limit|length|size|count|timeout|sock|type|override"
    r"|expiry|expiration|expires(?:_in)?|seconds|minutes|mode|provider|helper|endpoint|region|enabled|required|program"
    r"|method|version)$"
)
"""What says something about a secret, or where it is."""

_NO_SECRETS = frozenset(
    {"pwd", "oldpwd", "google_application_credentials", "git_askpass", "ssh_askpass", "sudo_askpass", "xauthority"}
)
_ANYBODYS = frozenset(
    {"true", "false", "default", "none", "null", "undefined", "enabled", "disabled", "always", "never", "required"}
    | {"password", "passwd", "secret", "secrets", "token", "changeme", "example", "string", "postgres", "mysql"}
    | {"minioadmin", "minio123", "localhost", "mlflow", "github", "public", "private", "anonymous", "optional"}
)
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^\s\"'<>]+")
_PAIR = re.compile(r"(?i)(?:^|[;,\s])([\w .-]+?)\s*=\s*([^;]+)")
_HEADER = re.compile(r"(?i)^\s*(?:proxy-)?authorization:\s*(?:\w+\s+)?(\S+)\s*$")
_QUERIES = frozenset({"sig", "signature", "key", "code", "sv_sig", "x-amz-signature", "x-goog-signature"})


def secrets_in(variables: Mapping[str, str]) -> Iterator[str]:
    """Each value that is a secret, or a line or part of one that is; what is too short or anybody's word is left out."""
    for name, value in variables.items():
        for found in (*_in_addresses(value), *_in_header(value), *(_of(value) if _names_a_secret(name) else ())):
            if len(found) >= SHORTEST and found.lower() not in _ANYBODYS:
                yield found


def _names_a_secret(name: str) -> bool:
    name = name.lower()
    return name not in _NO_SECRETS and not _ABOUT.search(name) and bool(_WORDS.search(name))


def _of(value: str) -> Iterator[str]:
    """A secret, and what of it is one by itself: its lines, the values of a connection string, of a JSON document."""
    whole = value.strip()
    if not _is_place(whole):
        yield whole
    document = _document(whole)
    if document is not None:
        yield from _in_document(document)
    else:
        lines = [line.strip() for line in whole.splitlines()]
        yield from lines if len(lines) > 1 else ()
        for key, part in _PAIR.findall(whole) if ";" in whole else ():
            if _names_a_secret(_words(key)) or key.strip().lower() in _QUERIES:
                yield part.strip()


def _is_place(value: str) -> bool:
    """An address without a password, or a file's path, is where a secret may be, and none itself."""
    return bool(_ADDRESS.fullmatch(value)) or bool(re.fullmatch(r"(?:/[\w.@-]+){2,}\.\w{1,6}|[A-Za-z]:\\\S+", value))


def _document(value: str) -> object:
    if not value.startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _in_document(found: object, name: str = "") -> Iterator[str]:
    """Of a key file in JSON, what its names say is secret; of a JSON of no names, everything."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _in_document(value, _words(str(key)))
    elif isinstance(found, list):
        for value in found:
            yield from _in_document(value, name)
    elif isinstance(found, str) and (not name or _names_a_secret(name)):
        yield found
        yield from found.splitlines()


def _words(name: str) -> str:
    """A name in camel case (`AccountKey`) as a variable's would be."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[ .-]", "_", name)


def _in_addresses(value: str) -> Iterator[str]:
    """Passwords and tokens of the addresses in a value, as they stand there and decoded."""
    for address in _ADDRESS.findall(value) if "://" in value else ():
        try:
            parts = urlsplit(address)
        except ValueError:
            continue
        user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
        # https://TOKEN@host has no password
        secret = password if colon else user if parts.scheme in ("http", "https") and len(user) >= 16 else ""
        yield from (secret, unquote(secret))
        for key, query in parse_qsl(parts.query):
            if key.lower() in _QUERIES or _names_a_secret(_words(key)):
                yield query


def _in_header(value: str) -> Iterator[str]:
    """What follows `Authorization:`, as checkout has it in git's settings."""
    found = _HEADER.match(value)
    if found:
        yield found[1]
