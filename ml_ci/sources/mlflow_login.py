"""The embedded MLflow server with a login, so that another job's training on this machine can neither read nor write its runs.

It is run as a script by `ml_ci.sources.mlflow_server`, without this package: an ASGI application around MLflow's own, in
the same process. On its standard input it is told what a request may have in `Authorization`, as a JSON list of SHA-256:
variables and arguments of a process can be read by others. The server has the rights of training, which may not have been
shown the login of the user's own that is among them (`pass-env`): so it is told no login, and is closed to others.
"""

import ctypes
import hashlib
import hmac
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Mapping[str, object], Receive, Send], Awaitable[None]]

OPEN = ("/health",)
"""Paths without a login: whether the server is up is no secret."""

_REFUSED = json.dumps({
    "error_code": "UNAUTHENTICATED",
    "message": "This MLflow server belongs to one job of ml-ci, and wants the login that it gave to its training "
    "(MLFLOW_TRACKING_TOKEN).",
}).encode()  # fmt: skip


class WithLogin:
    """`inner`, for requests whose `Authorization` has one of these SHA-256, as hexadecimal digits."""

    def __init__(self, inner: Application, accepted: Sequence[str]) -> None:
        self._inner = inner
        self._accepted = accepted

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        """Hand the request on, or answer 401 (RFC 9110, section 15.5.2); a web socket is refused."""
        if scope["type"] == "lifespan" or self._may(scope):
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer, Basic")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _may(self, scope: Mapping[str, object]) -> bool:
        headers = scope["headers"]
        given = (
            [bytes(value) for name, value in headers if name == b"authorization"] if isinstance(headers, list) else []
        )
        digests = [hashlib.sha256(value).hexdigest() for value in given]
        if any(hmac.compare_digest(digest, accepted) for digest in digests for accepted in self._accepted):
            return True
        return scope["type"] == "http" and scope["path"] in OPEN


def main(descriptor: int) -> None:
    """Serve on the listening socket with this descriptor, until somebody ends it."""
    if sys.platform == "linux":
        pr_set_dumpable = 4
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)
    accepted = json.loads(sys.stdin.buffer.read())
    import uvicorn
    from mlflow.server.fastapi_app import app

    uvicorn.run(WithLogin(app, accepted), fd=descriptor, workers=1, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
