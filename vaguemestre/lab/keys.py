"""SSH keys made from outside, the lab's own and each guest's host key: nothing is ever trusted at first sight."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def ensure_key(path: Path, comment: str) -> str:
    """The public line of the Ed25519 key in `path`, which is made (mode 0600) when it is missing."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        path.touch(mode=0o600)
        path.write_bytes(private)
        public.write_text(f"{line.decode()} {comment}\n")
    return public.read_text().strip()


def known_host(name: str, address: IPv4Address, public: str) -> str:
    """One line of known_hosts (sshd(8)) for a guest, by name and by address."""
    kind, key, *_ = public.split()
    return f"{name},{address} {kind} {key}\n"
