"""The certificates a lab's hosts need, from its own test authority; what is still valid is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.keys import load_key
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
    kept = _kept(home, "tls", authority.issuing.leaf)
    if kept is not None and _serves(kept.leaf, authority, request):
        return False
    _save(home, "tls", authority.issue(request))
    return True


def _serves(leaf: x509.Certificate, authority: Authority, request: CertificateRequest) -> bool:
    return leaf.subject == leaf_subject(request) and leaf.serial_number not in authority.revoked.known


def ensure_issued(directory: Path, name: str, issuer: x509.Certificate, make: Callable[[], Issued]) -> Issued:
    """The credentials `name`.key and `name`.pem of `directory`, made anew when they no longer serve."""
    kept = _kept(directory, name, issuer)
    if kept is None:
        kept = make()
        _save(directory, name, kept)
    return kept


def _save(home: Path, name: str, issued: Issued) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, content in (("key", issued.key_pem()), ("pem", issued.chain_pem())):
        (home / f"{name}.{suffix}").touch(mode=0o600)
        (home / f"{name}.{suffix}").write_bytes(content)


def _kept(home: Path, name: str, issuer: x509.Certificate) -> Issued | None:
    """What is there, when it is whole, in date and of this issuer."""
    try:
        chain = tuple(x509.load_pem_x509_certificates((home / f"{name}.pem").read_bytes()))
        issued = Issued(load_key((home / f"{name}.key").read_bytes()), chain)
        issued.leaf.verify_directly_issued_by(issuer)
    except Exception:
        return None
    return issued if issued.leaf.not_valid_before_utc <= now() < issued.leaf.not_valid_after_utc else None
