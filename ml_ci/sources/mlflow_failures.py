"""Why an MLflow server did not do what was asked, in words, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_ci.sources.certificates import REMEDY

_ADDRESS = "check MLFLOW_TRACKING_URI and that the server is up"
_LOGIN = "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_NO_MLFLOW = "check MLFLOW_TRACKING_URI: it has to be MLflow's own address, with no login page or proxy before it"
_OLD = "check MLFLOW_TRACKING_URI: it has to be MLflow's own address, and the server MLflow 2.0 or newer"
_ROOM = "look at the server's log, free its disk if it is full, and run the job again"
_UNTRUSTED = "its certificate, or its encryption, is refused"
_LATER = "check MLFLOW_TRACKING_URI and the server's log, and run the job again"

_BY_STATUS = {401: _LOGIN, 403: _LOGIN, 404: _OLD, 405: _OLD, 429: _LATER, 500: _ROOM, 502: _LATER, 503: _LATER}
_BY_STATUS |= {504: _LATER, 507: _ROOM}


@dataclass(frozen=True)
class Reason:
    """Why, as a part of a sentence, and what to do, as its end."""

    why: str
    remedy: str


def reason(error: Exception) -> Reason:
    """The reason of what MLflow's client raised. MLflow's own words are cut, and without a password."""
    causes = list(_causes(error))
    text = "\n".join(str(each) for each in causes)
    found = re.search(r"too many (\d{3}) error responses|failed with error code (\d{3}) ", text)
    if found:
        status = int(found[1] or found[2])
        said = _said(str(error)) if found[2] else ""
        return Reason(f"it answered with status {status}{said}", _BY_STATUS.get(status, _LATER))
    if "not in a valid JSON format" in text:
        kind = (
            "an HTML page, as a login or a proxy has it" if re.search(r"(?i)body: '\s*<", text) else "no MLflow answer"
        )
        return Reason(f"it answered with {kind}", _NO_MLFLOW)
    for kind, words in (
        (r"Timeout", "it did not answer in time"),
        (r"NameResolution|gaierror", "there is no server of this name"),
        (r"SSL|Certificate", _UNTRUSTED),
        (r"ConnectionRefused", "the connection was refused"),
        (r"TooManyRedirects", "it redirects without end"),
        (r"ConnectionReset|Protocol|ChunkedEncoding|ConnectionAborted", "the connection broke off"),
    ):
        if any(re.search(kind, type(each).__name__) for each in causes):
            remedies = {_UNTRUSTED: REMEDY, "it redirects without end": _NO_MLFLOW}
            return Reason(words, remedies.get(words, _ADDRESS))
    code = getattr(error, "error_code", "")
    login = code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
    return Reason(first_line(error), _LOGIN if login else _ADDRESS)


def first_line(error: BaseException) -> str:
    """What MLflow said, in one line and without a password."""
    text = str(error).strip()
    return re.sub(r"//[^/@\s]*@", "//", text.splitlines()[0][:300]) if text else type(error).__name__


def _said(text: str) -> str:
    """The body of a refused answer, where it is words."""
    body = re.search(r"Response body: '(.*)'", text, re.DOTALL)
    words = " ".join(body[1].split())[:200] if body else ""
    return f" ({words})" if words and "<" not in words else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it comes from."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__
