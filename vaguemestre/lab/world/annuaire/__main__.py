"""Serves both on 127.0.0.1 over HTTP; nginx adds TLS. Each request leaves a line in record.jsonl.

Usage: python3 -m vaguemestre.lab.world.annuaire PORT FOLDER [CALLS] (port 0: any; the port is printed; calls a second)
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vaguemestre.lab.world.annuaire import edition, interface
from vaguemestre.lab.world.annuaire.faults import PAGE, Faults
from vaguemestre.lab.world.annuaire.interface import Interface, spoiled
from vaguemestre.lab.world.annuaire.register import Register

_LONGEST = 1 << 20  # octets of a request's body
_CHUNK = 1 << 12
_ONE = threading.Lock()


class Door(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    folder: Path
    register: Register
    interface: Interface
    faults: Faults

    def do_GET(self) -> None:
        """http.server's hook."""
        self._serve()

    do_HEAD = do_PATCH = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: record.jsonl has it."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST))
        if parts.path == edition.PATH:
            self._extraction()
        elif parts.path.startswith(f"{interface.PATH}/"):
            self._fhir(parts.path.removeprefix(f"{interface.PATH}/"), parts.query, body)
        else:
            self._send(404, b"", {})

    def _extraction(self) -> None:
        faults = self.faults.of("extraction")
        if self._failed(faults):
            return
        with _ONE:
            self.register.refresh()
            made = edition.edition(self.register, self.folder, faults)
        named = {"Content-Type": "application/zip", "Content-Disposition": f"attachment; filename={made.name}"}
        self._send(200, made.content, named, faults)

    def _fhir(self, path: str, query: str, body: bytes) -> None:
        faults = self.faults.of("fhir")
        if self._failed(faults):
            return
        base = f"{self.headers.get('X-Forwarded-Proto', 'http')}://{self.headers.get('Host', '')}{interface.PATH}"
        found = self.interface.answer(self.command, base, path, query, self.headers, body)  # type: ignore[arg-type]
        found = spoiled(found, faults) if found.status == 200 else found
        headers = {"Content-Type": "application/fhir+json;charset=UTF-8", **found.headers}
        self._send(found.status, json.dumps(found.body, ensure_ascii=False).encode(), headers, faults)

    def _failed(self, faults: dict[str, Any]) -> bool:
        """Whether the answer is a fault and nothing else."""
        time.sleep(faults.get("wait", 0))
        if "status" in faults:
            told = {"Retry-After": str(faults["retry_after"])} if "retry_after" in faults else {}
            self._send(faults["status"], b"", told)
        elif faults.get("html"):
            self._send(200, PAGE, {"Content-Type": "text/html"}, faults)
        return "status" in faults or bool(faults.get("html"))

    def _send(self, status: int, body: bytes, headers: dict[str, str], faults: dict[str, Any] | None = None) -> None:
        faults = faults or {}
        self._note(status, len(body))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = body[: int(len(body) * faults["broken"])] if "broken" in faults else body
        pace = faults.get("pace", 0)
        step = min(_CHUNK, max(1, pace // 4)) if pace else len(sent) or 1
        for first in range(0, len(sent), step):
            self.wfile.write(sent[first : first + step])
            time.sleep(step / pace if pace else 0)
        self.close_connection = self.close_connection or "broken" in faults

    def _note(self, status: int, size: int) -> None:
        told = {"time": round(time.time(), 3), "verb": self.command, "path": self.path, "status": status, "size": size}
        with _ONE, (self.folder / "record.jsonl").open("a") as record:
            record.write(json.dumps(told) + "\n")


def main(port: int, folder: Path, calls: int = interface.CALLS) -> None:
    """Serve until killed."""
    register = Register(folder)
    register.refresh()
    Door.folder, Door.register, Door.faults = folder, register, Faults(folder / "faults.json")
    Door.interface = Interface(register, json.loads((folder / "keys.json").read_text()), calls)
    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
