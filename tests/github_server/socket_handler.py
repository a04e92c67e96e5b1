"""HTTP on a socket: reads a request, has it answered, writes the answer or resets the connection."""

import json
import socket
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from tests.github_server.wire import Answer


@dataclass(frozen=True)
class Request:
    """A request as it came: header names in lower case, `base_url` as the caller named this server."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str


class Handler(BaseHTTPRequestHandler):
    """One connection. The server object carries the function `answer`."""

    protocol_version = "HTTP/1.1"
    server_version = "GitHub.com"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 60

    def _respond(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        host = headers.get("host", "%s:%d" % self.server.server_address[:2])
        answer: Callable[[Request], Answer | None] = self.server.answer  # type: ignore[attr-defined]
        reply = answer(Request(self.command, self.path, headers, body, f"http://{host}"))
        if reply is None:
            self._reset()
        else:
            self._write(reply)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _respond

    def _write(self, reply: Answer) -> None:
        content = reply.content
        if content is None:
            content = b"" if reply.status == 204 else json.dumps(reply.document).encode()
        self.send_response(reply.status)
        self.send_header("X-GitHub-Request-Id", uuid.uuid4().hex[:20].upper())
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        # Lingering for no time at all makes closing send a reset, not an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        self.wfile.flush = lambda: None  # type: ignore[method-assign]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the server keeps its own log."""
