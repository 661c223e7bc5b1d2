"""The audit's peers as the world host needs them: their programs, and certificates as odd as the cases ask for.

Certificates are made once for each authority and month: a case whose certificate ended yesterday must not come to life.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vaguemestre.lab.case import Case, Host, Recipe
from vaguemestre.lab.cases import CASES
from vaguemestre.lab.guests import BirthFile
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import Listed, MailDomain, Peer, Plan
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.extensions import issuer_key, key_usage
from vaguemestre.pki.profiles import KEY_BITS, OTHER, USAGES, CertificateRequest, now

_WORLD = Path(__file__).parent / "world"
_PLAY = "/srv/peers"
_USAGES = {"both": USAGES, "client": (ExtendedKeyUsageOID.CLIENT_AUTH,), "server": (ExtendedKeyUsageOID.SERVER_AUTH,)}
_AGES = {"current": (0, 365), "past": (-400, -1), "future": (365, 730)}  # days from now


@dataclass(frozen=True)
class Provided:
    """Data for the world host, and the serial numbers that the national issuing authority has revoked."""

    files: tuple[BirthFile, ...]
    revoked: frozenset[int]

    @property
    def digest(self) -> str:
        """Changes when the files do."""
        return short_hash(*(f"{file.path} {file.content.hex()}" for file in self.files))


def program() -> tuple[BirthFile, ...]:
    """What the world host is born with: receivers as a service, the sender as a program."""
    unit = "/etc/systemd/system/peers.service"
    return (
        BirthFile("/opt/lab/peers.py", (_WORLD / "peers.py").read_bytes()),
        BirthFile("/opt/lab/send.py", (_WORLD / "send.py").read_bytes()),
        BirthFile(unit, (_WORLD / "peers.service").read_bytes()),
        BirthFile("/etc/systemd/system/multi-user.target.wants/peers.service", link=unit),
    )


def plan_of(cases: Sequence[Case]) -> tuple[tuple[Peer, ...], tuple[MailDomain, ...], tuple[Listed, ...]]:
    """What these cases add to a plan: hosts, mail domains, lines of the white list."""
    peers = tuple(Peer(host.name, host.part) for case in cases for host in case.hosts)
    domains = tuple(MailDomain(case.domain, tuple(host.name for host in case.hosts)) for case in cases)
    lines = tuple(Listed(line.domain, line.dn, f"Audit {case.slug}") for case in cases for line in case.listed)
    return peers, domains, lines


def provide(plan: Plan, authority: Authority, home: Path) -> Provided:
    """Certificates and the play for the plan's peers; what was made before, in the folder `home`, is used again."""
    known = {peer.name for peer in plan.peers}
    cases = [case for case in CASES if known.issuperset(host.name for host in case.hosts)]
    if not cases:
        return Provided((), frozenset())
    hosts = [host for case in cases for host in case.hosts]
    mark = short_hash(repr(hosts), str(authority.issuing.leaf.serial_number), f"{now():%Y-%m}")
    note = home / "mark"
    if not note.exists() or note.read_text() != mark:
        _make(hosts, authority, home)
        note.write_text(mark)
    pems = [home / name for host in hosts for name in _pems(host)]
    files = [BirthFile(f"{_PLAY}/{path.name}", path.read_bytes(), 0o600) for path in pems]
    files.append(BirthFile(f"{_PLAY}/root.pem", authority.root.leaf.public_bytes(Encoding.PEM)))
    files.append(BirthFile(f"{_PLAY}/play.json", json.dumps(_play(plan, cases), indent=1).encode()))
    revoked = {_serial(home / _pems(host)[0]) for host in hosts if host.certificate.revoked}
    return Provided(tuple(files), frozenset(revoked))


