"""The nation at work in a lab that is up: it revokes, publishes another list, and fails as national sources do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cryptography import x509

from vaguemestre.lab.errors import LabError
from vaguemestre.lab.guests import BirthFile, Guests
from vaguemestre.lab.listing import Line
from vaguemestre.lab.nation import CRL_FOLDER, LIST_FILE, Nation
from vaguemestre.lab.plan import WORLD_NAME
from vaguemestre.lab.process import last_words
from vaguemestre.lab.registry import Registry

Source = Literal["list", "crl", "root-crl"]
Service = Literal["web", "ocsp", "dns", "directory"]

_UNITS: dict[Service, str] = {"web": "nginx", "ocsp": "ocsp", "dns": "nsd", "directory": "annuaire"}


class Desk:
    """What is broken here stays so until `mend`, which the next `up` does too."""

    def __init__(self, nation: Nation, guests: Guests) -> None:
        self.nation = nation
        self.guests = guests
        self.note = nation.home / "world"

    @property
    def directory(self) -> Registry:
        """The national directory: what it holds, serves, and fails at."""
        return Registry(self.lay, self._do)

    def feed(self) -> None:
        """Start what was stopped and publish everything anew, unless it is what the world host has."""
        mark = self.nation.mark()
        if not self.note.exists() or self.note.read_text() != mark:
            self.lay(self.nation.files())
            self._do("systemctl", "start", *_UNITS.values())
            self._do("systemctl", "reload", "nsd", "nginx")
            if self.nation.plan.peers:
                self._do("systemctl", "restart", "peers")
            self.note.write_text(mark)

    def revoke(self, who: str | int) -> int:
        """Revoke a host's certificate, or a serial number: in the list and by OCSP at once. Returns the serial."""
        serial = who if isinstance(who, int) else self.serial(who)
        self.nation.authority.revoke(serial)
        self.lay(self.nation.lists())
        return serial

    def serial(self, host: str) -> int:
        """The serial number of the certificate that a host of the plan was given."""
        for place in (self.nation.home / "secrets" / host / "tls.pem", self.nation.home / "peers" / f"{host}.pem"):
            if place.exists():
                pem = place.read_bytes()
                return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :]).serial_number
        raise LabError(f"no certificate was issued to {host!r} in this lab")

    def publish(self, listing: bytes) -> None:
        """Serve these bytes as the white list, whatever they are."""
        self.serve("list", listing)

    def republish(self, lines: Iterable[Line] | None = None) -> bytes:
        """Serve a new list, signed and dated now, of the plan's lines or of these; returns it."""
        listing = self.nation.listing(self.nation.lines() if lines is None else lines)
        self.publish(listing)
        return listing

    def serve(self, source: Source, content: bytes) -> None:
        """Serve these bytes from a source: a firewall's page, half a list, last week's."""
        self.lay([BirthFile(self._path(source), content)])
        self.note.unlink(missing_ok=True)

    def forbid(self, source: Source) -> None:
        """Answer 403 where this source was, as a firewall does to eager clients."""
        self._do("chmod", "0", self._path(source))
        self.note.unlink(missing_ok=True)

    def stop(self, service: Service) -> None:
        """Stop what serves the list and the CRLs, the OCSP responder, or the DNS."""
        self._do("systemctl", "stop", _UNITS[service])
        self.note.unlink(missing_ok=True)

    def mend(self) -> None:
        """Start all services and publish everything anew; what the directory was told by PATCH stays."""
        self.note.unlink(missing_ok=True)
        self.directory.mend()
        self.feed()

    def lay(self, files: Iterable[BirthFile]) -> None:
        """Put files on the world host, each whole or not at all for those who read it meanwhile."""
        drafts = [BirthFile(f"{file.path}.new", file.content, file.mode) for file in files]
        self.guests.put(WORLD_NAME, drafts)
        self._do("sh", "-c", 'for draft; do mv "$draft" "${draft%.new}"; done', "sh", *(file.path for file in drafts))

    def _path(self, source: Source) -> str:
        profile = self.nation.authority.profile
        return {
            "list": LIST_FILE,
            "crl": f"{CRL_FOLDER}/{profile.file}.crl",
            "root-crl": f"{CRL_FOLDER}/{profile.root_file}.crl",
        }[source]

    def _do(self, *argv: str) -> bytes:
        done = self.guests.exec(WORLD_NAME, list(argv))
        if done.returncode:
            raise LabError(f"the lab's nation cannot `{' '.join(argv[:4])}`:\n{last_words(done)}")
        return done.stdout
