"""What a report stands on: the last records, and from the hosts their releases and the signer's certificate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from cryptography import x509

from vaguemestre.engines.targets import refuse_unknown
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet
from vaguemestre.reports.page import Subject
from vaguemestre.reports.signature import Signed
from vaguemestre.reports.signer import signer
from vaguemestre.reports.standing import Seen
from vaguemestre.verbs.signing import Pen
from vaguemestre.verify import keeping, kept
from vaguemestre.verify.site import Site, sites


class ReportError(VaguemestreError):
    """There is nothing that a report could be about, or its signer is not the one that was meant."""

    exit_code = Exit.INVALID


def site(fleet: Fleet, slug: str) -> Site:
    """The establishment with this slug and the host that carries its mail.

    Raises:
        SelectionError: no establishment is called so.
        ReportError: it has no mail here.
    """
    refuse_unknown(fleet, [slug])
    found = next((one for one in sites(fleet) if one.establishment.slug == slug), None)
    if found is None:
        known = ", ".join(one.establishment.slug for one in sites(fleet))
        raise ReportError(f"{slug}: no establishment with mail on a host of this inventory\n    there are: {known}")
    return found


def subject(fleet: Fleet, one: Site, pen: Pen | None) -> Subject:
    """The establishment with its last whole verification and trust audit; hosts are asked only when it is to be signed.

    Raises:
        SigningError: the host that signs is away or cannot sign.
        RecordsError: a record is damaged.
    """
    return Subject(
        establishment=one.establishment,
        operator=one.operator,
        seen=Seen(kept.last(fleet, one.establishment.slug), _audit(fleet, one)),
        now_live={name: seen.release for name, seen in keeping.live(fleet, [one]).items()} if pen else {},
        signer=signer(_leaf(pen)) if pen else None,
        at=datetime.now(UTC).replace(microsecond=0),
        kit=version("vaguemestre"),
    )


def bearer(fleet: Fleet, signed: Signed) -> Sequence[Establishment]:
    """Whom the host that signed serves, its own establishment first; nobody when it is no host of this inventory."""
    for establishment, host in fleet.hosts():
        if signed.signer.name == host.name and set(signed.signer.units) & set(establishment.certificate_units):
            return fleet.served_by(establishment)
    return ()


def signs(fleet: Fleet, signed: Signed, slug: str | None) -> tuple[Establishment, ...]:
    """Whom the host that signed serves.

    Raises:
        ReportError: it is no host of this inventory, or not one that serves the establishment `slug`.
    """
    served = tuple(bearer(fleet, signed))
    if not served:
        raise ReportError(
            f"signed by {signed.signer.subject}\n    the signature is good, but that is no host of this inventory"
        )
    if slug and slug not in {one.slug for one in served}:
        raise ReportError(f"signed by {signed.signer.name}, which does not serve {slug}")
    return served


def _audit(fleet: Fleet, one: Site) -> kept.Verification | None:
    """Its own, or that of the operator whose hosts serve it."""
    own = kept.last(fleet, one.establishment.slug, "trust-audit")
    return own or kept.last(fleet, one.operator.slug, "trust-audit")


def _leaf(pen: Pen) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pen.chain())[0]
