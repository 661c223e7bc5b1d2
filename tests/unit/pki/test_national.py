"""The national certificates that a new inventory gets are the national ones."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from vaguemestre.inventory.beginning import NATIONAL

# SHA-256 of ACI-EL-ORG.cer and ACR-EL.cer.
PUBLISHED = [
    "d834ee5b40686b73573f60547bf6052c6d404d942a5665cdb2c0b9137b5d27b2",
    "2d9e22ca19f777c6b745257c723ecb8df3c35fa6f1f6ec36b83600c97346967f",
]


def test_the_shipped_certificates_have_the_published_fingerprints() -> None:
    shipped = x509.load_pem_x509_certificates(NATIONAL.read_bytes())
    assert [one.fingerprint(hashes.SHA256()).hex() for one in shipped] == PUBLISHED


def test_the_one_is_issued_by_the_other() -> None:
    issuing, root = x509.load_pem_x509_certificates(NATIONAL.read_bytes())
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
