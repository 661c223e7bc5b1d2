"""Asking for a certificate: one request at a time, and the same one shown again until it is answered or given up."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from vaguemestre.host.trust.dn import DnError, key_of
from vaguemestre.pki.arrival import Chain
from vaguemestre.pki.bearer import Bearer
from vaguemestre.pki.faults import PkiError
from vaguemestre.pki.request import new_key, request
from vaguemestre.pki.shelf import Shelf, Slot


@dataclass(frozen=True)
class Asked:
    """A request; `fresh` when it was made now, `live` what it will replace, `changed` when it has become outdated."""

    csr: x509.CertificateSigningRequest
    fresh: bool
    live: Chain | None
    changed: bool = False

    @property
    def same_dn(self) -> bool | None:
        """Whether the certificate asked for will have the DN of the live one; None without one."""
        return None if self.live is None else _same(self.csr.subject, self.live.leaf.subject)


def ask(bearer: Bearer, *, bits: int = 2048, siret: bool = False, new: bool = False) -> Asked:
    """The pending request, or a new key, sealed, and its request; `new` gives up what is pending or waits.

    Raises:
        PkiError: a certificate waits to go live already, or no certificate can name the bearer.
        SecretsError: no password to seal the key with; nothing was made.
    """
    shelf = Shelf(bearer)
    with shelf.alone():
        return _asked(shelf, bits, siret, new)


def _asked(shelf: Shelf, bits: int, siret: bool, new: bool) -> Asked:
    bearer, live = shelf.bearer, shelf.chain(Slot.LIVE)
    unit = _unit(bearer, live, siret)
    if not new:
        _refuse_waiting(shelf)
        if pending := shelf.requested():
            return Asked(pending, False, live, not _same(pending.subject, bearer.subject(unit)))
    key = new_key(bits)
    csr = request(bearer, key, unit)
    shelf.ask(key, csr)
    return Asked(x509.load_pem_x509_csr(csr), True, live)


def _refuse_waiting(shelf: Shelf) -> None:
    if waiting := shelf.chain(Slot.NEXT):
        raise PkiError(
            f"{shelf.bearer.name}: its next certificate is here already, "
            f"valid until {waiting.leaf.not_valid_after_utc:%Y-%m-%d}\n"
            f"    make it live: vaguemestre pki switch {shelf.bearer.words}; or begin again: --new"
        )


def _unit(bearer: Bearer, live: Chain | None, siret: bool) -> str:
    """The OU: the SIRET's when asked for, else what the live certificate bears, so that a renewal keeps its DN."""
    one = bearer.establishment
    if siret and not one.siret:
        raise PkiError(f"{one.slug}: its SIRET is not known\n    write siret: in {one.slug}.yml, 14 digits in quotes")
    if siret:
        return f"3{one.siret}"
    borne = live.leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME) if live else []
    known = [str(unit.value) for unit in borne if unit.value in one.certificate_units]
    return known[0] if known else one.structure_id


def _same(one: x509.Name, other: x509.Name) -> bool:
    try:
        return key_of(one) == key_of(other)
    except DnError:
        return False
