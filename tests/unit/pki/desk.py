"""An administrator's desk: an inventory with an operator, its store of secrets, and the authority that answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from unit.declared import HOSTED, OPERATOR, write

from vaguemestre.establishment import Fleet
from vaguemestre.host.trust.dn import key_of
from vaguemestre.inventory import read
from vaguemestre.pki import arrival, bearer
from vaguemestre.pki.admission import Admitted, Terms, admit, switch
from vaguemestre.pki.asking import Asked, ask
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.bearer import Bearer
from vaguemestre.pki.fleet import anchors
from vaguemestre.pki.keys import new_key
from vaguemestre.pki.listed import Held, Pairs, domains
from vaguemestre.pki.profiles import now
from vaguemestre.pki.shelf import Shelf

HOST = "mail.pasteur.mssante.test"
DOMAINS = ("pasteur.mssante.test", "tilleuls.mssante.test")
REQUEST = CertificateRequest(HOST, "Clinique Pasteur", "Eure (27)", "1270000999")
NOBODY = Pairs(frozenset())


@cache
def key(number: int) -> RSAPrivateKey:
    """Keys take long to draw; tests share a few."""
    return new_key()


@cache
def authority() -> Authority:
    return Authority.create()


@cache
def _fleet(root: Path, _texts: tuple[str, ...]) -> Fleet:
    return read(root)


@dataclass(frozen=True)
class Desk:
    """The inventory `root`: Clinique Pasteur, operator with one host, which also serves Les Tilleuls."""

    root: Path

    @property
    def fleet(self) -> Fleet:
        return _fleet(self.root, tuple(file.read_text() for file in sorted(self.root.glob("*.yml"))))

    @property
    def host(self) -> Bearer:
        return bearer.server(self.fleet, HOST)

    @property
    def program(self) -> Bearer:
        return bearer.client(self.fleet, "dpi", "pasteur")

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.host)

    @property
    def folder(self) -> Path:
        return self.root / "secrets" / HOST

    def ask(self, **options: Any) -> Asked:
        return ask(self.host, **options)

    def issue(self, **differences: Any) -> Issued:
        """A certificate for the host with a key of its own."""
        return authority().issue(REQUEST, key=differences.pop("key", key(1)), **differences)

    def install(self, issued: Issued) -> None:
        """As administrators did before: key and chain put into the store by hand, in clear."""
        self.host.store.write(HOST, "tls.key", issued.key_pem())
        self.host.store.write(HOST, "tls.pem", issued.chain_pem())

    def terms(self, held: Held | None = NOBODY, *, at: datetime | None = None, anyway: bool = False) -> Terms:
        one = self.fleet.establishments[0]
        served = domains(self.fleet.served_by(self.host.establishment))
        return Terms(anchors(self.fleet, one), served, lambda: held, at or now(), anyway)

    def admit(
        self, *files: bytes, held: Held | None = NOBODY, passphrase: bytes | None = None, new: bool = False, **more: Any
    ) -> Admitted:
        arrived = arrival.read([(f"file{number}", one) for number, one in enumerate(files)], passphrase)
        return admit(more.pop("bearer", self.host), arrived, self.terms(held, **more), replace=new)

    def switch(self, held: Held | None = NOBODY, **more: Any) -> Admitted:
        return switch(self.host, self.terms(held, **more))

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the inventory and its content."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


def listed(subject: x509.Name, *names: str) -> Pairs:
    """A white list that names this subject for these domains, all of the operator's without any."""
    return Pairs(frozenset((name, key_of(subject)) for name in names or DOMAINS))


def prepared(root: Path) -> Desk:
    write(root, pasteur=OPERATOR, tilleuls=HOSTED)
    (root / "trust" / "national.pem").write_bytes(authority().anchors_pem())
    return Desk(root)
