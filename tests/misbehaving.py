"""A server in front of a real one that has a bad hour: it forwards each request, until it is told what to do with one.

with Misbehaving(mlflow) as server:
    server.on("*/runs/log-batch", answer(507, "Insufficient Storage"))
"""

from __future__ import annotations

import fnmatch
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar, Self
from urllib.parse import urlsplit

Act = Callable[["Handler"], bool]
"""Does something to a request; whether that was its answer, else it is forwarded."""

_HOP = {"connection", "transfer-encoding", "content-length", "server", "date", "keep-alive"}


@dataclass
class Rule:
    """For requests whose path matches, after letting `skip` of them pass."""

    pattern: str
    act: Act
    skip: int = 0
    seen: int = 0


@dataclass
class Misbehaving:
    """The server, on a port of its own; `paths` are those of all requests so far."""

    target: str = ""
    rules: list[Rule] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def on(self, pattern: str, act: Act, skip: int = 0) -> None:
        """From now on `act` on what matches the pattern."""
        self.rules.append(Rule(pattern, act, skip))

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address, with the login of the real server, if that has one."""
        login, at, _ = urlsplit(self.target).netloc.rpartition("@")
        return self.address.replace("//", f"//{login}{at}")

    def close(self) -> None:
        """Refuse all connections from now on."""
        if not self.over.is_set():
            self.over.set()
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> Self:
        owner: Misbehaving = self

        class Bound(Handler):
            misbehaving = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    misbehaving: ClassVar[Misbehaving]
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """As the standard library does, but that a client which has gone is no news."""
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.misbehaving.paths.append(path)
        for rule in self.misbehaving.rules:
            if fnmatch.fnmatchcase(path, rule.pattern):
                rule.seen += 1
                if rule.seen > rule.skip and rule.act(self):
                    return
        self._forward()

    def _forward(self) -> None:
        target = urlsplit(self.misbehaving.target)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with closing(HTTPConnection(target.hostname or "", target.port, timeout=60)) as connection:
            connection.request(
                self.command, self.path, self.body, {**headers, "Host": f"{target.hostname}:{target.port}"}
            )
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            self.say(answer.status, answer.read(), kept)

    def say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


def answer(status: int, body: str = "", kind: str = "text/plain", **headers: str) -> Act:
    """Say just this."""

    def act(request: Handler) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request.say(status, body.encode(), {"Content-Type": kind, **named})
        return True

    return act


def silence(request: Handler) -> bool:
    """Never answer."""
    request.misbehaving.over.wait(120)
    request.close_connection = True
    return True


def slow(seconds: float) -> Act:
    """The right answer, after so many seconds."""

    def act(_: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act


def reset(request: Handler) -> bool:
    """Reset the connection."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
    request.close_connection = True
    return True


def cut(request: Handler) -> bool:
    """Promise a megabyte, give a tenth of it, and go away."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    request.wfile.write(b"x" * 100_000)
    request.wfile.flush()
    return reset(request)


def gone(request: Handler) -> bool:
    """From now on nobody is there."""
    reset(request)
    Thread(target=request.misbehaving.close, daemon=True).start()
    return True


def redirect(request: Handler) -> bool:
    """To the same place, for ever."""
    request.say(307, b"", {"Location": request.path})
    return True