def _play(plan: Plan, cases: Sequence[Case]) -> dict[str, list[dict[str, Any]]]:
    hosts = [
        {"name": host.name, "address": str(plan.at(host.part)), "manner": host.manner, "pem": f"{host.name}.pem"}
        for case in cases
        for host in case.hosts
    ]
    senders = [
        {
            "slug": case.slug,
            "domain": case.domain,
            "host": case.hosts[0].name,
            "address": str(plan.at(case.hosts[0].part)),
            "pem": f"{case.hosts[0].name}.pem",
            "session": case.session,
            "transactions": [asdict(one) for one in case.transactions],
        }
        for case in cases
        if case.inbound
    ]
    return {"hosts": hosts, "cases": senders}


def _make(hosts: Sequence[Host], authority: Authority, home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)  # one for all: only certificates differ
    issuers = {
        "national": authority,
        "other": Authority.create(OTHER),
        "forged": Authority.create(authority.profile),
        "sub": _sibling(authority),
    }
    issuers["sub-sent"] = issuers["sub"]
    for host in hosts:
        for name in _pems(host):
            (home / name).touch(mode=0o600)
            (home / name).write_bytes(_pem(host, issuers.get(host.certificate.issuer), key))


def _pems(host: Host) -> tuple[str, ...]:
    """The files with its certificates: the one it has and, where it was renewed, the one before."""
    return (f"{host.name}.pem", *((f"{host.name}.before.pem",) if host.manner == "renewed" else ()))


def _pem(host: Host, issuer: Authority | None, key: rsa.RSAPrivateKey) -> bytes:
    """Key and chain as OpenSSL loads them; without an issuer the certificate is its own."""
    recipe = host.certificate
    first, last = (now() + timedelta(days=days) for days in _AGES[recipe.dates])
    if issuer is None:
        return _self_signed(host, key)
    issued = issuer.issue(
        CertificateRequest(host.name, recipe.organisation, recipe.department, recipe.structure),
        not_before=first - timedelta(hours=1),
        not_after=last,
        usages=_USAGES[recipe.usage],
        subject=_subject(recipe),
        names=[host.name],
        key=key,
    )
    sent = issued.chain[:1] if recipe.leaf_only else issued.chain
    return issued.key_pem() + b"".join(one.public_bytes(Encoding.PEM) for one in sent)


def _subject(recipe: Recipe) -> x509.Name:
    """In DER order; with nothing forbidden, for some cases need what no request would be granted."""
    parts = (
        (NameOID.COUNTRY_NAME, "FR"),
        (NameOID.STATE_OR_PROVINCE_NAME, recipe.department),
        (NameOID.ORGANIZATION_NAME, recipe.organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, recipe.structure),
        (NameOID.COMMON_NAME, recipe.cn),
    )
    return x509.Name([x509.NameAttribute(kind, value, _validate=False) for kind, value in parts])


def _sibling(authority: Authority) -> Authority:
    """Another issuing authority below the same root."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    builder = _begun(authority.profile.name("TEST AC IGC-SANTE AUTRE GAMME"), authority.root.leaf.subject, key)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(issuer_key(authority.root.key), critical=False)
    )
    leaf = builder.sign(authority.root.key, hashes.SHA256())
    return Authority(authority.profile, authority.root, Issued(key, (leaf, authority.root.leaf)))


def _self_signed(host: Host, key: rsa.RSAPrivateKey) -> bytes:
    subject = _subject(host.certificate)
    builder = _begun(subject, subject, key).add_extension(x509.ExtendedKeyUsage(USAGES), critical=False)
    builder = builder.add_extension(key_usage(digital_signature=True, key_encipherment=True), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host.name)]), critical=False)
    issued = Issued(key, (builder.sign(key, hashes.SHA256()),))
    return issued.key_pem() + issued.chain_pem()


def _begun(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now() - timedelta(hours=1)).not_valid_after(now() + timedelta(days=365))


def _serial(path: Path) -> int:
    """Of the first certificate of a PEM file, the leaf."""
    pem = path.read_bytes()
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]).serial_number
