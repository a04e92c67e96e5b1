"""A GitHub Enterprise Server behind a company's proxy: TLS by an authority of its own, and names that only the proxy knows."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Authority:
    """An authority that signs certificates for names; `certificate` is its own, in PEM. By OpenSSL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=The company",
                      "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip

    def context(self, name: str) -> ssl.SSLContext:
        """What a server of this name needs."""
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


def as_enterprise(content: bytes, name: str) -> bytes:
    """An answer of the test server's, with addresses as an Enterprise Server has them."""
    content = content.replace(b"http://%s/repos/" % name.encode(), b"https://%s/api/v3/repos/" % name.encode())
    return content.replace(b"http://%s/" % name.encode(), b"https://%s/" % name.encode())


class QuietServer(ThreadingHTTPServer):
    """A client that does not trust this server goes away, which is no news."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def over_tls(target: str, context: ssl.SSLContext, *, host: str = "") -> Iterator[int]:
    """A server that speaks TLS, and passes everything on to `target`, as asked of `host` if that is given; its port."""
    parts = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._body()
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers |= {"Host": host} if host else {}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if "json" in answer.getheader("Content-Type", ""):
                content = as_enterprise(content, self.headers["Host"])
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names that http.server looks for

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _chunks(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with QuietServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


class Proxy:
    """A proxy that knows `names`, by the ports of this machine that they are on, and no others; `asked` are the names asked for."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                name = self.path.rpartition(":")[0]
                proxy.asked.append(name)
                if name not in names:
                    self.send_error(502, "No such host")
                    return
                with socket.create_connection(("127.0.0.1", names[name]), timeout=60) as there:
                    self.send_response(200, "Connection established")
                    self.end_headers()
                    _relay(self.connection, there)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        """What HTTPS_PROXY is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes between the two until one of them ends."""
    with suppress(OSError):
        while True:
            ready, _, _ = select.select([one, other], [], [], 60)
            if not ready:
                return
            for each in ready:
                data = each.recv(65536)
                if not data:
                    return
                (other if each is one else one).sendall(data)
