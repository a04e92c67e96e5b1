"""Which certificate authorities a job trusts, told to every program that it uses by that program's own variable.

A self-hosted runner behind a company's proxy, or beside a GitHub Enterprise Server, has `NODE_EXTRA_CA_CERTS`: a file with
authorities that are trusted besides the usual ones. Node.js reads it, and with it the runner and actions/checkout; Python,
git, DVC and MLflow's client do not.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ml_ci.errors import ConfigError
from ml_ci.sources import process

EXTRA = "NODE_EXTRA_CA_CERTS"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Files with all authorities that are trusted, in place of the usual ones; in the order in which they are looked at."""
READERS = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO")
"""What Python's requests (PyGithub, MLflow), OpenSSL (DVC, uv) and git each read."""
REMEDY = f"set {EXTRA} to a file with the certificate of the authority that signed it"
"""What to do about a certificate that is not trusted."""

_SYSTEMS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_SIGNS = (
    "CERTIFICATE_VERIFY_FAILED",
    "certificate verify failed",
    # git, with OpenSSL and with GnuTLS
    "SSL certificate problem",
    "certificate verification failed",
)


def trusting(variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The variables to set so that all programs trust what `variables` say; none where they say nothing.

    Files with the authorities of `NODE_EXTRA_CA_CERTS` and those trusted before are written to `folder`. Raises ConfigError
    for a file of certificates that cannot be read.
    """
    own = next((name for name in BUNDLES if variables.get(name)), "")
    if not variables.get(EXTRA):
        return _shared(variables, own)
    extra = _certificates(EXTRA, variables[EXTRA])
    found: dict[str, str] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for name in READERS:
        given = name if variables.get(name) else own
        usual = _certificates(given, variables[given]) if given else _usual(name)
        path = folder / f"{name.lower()}.pem"
        path.write_text(f"{usual.rstrip()}\n{extra}", encoding="utf-8")
        found[name] = str(path)
    return found


@contextmanager
def trusted(variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables of `trusting`, with their files in a folder that training can read, until the block ends.

    They are this process's own, too: requests, which PyGithub and MLflow's client use, looks for them nowhere else.
    """
    with ExitStack() as stack:
        folder = Path()
        if variables.get(EXTRA):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ml-ci-certificates-")))
            folder.chmod(0o755)
        # the variable would come before what git's configuration says
        gits = {"GIT_SSL_CAINFO": variables.get("GIT_SSL_CAINFO") or _configured(variables)}
        found = trusting({**variables, **gits}, folder)
        before = {name: os.environ.get(name) for name in found}
        os.environ.update(found)
        try:
            yield found
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def is_untrusted(words: str) -> bool:
    """Whether these words, of a library or a program, are about a certificate that is not trusted."""
    return any(sign in words for sign in _SIGNS)


def _configured(variables: Mapping[str, str]) -> str:
    """Git's own `http.sslCAInfo`; empty where it is not set, or where nothing is said that would be told to git."""
    if not any(variables.get(name) for name in (EXTRA, *BUNDLES)):
        return ""
    place = Path(variables.get("GITHUB_WORKSPACE") or ".")
    asked = ["git", "config", "--type=path", "--get", "http.sslCAInfo"]
    answer = process.run(asked, directory=place, variables=variables, timeout=60)
    return answer.stdout.decode(errors="surrogateescape").strip() if answer.returncode == 0 else ""


def _shared(variables: Mapping[str, str], own: str) -> dict[str, str]:
    """What is said of one program is true for the others that talk to the same GitHub."""
    readers = ("REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO") if own else ()
    return {name: variables[own] for name in readers if not variables.get(name)}


def _certificates(name: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{name} names {path}, which cannot be read ({error.strerror}): correct it.") from error
    if "-----BEGIN CERTIFICATE-----" not in text and "-----BEGIN TRUSTED CERTIFICATE-----" not in text:
        raise ConfigError(f"{name} names {path}, in which there is no certificate in PEM: correct it.")
    return text


def _usual(name: str) -> str:
    """What is trusted where nobody says anything: requests has authorities of its own, the others the machine's."""
    import certifi

    if name != "REQUESTS_CA_BUNDLE":
        for path in (ssl.get_default_verify_paths().cafile, *_SYSTEMS):
            if path and Path(path).is_file():
                return Path(path).read_text(encoding="utf-8", errors="replace")
    return certifi.contents()
