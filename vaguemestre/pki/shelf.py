"""A bearer's place in the store of secrets: what is live, what comes next, what was before.

    tls.key             tls.pem             live: what hosts are sent
    tls.next.key        tls.next.pem        next: asked for (then also tls.next.csr), or here and not live yet
    tls.previous.key    tls.previous.pem    previous: what was live before the last switch
    tls.discarded.key                       the key of a request that was given up; its answer may still come

Keys that the kit writes are sealed. A switch keeps what is live until what follows is in place, and one that was cut
off is finished by the next command.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vaguemestre.pki.arrival import Chain, same_key
from vaguemestre.pki.bearer import Bearer
from vaguemestre.pki.faults import PkiError
from vaguemestre.pki.request import key_pem
from vaguemestre.secrets import seal


class Slot(Enum):
    """A place for one key and its certificate; the value is the beginning of the files' names."""

    LIVE = "tls"
    NEXT = "tls.next"
    PREVIOUS = "tls.previous"
    DISCARDED = "tls.discarded"

    @property
    def key(self) -> str:
        return f"{self.value}.key"

    @property
    def chain(self) -> str:
        return f"{self.value}.pem"

    @property
    def csr(self) -> str:
        return f"{self.value}.csr"


class Shelf:
    """What the store holds for one bearer. Every method may raise SecretsError."""

    def __init__(self, bearer: Bearer) -> None:
        self.bearer = bearer
        self.store = bearer.store
        self.folder = bearer.folder

    @property
    def place(self) -> str:
        return str(self.store.root / self.folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes this store meanwhile; a switch that was cut off is finished first.

        Raises:
            PkiError: another command is at work on it.
        """
        self.store.root.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.store.root.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.finish()
            yield
        except BlockingIOError as error:
            raise PkiError(f"{self.store.root}: another pki command is at work here\n    try again") from error
        finally:
            os.close(folder)

    def has(self, name: str) -> bool:
        return self.store.has(self.folder, name)

    def chain(self, slot: Slot) -> Chain | None:
        """The certificate there and its issuers, or None.

        Raises:
            PkiError: the file holds no certificates.
        """
        if not self.has(slot.chain):
            return None
        try:
            leaf, *issuers = x509.load_pem_x509_certificates(self.store.read(self.folder, slot.chain))
        except ValueError as error:
            raise PkiError(f"{self.place}/{slot.chain}: no certificate that can be read: {error}") from error
        return Chain(leaf, tuple(issuers))

    def key(self, slot: Slot) -> RSAPrivateKey | None:
        """The key there, unsealed, or None.

        Its primes are not proved again, which takes longer than all the rest: here keys are only compared by their
        public halves, and `credentials` proves the one that is deployed.
        """
        if not self.has(slot.key):
            return None
        content = self.store.read(self.folder, slot.key)
        try:
            key = load_pem_private_key(content, password=None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError) as error:
            raise PkiError(f"{self.place}/{slot.key}: no private key that can be read") from error
        if not isinstance(key, RSAPrivateKey):
            raise PkiError(f"{self.place}/{slot.key}: not an RSA key")
        return key

    def candidates(self) -> Iterator[tuple[Slot, RSAPrivateKey]]:
        """The keys that a certificate may have been asked for with."""
        for slot in (Slot.NEXT, Slot.DISCARDED, Slot.LIVE):
            if key := self.key(slot):
                yield slot, key

    def requested(self) -> x509.CertificateSigningRequest | None:
        """The request that waits for its certificate, or None."""
        if self.has(Slot.NEXT.chain) or not (self.has(Slot.NEXT.csr) and self.has(Slot.NEXT.key)):
            return None
        return x509.load_pem_x509_csr(self.store.read(self.folder, Slot.NEXT.csr))

    def sealed(self, slot: Slot) -> bool | None:
        """Whether the key there is sealed; None without one."""
        return self.store.sealed(self.folder, slot.key) if self.has(slot.key) else None

    def ask(self, key: RSAPrivateKey, csr: bytes) -> None:
        """Keep a new request in the place of any other: its key sealed, before anything that would tell of it."""
        content = seal(key_pem(key))
        self.clear_next()
        self.store.write(self.folder, Slot.NEXT.key, content)
        self.store.write(self.folder, Slot.NEXT.csr, csr)

    def put_next(self, key: RSAPrivateKey, chain: Chain) -> None:
        """Put key and certificate in the place for what comes next."""
        held = self.key(Slot.NEXT)
        if held is None or not same_key(held.public_key(), key.public_key()):
            content = seal(key_pem(key))
            self.clear_next()
            self.store.write(self.folder, Slot.NEXT.key, content)
        self.store.write(self.folder, Slot.NEXT.chain, chain.pem())

    def clear_next(self) -> None:
        """Give up what would come next; its key is kept aside, for a certificate that may still arrive."""
        for name in (Slot.NEXT.chain, Slot.NEXT.csr):
            self.store.remove(self.folder, name)
        if self.has(Slot.NEXT.key):
            self.store.move(self.folder, Slot.NEXT.key, Slot.DISCARDED.key)

    def switch(self) -> None:
        """Make the next key and certificate live, the live ones previous."""
        if self.has(Slot.NEXT.key):
            for old, kept in ((Slot.LIVE.key, Slot.PREVIOUS.key), (Slot.LIVE.chain, Slot.PREVIOUS.chain)):
                if self.has(old):
                    self.store.copy(self.folder, old, kept)
            self.store.move(self.folder, Slot.NEXT.key, Slot.LIVE.key)
        self.store.move(self.folder, Slot.NEXT.chain, Slot.LIVE.chain)
        for name in (Slot.NEXT.csr, Slot.DISCARDED.key):
            self.store.remove(self.folder, name)

    def finish(self) -> bool:
        """Bring a switch that was cut off between key and certificate to its end; whether there was one."""
        chain = None if self.has(Slot.NEXT.key) else self.chain(Slot.NEXT)
        live = self.key(Slot.LIVE) if chain else None
        if chain is None or live is None or not same_key(live.public_key(), chain.leaf.public_key()):
            return False
        self.switch()
        return True
