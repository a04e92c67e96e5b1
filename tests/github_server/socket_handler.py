"""HTTP on a socket: reads a request, has it answered, writes the answer or resets the connection."""

import json
import socket
import struct
import sys
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.github_server.wire import Answer


@dataclass(frozen=True)
class Request:
    """A request as it came: header names in lower case, `base_url` as the caller named this server."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str


class Listener(ThreadingHTTPServer):
    """Listens, and has each request answered by `answer`, which gives None to reset the connection.

    `failed` is told of what went wrong in this server itself.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, answer: Callable[[Request], Answer | None], failed: Callable[[str], None]
    ) -> None:
        self.answer = answer
        self._failed = failed
        self.connections: set[socket.socket] = set()
        self.breaking: set[object] = set()
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service for the host's full name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def close(self) -> None:
        """Stop listening, and end the connections that clients keep open."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.connections.discard(connection)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """End a connection: in order, or with a reset where it is to break."""
        if request in self.breaking:
            self.breaking.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that goes away is no news; anything else is a mistake in this server."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self._failed("".join(traceback.format_exception(error)))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "GitHub.com"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 60

    def setup(self) -> None:
        """Remember the connection, so that closing the server can end it."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        super().finish()

    def _respond(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        chunked = headers.get("transfer-encoding") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(int(headers.get("content-length", "0")))
        reply = self.server.answer(Request(self.command, self.path, headers, body, f"http://{headers['host']}"))
        if reply is None:
            self._reset()
        else:
            self._write(reply)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _respond  # noqa: N815

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _write(self, reply: Answer) -> None:
        content = reply.content
        if content is None:
            content = b"" if reply.status == 204 else json.dumps(reply.document).encode()
        self.send_response(reply.status)
        self.send_header("X-GitHub-Request-Id", uuid.uuid4().hex[:20].upper())
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(content)))
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        # Lingering for no time at all makes closing send a reset, not an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.breaking.add(self.connection)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the server keeps its own log."""
