"""What a lab must contain, as one value that can be compared, moved to another network and hashed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from vaguemestre.lab.errors import LabError
from vaguemestre.pki.authority import CertificateRequest

Debian = Literal["trixie", "bookworm"]
Image = Literal["bare", "warm"]

# Host parts the lab keeps for itself in its network, whatever that network is.
GATEWAY, WORLD, OUTSIDE = 1, 2, 3
PEER_PARTS = range(100, 200)
WORLD_NAME = "world.test"
OUTSIDE_DOMAIN = "outside.example"
LIST_HOST = f"espacedeconfiance.{WORLD_NAME}"
LIST_URL = f"https://{LIST_HOST}/listeblanchemssante.xml"
SIGNER = f"alb.{WORLD_NAME}"
DIRECTORY_HOST, FHIR_HOST = f"annuaire.{WORLD_NAME}", f"gateway.{WORLD_NAME}"
EXTRACTION_URL = (
    f"https://{DIRECTORY_HOST}/annuaire-sante-webservices/V300/services/extraction/Extraction_Correspondance_MSSante"
)
FHIR_URL = f"https://{FHIR_HOST}/fhir/v2"
FHIR_KEYS = {"lab-lecture": "read", "lab-operateur": "write"}
"""Keys of the lab's FHIR interface, and what each may."""
OPERATOR_KEY = "lab-operateur"

_INSTANCE = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_FQDN = re.compile(r"(?=.{1,64}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")


@dataclass(frozen=True)
class Guest:
    """One booted host. `warm` has the operator's packages downloaded, not installed; `bare` has sshd and no Python."""

    name: str
    address: IPv4Address
    debian: Debian = "trixie"
    image: Image = "warm"


@dataclass(frozen=True)
class MailDomain:
    """One mail domain and the hosts that serve it, best first: the source of MX and SRV records.

    `senders` are further hosts, which only send for it; the white list names their certificates too.
    """

    domain: str
    mx: tuple[str, ...]
    submission: tuple[str, ...] = ()
    imap: tuple[str, ...] = ()
    book: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peer:
    """A further mail host of the trust space, played by the world host on an address of its own.

    `part` is the host part of that address, one of PEER_PARTS.
    """

    name: str
    part: int


@dataclass(frozen=True)
class Listed:
    """A further entry of the lab's white list, its texts published exactly as they are here."""

    domain: str
    dn: str
    description: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything a lab must contain. Addresses are those of `network`; the lab may move them, host part kept.

    The white list names each domain with the certificates of its MX hosts and senders, as far as they are in
    `certificates`, and then what is `listed` besides. `part` names the establishments of a larger inventory that are in
    it; none: all of them.
    """

    name: str
    network: IPv4Network
    guests: tuple[Guest, ...]
    domains: tuple[MailDomain, ...] = ()
    certificates: tuple[CertificateRequest, ...] = ()
    packages: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    listed: tuple[Listed, ...] = ()
    part: tuple[str, ...] = ()

    def at(self, host_part: int) -> IPv4Address:
        """The address with this host part in the plan's network."""
        return self.network.network_address + host_part

    def moved(self, network: IPv4Network) -> Plan:
        """The same plan in another network of the same size."""
        if network == self.network:
            return self
        shift = int(network.network_address) - int(self.network.network_address)
        return replace(self, network=network, guests=tuple(replace(g, address=g.address + shift) for g in self.guests))

    def check(self) -> None:
        """Raise LabError, naming every fault, when this plan cannot be built."""
        faults = [*_name_faults(self), *_address_faults(self)]
        if faults:
            raise LabError(f"lab {self.name!r} cannot be built:\n  " + "\n  ".join(faults))


def check_instance(name: str) -> str:
    """`name` when it can name a lab; raises LabError otherwise."""
    if not _INSTANCE.match(name):
        raise LabError(
            f"{name!r} cannot name a lab: use 1 to 31 lower-case letters, digits and hyphens, a letter first"
        )
    return name


def _name_faults(plan: Plan) -> list[str]:
    names = [*(guest.name for guest in plan.guests), *(peer.name for peer in plan.peers)]
    odd = [f"host {name!r}: not a full host name of at most 64 characters" for name in names if not _FQDN.match(name)]
    twice = [f"host {name!r}: named twice" for name in sorted({n for n in names if names.count(n) > 1})]
    kept = [f"host {name!r}: this name belongs to the lab itself" for name in names if name == WORLD_NAME]
    return odd + twice + kept


def _address_faults(plan: Plan) -> list[str]:
    faults = [] if plan.network.prefixlen <= 28 else [f"network {plan.network}: too small, use a /24"]
    taken = {plan.at(GATEWAY): "gateway", plan.at(WORLD): "world", plan.at(OUTSIDE): "outside MTA"}
    for guest in plan.guests:
        if guest.address not in plan.network:
            faults.append(f"guest {guest.name}: {guest.address} is not in {plan.network}")
        elif guest.address in taken:
            faults.append(f"guest {guest.name}: {guest.address} is already the address of {taken[guest.address]}")
        taken[guest.address] = guest.name
    return faults + _peer_faults(plan, taken)


def _peer_faults(plan: Plan, taken: dict[IPv4Address, str]) -> list[str]:
    faults = []
    for peer in plan.peers:
        address = plan.at(peer.part)
        if peer.part not in PEER_PARTS:
            faults.append(f"peer {peer.name}: {peer.part} is not a place for peers, {PEER_PARTS.start} and above")
        elif address in taken:
            faults.append(f"peer {peer.name}: {address} is already the address of {taken[address]}")
        taken[address] = peer.name
    return faults
