"""A real HTTP or HTTPS server on 127.0.0.1 that answers what a test tells it to, well or badly."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from vaguemestre.pki.authority import Authority, CertificateRequest

Raw = Callable[[socket.socket], None]


@dataclass
class Page:
    """An answer; `raw` writes to the socket by itself, as broken servers do."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: Raw | None = None
    etag: str = ""


@dataclass
class Source:
    """`pages` by path may be changed at any time; `asked` holds path and headers of each request."""

    port: int
    scheme: str
    pages: dict[str, Page]
    asked: list[tuple[str, dict[str, str]]]

    def url(self, path: str = "/file") -> str:
        return f"{self.scheme}://localhost:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    source: Source

    def do_GET(self) -> None:
        self.source.asked.append((self.path, dict(self.headers)))
        page = self.source.pages.get(self.path, Page(status=404))
        if page.raw:
            with suppress(OSError):
                page.raw(self.connection)
            self.close_connection = True
            return
        fresh = page.etag and self.headers.get("If-None-Match") == page.etag
        self.send_response_only(304 if fresh else page.status)
        body = b"" if fresh else page.body
        told = {"Date": formatdate(usegmt=True), "Content-Length": str(len(body)), "Connection": "close"}
        tag = {"ETag": page.etag} if page.etag else {}
        for name, value in {**told, **tag, **page.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # who has read enough hangs up
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(
    authority: Authority | None = None, folder: Path | None = None, host: str = "localhost"
) -> Iterator[Source]:
    """A server for the time of the block; with an authority it speaks TLS, with a certificate for `host`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    server.daemon_threads = True
    server.handle_error = lambda request, client: None  # type: ignore[method-assign]  # hang-ups are what is tested
    if authority and folder:
        server.socket = _tls(authority, folder, host).wrap_socket(server.socket, server_side=True)
    source = Source(server.server_port, "https" if authority else "http", {}, [])
    server.RequestHandlerClass.source = source  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _tls(authority: Authority, folder: Path, host: str) -> ssl.SSLContext:
    issued = authority.issue(CertificateRequest(host, "SOURCE ESSAI", "Eure (27)", "1270000999"))
    pem = folder / "source.pem"
    pem.write_bytes(issued.key_pem() + issued.chain_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
