"""Whom a certificate is for: a host of an operator, or a program of an establishment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Host, RoleName
from vaguemestre.pki.profiles import CertificateRequest, leaf_subject
from vaguemestre.secrets import Secrets

_CLIENTS = "clients"  # beside the hosts' folders, whose names all have a dot
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class BearerError(VaguemestreError):
    """Nobody of this name may bear a certificate here."""

    exit_code = Exit.INVALID


class Kind(Enum):
    """What IGC-Santé calls the product: offer and usage."""

    SERVER = "SERV SSL"
    CLIENT = "ORG AUTH_CLI"

    @property
    def usages(self) -> tuple[x509.ObjectIdentifier, ...]:
        """What the certificate must be good for in TLS; a mail server also writes to others, as a client."""
        client = (ExtendedKeyUsageOID.CLIENT_AUTH,)
        return (ExtendedKeyUsageOID.SERVER_AUTH, *client) if self is Kind.SERVER else client


@dataclass(frozen=True)
class Bearer:
    """Who a certificate must name. `name` is the CN; `folder` is its place in the store of secrets."""

    kind: Kind
    name: str
    establishment: Establishment
    folder: str
    store: Secrets

    @property
    def words(self) -> str:
        """How the commands name it: what stands after ``vaguemestre pki request``."""
        if self.kind is Kind.SERVER:
            return self.name
        return f"--client {self.name} --establishment {self.establishment.slug}"

    def subject(self, unit: str | None = None) -> x509.Name:
        """The national subject, in DER order; `unit` is the OU, without it the establishment's usual one.

        Raises:
            ValueError: a part is longer than X.520 allows (64 characters for a CN).
        """
        one = self.establishment
        return leaf_subject(CertificateRequest(self.name, one.name, one.department, unit or one.structure_id))


def server(fleet: Fleet, name: str) -> Bearer:
    """The host of this name.

    Raises:
        BearerError: the inventory has no such host, or it bears no certificate.
    """
    hosts = {host.name: (one, host) for one, host in fleet.hosts()}
    if name not in hosts:
        near = get_close_matches(name, hosts, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"hosts: {', '.join(hosts) or 'none'}"
        raise BearerError(f"{name}: no host of {fleet.root} has this name\n    {hint}")
    one, host = hosts[name]
    if not host.has(RoleName.PKI):
        raise BearerError(f"{name}: this host bears no certificate\n    give it the role pki: roles: [base, pki, ...]")
    return _server(fleet, one, host)


def client(fleet: Fleet, name: str, slug: str) -> Bearer:
    """A program of an establishment, which proves itself with an organisation's certificate.

    Raises:
        BearerError: the name cannot be used, or there is no such establishment.
    """
    establishments = {one.slug: one for one in fleet.establishments}
    if slug not in establishments:
        known = ", ".join(establishments)
        raise BearerError(f"{slug or '(none)'}: no such establishment\n    --establishment is one of: {known}")
    if not _NAME.match(name):
        raise BearerError(f"{name!r} cannot name a program\n    use 1 to 64 letters, digits, dots, hyphens")
    return _client(fleet, establishments[slug], name)


def bearers(fleet: Fleet) -> Iterator[Bearer]:
    """Everybody in the inventory who bears a certificate or should: hosts, then the programs that have a folder."""
    yield from (_server(fleet, one, host) for one, host in fleet.hosts() if host.has(RoleName.PKI))
    for one in fleet.establishments:
        folder = _store(fleet, one).root / _CLIENTS / one.slug
        names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        yield from (_client(fleet, one, name) for name in names)


def _server(fleet: Fleet, one: Establishment, host: Host) -> Bearer:
    return Bearer(Kind.SERVER, host.name, one, host.name, _store(fleet, one))


def _client(fleet: Fleet, one: Establishment, name: str) -> Bearer:
    return Bearer(Kind.CLIENT, name, one, str(Path(_CLIENTS) / one.slug / name), _store(fleet, one))


def _store(fleet: Fleet, one: Establishment) -> Secrets:
    return Secrets(fleet.root / one.settings.secrets)
