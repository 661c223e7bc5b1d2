"""The certificates a lab's hosts need, from its own test authority; what is still valid is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.keys import load_key
from vaguemestre.pki.profiles import leaf_subject, now
from vaguemestre.secrets import Secrets


def ensure_authority(directory: Path) -> Authority:
    """The instance's authority, made when it is missing."""
    try:
        return Authority.load(directory)
    except FileNotFoundError:
        authority = Authority.create()
        authority.save(directory)
        return authority


def ensure_certificate(authority: Authority, request: CertificateRequest, secrets: Path) -> bool:
    """Write `tls.key` and `tls.pem` (leaf, issuing authority) for a host; False when those there still serve.

    Where an administrator sealed the key, the pair is theirs as long as the lab's authority issued it.
    """
    home = secrets / request.host
    issuer = authority.issuing.leaf
    if (home / "tls.key").exists() and Secrets(secrets).sealed(request.host, "tls.key"):
        serves = _in_force(home / "tls.pem", issuer) is not None
    else:
        kept = _kept(home, "tls", issuer)
        serves = kept is not None and _still_right(kept.leaf, authority, request)
    if not serves:
        _save(home, "tls", authority.issue(request))
    return not serves


def subjects(authority: Authority, request: CertificateRequest, secrets: Path) -> tuple[str, ...]:
    """What the white list writes of a host: the name asked for, and its live certificate's where that differs."""
    live = _in_force(secrets / request.host / "tls.pem", authority.issuing.leaf)
    names = [leaf_subject(request)] + ([live[0].subject] if live else [])
    return tuple(dict.fromkeys(name.rfc4514_string() for name in names))


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


def _still_right(leaf: x509.Certificate, authority: Authority, request: CertificateRequest) -> bool:
    return leaf.subject == leaf_subject(request) and leaf.serial_number not in authority.revoked.known


def _kept(home: Path, name: str, issuer: x509.Certificate) -> Issued | None:
    """What is there, when it is whole, in date and of this issuer."""
    chain = _in_force(home / f"{name}.pem", issuer)
    try:
        return Issued(load_key((home / f"{name}.key").read_bytes()), chain) if chain else None
    except (OSError, ValueError):
        return None


def _in_force(file: Path, issuer: x509.Certificate) -> tuple[x509.Certificate, ...] | None:
    """The chain in `file`, when its leaf is in date and of this issuer."""
    try:
        chain = tuple(x509.load_pem_x509_certificates(file.read_bytes()))
        chain[0].verify_directly_issued_by(issuer)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return None
    return chain if chain[0].not_valid_before_utc <= now() < chain[0].not_valid_after_utc else None
