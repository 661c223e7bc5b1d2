"""What the nation publishes in a lab: the signed white list, the revocation lists, and what OCSP answers from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from vaguemestre.lab import peers, registry
from vaguemestre.lab.certificates import ensure_issued, subjects
from vaguemestre.lab.guests import BirthFile
from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import DIRECTORY_HOST, FHIR_HOST, LIST_HOST, SIGNER, Plan
from vaguemestre.lab.zone import Zone
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.profiles import now
from vaguemestre.pki.revoked import Revoked

LIST_FILE = "/srv/list/listeblanchemssante.xml"
CRL_FOLDER = "/srv/nation/CRL"
_SITE = CertificateRequest(LIST_HOST, "AGENCE NATIONALE (TEST)", "Paris (75)", "300000000000002")
_DIRECTORY = CertificateRequest(DIRECTORY_HOST, "AGENCE NATIONALE (TEST)", "Paris (75)", "300000000000002")


@dataclass(frozen=True)
class Nation:
    """The nation's side of one instance: `plan` as it is built, `home` its state directory."""

    plan: Plan
    authority: Authority
    home: Path

    @property
    def folder(self) -> Path:
        """Where the nation's own keys and what it remembers are kept."""
        return self.home / "nation"

    def lines(self) -> tuple[Line, ...]:
        """The white list's: each mail domain with the certificates of its MX hosts, then what the plan lists."""
        return (*self._own(), *(Line(one.domain, one.dn, one.description) for one in self.plan.listed))

    def mark(self) -> str:
        """Changes when there is something else to publish: at the latest every day, for lists have an end."""
        authority = self.authority
        revoked = (f"{serial:x}" for known in (authority.revoked, authority.revoked_by_root) for serial in known.known)
        today = datetime.now(UTC).date().isoformat()
        parts = (Zone.of(self.plan).text(), repr(self.lines()), str(authority.issuing.leaf.serial_number), today)
        return short_hash(*parts, *revoked, self.provided().digest, registry.mark(self.plan))

    def files(self) -> tuple[BirthFile, ...]:
        """All that the world host publishes, made now."""
        return (
            BirthFile("/etc/nsd/lab.zone", Zone.of(self.plan).text().encode()),
            BirthFile(LIST_FILE, self.listing(self.lines())),
            *self.lists(),
            *self._certificates(),
            *self.provided().files,
            *registry.data(self.plan),
        )

    def listing(self, lines: Iterable[Line]) -> bytes:
        """A white list of these lines, signed, dated later than any made before."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        kept = self.folder / "generated"
        last = datetime.fromisoformat(kept.read_text()) if kept.exists() else None
        generated = now() if last is None else max(now(), last + timedelta(seconds=1))
        kept.write_text(generated.isoformat())
        return sign(compose(lines, generated), self.signer())

    def signer(self) -> Issued:
        """Who signs the list."""
        return self._issued("signer", self.authority.issuing.leaf, lambda: self.authority.issue_signer(SIGNER))

    def lists(self) -> tuple[BirthFile, ...]:
        """What says who is revoked: both revocation lists, and what the OCSP responder knows."""
        authority, profile = self.authority, self.authority.profile
        return (
            BirthFile(f"{CRL_FOLDER}/{profile.file}.crl", authority.crl()),
            BirthFile(f"{CRL_FOLDER}/{profile.root_file}.crl", authority.root_crl()),
            BirthFile("/srv/ocsp/issuing/revoked.json", _json(authority.revoked)),
            BirthFile("/srv/ocsp/root/revoked.json", _json(authority.revoked_by_root)),
        )

    def provided(self) -> peers.Provided:
        """What the plan's peers need."""
        return peers.provide(self.plan, self.authority, self.home / "peers")

    def _own(self) -> Iterator[Line]:
        secrets = self.home / "secrets"
        known = {request.host: subjects(self.authority, request, secrets) for request in self.plan.certificates}
        for domain in self.plan.domains:
            hosts = dict.fromkeys((*domain.mx, *domain.senders))
            yield from (Line(domain.domain, dn) for host in hosts for dn in known.get(host, ()))

    def _certificates(self) -> Iterator[BirthFile]:
        authority, profile = self.authority, self.authority.profile
        site = self._issued("site", authority.issuing.leaf, self._new_site)
        yield BirthFile("/etc/nginx/site.pem", site.chain_pem())
        yield BirthFile("/etc/nginx/site.key", site.key_pem(), 0o600)
        directory = self._issued("directory", authority.issuing.leaf, self._new_directory)
        yield BirthFile("/etc/nginx/directory.pem", directory.chain_pem())
        yield BirthFile("/etc/nginx/directory.key", directory.key_pem(), 0o600)
        yield BirthFile(f"/srv/nation/AC/{profile.file}.cer", authority.issuing.leaf_der())
        yield BirthFile(f"/srv/nation/AC/{profile.root_file}.cer", authority.root.leaf_der())
        for name, author, new in (
            ("issuing", authority.issuing, lambda: authority.issue_responder("issuing")),
            ("root", authority.root, lambda: authority.issue_responder("root")),
        ):
            responder = self._issued(f"ocsp-{name}", author.leaf, new)
            yield BirthFile(f"/srv/ocsp/{name}/authority.pem", author.leaf_pem())
            yield BirthFile(f"/srv/ocsp/{name}/responder.pem", responder.leaf_pem())
            yield BirthFile(f"/srv/ocsp/{name}/responder.key", responder.key_pem(), 0o600)

    def _new_site(self) -> Issued:
        return self.authority.issue(_SITE, usages=[ExtendedKeyUsageOID.SERVER_AUTH])

    def _new_directory(self) -> Issued:
        names = (DIRECTORY_HOST, FHIR_HOST)
        return self.authority.issue(_DIRECTORY, usages=[ExtendedKeyUsageOID.SERVER_AUTH], names=names)

    def _issued(self, name: str, issuer: x509.Certificate, make: Callable[[], Issued]) -> Issued:
        return ensure_issued(self.folder, name, issuer, make)


def _json(revoked: Revoked) -> bytes:
    return json.dumps({f"{serial:x}": when.isoformat() for serial, when in sorted(revoked.known.items())}).encode()
