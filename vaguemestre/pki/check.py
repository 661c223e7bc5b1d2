"""What would a peer say of this host's certificate? Asked before it is deployed, with the peers' own judgement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vaguemestre.host.trust.authorities import AuthorityError, authorities
from vaguemestre.host.trust.certificate import Use, prove
from vaguemestre.host.trust.dn import DnError
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.revocation import RevocationList
from vaguemestre.host.trust.values import IssuerKey, Revocations, Standing
from vaguemestre.pki import conformity, credentials
from vaguemestre.pki.arrival import Chain
from vaguemestre.pki.bearer import Bearer
from vaguemestre.pki.faults import Fault
from vaguemestre.pki.listed import Held, missing
from vaguemestre.pki.shelf import Shelf, Slot

_USES = {Use.SERVER: "a peer that writes to it", Use.CLIENT: "a peer that it writes to"}


@dataclass(frozen=True)
class Learnt:
    """What was learnt of revocation: lists that were verified, answers for one serial each.

    An issuer that nothing is known of counts as good here, and stands in `notes`: this is advice before a deployment,
    the trust daemons themselves fail closed.
    """

    lists: tuple[RevocationList, ...] = ()
    answers: tuple[tuple[IssuerKey, int, Standing], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.lists or self.answers)

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        told = [one.standing(serial, now, timedelta(0)) for one in self.lists if one.issuer == issuer]
        told += [said for key, number, said in self.answers if (key, number) == (issuer, serial)]
        return Standing.REVOKED if Standing.REVOKED in told else Standing.GOOD


@dataclass(frozen=True)
class World:
    """What is known outside the store. None means that it was not looked at, which is said and is no fault.

    `mail_hosts` are the MX of each mail domain as the DNS has them.
    """

    anchors_pem: bytes
    domains: tuple[str, ...]
    now: datetime
    held: Held | None = None
    revocations: Learnt | None = None
    mail_hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def faults(bearer: Bearer, world: World) -> list[Fault]:
    """What peers would refuse about the live certificate of a host; empty when they accept it.

    Raises:
        PkiError, SecretsError: the store cannot be read.
    """
    shelf = Shelf(bearer)
    chain, key = shelf.chain(Slot.LIVE), shelf.key(Slot.LIVE)
    if chain is None or key is None:
        lacking = ", ".join(name for name in (Slot.LIVE.chain, Slot.LIVE.key) if not shelf.has(name))
        return [Fault(f"missing: {lacking}", f"vaguemestre pki request {bearer.words}")]
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found = credentials.faults(bearer.name, chain.pem(), plain, world.anchors_pem, world.now)
    found += [one for one in conformity.profile(bearer, chain.leaf) if one not in found]
    found += _refusals(chain, world)
    found += _unlisted(chain, world)
    return [*found, *_elsewhere(bearer.name, world.mail_hosts)]


def refusals(leaf: x509.Certificate, anchors_pem: bytes, revocations: Revocations, now: datetime) -> dict[Use, Reason]:
    """The reasons for which a peer's trust daemon would refuse this certificate, by what it is used for.

    Raises:
        AuthorityError: the anchors hold no issuing authority with its root.
    """
    der, held = leaf.public_bytes(Encoding.DER), authorities(anchors_pem)
    said = {use: prove(der, held, revocations, now, use) for use in Use}
    return {use: one for use, one in said.items() if isinstance(one, Reason)}


def _refusals(chain: Chain, world: World) -> Iterator[Fault]:
    try:
        said = refusals(chain.leaf, world.anchors_pem, world.revocations or Learnt(), world.now)
    except AuthorityError as error:
        yield Fault(f"nobody could be proven by the anchors: {error}", "see trust.anchors")
        return
    for use, reason in said.items():
        yield Fault(f"{_USES[use]} refuses it: {reason.en} [{reason.code}]", "docs/refusals.md explains the code")


def _unlisted(chain: Chain, world: World) -> Iterator[Fault]:
    if world.held is None:
        return
    try:
        lacking = missing(chain.leaf.subject, world.domains, world.held)
    except DnError:
        return  # the peers' judgement has said so
    for domain in lacking:
        yield Fault(
            f"the white list does not name its DN for {domain}: peers refuse mail of that domain",
            "ask the ANS for the entry: domain, description, DN, contacts",
        )


def _elsewhere(host: str, mail_hosts: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    for domain, names in mail_hosts.items():
        if host not in names:
            yield Fault(
                f"the MX of {domain} names {', '.join(names) or 'nobody'}, not {host}",
                "correct the DNS, or the host's name in the establishment's file",
            )


def problems(host: str, chain_pem: bytes, key_pem: bytes, anchors_pem: bytes | str, now: datetime) -> list[str]:
    """What is wrong at every deployment, offline and in a few milliseconds: `credentials.faults`, then the peers."""
    anchors = anchors_pem.encode() if isinstance(anchors_pem, str) else anchors_pem
    found = credentials.faults(host, chain_pem, key_pem, anchors, now)
    if not found:
        leaf = x509.load_pem_x509_certificate(chain_pem)
        found = list(_refusals(Chain(leaf, ()), World(anchors, (), now)))
    return [f"{host}: {one}" for one in found]
