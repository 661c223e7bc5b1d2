"""The OCSP responder of the lab's nation, over HTTP (RFC 6960, appendix A.1), POST only.

Each folder below FOLDER is an authority: authority.pem, responder.pem, responder.key, and revoked.json, serial numbers
in hexadecimal with the time they were revoked at. They are read again for each question: what was revoked a moment ago
is revoked. Runs on the world host, from Debian's packages only.
Usage: ocsp.py PORT FOLDER
"""

import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from responder import Voice, answer  # type: ignore[import-not-found]  # vaguemestre/pki/responder.py, beside this file

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
LONGEST = 10_000


def known() -> dict[Voice, dict[int, datetime]]:
    """Who answers for whom, and what was revoked until now."""
    return {_voice(place): _revoked(place / "revoked.json") for place in FOLDER.iterdir()}


def _voice(place: Path) -> Voice:
    authority, certificate = (
        x509.load_pem_x509_certificate((place / name).read_bytes()) for name in ("authority.pem", "responder.pem")
    )
    return Voice(authority, certificate, load_pem_private_key((place / "responder.key").read_bytes(), None))


def _revoked(file: Path) -> dict[int, datetime]:
    return {int(serial, 16): datetime.fromisoformat(when) for serial, when in json.loads(file.read_text()).items()}


class Door(BaseHTTPRequestHandler):
    """One question, one answer."""

    def do_POST(self) -> None:
        """Answer, whatever was asked (http.server's hook)."""
        question = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST))
        content = answer(question, known(), datetime.now(UTC))
        self.send_response(200)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


ThreadingHTTPServer(("127.0.0.1", PORT), Door).serve_forever()
