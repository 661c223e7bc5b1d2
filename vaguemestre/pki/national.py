"""The national authorities, known by their fingerprints: an altered file of anchors builds no release."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from vaguemestre.errors import Exit, VaguemestreError

BUNDLE = Path(__file__).with_name("igc-sante.pem")
"""IGC-Santé, gamme Élémentaire, domaine Organisations: the issuing authority and its root, PEM."""

PINS = {
    "2d9e22ca19f777c6b745257c723ecb8df3c35fa6f1f6ec36b83600c97346967f": "AC RACINE IGC-SANTE ELEMENTAIRE",
    "d834ee5b40686b73573f60547bf6052c6d404d942a5665cdb2c0b9137b5d27b2": "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS",
}
"""SHA-256 of ACR-EL.cer and ACI-EL-ORG.cer as published on igc-sante.esante.gouv.fr."""


class PinError(VaguemestreError):
    """The anchors are not the nation's."""

    exit_code = Exit.INVALID


def check_pins(anchors: bytes | str, authority: str = "national", *, source: str = "trust.anchors") -> None:
    """Nothing, when `anchors` (PEM) are the national authorities, all of them and nobody else.

    `authority` is `trust.authority` of the inventory: "test" lets any authority pass. Raises PinError, naming `source`
    and who is strange or missing.
    """
    try:
        found = x509.load_pem_x509_certificates(anchors.encode() if isinstance(anchors, str) else anchors)
        prints = {one.fingerprint(hashes.SHA256()).hex(): one.subject.rfc4514_string() for one in found}
    except ValueError as error:
        raise PinError(f"{source}: no readable PEM certificates: {error}") from error
    faults = [] if authority == "test" else _faults(prints)
    if faults:
        raise PinError("\n    ".join([f"{source}: not the nation's authorities", *faults]))


def _faults(prints: dict[str, str]) -> list[str]:
    strange = [f"{name} (SHA-256 {digest[:16]}...) is none of the nation's" for digest, name in prints.items()]
    faults = [text for digest, text in zip(prints, strange, strict=True) if digest not in PINS]
    faults += [f"{name} is missing" for digest, name in PINS.items() if digest not in prints]
    way_out = f"the kit ships them: {BUNDLE}; only a rehearsal has others, with trust.authority: test"
    return [*faults, way_out] if faults else []
