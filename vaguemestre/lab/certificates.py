"""The certificates a lab's hosts need, from its own test authority; what is still valid is kept."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from vaguemestre.pki.authority import Authority, CertificateRequest
from vaguemestre.pki.profiles import leaf_subject, now


def ensure_authority(directory: Path) -> Authority:
    """The instance's authority, made when it is missing."""
    try:
        return Authority.load(directory)
    except FileNotFoundError:
        authority = Authority.create()
        authority.save(directory)
        return authority


def ensure_certificate(authority: Authority, request: CertificateRequest, secrets: Path) -> bool:
    """Write `tls.key` and `tls.pem` (leaf, issuing authority) for a host; False when those there still serve."""
    home = secrets / request.host
    if _serves(home / "tls.pem", authority, request) and (home / "tls.key").exists():
        return False
    issued = authority.issue(request)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in (("tls.key", issued.key_pem()), ("tls.pem", issued.chain_pem())):
        (home / name).touch(mode=0o600)
        (home / name).write_bytes(content)
    return True


def _serves(path: Path, authority: Authority, request: CertificateRequest) -> bool:
    if not path.exists():
        return False
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    dates = leaf.not_valid_before_utc <= now() < leaf.not_valid_after_utc
    issuer = authority.issuing.leaf
    try:
        leaf.verify_directly_issued_by(issuer)
    except Exception:
        return False
    return dates and leaf.subject == leaf_subject(request)
