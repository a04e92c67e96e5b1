"""A server that stands before another one, notes the requests, and lets faults meet them."""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.github_server.faults import Cut, Fault, LostAnswer, Matcher, Plan, Reset, Slow, answer
from tests.github_server.socket_handler import Handler, Listener, Request
from tests.github_server.wire import Answer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "server"}


class WithHead(Handler):
    """DVC asks with HEAD whether a file is there."""

    def do_HEAD(self) -> None:  # noqa: N802 - the name that http.server looks for
        """As the others, but for the body."""
        self._respond()

    def _write(self, reply: Answer) -> None:
        if self.command != "HEAD":
            super()._write(reply)
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": "0", **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()


class Front:
    """Passes requests on to `target`; `seen` are those that came, as (method, path)."""

    def __init__(self, target: str) -> None:
        self.seen: list[tuple[str, str]] = []
        self._target = urlsplit(target)
        self._plan = Plan()
        self._lock = threading.Lock()
        self._listener = Listener("127.0.0.1", 0, self._respond, lambda _: None)
        self._listener.RequestHandlerClass = WithHead
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address, with the login that the target's has."""
        login, at, _ = self._target.netloc.rpartition("@")
        return f"http://{login}{at}127.0.0.1:{self._listener.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join()

    def begin_anew(self) -> None:
        """Forget what was seen, and what was to go wrong."""
        with self._lock:
            self.seen = []
            self._plan = Plan()

    def inject(self, method: str, pattern: str, fault: Fault, times: int | None = 1, skip: int = 0) -> None:
        """As a `GitHubServer` does."""
        self._plan.faults.append((Matcher(method, pattern, times, skip), fault))

    def _respond(self, request: Request) -> Answer | None:
        path = urlsplit(request.target).path
        with self._lock:
            self.seen.append((request.method, path))
            fault = self._plan.fault(request.method, (path,))
        match fault:
            case None:
                return self._passed_on(request)
            case Slow(seconds):
                time.sleep(seconds)
                return self._passed_on(request)
            case LostAnswer():
                self._passed_on(request)
                return None
            case Reset():
                return None
            case Cut(cut, done):
                if done:
                    self._passed_on(request)
                cut()
                return None
            case _:
                return answer(fault)

    def _passed_on(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        try:
            connection.request(request.method, request.target, request.body, headers)
            got = connection.getresponse()
            content = got.read()
        finally:
            connection.close()
        dropped = {*HOP_BY_HOP, "content-type"} - ({"content-length"} if request.method == "HEAD" else set())
        kept = {name: value for name, value in got.getheaders() if name.lower() not in dropped}
        return Answer(got.status, content=content, content_type=got.getheader("Content-Type", ""), headers=kept)
