"""A real HTTP or HTTPS server on 127.0.0.1 that publishes a file as the nation does, or badly, as a test wants it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from vaguemestre.pki.authority import Authority, CertificateRequest

PATH = "/extraction"


@dataclass
class Published:
    """What is answered, and what was asked: the method and the header Range of each request.

    `cut` ends the answer after so many octets, `pause` waits between pieces, `ranges` gives parts.
    """

    body: bytes = b""
    name: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    ranges: bool = True
    head: bool = True
    cut: int | None = None
    pause: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}{PATH}"

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Published

    def do_HEAD(self) -> None:
        if not self.site.head:
            self.site.asked.append(("HEAD", ""))
            return self._head(405, 0, {})
        return self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.site.body)

    def _answer(self, body: bytes) -> None:
        site = self.site
        wanted = self.headers.get("Range", "")
        site.asked.append((self.command, wanted))
        told = {"Content-Disposition": f"attachment; filename={site.name}"} if site.name else {}
        told |= {"ETag": site.etag} if site.etag else {}
        first, status, size = 0, site.status, len(site.body)
        if wanted and site.ranges and self.headers.get("If-Range") == site.etag:
            first, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            told["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
        self._head(status, size - first, {**told, **site.headers})
        with suppress(OSError):
            self._write(body[first:])

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(length), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def _write(self, body: bytes) -> None:
        site = self.site
        body = body if site.cut is None else body[: site.cut]
        for first in range(0, len(body), 1 << 14):
            self.wfile.write(body[first : first + (1 << 14)])
            if site.pause:
                self.wfile.flush()
                time.sleep(site.pause)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def publishing(folder: Path, authority: Authority | None = None) -> Iterator[Published]:
    """The server for the time of the block; with an authority it speaks TLS, with a certificate for localhost."""
    site = Published()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    server.daemon_threads = True
    server.handle_error = lambda request, client: None  # type: ignore[method-assign]  # hang-ups are what is tested
    if authority:
        site.scheme = "https"
        server.socket = _tls(authority, folder).wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _tls(authority: Authority, folder: Path) -> ssl.SSLContext:
    issued = authority.issue(CertificateRequest("localhost", "ANNUAIRE ESSAI", "Eure (27)", "1270000999"))
    pem = folder / "server.pem"
    pem.write_bytes(issued.key_pem() + issued.chain_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
