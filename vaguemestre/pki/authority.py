"""A certification authority for the lab and the tests, shaped like the national one; its names all begin with TEST.

Two tiers, as IGC-Santé: a root, and an issuing authority (pathlen 0) that signs certificates and revocation lists.
`OTHER` in `profiles` gives the authority that must not be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from vaguemestre.pki import making, responder
from vaguemestre.pki.keys import Issued, load_key, new_key
from vaguemestre.pki.making import LIST_SIGNER, MAIL_HOST, RESPONDER, Purpose
from vaguemestre.pki.profiles import (
    CLOCK_MARGIN,
    CRL_LIFE,
    LEAF_LIFE,
    NATIONAL,
    USAGES,
    CertificateRequest,
    Profile,
    leaf_subject,
    now,
)
from vaguemestre.pki.revoked import Revoked

__all__ = ["Authority", "CertificateRequest", "Issued"]

_FILES = ("root.key", "root.pem", "issuing.key", "issuing.pem")
Tier = Literal["issuing", "root"]


@dataclass(frozen=True)
class Authority:
    """A root and its issuing authority, with their keys and what each revoked."""

    profile: Profile
    root: Issued
    issuing: Issued
    revoked: Revoked = field(default_factory=Revoked, compare=False)
    revoked_by_root: Revoked = field(default_factory=Revoked, compare=False)

    @classmethod
    def create(cls, profile: Profile = NATIONAL) -> Self:
        """A new authority, its keys drawn now."""
        key = new_key()
        root = Issued(key, (making.root(profile, key),))
        key = new_key()
        return cls(profile, root, Issued(key, (making.issuing(profile, key.public_key(), root), root.leaf)))

    @classmethod
    def load(cls, directory: Path, profile: Profile = NATIONAL) -> Self:
        """The authority saved in `directory`; raises FileNotFoundError without one, ValueError when it is spoilt."""
        root_key, root, issuing_key, issuing = ((directory / name).read_bytes() for name in _FILES)
        above = x509.load_pem_x509_certificate(root)
        chain = (x509.load_pem_x509_certificate(issuing), above)
        issued = Issued(load_key(root_key), (above,)), Issued(load_key(issuing_key), chain)
        return cls(profile, *issued, *map(Revoked.load, _revoked_files(directory)))

    def save(self, directory: Path) -> None:
        """Write keys, certificates and what is revoked to `directory`, for its owner's eyes only; remember it there."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents = (self.root.key_pem(), self.root.leaf_pem(), self.issuing.key_pem(), self.issuing.leaf_pem())
        for name, content in zip(_FILES, contents, strict=True):
            (directory / name).touch(mode=0o600)
            (directory / name).write_bytes(content)
        for kept, file in zip((self.revoked, self.revoked_by_root), _revoked_files(directory), strict=True):
            kept.file = file
            kept.save()

    def anchors_pem(self) -> bytes:
        """The certificates that those who trust this authority install: root, then issuing."""
        return self.root.leaf_pem() + self.issuing.leaf_pem()

    def issue(
        self,
        request: CertificateRequest,
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        usages: Sequence[x509.ObjectIdentifier] = USAGES,
        subject: x509.Name | None = None,
        names: Sequence[str] | None = None,
        key: rsa.RSAPrivateKey | None = None,
    ) -> Issued:
        """A host certificate by the national profile; each keyword makes one thing differ from it."""
        key = key or new_key()
        dates = _dates(not_before, not_after)
        san = [x509.DNSName(name) for name in names or [request.host]]
        purpose = replace(MAIL_HOST, extended=tuple(usages))
        return self._issued(leaf_subject(request) if subject is None else subject, key, dates, san, purpose)

    def issue_signer(
        self,
        name: str = "alb.world.test",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        subject: x509.Name | None = None,
    ) -> Issued:
        """A signer of the white list, as the national one is made: for S/MIME, with a mail address."""
        request = CertificateRequest(name, "HEBERGEUR DE LA LISTE (TEST)", "Hauts-de-Seine (92)", "300000000000000")
        address = x509.RFC822Name(f"{name.split('.')[0]}@{name.split('.', 1)[-1]}")
        dates = _dates(not_before, not_after)
        return self._issued(
            leaf_subject(request) if subject is None else subject, new_key(), dates, [address], LIST_SIGNER
        )

    def issue_responder(self, tier: Tier = "issuing") -> Issued:
        """Who answers OCSP questions about what the issuing authority, or the root, has signed."""
        request = CertificateRequest("ocsp.world.test", "REPONDEUR OCSP (TEST)", "Paris (75)", "300000000000001")
        author, key = self._tier(tier), new_key()
        made = making.leaf(
            author, self.profile, leaf_subject(request), key.public_key(), _dates(None, None), [], RESPONDER
        )
        return Issued(key, (made, author.leaf))

    def certify(self, request: x509.CertificateSigningRequest) -> tuple[x509.Certificate, ...]:
        """The chain for a request (CSR) as it is: its subject, key and names, for servers and clients.

        Raises ValueError: its signature is wrong, or its key is not RSA.
        """
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("a request must be signed by its own RSA key")
        try:
            names = list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = []
        made = making.leaf(self.issuing, self.profile, request.subject, key, _dates(None, None), names, MAIL_HOST)
        return made, self.issuing.leaf

    def revoke(self, serial: int, when: datetime | None = None, *, tier: Tier = "issuing") -> None:
        """Revoke what the issuing authority, or the root, has signed; remembered with a saved authority."""
        (self.revoked if tier == "issuing" else self.revoked_by_root).add(serial, when or now())

    def crl(
        self, revoked: Iterable[int] = (), *, published: datetime | None = None, until: datetime | None = None
    ) -> bytes:
        """The issuing authority's revocation list, DER: what it has revoked, and these serial numbers."""
        return _list(self.issuing, self.revoked, revoked, published, until)

    def root_crl(
        self, revoked: Iterable[int] = (), *, published: datetime | None = None, until: datetime | None = None
    ) -> bytes:
        """The root's revocation list, DER, on authorities."""
        return _list(self.root, self.revoked_by_root, revoked, published, until)

    def ocsp_answer(self, question: bytes, *, at: datetime | None = None) -> bytes:
        """The answer, DER, of this authority's responder."""
        known = (self.revoked.known, self.revoked_by_root.known)
        return responder.answer(question, dict(zip(self._voices, known, strict=True)), at or now())

    @cached_property
    def _voices(self) -> tuple[responder.Voice, ...]:
        made = (self.issue_responder("issuing"), self.issue_responder("root"))
        return tuple(responder.Voice(one.chain[1], one.leaf, one.key) for one in made)

    def _tier(self, tier: Tier) -> Issued:
        return self.issuing if tier == "issuing" else self.root

    def _issued(
        self,
        subject: x509.Name,
        key: rsa.RSAPrivateKey,
        dates: tuple[datetime, datetime],
        names: Sequence[x509.GeneralName],
        purpose: Purpose,
    ) -> Issued:
        made = making.leaf(self.issuing, self.profile, subject, key.public_key(), dates, names, purpose)
        return Issued(key, (made, self.issuing.leaf))


def _revoked_files(directory: Path) -> tuple[Path, Path]:
    return directory / "issuing.revoked", directory / "root.revoked"


def _dates(begins: datetime | None, ends: datetime | None) -> tuple[datetime, datetime]:
    begins = begins or now() - CLOCK_MARGIN
    return begins, ends or begins + LEAF_LIFE


def _list(
    author: Issued, known: Revoked, more: Iterable[int], published: datetime | None, until: datetime | None
) -> bytes:
    begins = published or now() - CLOCK_MARGIN
    revoked = {**dict.fromkeys(more, begins), **known.known}
    return making.revocation_list(author, revoked, begins, until or begins + CRL_LIFE)
